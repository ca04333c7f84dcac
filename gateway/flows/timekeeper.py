"""What happens because time passes: seals, grace times, ghosts, ends of reservations and charging profiles, pulls of
lists, the deletion of what is old, and the lazy writing of incidents."""

import asyncio
import contextlib
from datetime import datetime
from typing import Protocol

import structlog

from gateway.errors import StoreDownError
from gateway.flows.availability import Availability
from gateway.flows.sealing import GHOST_SWEEP, Sealing
from gateway.flows.trace import TraceRing
from gateway.ports import Clock, Store

log = structlog.get_logger(__name__)

TICK_S = 1.0


class Due(Protocol):
    """Has things that fall due."""

    def on_due(self, now: datetime) -> None: ...


class Timekeeper:
    """Does what is due.  `tick` takes the time as an argument; `run` calls it by the clock."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sealing: Sealing,
        availability: Availability,
        trace: TraceRing,
        *others: Due,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sealing = sealing
        self._availability = availability
        self._trace = trace
        self._others = others
        self._swept_at: datetime | None = None

    async def tick(self, now: datetime) -> None:
        """Do what is due by `now`."""
        self._sealing.on_due(now)
        self._availability.on_due(now)
        for other in self._others:
            other.on_due(now)
        if self._swept_at is None or now - self._swept_at >= GHOST_SWEEP:
            self._swept_at = now
            self._sealing.sweep_ghosts(now)
        incidents = self._trace.take_incidents()
        if incidents:
            try:
                await self._store.commit(list(incidents), bulk=True)
            except StoreDownError as error:
                self._trace.give_back(incidents)
                log.error("incidents not kept yet", count=len(incidents), reason=str(error))

    async def run(self) -> None:
        """Tick until cancelled: each second, and at once when a session becomes due."""
        changed = self._sealing.changed
        while True:
            changed.clear()
            try:
                await self.tick(self._clock.now())
            except Exception:  # root of a task
                log.exception("tick failed")
            next_at = self._sealing.agenda.next_at()
            wait_s = TICK_S if next_at is None else (next_at - self._clock.now()).total_seconds()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(TICK_S, max(0.0, wait_s)))
