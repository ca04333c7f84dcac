"""Which plug of which station stands where."""

from collections.abc import Iterable, Iterator, Sequence

from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.locations import Evse, EvseStatus, Location, Place
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


def siblings_of(location: Location, evse: Evse) -> Iterator[Evse]:
    """The other EVSEs of a location that are the same one in truth, so that one car keeps all of them.

    The operator says so where the station cannot: in OCPP 1.6 each connector looks like an EVSE.  In 2.x those are the
    same whose plugs the station counts to one EVSE.
    """
    units = _units_of(evse)
    for other in location.evses:
        if other.uid == evse.uid or other.override is EvseStatus.REMOVED:
            continue
        is_named = evse.physical_evse is not None and other.physical_evse == evse.physical_evse
        if is_named or not units.isdisjoint(_units_of(other)):
            yield other


def _units_of(evse: Evse) -> set[tuple[str, int]]:
    keys = (connector.key for connector in evse.connectors)
    return {(station_key(key.station_id), key.evse_no) for key in keys if key is not None}


def keys_of_evse(keys: Sequence[MeterKey], evse_no: int) -> tuple[MeterKey, ...]:
    """The keys of an EVSE's meter, one per source; the key of the whole station stands for an EVSE without its own."""
    found = {key.source: key for key in keys if key.evse_no == 0}
    found |= {key.source: key for key in keys if key.evse_no == evse_no}
    return tuple(found.values())
