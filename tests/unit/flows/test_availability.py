import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import EvseStatus, Location
from gateway.domain.stations import Admission, ConnectorState, Station
from gateway.errors import StoreDownError
from gateway.ports import SaveLocation, SaveStation
from tests.unit.flows.stage import OFFLINE_GRACE_S, RESTART_GRACE_S, Stage
from tests.unit.flows.words import NOON, STATION, at_station, make_evse, make_location, start, started, status, stop

AVAILABLE, CHARGING, UNKNOWN = EvseStatus.AVAILABLE, EvseStatus.CHARGING, EvseStatus.UNKNOWN


async def lose(stage: Stage, station_id: str = STATION) -> None:
    """The station is connected, then away for longer than the grace time."""
    stage.events.on_connected(station_id)
    stage.events.on_disconnected(station_id)
    await stage.wait(OFFLINE_GRACE_S)


def now_of(stage: Stage) -> float:
    return (stage.clock.at - NOON) / timedelta(minutes=1)


# --- the station's words ---------------------------------------------------------------------------------------------


async def test_nothing_is_known_of_a_plug_before_its_station_spoke_of_it(stage: Stage) -> None:
    stage.events.on_connected(STATION)

    assert stage.status_of() is UNKNOWN


async def test_a_status_is_published_with_the_plugs_state_in_one_work(stage: Stage) -> None:
    stage.store.commits.clear()

    await stage.send(status(0, "Available"))

    assert stage.status_of() is AVAILABLE
    assert len(stage.store.commits) == 1
    stored = await stage.store.real.load_locations()
    assert stored[0].evses[0].status is AVAILABLE
    assert stored[0].last_updated == stored[0].evses[0].last_updated


