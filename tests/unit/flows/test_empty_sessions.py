"""Sessions in which nothing was drawn: which are billed, and what is said of the others."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.core.doubts import DoubtRules
from gateway.core.waivers import EmptyCdrs, WaiverRules
from gateway.domain.sessions import SessionStatus
from gateway.domain.tariffs import Dimension, PriceComponent, TariffElement
from gateway.errors import ConflictError
from gateway.flows.reports import load_reconciliation
from gateway.flows.session_costs import find_cost
from gateway.ports import PageAsked, SaveLocation, SaveTariff
from tests.unit.flows.stage import Stage, opened
from tests.unit.flows.words import LOCATION, NOON, STATION, TARIFF, ended, start, started, status, stop, updated

FLAT = TariffElement(components=(PriceComponent(type=Dimension.FLAT, price=Decimal("0.50")),))
COSTLY = WaiverRules()
ALWAYS = WaiverRules(empty_cdrs=EmptyCdrs.ALWAYS)
NEVER = WaiverRules(empty_cdrs=EmptyCdrs.NEVER)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with opened(tmp_path) as stage:
        await stage.provide_usual()
        yield stage


async def visit(stage: Stage, rules: WaiverRules, *, meter_stop: int = 1000, has_fee: bool = False) -> None:
    """Twenty minutes with 1000 Wh on the meter at their begin; `has_fee`: each start costs 0.50."""
    if has_fee:
        await stage.provide(SaveTariff(replace(TARIFF, elements=(*TARIFF.elements, FLAT))))
    stage.waiver_rules = rules
    await stage.reopen()
    await stage.send_all(start(), stop(20, meter_stop))
    await stage.wait(5)


@pytest.mark.parametrize(
    ("rules", "has_fee", "is_billed"),
    [
        (COSTLY, False, False),
        (COSTLY, True, True),
        (ALWAYS, False, True),
        (ALWAYS, True, True),
        (NEVER, False, False),
        (NEVER, True, False),
        (WaiverRules(never_at=frozenset({STATION.casefold()})), True, False),
        (WaiverRules(never_at=frozenset({"another"})), True, True),
    ],
)
async def test_a_visit_without_energy_is_billed_as_the_settings_say(
    stage: Stage, rules: WaiverRules, has_fee: bool, is_billed: bool
) -> None:
    await visit(stage, rules, has_fee=has_fee)

    session = await stage.load_session()
    assert session.status is SessionStatus.COMPLETED
    assert (len(await stage.load_cdrs()) == 1) is is_billed
    assert (session.sealed_cdr_id is not None) is is_billed
    assert (session.waiver is None) is is_billed


@pytest.mark.parametrize("rules", [COSTLY, NEVER])
async def test_a_visit_with_the_least_energy_is_billed(stage: Stage, rules: WaiverRules) -> None:
    await visit(stage, rules, meter_stop=1001)

    assert (await stage.load_cdr()).energy_wh == 1


async def test_parking_that_costs_something_is_billed(stage: Stage) -> None:
    parking = TariffElement(components=(PriceComponent(type=Dimension.PARKING_TIME, price=Decimal(3)),))
    await stage.provide(SaveTariff(replace(TARIFF, elements=(parking,))))

    await stage.send_all(start(), status(0, "SuspendedEV"), stop(20, 1000))
    await stage.wait(5)

    assert (await stage.load_cdr()).totals.cost.before_taxes == 1


async def test_one_that_is_not_billed_is_over_and_says_why_also_after_a_restart(stage: Stage) -> None:
    await visit(stage, COSTLY)
    await stage.reopen()
    await stage.wait(3_600)

    session = await stage.load_session()
    assert session.waiver == 'nothing was drawn, and it costs nothing ([sessions] empty_cdrs = "costly")'
    assert (session.seal_due_at, session.hold) == (None, None)
    assert stage.memory.sessions == {}
    assert await stage.load_cdrs() == []


async def test_the_report_of_the_month_lists_it_with_the_words(stage: Stage) -> None:
    await visit(stage, NEVER, has_fee=True)

    store: Any = stage.store
    report = await load_reconciliation(store, NOON - timedelta(days=1), NOON + timedelta(days=1), None)

    (unbilled,) = report.unbilled
    assert 'empty_cdrs = "never"' in unbilled.reason
    assert [(row.sessions, row.unbilled, row.cdrs) for row in report.rows] == [(1, 1, 0)]


async def test_its_partner_sees_it_completed_and_free_of_charge(stage: Stage) -> None:
    await visit(stage, NEVER, has_fee=True)

    page = await stage.store.page_sessions("P1", None, PageAsked(offset=0, limit=10))

    (session,) = page.items
    assert session.status is SessionStatus.COMPLETED
    totals = find_cost(session)
    assert totals is not None
    assert totals.cost.before_taxes == 0


async def test_the_operator_bills_it_all_the_same(stage: Stage) -> None:
    await visit(stage, NEVER, has_fee=True)
    session = await stage.load_session()

    cdr = await stage.sealing.release(session.id)

    assert cdr.totals.cost.before_taxes == Decimal("0.50")
    session = await stage.load_session()
    assert (session.sealed_cdr_id, session.waiver) == (cdr.id, None)
    with pytest.raises(ConflictError):
        await stage.sealing.release(session.id)


async def test_energy_that_is_told_later_is_billed(stage: Stage) -> None:
    await stage.send_all(started(), ended(2, 20))
    await stage.wait(3_600)
    assert (await stage.load_session("tx-1")).waiver is not None

    await stage.send(updated(1, 10, 3000))
    await stage.wait(0)

    cdr = await stage.load_cdr()
    session = await stage.load_session("tx-1")
    assert (cdr.energy_wh, session.sealed_cdr_id, session.waiver) == (2000, cdr.id, None)


async def test_a_message_that_is_repeated_later_changes_nothing(stage: Stage) -> None:
    await visit(stage, COSTLY)
    before = await stage.load_session()

    await stage.send_all(start(), stop(20, 1000))
    await stage.wait(3_600)

    assert await stage.load_session() == before
    assert stage.memory.sessions == {}


async def test_doubts_that_wait_for_a_person_come_first(stage: Stage) -> None:
    stage.doubt_rules = DoubtRules(hold_flags=frozenset({"zero_energy"}))
    await stage.reopen()

    await visit(stage, NEVER)

    session = await stage.load_session()
    assert session.waiver is None
    assert session.hold is not None
    assert "zero_energy" in session.hold


async def test_what_cannot_be_priced_is_held_for_it_may_cost_something(stage: Stage) -> None:
    await stage.provide(SaveLocation(replace(LOCATION, evses=())))

    await visit(stage, COSTLY)
    assert (await stage.load_session()).hold is not None

    stage.waiver_rules = NEVER
    await stage.reopen()
    await stage.wait(0)
    session = await stage.load_session()
    assert (session.hold, session.waiver is not None) == (None, True)


async def test_a_session_of_which_no_energy_was_told_says_so(stage: Stage) -> None:
    await stage.send_all(started(wh=None), ended(1, 20))
    await stage.wait(0)

    waiver = (await stage.load_session("tx-1")).waiver
    assert waiver is not None
    assert waiver.startswith("no energy was ever told")
