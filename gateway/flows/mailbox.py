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


class Step:
    """What is left of a job that waits for one thing only: `end` is called when it is over.

    It spares almost every message its coroutines.  `end` may leave more to do, which then runs as any other job; the
    jobs behind it wait for that too.
    """

    __slots__ = ("_go_on",)

    _go_on: Callable[[Coroutine[Any, Any, None] | None], None]

    def end(self, rest: Coroutine[Any, Any, None] | None = None) -> None:
        """It is over, but for `rest`.  To be called once, from the event loop, after the job returned."""
        self._go_on(rest)

    def go_on_with(self, go_on: Callable[[Coroutine[Any, Any, None] | None], None]) -> None:
        self._go_on = go_on


Job = Callable[[], Coroutine[Any, Any, None] | Step]


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
            worker.add(job)
            return
        worker = self._workers[key] = _Worker(self, key)
        worker.begin(job)

    def post(self, station_id: str, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `job` run as a task of its own, in the station's order.  What it raises is logged, not passed on."""
        key = station_key(station_id)
        worker = self._workers.get(key)
        if worker is not None:
            worker.add(lambda: in_task(job()))
            return
        worker = self._workers[key] = _Worker(self, key)
        worker.add(lambda: in_task(job()))
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

    __slots__ = ("_boxes", "_job", "_jobs", "_key")

    def __init__(self, boxes: Mailboxes, key: str) -> None:
        self._boxes = boxes
        self._key = key
        self._job: Coroutine[Any, Any, None] | None = None
        self._jobs: deque[Job] | None = None

    def add(self, job: Job) -> None:
        if self._jobs is None:
            self._jobs = deque()
        self._jobs.append(job)

    def go(self, _waited: object = None) -> None:
        """Run until a job has to wait; what it waits for calls this again."""
        while True:
            if self._job is None:
                if not self._jobs:
                    self._boxes.on_empty(self._key)
                    return
                if not self._start(self._jobs.popleft()):
                    return
            elif not self._advance(self._job):
                return

    def begin(self, job: Job) -> None:
        """Go, with a first job."""
        if self._start(job):
            self.go()

    def _start(self, job: Job) -> bool:
        """Begin a job; False if it waits as a step."""
        try:
            begun = job()
        except Exception:  # root of a task
            log.exception("station job failed", station_id=self._key)
            return True
        if isinstance(begun, Step):
            begun.go_on_with(self._end_step)
            return False
        self._job = begun
        return True

    def _end_step(self, rest: Coroutine[Any, Any, None] | None) -> None:
        """Whoever ends a step may be another's task: what runs code of its own waits for its turn of the loop."""
        if rest is None and not self._jobs:
            self._boxes.on_empty(self._key)
            return
        self._job = rest
        asyncio.get_running_loop().call_soon(self.go)

    def _advance(self, job: Coroutine[Any, Any, None]) -> bool:
        """Step a coroutine; False if it waits."""
        try:
            awaited = job.send(None)
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
            return False
        return True

    def _go_on_after(self, awaited: Any) -> None:
        """A bare yield asks for another turn of the loop; all else that asyncio code yields is a future."""
        if awaited is None:
            asyncio.get_running_loop().call_soon(self.go)
            return
        awaited._asyncio_future_blocking = False  # as a task does: it is waited for now
        awaited.add_done_callback(self.go)