async def test_an_unchanged_status_writes_nothing(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    stage.store.commits.clear()

    await stage.send_all(status(1, "Available"), at_station(status(2, "Available"), STATION.lower()))

    assert stage.store.commits == []


async def test_a_status_with_another_error_is_written_and_publishes_nothing(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    location = stage.memory.locations["L1"]

    await stage.send(status(1, "Available", info="fan is slow", error_code="OtherError"))

    key = ConnectorKey(station_id=STATION, evse_no=1, connector_no=1)
    known = stage.memory.find_status(key)
    assert known is not None
    assert known.info == "fan is slow"
    assert stage.memory.locations["L1"] is location


async def test_one_plug_says_nothing_of_another(stage: Stage) -> None:
    await stage.send_all(status(0, "Available"), status(0, "Faulted", plug=2))

    assert (stage.status_of(1), stage.status_of(2)) == (AVAILABLE, EvseStatus.OUTOFORDER)


async def test_the_busiest_plug_of_an_evse_is_its_status(stage: Stage) -> None:
    first = status(0, "Available", evse_no=3, connector_no=1)
    second = status(0, "Available", evse_no=3, connector_no=2)

    await stage.send(first)
    assert stage.status_of(3) is UNKNOWN, "nothing is known of the other plug"
    await stage.send(second)
    assert stage.status_of(3) is AVAILABLE
    await stage.send(status(1, "Charging", evse_no=3, connector_no=2))
    assert stage.status_of(3) is CHARGING


async def test_a_state_out_of_the_stations_queue_says_nothing_of_the_present(stage: Stage) -> None:
    await stage.send(status(30, "Available"))

    stage.clock.at += timedelta(minutes=10)
    await stage.send(status(20, "Faulted"))
    assert stage.status_of() is AVAILABLE

    await stage.send(status(41, "Charging"))
    assert stage.status_of() is CHARGING


async def test_two_states_that_changed_places_within_a_moment_are_taken_as_they_come(stage: Stage) -> None:
    await stage.send_all(status(30, "Preparing"), status(29.9, "Charging"))

    assert stage.status_of() is CHARGING


async def test_connector_zero_overlays_every_plug_and_its_available_only_lifts_that(stage: Stage) -> None:
    await stage.send_all(status(0, "Available"), status(0, "Faulted", plug=2))

    await stage.send(status(1, "Unavailable", plug=0))
    assert (stage.status_of(1), stage.status_of(2)) == (EvseStatus.INOPERATIVE, EvseStatus.INOPERATIVE)

    await stage.send(status(2, "Available", plug=0))
    assert (stage.status_of(1), stage.status_of(2)) == (AVAILABLE, EvseStatus.OUTOFORDER)


async def test_a_plug_that_stands_nowhere_is_known_and_published_nowhere(stage: Stage) -> None:
    await stage.send(status(0, "Available", plug=9))

    key = ConnectorKey(station_id=STATION, evse_no=9, connector_no=9)
    assert stage.memory.find_status(key) is not None


async def test_the_operators_word_beats_the_stations(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    evse = replace(make_evse(1), override=EvseStatus.PLANNED)

    assert stage.availability.published_status(make_location(evse), evse) is EvseStatus.PLANNED


async def test_what_was_removed_stays_removed_whatever_its_station_says(stage: Stage) -> None:
    removed = replace(make_evse(1), override=EvseStatus.REMOVED, status=EvseStatus.REMOVED)
    await stage.provide(SaveLocation(make_location(removed)))

    await stage.send_all(status(0, "Available"), status(1, "Charging"), start(2))
    await stage.boot()

    assert stage.status_of() is EvseStatus.REMOVED


async def test_closing_time_changes_no_status(stage: Stage) -> None:
    """Opening hours are told by themselves; INOPERATIVE is not for them."""
    hours = {
        "twentyfourseven": False,
        "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "09:00"}],
    }
    location = replace(make_location(make_evse(1)), extra=json.dumps({"opening_times": hours}))
    await stage.provide(SaveLocation(location))

    await stage.send(status(0, "Available"))
    await stage.wait(86_400)

    assert stage.status_of() is AVAILABLE


async def test_a_session_makes_a_taken_plug_charging_where_the_station_does_not_say_by_what(stage: Stage) -> None:
    await stage.send(status(0, "Preparing", occupied_by=None))

    await stage.send(started())
    assert stage.status_of() is CHARGING


# --- connections and grace times -------------------------------------------------------------------------------------


async def test_a_lost_connection_is_unknown_only_after_the_grace_time(stage: Stage) -> None:
    stage.events.on_connected(STATION)
    await stage.send(status(0, "Available"))
    stage.events.on_disconnected(STATION)

    await stage.wait(OFFLINE_GRACE_S - 1)
    assert stage.status_of() is AVAILABLE
    assert not stage.availability.is_gone(STATION)

    await stage.wait(1)
    assert stage.status_of() is UNKNOWN
    assert stage.availability.is_gone(STATION)


async def test_a_station_back_within_the_grace_time_was_never_away(stage: Stage) -> None:
    stage.events.on_connected(STATION)
    await stage.send(status(0, "Available"))
    stage.events.on_disconnected(STATION)
    stage.events.on_connected(STATION.lower())

    await stage.wait(10 * OFFLINE_GRACE_S)

    assert stage.status_of() is AVAILABLE


async def test_a_returned_station_is_unknown_until_it_speaks_of_its_plugs(stage: Stage) -> None:
    await stage.send_all(status(0, "Available"), status(0, "Charging", plug=2))
    await lose(stage)

    stage.events.on_connected(STATION)
    await stage.wait(OFFLINE_GRACE_S)
    assert (stage.status_of(1), stage.status_of(2)) == (UNKNOWN, UNKNOWN)

    await stage.send(status(now_of(stage), "Available"))  # nothing new, but it speaks
    assert (stage.status_of(1), stage.status_of(2)) == (AVAILABLE, CHARGING)


async def test_a_boot_makes_a_returned_stations_word_count_again(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    await lose(stage)
    stage.events.on_connected(STATION)

    await stage.boot()

    assert stage.status_of() is AVAILABLE


async def test_an_old_state_of_a_returned_station_is_no_word_of_the_present(stage: Stage) -> None:
    await stage.send(status(30, "Available"))
    await lose(stage)
    stage.events.on_connected(STATION)

    await stage.send(status(20, "Faulted"))
    assert stage.status_of() is UNKNOWN

    await stage.send(status(now_of(stage), "Available"))
    assert stage.status_of() is AVAILABLE


@pytest.mark.parametrize("boots", [False, True])
async def test_a_word_that_could_not_be_stored_counts_when_it_comes_again(stage: Stage, boots: bool) -> None:
    async def speak() -> None:
        await (stage.boot() if boots else stage.send(status(now_of(stage), "Available")))

    await stage.send(status(0, "Available"))
    await lose(stage)
    stage.events.on_connected(STATION)
    stage.store.is_down = True
    with pytest.raises(StoreDownError):
        await speak()
    assert stage.status_of() is UNKNOWN

    stage.store.is_down = False
    await speak()

    assert stage.status_of() is AVAILABLE


async def test_a_loss_that_could_not_be_stored_is_published_when_the_store_is_back(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    stage.store.is_down = True
    await lose(stage)
    assert stage.status_of() is AVAILABLE

    stage.store.is_down = False
    await stage.wait(5)

    assert stage.status_of() is UNKNOWN


async def test_a_restart_gives_every_station_a_longer_grace_time(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    await stage.reopen()

    await stage.wait(RESTART_GRACE_S - 1)
    assert stage.status_of() is AVAILABLE
    await stage.wait(1)
    assert stage.status_of() is UNKNOWN


async def test_a_station_that_returned_after_a_restart_is_left_alone(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    await stage.reopen()
    stage.events.on_connected(STATION)

    await stage.wait(RESTART_GRACE_S)

    assert stage.status_of() is AVAILABLE


async def test_a_station_given_up_before_a_restart_stays_unknown_until_it_speaks(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    await lose(stage)
    await stage.reopen()
    stage.events.on_connected(STATION)

    await stage.availability.refresh(STATION)
    assert stage.status_of() is UNKNOWN

    await stage.boot()
    assert stage.status_of() is AVAILABLE


async def test_what_a_lost_station_said_before_is_unknown_at_a_new_location_too(stage: Stage) -> None:
    await stage.send(status(0, "Available"))
    await lose(stage)

    evse = make_evse(1)
    assert stage.availability.published_status(make_location(evse, location_id="L2"), evse) is UNKNOWN


async def test_an_evse_with_plugs_of_two_stations_follows_both(stage: Stage) -> None:
    evse = make_evse(1)
    second = make_evse(1, "CS2").connectors[0]
    location: Location = make_location(replace(evse, connectors=(*evse.connectors, replace(second, id="2"))))
    await stage.provide(
        SaveStation(Station(id="CS2", admission=Admission.ACCEPTED, created_at=NOON)), SaveLocation(location)
    )

    await stage.send_all(status(0, "Available"), status(1, "Charging", station_id="CS2"))
    assert stage.status_of() is CHARGING
    await stage.send(status(2, "Available", station_id="CS2"))
    assert stage.status_of() is AVAILABLE


# --- several EVSEs that are one --------------------------------------------------------------------------------------


async def test_while_one_plug_of_a_physical_evse_is_taken_no_sibling_is_available(stage: Stage) -> None:
    twins = (replace(make_evse(1), physical_evse="left"), replace(make_evse(2), physical_evse="left"))
    await stage.provide(SaveLocation(make_location(*twins)))
    await stage.send_all(status(0, "Available"), status(0, "Available", plug=2))

    await stage.send(status(1, "Charging"))
    assert (stage.status_of(1), stage.status_of(2)) == (CHARGING, EvseStatus.INOPERATIVE)

    await stage.send(status(2, "Available"))
    assert (stage.status_of(1), stage.status_of(2)) == (AVAILABLE, AVAILABLE)


async def test_a_sibling_at_another_station_follows_too(stage: Stage) -> None:
    twins = (replace(make_evse(1), physical_evse="left"), replace(make_evse(1, "CS2"), physical_evse="left"))
    await stage.provide(
        SaveStation(Station(id="CS2", admission=Admission.ACCEPTED, created_at=NOON)),
        SaveLocation(make_location(*twins)),
    )
    await stage.send_all(status(0, "Available"), status(0, "Available", station_id="CS2"))

    await stage.send(status(1, "Charging"))

    statuses = {evse.uid: evse.status for evse in stage.memory.locations["L1"].evses}
    assert statuses == {"CS1-1": CHARGING, "CS2-1": EvseStatus.INOPERATIVE}


# --- how much is looked at -------------------------------------------------------------------------------------------


class Unlistable(dict[Any, Any]):
    """A table that is only ever asked for single rows."""

    def __iter__(self) -> Any:
        raise AssertionError("every plug of the fleet was looked at")

    items = values = keys = __iter__


async def test_a_status_looks_at_the_plugs_of_its_station_only(stage: Stage) -> None:
    await stage.send_all(status(0, "Available"), start())
    stage.memory.statuses = Unlistable(stage.memory.statuses)
    stage.memory.places = Unlistable(stage.memory.places)
    stage.memory.sessions = Unlistable(stage.memory.sessions)

    await stage.send_all(status(1, "Charging"), status(2, "SuspendedEV"), stop(3, 2000), status(4, "Available"))

    assert stage.status_of() is AVAILABLE
    assert stage.memory.connector_nos(STATION, 3) == [1, 2]
    assert stage.memory.open_sessions_of_station(STATION) == []


async def test_a_status_reads_nothing_from_the_store(stage: Stage) -> None:
    stage.store.reads.clear()

    await stage.send_all(status(0, "Available"), status(1, "Faulted"), status(2, "Unavailable", plug=0))

    assert stage.store.reads == []


async def test_states_survive_a_restart(stage: Stage) -> None:
    await stage.send(status(0, "Faulted", vendor_error="E7"))

    await stage.reopen()

    known = stage.memory.find_status(ConnectorKey(station_id="cs1", evse_no=1, connector_no=1))
    assert known is not None
    assert (known.state, known.vendor_error) == (ConnectorState.FAULTED, "E7")
    assert stage.status_of() is EvseStatus.OUTOFORDER
