from dataclasses import replace
from typing import Any

from gateway.core.sessions import fold_facts
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import EvseStatus
from gateway.domain.sessions import Session, SessionStatus
from gateway.domain.stations import Admission, ConnectorState, ConnectorStatus, Station
from gateway.flows.memory import Memory
from gateway.ports import (
    DeleteStation,
    DeleteTariff,
    SaveConnectorStatus,
    SaveEvseStatus,
    SaveLocation,
    SaveSession,
    SaveStation,
    SaveTariff,
)
from tests.unit.core.test_sessions import START, after
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import LOCATION, NOON, STATION, TARIFF, make_evse, make_location, start, status, stop

KEY = ConnectorKey(station_id=STATION, evse_no=1, connector_no=1)
SPELLED = replace(KEY, station_id="cs1")
SESSION = Session(
    id="S1",
    key=KEY,
    transaction_id="1",
    start_key="k1",
    status=SessionStatus.ACTIVE,
    ledger=fold_facts((START,)),
    last_updated=NOON,
)
STATUS = ConnectorStatus(key=KEY, state=ConnectorState.AVAILABLE, at=NOON, received_at=NOON)
ENDED = replace(SESSION.ledger, ended_at=after(1))


def other(number: int, **changes: Any) -> Session:
    return replace(SESSION, id=f"S{number}", transaction_id=str(number), start_key=f"k{number}", **changes)


def memory_of(*changes: Any) -> Memory:
    memory = Memory()
    memory.apply(changes)
    return memory


def is_empty_of_sessions(memory: Memory) -> bool:
    tables = (memory.sessions, memory._by_transaction, memory._by_start, memory._by_plug, memory._by_station)
    return not any(tables)


def test_a_session_is_found_by_all_that_stations_name_it_by() -> None:
    memory = memory_of(SaveSession(SESSION))

    assert memory.find_transaction("cs1", "1") == SESSION
    assert memory.find_start("k1") == SESSION
    assert memory.sessions_at(SPELLED) == [SESSION]
    assert memory.sessions_at_evse("cs1", 1) == [SESSION]
    assert memory.unsealed_sessions_of("cs1") == [SESSION]
    assert memory.has_open_session(SPELLED)
    assert memory.find_transaction("cs2", "1") is None
    assert memory.find_start("k2") is None


def test_a_sealed_session_leaves_no_trace() -> None:
    memory = memory_of(SaveSession(SESSION), SaveSession(replace(SESSION, sealed_cdr_id="C")))

    assert is_empty_of_sessions(memory)


def test_a_refused_session_is_kept_until_it_has_ended() -> None:
    refused = replace(SESSION, status=SessionStatus.INVALID)
    memory = memory_of(SaveSession(refused))
    assert memory.open_sessions_of_station(STATION) == [refused]

    memory.apply([SaveSession(replace(refused, ledger=ENDED))])

    assert is_empty_of_sessions(memory)


def test_an_ended_session_that_waits_for_its_bill_is_not_open() -> None:
    memory = memory_of(SaveSession(replace(SESSION, status=SessionStatus.COMPLETED, ledger=ENDED)))

    assert len(memory.unsealed_sessions_of(STATION)) == 1
    assert memory.open_sessions_of_station(STATION) == []
    assert not memory.has_open_session(KEY)


def test_the_sessions_at_a_plug_are_in_the_order_in_which_they_began() -> None:
    late = other(2, ledger=replace(SESSION.ledger, started_at=after(9)))
    memory = memory_of(SaveSession(late), SaveSession(SESSION))

    assert memory.sessions_at(KEY) == [SESSION, late]
    assert memory.sessions_at_evse(STATION, 1) == [SESSION, late]


def test_a_session_that_moves_is_found_at_its_new_plug_only() -> None:
    moved = replace(SESSION, key=replace(KEY, evse_no=2, connector_no=2))
    memory = memory_of(SaveSession(SESSION), SaveSession(moved))

    assert memory.sessions_at(KEY) == []
    assert memory.sessions_at(moved.key) == [moved]
    assert memory.find_transaction(STATION, "1") == moved

    memory.apply([SaveSession(replace(moved, sealed_cdr_id="C"))])
    assert is_empty_of_sessions(memory)


def test_who_keeps_the_agenda_is_told_of_each_new_time_once() -> None:
    told: list[Session] = []
    memory = Memory()
    memory.on_due = told.append
    due = replace(SESSION, status=SessionStatus.COMPLETED, ledger=ENDED, seal_due_at=after(2))

    memory.apply([SaveSession(SESSION), SaveSession(due), SaveSession(due)])
    sooner = replace(due, seal_due_at=after(1))
    memory.apply([SaveSession(sooner), SaveSession(replace(sooner, seal_due_at=None, hold="no tariff"))])

    assert told == [due, sooner]


def test_a_held_session_is_told_of_when_it_is_first_seen() -> None:
    told: list[Session] = []
    memory = Memory()
    memory.on_due = told.append
    held = replace(SESSION, status=SessionStatus.COMPLETED, ledger=ENDED, hold="no tariff")

    memory.apply([SaveSession(held), SaveSession(held)])

    assert told == [held]


