"""What is to be told to partners, and what they answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.domain.ids import PartyId


class DeliveryKind(StrEnum):
    """What a delivery tells; `EVSE_STATUS` is the status of an EVSE alone."""

    LOCATION = "LOCATION"
    EVSE = "EVSE"
    CONNECTOR = "CONNECTOR"
    EVSE_STATUS = "EVSE_STATUS"
    TARIFF = "TARIFF"
    SESSION = "SESSION"
    CDR = "CDR"
    RESULT = "RESULT"
    """Of what the partner asked for: see `domain.callbacks`."""
    PROFILE = "PROFILE"
    """The limits that hold for a session on which the partner has set a charging profile."""
    INVOICE = "INVOICE"


class DeliveryState(StrEnum):
    QUEUED = "QUEUED"
    SENDING = "SENDING"
    """A CDR or a result that was handed to the network: whether it arrived shows when it is sent again, with the same
    bytes."""
    REFUSED = "REFUSED"
    """The partner will not have it: it waits for the operator, and nothing waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The object of a delivery: ids, never its content.

    Deliveries of one partner with the same `lane` go one after the other: those of a session and its bills (`lane_id`
    is the session's id), those of a location and its parts, those of a tariff, those of an invoice; a result goes by
    itself.
    """

    kind: DeliveryKind
    lane_id: str
    object_id: str
    evse_uid: str = ""
    connector_id: str = ""

    @property
    def lane(self) -> str:
        return f"{LANES[self.kind]} {self.lane_id}"


def tariff_subject(party: PartyId, tariff_id: str) -> Subject:
    """A tariff; its lane names the party, for the tariff itself may be gone when that is to be told."""
    return Subject(kind=DeliveryKind.TARIFF, lane_id=f"{party}*{tariff_id}", object_id=tariff_id)


def party_in_lane(subject: Subject) -> PartyId:
    country_code, party_id, _ = subject.lane_id.split("*", 2)
    return PartyId(country_code=country_code, party_id=party_id)


def invoice_subject(party: PartyId, to: PartyId, record_id: str) -> Subject:
    """A record of an invoice; its lane names who bills whom, for the record itself may be gone when that is told."""
    return Subject(kind=DeliveryKind.INVOICE, lane_id=f"{party}*{to}*{record_id}", object_id=record_id)


def hands_in_lane(subject: Subject) -> tuple[PartyId, PartyId]:
    country_code, party_id, to_country, to_party, _ = subject.lane_id.split("*", 4)
    to = PartyId(country_code=to_country, party_id=to_party)
    return PartyId(country_code=country_code, party_id=party_id), to


def session_subject(session_id: str) -> Subject:
    return Subject(kind=DeliveryKind.SESSION, lane_id=session_id, object_id=session_id)


def bill_subject(session_id: str, cdr_id: str) -> Subject:
    """A bill goes behind its session, and behind the bills before it."""
    return Subject(kind=DeliveryKind.CDR, lane_id=session_id, object_id=cdr_id)


def result_subject(callback_id: str) -> Subject:
    return Subject(kind=DeliveryKind.RESULT, lane_id=callback_id, object_id=callback_id)


def profile_subject(session_id: str) -> Subject:
    """The charging profile of a session; it waits for no session and no bill."""
    return Subject(kind=DeliveryKind.PROFILE, lane_id=session_id, object_id=session_id)


def location_subject(location_id: str) -> Subject:
    return Subject(kind=DeliveryKind.LOCATION, lane_id=location_id, object_id=location_id)


PROFILES_MODULE = "chargingprofiles"

LANES = {
    DeliveryKind.LOCATION: "location",
    DeliveryKind.EVSE: "location",
    DeliveryKind.CONNECTOR: "location",
    DeliveryKind.EVSE_STATUS: "location",
    DeliveryKind.TARIFF: "tariff",
    DeliveryKind.SESSION: "session",
    DeliveryKind.CDR: "session",
    DeliveryKind.RESULT: "result",
    DeliveryKind.PROFILE: "profile",
    DeliveryKind.INVOICE: "invoice",
}

POSTED = frozenset({DeliveryKind.CDR, DeliveryKind.RESULT})
"""What is posted, never merges, and goes out with the same bytes each time."""

MODULES = {
    DeliveryKind.LOCATION: "locations",
    DeliveryKind.EVSE: "locations",
    DeliveryKind.CONNECTOR: "locations",
    DeliveryKind.EVSE_STATUS: "locations",
    DeliveryKind.TARIFF: "tariffs",
    DeliveryKind.SESSION: "sessions",
    DeliveryKind.CDR: "cdrs",
    DeliveryKind.RESULT: "commands",
    DeliveryKind.PROFILE: PROFILES_MODULE,
    DeliveryKind.INVOICE: "invoicereconciliation",
}
"""The module that a partner must have an interface of to be told (OCPI 2.2.1 version_information_endpoint 6.2.2)."""


def interface_of(module: str) -> str:
    """The role of the interface to which a module's objects are pushed: that of the receiver, but charging profiles
    come from the partner, and the one who sent them is told what became of them (OCPI 2.2.1 mod_charging_profiles)."""
    return "SENDER" if module == PROFILES_MODULE else "RECEIVER"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerAnswer:
    """What came back: the HTTP status and OCPI's own, its message, and where it says that the object is now.

    `http_status` 0: nothing came back, `message` says why.
    """

    at: datetime
    http_status: int
    status_code: int | None = None
    message: str | None = None
    location: str | None = None
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One object that a partner is still to be told of, as it is when it is told.

    A change while it waits raises `generation`; success settles only the generation that was sent.  `no` and
    `generation` are the store's.  `answer` is the partner's refusal.
    """

    partner_id: str
    subject: Subject
    due_at: datetime
    created_at: datetime
    state: DeliveryState = DeliveryState.QUEUED
    answer: PartnerAnswer | None = None
    no: int = 0
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrReceipt:
    """A partner took a CDR; `answer.location` is the URL under which it keeps it, if it said so."""

    cdr_id: str
    partner_id: str
    answer: PartnerAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request to a partner's receiver: what to do with the object of `owner` (None: no party's) behind these ids.

    `path` is below the module's endpoint; `to` is the party addressed; `body` is JSON, rendered or ready.  A result
    goes to the `url` that the partner gave, in the `version` in which it asked and under its `correlation_id`.
    """

    method: str
    module: str
    owner: PartyId | None
    to: PartyId | None
    path: tuple[str, ...] = ()
    body: dict[str, Any] | bytes | None = None
    url: str | None = None
    version: str | None = None
    correlation_id: str | None = None
