"""Sites, EVSEs and plugs, in the nouns of OCPI 2.3.0.

What drives behaviour is typed; the descriptive rest of an object (opening times, images, facilities, directions …)
is kept whole as JSON text in `extra`, in the 2.3.0 shape, and rendered from there.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.ids import ConnectorKey, PartyId


class EvseStatus(StrEnum):
    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One plug; `key` says which plug of which station it is (None: not wired to a station yet)."""

    id: str
    standard: str
    format: str
    power_type: str
    max_voltage: int
    max_amperage: int
    last_updated: datetime
    key: ConnectorKey | None = None
    max_electric_power: int | None = None
    tariff_ids: tuple[str, ...] = ()
    terms_and_conditions: str | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evse:
    """A unit for one EV.  `override` is the operator's word (PLANNED, INOPERATIVE, REMOVED) and beats the station's.

    `home_charging_compensation`: a driver's home charger, and the energy is to be paid to him (OCPI 2.2.1 mod_cdrs
    10.3.1).  `physical_evse`: EVSEs of a location that share it are one in truth and charge one car at a time.  Both
    are the operator's own keys: bills tell the first, locations neither.
    """

    uid: str
    status: EvseStatus
    connectors: tuple[Connector, ...]
    last_updated: datetime
    evse_id: str | None = None
    override: EvseStatus | None = None
    capabilities: tuple[str, ...] = ()
    physical_reference: str | None = None
    floor_level: str | None = None
    coordinates: tuple[str, str] | None = None
    home_charging_compensation: bool = False
    physical_evse: str | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A site of one of our parties.  `last_updated` is never older than that of its EVSEs and connectors.

    `coordinates` are (latitude, longitude) as decimal texts; `created_no` orders the list for partners.
    `was_published`: every partner has been able to see it, so one that may not any more sees it removed.
    """

    id: str
    party: PartyId
    publish: bool
    address: str
    city: str
    country: str
    coordinates: tuple[str, str]
    time_zone: str
    evses: tuple[Evse, ...]
    last_updated: datetime
    created_no: int = 0
    name: str | None = None
    postal_code: str | None = None
    state: str | None = None
    parking_type: str | None = None
    deleted: bool = False
    was_published: bool = False
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a plug stands: what a session copies at its start, so that a later change of the site alters no bill."""

    location: Location
    evse: Evse
    connector: Connector

    @property
    def shares_evse(self) -> bool:
        """Has the station other plugs at the same EVSE?  Then who has the EVSE reserved may choose among them."""
        key = self.connector.key
        if key is None:
            return False
        keys = [plug.key for plug in self.evse.connectors if plug.key is not None]
        return sum((other.station_id, other.evse_no) == (key.station_id, key.evse_no) for other in keys) > 1
