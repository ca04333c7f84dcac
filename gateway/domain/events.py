"""What stations tell us, free of the OCPP version, and what they are told in return.

Every event of a station carries its `Receipt`.  Times named `at` are the device's own unless implausible (before
2020 or over
five minutes ahead of the receipt): then `at` is the receipt time, `flags` holds "time_replaced", and `at_raw` keeps
the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.meters import Reading
from gateway.domain.profiles import ChargingProfile
from gateway.domain.sessions import ChargingState, FactKind, ReservationEnd
from gateway.domain.stations import Admission, ConnectorState, OccupiedBy
from gateway.domain.tokens import Authorization, IdToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How a message came in.  `digest` is the same for the same action and payload sent again ("": a number tells); of
    readings it is the device's time and a checksum."""

    station_id: str
    received_at: datetime
    message_id: str
    action: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BootReported:
    receipt: Receipt
    version: str
    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BootAnswer:
    admission: Admission
    interval_s: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReported:
    """The state of a plug.  1.6: `evse_no` equals `connector_no`; 0 speaks of the whole station (or EVSE).

    `charging_state` is set where the message says something about the session as well (1.6 Charging, SuspendedEV …).
    """

    receipt: Receipt
    evse_no: int
    connector_no: int
    state: ConnectorState
    at: datetime
    at_raw: str
    occupied_by: OccupiedBy | None = None
    charging_state: ChargingState | None = None
    error_code: str | None = None
    info: str | None = None
    vendor_error: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReported:
    """1.6 StartTransaction, MeterValues, StopTransaction and 2.x TransactionEvent, MeterValues.

    `kind` is STARTED, UPDATED, METERED (readings only) or ENDED.  `transaction_id` is None in a 1.6 StartTransaction
    (the answer
    brings it) and in MeterValues outside a transaction; 1.6 ids are the decimal text.  `evse_no` may be missing
    after the
    first event.  1.6 meterStart and meterStop are readings with context Transaction.Begin and Transaction.End.
    """

    receipt: Receipt
    kind: FactKind
    transaction_id: str | None
    at: datetime
    at_raw: str
    evse_no: int | None = None
    connector_no: int | None = None
    id_token: IdToken | None = None
    readings: Sequence[Reading] = ()
    charging_state: ChargingState | None = None
    seq_no: int | None = None
    trigger: str | None = None
    stop_reason: str | None = None
    offline: bool = False
    remote_start_id: str | None = None
    reservation_id: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionAnswer:
    """`transaction_id` as the station is to use it (1.6: a positive int32 as decimal text).

    `authorization` is set where the message carried a token; `cost` is what the session costs so far, or in the end,
    with taxes, where it is time to tell it.
    """

    transaction_id: str | None
    authorization: Authorization | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationEnded:
    """The station keeps a plug no longer; `reservation_no` is the number that it was given.  EXPIRED or WITHDRAWN."""

    receipt: Receipt
    reservation_no: int
    ended: ReservationEnd


class NoticeKind(StrEnum):
    FIRMWARE = "FIRMWARE"
    DIAGNOSTICS = "DIAGNOSTICS"
    LOG = "LOG"
    SECURITY = "SECURITY"
    EVENT = "EVENT"
    DATA_TRANSFER = "DATA_TRANSFER"
    REPORT = "REPORT"
    SMART_CHARGING = "SMART_CHARGING"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeReported:
    """Something the operator may want to know and no session depends on.  `body` is the payload as JSON text."""

    receipt: Receipt
    kind: NoticeKind
    summary: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingNeedsReported:
    """What a car wishes to charge (OCPP 2.0.1 NotifyEVChargingNeeds); `max_periods`: as many it can take."""

    notice: NoticeReported
    evse_no: int
    max_periods: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPlanReported:
    """How a car will charge (OCPP 2.0.1 NotifyEVChargingSchedule)."""

    notice: NoticeReported
    evse_no: int
    plan: ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQuarantined:
    """A message that carries a fact and could not be used: its raw frame is kept and the station is answered."""

    receipt: Receipt
    reason: str
    frame: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeAsked:
    receipt: Receipt
    id_token: IdToken
    evse_no: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeAsked:
    """A station at the door.  `password` is what Basic authentication gave, None where it gave none.

    `user` None: no credentials at all.  `version` is the negotiated OCPP version ("" if none is mutual).
    """

    station_id: str
    path: str
    remote: str
    is_tls: bool
    offered: tuple[str, ...]
    user: str | None
    password: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """`station_id` is the canonical spelling; `ocpp_version` pins one (None: negotiate)."""

    station_id: str
    admission: Admission
    ocpp_version: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The HTTP status to answer before the upgrade, and the reason in words for the trace."""

    http_status: int
    reason: str


__all__ = [
    "Admitted",
    "Authorization",
    "AuthorizeAsked",
    "BootAnswer",
    "BootReported",
    "ChargingNeedsReported",
    "ChargingPlanReported",
    "HandshakeAsked",
    "MessageQuarantined",
    "NoticeKind",
    "NoticeReported",
    "Receipt",
    "Refused",
    "ReservationEnded",
    "StatusReported",
    "TransactionAnswer",
    "TransactionReported",
]
