"""What every store promises: what is old is found and deleted, and nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.domain.callbacks import Callback, CallbackKind, CallbackState
from gateway.domain.deliveries import (
    Delivery,
    PartnerAnswer,
    Subject,
    bill_subject,
    location_subject,
    result_subject,
    session_subject,
)
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.reservations import ReservationState
from gateway.domain.retention import Kept, Key
from gateway.domain.sessions import SessionStatus, Terms
from gateway.domain.tokens import IdToken
from gateway.errors import RevisionConflictError
from gateway.ports import (
    Change,
    DropExpired,
    DropPartnerTokens,
    Enqueue,
    InvalidateToken,
    PageAsked,
    RefuseDelivery,
    SaveCallback,
    SaveCdr,
    SaveDeviation,
    SaveIncident,
    SaveLateFact,
    SaveNotice,
    SaveQuarantined,
    SaveRemoteStart,
    SaveReservation,
    SaveSession,
    SaveToken,
)
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import (
    CDR,
    DEVIATION,
    FACT,
    KEY,
    NOON,
    NOTICE,
    PARTNER,
    QUARANTINED,
    RECEIPT,
    THEIRS,
    TOKEN,
    cdr_no,
    session_no,
)
from tests.contract.test_store_reservations import KEPT

DAY = timedelta(days=1)
LATER = NOON + 100 * DAY
BEFORE = NOON + 10 * DAY
SEALED = {"status": SessionStatus.COMPLETED, "sealed_cdr_id": "c-1"}
ANSWER = PartnerAnswer(at=NOON, http_status=400, status_code=2001, message="no")


async def expired(store: SqliteStore, kind: Kept, before: datetime = BEFORE, limit: int = 100) -> list[Key]:
    """The keys of all slices."""
    keys: list[Key] = []
    after: Key | None = None
    while True:
        found = await store.find_expired(kind, before, after, limit)
        keys += found.keys
        after = found.next_after
        if after is None:
            return keys


async def drop(store: SqliteStore, kind: Kept, before: datetime = BEFORE) -> int:
    keys = await expired(store, kind, before)
    await store.commit([DropExpired(kind, key) for key in keys], bulk=True)
    assert await expired(store, kind, before) == []
    return len(keys)


async def save(store: SqliteStore, *changes: Change) -> Sequence[Change]:
    return await store.commit(changes)


async def refuse(store: SqliteStore, subject: Subject, at: datetime = NOON) -> int:
    (queued,) = await save(store, Enqueue(Delivery(partner_id=PARTNER, subject=subject, due_at=at, created_at=at)))
    assert isinstance(queued, Enqueue)
    no = queued.delivery.no
    await save(store, RefuseDelivery(no, queued.delivery.generation, replace(ANSWER, at=at)))
    return no


async def wait(store: SqliteStore, subject: Subject) -> None:
    await save(store, Enqueue(Delivery(partner_id=PARTNER, subject=subject, due_at=NOON, created_at=NOON)))


# --- the journal --------------------------------------------------------------------------------------------------


async def test_what_the_technician_looks_at_is_deleted_by_its_age(store: SqliteStore) -> None:
    young = replace(RECEIPT, received_at=LATER)
    await save(
        store,
        SaveNotice(NOTICE),
        SaveNotice(replace(NOTICE, receipt=young)),
        SaveQuarantined(QUARANTINED),
        SaveQuarantined(replace(QUARANTINED, receipt=young)),
        SaveIncident("CP-1", NOON, "refused", "old"),
        SaveIncident("CP-1", LATER, "refused", "young"),
        SaveDeviation(DEVIATION),
        SaveDeviation(replace(DEVIATION, path="$.info", last_at=LATER)),
        SaveLateFact("CP-1", None, FACT, "no session"),
        SaveLateFact("CP-1", None, replace(FACT, key="f-2", received_at=LATER), "no session"),
    )

    for kind in (Kept.NOTICE, Kept.QUARANTINED, Kept.INCIDENT, Kept.DEVIATION, Kept.LATE_FACT):
        assert await drop(store, kind) == 1, kind

    assert [one.receipt.received_at for one in await store.list_notices(None, limit=9)] == [LATER]
    assert [one.message.receipt.received_at for one in await store.list_quarantined(limit=9)] == [LATER]
    assert [one.text for one in await store.list_incidents(None, limit=9)] == ["young"]
    assert [one.path for one in await store.list_deviations("CP-1")] == ["$.info"]
    assert [one.fact.key for one in await store.list_late_facts(limit=9)] == ["f-2"]


async def test_it_is_found_in_slices_and_a_slice_says_if_all_of_it_is_young(store: SqliteStore) -> None:
    at = [NOON, LATER, LATER, NOON, NOON]
    await save(store, *(SaveIncident("CP-1", one, "refused", "") for one in at))

    assert len(await expired(store, Kept.INCIDENT, limit=2)) == 3
    first = await store.find_expired(Kept.INCIDENT, BEFORE, None, 1)
    second = await store.find_expired(Kept.INCIDENT, BEFORE, first.next_after, 1)
    assert (first.is_young, second.is_young) == (False, True)


async def test_deviations_of_many_stations_are_walked_through_by_their_keys(store: SqliteStore) -> None:
    await save(
        store,
        *(
            SaveDeviation(replace(DEVIATION, station_id=f"CP-{station}", path=path))
            for station in range(3)
            for path in ("$.a", "$.b", "$.c")
        ),
    )

    assert len(await expired(store, Kept.DEVIATION, limit=2)) == 9


async def test_one_that_was_seen_again_meanwhile_stays(store: SqliteStore) -> None:
    await save(store, SaveDeviation(DEVIATION))
    (key,) = await expired(store, Kept.DEVIATION)

    await save(store, SaveDeviation(replace(DEVIATION, last_at=LATER)), DropExpired(Kept.DEVIATION, key))

    assert len(await store.list_deviations("CP-1")) == 1


async def test_late_messages_that_a_corrected_bill_may_rest_on_stay_with_it(store: SqliteStore) -> None:
    credit = replace(CDR, id="c-2", credit=True, credit_reference_id="c-1")
    await save(
        store,
        SaveCdr(CDR),
        SaveLateFact("CP-1", "s-1", FACT, "billed already"),
        SaveCdr(credit),
        SaveCdr(replace(CDR, id="c-3", corrects_id="c-1")),
        SaveLateFact("CP-1", "s-2", FACT, "billed already"),
    )

    await drop(store, Kept.LATE_FACT)

    assert [one.session_id for one in await store.list_late_facts(limit=9)] == ["s-1"]


# --- tokens -------------------------------------------------------------------------------------------------------


async def test_tokens_are_deleted_so_long_after_they_became_invalid(world: World) -> None:
    store = await world.open()
    await save(store, SaveToken(replace(TOKEN, uid="A")), SaveToken(replace(TOKEN, uid="B", valid=False)))
    world.clock.at = NOON + 5 * DAY
    await save(store, SaveToken(replace(TOKEN, uid="A", valid=False)))
    world.clock.at = NOON + 8 * DAY
    await save(store, SaveToken(replace(TOKEN, uid="B", valid=False, last_updated=NOON + DAY)))

    assert [key[1] for key in await expired(store, Kept.CARD, NOON + DAY)] == ["b"]
    assert await drop(store, Kept.CARD, NOON + 4 * DAY) == 1
    assert await store.find_tokens("B") == []
    assert len(await store.find_tokens("A")) == 1


async def test_tokens_of_a_partner_that_left_are_old_by_when_it_left(world: World) -> None:
    store = await world.open()
    await save(store, SaveToken(TOKEN))
    world.clock.at = LATER
    await save(store, DropPartnerTokens(PARTNER))

    assert await expired(store, Kept.CARD) == []
    assert await drop(store, Kept.CARD, LATER + DAY) == 1


async def test_tokens_that_a_whole_list_lacks_are_old_by_when_that_was_seen(world: World) -> None:
    store = await world.open()
    await save(store, SaveToken(TOKEN))
    (stamp,) = await store.list_token_stamps(PARTNER)
    world.clock.at = LATER
    await save(store, InvalidateToken(PARTNER, stamp))

    assert await expired(store, Kept.CARD) == []
    assert await drop(store, Kept.CARD, LATER + DAY) == 1


async def test_a_token_that_became_valid_again_stays(world: World) -> None:
    store = await world.open()
    await save(store, SaveToken(replace(TOKEN, valid=False)))
    (key,) = await expired(store, Kept.CARD)

    await save(store, SaveToken(replace(TOKEN, last_updated=LATER)), DropExpired(Kept.CARD, key))

    assert len(await store.find_tokens(TOKEN.uid)) == 1
    assert await expired(store, Kept.CARD, LATER) == []


# --- sessions -----------------------------------------------------------------------------------------------------


async def test_sessions_without_a_cdr_are_deleted_with_all_that_is_known_of_them(store: SqliteStore) -> None:
    refused = session_no(1, status=SessionStatus.INVALID)
    (saved,) = await save(store, SaveSession(refused, fact=FACT))
    assert isinstance(saved, SaveSession)
    await save(store, SaveSession(saved.session, fact=replace(FACT, key="f-2")))
    await save(store, SaveLateFact("CP-1", "s-1", FACT, "over"))
    await save(store, SaveSession(session_no(2, status=SessionStatus.COMPLETED, waiver="nothing was drawn"), fact=FACT))

    assert await drop(store, Kept.UNBILLED) == 2

    assert await store.list_sessions(limit=9) == []
    assert await store.load_facts("s-1") == []
    assert await store.list_late_facts(limit=9) == []
    assert await store.find_session_by_transaction("CP-1", "1") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": SessionStatus.ACTIVE},
        {"status": SessionStatus.PENDING},
        {"status": SessionStatus.RESERVATION},
        {"status": SessionStatus.COMPLETED, "seal_due_at": NOON},
        {"status": SessionStatus.COMPLETED, "hold": "no tariff"},
        SEALED,
    ],
)
async def test_what_runs_is_held_or_billed_is_no_session_without_a_cdr(
    store: SqliteStore, changes: dict[str, object]
) -> None:
    await save(store, SaveSession(session_no(1, **changes), fact=FACT))

    assert await expired(store, Kept.UNBILLED, LATER) == []


async def test_one_that_its_partner_is_still_to_be_told_of_stays(store: SqliteStore) -> None:
    await save(store, SaveSession(session_no(1, status=SessionStatus.INVALID)), SaveSession(session_no(2, **SEALED)))
    await wait(store, session_subject("s-1"))
    await wait(store, session_subject("s-2"))

    assert await expired(store, Kept.UNBILLED, LATER) == []
    assert await expired(store, Kept.BILLED, LATER) == []


async def test_a_session_that_went_on_meanwhile_stays_with_its_messages(store: SqliteStore) -> None:
    (saved,) = await save(store, SaveSession(session_no(1, status=SessionStatus.INVALID), fact=FACT))
    assert isinstance(saved, SaveSession)
    (key,) = await expired(store, Kept.UNBILLED)

    await save(store, SaveSession(saved.session, fact=replace(FACT, key="f-2")))
    await save(store, DropExpired(Kept.UNBILLED, key))

    assert len(await store.load_facts("s-1")) == 2


@pytest.mark.parametrize("others", [0, 30])
async def test_a_message_for_a_session_that_is_deleted_is_a_conflict_and_brings_nothing_back(
    store: SqliteStore, others: int
) -> None:
    (gone,) = await save(store, SaveSession(session_no(99, status=SessionStatus.INVALID), fact=FACT))
    assert isinstance(gone, SaveSession)
    assert await drop(store, Kept.UNBILLED) == 1
    saved = [change for n in range(others + 1) for change in await save(store, SaveSession(session_no(n)))]
    works: list[list[Change]] = [
        [SaveSession(change.session, fact=replace(FACT, key="f-2"))]
        for change in (gone, *saved)
        if isinstance(change, SaveSession)
    ]

    results = await asyncio.gather(*(store.commit(work) for work in works), return_exceptions=True)

    assert [isinstance(result, RevisionConflictError) for result in results] == [True] + [False] * (others + 1)
    assert await store.find_session("s-99") is None
    for n in range(others + 1):
        assert [fact.key for fact in await store.load_facts(f"s-{n}")] == ["f-2"]


async def test_a_billed_session_loses_its_messages_and_its_driver_and_keeps_its_place(store: SqliteStore) -> None:
    await save(
        store,
        SaveSession(session_no(1, **SEALED), fact=FACT),
        SaveSession(session_no(2, **SEALED), fact=replace(FACT, key="f-2")),
        SaveCdr(CDR),
        SaveLateFact("CP-1", "s-1", FACT, "billed already"),
    )
    before = await store.find_session("s-1")
    (key, _) = await expired(store, Kept.BILLED)

    await save(store, DropExpired(Kept.BILLED, key))

    session = await store.find_session("s-1")
    assert before is not None
    assert session is not None
    assert (session.id_token, session.terms, session.is_forgotten) == (None, Terms(), True)
    assert (session.key, session.ledger, session.sealed_cdr_id) == (before.key, before.ledger, "c-1")
    assert "start" not in session.start_key
    assert await store.load_facts("s-1") == []
    assert await store.load_late_facts("s-1") == []
    assert len(await store.load_facts("s-2")) == 1
    assert [one.id for one in (await store.page_sessions(PARTNER, None, PageAsked(offset=0, limit=9))).items] == ["s-2"]
    assert [one[1] for one in await expired(store, Kept.BILLED)] == ["s-2"]
    assert (await store.find_cdr("c-1")) is not None


async def test_a_bill_that_was_corrected_of_late_keeps_its_messages(world: World) -> None:
    store = await world.open()
    await save(store, SaveSession(session_no(1, **SEALED), fact=FACT), SaveCdr(CDR))
    world.clock.at = LATER
    await save(store, SaveCdr(replace(CDR, id="c-2", credit=True, credit_reference_id="c-1")))

    assert await expired(store, Kept.BILLED) == []


async def test_a_bill_that_is_still_to_be_told_keeps_its_messages(store: SqliteStore) -> None:
    await save(store, SaveSession(session_no(1, **SEALED), fact=FACT), SaveCdr(CDR))
    await wait(store, bill_subject("s-1", "c-1"))

    assert await expired(store, Kept.BILLED, LATER) == []
    assert await expired(store, Kept.CDR, LATER) == []


# --- orders -------------------------------------------------------------------------------------------------------


def callback(name: str, **changes: object) -> Callback:
    made = Callback(
        id=name,
        partner_id=PARTNER,
        version="2.2.1",
        kind=CallbackKind.START_SESSION,
        response_url="https://roamer.example/results",
        station_id="CP-1",
        asked_at=NOON,
        deadline=NOON,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_commands_that_are_over_are_deleted(store: SqliteStore) -> None:
    await save(
        store,
        SaveCallback(callback("open")),
        SaveCallback(callback("done", state=CallbackState.DELIVERED)),
        SaveCallback(callback("late", state=CallbackState.DELIVERED, answered_at=LATER)),
        SaveCallback(callback("owed", state=CallbackState.ANSWERED)),
        SaveCallback(callback("refused", state=CallbackState.REFUSED)),
        SaveCallback(callback("dropped", state=CallbackState.ANSWERED)),
    )
    await wait(store, result_subject("owed"))
    await refuse(store, result_subject("refused"))

    await drop(store, Kept.COMMAND)

    assert [one.id for one in await store.list_callbacks(limit=9)] == ["refused", "owed", "late", "open"]


async def test_reservations_that_are_over_are_deleted(store: SqliteStore) -> None:
    await save(
        store,
        SaveReservation(replace(KEPT, id="live", no=1)),
        SaveReservation(replace(KEPT, id="used", no=2, state=ReservationState.USED)),
        SaveReservation(replace(KEPT, id="late", no=3, state=ReservationState.EXPIRED, ended_at=LATER)),
    )

    await drop(store, Kept.RESERVATION)

    assert [one.id for one in await store.list_reservations(limit=9)] == ["late", "live"]


async def test_starts_that_are_kept_no_longer_are_deleted(world: World) -> None:
    store = await world.open()
    start = RemoteStart(
        id="a",
        session_id="s-1",
        partner_id=PARTNER,
        key=KEY,
        token=TOKEN,
        id_token=IdToken(value="ALIAS"),
        remote_start_id=1,
        asked_at=NOON,
        starts_by=NOON,
        known_until=NOON,
        kept_until=NOON + DAY,
    )
    await save(store, SaveRemoteStart(start), SaveRemoteStart(replace(start, id="b", kept_until=LATER)))

    assert await drop(store, Kept.REMOTE_START) == 1

    assert [one.id for one in await store.load_remote_starts()] == ["b"]


# --- what partners refused ----------------------------------------------------------------------------------------


async def test_what_was_refused_long_ago_is_deleted_but_not_of_bills(store: SqliteStore) -> None:
    await refuse(store, location_subject("L1"))
    await refuse(store, location_subject("L2"), LATER)
    await refuse(store, bill_subject("s-1", "c-1"))
    await wait(store, location_subject("L3"))

    assert await drop(store, Kept.REFUSED) == 1

    assert [one.subject.object_id for one in await store.load_deliveries()] == ["L2", "c-1", "L3"]


async def test_what_was_sent_again_meanwhile_stays(store: SqliteStore) -> None:
    await refuse(store, location_subject("L1"))
    (key,) = await expired(store, Kept.REFUSED)

    await wait(store, location_subject("L1"))
    await save(store, DropExpired(Kept.REFUSED, key))

    assert len(await store.load_deliveries()) == 1


# --- bills --------------------------------------------------------------------------------------------------------


async def test_the_oldest_bills_of_each_owner_are_deleted_and_the_numbers_stay_without_gap(world: World) -> None:
    store = await world.open()
    for number in range(1, 7):
        world.clock.at = NOON + number * DAY
        owner = PARTNER if number % 2 else None
        await save(
            store,
            SaveSession(
                session_no(number, **{**SEALED, "sealed_cdr_id": f"c-{number}"}), fact=replace(FACT, key=f"f-{number}")
            ),
            SaveCdr(cdr_no(number, partner_id=owner)),
        )
    await store.save_cdr_renderings("2.2.1", [(f"c-{number}", b"{}") for number in (1, 3, 5)])

    assert await drop(store, Kept.CDR, NOON + 4 * DAY + timedelta(hours=1)) == 4

    assert sorted(cdr.id for cdr in await store.list_cdrs(limit=9)) == ["c-5", "c-6"]
    assert sorted(one.id for one in await store.list_sessions(limit=9)) == ["s-5", "s-6"]
    lists = [(party, drivers) for party in (None, str(CDR.party)) for drivers in (None, str(THEIRS))]
    for party, drivers in lists:
        page = await store.page_cdrs(PARTNER, party, "2.2.1", PageAsked(offset=0, limit=9), drivers_of=drivers)
        assert ([row.cdr_id for row in page.items], page.total) == (["c-5"], 1)
    await save(store, SaveCdr(cdr_no(7)), SaveCdr(cdr_no(8)))
    for party, drivers in lists:
        page = await store.page_cdrs(PARTNER, party, "2.2.1", PageAsked(offset=1, limit=1), drivers_of=drivers)
        assert ([row.cdr_id for row in page.items], page.total) == (["c-7"], 3)


async def test_the_newest_bill_of_an_owner_stays_and_a_young_one_keeps_those_after_it(world: World) -> None:
    store = await world.open()
    await save(store, SaveCdr(cdr_no(1)), SaveCdr(cdr_no(2)))
    keys = await expired(store, Kept.CDR)
    await save(store, DropExpired(Kept.CDR, (PARTNER, 2, "c-2")))  # out of turn

    assert [key[1] for key in keys] == [1]
    assert len(await store.list_cdrs(limit=9)) == 2
    world.clock.at = LATER
    await save(store, SaveCdr(cdr_no(3)))
    assert await drop(store, Kept.CDR) == 2
    assert [cdr.id for cdr in await store.list_cdrs(limit=9)] == ["c-3"]


async def test_a_session_stays_as_long_as_one_of_its_bills(world: World) -> None:
    store = await world.open()
    await save(store, SaveSession(session_no(1, **SEALED), fact=FACT), SaveCdr(CDR))
    world.clock.at = LATER
    await save(store, SaveCdr(replace(CDR, id="c-2", credit=True, credit_reference_id="c-1")))

    await drop(store, Kept.CDR)

    assert [cdr.id for cdr in await store.load_cdrs_of_session("s-1")] == ["c-2"]
    assert len(await store.load_facts("s-1")) == 1


async def test_what_is_deleted_stays_deleted(world: World) -> None:
    store = await world.open()
    await save(
        store,
        SaveSession(session_no(1, status=SessionStatus.INVALID), fact=FACT),
        SaveToken(replace(TOKEN, valid=False)),
    )
    await drop(store, Kept.UNBILLED)
    await drop(store, Kept.CARD)

    store = await world.reopen()

    assert await store.find_session("s-1") is None
    assert await store.find_tokens(TOKEN.uid) == []
