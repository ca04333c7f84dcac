"""Deliveries over a real store, and partners that answer what the test says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.domain.deliveries import Message, PartnerAnswer
from gateway.domain.partners import Endpoint, Partner, PartnerRole
from gateway.errors import PartnerError
from gateway.flows.delivery import Deliveries
from gateway.flows.letters import Idiom, Letters
from gateway.flows.memory import Memory
from gateway.flows.outbox import Outbox
from gateway.flows.partner_book import PartnerBook
from gateway.ports import Change
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import LOCATION, NOON, PARTNER_ROW, TARIFF, SetClock
from tests.fakes.smart_charging import FixedLimits

MODULES = ("locations", "tariffs", "sessions", "cdrs")
TAKEN = PartnerAnswer(at=NOON, http_status=200, status_code=1000)


def receiver(*modules: str, **changes: Any) -> Partner:
    """A registered partner with receivers for these modules (all, unless some are named)."""
    endpoints = tuple(
        Endpoint(identifier=module, role="RECEIVER", url=f"https://emsp.example/{module}")
        for module in modules or MODULES
    )
    return replace(PARTNER_ROW, endpoints=endpoints, version="2.2.1", **changes)


def hub(party: Any, **changes: Any) -> Partner:
    return receiver(role="HUB", roles=(PartnerRole(party=party, role="HUB", name="Hub"),), **changes)


class Network:
    """What partners were sent; `answers` are given one after the other, then everything is taken.

    `found` likewise where a bill is looked for; `moved` is the partner with the endpoints of now, which cannot be
    looked up while it `is_gone`.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.called: list[Partner] = []
        self.answers: list[PartnerAnswer] = []
        self.found: list[PartnerAnswer] = []
        self.looked_for: list[tuple[str, str | None]] = []
        self.moved: Partner | None = None
        self.is_gone = False
        self.looked_up = 0
        self.idiom = Idiom()

    def render(self, version: str, item: Any, totals: Any = None) -> dict[str, Any]:
        name = getattr(item, "id", None) or item.uid
        return {"id": name, "last_updated": "now", "status": str(getattr(item, "status", ""))}

    def dump(self, partner: Partner, rendered: dict[str, Any]) -> bytes:
        return repr(sorted(rendered.items())).encode()

    def idiom_of(self, partner: Partner) -> Idiom:
        return self.idiom

    async def send(self, partner: Partner, token: str, message: Message) -> PartnerAnswer:
        self.sent.append((partner.id, message))
        self.called.append(partner)
        return self.answers.pop(0) if self.answers else TAKEN

    async def look_for(
        self, partner: Partner, token: str, message: Message, cdr_id: str, url: str | None
    ) -> PartnerAnswer:
        self.looked_for.append((cdr_id, url))
        return self.found.pop(0)

    async def look_up(self, partner: Partner) -> Partner:
        self.looked_up += 1
        if self.is_gone:
            raise PartnerError("unusable", "GET versions was answered with 404")
        return self.moved or partner

    @property
    def told(self) -> list[str]:
        """The messages so far as "METHOD module last-part-of-the-path"."""
        return [" ".join([message.method, message.module, *message.path[-1:]]) for _, message in self.sent]


class PostOffice:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.memory, self.book = Memory(), PartnerBook()
        self.network = Network()
        self.outbox = Outbox(self.memory, self.clock, timedelta(minutes=1))

    async def open(self, folder: Path) -> None:
        self.store = await SqliteStore.open(
            folder / "gateway.db", self._publish, self.clock, synchronous="NORMAL", follow=self.outbox.follow
        )
        self.letters = Letters(self.store, self.memory, self.network, FixedLimits())
        self.deliveries = Deliveries(
            store=self.store,
            partners=self.book,
            postman=self.network,
            letters=self.letters,
            outbox=self.outbox,
            find_token=lambda partner: "token",
            look_up=self.network.look_up,
            clock=self.clock,
            chance=lambda: 1_000,
        )
        await self.deliveries.begin()

    async def close(self) -> None:
        await self.deliveries.stop()
        await self.store.close()

    def _publish(self, changes: Sequence[Change]) -> None:
        self.memory.apply(changes)
        self.book.on_changes(changes)
        self.outbox.on_changes(changes)
        if hasattr(self, "deliveries"):
            self.deliveries.on_changes(changes)

    async def commit(self, *changes: Change) -> None:
        """Save, and have all delivered that can be by now."""
        await self.store.commit(changes)
        await self.delivered()

    async def wait(self, seconds: float) -> None:
        self.clock.at += timedelta(seconds=seconds)
        for desk in list(self.deliveries._desks.values()):
            self.deliveries._pump(desk)
        await self.delivered()

    async def delivered(self) -> None:
        while self.deliveries._tasks:
            await asyncio.gather(*self.deliveries._tasks, return_exceptions=True)
            await asyncio.sleep(0)

    async def waiting(self) -> list[str]:
        return [row.subject.kind.value for row in await self.store.load_deliveries()]


@asynccontextmanager
async def opened_post(folder: Path) -> AsyncIterator[PostOffice]:
    office = PostOffice()
    await office.open(folder)
    yield office
    await office.close()


__all__ = ["LOCATION", "TARIFF", "Network", "PostOffice", "hub", "opened_post", "receiver"]
