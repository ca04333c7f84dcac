"""What a protocol version must be able to say for a charger; `v16` and `v201` are the two that can."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from .message import Answer, BootReply, Letter, Message, Payload
from .metering import Metering
from .signing import SigningMeter
from .station import Authorization, Evse, Identity, Reading, StopCause, Token, Transaction

if TYPE_CHECKING:
    from .remote import Remote


class BootReason(Enum):
    """Why the charger starts."""

    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    WATCHDOG = "Watchdog"
    TRIGGERED = "Triggered"


class Trigger(Enum):
    """What made a transaction's state worth telling; only 2.0.1 has words for it."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    REMOTE_START = "RemoteStart"


class StartPoint(Enum):
    """What must be given before a transaction starts (OCPP 2.0.1 E01, TxStartPoint)."""

    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    POWER_PATH_CLOSED = "PowerPathClosed"


class Settings(Protocol):
    """The part of a charger's configuration that steers its behaviour."""

    @property
    def sample_interval_s(self) -> int: ...
    @property
    def heartbeat_interval_s(self) -> int: ...
    @property
    def asks_before_remote_start(self) -> bool: ...
    @property
    def stops_on_invalid_token(self) -> bool: ...
    @property
    def starts_offline(self) -> bool: ...
    @property
    def start_point(self) -> StartPoint: ...
    @property
    def ends_when_unplugged(self) -> bool: ...
    @property
    def transaction_attempts(self) -> int: ...
    @property
    def retry_interval_s(self) -> int: ...

    def set_heartbeat_interval(self, interval_s: int) -> None: ...
    def tell_meter_key(self, evse_no: int, key: str) -> None: ...
    def on_reboot(self) -> None: ...


class Dialect(Protocol):
    """Renders what happens at the station into messages, and reads the answers."""

    @property
    def version(self) -> str: ...
    @property
    def subprotocol(self) -> str: ...
    @property
    def settings(self) -> Settings: ...

    metering: Metering
    is_terse: bool
    signing_meters: dict[int, SigningMeter]

    def boot(self, identity: Identity, reason: BootReason) -> Message: ...
    def heartbeat(self) -> Message: ...
    def station_status(self, at: datetime) -> Message | None: ...
    def status(self, evse: Evse, connector_no: int, at: datetime) -> Message: ...
    def authorize(self, token: Token) -> Message: ...
    def firmware_status(self, status: str) -> Message: ...
    def log_status(self, status: str) -> Message: ...
    def data_transfer(self, vendor_id: str, message_id: str | None, data: str | None) -> Message: ...
    def meter_values(self, evse: Evse, reading: Reading, context: str) -> Message: ...

    def open_transaction(self, evse: Evse, at: datetime) -> Transaction: ...
    def start(self, evse: Evse, tx: Transaction, reading: Reading) -> Letter: ...
    def update(self, evse: Evse, tx: Transaction, reading: Reading, trigger: Trigger) -> Letter | None: ...
    def deauthorize(self, evse: Evse, tx: Transaction, reading: Reading, token: Token | None) -> Letter | None: ...
    def sample(self, evse: Evse, tx: Transaction, reading: Reading, context: str) -> Letter: ...
    def stop(self, evse: Evse, tx: Transaction, reading: Reading, cause: StopCause, token: Token | None) -> Letter: ...

    def reservation_ended(self, no: int, why: str) -> Message | None: ...
    def mark_offline(self, message: Message) -> Message: ...
    def parse_boot(self, reply: Payload) -> BootReply: ...
    def parse_authorize(self, reply: Payload) -> Authorization: ...
    def is_known(self, action: str) -> bool: ...
    def answer(self, remote: Remote, action: str, payload: Payload) -> Answer | None: ...


def choose_dialect(version: str, *, evses: Sequence[Evse], identity: Identity, sample_interval_s: int) -> Dialect:
    """The dialect of an OCPP version, with its configuration in factory state."""
    from .v16 import Dialect16
    from .v201 import Dialect201

    if version == "1.6":
        return Dialect16(evses=evses, sample_interval_s=sample_interval_s)
    if version == "2.0.1":
        return Dialect201(evses=evses, identity=identity, sample_interval_s=sample_interval_s)
    raise ValueError(f"OCPP version {version!r} is not simulated: use '1.6' or '2.0.1'")
