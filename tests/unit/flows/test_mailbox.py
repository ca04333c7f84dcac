import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.errors import ConflictError
from gateway.flows.mailbox import Mailboxes


class Diary:
    """Jobs that note when they begin and end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def job(self, name: str, *, turns: int = 1) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self.lines.append(f"{name} begins")
            for _ in range(turns):
                await asyncio.sleep(0)
            self.lines.append(f"{name} ends")

        return work


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def fail() -> None:
    raise ConflictError("no")


async def wait_for_a_cancelled_future() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def test_the_jobs_of_a_station_run_one_after_the_other(diary: Diary) -> None:
    boxes = Mailboxes()

    for name in "abc":
        boxes.post("CS1", diary.job(name, turns=3))
    await boxes.drained()

    assert diary.lines == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


async def test_the_spelling_of_the_identity_does_not_part_a_mailbox(diary: Diary) -> None:
    boxes = Mailboxes()

    boxes.post("CS1", diary.job("a", turns=3))
    boxes.post("cs1", diary.job("b"))
    await boxes.drained()

    assert diary.lines == ["a begins", "a ends", "b begins", "b ends"]


async def test_stations_do_not_wait_for_each_other(diary: Diary) -> None:
    boxes = Mailboxes()

    boxes.post("CS1", diary.job("a", turns=3))
    boxes.post("CS2", diary.job("b"))
    await boxes.drained()

    assert diary.lines == ["a begins", "b begins", "b ends", "a ends"]


async def test_a_job_posted_by_a_job_comes_last(diary: Diary) -> None:
    boxes = Mailboxes()

    async def post_another() -> None:
        boxes.post("CS1", diary.job("c"))

    boxes.post("CS1", post_another)
    boxes.post("CS1", diary.job("b"))
    await boxes.drained()

    assert diary.lines == ["b begins", "b ends", "c begins", "c ends"]


async def test_an_idle_station_costs_nothing(diary: Diary) -> None:
    boxes = Mailboxes()
    boxes.post("CS1", diary.job("a"))
    await boxes.drained()

    assert (boxes._boxes, boxes._workers) == ({}, {})

    await boxes.run("CS1", diary.job("b"))
    assert diary.lines[-1] == "b ends"


async def test_a_job_that_fails_stops_no_other(diary: Diary) -> None:
    boxes = Mailboxes()

    boxes.post("CS1", fail)
    boxes.post("CS1", diary.job("b"))
    await boxes.drained()

    assert diary.lines == ["b begins", "b ends"]


async def test_the_result_or_the_error_of_a_job_reaches_who_waits() -> None:
    boxes = Mailboxes()

    async def count() -> int:
        return 7

    assert await boxes.run("CS1", count) == 7
    with pytest.raises(ConflictError):
        await boxes.run("CS1", fail)


async def test_a_job_cancelled_from_within_stops_no_other(diary: Diary) -> None:
    boxes = Mailboxes()

    boxes.post("CS1", wait_for_a_cancelled_future)
    boxes.post("CS1", diary.job("b"))
    await boxes.drained()

    assert diary.lines == ["b begins", "b ends"]


async def test_who_waits_for_a_job_cancelled_from_within_does_not_wait_for_ever(diary: Diary) -> None:
    boxes = Mailboxes()

    with pytest.raises(asyncio.CancelledError):
        await boxes.run("CS1", wait_for_a_cancelled_future)

    await boxes.run("CS1", diary.job("b"))
    assert diary.lines == ["b begins", "b ends"]


async def test_a_job_goes_on_though_nobody_waits_for_it_any_more(diary: Diary) -> None:
    boxes = Mailboxes()
    waiting = asyncio.create_task(boxes.run("CS1", diary.job("a", turns=5)))
    failing = asyncio.create_task(boxes.run("CS1", fail))
    await asyncio.sleep(0)
    waiting.cancel()
    failing.cancel()

    await boxes.drained()

    assert diary.lines == ["a begins", "a ends"]
    assert waiting.cancelled()


async def test_a_worker_that_is_to_end_ends_and_the_mailbox_serves_on(diary: Diary) -> None:
    boxes = Mailboxes()
    boxes.post("CS1", diary.job("a", turns=1_000))
    await asyncio.sleep(0)
    (worker,) = boxes._workers.values()
    worker.cancel()
    await boxes.drained()

    await boxes.run("CS1", diary.job("b"))

    assert diary.lines == ["a begins", "b begins", "b ends"]
