"""Chargers and what is known of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.ids import ConnectorKey
from gateway.domain.signatures import MeterKey


class ConnectorState(StrEnum):
    """The neutral state of a plug: OCPP 2.x words, OCPP 1.6 detail split off into ChargingState."""

    AVAILABLE = "AVAILABLE"
    OCCUPIED = "OCCUPIED"
    RESERVED = "RESERVED"
    UNAVAILABLE = "UNAVAILABLE"
    FAULTED = "FAULTED"


class OccupiedBy(StrEnum):
    """Why a plug is occupied, where the station tells (1.6 does, 2.x tells by TransactionEvent)."""

    PREPARING = "PREPARING"
    CHARGING = "CHARGING"
    SUSPENDED_EV = "SUSPENDED_EV"
    SUSPENDED_EVSE = "SUSPENDED_EVSE"
    FINISHING = "FINISHING"


class Admission(StrEnum):
    """May this station take part?  PENDING is the quarantine of an unknown one."""

    ACCEPTED = "ACCEPTED"
    PENDING = "PENDING"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A charger.  `password_hash` is a keyed hash; `id` keeps its first spelling.

    `security_profile` is 0 (no password), 1 (password), 2 (password over TLS); `ocpp_version` pins a version,
    None: whatever is negotiated.  `meter_keys` are the public keys of its meters, at most one per EVSE and source.
    """

    id: str
    admission: Admission
    security_profile: int | None = None
    password_hash: str | None = None
    ocpp_version: str | None = None
    created_at: datetime
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    last_boot_at: datetime | None = None
    last_boot_reason: str | None = None
    boot_version: str | None = None
    meter_keys: tuple[MeterKey, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStatus:
    """The last word of a station about one plug; `connector_no` 0 speaks of its EVSE, `evse_no` 0 of the station."""

    key: ConnectorKey
    state: ConnectorState
    at: datetime
    received_at: datetime
    occupied_by: OccupiedBy | None = None
    error_code: str | None = None
    info: str | None = None
    vendor_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A fault in a station's messages that was put up with; `count` since `first_at`."""

    station_id: str
    action: str
    path: str
    problem: str
    example: str
    first_at: datetime
    last_at: datetime
    count: int = 1
