from dataclasses import replace

from gateway.core.topology import places_of, siblings_of, topology_key
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Evse, EvseStatus, Place
from tests.unit.core.test_cdrs import CONNECTOR, EVSE, LOCATION


def test_a_plug_is_looked_up_without_regard_to_the_case_of_its_station() -> None:
    assert topology_key("CS1", 1, 2) == topology_key("Cs1", 1, 2)
    assert topology_key("CS1", 1, 2) == ConnectorKey(station_id="cs1", evse_no=1, connector_no=2)


def test_every_wired_plug_has_a_place() -> None:
    unwired = replace(CONNECTOR, id="2", key=None)
    evse = replace(EVSE, connectors=(CONNECTOR, unwired))
    location = replace(LOCATION, evses=(evse,))

    assert list(places_of(location)) == [
        (topology_key("CS1", 1, 1), Place(location=location, evse=evse, connector=CONNECTOR))
    ]


def test_what_is_removed_stands_nowhere_and_what_is_planned_does() -> None:
    removed, planned = (
        replace(LOCATION, evses=(replace(EVSE, override=word),)) for word in (EvseStatus.REMOVED, EvseStatus.PLANNED)
    )

    assert list(places_of(removed)) == []
    assert len(list(places_of(planned))) == 1


def uids_of_siblings(*evses: Evse) -> list[str]:
    return [evse.uid for evse in siblings_of(replace(LOCATION, evses=evses), evses[0])]


def plugged(uid: str, station_id: str, evse_no: int, **changes: str) -> Evse:
    key = ConnectorKey(station_id=station_id, evse_no=evse_no, connector_no=1)
    evse = replace(EVSE, uid=uid, connectors=(replace(CONNECTOR, key=key),))
    return replace(evse, **changes)  # type: ignore[arg-type]


def test_evses_are_one_where_the_operator_says_so() -> None:
    first, second = plugged("a", "CS1", 1, physical_evse="x"), plugged("b", "CS1", 2, physical_evse="x")
    third, unnamed = plugged("c", "CS1", 3, physical_evse="y"), plugged("d", "CS1", 4)

    assert uids_of_siblings(first, second, third, unnamed) == ["b"]
    assert uids_of_siblings(unnamed, first, replace(unnamed, uid="e", connectors=())) == []


def test_evses_are_one_where_their_plugs_belong_to_one_evse_of_the_station() -> None:
    first, same, other = plugged("a", "CS1", 1), plugged("b", "cs1", 1), plugged("c", "CS2", 1)

    assert uids_of_siblings(first, same, other) == ["b"]
    assert uids_of_siblings(first, replace(same, override=EvseStatus.REMOVED)) == []
