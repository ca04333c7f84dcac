"""What makes a version of OCPP: plain data and functions, gathered once per version folder."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.domain.calls import IdTokenRules, StationCall
from gateway.ocpp.message import Handler, Report
from gateway.ocpp.rpc import WireRules
from gateway.ocpp.validation import Schemas
from gateway.ports import CallOutcome

ENERGY: Final = "Energy.Active.Import.Register"

Caller = Callable[[str, dict[str, Any]], Awaitable[CallOutcome]]
"""Calls the station at hand with an action and its payload."""

Rendered = tuple[str, dict[str, Any]]
"""A call to a station: action and payload."""

Renderer = Callable[[Any], Rendered]

Reader = Callable[[dict[str, Any]], dict[str, Any]]
"""The payload of a reply, and what of it goes into which fields of a CallReply."""

Recorder = Callable[[str, str], None]
"""Leaves a note for the technician: kind and text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metering:
    """What live sessions need of a station's meter while a transaction runs."""

    interval_s: int = 60
    measurands: tuple[str, ...] = (ENERGY,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of OCPP.

    `reports` are those of the `handlers` that stations send all day.  `station_actions` are sent by stations only.
    `transaction_actions` are never refused: what cannot be used is quarantined and answered by `render_quarantined`
    (action and transaction id in, payload out, None: no valid answer exists).  `start_stop_actions` are not sent to a
    station that is Pending.  `solicited_by` says which message a call asks for, so that it passes before the station is
    accepted.  `large_answers` are the calls that make a station send long messages.  `render_call` says what is wanted
    of a station, and raises CannotSayError where the version has no words for it; `readers`, by call, read what its
    reply alone says.
    """

    name: str
    subprotocol: str
    rules: WireRules
    schemas: Schemas
    handlers: Mapping[str, Handler]
    reports: Mapping[str, Report]
    station_actions: frozenset[str]
    transaction_actions: frozenset[str]
    start_stop_actions: frozenset[str]
    render_quarantined: Callable[[str, str | None], dict[str, Any] | None]
    solicited_by: Callable[[str, dict[str, Any]], str | None]
    large_answers: frozenset[str]
    trigger_boot: Rendered
    id_tokens: IdTokenRules
    render_call: Callable[[StationCall], Rendered]
    readers: Mapping[type, Reader]
    set_metering: Callable[[Caller, Metering, Recorder], Coroutine[Any, Any, None]]
    read_meter_keys: Callable[[Caller], Coroutine[Any, Any, Mapping[int, str]]]
    ask_statuses: Callable[[Caller], Coroutine[Any, Any, None]]
