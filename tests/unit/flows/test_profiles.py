"""Charging profiles that partners set, ask for and clear, from the request to the one result."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.callbacks import Callback
from gateway.domain.calls import (
    CallOutcomeKind,
    CallReply,
    ClearProfileCall,
    GetProfileLimitsCall,
    GetScheduleCall,
    SetProfileCall,
)
from gateway.domain.profiles import (
    ActiveProfile,
    ChargingProfile,
    ProfileLimits,
    ProfileResponse,
    RatePeriod,
    RateUnit,
    SessionProfile,
)
from gateway.errors import WireError
from gateway.flows.callbacks import Callbacks
from gateway.flows.order_desk import OrderDesk
from gateway.flows.profiles import ProfileAnswer, ProfileAsked, ProfileRules, Profiles
from gateway.flows.schedules import Schedules
from gateway.ports import Change, SaveLocation, SavePartner, SaveProfile
from tests.fakes.profile_stations import AnsweringStations, answered
from tests.unit.flows.emsps import make_partner
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import EMSP, LOCATION, NOON, OURS, STATION, start, stop

PARTNER = make_partner()
PROFILE = ChargingProfile(unit=RateUnit.A, periods=(RatePeriod(start_s=0, limit=Decimal("16.5")),), duration_s=3_600)
TOLD = ChargingProfile(unit=RateUnit.A, periods=(RatePeriod(start_s=0, limit=Decimal(13)),), start_at=NOON)
URL = "https://emsp.example/results/1"
RULES = ProfileRules(timeout_s=30, requests_per_minute=3, stack_level=2)
CAPABLE = replace(
    LOCATION, evses=tuple(replace(evse, capabilities=("CHARGING_PROFILE_CAPABLE",)) for evse in LOCATION.evses)
)


class Writer:
    """Results as texts."""

    def render_result(self, callback: Callback, word: str, message: str | None, content: Any) -> bytes:
        return f"{callback.kind} {word} {content}".encode()

    def timeout_word(self, callback: Callback) -> str:
        return "REJECTED"


class Smart(Stage):
    """The stage with profiles on it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.stations = AnsweringStations()
        self.callbacks: Callbacks | None = None

    async def open(self) -> None:
        await super().open()
        store: Any = self.store
        self.callbacks = Callbacks(
            store=store, partners=self.partners, writer=Writer(), clock=self.clock, check_url=lambda url: None
        )
        self.desk = OrderDesk(
            store=store,
            memory=self.memory,
            stations=self.stations,
            callbacks=self.callbacks,
            clock=self.clock,
            ids=self.ids,
            timeout_s=RULES.timeout_s,
        )
        self.profiles = Profiles(
            store=store,
            memory=self.memory,
            clock=self.clock,
            ids=self.ids,
            mailboxes=self.mailboxes,
            desk=self.desk,
            schedules=Schedules(self.memory, self.stations, self.clock),
            rules=RULES,
        )
        self.events.profile_news.renew = self.profiles.renew
        await self.callbacks.begin()

    async def close(self) -> None:
        await self.desk.stop()
        assert self.callbacks is not None
        await self.callbacks.stop()
        await super().close()

    def _publish(self, changes: Sequence[Change]) -> None:
        super()._publish(changes)
        if self.callbacks is not None:
            self.callbacks.on_changes(changes)

    # --- acting

    async def charge(self) -> str:
        await self.provide(SavePartner(PARTNER), SaveLocation(CAPABLE))
        await self.send(start())
        return (await self.load_session()).id

    def asked(self, session_id: str, **changes: Any) -> ProfileAsked:
        asked = ProfileAsked(partner=PARTNER, version="2.2.1", session_id=session_id, response_url=URL)
        return replace(asked, **changes)

    async def put(self, session_id: str, profile: ChargingProfile = PROFILE, **changes: Any) -> ProfileAnswer:
        return await self.profiles.put(self.asked(session_id, **changes), profile)

    async def results(self) -> list[tuple[str, str | None]]:
        """What was asked with its result, the oldest first, once all of it has one."""
        while self.desk._tasks:
            await asyncio.gather(*self.desk._tasks)
        found = await self.store.real.list_callbacks(limit=100)
        return [(callback.kind.value, callback.result) for callback in reversed(found)]

    async def callbacks_settled(self) -> None:
        """What was overdue at the start has its result."""
        assert self.callbacks is not None
        await asyncio.gather(*self.callbacks._tasks)

    def told(self) -> list[SessionProfile]:
        """The changes of profiles that partners are told of."""
        return [one.profile for work in self.store.commits for one in work if isinstance(one, SaveProfile)]


