"""Scenario files: what they may say, what errors they cause, and that the bundled ones come out as stated."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.charger import (
    Cue,
    Patience,
    ScenarioError,
    SimulatedClock,
    build_charger,
    bundled_scenarios,
    load_scenario,
)
from simulators.charger.scenario import AwaitCall, Step, parse_scenario
from tests.unit.simulators.charger.central import Central, central

QUICK = Patience(reply_timeout_s=2, backoff_min_s=0.01, backoff_max_s=0.05, give_up_after_s=5)
HEAD = 'title = "t"\nversions = ["1.6"]\n'


@pytest.mark.parametrize("name", bundled_scenarios())
async def test_every_bundled_scenario_comes_out_as_it_states(name: str) -> None:
    scenario = load_scenario(name)
    for version in scenario.versions:
        async with central(version) as system:
            charger = build_charger(scenario, system.url, "CS 1", version=version, patience=QUICK)
            async with charger:
                outcome = await charger.run_scenario(scenario, calling(system))

        assert outcome.failures == ()
        assert scenario.expect is not None
        assert len(outcome.sessions) == scenario.expect.cdrs


def calling(system: Central) -> Cue:
    """A central system that orders what the next step waits for."""

    async def cue(step: Step) -> None:
        if not isinstance(step, AwaitCall):
            return
        if step.action == "RequestStartTransaction":
            token = {"idToken": "APP-1", "type": "Central"}
            await system.call(step.action, {"idToken": token, "remoteStartId": 7})
        else:
            told = system.payloads("TransactionEvent")[-1]["transactionInfo"]
            await system.call(step.action, {"transactionId": told["transactionId"]})

    return cue


async def test_a_start_that_is_ordered_before_the_cable_is_in_begins_with_it_and_names_its_order() -> None:
    scenario = load_scenario("201-remote")
    async with central("2.0.1") as system:
        async with build_charger(scenario, system.url, "CS 1", patience=QUICK) as charger:
            await charger.run_scenario(scenario, calling(system))
        started, *_, ended = system.payloads("TransactionEvent")

    assert (started["eventType"], started["triggerReason"]) == ("Started", "RemoteStart")
    assert started["transactionInfo"]["remoteStartId"] == 7
    assert (ended["eventType"], ended["transactionInfo"]["stoppedReason"]) == ("Ended", "Remote")


async def test_what_a_charger_waits_for_is_no_simulated_time_that_it_makes_up_for() -> None:
    start = datetime(2026, 1, 5, 12, tzinfo=UTC)
    clock, others = SimulatedClock(start, speed=Decimal(100)), SimulatedClock(start, speed=Decimal(100))
    loop = asyncio.get_running_loop()
    await clock.wait_for(start + timedelta(seconds=1))
    clock.move_to(start + timedelta(seconds=1))
    await others.wait_for(start + timedelta(seconds=5))
    clock.rest()
    before = loop.time()
    await clock.wait_for(start + timedelta(seconds=2))

    assert loop.time() - before >= 0.009


def test_the_bundled_scenarios_state_energy_and_cost() -> None:
    assert set(bundled_scenarios()) >= {"16-simple", "201-simple", "16-offline-replay", "201-gaps"}
    for name in bundled_scenarios():
        expect = load_scenario(name).expect
        assert expect is not None
        assert expect.cost_excl_vat is not None
        assert expect.cost_incl_vat == expect.cost_excl_vat * Decimal("1.2")
        # 0.50 flat, 0.25 per kWh, 2.00 per hour of parking
        parking = (expect.parking_minutes or Decimal(0)) * 2 / 60
        assert expect.cost_excl_vat == Decimal("0.50") + expect.kwh * Decimal("0.25") + parking


def test_the_duration_is_the_sum_of_the_minutes() -> None:
    steps = 'steps = [{do="plug"}, {do="wait", minutes=1.5}, {do="charge", minutes=2, kw="7.4"}]'
    assert parse_scenario(HEAD + steps, origin="x").duration.total_seconds() == 210


async def test_the_clock_ends_at_the_present_at_the_latest() -> None:
    scenario = load_scenario("16-simple")
    before = SimulatedClock().now
    charger = build_charger(scenario, "ws://127.0.0.1:1", "X")

    assert (charger.clock.now - before).total_seconds() == pytest.approx(24 * 3600 - 47 * 60, abs=5)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ('[{do="charge", kw=11}]', "bad.toml: step 1 (charge): minutes: Field required"),
        ('[{do="plug"}, {do="charge", minutes=-1, kw=11}]', "bad.toml: step 2 (charge): minutes: "),
        ('[{do="plug", evs=2}]', "bad.toml: step 1 (plug): evs: Extra inputs are not permitted"),
        ('[{do="dance"}]', "bad.toml: step 1 (dance): "),
        ("[{minutes=3}]", "bad.toml: step 1 (no 'do'): "),
        ('["plug"]', "bad.toml: step 1 (not a table): "),
        ("[]", "bad.toml: steps: "),
    ],
)
def test_errors_name_the_file_the_step_and_the_key(steps: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(f"{HEAD}steps = {steps}\n")

    with pytest.raises(ScenarioError) as fault:
        load_scenario(path)

    assert f"{tmp_path}/{message}" in str(fault.value)


def test_a_missing_scenario_is_told_with_the_names_there_are() -> None:
    with pytest.raises(ScenarioError, match=r"no scenario 'nonsense'.*16-simple"):
        load_scenario("nonsense")


def test_broken_toml_is_told_with_its_line() -> None:
    with pytest.raises(ScenarioError, match=r"x: not valid TOML: .*line 2"):
        parse_scenario("title = 't'\nsteps = ]\n", origin="x")


async def run(steps: str, version: str = "1.6", **replies: Any) -> tuple[str, ...]:
    scenario = parse_scenario(f'title="t"\nversions=["{version}"]\nsteps = {steps}', origin="x")
    async with central(version) as system:
        system.replies |= replies
        async with build_charger(scenario, system.url, "CS 1", patience=QUICK) as charger:
            return (await charger.run_scenario(scenario)).failures


async def test_a_refused_card_fails_its_step_with_advice() -> None:
    failures = await run('[{do="plug"}, {do="swipe"}]', Authorize={"idTagInfo": {"status": "Invalid"}})

    assert failures == (
        "step 2 (swipe): card SIMTAG01 was answered Invalid, expected Accepted: "
        "check that the central system knows the token",
    )


async def test_expectations_are_held_against_the_meter() -> None:
    text = """[{do="plug"}, {do="swipe"}, {do="charge", minutes=6, kw=10}, {do="stop"}]
