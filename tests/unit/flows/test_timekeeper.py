import asyncio
from datetime import timedelta

import pytest

from tests.unit.flows.stage import OFFLINE_GRACE_S, Stage
from tests.unit.flows.words import NOON, STATION, start, status, stop


async def test_a_tick_does_all_that_is_due(stage: Stage) -> None:
    await stage.send_all(status(0, "Available"), start(), stop(20, 3000))
    stage.events.on_disconnected(STATION)
    stage.trace.event(STATION, "handshake", "wrong password")

    await stage.wait(OFFLINE_GRACE_S)

    assert len(await stage.load_cdrs()) == 1
    assert stage.availability.is_gone(STATION)
    assert [one.text for one in await stage.store.real.list_incidents(STATION, limit=9)] == ["wrong password"]


async def test_nothing_is_written_when_nothing_is_due(stage: Stage) -> None:
    stage.store.commits.clear()

    await stage.wait(1)

    assert stage.store.commits == []


async def test_incidents_are_kept_on_disk_once_the_store_is_back(stage: Stage) -> None:
    stage.trace.event(STATION, "handshake", "wrong password")
    stage.store.is_down = True
    await stage.wait(1)
    stage.store.is_down = False

    await stage.wait(1)
    await stage.wait(1)

    (incident,) = await stage.store.real.list_incidents(None, limit=9)
    assert incident.at == NOON


async def test_ghosts_are_looked_for_by_the_minute(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps = []
    monkeypatch.setattr(stage.sealing, "sweep_ghosts", sweeps.append)

    for _ in range(130):
        await stage.wait(1)

    assert [at - sweeps[0] for at in sweeps] == [timedelta(0), timedelta(minutes=1), timedelta(minutes=2)]


async def test_the_clock_drives_it_and_a_session_that_is_due_wakes_it(stage: Stage) -> None:
    running = asyncio.create_task(stage.keeper.run())
    await asyncio.sleep(0)
    await stage.send_all(start(), stop(20, 3000))
    stage.clock.at += timedelta(seconds=5)

    stage.sealing.changed.set()
    async with asyncio.timeout(5):
        while not await stage.load_cdrs():
            await stage.mailboxes.drained()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_tick_that_fails_does_not_end_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ticked = asyncio.Event()

    async def tick(now: object) -> None:
        if not ticked.is_set():
            ticked.set()
            stage.sealing.changed.set()
            raise RuntimeError("once")
        again.set()

    again = asyncio.Event()
    monkeypatch.setattr(stage.keeper, "tick", tick)
    running = asyncio.create_task(stage.keeper.run())

    async with asyncio.timeout(5):
        await again.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
