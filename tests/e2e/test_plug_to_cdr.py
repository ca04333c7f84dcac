"""From the plug to the CDR that an eMSP has pulled: polite chargers and impolite ones."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.charger import Exchange, Patience, Scenario, build_charger, load_scenario
from tests.contract_schemas import assert_valid
from tests.e2e.house import House

UID = "04E2A1B2C3D480"
PATIENCE = Patience(reply_timeout_s=5, give_up_after_s=30)
BUNDLED = [
    ("16-simple", "1.6"),
    ("201-simple", "2.0.1"),
    ("16-offline-replay", "1.6"),
    ("16-lost-replies", "1.6"),
    ("16-phases-kwh", "1.6"),
    ("16-swap-register", "1.6"),
    ("201-gaps", "2.0.1"),
    ("201-duplicates", "2.0.1"),
    ("16-signed", "1.6"),
    ("201-signed", "2.0.1"),
]


async def live(house: House, scenario: Scenario, station_id: str, version: str) -> list[Exchange]:
    charger = build_charger(
        scenario,
        house.ocpp_url,
        station_id,
        version=version,
        speed=None,
        password="secret-of-the-station",
        patience=PATIENCE,
    )
    async with charger:
        outcome = await charger.run_scenario(scenario)
    assert outcome.failures == ()
    return list(charger.acknowledged)


@pytest.mark.parametrize(("name", "version"), BUNDLED)
async def test_a_scenario_ends_with_the_cdr_that_it_states(house: House, name: str, version: str) -> None:
    scenario = load_scenario(name).model_copy(update={"token": UID})
    assert scenario.expect is not None
    await house.provision("CS1", password="secret-of-the-station", security_profile=1)
    async with await house.invite() as emsp:
        await emsp.register()
        await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
        await live(house, scenario, "CS1", version)
        await house.wait_for_cdrs(scenario.expect.cdrs)
        await emsp.pull("tariffs")
        await emsp.pull("locations")
        sessions = await emsp.pull("sessions")
        cdrs = await emsp.pull("cdrs")
        emsp.check_references()

        assert [str(finding) for finding in emsp.violations] == []
        assert len(cdrs) == scenario.expect.cdrs
        assert {session["status"] for session in sessions} == {"COMPLETED"}
        compare(cdrs, scenario)
        for module, objects in (("session", sessions), ("cdr", cdrs)):
            for item in objects:
                assert_valid(module, plain(item))


async def test_a_station_is_told_what_the_session_costs_and_in_the_end_what_the_cdr_says(house: House) -> None:
    scenario = load_scenario("201-simple").model_copy(update={"token": UID})
    assert scenario.expect is not None
    await house.provision("CS1", password="secret-of-the-station", security_profile=1)
    await house.call("PUT", f"tokens/{UID}", {"status": "accepted"})

    acknowledged = await live(house, scenario, "CS1", "2.0.1")

    events = [one for one in acknowledged if one.action == "TransactionEvent"]
    running = [one.reply["totalCost"] for one in events[:-1] if "totalCost" in one.reply]
    assert len(running) == 1
    assert 0 < running[0] < float(scenario.expect.cost_incl_vat or 0)
    assert Decimal(str(events[-1].reply["totalCost"])) == scenario.expect.cost_incl_vat


def compare(cdrs: list[dict[str, Any]], scenario: Scenario) -> None:
    expect = scenario.expect
    assert expect is not None
    hours = sum(Decimal(cdr["total_time"]) for cdr in cdrs)
    parking = sum(Decimal(cdr.get("total_parking_time", 0)) for cdr in cdrs)
    assert sum(Decimal(cdr["total_energy"]) for cdr in cdrs) == expect.kwh
    if expect.parking_minutes is not None:
        assert abs(parking * 60 - expect.parking_minutes) < Decimal("0.01")
    if expect.charging_minutes is not None:
        assert abs((hours - parking) * 60 - expect.charging_minutes) < Decimal("0.01")
    if expect.cost_excl_vat is not None:
        assert sum(Decimal(cdr["total_cost"]["excl_vat"]) for cdr in cdrs) == expect.cost_excl_vat
    if expect.cost_incl_vat is not None:
        assert sum(Decimal(cdr["total_cost"]["incl_vat"]) for cdr in cdrs) == expect.cost_incl_vat


def plain(item: Any) -> Any:
    """The same with JSON's numbers in place of Decimals."""
    if isinstance(item, Decimal):
        return int(item) if item == item.to_integral_value() else float(item)
    if isinstance(item, dict):
        return {key: plain(value) for key, value in item.items()}
    if isinstance(item, list):
        return [plain(value) for value in item]
    return item


async def test_a_session_whose_station_forgot_it_is_given_up_and_billed_by_its_last_reading(tmp_path: Path) -> None:
    """The first sweep of a new start finds it: nothing was heard for longer than the limit, and the plug is free."""
    scenario = load_scenario("16-reboot-ghost").model_copy(update={"token": UID})
    assert scenario.expect is not None
    async with House(
        tmp_path, env={"GATEWAY_SESSIONS__GHOST_AFTER_S": "0", "GATEWAY_OCPP__RESTART_GRACE_S": "0"}
    ) as house:
        await house.provision("CS1", password="secret-of-the-station", security_profile=1)
        await house.call("PUT", f"tokens/{UID}", {"status": "accepted"})
        await live(house, scenario, "CS1", "1.6")
        await house.restart()

        cdrs = await house.wait_for_cdrs(scenario.expect.cdrs)

    assert sum(Decimal(str(cdr["energy_kwh"])) for cdr in cdrs) == scenario.expect.kwh
    assert "abandoned" in cdrs[-1]["flags"]
