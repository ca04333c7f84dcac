"""The electrical side: EVSEs with a cable, a car and a meter; no protocol here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum, StrEnum

from .clock import seconds_of
from .errors import StepError

_WS_PER_WH = 3600


class Suspension(StrEnum):
    """Who holds the energy back."""

    EV = "SuspendedEV"
    EVSE = "SuspendedEVSE"


class ChargingState(StrEnum):
    """The state of a transaction, in the words of OCPP 2.0.1 (3.16 ChargingStateEnumType)."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class ConnectorState(StrEnum):
    """The state of a connector, in the words of OCPP 1.6 (7.7), which knows more of them than 2.0.1."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class StopCause(Enum):
    """Why a transaction ended; each protocol has its own words for it."""

    LOCAL = "local"
    REMOTE = "remote"
    EV_DISCONNECTED = "ev disconnected"
    DEAUTHORIZED = "deauthorized"
    EMERGENCY = "emergency stop"
    FAULT = "fault"
    POWER_LOSS = "power loss"
    REBOOT = "reboot"
    SOFT_RESET = "soft reset"
    HARD_RESET = "hard reset"
    UNLOCK = "unlock command"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """A driver's card; `kind` is an OCPP 2.0.1 IdTokenEnumType and unknown to 1.6."""

    uid: str
    kind: str = "ISO14443"

    def is_same(self, other: Token | None) -> bool:
        """Identifiers are case-insensitive in OCPP."""
        return other is not None and self.uid.lower() == other.uid.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """An EVSE is kept for a driver or his group until then; `no` is the central system's number of it."""

    no: int
    token: Token
    expires_at: datetime
    group: str | None = None

    def is_for(self, token: Token, group: str | None) -> bool:
        same_group = self.group is not None and group is not None and self.group.lower() == group.lower()
        return token.is_same(self.token) or same_group


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter shows at a moment."""

    at: datetime
    energy_wh: int
    power_w: Decimal


@dataclass(slots=True)
class Meter:
    """An energy register that integrates power over time, in whole watt-seconds inside."""

    register_ws: Decimal

    @classmethod
    def from_wh(cls, energy_wh: int) -> Meter:
        return cls(Decimal(energy_wh) * _WS_PER_WH)

    @property
    def energy_wh(self) -> int:
        """The register as displayed: whole Wh, half up."""
        return to_wh(self.register_ws)

    def run(self, power_w: Decimal, duration: timedelta) -> Decimal:
        """Add the energy of a power held for a time; returns it in Ws."""
        energy_ws = power_w * seconds_of(duration)
        self.register_ws += energy_ws
        return energy_ws

    def swap(self, energy_wh: int) -> None:
        """Another meter was built in, or this one forgot: the register shows something else."""
        self.register_ws = Decimal(energy_wh) * _WS_PER_WH


@dataclass(slots=True, kw_only=True, eq=False)
class Transaction:
    """One transaction as the charger lives it, kept after its end as a record for comparison.

    `energy_ws` is what really flowed, also when the register was swapped meanwhile.
    `transaction_id` is None in 1.6 until the central system gave one.
    """

    evse_no: int
    connector_no: int
    token: Token | None
    started_at: datetime
    meter_start_wh: int
    transaction_id: int | str | None = None
    remote_start_id: int | None = None
    reservation_no: int | None = None
    authorization: Authorization | None = None
    is_deauthorized: bool = False
    seq_no: int = 0
    has_told_evse: bool = False
    reported_state: ChargingState | None = None
    next_sample_at: datetime | None = None
    energy_ws: Decimal = Decimal(0)
    charging: timedelta = timedelta(0)
    parking: timedelta = timedelta(0)
    ended_at: datetime | None = None
    meter_stop_wh: int | None = None
    stop_cause: StopCause | None = None
    is_ghost: bool = False

    @property
    def energy_wh(self) -> int:
        """Energy that flowed, whole Wh, half up."""
        return to_wh(self.energy_ws)


@dataclass(slots=True, kw_only=True, eq=False)
class Evse:
    """A unit that serves one car at a time, with its connectors, cable and meter."""

    no: int
    meter: Meter
    connectors: int = 1
    plugged: int | None = None
    draw_w: Decimal = Decimal(0)
    limit_w: Decimal | None = None
    suspended: Suspension | None = None
    fault: str | None = None
    is_operative: bool = True
    becomes_operative: bool | None = None
    is_finishing: bool = False
    authorized: Authorized | None = None
    transaction: Transaction | None = None
    reservation: Reservation | None = None

    @property
    def charging_state(self) -> ChargingState:
        """The state of the transaction on this EVSE."""
        if self.plugged is None:
            return ChargingState.IDLE
        if self.transaction is None or self.transaction.token is None or self.transaction.is_deauthorized:
            return ChargingState.EV_CONNECTED
        if self.fault is not None or self.suspended is Suspension.EVSE or self.limit_w == 0:
            return ChargingState.SUSPENDED_EVSE
        if self.suspended is Suspension.EV:
            return ChargingState.SUSPENDED_EV
        return ChargingState.CHARGING

    @property
    def is_busy(self) -> bool:
        """Whether an authorised transaction runs here."""
        tx = self.transaction
        return tx is not None and tx.token is not None and not tx.is_deauthorized

    @property
    def power_w(self) -> Decimal:
        """What flows now."""
        if self.charging_state is not ChargingState.CHARGING:
            return Decimal(0)
        return self.draw_w if self.limit_w is None else min(self.draw_w, self.limit_w)

    def state_of(self, connector_no: int) -> ConnectorState:
        """The state of one connector; the others of a busy EVSE cannot be used meanwhile."""
        if self.fault is not None:
            return ConnectorState.FAULTED
        if not self.is_operative and self.transaction is None:
            return ConnectorState.UNAVAILABLE
        if self.reservation is not None and not self.is_busy:
            return ConnectorState.RESERVED  # also with a cable in it (OCPP 2.0.1 G01.FR.09)
        if self.plugged not in (None, connector_no):
            return ConnectorState.UNAVAILABLE
        if self.transaction is not None and self.charging_state in _STATES:
            return _STATES[self.charging_state]
        if self.is_finishing:
            return ConnectorState.FINISHING
        if self.plugged is not None or self.authorized is not None or self.transaction is not None:
            return ConnectorState.PREPARING
        return ConnectorState.AVAILABLE

    def may_use(self, token: Token, group: str | None = None) -> bool:
        """Whether nobody else has it reserved."""
        return self.reservation is None or self.reservation.is_for(token, group)

    def read(self, at: datetime) -> Reading:
        return Reading(at, self.meter.energy_wh, self.power_w)

    def run(self, duration: timedelta) -> None:
        """Let time pass: energy flows, and the transaction's times add up."""
        energy_ws = self.meter.run(self.power_w, duration)
        if self.transaction is not None:
            self.transaction.energy_ws += energy_ws
            if self.charging_state is ChargingState.CHARGING:
                self.transaction.charging += duration
            else:
                self.transaction.parking += duration


