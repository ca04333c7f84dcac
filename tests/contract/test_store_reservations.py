"""What every store promises of plugs that are kept, and of a session that takes over the facts of another."""

from dataclasses import replace

import pytest

from gateway.domain.reservations import Booking, Reservation, ReservationState
from gateway.domain.sessions import FactKind, SessionStatus
from gateway.domain.tokens import IdToken
from gateway.errors import ConflictError, RevisionConflictError
from gateway.ports import SaveReservation, SaveSession
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import FACT, KEY, MS, NOON, PARTNER, SESSION, TOKEN

KEPT = Reservation(
    id="r-1",
    no=7,
    partner_id=PARTNER,
    reservation_id="R",
    location_id="L1",
    session_id="s-1",
    asked_at=NOON,
    booking=Booking(
        response_url="https://emsp.example/1",
        version="v",
        token=TOKEN,
        id_token=IdToken(value="ALIAS"),
        expires_at=NOON + MS,
        evse_uid="E1",
        key=KEY,
    ),
)


async def save(store: SqliteStore, reservation: Reservation) -> Reservation:
    (saved,) = await store.commit([SaveReservation(reservation)])
    assert isinstance(saved, SaveReservation)
    return saved.reservation


async def test_a_reservation_is_live_until_it_is_over(world: World) -> None:
    store = await world.open()
    asked = await save(store, KEPT)
    active = await save(store, replace(asked, state=ReservationState.ACTIVE, reserved_at=NOON, renewal=KEPT.booking))
    store = await world.reopen()
    assert await store.load_live_reservations() == [active]

    used = await save(store, replace(active, state=ReservationState.USED, renewal=None))

    assert await store.load_live_reservations() == []
    assert await store.find_reservation("r-1") == used
    assert await store.find_reservation_by_no("cp-1", 7) == used
    assert await store.find_reservation_by_no("cp-1", 8) is None


async def test_a_number_is_a_stations_only_once(store: SqliteStore) -> None:
    saved = await save(store, KEPT)

    with pytest.raises(ConflictError, match="r-2"):
        await save(store, replace(KEPT, id="r-2"))
    with pytest.raises(RevisionConflictError, match="r-1"):
        await save(store, replace(saved, revision=9))


async def test_reservations_are_listed_newest_first_and_by_station(store: SqliteStore) -> None:
    other = replace(KEPT.booking, key=replace(KEY, station_id="CP-2"))
    one = await save(store, KEPT)
    two = await save(store, replace(KEPT, id="r-2", booking=other))

    assert await store.list_reservations(limit=9) == [two, one]
    assert await store.list_reservations(limit=9, station_id="cp-1") == [one]


async def test_a_session_takes_over_the_transaction_and_the_facts_of_another(store: SqliteStore) -> None:
    made = replace(FACT, key="reserved", kind=FactKind.RESERVED, readings=())
    awaiting = replace(
        SESSION, id="S-1", transaction_id=None, start_key="awaited|S-1", status=SessionStatus.RESERVATION
    )
    started = replace(SESSION, id="S-2", transaction_id="T", start_key="T")
    (one,) = await store.commit([SaveSession(awaiting, write_terms=True, fact=made)])
    (two,) = await store.commit([SaveSession(started, write_terms=True, fact=replace(FACT, key="a"))])
    assert isinstance(one, SaveSession)
    assert isinstance(two, SaveSession)
    (two,) = await store.commit([SaveSession(two.session, fact=replace(FACT, key="b"))])
    assert isinstance(two, SaveSession)
    told = await store.load_facts("S-2")

    left = replace(two.session, transaction_id=None, start_key="awaited|S-2", status=SessionStatus.INVALID)
    adopted = replace(one.session, transaction_id="T", start_key="T", status=SessionStatus.ACTIVE)
    await store.commit(
        [
            SaveSession(left, write_terms=True),
            SaveSession(adopted, write_terms=True, fact=replace(FACT, key="c"), more=tuple(told)),
        ]
    )

    found = await store.find_session_by_transaction("CP-1", "T")
    assert found is not None
    assert found.id == "S-1"
    assert {fact.key for fact in await store.load_facts("S-1")} == {"reserved", "a", "b", "c"}
    assert {fact.key for fact in await store.load_facts("S-2")} == {"a", "b"}
    (again,) = await store.commit([SaveSession(found, fact=replace(FACT, key="d"))])
    assert isinstance(again, SaveSession)
    assert len(await store.load_facts("S-1")) == 5
