"""Orders, answers, silence, news, time and restarts in any order: what holds whatever happens."""

import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.cdrs import price_cuts_of
from gateway.core.sessions import fold_facts
from gateway.domain.callbacks import CallbackState
from gateway.domain.locations import EvseStatus
from gateway.domain.reservations import ReservationState
from gateway.domain.sessions import ReservationEnd, Session, SessionStatus
from gateway.flows.memory import Memory
from gateway.flows.remote_starts import RemoteStarts
from gateway.ports import SavePartner, SaveToken
from tests.unit.flows.office import PARTNER
from tests.unit.flows.stage import opened
from tests.unit.flows.street import RIVAL, RIVAL_TOKEN, STATES_TOLD, Street
from tests.unit.flows.words import STATION, status

Steps = list[tuple[str, dict[str, Any]]]


# --- what happens -----------------------------------------------------------------------------------------------------


some = st.integers(0, 3)
tokens = st.sampled_from([0, 0, 1, 2, 3])
evse_nos = st.sampled_from([1, 1, 1, 2, 3])
names = st.sampled_from(["R-1", "R-2"])
plugs, cards, flag = st.integers(0, 3), st.sampled_from([0, 0, 1, 2, 3]), st.booleans()

STEPS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "answer": (
        14,
        {"call": some, "how": st.sampled_from([*["truly"] * 6, "no", "fault", "lost", "lost answer"])},
    ),
    "reserve": (
        6,
        {"token": tokens, "name": names, "evse_no": st.none() | evse_nos, "minutes": st.sampled_from([30, 1, 90])},
    ),
    "cancel": (3, {"token": tokens, "name": names}),
    "order_start": (
        4,
        {"token": tokens, "evse_no": st.none() | evse_nos, "reference": st.sampled_from([None, "REF"])},
    ),
    "order_stop": (3, {"token": tokens, "session": some}),
    "unlock": (1, {"token": tokens, "evse_no": evse_nos}),
    "withdraw": (1, {"reservation": some}),
    "begin": (3, {"plug": plugs, "card": cards, "is_numbered": flag, "names_it": flag}),
    "plug_in": (2, {"plug": plugs}),
    "begin_ordered": (4, {"order": some, "is_numbered": flag, "names_it": flag}),
    "show_card": (2, {"visit": some, "card": cards, "names_it": flag}),
    "meter": (2, {"visit": some}),
    "end": (3, {"visit": some}),
    "send_again": (2, {"message": some}),
    "tell_status": (2, {"plug": plugs, "word": st.sampled_from(STATES_TOLD)}),
    "tell_reservation_ended": (
        1,
        {"number": some, "how": st.sampled_from([ReservationEnd.EXPIRED, ReservationEnd.WITHDRAWN])},
    ),
    "authorize": (1, {"card": cards}),
    "wait": (5, {"seconds": st.sampled_from([1, 10, 28, 31, 121, 601, 1801, 7201, 90_000])}),
    "disconnect": (1, {}),
    "connect": (3, {}),
}
"""How often each, and what about it."""

OFTEN = [what for what, (often, _) in STEPS.items() for _ in range(often)]


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    what = draw(st.sampled_from(OFTEN))
    return what, {name: draw(values) for name, values in STEPS[what][1].items()}


def in_their_time(together: Steps) -> Steps:
    """Nothing takes hours but waiting."""
    return next(([one] for one in together if one[1].get("seconds", 0) > 31), together)


@st.composite
def days(draw: st.DrawFn) -> list[Steps]:
    """What happens one after the other, and of that what happens at once."""
    day = draw(st.lists(st.lists(steps(), min_size=1, max_size=3).map(in_their_time), min_size=10, max_size=30))
    for at in sorted(draw(st.lists(st.integers(0, len(day)), max_size=2)), reverse=True):
        day.insert(at, [("restart", {"is_found": draw(st.booleans())})])
    return day


# --- what holds -------------------------------------------------------------------------------------------------------


