"""What a replay stands on: the flows on a store of their own, a clock that the trace sets, and ids that repeat."""

import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from gateway.config import Settings as Config
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.ocpp.service import Service
from gateway.ports import TraceEntry
from gateway.store.sqlite import SqliteStore
from gateway.wiring import StationFlows, build_station_flows, ocpp_rules_of

_NAMESPACE: Final = UUID("5d6e2f0a-6d0c-5d8e-9a53-0d0f6e1c7b11")
_FIRST_OWN_NUMBER: Final = 1


class TraceClock:
    """The time of the line at hand; it never goes back."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def reach(self, at: datetime) -> None:
        self.at = max(self.at, at)


class CountedIds:
    """The same ids in each replay."""

    def __init__(self) -> None:
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return str(uuid5(_NAMESPACE, str(self._count)))


class ReplayStore(SqliteStore):
    """Gives out the transaction numbers that were recorded: the frames after a start speak of them."""

    _recorded: deque[int]
    _given: set[int]
    _next_own = _FIRST_OWN_NUMBER

    def expect_numbers(self, numbers: list[int]) -> None:
        """The numbers that the recorded gateway gave; none of them is ever given otherwise."""
        self._recorded = deque()
        self._given = set(numbers)

    def offer_number(self, number: int | None) -> None:
        """The number recorded in the answer to the message at hand."""
        self._recorded.clear()
        if number is not None:
            self._recorded.append(number)

    async def next_transaction_no(self) -> int:
        if self._recorded:
            return self._recorded.popleft()
        while self._next_own in self._given:
            self._next_own += 1
        self._next_own += 1
        return self._next_own - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a technician would have seen in the trace: a refusal, a quarantine."""

    line_no: int
    station_id: str
    kind: str
    text: str


class Remarks:
    """A trace that keeps events only, each with the line that it is about."""

    def __init__(self) -> None:
        self.line_no = 0
        self.kept: list[Remark] = []

    def frame(self, station_id: str, direction: str, text: str, at: datetime | None = None) -> None:
        """The frames are in the file already."""

    def event(self, station_id: str, kind: str, text: str) -> None:
        self.kept.append(Remark(line_no=self.line_no, station_id=station_id, kind=kind, text=text))

    def entries(self, station_id: str | None, *, limit: int) -> list[TraceEntry]:  # noqa: ARG002
        """Nothing reads it back."""
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    config: Config
    clock: TraceClock
    store: ReplayStore
    memory: Memory
    mailboxes: Mailboxes
    flows: StationFlows
    service: Service
    remarks: Remarks


@asynccontextmanager
async def open_world(config: Config, begin_at: datetime) -> AsyncIterator[World]:
    """An empty gateway at that time, on a database that is thrown away."""
    clock, memory, mailboxes, remarks = TraceClock(begin_at), Memory(), Mailboxes(), Remarks()
    with tempfile.TemporaryDirectory(prefix="gateway-replay-") as directory:
        path = Path(directory) / "replay.sqlite3"
        store = await ReplayStore.open(path, memory.apply, clock, synchronous="NORMAL")
        assert isinstance(store, ReplayStore)
        try:
            flows = build_station_flows(
                config, store=store, memory=memory, clock=clock, ids=CountedIds(), mailboxes=mailboxes
            )
            flows.availability.begin()
            yield World(
                config=config,
                clock=clock,
                store=store,
                memory=memory,
                mailboxes=mailboxes,
                flows=flows,
                service=Service(flows.events, remarks, ocpp_rules_of(config)),
                remarks=remarks,
            )
            await mailboxes.drained()
        finally:
            await store.close()


class Timers:
    """What would have happened because time passed: seals, grace times, ghosts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ghost_after = timedelta(seconds=world.config.sessions.ghost_after_s)
        self._looked_at: dict[str, datetime] = {}

    async def pass_until(self, until: datetime | None) -> None:
        """Let time pass up to `until`, or (None) until nothing is due any more."""
        world = self._world
        while (due := self._next_due()) is not None and (until is None or due <= until):
            world.clock.reach(due)
            await self._tick()
        if until is not None:
            world.clock.reach(until)
            await self._tick()

    async def _tick(self) -> None:
        world, now = self._world, self._world.clock.at
        world.flows.sealing.on_due(now)
        world.flows.availability.on_due(now)
        world.flows.sealing.sweep_ghosts(now)
        for session in world.memory.sessions.values():
            if (
                session.ledger.ended_at is None
                and not session.is_awaited
                and session.last_updated + self._ghost_after <= now
            ):
                self._looked_at[session.id] = session.last_updated
        await world.mailboxes.drained()

    def _next_due(self) -> datetime | None:
        world = self._world
        times = [world.flows.sealing.agenda.next_at(), world.flows.availability.agenda.next_at()]
        times += [
            session.last_updated + self._ghost_after
            for session in world.memory.sessions.values()
            if session.ledger.ended_at is None
            and not session.is_awaited
            and self._looked_at.get(session.id) != session.last_updated
        ]
        return min((at for at in times if at is not None), default=None)