[expect]
kwh = "2"
charging_minutes = 6
parking_minutes = 1
"""
    assert await run(text) == (
        "expected 2 kWh, the charger's own meter says 1",
        "expected 1 parking minutes, the charger's own meter says 0",
    )


async def test_the_rarer_steps_of_16_work() -> None:
    failures = await run(
        """[
        {do="boot"}, {do="heartbeat"}, {do="repeat", action="Heartbeat", id="same"},
        {do="firmware_status", status="Installed"}, {do="log_status", status="Uploaded"},
        {do="data_transfer", vendor_id="v", message_id="m", data="d", expect="Accepted"},
        {do="send_raw", text="[,", expect_error="FormationViolation"},
        {do="send", action="Heartbeat", payload={}},
        {do="plug"}, {do="swipe"}, {do="charge", minutes=1, kw=11}, {do="suspend_evse", minutes=1},
        {do="resume"}, {do="fault"}, {do="recover"}, {do="meter_values"}, {do="stop", cause="emergency stop"},
        {do="stop_unknown", transaction_id=77}, {do="reboot"}, {do="unplug"},
        ]"""
    )
    assert failures == ()


async def test_the_rarer_steps_of_201_work() -> None:
    failures = await run(
        """[
        {do="security_event", type="SettingSystemTime", info="i"}, {do="plug"}, {do="notify_event"},
        {do="log_status", status="Uploaded"}, {do="swipe"}, {do="reboot", how="power_loss", minutes=2},
        ]""",
        version="2.0.1",
    )
    assert failures == ()


async def test_a_step_of_the_other_version_is_told() -> None:
    assert await run('[{do="notify_event"}]') == ("step 1 (notify_event): notify_event needs OCPP 2.0.1",)


async def test_an_error_that_does_not_come_fails_the_step() -> None:
    failures = await run('[{do="send", action="Heartbeat", payload={}, expect_error="NotImplemented"}]')
    assert failures == ("step 1 (send): expected NotImplemented, got an answer without error",)


async def test_a_call_that_does_not_come_fails_the_step() -> None:
    failures = await run('[{do="await_call", action="Reset", timeout_s=0.05}]')
    assert failures == ("step 1 (await_call): no Reset came from the central system within 0.05 s",)
