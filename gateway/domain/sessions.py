"""A visit: what was reported of it, and the fold of those facts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Place
from gateway.domain.meters import Reading
from gateway.domain.money import ZERO
from gateway.domain.profiles import ChargingPreferences
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import AuthMethod, IdToken, Token


class SessionStatus(StrEnum):
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"


class ChargingState(StrEnum):
    """The words of OCPP 2.x; 1.6 statuses map onto them."""

    CHARGING = "CHARGING"
    EV_CONNECTED = "EV_CONNECTED"
    SUSPENDED_EV = "SUSPENDED_EV"
    SUSPENDED_EVSE = "SUSPENDED_EVSE"
    IDLE = "IDLE"


class FactKind(StrEnum):
    STARTED = "STARTED"
    UPDATED = "UPDATED"
    METERED = "METERED"
    STATE_CHANGED = "STATE_CHANGED"
    ENDED = "ENDED"
    ABANDONED = "ABANDONED"
    """Not reported by the station: the gateway gave up waiting for a stop."""
    RESERVED = "RESERVED"
    """The station accepted a reservation: from here on the plug was kept for its driver."""
    RESERVATION_ENDED = "RESERVATION_ENDED"
    """The reservation ended without a session; `stop_reason` is a `ReservationEnd`."""


class ReservationEnd(StrEnum):
    """How a reservation ended that was not used."""

    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"
    """By the driver's provider."""
    WITHDRAWN = "WITHDRAWN"
    """By us, or by the station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One accepted message about a session, as reported.

    `at` is the device's time unless it was implausible (then the time of receipt, and `flags` says so); `at_raw` is
    its own text, by which duplicates are found.  `key` is the same for the same message sent again.
    """

    kind: FactKind
    key: str
    at: datetime
    at_raw: str
    received_at: datetime
    message_id: str
    seq_no: int | None = None
    readings: Sequence[Reading] = ()
    charging_state: ChargingState | None = None
    id_token: IdToken | None = None
    trigger: str | None = None
    stop_reason: str | None = None
    offline: bool = False
    flags: tuple[str, ...] = ()


class Phase(StrEnum):
    """What the time of a period is billed as (OCPI TIME, PARKING_TIME or RESERVATION_TIME)."""

    CHARGING = "CHARGING"
    PARKING = "PARKING"
    RESERVATION = "RESERVATION"


# Python 3.11 takes as long to find a member in its enum as to call a function: those that every message asks for stand
# in its module, here and elsewhere.
_RESERVATION = Phase.RESERVATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of a session in one phase; it ends where the next one, or the session, does."""

    start_at: datetime
    phase: Phase
    energy_wh: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The last reading of one register, and the energy of the session as it was counted by then."""

    source: str
    wh: Decimal
    at: datetime
    energy_wh: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The fold of a session's facts.

    `register_wh` is the last energy register read, at `register_at`; `energy_wh` what was drawn so far over all
    segments
    (a register that falls opens a new one).  `last_at` is the latest fact.  `seq_*` count the numbered facts of OCPP
    2.x.

    `tracks` stand in the place of `register_wh` while another register than the total is read, the best first;
    `broken_off` is the reading before the register last fell or leapt, for it may come back.

    A visit that was reserved has a first period of phase RESERVATION, up to `started_at`; while it is no more than a
    reservation that is its only one, and `started_at` the moment from which the plug was kept.
    """

    started_at: datetime
    periods: tuple[Period, ...]
    last_at: datetime
    energy_wh: Decimal = ZERO
    register_wh: Decimal | None = None
    register_at: datetime | None = None
    start_register_wh: Decimal | None = None
    segments: int = 1
    charging_state: ChargingState | None = None
    has_started: bool = False
    ended_at: datetime | None = None
    stop_reason: str | None = None
    seq_min: int | None = None
    seq_max: int | None = None
    seq_count: int = 0
    fact_count: int = 0
    flags: frozenset[str] = frozenset()
    tracks: tuple[Track, ...] = ()
    broken_off: Track | None = None

    @property
    def has_gap(self) -> bool:
        """Numbered facts are missing between the first and the last (OCPP 2.0.1 E01.FR.07)."""
        if self.seq_min is None or self.seq_max is None:
            return False
        return not self.has_started or self.seq_count < self.seq_max - self.seq_min + 1

    @property
    def is_reservation(self) -> bool:
        """Was there no more than a reservation so far?"""
        return bool(self.periods) and self.periods[-1].phase is _RESERVATION

    @property
    def reserved_at(self) -> datetime | None:
        """From when on the plug was kept for the driver; None: nobody had reserved it."""
        if not self.periods or self.periods[0].phase is not Phase.RESERVATION:
            return None
        return self.periods[0].start_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed when a session began; copied then, and billed by.

    `round_to`: the decimals to which the party rounds the totals of its bills; None: as many as a CDR can tell.
    `parks_when_curtailed`: time in which the station gives no power is billed as parking, as the partner has it.
    `preferences` are the driver's wishes, as his provider last set them.
    """

    place: Place | None = None
    tariff: Tariff | None = None
    token: Token | None = None
    auth_method: AuthMethod = AuthMethod.WHITELIST
    authorization_reference: str | None = None
    round_to: int | None = None
    parks_when_curtailed: bool = False
    preferences: ChargingPreferences | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A visit of one EV at one plug.

    `transaction_id` is None while it awaits its transaction, ordered (PENDING) or reserved (RESERVATION) by a partner.
    `partner_id` is the eMSP whose token it is (None: local or refused token); `sealed_cdr_id` is set once the CDR is
    made; `seal_due_at` says when the session is looked at again; `hold` says in words why no CDR can be made yet,
    `waiver` why none is made at all.
    `created_no`, `last_fact_no` and `revision` are the store's.
    """

    id: str
    key: ConnectorKey
    transaction_id: str | None
    start_key: str
    status: SessionStatus
    ledger: Ledger
    terms: Terms = field(default_factory=Terms)
    id_token: IdToken | None = None
    partner_id: str | None = None
    remote_start_id: str | None = None
    seal_due_at: datetime | None = None
    sealed_cdr_id: str | None = None
    hold: str | None = None
    waiver: str | None = None
    created_no: int = 0
    last_fact_no: int = 0
    last_updated: datetime
    revision: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_forgotten(self) -> bool:
        """Was it billed so long ago that its messages, its driver and its terms are deleted?"""
        return self.sealed_cdr_id is not None and self.terms.place is None

    @property
    def is_awaited(self) -> bool:
        """Has its transaction not come yet?"""
        return self.transaction_id is None


OPEN = frozenset({SessionStatus.ACTIVE, SessionStatus.PENDING, SessionStatus.RESERVATION})
