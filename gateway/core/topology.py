"""Which plug of which station stands where."""

from collections.abc import Iterable, Sequence

from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.locations import EvseStatus, Location, Place
from gateway.domain.signatures import MeterKey


def topology_key(station_id: str, evse_no: int, connector_no: int) -> ConnectorKey:
    """The key under which a plug is looked up: stations differ in the case of their identity between boots."""
    return ConnectorKey(station_id=station_key(station_id), evse_no=evse_no, connector_no=connector_no)


def places_of(location: Location) -> Iterable[tuple[ConnectorKey, Place]]:
    """Every wired plug of a location with its place; what is REMOVED stands nowhere."""
    for evse in location.evses:
        if evse.override is EvseStatus.REMOVED:
            continue
        for connector in evse.connectors:
            if connector.key is not None:
                key = connector.key
                place = Place(location=location, evse=evse, connector=connector)
                yield topology_key(key.station_id, key.evse_no, key.connector_no), place


def keys_of_evse(keys: Sequence[MeterKey], evse_no: int) -> tuple[MeterKey, ...]:
    """The keys of an EVSE's meter, one per source; the key of the whole station stands for an EVSE without its own."""
    found = {key.source: key for key in keys if key.evse_no == 0}
    found |= {key.source: key for key in keys if key.evse_no == evse_no}
    return tuple(found.values())
