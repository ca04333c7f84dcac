import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.errors import ConflictError
from gateway.flows.mailbox import Mailboxes, Step, in_task


class Diary:
    """Jobs that note when they begin and end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def job(self, name: str, *, turns: int = 1) -> Callable[[], Coroutine[Any, Any, None]]:
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

    assert boxes._workers == {}

    await boxes.run("CS1", diary.job("b"))
    assert diary.lines[-1] == "b ends"


async def test_a_job_that_fails_stops_no_other(diary: Diary) -> None:
    boxes = Mailboxes()

    boxes.post("CS1", fail)
    boxes.post("CS1", diary.job("b"))
    await boxes.drained()

    assert diary.lines == ["b begins", "b ends"]


async def test_a_job_that_cannot_even_begin_stops_no_other(diary: Diary) -> None:
    def refuse() -> Coroutine[Any, Any, None]:
        raise ConflictError("no")

    boxes = Mailboxes()

    boxes.serve("CS1", refuse)
    boxes.serve("CS1", diary.job("a"))
    await boxes.drained()

    assert diary.lines == ["a begins", "a ends"]


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


async def test_a_message_is_served_at_once_where_nothing_waits(diary: Diary) -> None:
    boxes = Mailboxes()

    boxes.serve("CS1", diary.job("a", turns=0))
    boxes.serve("CS1", diary.job("b", turns=1))
    boxes.serve("CS1", diary.job("c", turns=0))

    assert diary.lines == ["a begins", "a ends", "b begins"]
    await boxes.drained()
    assert diary.lines[3:] == ["b ends", "c begins", "c ends"]


async def test_a_message_waits_for_what_it_asked_of_the_world(diary: Diary) -> None:
    boxes = Mailboxes()
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask() -> None:
        diary.lines.append(await answer)

    boxes.serve("CS1", ask)
    boxes.serve("CS1", diary.job("b"))
    answer.set_result("a is answered")
    await boxes.drained()

    assert diary.lines == ["a is answered", "b begins", "b ends"]


async def test_what_a_message_waits_for_may_fail(diary: Diary) -> None:
    boxes = Mailboxes()
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask() -> None:
        try:
            await answer
        except ConflictError as error:
            diary.lines.append(str(error))

    boxes.serve("CS1", ask)
    answer.set_exception(ConflictError("no"))
    await boxes.drained()

    assert diary.lines == ["no"]


async def test_what_needs_a_task_has_one(diary: Diary) -> None:
    boxes = Mailboxes()

    async def wait() -> None:
        try:
            async with asyncio.timeout(0):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            diary.lines.append("timed out")

    boxes.serve("CS1", lambda: in_task(wait()))
    boxes.post("CS1", wait)
    boxes.post("CS2", wait)
    await boxes.drained()

    assert diary.lines == ["timed out"] * 3


async def test_a_message_may_be_served_by_one_that_is_served(diary: Diary) -> None:
    boxes = Mailboxes()

    async def serve_others() -> None:
        boxes.serve("CS1", diary.job("c", turns=0))
        boxes.serve("CS2", diary.job("b", turns=0))
        diary.lines.append("a ends")

    boxes.serve("CS1", serve_others)
    await boxes.drained()

    assert diary.lines == ["b begins", "b ends", "a ends", "c begins", "c ends"]


async def test_a_step_holds_its_mailbox_until_it_ends(diary: Diary) -> None:
    boxes, step = Mailboxes(), Step()

    boxes.serve("CS1", lambda: step)
    boxes.serve("CS1", diary.job("b", turns=0))
    boxes.serve("CS2", diary.job("c", turns=0))
    before = list(diary.lines)
    step.end()
    await boxes.drained()

    assert before == ["c begins", "c ends"]
    assert diary.lines == ["c begins", "c ends", "b begins", "b ends"]


async def test_what_is_left_of_a_step_runs_before_the_jobs_behind_it(diary: Diary) -> None:
    boxes, step = Mailboxes(), Step()

    boxes.serve("CS1", lambda: step)
    boxes.serve("CS1", diary.job("b", turns=0))
    step.end(diary.job("rest", turns=2)())
    await boxes.drained()

    assert diary.lines == ["rest begins", "rest ends", "b begins", "b ends"]


async def test_a_job_that_cannot_begin_does_not_stop_those_behind_it(diary: Diary) -> None:
    boxes = Mailboxes()

    def refuse() -> Step:
        raise ConflictError("no")

    boxes.serve("CS1", refuse)
    boxes.serve("CS1", diary.job("b", turns=0))
    await boxes.drained()

    assert diary.lines == ["b begins", "b ends"]
