"""What every store promises: writing."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from gateway.domain.locations import EvseStatus
from gateway.domain.sessions import Fact, Session
from gateway.errors import ConflictError, RevisionConflictError, StoreDownError, StoreFullError
from gateway.ports import (
    Change,
    DeleteStation,
    DeleteTariff,
    SaveCdr,
    SaveConnectorStatus,
    SaveEvseStatus,
    SaveLocation,
    SaveNotice,
    SavePartner,
    SaveSession,
    SaveStation,
    SaveTariff,
    SaveToken,
)
from gateway.store.sqlite import SqliteStore
from gateway.store.writer import Limits
from tests.contract.conftest import World
from tests.contract.samples import (
    CDR,
    FACT,
    LOCATION,
    MS,
    NOON,
    NOTICE,
    PARTNER_ROW,
    SESSION,
    STATION,
    STATUS,
    TARIFF,
    TOKEN,
    cdr_no,
    session_no,
    with_energy,
)


async def save_session(
    store: SqliteStore, session: Session, *, write_terms: bool = False, fact: Fact | None = None
) -> Session:
    (change,) = await store.commit([SaveSession(session, write_terms, fact)])
    assert isinstance(change, SaveSession)
    return change.session


# --- all or nothing -----------------------------------------------------------------------------------------------


async def test_a_work_with_a_bad_change_leaves_nothing_behind(store: SqliteStore) -> None:
    await store.commit([SaveStation(STATION)])

    with pytest.raises(ConflictError, match="CP-1"):
        await store.commit([SaveSession(SESSION, fact=FACT), SaveCdr(CDR), SaveStation(STATION)])

    assert await store.find_session("s-1") is None
    assert await store.load_facts("s-1") == []
    assert await store.find_cdr("c-1") is None


async def test_a_bad_work_fails_alone_among_those_committed_with_it(world: World) -> None:
    store = await world.open()
    await store.commit([SaveCdr(cdr_no(2))])
    world.published.clear()
    works: list[list[Change]] = [[SaveSession(session_no(n), fact=FACT), SaveCdr(cdr_no(n))] for n in range(1, 5)]

    results = await asyncio.gather(*(store.commit(work) for work in works), return_exceptions=True)

    assert [isinstance(result, ConflictError) for result in results] == [False, True, False, False]
    assert [await store.find_session(f"s-{n}") is not None for n in range(1, 5)] == [True, False, True, True]
    assert sum(len(batch) for batch in world.published) == 6


async def test_a_fact_of_who_has_not_seen_the_one_before_is_a_conflict(store: SqliteStore) -> None:
    session = await save_session(store, SESSION, fact=FACT)
    await save_session(store, session, fact=replace(FACT, key="f-2"))

    with pytest.raises(RevisionConflictError):
        await store.commit([SaveSession(session, fact=replace(FACT, key="f-2"))])

    assert [fact.key for fact in await store.load_facts("s-1")] == ["f-1", "f-2"]


@pytest.mark.parametrize("write_terms", [False, True])
async def test_a_ledger_that_is_given_takes_the_place_of_the_sessions(store: SqliteStore, *, write_terms: bool) -> None:
    ledger = replace(SESSION.ledger, energy_wh=Decimal(4711), fact_count=9)
    for session in (SESSION, await save_session(store, session_no(2))):
        (change,) = await store.commit([SaveSession(session, write_terms, FACT, ledger=ledger)])

        assert isinstance(change, SaveSession)
        assert (change.session.ledger, change.ledger) == (ledger, None)
        assert await store.find_session(session.id) == change.session


async def test_sessions_that_wait_are_written_among_those_that_run_and_may_run_again(store: SqliteStore) -> None:
    states: list[tuple[datetime | None, str | None]] = [(NOON, None), (None, "its plug stands nowhere"), (None, None)]
    saved = [await save_session(store, session_no(number)) for number in range(1, 61)]
    for turn in range(4):
        asked = [states[(n + turn) % 3] for n in range(60)]
        works = [
            [SaveSession(replace(session, seal_due_at=due_at, hold=hold), fact=replace(FACT, key=f"{n}-{turn}"))]
            for n, (session, (due_at, hold)) in enumerate(zip(saved, asked, strict=True))
        ]
        changes = await asyncio.gather(*(store.commit(work) for work in works))
        saved = [change.session for (change,) in changes if isinstance(change, SaveSession)]

        assert [(session.seal_due_at, session.hold) for session in saved] == asked
        assert [await store.find_session(session.id) for session in saved] == saved


async def test_each_session_has_its_own_facts_however_they_came(store: SqliteStore) -> None:
    saved = [await save_session(store, session_no(number)) for number in (1, 2)]
    for count in range(3):
        facts = [replace(FACT, key=f"{session.id}-{count}") for session in saved]
        works = [[SaveSession(session, fact=fact)] for session, fact in zip(saved, facts, strict=True)]
        changes = await asyncio.gather(*(store.commit(work) for work in works))
        saved = [change.session for (change,) in changes if isinstance(change, SaveSession)]

    for number in (1, 2):
        assert [fact.key for fact in await store.load_facts(f"s-{number}")] == [f"s-{number}-{n}" for n in range(3)]


async def test_each_message_of_a_crowd_is_stored_with_its_session(store: SqliteStore) -> None:
    saved = [await save_session(store, session_no(number)) for number in range(1, 61)]
    works = [
        [SaveSession(with_energy(session, 100 + n), fact=replace(FACT, key=f"f-{n}"))]
        for n, session in enumerate(saved)
    ]

    changes = await asyncio.gather(*(store.commit(work) for work in works))

    told = [change.session for (change,) in changes if isinstance(change, SaveSession)]
    assert [await store.find_session(session.id) for session in saved] == told
    assert [session.ledger.energy_wh for session in told] == list(range(100, 160))
    for n, session in enumerate(saved):
        assert [fact.key for fact in await store.load_facts(session.id)] == [f"f-{n}"]


@pytest.mark.parametrize("late", [0, 30, 59])
async def test_an_old_revision_among_a_crowd_fails_alone(store: SqliteStore, late: int) -> None:
    saved = [await save_session(store, session_no(number)) for number in range(1, 61)]
    await save_session(store, with_energy(saved[late], 50))
    works = [[SaveSession(with_energy(session, 100), fact=FACT)] for session in saved]

    results = await asyncio.gather(*(store.commit(work) for work in works), return_exceptions=True)

    assert [n for n, result in enumerate(results) if isinstance(result, RevisionConflictError)] == [late]
    found = [await store.find_session(session.id) for session in saved]
    assert [session.ledger.energy_wh for session in found if session] == [50 if n == late else 100 for n in range(60)]
    assert await store.load_facts(saved[late].id) == []


async def test_a_second_cdr_for_a_session_is_a_conflict(store: SqliteStore) -> None:
    await store.commit([SaveCdr(CDR)])

    with pytest.raises(ConflictError, match="s-1"):
        await store.commit([SaveCdr(replace(CDR, id="c-2"))])


async def test_a_second_session_with_the_same_transaction_is_a_conflict(store: SqliteStore) -> None:
    await store.commit([SaveSession(SESSION)])

    with pytest.raises(ConflictError):
        await store.commit([SaveSession(replace(SESSION, id="s-2", start_key="other"))])


async def test_the_writer_goes_on_after_a_failure(store: SqliteStore) -> None:
    await store.commit([SaveStation(STATION)])
    with pytest.raises(ConflictError):
        await store.commit([SaveStation(STATION)])

    await store.commit([SaveStation(replace(STATION, id="CP-2"))])

    assert [station.id for station in await store.load_stations()] == ["CP-1", "CP-2"]


async def test_a_work_that_cannot_be_rendered_fails_before_it_is_queued(store: SqliteStore) -> None:
    with pytest.raises(TypeError):
        await store.commit([SaveSession(SESSION, fact=replace(FACT, message_id=object()))])  # type: ignore[arg-type]

    assert await store.load_facts("s-1") == []


async def test_a_work_that_the_database_cannot_take_fails_alone(store: SqliteStore) -> None:
    huge = replace(STATUS, key=replace(STATUS.key, evse_no=2**70))

    results = await asyncio.gather(
        store.commit([SaveConnectorStatus(huge)]),
        store.commit([SaveConnectorStatus(STATUS)]),
        return_exceptions=True,
    )

    assert isinstance(results[0], OverflowError)
    assert await store.load_connector_statuses() == [STATUS]


# --- revisions ----------------------------------------------------------------------------------------------------


async def test_an_update_of_an_old_revision_is_a_revision_conflict(store: SqliteStore) -> None:
    first = await save_session(store, SESSION)
    second = await save_session(store, with_energy(first, 20))

    with pytest.raises(RevisionConflictError):
        await store.commit([SaveSession(with_energy(first, 30))])

    assert (first.revision, second.revision) == (1, 2)
    assert await store.find_session("s-1") == second


@pytest.mark.parametrize("write_terms", [False, True])
async def test_two_updates_of_one_revision_in_one_batch_let_only_the_first_through(
    store: SqliteStore, write_terms: bool
) -> None:
    session = await save_session(store, SESSION)

    results = await asyncio.gather(
        store.commit([SaveSession(with_energy(session, 20))]),
        store.commit([SaveSession(with_energy(session, 30), write_terms)]),
        store.commit([SaveNotice(NOTICE)]),
        return_exceptions=True,
    )

    assert isinstance(results[1], RevisionConflictError)
    found = await store.find_session("s-1")
    assert found is not None
    assert found.ledger.energy_wh == 20
    assert len(await store.list_notices(None, limit=9)) == 1


async def test_updates_of_one_object_in_one_work_apply_in_order(store: SqliteStore) -> None:
    session = await save_session(store, SESSION)
    next_one = replace(with_energy(session, 30), revision=session.revision + 1)

    await store.commit([SaveSession(with_energy(session, 20)), SaveSession(next_one)])

    found = await store.find_session("s-1")
    assert found is not None
    assert (found.ledger.energy_wh, found.revision) == (Decimal(30), 3)


async def test_stations_and_partners_keep_revisions_too(store: SqliteStore) -> None:
    await store.commit([SaveStation(STATION), SavePartner(PARTNER_ROW)])

    for change in (SaveStation(replace(STATION, revision=7)), SavePartner(replace(PARTNER_ROW, revision=7))):
        with pytest.raises(RevisionConflictError):
            await store.commit([change])
    for again in (SaveStation(STATION), SavePartner(PARTNER_ROW)):
        with pytest.raises(ConflictError):
            await store.commit([again])


async def test_an_update_writes_terms_only_when_asked_to(store: SqliteStore) -> None:
    session = await save_session(store, SESSION)
    other = replace(session, terms=replace(session.terms, authorization_reference="new"), partner_id="partner-2")

    kept = await save_session(store, other)
    assert await store.find_session("s-1") == replace(kept, terms=SESSION.terms, partner_id=SESSION.partner_id)

    written = await save_session(store, replace(other, revision=kept.revision), write_terms=True)
    assert await store.find_session("s-1") == written
    assert written.terms.authorization_reference == "new"


async def test_an_earlier_start_and_a_seal_are_written_by_an_update_of_the_fold(store: SqliteStore) -> None:
    session = await save_session(store, SESSION)
    earlier = replace(session.ledger, started_at=NOON - timedelta(hours=1))

    moved = await save_session(store, replace(session, ledger=earlier))
    assert await store.find_session_by_time(SESSION.key, NOON - timedelta(minutes=30)) == moved

    sealed = await save_session(store, replace(moved, sealed_cdr_id="c-1", seal_due_at=None))
    assert await store.find_session("s-1") == sealed
    assert await store.load_unsealed_sessions() == []


@pytest.mark.parametrize("seal", [{"waiver": "nothing was drawn"}, {"sealed_cdr_id": "c-1"}])
async def test_a_waiver_or_a_seal_that_is_taken_back_is_written_by_an_update_of_the_fold(
    store: SqliteStore, seal: dict[str, str]
) -> None:
    session = await save_session(store, replace(SESSION, **seal))  # type: ignore[arg-type]

    taken_back = await save_session(store, replace(session, waiver=None, sealed_cdr_id=None, hold="no tariff"))

    assert await store.find_session("s-1") == taken_back


async def test_the_number_of_one_session_does_not_lead_to_another(store: SqliteStore) -> None:
    one, other = [await save_session(store, session_no(number)) for number in (1, 2)]

    with pytest.raises(RevisionConflictError):
        await store.commit([SaveSession(replace(one, created_no=other.created_no, hold="mixed up"), True)])

    assert [await store.find_session(f"s-{number}") for number in (1, 2)] == [one, other]


# --- what the store gives -----------------------------------------------------------------------------------------


async def test_changes_are_published_once_and_in_order_before_their_callers_go_on(world: World) -> None:
    store = await world.open()

    async def caller(number: int) -> list[int]:
        changes = await store.commit([SaveSession(session_no(number), fact=FACT), SaveCdr(cdr_no(number))])
        published = [change for batch in world.published for change in batch]
        return [published.index(change) for change in changes]

    places = await asyncio.gather(*(caller(n) for n in range(20)))

    assert places == [[2 * n, 2 * n + 1] for n in range(20)]
    assert sum(len(batch) for batch in world.published) == 40
    assert len(world.published) < 20


async def test_last_updated_rises_by_a_millisecond_at_least_also_when_the_clock_stands_or_goes_back(
    world: World,
) -> None:
    store = await world.open()
    world.clock.at = NOON + timedelta(microseconds=1_700)

    first = await save_session(store, SESSION)
    second = await save_session(store, with_energy(first, 20))
    world.clock.at = NOON - timedelta(hours=1)
    third = await save_session(store, with_energy(second, 30))

    assert [first.last_updated, second.last_updated, third.last_updated] == [NOON + MS, NOON + 2 * MS, NOON + 3 * MS]


async def test_ordinals_have_no_gaps_per_owner_under_concurrent_commits_and_failures(store: SqliteStore) -> None:
    def work(number: int) -> list[Change]:
        owner = ["partner-1", "partner-2", None][number % 3]
        cdr = cdr_no(number if number != 5 else 4, partner_id=owner)
        return [SaveCdr(cdr)]

    results = await asyncio.gather(*(store.commit(work(n)) for n in range(30)), return_exceptions=True)

    failed = [result for result in results if isinstance(result, BaseException)]
    assert len(failed) == 1
    cdrs = await store.list_cdrs(limit=100)
    for owner, count in (("partner-1", 10), ("partner-2", 10), (None, 9)):
        mine = sorted((cdr.ordinal, cdr.last_updated) for cdr in cdrs if cdr.partner_id == owner)
        assert [ordinal for ordinal, _ in mine] == list(range(1, count + 1))
        times = [time for _, time in mine]
        assert times == sorted(set(times))


async def test_transaction_numbers_are_never_given_twice(world: World) -> None:
    store = await world.open()
    numbers = await asyncio.gather(*(store.next_transaction_no() for _ in range(1_500)))
    for _ in range(2):
        store = await world.reopen()
        numbers += [await store.next_transaction_no() for _ in range(3)]

    assert len(set(numbers)) == len(numbers)
    assert min(numbers) >= 1
    assert max(numbers) < 2**31


async def test_a_location_is_stamped_only_where_it_changed_and_upwards_from_there(world: World) -> None:
    store = await world.open()
    (made,) = await store.commit([SaveLocation(LOCATION)])
    assert isinstance(made, SaveLocation)
    world.clock.at = later = NOON + timedelta(hours=1)
    evse = made.location.evses[0]
    dearer = replace(evse, connectors=(replace(evse.connectors[0], tariff_ids=("T2",)),))

    (same,) = await store.commit([SaveLocation(LOCATION)])
    (changed,) = await store.commit([SaveLocation(replace(LOCATION, evses=(dearer, LOCATION.evses[1])))])

    assert same == made
    assert isinstance(changed, SaveLocation)
    first, second = changed.location.evses
    assert changed.location.last_updated == first.last_updated == first.connectors[0].last_updated == later
    assert second == made.location.evses[1]
    assert await store.load_locations() == [changed.location]
    assert changed.location.created_no == 1


async def test_an_evse_status_stamps_the_evse_and_its_location_but_no_connector(world: World) -> None:
    store = await world.open()
    await store.commit([SaveLocation(LOCATION)])
    world.clock.at = later = NOON + timedelta(hours=1)

    (change,) = await store.commit([SaveEvseStatus("L1", "E2", EvseStatus.CHARGING)])

    assert change == SaveEvseStatus("L1", "E2", EvseStatus.CHARGING, later)
    (location,) = await store.load_locations()
    assert [evse.status for evse in location.evses] == [EvseStatus.AVAILABLE, EvseStatus.CHARGING]
    assert [evse.last_updated for evse in location.evses] == [NOON, later]
    assert location.last_updated == later
    assert location.evses[1].connectors[0].last_updated == NOON


async def test_statuses_of_one_location_in_one_batch_rise_and_the_location_with_them(store: SqliteStore) -> None:
    await store.commit([SaveLocation(LOCATION)])
    told = [("E1", EvseStatus.CHARGING), ("E2", EvseStatus.CHARGING), ("E1", EvseStatus.AVAILABLE)]

    changes = await asyncio.gather(*(store.commit([SaveEvseStatus("L1", uid, status)]) for uid, status in told))

    stamps = [change.last_updated for (change,) in changes if isinstance(change, SaveEvseStatus)]
    assert stamps == [NOON + MS, NOON + 2 * MS, NOON + 3 * MS]
    (location,) = await store.load_locations()
    assert location.last_updated == stamps[2]
    assert [(evse.status, evse.last_updated) for evse in location.evses] == [
        (told[2][1], stamps[2]),
        (told[1][1], stamps[1]),
    ]


async def test_a_location_that_is_saved_after_a_status_in_one_batch_has_the_last_word(store: SqliteStore) -> None:
    await store.commit([SaveLocation(LOCATION)])
    closed = replace(LOCATION, evses=(replace(LOCATION.evses[0], status=EvseStatus.BLOCKED),))

    _, (saved,) = await asyncio.gather(
        store.commit([SaveEvseStatus("L1", "E1", EvseStatus.CHARGING)]), store.commit([SaveLocation(closed)])
    )

    assert isinstance(saved, SaveLocation)
    assert await store.load_locations() == [saved.location]
    assert [evse.status for evse in saved.location.evses] == [EvseStatus.BLOCKED]


async def test_the_status_of_an_unknown_evse_is_a_conflict(store: SqliteStore) -> None:
    await store.commit([SaveLocation(LOCATION)])

    known, *unknown = await asyncio.gather(
        store.commit([SaveEvseStatus("L1", "E1", EvseStatus.CHARGING)]),
        store.commit([SaveEvseStatus("L1", "E9", EvseStatus.CHARGING)]),
        store.commit([SaveEvseStatus("L9", "E1", EvseStatus.CHARGING)]),
        return_exceptions=True,
    )

    assert [str(error) for error in unknown if isinstance(error, ConflictError)] == [
        "Location L1 has no EVSE E9.",
        "Location L9 has no EVSE E1.",
    ]
    assert known == [SaveEvseStatus("L1", "E1", EvseStatus.CHARGING, NOON + MS)]
    (location,) = await store.load_locations()
    assert location.last_updated == NOON + MS


async def test_a_tariff_is_stamped_and_can_be_deleted(world: World) -> None:
    store = await world.open()
    await store.commit([SaveTariff(TARIFF)])
    (saved,) = await store.commit([SaveTariff(replace(TARIFF, currency="NOK"))])

    assert isinstance(saved, SaveTariff)
    assert saved.tariff.last_updated == NOON + MS
    assert await store.load_tariffs() == [saved.tariff]
    await store.commit([DeleteTariff("T1")])
    assert await store.load_tariffs() == []


async def test_a_deleted_station_takes_its_statuses_along_also_within_one_batch(store: SqliteStore) -> None:
    await store.commit([SaveStation(STATION)])

    await asyncio.gather(
        store.commit([SaveConnectorStatus(STATUS)]),
        store.commit([DeleteStation("cp-1")]),
        store.commit([SaveStation(STATION)]),
    )

    assert await store.load_connector_statuses() == []
    assert [station.revision for station in await store.load_stations()] == [1]


# --- limits -------------------------------------------------------------------------------------------------------


async def test_a_full_queue_refuses_more_and_takes_more_once_it_is_drained(world: World) -> None:
    store = await world.open(Limits(queue_rows=10))
    tasks = [asyncio.ensure_future(store.commit([SaveNotice(NOTICE)])) for _ in range(15)]

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(result, StoreFullError) for result in results] == [False] * 10 + [True] * 5
    await store.commit([SaveNotice(NOTICE)])
    assert len(await store.list_notices(None, limit=99)) == 11


async def test_a_queue_is_bounded_in_bytes_too(world: World) -> None:
    store = await world.open(Limits(queue_bytes=10_000))
    big = replace(NOTICE, body="x" * 6_000)

    results = await asyncio.gather(*(store.commit([SaveNotice(big)]) for _ in range(2)), return_exceptions=True)

    assert [isinstance(result, StoreFullError) for result in results] == [False, True]


async def test_bulk_works_are_cut_into_slices_and_let_others_pass(world: World) -> None:
    store = await world.open(Limits(bulk_rows=10))
    tokens = [SaveToken(replace(TOKEN, uid=f"U{n:03d}")) for n in range(35)]

    bulk = asyncio.ensure_future(store.commit(tokens, bulk=True))
    other = asyncio.ensure_future(store.commit([SaveNotice(NOTICE)]))
    await asyncio.wait([bulk, other], return_when=asyncio.FIRST_COMPLETED)

    assert other.done()
    assert not bulk.done()
    assert len(await bulk) == 35
    assert (await store.find_tokens("u034"))[0].uid == "U034"


async def test_close_finishes_queued_works_and_then_refuses(world: World) -> None:
    store = await world.open()
    commits = [asyncio.ensure_future(store.commit([SaveSession(session_no(n))])) for n in range(20)]
    await asyncio.sleep(0)

    await world.close()

    assert len(await asyncio.gather(*commits)) == 20
    with pytest.raises(StoreDownError):
        await store.commit([SaveNotice(NOTICE)])
    with pytest.raises(StoreDownError):
        await store.find_session("s-1")
    reopened = await world.open()
    assert len(await reopened.list_sessions(limit=99)) == 20


async def test_an_empty_work_changes_nothing_and_returns(world: World) -> None:
    store = await world.open()

    results = await asyncio.gather(store.commit([]), store.commit([], bulk=True), store.commit([]))

    assert [list(result) for result in results] == [[], [], []]
    assert world.published == []


async def test_a_cancelled_caller_leaves_the_others_alone(store: SqliteStore) -> None:
    first = asyncio.ensure_future(store.commit([SaveSession(session_no(1))]))
    second = asyncio.ensure_future(store.commit([SaveSession(session_no(2))]))
    await asyncio.sleep(0)
    first.cancel()

    await second

    assert await store.find_session("s-2") is not None
