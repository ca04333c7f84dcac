"""What holds for every location, whoever changes it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from zoneinfo import available_timezones

from gateway.core.topology import topology_key
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.domain.tariffs import Tariff
from gateway.errors import ConflictError, WireError


def check_ids(location: Location) -> None:
    """Within a location uids, within an EVSE connector ids are unique."""
    uids: set[str] = set()
    for no, evse in enumerate(location.evses):
        if evse.uid.casefold() in uids:
            raise WireError(f"$.evses[{no}].uid", f"{evse.uid!r} is there twice")
        uids.add(evse.uid.casefold())
        ids: set[str] = set()
        for at, connector in enumerate(evse.connectors):
            if connector.id.casefold() in ids:
                raise WireError(f"$.evses[{no}].connectors[{at}].id", f"{connector.id!r} is there twice in its EVSE")
            ids.add(connector.id.casefold())


def check_time_zone(name: str) -> None:
    """Tariffs are in local time, so a wrong zone bills wrongly."""
    if name not in available_timezones():
        raise WireError(
            "$.time_zone", f'{name!r} is not a time zone of the IANA database; write for example "Europe/Oslo"'
        )


def check_spelling(what: str, given: str, known: Collection[str]) -> None:
    """Ids of OCPI are the same whatever their case (CiString)."""
    folded = given.casefold()
    for name in known:
        if name.casefold() == folded and name != given:
            raise ConflictError(f"{what} {given!r} differs from {name!r} only in case; use {name!r} or another id")


def keep_removed(known: Location, location: Location) -> Location:
    """`location` with the EVSEs of `known` that it leaves out, as REMOVED."""
    uids = {evse.uid.casefold() for evse in location.evses}
    gone = tuple(remove_evse(evse) for evse in known.evses if evse.uid.casefold() not in uids)
    return replace(location, evses=location.evses + gone, created_no=known.created_no)


def remove_evse(evse: Evse) -> Evse:
    return replace(evse, override=EvseStatus.REMOVED, status=EvseStatus.REMOVED)


def is_present(evse: Evse) -> bool:
    return evse.override is not EvseStatus.REMOVED


def present_connectors(location: Location) -> Iterator[tuple[Evse, Connector]]:
    """Every connector of an EVSE that is not removed."""
    return ((evse, connector) for evse in location.evses if is_present(evse) for connector in evse.connectors)


def tariff_ids_of(location: Location) -> set[str]:
    return {name for _, connector in present_connectors(location) for name in connector.tariff_ids}


def find_clash(tariffs: Sequence[Tariff]) -> tuple[str, str] | None:
    """Two tariffs of one type that hold at the same time (OCPI 2.3.0 8.3.3 tariff_ids): which would be billed?"""
    for one, other in combinations(tariffs, 2):
        starts_later = one.end_at is not None and other.start_at is not None and other.start_at >= one.end_at
        ended_before = other.end_at is not None and one.start_at is not None and one.start_at >= other.end_at
        if one.type == other.type and not starts_later and not ended_before:
            return one.id, other.id
    return None


def fold_key(key: ConnectorKey) -> ConnectorKey:
    return topology_key(key.station_id, key.evse_no, key.connector_no)


def fold_evse_id(evse_id: str) -> str:
    """eMI3 ids are the same with and without their separators."""
    return evse_id.replace("*", "").casefold()


def render_plug(key: ConnectorKey) -> str:
    return f"station {key.station_id!r} evse_no {key.evse_no} connector_no {key.connector_no}"