@pytest.fixture
async def smart(tmp_path: Path) -> AsyncIterator[Smart]:
    smart = Smart(tmp_path)
    await smart.open()
    await smart.provide_usual()
    smart.stations.answers = {
        GetProfileLimitsCall: answered("", limits=ProfileLimits()),
        SetProfileCall: answered("Accepted"),
        ClearProfileCall: answered("Accepted"),
        GetScheduleCall: answered("Accepted", schedule=TOLD),
    }
    yield smart
    smart.store.is_down = False
    smart.stations.release.set()
    await smart.close()


async def test_a_profile_goes_to_the_station_under_the_sessions_own_id(smart: Smart) -> None:
    session_id = await smart.charge()

    answer = await smart.put(session_id)

    assert (answer.response, answer.timeout_s) == (ProfileResponse.ACCEPTED, 30)
    assert await smart.results() == [("SET_PROFILE", "ACCEPTED")]
    (call,) = smart.stations.calls_of(SetProfileCall)
    assert (call.evse_no, call.connector_no, call.transaction_id) == (1, 1, "1")
    assert (call.profile_id, call.stack_level, call.profile) == (1_000_000_001, 2, PROFILE)


async def test_the_next_profile_has_the_same_id_and_so_replaces_it(smart: Smart) -> None:
    session_id = await smart.charge()

    await smart.put(session_id)
    await smart.put(session_id, replace(PROFILE, unit=RateUnit.W))
    await smart.results()

    first, second = smart.stations.calls_of(SetProfileCall)
    assert (first.profile_id, second.profile.unit) == (second.profile_id, RateUnit.W)


