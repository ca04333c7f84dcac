"""What stations say of charging limits, and what cars ask of them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.domain.events import ChargingNeedsReported, ChargingPlanReported, NoticeKind, NoticeReported
from gateway.domain.profiles import ChargingProfile, RatePeriod, RateUnit, SessionProfile
from gateway.ports import SaveProfile
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import NOON, STATION, receipt, start, stop

PROFILE = ChargingProfile(
    unit=RateUnit.A,
    periods=(RatePeriod(start_s=0, limit=Decimal(16)), RatePeriod(start_s=600, limit=Decimal(10))),
)
NOTICE = NoticeReported(
    receipt=receipt("NotifyChargingLimit"), kind=NoticeKind.SMART_CHARGING, summary="limit", at=NOON, body="{}"
)
PLAN = ChargingPlanReported(notice=NOTICE, evse_no=1, plan=replace(PROFILE, start_at=NOON))


async def set_profiles(stage: Stage, *plugs: int) -> list[str]:
    """Sessions with a profile at these plugs; their ids."""
    ids = []
    for number, plug in enumerate(plugs, start=1):
        await stage.send(start(plug=plug))
        session_id = (await stage.load_session(str(number))).id
        profile = SessionProfile(
            session_id=session_id, station_id=STATION, partner_id="P1", profile=PROFILE, set_at=NOON
        )
        await stage.provide(SaveProfile(profile))
        ids.append(session_id)
    stage.store.commits.clear()
    return ids


def told(stage: Stage) -> list[str]:
    return [one.profile.session_id for work in stage.store.commits for one in work if isinstance(one, SaveProfile)]


@pytest.fixture
def renewed(stage: Stage) -> list[str]:
    renewed: list[str] = []
    stage.events.profile_news.renew = renewed.append
    return renewed


async def test_a_limit_on_one_evse_is_news_of_its_session_alone(stage: Stage) -> None:
    _, second = await set_profiles(stage, 1, 2)

    await stage.events.on_limits_changed(NOTICE, 2)

    assert told(stage) == [second]


async def test_a_limit_on_the_station_is_news_of_all_its_sessions(stage: Stage) -> None:
    ids = await set_profiles(stage, 1, 2)

    await stage.events.on_limits_changed(NOTICE, None)

    assert sorted(told(stage)) == sorted(ids)
    (notice,) = await stage.store.real.list_notices(STATION, limit=10)
    assert notice.kind is NoticeKind.SMART_CHARGING


async def test_a_session_that_is_over_is_no_news(stage: Stage) -> None:
    await set_profiles(stage, 1)
    await stage.send(stop(20, 3000))

    await stage.events.on_limits_changed(NOTICE, None)

    assert told(stage) == []


async def test_a_car_that_asks_gets_the_profile_of_its_session_again(stage: Stage, renewed: list[str]) -> None:
    ids = await set_profiles(stage, 1)

    assert await stage.events.on_charging_needs(ChargingNeedsReported(notice=NOTICE, evse_no=1, max_periods=2))
    assert renewed == ids


async def test_a_car_that_cannot_take_so_many_periods_or_has_no_profile_is_told_so(
    stage: Stage, renewed: list[str]
) -> None:
    await set_profiles(stage, 1)

    assert not await stage.events.on_charging_needs(ChargingNeedsReported(notice=NOTICE, evse_no=1, max_periods=1))
    assert not await stage.events.on_charging_needs(ChargingNeedsReported(notice=NOTICE, evse_no=2))
    assert renewed == []


async def test_a_plan_within_the_profile_is_accepted(stage: Stage, renewed: list[str]) -> None:
    await set_profiles(stage, 1)

    assert await stage.events.on_charging_plan(PLAN)
    assert await stage.events.on_charging_plan(replace(PLAN, evse_no=2))
    assert renewed == []


async def test_a_plan_beyond_the_profile_is_not_and_the_profile_goes_out_again(
    stage: Stage, renewed: list[str]
) -> None:
    ids = await set_profiles(stage, 1)

    assert not await stage.events.on_charging_plan(replace(PLAN, plan=replace(PLAN.plan, periods=PROFILE.periods[:1])))
    assert renewed == ids
