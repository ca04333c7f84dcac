"""What is old goes by itself, and what is still needed does not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.console.tell_explanation import tell_explanation
from gateway.core.explanations import FORGOTTEN
from gateway.domain.retention import Kept
from gateway.domain.sessions import SessionStatus
from gateway.errors import ConflictError
from gateway.flows.corrections import CorrectionAsked
from gateway.flows.explaining import load_explanation
from gateway.flows.retention import FIRST_AFTER, PATIENCE, SLICE, Retention
from gateway.flows.timekeeper import Timekeeper
from gateway.ports import SaveIncident, SaveLocation
from tests.unit.flows.stage import Stage, opened
from tests.unit.flows.words import LOCATION, NOON, metered, start, stop

DAY = timedelta(days=1)
RULES = {Kept.INCIDENT: 10 * DAY, Kept.UNBILLED: 10 * DAY, Kept.BILLED: 20 * DAY}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with opened(tmp_path) as stage:
        await stage.provide_usual()
        yield stage


def retention_of(stage: Stage, rules: dict[Kept, timedelta] | None = None) -> Retention:
    store: Any = stage.store
    return Retention(store, stage.memory, stage.clock, RULES if rules is None else rules)


async def bill(stage: Stage) -> str:
    await stage.send_all(start(), metered(10, 2000), stop(20, 3000))
    await stage.wait(5)
    return (await stage.load_cdr()).id


async def forget(stage: Stage) -> str:
    cdr_id = await bill(stage)
    stage.clock.at = NOON + 21 * DAY
    await retention_of(stage).sweep(stage.clock.at)
    return cdr_id


async def test_a_sweep_comes_shortly_after_the_start_and_then_daily_and_says_what_it_did(stage: Stage) -> None:
    store: Any = stage.store
    retention = retention_of(stage)
    keeper = Timekeeper(store, stage.clock, stage.sealing, stage.availability, stage.trace, retention)
    await stage.provide(SaveIncident("CS1", NOON - 11 * DAY, "refused", "a"))

    with capture_logs() as logs:
        for seconds in (0, FIRST_AFTER.total_seconds() - 1, 1, 60, DAY.total_seconds() - 60):
            stage.clock.at += timedelta(seconds=seconds)
            await keeper.tick(stage.clock.at)
            await retention.settled()

    told = [log for log in logs if log["event"] == "old data deleted"]
    assert [log.get("incidents") for log in told] == [1, None]
    assert await stage.store.list_incidents(None, limit=9) == []


async def test_what_has_no_rule_is_kept_for_ever(stage: Stage) -> None:
    cdr_id = await bill(stage)
    retention = retention_of(stage, {})
    stage.clock.at += 10_000 * DAY

    retention.on_due(stage.clock.at)
    await retention.settled()

    assert await retention.sweep(stage.clock.at) == {}
    assert await stage.store.load_facts((await stage.store.find_cdr(cdr_id)).session_id) != []


async def test_a_sweep_that_fails_is_tried_again_soon(stage: Stage) -> None:
    retention = retention_of(stage)
    await stage.provide(SaveIncident("CS1", NOON - 11 * DAY, "refused", "a"))
    stage.clock.at += FIRST_AFTER
    stage.store.is_down = True
    retention.on_due(stage.clock.at)
    await retention.settled()

    stage.store.is_down = False
    stage.clock.at += timedelta(minutes=10)
    retention.on_due(stage.clock.at)
    await retention.settled()

    assert await stage.store.list_incidents(None, limit=9) == []


async def test_it_is_deleted_in_small_works_that_let_others_pass(stage: Stage) -> None:
    await stage.provide(*(SaveIncident("CS1", NOON - 11 * DAY, "refused", "a") for _ in range(2 * SLICE + 1)))
    stage.store.commits.clear()

    counts = await retention_of(stage).sweep(stage.clock.at)

    assert counts[Kept.INCIDENT] == 2 * SLICE + 1
    assert [len(work) for work in stage.store.commits] == [SLICE, SLICE, 1]


async def test_a_sweep_stops_where_all_is_young(stage: Stage) -> None:
    await stage.provide(*(SaveIncident("CS1", NOON, "refused", "a") for _ in range((PATIENCE + 5) * SLICE)))
    looked: list[Any] = []
    store: Any = stage.store
    find = store.real.find_expired

    async def counted(*args: Any) -> Any:
        looked.append(args)
        return await find(*args)

    store.real.find_expired = counted
    await retention_of(stage, {Kept.INCIDENT: DAY}).sweep(stage.clock.at)

    assert len(looked) == PATIENCE


async def test_a_refused_session_goes_and_one_that_still_runs_stays(stage: Stage) -> None:
    await stage.send_all(start(card="STRANGER"), stop(20, 1000), start(30, card="STRANGER"))
    over, running = await stage.load_session("1"), await stage.load_session("2")
    assert (over.status, running.status) == (SessionStatus.INVALID, SessionStatus.INVALID)
    stage.clock.at = NOON + 11 * DAY

    await retention_of(stage).sweep(stage.clock.at)

    assert [one.id for one in await stage.store.list_sessions(limit=9)] == [running.id]
    await stage.send(metered(60 * 24 * 11, 2000, "2"))
    assert (await stage.load_session("2")).ledger.energy_wh == 1000


async def test_a_session_that_is_held_stays_with_all_its_messages(stage: Stage) -> None:
    await stage.provide(SaveLocation(replace(LOCATION, evses=())))
    await stage.send_all(start(), stop(20, 3000))
    await stage.wait(5)
    stage.clock.at = NOON + 1_000 * DAY

    await retention_of(stage).sweep(stage.clock.at)

    assert (await stage.load_session()).hold is not None
    assert len(await stage.load_facts()) == 2


async def test_a_bill_outlives_its_messages_and_says_that_they_are_gone(stage: Stage) -> None:
    cdr_id = await forget(stage)
    await stage.reopen()
    store: Any = stage.store

    explanation = await load_explanation(store, cdr_id)

    assert explanation.story.facts == ()
    assert explanation.doubts == (FORGOTTEN,)
    assert explanation.bill is not None
    told = tell_explanation(explanation, "eMSP")
    assert "none any more" in told
    assert "deleted by now" in told
    assert (await stage.load_cdr()).energy_wh == 2000
    assert (await stage.load_session()).id_token is None


@pytest.mark.parametrize(
    "asked",
    [
        CorrectionAsked(reason="r", energy_wh=Decimal(1000)),
        CorrectionAsked(reason="r", remark="sorry"),
        CorrectionAsked(reason="r", include_late_facts=True),
    ],
)
async def test_no_other_bill_is_made_of_what_cannot_be_explained(stage: Stage, asked: CorrectionAsked) -> None:
    cdr_id = await forget(stage)

    with pytest.raises(ConflictError, match=r"facts_days.*cancel"):
        await stage.corrections.correct(cdr_id, asked)

    assert len(await stage.load_cdrs()) == 1


async def test_it_can_be_taken_back(stage: Stage) -> None:
    cdr_id = await forget(stage)

    corrected = await stage.corrections.correct(cdr_id, CorrectionAsked(reason="r", cancel=True))

    assert corrected.cdr is None
    assert corrected.credit.totals.cost.before_taxes == -1


async def test_a_message_that_comes_after_that_is_kept_as_late(stage: Stage) -> None:
    await forget(stage)

    await stage.send(stop(20, 3000))

    assert len(await stage.load_late()) == 1
    assert len(await stage.load_cdrs()) == 1


async def test_stations_are_served_while_it_sweeps(stage: Stage) -> None:
    await stage.provide(*(SaveIncident("CS1", NOON - 11 * DAY, "refused", "a") for _ in range(20 * SLICE)))

    swept = asyncio.create_task(retention_of(stage).sweep(stage.clock.at))
    await stage.send_all(start(), metered(1, 1100))

    assert not swept.done()
    assert (await swept)[Kept.INCIDENT] == 20 * SLICE
