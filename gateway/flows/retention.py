"""What is old is deleted: a little at a time, daily, so that no charger waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from gateway.domain.retention import Kept, Key
from gateway.errors import StoreDownError
from gateway.flows.memory import Memory
from gateway.ports import Clock, DropExpired, Store

log = structlog.get_logger(__name__)

FIRST_AFTER = timedelta(minutes=1)
"""After the start, when the stations come back, the disk has other things to do."""
INTERVAL = timedelta(days=1)
AFTER_FAILURE = timedelta(minutes=10)
SLICE = 200
PATIENCE = 20
"""Slices in a row with nothing old in them, after which what comes behind is young as well: rows are in the order in
which they came, but some of them changed late."""
LARGE = frozenset({Kept.UNBILLED, Kept.BILLED, Kept.CDR})
"""With each of these go all the messages of a session: one at a time."""
WHOLE = frozenset({Kept.DEVIATION, Kept.UNBILLED, Kept.REFUSED, Kept.CDR})
"""In no order of time, or few: looked through from end to end."""


class Retention:
    """Deletes what is kept no longer.  `rules`: how long each kind is kept; one that is not named, for ever."""

    def __init__(self, store: Store, memory: Memory, clock: Clock, rules: Mapping[Kept, timedelta]) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._rules = rules
        self._next_at = clock.now() + FIRST_AFTER
        self._task: asyncio.Task[None] | None = None

    def on_due(self, now: datetime) -> None:
        """Begin a sweep if it is time for one."""
        if self._rules and now >= self._next_at and (self._task is None or self._task.done()):
            self._next_at = now + INTERVAL
            self._task = asyncio.get_running_loop().create_task(self._run(now))

    async def settled(self) -> None:
        """Return once no sweep is under way."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Give up what is under way: each deletion is whole, and the next sweep does the rest."""
        if self._task is not None:
            self._task.cancel()
            await self.settled()

    async def sweep(self, now: datetime) -> dict[Kept, int]:
        """Delete all that is too old by `now`; how much of each kind.  Raises StoreDownError."""
        return {kind: await self._sweep(kind, now - kept_for) for kind, kept_for in self._rules.items()}

    async def _run(self, now: datetime) -> None:
        try:
            counts = await self.sweep(now)
        except StoreDownError as error:
            self._next_at = self._clock.now() + AFTER_FAILURE
            log.error("old data not deleted yet", reason=str(error))
        except Exception:  # root of a task
            log.exception("old data not deleted")
        else:
            log.info("old data deleted", **{kind.value: count for kind, count in counts.items() if count})

    async def _sweep(self, kind: Kept, before: datetime) -> int:
        count = young = 0
        after: Key | None = None
        while True:
            found = await self._store.find_expired(kind, before, after, SLICE)
            keys = [key for key in found.keys if not self._is_running(kind, key)]
            step = 1 if kind in LARGE else SLICE
            for start in range(0, len(keys), step):
                work = [DropExpired(kind, key) for key in keys[start : start + step]]
                await self._store.commit(work, bulk=True)
            count += len(keys)
            young = young + 1 if found.is_young and kind not in WHOLE else 0
            if found.next_after is None or young >= PATIENCE:
                return count
            after = found.next_after

    def _is_running(self, kind: Kept, key: Key) -> bool:
        """A refused driver's session that nobody ended is none that is over."""
        return kind is Kept.UNBILLED and key[1] in self._memory.sessions
