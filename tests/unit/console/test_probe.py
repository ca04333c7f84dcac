import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.console.probe import StoreProbe
from gateway.errors import StoreDownError, StoreFullError
from gateway.ports import Change, Work
from tests.fakes.console_world import NOW, ConsoleStore, FixedClock


class Tried(ConsoleStore):
    """Counts commits; `fault` is raised by each."""

    def __init__(self) -> None:
        super().__init__(FixedClock())
        self.tries = 0
        self.fault: Exception | None = None

    async def commit(self, work: Work, *, bulk: bool = False) -> Sequence[Change]:
        self.tries += 1
        assert list(work) == []
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return []


class Watch:
    at = NOW

    def now(self) -> datetime:
        return self.at


async def test_a_store_that_commits_is_up() -> None:
    assert await StoreProbe(Tried(), Watch().now).is_up()


async def test_a_store_that_is_down_or_full_is_not() -> None:
    for fault in (StoreDownError("no disk"), StoreFullError("too much")):
        store = Tried()
        store.fault = fault
        assert not await StoreProbe(store, Watch().now).is_up()


async def test_those_who_ask_at_once_share_one_commit() -> None:
    store = Tried()
    probe = StoreProbe(store, Watch().now)

    found = await asyncio.gather(*(probe.is_up() for _ in range(50)))

    assert all(found)
    assert store.tries == 1


async def test_a_finding_is_old_after_a_second() -> None:
    store, watch = Tried(), Watch()
    probe = StoreProbe(store, watch.now)
    await probe.is_up()
    store.fault = StoreDownError("no disk")

    watch.at += timedelta(milliseconds=900)
    still = await probe.is_up()
    watch.at += timedelta(milliseconds=200)
    then = await probe.is_up()

    assert (still, then, store.tries) == (True, False, 2)
