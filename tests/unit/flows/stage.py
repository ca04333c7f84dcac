"""The flows of the sessions on a real store, with a clock to be set and counted ids."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.core.doubts import DoubtRules
from gateway.core.status import StatusRules
from gateway.core.waivers import WaiverRules
from gateway.domain.cdrs import Cdr
from gateway.domain.events import (
    AuthorizeAsked,
    BootReported,
    StatusReported,
    TransactionAnswer,
    TransactionReported,
)
from gateway.domain.locations import EvseStatus
from gateway.domain.sessions import Fact, Session
from gateway.domain.stations import Admission, Station
from gateway.domain.tokens import IdToken, LocalStatus, LocalToken
from gateway.errors import StoreDownError
from gateway.flows.authorization import Authorizer
from gateway.flows.availability import Availability
from gateway.flows.corrections import Corrections
from gateway.flows.expected import AllExpected
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.partner_book import PartnerBook
from gateway.flows.remote_starts import RemoteStarts
from gateway.flows.reserved import Reserved
from gateway.flows.sealing import Sealing
from gateway.flows.session_terms import SealRules
from gateway.flows.signatures import Signatures
from gateway.flows.station_events import BootRules, StationEvents
from gateway.flows.timekeeper import Timekeeper
from gateway.flows.trace import TraceRing
from gateway.flows.transactions import Transactions
from gateway.ops.signatures import EcdsaVerifier
from gateway.ports import (
    Change,
    Publish,
    SaveLocalToken,
    SaveLocation,
    SaveStation,
    SaveTariff,
    SaveToken,
)
from gateway.store.sqlite import SqliteStore
from tests.unit.flows.emsps import Emsps
from tests.unit.flows.words import LOCATION, NOON, OTHER_TOKEN, STATION, TARIFF, THEN, TOKEN, receipt

RULES = SealRules(seal_after_s=5, gap_wait_s=3_600, ghost_after_s=86_400)
OFFLINE_GRACE_S = 300
RESTART_GRACE_S = 1_200


class FakeClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class CountedIds:
    def __init__(self) -> None:
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"id-{self.count}"


class FaultyStore:
    """The real store behind a switch: down or not; it notes what was read and counts commits."""

    def __init__(self) -> None:
        self.real: Any = None
        self.is_down = False
        self.reads: list[str] = []
        self.commits: list[Sequence[Change]] = []
        self.is_committing = asyncio.Event()

    async def commit(self, work: Sequence[Change], *, bulk: bool = False) -> Sequence[Change]:
        if self.is_down:
            raise StoreDownError("the disk is full")
        self.commits.append(work)
        self.is_committing.set()
        stamped: Sequence[Change] = await self.real.commit(work, bulk=bulk)
        return stamped

    def commit_then(self, work: Sequence[Change], then: Callable[[Exception | None], None]) -> None:
        if self.is_down:
            raise StoreDownError("the disk is full")
        self.commits.append(work)
        self.is_committing.set()
        self.real.commit_then(work, then)

    async def next_transaction_no(self) -> int:
        number: int = await self.real.next_transaction_no()
        return number

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("find_", "load_", "has_")):
            self.reads.append(name)
        return getattr(self.real, name)


class Stage:
    """The flows around one store; `reopen` is a restart of the program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.ids = CountedIds()
        self.store = FaultyStore()
        self.doubt_rules = DoubtRules()
        self.waiver_rules = WaiverRules()
        self.rules = RULES
        self.emsps: Emsps | None = None
        self.partners = PartnerBook()
        self.subscribers: list[Publish] = []

    async def open(self) -> None:
        store: Any = self.store
        clock = self.clock
        self.memory = Memory()
        self.mailboxes = Mailboxes()
        self.trace = TraceRing(clock)
        store.real = await SqliteStore.open(self.folder / "gateway.db", self._publish, clock, synchronous="NORMAL")
        authorizer = Authorizer(store, self.emsps and self.emsps.inquiries(self.memory, self.partners, clock))
        self.availability = Availability(
            store,
            self.memory,
            clock,
            self.mailboxes,
            StatusRules(),
            offline_grace_s=OFFLINE_GRACE_S,
            restart_grace_s=RESTART_GRACE_S,
        )
        self.starts = RemoteStarts(clock)
        expectations = AllExpected((self.starts, Reserved(self.memory, clock)))
        self.transactions = Transactions(store, self.memory, clock, self.ids, authorizer, self.rules, expectations)
        signatures = Signatures(store, self.memory, EcdsaVerifier())
        self.sealing = Sealing(
            store,
            self.memory,
            clock,
            self.ids,
            self.mailboxes,
            self.transactions,
            self.availability,
            self.rules,
            signatures,
            self.doubt_rules,
            self.waiver_rules,
        )
        self.corrections = Corrections(
            store=store,
            memory=self.memory,
            clock=clock,
            ids=self.ids,
            mailboxes=self.mailboxes,
            signatures=signatures,
            doubt_rules=self.doubt_rules,
        )
        await self.memory.load(store)
        await self.starts.load(store)
        self.availability.begin()
        self.events = StationEvents(
            store, self.memory, clock, authorizer, self.availability, self.transactions, BootRules(), expectations
        )
        self.keeper = Timekeeper(store, clock, self.sealing, self.availability, self.trace)
        self.store.reads.clear()
        self.store.commits.clear()
        self.store.is_committing.clear()

    async def close(self) -> None:
        await self.mailboxes.drained()
        await self.store.real.close()

    async def reopen(self) -> None:
        await self.close()
        await self.open()

    def _publish(self, changes: Sequence[Change]) -> None:
        self.memory.apply(changes)
        self.partners.on_changes(changes)
        self.starts.on_changes(changes)
        for subscriber in self.subscribers:
            subscriber(changes)

    # --- arranging

    async def provide(self, *changes: Change) -> None:
        await self.store.real.commit(changes)

    async def provide_usual(self) -> None:
        """A station with its location and tariff, and two cards of an eMSP."""
        station = Station(id=STATION, admission=Admission.ACCEPTED, created_at=THEN)
        await self.provide(
            SaveStation(station), SaveTariff(TARIFF), SaveLocation(LOCATION), SaveToken(TOKEN), SaveToken(OTHER_TOKEN)
        )

    async def provide_local(self, uid: str, status: LocalStatus) -> None:
        await self.provide(SaveLocalToken(LocalToken(uid=uid, last_updated=self.clock.at, status=status)))

    # --- acting

    async def send(self, event: Any) -> Any:
        """Have a station's message taken in, at its time unless that has passed."""
        self.clock.at = max(self.clock.at, event.at)
        event = self.received(event)
        if isinstance(event, StatusReported):
            await self.events.on_status(event)
            return None
        return await self._take(event)

    async def _take(self, event: TransactionReported) -> TransactionAnswer:
        """As the edge does: in one step where that is enough."""
        answer = await self._step(event)
        return answer if isinstance(answer, TransactionAnswer) else await self.events.on_transaction(event)

    async def begin(self, event: Any) -> TransactionAnswer | Exception | None:
        """Have a message taken in by one step alone; None where that is not enough."""
        self.clock.at = max(self.clock.at, event.at)
        return await self._step(self.received(event))

    async def _step(self, event: TransactionReported) -> TransactionAnswer | Exception | None:
        told: asyncio.Future[TransactionAnswer | Exception] = asyncio.get_running_loop().create_future()
        return await told if self.events.begin_transaction(event, told.set_result) else None

    async def send_all(self, *events: Any) -> TransactionAnswer:
        """The same for several; gives the answer to the last."""
        answers = [await self.send(event) for event in events]
        answer: TransactionAnswer = answers[-1]
        return answer

    def received(self, event: Any) -> Any:
        now = self.clock.at
        event = replace(event, receipt=replace(event.receipt, received_at=now))
        if "time_replaced" not in event.flags:
            return event
        if isinstance(event, StatusReported):
            return replace(event, at=now)
        return replace(event, at=now, readings=tuple(replace(one, at=now) for one in event.readings))

    async def boot(self, station_id: str = STATION) -> Any:
        event = BootReported(
            receipt=receipt("BootNotification", station_id=station_id), version="1.6", vendor="V", model="M"
        )
        return await self.events.on_boot(self.received_boot(event))

    def received_boot(self, event: BootReported) -> BootReported:
        return replace(event, receipt=replace(event.receipt, received_at=self.clock.at))

    async def authorize(self, uid: str, type_: str | None = None) -> Any:
        asked = AuthorizeAsked(receipt=receipt("Authorize"), id_token=IdToken(value=uid, type=type_))
        return await self.events.on_authorize(asked)

    async def wait(self, seconds: float) -> None:
        """Let time pass, and all that is due in it happen."""
        self.clock.at += timedelta(seconds=seconds)
        await self.tick()

    async def tick(self) -> None:
        await self.keeper.tick(self.clock.at)
        await self.mailboxes.drained()

    # --- looking

    async def load_session(self, transaction_id: str = "1", station_id: str = STATION) -> Session:
        found = await self.store.real.find_session_by_transaction(station_id, transaction_id)
        assert found is not None
        return found  # type: ignore[no-any-return]

    async def load_facts(self, transaction_id: str = "1", station_id: str = STATION) -> list[Fact]:
        session = await self.load_session(transaction_id, station_id)
        return list(await self.store.real.load_facts(session.id))

    async def load_cdrs(self) -> list[Cdr]:
        return list(await self.store.real.list_cdrs(limit=1_000))

    async def load_cdr(self) -> Cdr:
        (cdr,) = await self.load_cdrs()
        return cdr

    async def load_late(self) -> list[Any]:
        return list(await self.store.real.list_late_facts(limit=1_000))

    def status_of(self, evse_no: int = 1) -> EvseStatus:
        (evse,) = [
            evse
            for location in self.memory.locations.values()
            for evse in location.evses
            if evse.uid == f"{STATION}-{evse_no}"
        ]
        return evse.status


@asynccontextmanager
async def opened(folder: Path, emsps: Emsps | None = None) -> AsyncIterator[Stage]:
    """A stage with nothing on it; with `emsps` they are asked."""
    stage = Stage(folder)
    stage.emsps = emsps
    await stage.open()
    try:
        yield stage
    finally:
        stage.store.is_down = False
        await stage.close()