async def test_who_set_a_profile_is_told_of_it_from_then_on(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.put(session_id)
    await smart.results()

    (told,) = smart.told()
    assert (told.session_id, told.partner_id, told.profile) == (session_id, "P1", PROFILE)
    assert smart.memory.profiles[session_id] == told


@pytest.mark.parametrize(
    "reply",
    [
        answered("Rejected"),
        answered("NotSupported"),
        CallReply(outcome=CallOutcomeKind.TIMEOUT),
        CallReply(outcome=CallOutcomeKind.OFFLINE),
        CallReply(outcome=CallOutcomeKind.CALL_ERROR, error_code="NotImplemented"),
    ],
)
async def test_what_the_station_does_not_accept_is_rejected_and_not_told(smart: Smart, reply: CallReply) -> None:
    session_id = await smart.charge()
    smart.stations.answers[SetProfileCall] = reply

    await smart.put(session_id)

    assert await smart.results() == [("SET_PROFILE", "REJECTED")]
    assert smart.told() == []


async def test_the_sessions_of_others_are_unknown(smart: Smart) -> None:
    session_id = await smart.charge()

    other = await smart.put(session_id, partner=make_partner("P2"))
    none = await smart.put("no-such-session")

    assert other.response is none.response is ProfileResponse.UNKNOWN_SESSION
    assert await smart.results() == []


async def test_an_evse_without_the_capability_does_not_support_it(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.provide(SaveLocation(LOCATION))

    assert (await smart.put(session_id)).response is ProfileResponse.NOT_SUPPORTED


async def test_a_station_that_is_away_is_known_at_once(smart: Smart) -> None:
    session_id = await smart.charge()
    smart.stations.offline.add(STATION)

    answer = await smart.put(session_id)

    assert answer.response is ProfileResponse.REJECTED
    assert "not connected" in (answer.reason or "")


async def test_a_url_of_another_host_is_refused_before_anything_else(smart: Smart) -> None:
    session_id = await smart.charge()

    with pytest.raises(WireError, match="response_url"):
        await smart.put(session_id, response_url="https://elsewhere.example/x")

    assert await smart.results() == []


async def test_too_many_requests_for_one_session_are_too_often_until_a_minute_has_passed(smart: Smart) -> None:
    session_id = await smart.charge()

    answers = [(await smart.put(session_id)).response for _ in range(4)]
    smart.clock.at = smart.clock.at.replace(minute=1)
    answers.append((await smart.put(session_id)).response)
    await smart.results()

    assert answers == ["ACCEPTED", "ACCEPTED", "ACCEPTED", "TOO_OFTEN", "ACCEPTED"]


async def test_limits_of_a_station_are_asked_for_once_until_it_boots_again(smart: Smart) -> None:
    session_id = await smart.charge()
    smart.stations.answers[GetProfileLimitsCall] = answered("", limits=ProfileLimits(max_stack_level=1))

    await smart.put(session_id)
    await smart.results()
    await smart.put(session_id)
    await smart.results()
    assert len(smart.stations.calls_of(GetProfileLimitsCall)) == 1

    await smart.boot()
    await smart.put(session_id)
    await smart.results()
    assert len(smart.stations.calls_of(GetProfileLimitsCall)) == 2
    assert {call.stack_level for call in smart.stations.calls_of(SetProfileCall)} == {1}


async def test_what_breaks_the_limits_is_rejected_later_the_first_time_and_at_once_from_then_on(smart: Smart) -> None:
    session_id = await smart.charge()
    smart.stations.answers[GetProfileLimitsCall] = answered("", limits=ProfileLimits(units=frozenset({RateUnit.W})))

    first = await smart.put(session_id)
    assert await smart.results() == [("SET_PROFILE", "REJECTED")]
    second = await smart.put(session_id)

    assert (first.response, second.response) == (ProfileResponse.ACCEPTED, ProfileResponse.REJECTED)
    assert "W only" in (second.reason or "")
    assert smart.stations.calls_of(SetProfileCall) == []


async def test_the_active_profile_is_what_the_station_computes(smart: Smart) -> None:
    session_id = await smart.charge()

    await smart.profiles.get(smart.asked(session_id), 900)

    assert await smart.results() == [("GET_PROFILE", "ACCEPTED")]
    (call,) = smart.stations.calls_of(GetScheduleCall)
    assert (call.evse_no, call.duration_s, call.unit) == (1, 900, None)
    (callback,) = await smart.store.real.list_callbacks(limit=1)
    assert str(ActiveProfile(at=NOON, profile=TOLD)).encode() in callback.body


async def test_it_is_asked_for_in_the_unit_of_what_was_set(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.put(session_id)
    await smart.results()

    await smart.profiles.get(smart.asked(session_id), 900)
    await smart.results()

    assert smart.stations.calls_of(GetScheduleCall)[-1].unit is RateUnit.A


async def test_a_station_that_computes_none_rejects(smart: Smart) -> None:
    session_id = await smart.charge()
    smart.stations.answers[GetScheduleCall] = answered("Rejected")

    await smart.profiles.get(smart.asked(session_id), 900)

    assert await smart.results() == [("GET_PROFILE", "REJECTED")]


async def test_a_profile_that_is_cleared_is_gone_and_its_partner_is_told(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.put(session_id)
    await smart.results()

    await smart.profiles.clear(smart.asked(session_id))

    assert (await smart.results())[-1] == ("CLEAR_PROFILE", "ACCEPTED")
    assert smart.stations.calls_of(ClearProfileCall) == [ClearProfileCall(profile_id=1_000_000_001)]
    assert [told.profile for told in smart.told()] == [PROFILE, None]


async def test_what_the_station_does_not_have_is_unknown(smart: Smart) -> None:
    session_id = await smart.charge()
    smart.stations.answers[ClearProfileCall] = answered("Unknown")

    await smart.profiles.clear(smart.asked(session_id))

    assert await smart.results() == [("CLEAR_PROFILE", "UNKNOWN")]
    assert smart.told() == []


async def test_a_session_that_ended_meanwhile_keeps_no_profile(smart: Smart) -> None:
    session_id = await smart.charge()
    del smart.stations.answers[SetProfileCall]
    await smart.put(session_id)
    await smart.send(stop(20, 3000))

    smart.stations.answers[SetProfileCall] = answered("Accepted")
    smart.stations.release.set()

    assert await smart.results() == [("SET_PROFILE", "ACCEPTED")]
    assert smart.memory.profiles == {}


async def test_a_profile_ends_with_its_session(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.put(session_id)
    await smart.results()
    await smart.send(stop(20, 3000))

    smart.profiles.on_due(smart.clock.at)
    await smart.results()

    assert smart.memory.profiles == {}
    assert await smart.store.real.load_profiles() == []


async def test_the_last_word_is_the_last_at_the_station_too(smart: Smart) -> None:
    session_id = await smart.charge()
    del smart.stations.answers[GetProfileLimitsCall]
    await smart.put(session_id)
    await smart.profiles.clear(smart.asked(session_id))
    await asyncio.sleep(0)

    smart.stations.answers[GetProfileLimitsCall] = answered("", limits=ProfileLimits())
    smart.stations.release.set()
    results = await smart.results()

    kinds = [type(call) for call in smart.stations.calls]
    assert kinds == [GetProfileLimitsCall, SetProfileCall, ClearProfileCall]
    assert results == [("SET_PROFILE", "ACCEPTED"), ("CLEAR_PROFILE", "ACCEPTED")]
    assert smart.memory.profiles[session_id].profile is None


async def test_what_had_to_wait_until_its_deadline_is_not_sent_any_more(smart: Smart) -> None:
    session_id = await smart.charge()
    del smart.stations.answers[GetProfileLimitsCall]
    await smart.put(session_id)
    await smart.profiles.clear(smart.asked(session_id))
    smart.clock.at = smart.clock.at.replace(minute=5)
    assert smart.callbacks is not None
    await smart.callbacks.end_overdue()

    smart.stations.release.set()

    assert await smart.results() == [("SET_PROFILE", "REJECTED"), ("CLEAR_PROFILE", "REJECTED")]
    assert smart.stations.calls_of(ClearProfileCall) == []


async def test_a_profile_that_is_sent_again_is_the_one_that_holds_by_then(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.put(session_id)
    await smart.results()
    del smart.stations.answers[SetProfileCall]
    newer = replace(PROFILE, unit=RateUnit.W)
    await smart.put(session_id, newer)
    smart.profiles.renew(session_id)

    smart.stations.answers[SetProfileCall] = answered("Accepted")
    smart.stations.release.set()
    await smart.results()

    assert smart.stations.calls_of(SetProfileCall)[-1].profile == newer


async def test_a_profile_that_died_with_its_session_takes_no_room_at_the_station(smart: Smart) -> None:
    smart.stations.answers[GetProfileLimitsCall] = answered("", limits=ProfileLimits(max_profiles=1))
    first = await smart.charge()
    await smart.put(first)
    await smart.results()
    await smart.send(stop(20, 3000))
    await smart.send(start(30, 3000))
    (second,) = {session.id for session in smart.memory.sessions.values() if session.is_open} - {first}

    answer = await smart.put(second)

    assert (answer.response, answer.reason) == (ProfileResponse.ACCEPTED, None)


async def test_messages_of_the_station_pass_while_it_is_waited_for(smart: Smart) -> None:
    session_id = await smart.charge()
    del smart.stations.answers[SetProfileCall]
    await smart.put(session_id)

    await smart.mailboxes.run(STATION, lambda: asyncio.sleep(0))

    (callback,) = await smart.store.real.load_open_callbacks()
    assert callback.session_id == session_id


async def test_what_is_set_and_what_is_open_outlive_a_restart(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.put(session_id)
    await smart.results()
    del smart.stations.answers[ClearProfileCall]
    await smart.profiles.clear(smart.asked(session_id))

    smart.clock.at = smart.clock.at.replace(minute=5)
    await smart.reopen()
    await smart.callbacks_settled()

    assert smart.memory.profiles[session_id].profile == PROFILE
    assert await smart.results() == [("SET_PROFILE", "ACCEPTED"), ("CLEAR_PROFILE", "REJECTED")]


async def test_the_result_goes_from_the_party_of_the_site_to_that_of_the_token(smart: Smart) -> None:
    session_id = await smart.charge()
    await smart.put(session_id)
    await smart.results()

    (callback,) = await smart.store.real.list_callbacks(limit=1)
    assert (callback.receiver, callback.sender) == (OURS, EMSP)
