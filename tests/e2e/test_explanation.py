"""A bill of a real visit: its messages and its arithmetic lead to it, and nothing is left to doubt."""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulators.charger import build_charger, load_scenario
from tests.e2e.house import House
from tests.e2e.wire import registered

UID = "04E2A1B2C3D480"


@pytest.mark.parametrize(("version", "scenario"), [("1.6", "16-simple"), ("2.0.1", "201-simple")])
async def test_the_story_of_a_visit_leads_to_its_bill(house: House, version: str, scenario: str) -> None:
    await house.provision("CS1", ocpp_version=version)
    async with registered(house) as platform:
        await platform.push(UID)
        script = load_scenario(scenario).model_copy(update={"token": UID})
        async with build_charger(script, house.ocpp_url, "CS1", version=version, speed=1000) as charger:
            assert (await charger.run_scenario(script)).is_good
        (cdr,) = await house.wait_for_cdrs(1)
        await platform.load("cdrs?date_from=2020-01-01T00:00:00Z")

    story = await house.call("GET", f"cdrs/{cdr['id']}/explanation")

    assert story["doubts"] == []
    drawn = [taken["drawn_wh"] for fact in story["facts"] for taken in fact["taken"] if taken["drawn_wh"]]
    assert sum(map(Decimal, map(str, drawn))) == Decimal(str(cdr["energy_wh"]))
    assert [period["begun_by"].partition(":")[0] for period in story["periods"]] == [
        "the session begins",
        "the car asks for no power",
    ]
    assert story["arithmetic"]["cost"] == cdr["total_cost"]
    assert [shown["version"] for shown in story["shown"]] == ["2.2.1"]
    assert story["shown"][0]["at"] is not None
