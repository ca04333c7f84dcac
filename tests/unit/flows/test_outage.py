"""A partner that is down delays no other, and gets the present of each object once it is back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.core.delivery import STATUS_SETTLES
from gateway.domain.deliveries import DeliveryState, Message, PartnerAnswer
from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.domain.partners import Endpoint, Partner
from gateway.domain.retention import Kept
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.flows.delivery import Deliveries
from gateway.flows.letters import Idiom, Letters
from gateway.flows.memory import Memory
from gateway.flows.outbox import Outbox
from gateway.flows.partner_book import PartnerBook
from gateway.ports import Change, DropExpired, SaveEvseStatus, SaveLocation, SavePartner, SaveSession, SaveTariff
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import FACT, LOCATION, NOON, PARTNER_ROW, TARIFF, session_no, with_energy
from tests.fakes.smart_charging import FixedLimits
from tests.unit.flows.stage import FakeClock

DOWN, OTHERS = "down", ("other-1", "other-2")
SESSIONS_EACH = 3
UPDATES = 60
Told = tuple[str, str, object]


def receiver(partner_id: str) -> Partner:
    endpoints = tuple(
        Endpoint(identifier=module, role="RECEIVER", url=f"https://{partner_id}.example/{module}")
        for module in ("locations", "tariffs", "sessions")
    )
    return replace(PARTNER_ROW, id=partner_id, endpoints=endpoints, version="2.2.1")


async def as_it_is(partner: Partner) -> Partner:
    """Endpoints stay where they are."""
    return partner


class Network:
    """The postman: to whom it does not get through is in `refusing`, or in `hanging` until `is_over`; who gets it and
    does not want it, in `unwilling`."""

    def __init__(self) -> None:
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()
        self.unwilling: set[str] = set()
        self.is_over = asyncio.Event()
        self.attempts = 0
        self.told: list[Told] = []

    def render(self, version: str, item: Any, totals: Any = None) -> dict[str, Any]:
        return {"id": getattr(item, "id", ""), "status": state_of(item), "last_updated": item.last_updated}

    def dump(self, partner: Partner, rendered: dict[str, Any]) -> bytes:
        raise AssertionError("no bill is told here")

    def idiom_of(self, partner: Partner) -> Idiom:
        return Idiom()

    async def send(self, partner: Partner, token: str, message: Message) -> PartnerAnswer:
        assert isinstance(message.body, dict)
        if partner.id in self.refusing | self.hanging:
            self.attempts += 1
            if partner.id in self.hanging:
                await self.is_over.wait()
            return PartnerAnswer(at=NOON, http_status=0, message="no answer")
        if partner.id in self.unwilling:
            return PartnerAnswer(at=NOON, http_status=400, status_code=2001, message="not wanted")
        self.told.append((partner.id, "/".join((message.module, *message.path)), message.body["status"]))
        return PartnerAnswer(at=NOON, http_status=200, status_code=1000)


def state_of(item: Location | Evse | Connector | Tariff | Session) -> object:
    """What the updates of an object change."""
    if isinstance(item, Session):
        return item.ledger.energy_wh
    if isinstance(item, Tariff):
        return item.elements[0].components[0].price
    return item.status if isinstance(item, Evse) else None


class Post:
    """Deliveries on a real store, to three partners with sessions of their own."""

    def __init__(self) -> None:
        self.clock, self.network, self.memory, self.partners = FakeClock(), Network(), Memory(), PartnerBook()
        self.outbox = Outbox(self.memory, self.clock, timedelta(0))
        self.sessions: list[Session] = []

    async def open(self, folder: Path) -> None:
        self.store = await SqliteStore.open(
            folder / "gateway.db", self.publish, self.clock, synchronous="NORMAL", follow=self.outbox.follow
        )
        letters = Letters(self.store, self.memory, self.network, FixedLimits())
        self.deliveries = Deliveries(
            store=self.store,
            partners=self.partners,
            postman=self.network,
            letters=letters,
            outbox=self.outbox,
            find_token=lambda _: "token",
            look_up=as_it_is,
            clock=self.clock,
            chance=lambda: 0,
        )
        await self.deliveries.begin()
        await self.store.commit([SavePartner(receiver(name)) for name in (DOWN, *OTHERS)])
        owned = [name for name in (DOWN, *OTHERS) for _ in range(SESSIONS_EACH)]
        self.sessions = [session_no(number, partner_id=name) for number, name in enumerate(owned)]
        await self.store.commit([SaveLocation(LOCATION), SaveTariff(TARIFF)])
        await self.update(0)
        await self.settle(DOWN, *OTHERS)

    def publish(self, changes: Sequence[Change]) -> None:
        self.memory.apply(changes)
        others = [change for change in changes if not isinstance(change, SaveSession)]
        for subscriber in (self.partners.on_changes, self.outbox.on_changes, self.deliveries.on_changes):
            subscriber(others)

    async def update(self, number: int) -> list[Told]:
        """Change every object, each in a Work of its own; what all partners are to know then."""
        self.clock.at += STATUS_SETTLES
        facts = [replace(FACT, key=f"f-{number}-{session.id}") for session in self.sessions]
        works: list[list[Change]] = [
            [SaveSession(with_energy(session, 100 + number), fact=fact)]
            for session, fact in zip(self.sessions, facts, strict=True)
        ]
        status, price = (EvseStatus.CHARGING, EvseStatus.AVAILABLE)[number % 2], Decimal(number)
        component = replace(TARIFF.elements[0].components[0], price=price)
        tariff = replace(TARIFF, elements=(replace(TARIFF.elements[0], components=(component,)),))
        works += [[SaveEvseStatus(LOCATION.id, "E1", status)], [SaveTariff(tariff)]]
        saved = await asyncio.gather(*(self.store.commit(work) for work in works))
        self.sessions = [change.session for (change, *_) in saved if isinstance(change, SaveSession)]
        told: list[Told] = [
            (session.partner_id or "", f"sessions/NL/ABC/{session.id}", Decimal(100 + number))
            for session in self.sessions
        ]
        for name in (DOWN, *OTHERS):
            told += [(name, "locations/NL/ABC/L1/E1", status), (name, "tariffs/NL/ABC/T1", price)]
        return told

    async def waiting(self, *partner_ids: str) -> int:
        return len([row for row in await self.store.load_deliveries() if row.partner_id in partner_ids])

    async def settle(self, *partner_ids: str) -> None:
        async with asyncio.timeout(20):
            while await self.waiting(*partner_ids):
                pass


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    post = Post()
    await post.open(tmp_path)
    yield post
    await post.deliveries.stop()
    await post.store.close()


def told_to(told: Sequence[Told], *names: str) -> list[Told]:
    return sorted((one for one in told if one[0] in names), key=str)


@pytest.mark.parametrize("kind", ["refusing", "hanging"])
async def test_a_partner_that_was_down_gets_each_object_once_as_it_is_and_the_others_every_change(
    post: Post, kind: str
) -> None:
    getattr(post.network, kind).add(DOWN)
    for number in range(1, UPDATES + 1):
        post.network.told.clear()
        expected = await post.update(number)
        # Until the next update the time stands still: who waited for the partner that is down would wait for ever.
        await post.settle(*OTHERS)
        assert told_to(post.network.told, *OTHERS, DOWN) == told_to(expected, *OTHERS)
    assert post.network.attempts > 0
    assert await post.waiting(DOWN) == SESSIONS_EACH + 2

    getattr(post.network, kind).clear()
    post.network.is_over.set()
    while post.deliveries.standing(DOWN).paused_until is None:
        await post.waiting(DOWN)
    post.network.told.clear()
    post.clock.at += timedelta(hours=1)
    expected = await post.update(UPDATES + 1)
    await post.settle(DOWN, *OTHERS)

    assert told_to(post.network.told, DOWN) == told_to(expected, DOWN)


async def test_a_refusal_that_is_kept_no_longer_is_not_listed_and_one_that_is_sent_again_is(post: Post) -> None:
    post.network.unwilling.add(DOWN)
    await post.update(1)
    async with asyncio.timeout(20):
        while any(row.state is not DeliveryState.REFUSED for row in await post.store.load_deliveries()):
            pass
    first, *rest = post.deliveries.standing(DOWN).deliveries
    post.network.unwilling.clear()
    post.network.refusing.add(DOWN)
    again = await post.deliveries.retry(DOWN, first.no)

    await post.store.commit([DropExpired(Kept.REFUSED, (row.no,)) for row in (first, *rest)])

    assert len(rest) == SESSIONS_EACH + 1
    assert [row.no for row in post.deliveries.standing(DOWN).deliveries] == [again.no]
    assert [row.no for row in await post.store.load_deliveries()] == [again.no]
