"""What holds for a session: as its station says it, else as far as it is known here."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.domain.calls import CallOutcomeKind, CallReply, GetScheduleCall
from gateway.domain.profiles import ActiveProfile, ChargingProfile, RatePeriod, RateUnit, SessionProfile
from gateway.flows.schedules import Schedules
from gateway.ports import SaveProfile
from tests.fakes.profile_stations import AnsweringStations, answered
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import NOON, STATION, start

TOLD = ChargingProfile(unit=RateUnit.A, periods=(RatePeriod(start_s=0, limit=Decimal(13)),), duration_s=1_800)
SET = replace(TOLD, periods=(RatePeriod(start_s=0, limit=Decimal(20)),), duration_s=None)
CALL_ERROR = CallReply(outcome=CallOutcomeKind.CALL_ERROR, error_code="NotImplemented")


async def find_active(stage: Stage, reply: CallReply) -> ActiveProfile:
    """What holds for a session on which 20 A were set, if its station answers so."""
    await stage.send(start())
    session = await stage.load_session()
    profile = SessionProfile(session_id=session.id, station_id=STATION, partner_id="P1", profile=SET, set_at=NOON)
    await stage.provide(SaveProfile(profile))
    stations = AnsweringStations()
    stations.answers[GetScheduleCall] = reply
    assert session.terms.place is not None
    active = await Schedules(stage.memory, stations, stage.clock).find_active(session, session.terms.place)
    assert stations.calls == [GetScheduleCall(evse_no=1, connector_no=1, duration_s=1_800, unit=RateUnit.A)]
    return active


async def test_it_is_what_the_station_computes(stage: Stage) -> None:
    at = NOON + timedelta(seconds=3)

    active = await find_active(stage, answered("Accepted", schedule=replace(TOLD, start_at=at)))

    assert active == ActiveProfile(at=at, profile=replace(TOLD, start_at=at))


@pytest.mark.parametrize("hours", [None, -9, 9])
async def test_a_station_without_a_clock_that_can_be_believed_means_now(stage: Stage, hours: int | None) -> None:
    told = TOLD if hours is None else replace(TOLD, start_at=NOON + timedelta(hours=hours))

    active = await find_active(stage, answered("Accepted", schedule=told))

    assert (active.at, active.profile.start_at, active.profile.periods) == (NOON, NOON, TOLD.periods)


@pytest.mark.parametrize("reply", [answered("Rejected"), CALL_ERROR, CallReply(outcome=CallOutcomeKind.TIMEOUT)])
async def test_of_a_station_that_does_not_say_it_is_what_was_set(stage: Stage, reply: CallReply) -> None:
    active = await find_active(stage, reply)

    assert [period.limit for period in active.profile.periods] == [20]


async def test_a_station_that_knows_of_no_limit_gives_all_that_the_plug_can(stage: Stage) -> None:
    active = await find_active(stage, answered("Accepted"))

    assert [period.limit for period in active.profile.periods] == [32]
