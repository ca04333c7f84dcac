"""Every OCPI version end to end: registered both ways, a token pushed, a visit charged, every list pulled by pages."""

from decimal import Decimal
from typing import Any

import pytest

from simulators.charger import load_scenario
from simulators.emsp import Emsp
from tests.contract_schemas import assert_valid
from tests.e2e.house import LOCATION, House, site
from tests.e2e.test_plug_to_cdr import UID, live, plain

VERSIONS = ["2.1.1", "2.2.1", "2.3.0"]
MODULES = ("locations", "tariffs", "sessions", "cdrs")


async def charge(house: House, station_id: str) -> None:
    scenario = load_scenario("16-simple").model_copy(update={"token": UID})
    await live(house, scenario, station_id, "1.6")


async def pull_all(emsp: Emsp) -> dict[str, list[dict[str, Any]]]:
    """Every module, one object a page."""
    return {module: await emsp.pull(module, limit=1) for module in MODULES}


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_emsp_of_any_version_registers_pushes_a_token_and_pulls_what_it_is_billed(
    house: House, version: str
) -> None:
    await house.provision("CS1", "CS2", password="secret-of-the-station", security_profile=1)
    async with await house.invite(version=version) as emsp:
        partner = await emsp.register()
        await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
        await emsp.get_token(UID)
        await charge(house, "CS1")
        await charge(house, "CS2")
        await house.wait_for_cdrs(2)
        pulled = await pull_all(emsp)
        emsp.check_references()

        assert partner.version == version
        assert [str(finding) for finding in emsp.violations] == []
        for module, objects in pulled.items():
            assert_valid(module, plain(objects), version=version)
        assert {module: len(objects) for module, objects in pulled.items()} == {
            "locations": 1,
            "tariffs": 1,
            "sessions": 2,
            "cdrs": 2,
        }
        assert {session["status"] for session in pulled["sessions"]} == {"COMPLETED"}
        assert {net_cost(cdr) for cdr in pulled["cdrs"]} == {net_cost(pulled["cdrs"][0])}
        assert net_cost(pulled["cdrs"][0]) == Decimal(str((await house.items("cdrs"))[0]["total_cost"]["before_taxes"]))


def net_cost(cdr: dict[str, Any]) -> Decimal:
    """The total before taxes, as each version tells it."""
    cost = cdr["total_cost"]
    return Decimal(cost.get("excl_vat", cost.get("before_taxes")) if isinstance(cost, dict) else cost)


@pytest.mark.parametrize("version", VERSIONS)
async def test_we_register_with_an_emsp_of_any_version(house: House, version: str) -> None:
    await house.provision("CS1")
    async with Emsp(give_token_a="their-token-a", version=version) as emsp:
        body = {"name": "eMSP", "role": "EMSP", "versions_url": emsp.versions_url, "token": "their-token-a"}
        body |= {"raw_token": version == "2.1.1"}  # else the gateway tries both, and this eMSP minds the first
        partner = await house.call("POST", "partners", body)
        await emsp.wait_until_registered(10)
        await emsp.push_token(UID)
        await emsp.pull("locations")
        await emsp.rotate()
        await emsp.pull("tariffs")
        renewed = await house.call("POST", f"partners/{partner['id']}/renewals")
        await emsp.pull("cdrs")
        await emsp.unregister()

        assert (partner["version"], renewed["version"]) == (version, version)
        assert [(role["role"], role["party_id"]) for role in partner["roles"]] == [("EMSP", "EMS")]
        assert [str(finding) for finding in emsp.violations] == []


async def test_the_operator_sees_what_a_version_cannot_say(house: House) -> None:
    await house.provision("CS1")
    location = site("CS1") | {"help_phone": "+31201234567"}
    (plug,) = location["evses"][0]["connectors"]
    unwired = {name: value for name, value in plug.items() if name not in ("station_id", "evse_no", "connector_no")}
    location["evses"][0]["connectors"].append(unwired | {"id": "2", "standard": "MCS"})
    await house.call("PUT", f"locations/{LOCATION}", location)
    async with await house.invite(version="2.1.1") as emsp:
        await emsp.register()
        await emsp.pull("locations")

    (entry,) = [one for one in await house.items("withheld") if one["kind"] == "location"]

    assert (entry["id"], entry["version"], entry["what"]) == (LOCATION, "2.1.1", "parts")
    assert "help_phone" in entry["reasons"]
    assert any("MCS" in reason for reason in entry["reasons"])
