"""What a handler of a station's call is given, and what it drives."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol
from zlib import crc32

import orjson

from gateway.domain.events import (
    AuthorizeAsked,
    BootAnswer,
    BootReported,
    ChargingNeedsReported,
    ChargingPlanReported,
    MessageQuarantined,
    NoticeKind,
    NoticeReported,
    Receipt,
    ReservationEnded,
    StatusReported,
    TransactionAnswer,
    TransactionReported,
)
from gateway.domain.quick import quick
from gateway.domain.stations import Admission, Deviation
from gateway.domain.tokens import Authorization


class Stories(Protocol):
    """What is done with a station's news.  All raise StoreDownError if it could not be made durable."""

    def on_connected(self, station_id: str) -> None: ...
    def on_disconnected(self, station_id: str) -> None: ...
    def admission_of(self, station_id: str) -> Admission: ...

    async def on_boot(self, event: BootReported) -> BootAnswer: ...
    async def on_status(self, event: StatusReported) -> None: ...
    async def on_authorize(self, event: AuthorizeAsked) -> Authorization: ...
    def on_transaction(self, event: TransactionReported) -> Awaitable[TransactionAnswer]: ...
    def begin_transaction(
        self, event: TransactionReported, then: Callable[[TransactionAnswer | Exception], None]
    ) -> bool:
        """As `on_transaction`, where one commit is all that it takes, as for almost every message; else False, and
        nothing is done.  `then` gets the answer when it may be given, or why there is none."""

    async def on_notice(self, event: NoticeReported) -> None: ...
    async def on_reservation_ended(self, event: ReservationEnded) -> None: ...

    async def on_limits_changed(self, notice: NoticeReported, evse_no: int | None) -> None:
        """A charging limit from elsewhere was set or lifted, on an EVSE or (None) the whole station."""

    async def on_charging_needs(self, event: ChargingNeedsReported) -> bool:
        """A car says what it needs; True: a profile for it follows."""

    async def on_charging_plan(self, event: ChargingPlanReported) -> bool:
        """A car says how it will charge; False: it must not."""

    async def on_quarantined(self, event: MessageQuarantined) -> str | None:
        """Keep the raw frame; the transaction id to answer an OCPP 1.6 start with (None: it cannot be answered)."""

    async def on_deviation(self, deviation: Deviation) -> None: ...
    async def on_meter_keys(self, station_id: str, keys: Mapping[int, str]) -> None:
        """The public keys of the station's meters by EVSE, as it tells them."""


@dataclass(slots=True)
class Seat:
    """A station on one connection, and what is remembered of it for so long.

    `solicited` names the messages that the gateway asked for before the station was accepted; `reports` holds
    unfinished reports by requestId.
    """

    station_id: str
    has_status: bool = False
    solicited: set[str] | None = None
    reports: dict[int, list[dict[str, Any]]] | None = None


class Message:
    """A station's call on its way to a handler; the payload of a report may be typed (`gateway.ocpp.typed`)."""

    __slots__ = ("action", "id", "payload", "received_at", "seat", "text")

    def __init__(
        self,
        seat: Seat,
        received_at: datetime,
        message_id: str,
        action: str,
        payload: Any,
        text: str,
    ) -> None:
        self.seat = seat
        self.received_at = received_at
        self.id = message_id
        self.action = action
        self.payload = payload
        self.text = text

    def receipt(self) -> Receipt:
        """How it came in."""
        return make_receipt(self.seat.station_id, self.received_at, self.id, self.action, self.text)

    def numbered_receipt(self) -> Receipt:
        """The same of a message that is known again by its number (OCPP 2.x seqNo): it needs no digest."""
        return self._receipt_with("")

    def dated_receipt(self, at_raw: str) -> Receipt:
        """The same of readings, which are known again by the device's time: a checksum is enough to tell apart what was
        told of one moment, and costs a fifth of a digest."""
        return self._receipt_with(f"{at_raw}:{crc32(_told(self.id, self.action, self.text)):08x}")

    def _receipt_with(self, digest: str) -> Receipt:
        return _new_receipt(
            station_id=self.seat.station_id,
            received_at=self.received_at,
            message_id=self.id,
            action=self.action,
            digest=digest,
        )

    def notice(self, kind: NoticeKind, summary: str, at: datetime | None = None, body: Any = None) -> NoticeReported:
        """The message as news for the operator; without `body` the payload itself is its body."""
        return NoticeReported(
            receipt=self.receipt(),
            kind=kind,
            summary=summary[:200],
            at=at or self.received_at,
            body=orjson.dumps(self.payload if body is None else body).decode(),
        )


_new_receipt = quick(Receipt)


def make_receipt(station_id: str, received_at: datetime, message_id: str, action: str, text: str) -> Receipt:
    """A receipt whose digest covers action and payload as written, whatever the message id."""
    digest = blake2b(_told(message_id, action, text), digest_size=16).hexdigest()
    return _new_receipt(
        station_id=station_id, received_at=received_at, message_id=message_id, action=action, digest=digest
    )


def _told(message_id: str, action: str, text: str) -> bytes:
    """Action and payload as written."""
    start = text.find(f'"{action}"', text.find(message_id) + len(message_id))
    return text[start:].encode("utf-8", "replace")


Handler = Callable[[Message, Stories], Awaitable[dict[str, Any] | None]]
"""Serves one action; returns the payload of the answer, None for the empty one.  Raises WireError, StoreDownError."""


Render = Callable[[TransactionAnswer], dict[str, Any] | None]
"""The payload of the answer to a report, None for the empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An action that reports of a transaction, in its two halves; `parse` raises WireError."""

    parse: Callable[[Message], TransactionReported]
    render: Render

    async def serve(self, message: Message, stories: Stories) -> dict[str, Any] | None:
        """The whole, as a Handler."""
        return self.render(await stories.on_transaction(self.parse(message)))