class Watch:
    """Looks after every step, and remembers what must not be lost."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.stage = street.stage
        self.results: dict[str, str] = {}
        self.facts: dict[str, set[str]] = {}
        self.energy: dict[str, Decimal] = {}

    async def look(self) -> None:
        await self.look_at_results()
        await self.look_at_sessions()
        await self.look_at_reservations()
        await self.look_at_memory()

    async def look_at_results(self) -> None:
        callbacks = await self.stage.store.real.list_callbacks(limit=1_000)
        asked_for = Counter(one.response_url for one in callbacks if one.result != "CANCELED_RESERVATION")
        accepted = [url for url, answer in self.street.answers.items() if answer.result == "ACCEPTED"]
        assert asked_for == Counter(accepted)
        for one in callbacks:
            assert (one.result is None) == (one.state is CallbackState.OPEN)
            if one.result is not None:
                assert self.results.setdefault(one.id, one.result) == one.result, "a second result"
        told = [row.subject.object_id for row in await self.street.office.told()]
        assert sorted(told) == sorted(self.results), "each result is told once"
        still_open = {one.id for one in callbacks if one.state is CallbackState.OPEN}
        assert set(self.street.office.callbacks._open) == still_open

    async def look_at_sessions(self) -> None:
        now = self.stage.clock.at
        sessions = await self.street.office.sessions()
        for session in sessions:
            assert not (session.is_open and session.ledger.ended_at is not None), session
            if session.is_awaited and session.is_open and session.status is SessionStatus.PENDING:
                assert session.seal_due_at is not None
                assert now < session.seal_due_at, "nobody waits for a start for ever"
            await self.look_at_facts(session)
        bills = Counter(cdr.session_id for cdr in await self.stage.load_cdrs())
        assert all(count == 1 for count in bills.values())
        assert set(bills) == {session.id for session in sessions if session.sealed_cdr_id is not None}
        runs = Counter(session.transaction_id for session in sessions if session.transaction_id is not None)
        assert all(count == 1 for count in runs.values())

    async def look_at_facts(self, session: Session) -> None:
        facts = await self.stage.store.real.load_facts(session.id)
        keys = {fact.key for fact in facts}
        assert len(keys) == len(facts)
        assert keys >= self.facts.get(session.id, set()), "a fact is lost"
        assert session.ledger.energy_wh >= self.energy.get(session.id, 0), "energy falls"
        self.facts[session.id], self.energy[session.id] = keys, session.ledger.energy_wh
        if not session.is_awaited:
            assert session.ledger == fold_facts(facts, session.id_token, price_cuts_of(session.terms))

    async def look_at_reservations(self) -> None:
        now, books = self.stage.clock.at, self.street.books
        live = await self.stage.store.real.load_live_reservations()
        active = [one for one in live if one.state is ReservationState.ACTIVE]
        sessions = [one for one in await self.street.office.sessions() if one.is_awaited and one.is_open]
        reserved = {one.id: one for one in sessions if one.status is SessionStatus.RESERVATION}
        assert {one.session_id for one in active} == set(reserved)
        for one in active:
            assert reserved[one.session_id].key == one.key
        is_up_to_date = self.street.is_connected and not self.street.line.open and not books.outbox
        if not is_up_to_date:
            return
        known = [one for one in active if one.no not in books.doubtful and now < one.booking.expires_at]
        kept = {no: call for no, call in books.kept.items() if no not in books.doubtful}
        assert {one.no: one.key.evse_no for one in known} == {no: call.evse_no for no, call in kept.items()}
        assert {one.no: one.booking.expires_at for one in known} == {no: call.expires_at for no, call in kept.items()}
        assert len({one.key.evse_no for one in known}) == len(known), "two have one plug"

    async def look_at_memory(self) -> None:
        """It is what the store says, and so is what is published."""
        fresh, memory = Memory(), self.stage.memory
        await fresh.load(self.stage.store.real)
        tables = [name for name in vars(memory) if name not in ("on_due", "_appliers")]
        for name in tables:
            assert in_any_order(getattr(memory, name)) == in_any_order(getattr(fresh, name)), name
        starts = RemoteStarts(self.stage.clock)
        await starts.load(self.stage.store.real)
        assert starts._starts == self.stage.starts._starts
        for location in memory.locations.values():
            for evse in location.evses:
                assert evse.status is self.stage.availability.published_status(location, evse), evse.uid

    async def look_at_the_end(self) -> None:
        """All is over: nothing waits for anything any more."""
        await self.look()
        store = self.stage.store.real
        assert await store.load_open_callbacks() == []
        assert await store.load_live_reservations() == []
        assert self.street.books.kept == {}
        for session in await self.street.office.sessions():
            assert session.ledger.ended_at is not None
            if session.status is SessionStatus.COMPLETED:
                assert session.sealed_cdr_id or session.waiver, session
            else:
                assert session.status is SessionStatus.INVALID
        assert self.stage.memory.sessions == {}
        assert all(one.status is not EvseStatus.RESERVED for one in self.stage.memory.locations["L1"].evses)


def in_any_order(table: Any) -> Any:
    """Neither when something was loaded nor among which is part of it."""
    return (
        {
            key: sorted(map(str, value)) if isinstance(value, list | tuple) and not hasattr(value, "_fields") else value
            for key, value in table.items()
        }
        if isinstance(table, dict)
        else table
    )


async def live(street: Street, day: list[Steps]) -> None:
    """Live through a day, and let it come to its end."""
    watch = Watch(street)
    for steps in day:
        await street.do(*steps)
        await watch.look()
    await street.do(("connect", {}))
    for seconds in (1, 60, 300, 8_000, 20, 1_000):
        while street.line.open:
            await street.do(("answer", {"call": 0, "how": "truly"}))
        await street.do(("wait", {"seconds": seconds}))
        await watch.look()
    for visit in street.books.visits:
        if not visit.is_over:
            await street.do(("end", {"visit": 0}))
    for seconds in (10, 4_000, 90_000, 100):
        await street.do(("wait", {"seconds": seconds}))
    await watch.look_at_the_end()


@pytest_asyncio.fixture
async def prepared(tmp_path: Path) -> AsyncIterator[Path]:
    """A folder with a database in which everybody is there."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    async with opened(folder) as stage:
        await stage.provide_usual()
        street = Street(stage)
        await street.office.open()
        await street.office.provide()
        await stage.provide(SavePartner(RIVAL), SaveToken(RIVAL_TOKEN))
        await stage.send_all(*(status(0, "Available", plug=no) for no in (1, 2)))
        await stage.send_all(*(status(0, "Available", plug=3, connector_no=no) for no in (1, 2)))
        await street.office.close()
    yield folder


async def begin_and_live(prepared: Path, day: list[Steps]) -> None:
    with tempfile.TemporaryDirectory(dir=prepared.parent) as folder:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        async with opened(Path(folder)) as stage:
            stage.partners.on_changes([SavePartner(PARTNER), SavePartner(RIVAL)])
            street = Street(stage)
            await street.office.open()
            stage.events.on_connected(STATION)
            try:
                await live(street, day)
            finally:
                await street.office.close()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(day=days())
async def test_whatever_is_ordered_told_and_forgotten_all_comes_to_its_end(prepared: Path, day: list[Steps]) -> None:
    await begin_and_live(prepared, day)
