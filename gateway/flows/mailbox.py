"""One mailbox a station: all that changes a station or its sessions goes through it, strictly in order.

Connections feed it and it outlives them.  An idle station costs nothing: the worker lives while there is work.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from gateway.domain.ids import station_key

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[None]]
T = TypeVar("T")


class Mailboxes:
    """The mailboxes of all stations."""

    def __init__(self) -> None:
        self._boxes: dict[str, deque[Job]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}

    def post(self, station_id: str, job: Job) -> None:
        """Have `job` run after all that was posted before it for this station.  What it raises is logged, not passed
        on."""
        key = station_key(station_id)
        box = self._boxes.get(key)
        if box is not None:
            box.append(job)
            return
        self._boxes[key] = box = deque((job,))
        self._workers[key] = asyncio.get_running_loop().create_task(self._work(key, box))

    async def run(self, station_id: str, job: Callable[[], Awaitable[T]]) -> T:
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
        while busy := [worker for worker in self._workers.values() if not worker.done()]:
            await asyncio.wait(busy)

    async def _work(self, key: str, box: deque[Job]) -> None:
        try:
            while box:
                job = box.popleft()
                try:
                    await job()
                except asyncio.CancelledError:
                    # What the job waited for was cancelled; the jobs behind it have nothing to do with that.
                    if _is_cancelled():
                        raise
                    log.warning("station job cancelled", station_id=key)
                except Exception:  # root of a task
                    log.exception("station job failed", station_id=key)
        finally:
            del self._boxes[key], self._workers[key]


def _is_cancelled() -> bool:
    """Is the task that runs now itself to end?"""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
