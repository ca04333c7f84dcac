"""The one writer: Works queue while the last batch commits, and go together into the next.

No timer: a Work that comes alone is committed at once, Works that come together share a commit.  Memory follows the
disk: after a batch's commit its changes are published, and only then do the callers go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from gateway.errors import StoreDownError, StoreFullError
from gateway.ports import Follow, Publish
from gateway.store.batch import Entry, write_batch
from gateway.store.cdrs import KeepCdrRenderings
from gateway.store.changes import StoreChange, prepare_work
from gateway.store.connection import Connection
from gateway.store.counters import ReserveNumbers

log = structlog.get_logger(__name__)

UNPUBLISHED = frozenset({KeepCdrRenderings, ReserveNumbers})
"""The store's own changes; they come alone in their Work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the queue and of one batch.  A Work larger than a batch still goes, alone."""

    queue_rows: int = 50_000
    queue_bytes: int = 64 * 1024 * 1024
    batch_rows: int = 2_000
    batch_bytes: int = 4 * 1024 * 1024
    bulk_rows: int = 250
    """Rows of bulk Works in one batch, after the others."""
    gather_rounds: int = 4
    """Turns of the event loop to wait at most while more Works keep coming in."""


class Writer:
    """Commits Works in batches.  `publish` and `follow` are called on the event loop and must not wait."""

    def __init__(
        self,
        connection: Connection,
        publish: Publish,
        now: Callable[[], datetime],
        limits: Limits | None = None,
        follow: Follow | None = None,
    ) -> None:
        self._connection = connection
        self._publish = publish
        self._follow = follow
        self._now = now
        self.limits = limits or Limits()
        self._urgent: deque[Entry] = deque()
        self._bulk: deque[Entry] = deque()
        self._rows = 0
        self._bytes = 0
        self._is_closing = False
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="store writer")

    @property
    def queued_rows(self) -> int:
        return self._rows

    def submit(self, work: Sequence[StoreChange], *, bulk: bool = False) -> "asyncio.Future[Sequence[Any]]":
        """Queue a Work; the future has its changes as stored.  Raises StoreFullError, StoreDownError."""
        entry = self._queue(work, self._bulk if bulk else self._urgent)
        entry.future = self._loop.create_future()
        return entry.future

    def submit_then(self, work: Sequence[StoreChange], then: Callable[[Exception | None], None]) -> None:
        """Queue a Work; `then` is called when it is stored (None) or why it is not.  Raises as `submit`."""
        self._queue(work, self._urgent).then = then

    def _queue(self, work: Sequence[StoreChange], queue: deque[Entry]) -> Entry:
        if self._is_closing:
            raise StoreDownError("The store is closing.")
        asked = len(work)
        if self._follow is not None:
            work = self._with_followers(work, self._follow)
        prepared, size = prepare_work(work)
        if self._rows and (
            self._rows + len(prepared) > self.limits.queue_rows or self._bytes + size > self.limits.queue_bytes
        ):
            raise StoreFullError(f"{self._rows} rows wait for the disk already; try again when they are written.")
        entry = Entry(prepared, size, asked)
        if not queue:
            self._wake.set()
        queue.append(entry)
        self._rows += len(prepared)
        self._bytes += size
        return entry

    def _with_followers(self, work: Sequence[StoreChange], follow: Follow) -> Sequence[StoreChange]:
        whole = work
        for change in work:
            if type(change) not in UNPUBLISHED and (followers := follow(change)):  # type: ignore[arg-type]
                whole = [*whole, *followers]
        return whole

    async def close(self) -> None:
        """Take no more Works and finish those that are queued."""
        self._is_closing = True
        self._wake.set()
        await self._task

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await self._gather()
            batch = self._take_batch()
            if batch:
                await self._commit(batch)
                batch.clear()  # the connection's thread keeps its last call, and what that holds, until the next one
            if not self._urgent and not self._bulk:
                if self._is_closing:
                    return
                self._wake.clear()

    async def _gather(self) -> None:
        """Let those who are ready queue their Works too."""
        for _ in range(self.limits.gather_rounds):
            before = len(self._urgent)
            await asyncio.sleep(0)
            if len(self._urgent) == before or self._rows >= self.limits.batch_rows:
                return

    def _take_batch(self) -> list[Entry]:
        batch: list[Entry] = []
        if not self._bulk and self._rows <= self.limits.batch_rows and self._bytes <= self.limits.batch_bytes:
            batch += self._urgent
            self._urgent.clear()
            self._rows = self._bytes = 0
            return batch
        rows = self._take(self._urgent, batch, self.limits.batch_rows, self.limits.batch_bytes)
        if rows < self.limits.batch_rows:
            self._take(self._bulk, batch, self.limits.bulk_rows, self.limits.batch_bytes)
        return batch

    def _take(self, queue: deque[Entry], batch: list[Entry], rows_left: int, bytes_left: int) -> int:
        """Move entries to the batch while they fit; the first of a queue always goes."""
        rows = size = 0
        had = len(batch)
        while queue:
            entry = queue[0]
            rows += len(entry.prepared)
            size += entry.size
            if len(batch) > had and (rows > rows_left or size > bytes_left):
                return rows
            batch.append(queue.popleft())
            self._rows -= len(entry.prepared)
            self._bytes -= entry.size
        return rows

    async def _commit(self, batch: list[Entry]) -> None:
        try:
            await self._connection.run(write_batch, batch, self._now())
            self._publish_changes(batch)
        except StoreDownError as error:
            log.error("commit failed", works=len(batch), error=str(error))
            _fail(batch, str(error))
        except Exception as error:  # root of a task
            log.exception("batch failed", works=len(batch))
            _fail(batch, f"The store failed: {error!r}.")
        else:
            _resolve(batch)

    def _publish_changes(self, batch: list[Entry]) -> None:
        published: list[Any] = []
        for entry in batch:
            if entry.stamped and type(entry.stamped[0]) not in UNPUBLISHED:
                published += entry.stamped
        if published:
            self._publish(published)


def _resolve(batch: list[Entry]) -> None:
    for entry in batch:
        future = entry.future
        if future is None:
            _tell(entry, entry.error)
        elif future.done():
            continue  # the caller was cancelled; the Work stands
        elif entry.error is not None:
            future.set_exception(entry.error)
        else:
            future.set_result((entry.stamped or [])[: entry.asked])


def _fail(batch: list[Entry], reason: str) -> None:
    for entry in batch:
        if entry.future is None:
            _tell(entry, StoreDownError(reason))
        elif not entry.future.done():
            entry.future.set_exception(StoreDownError(reason))


def _tell(entry: Entry, error: Exception | None) -> None:
    """A caller's fault is not that of the batch."""
    if entry.then is None:
        return
    try:
        entry.then(error)
    except Exception:  # root of a task
        log.exception("caller of a commit failed")
