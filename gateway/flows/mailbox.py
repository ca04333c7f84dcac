"""One mailbox a station: all that changes a station or its sessions goes through it, strictly in order.

Connections feed it and it outlives them.  An idle station costs nothing: its worker lives while there is work.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from gateway.domain.ids import station_key

log = structlog.get_logger(__name__)

T = TypeVar("T")
Job = Callable[[], Coroutine[Any, Any, None]]


class Mailboxes:
    """The mailboxes of all stations."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._idle: asyncio.Future[None] | None = None

    def serve(self, station_id: str, job: Job) -> None:
        """Do `job`, a message's, after all that was posted before it for this station; at once, if that is nothing.

        It runs without a task until it first waits and after, for most messages wait for one commit only: what needs
        a task (`asyncio.timeout` does) is awaited through `in_task`.  What it raises is logged, not passed on.
        """
        key = station_key(station_id)
        worker = self._workers.get(key)
        if worker is not None:
            worker.jobs.append(job)
            return
        worker = self._workers[key] = _Worker(self, key, job)
        worker.go()

    def post(self, station_id: str, job: Job) -> None:
        """Have `job` run as a task of its own, in the station's order.  What it raises is logged, not passed on."""
        key = station_key(station_id)
        worker = self._workers.get(key)
        if worker is not None:
            worker.jobs.append(lambda: in_task(job()))
            return
        worker = self._workers[key] = _Worker(self, key, lambda: in_task(job()))
        asyncio.get_running_loop().call_soon(worker.go)

    async def run(self, station_id: str, job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `job` in the station's order and give its result, or raise what it raised."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def deliver() -> None:
            try:
                result = await job()
            except asyncio.CancelledError:
                done.cancel()
                raise
            except Exception as error:  # root of a task: handed to the one who waits
                if not done.cancelled():
                    done.set_exception(error)
                return
            if not done.cancelled():
                done.set_result(result)

        self.post(station_id, deliver)
        return await done

    async def drained(self) -> None:
        """Return once every mailbox is empty."""
        while self._workers:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    def on_empty(self, key: str) -> None:
        """A worker has nothing more to do."""
        del self._workers[key]
        if self._idle is not None and not self._workers:
            self._idle.set_result(None)
            self._idle = None


async def in_task(work: Coroutine[Any, Any, T]) -> T:
    """Await something that needs a task around it, from a job that has none."""
    return await asyncio.get_running_loop().create_task(work)


class _Worker:
    """Steps the jobs of one station, one after the other.

    A task would cost a tenth of a message: it is made, scheduled and woken through the loop.  This drives a coroutine
    by the same rules, but starts where it is called and goes on where the awaited future calls back.
    """

    __slots__ = ("_boxes", "_job", "_key", "jobs")

    def __init__(self, boxes: Mailboxes, key: str, job: Job) -> None:
        self._boxes = boxes
        self._key = key
        self._job: Coroutine[Any, Any, None] | None = None
        self.jobs = deque((job,))

    def go(self, _waited: object = None) -> None:
        """Run until a job has to wait; what it waits for calls this again."""
        jobs = self.jobs
        while self._job is not None or jobs:
            try:
                if self._job is None:
                    self._job = jobs.popleft()()
                awaited = self._job.send(None)
            except StopIteration:
                self._job = None
            except asyncio.CancelledError:
                # What the job waited for was cancelled; the jobs behind it have nothing to do with that.
                self._job = None
                log.warning("station job cancelled", station_id=self._key)
            except Exception:  # root of a task
                self._job = None
                log.exception("station job failed", station_id=self._key)
            else:
                self._go_on_after(awaited)
                return
        self._boxes.on_empty(self._key)

    def _go_on_after(self, awaited: Any) -> None:
        """A bare yield asks for another turn of the loop; all else that asyncio code yields is a future."""
        if awaited is None:
            asyncio.get_running_loop().call_soon(self.go)
            return
        awaited._asyncio_future_blocking = False  # as a task does: it is waited for now
        awaited.add_done_callback(self.go)