def test_a_plug_is_found_where_its_location_puts_it() -> None:
    memory = memory_of(SaveLocation(LOCATION))

    place = memory.find_place(SPELLED)
    assert place is not None
    assert (place.location, place.evse, place.connector.id) == (LOCATION, LOCATION.evses[0], "1")
    assert memory.find_place(replace(KEY, connector_no=9)) is None


def test_a_plug_taken_out_of_its_location_stands_nowhere() -> None:
    memory = memory_of(SaveLocation(LOCATION), SaveLocation(make_location(make_evse(2))))

    assert memory.find_place(KEY) is None
    assert [evse.uid for _, evse in memory.evses_of_station("cs1")] == [f"{STATION}-2"]

    removed = replace(make_evse(2), override=EvseStatus.REMOVED)
    memory.apply([SaveLocation(make_location(removed))])
    assert memory.evses_of_station(STATION) == []
    assert memory._plugs == {}


def test_a_plug_that_moved_to_another_location_stands_there() -> None:
    there = make_location(make_evse(1), location_id="L2")
    memory = memory_of(SaveLocation(LOCATION), SaveLocation(make_location(make_evse(2))), SaveLocation(there))

    place = memory.find_place(KEY)
    assert place is not None
    assert place.location.id == "L2"
    assert {location.id for location, _ in memory.evses_of_station(STATION)} == {"L1", "L2"}


def test_the_plugs_of_an_evse_are_those_of_its_location_and_those_its_station_named() -> None:
    memory = memory_of(SaveLocation(LOCATION))
    for connector_no in (0, 4):
        memory.apply([SaveConnectorStatus(replace(STATUS, key=replace(KEY, evse_no=3, connector_no=connector_no)))])

    assert memory.connector_nos("cs1", 3) == [1, 2, 4]
    assert sorted(status.key.connector_no for status in memory.statuses_of("cs1")) == [0, 4]
    assert memory.connector_nos(STATION, 9) == []
    assert memory.connector_nos("CS9", 1) == []


def test_the_status_of_an_evse_changes_it_and_the_age_of_its_location() -> None:
    memory = memory_of(SaveLocation(LOCATION), SaveEvseStatus("L1", f"{STATION}-2", EvseStatus.CHARGING, after(1)))

    location = memory.locations["L1"]
    assert [evse.status for evse in location.evses] == [EvseStatus.UNKNOWN, EvseStatus.CHARGING, EvseStatus.UNKNOWN]
    assert location.last_updated == location.evses[1].last_updated == after(1)
    memory.apply([SaveEvseStatus("gone", "x", EvseStatus.CHARGING, after(1))])
    assert set(memory.locations) == {"L1"}


def test_a_deleted_station_is_forgotten_with_what_it_said() -> None:
    station = Station(id=STATION, admission=Admission.PENDING, created_at=NOON)
    memory = memory_of(SaveStation(station), SaveConnectorStatus(STATUS), SaveLocation(LOCATION))
    assert (memory.find_station("cs1"), memory.quarantined) == (station, {"cs1"})

    memory.apply([DeleteStation("Cs1")])

    assert (memory.find_station(STATION), memory.quarantined, memory.statuses) == (None, set(), {})
    assert memory.find_place(KEY) is not None
    assert memory.connector_nos(STATION, 3) == [1, 2]


def test_a_tariff_is_known_until_it_is_deleted() -> None:
    memory = memory_of(SaveTariff(TARIFF))
    assert memory.tariffs == {"T": TARIFF}

    memory.apply([DeleteTariff("T"), DeleteTariff("T")])
    assert memory.tariffs == {}


async def test_after_a_restart_memory_is_as_it_was(stage: Stage) -> None:
    await stage.send_all(status(0, "Charging"), start(), stop(20, 3000), start(30, 3000), start(31, plug=2))
    await stage.send(start(32, card="STRANGER", plug=3))  # refused, and charging all the same
    before = stage.memory

    await stage.reopen()

    after_restart = stage.memory
    tables = [name for name in vars(before) if name not in ("on_due", "_appliers")]
    assert {name: getattr(after_restart, name) for name in tables} == {name: getattr(before, name) for name in tables}
    assert len(before.sessions) == 4


async def test_sessions_that_are_loaded_share_the_tariff_they_have_in_common(stage: Stage) -> None:
    terms = replace(SESSION.terms, tariff=TARIFF)
    dearer = replace(TARIFF, currency="SEK")  # of the same name and age
    for number, tariff in enumerate((TARIFF, TARIFF, dearer), start=1):
        session = other(number, terms=replace(terms, tariff=tariff), last_updated=NOON)
        await stage.store.commit([SaveSession(session, fact=START)])
    memory = Memory()

    await memory.load(stage.store)

    first, second, third = (memory.sessions[f"S{number}"].terms.tariff for number in (1, 2, 3))
    assert first is second
    assert (first, third) == (TARIFF, dearer)
