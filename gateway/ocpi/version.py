"""What an OCPI version must offer: a name and plain functions, domain to dict and JSON to domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.callbacks import CallbackKind
from gateway.domain.cdrs import Cdr, Totals
from gateway.domain.commands import Order
from gateway.domain.invoices import InvoiceRecord
from gateway.domain.locations import Connector, Evse, Location
from gateway.domain.partners import Endpoint
from gateway.domain.profiles import ActiveProfile, ChargingPreferences, ChargingProfile, ProfileResponse
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import LocationReferences, Token, TokenAnswer
from gateway.errors import CannotSayError
from gateway.flows.partner_api import Credentials
from gateway.flows.tokens import TokenKey, TokenPatch

Json = dict[str, Any]


def _cannot_say(record: InvoiceRecord) -> Json:
    raise CannotSayError(f"this version has no records of invoices; {record.id} is not told")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileWords:
    """Charging profiles in a version that has them."""

    parse_set: Callable[[Any], tuple[ChargingProfile, str]]
    """The body of a PUT: the profile and the `response_url`."""

    parse_query: Callable[[Mapping[str, str]], tuple[int, str]]
    """The query of a GET: the duration in seconds and the `response_url`."""

    parse_clear_query: Callable[[Mapping[str, str]], str]
    """The query of a DELETE: the `response_url`."""

    render_response: Callable[[ProfileResponse, int], Json]
    """What is answered at once, and within how many seconds the result comes."""

    render_result: Callable[[CallbackKind, str, ActiveProfile | None], Json]
    render_active: Callable[[ActiveProfile], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One OCPI version.

    `parse_*` take decoded JSON and raise WireError; `render_*` give what `wire.dump_json` renders, and raise
    CannotSayError where the version has no truthful words for the object.
    """

    number: str
    modules: tuple[tuple[str, str], ...]
    """The modules served, with our interface role (SENDER or RECEIVER)."""

    is_routed: bool = True
    """Requests and answers of functional modules name parties in headers; else a partner knows one party of ours."""

    raw_token: bool = False
    """Our credentials token is sent as it is, not in Base64."""

    whole_seconds: bool = False
    """Times have no fractions."""

    says_unpublished: bool = True
    """A location can be told with the wish that it be shown to nobody."""

    parse_endpoints: Callable[[Any], Sequence[Endpoint]]
    render_endpoint: Callable[[Endpoint], Json]
    parse_credentials: Callable[[Any], Credentials]
    render_credentials: Callable[[Credentials], Json]
    render_location: Callable[[Location], Json]
    render_evse: Callable[[Evse], Json]
    render_connector: Callable[[Connector], Json]
    render_session: Callable[[Session, Totals | None], Json]
    """The session and its totals so far, None where nothing can be said."""

    render_cdr: Callable[[Cdr], Json]
    render_tariff: Callable[[Tariff], Json]
    parse_token: Callable[[Any, TokenKey, str], Token]
    """Body, what its URL names, and the id of the partner that pushes it."""

    parse_token_patch: Callable[[Any], TokenPatch]
    render_token: Callable[[Token], Json]
    parse_authorization: Callable[[Any, str], TokenAnswer]
    """Data of an answer and the id of the partner that gave it."""

    render_location_references: Callable[[LocationReferences], Json]
    command_parsers: Mapping[CallbackKind, Callable[[Any, TokenKey, str], Order]]
    """By command: its body, the party that a token is of where it does not say so, and the partner's id."""

    render_command_response: Callable[[str, int, str | None], Json]
    """The word for it, the seconds within which a result is promised, and a reason."""

    render_command_result: Callable[[str, str | None], Json]
    """The word for what became of a command, and a reason."""

    render_token_type: Callable[[str], str]
    """The version's word for one of our token types."""

    render_invoice: Callable[[InvoiceRecord], Json] = _cannot_say

    profiles: ProfileWords | None = None
    """None: it has no charging profiles."""

    parse_preferences: Callable[[Any], ChargingPreferences] | None = None
    """None: drivers cannot tell their wishes in it."""


def load_profile_words(version: Version) -> ProfileWords:
    """Raises CannotSayError."""
    if version.profiles is None:
        raise CannotSayError(f"OCPI {version.number} has no charging profiles")
    return version.profiles