@dataclass(frozen=True, slots=True)
class Authorized:
    """A token that may start a transaction here."""

    token: Token
    authorization: Authorization
    remote_start_id: int | None = None


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the central system said of a token."""

    status: str
    group: str | None = None

    @property
    def is_accepted(self) -> bool:
        return self.status == "Accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a station says of itself in BootNotification."""

    vendor: str = "Simulated"
    model: str = "Bench Charger"
    serial_number: str = "SIM-0001"
    firmware_version: str = "1.0.0"


@dataclass(slots=True)
class Station:
    """A charger: its nameplate and its EVSEs, numbered from 1."""

    identity: Identity
    evses: list[Evse]

    def evse(self, evse_no: int) -> Evse:
        if not 1 <= evse_no <= len(self.evses):
            raise StepError(f"there is no EVSE {evse_no}: this charger has EVSE 1 to {len(self.evses)}")
        return self.evses[evse_no - 1]

    def run(self, duration: timedelta) -> None:
        for evse in self.evses:
            evse.run(duration)


_STATES = {
    ChargingState.CHARGING: ConnectorState.CHARGING,
    ChargingState.SUSPENDED_EV: ConnectorState.SUSPENDED_EV,
    ChargingState.SUSPENDED_EVSE: ConnectorState.SUSPENDED_EVSE,
}


def to_wh(energy_ws: Decimal) -> int:
    """Watt-seconds as whole Wh, half up."""
    return int((energy_ws / _WS_PER_WH).quantize(Decimal(1), ROUND_HALF_UP))
