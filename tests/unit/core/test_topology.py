from dataclasses import replace

from gateway.core.topology import places_of, topology_key
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import EvseStatus, Place
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
