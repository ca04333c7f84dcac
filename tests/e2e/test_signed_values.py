"""Signed meter values from the charger's meter to the CDR that an eMSP has pulled, over both versions of OCPP."""

import base64
from typing import Any

import pytest

from simulators.charger import Charger, Scenario, Signing, build_charger, load_scenario
from simulators.charger.runner import run_scenario
from tests.contract_schemas import assert_valid
from tests.e2e.house import House, until
from tests.e2e.test_plug_to_cdr import PATIENCE, UID, plain

VERSIONS = [("16-signed", "1.6"), ("201-signed", "2.0.1")]


def scenario_of(name: str) -> Scenario:
    """The visit of the scenario at a charger whose meters do not sign yet."""
    scenario = load_scenario(name)
    return scenario.model_copy(update={"token": UID, "station": scenario.station.model_copy(update={"signed": None})})


async def visit(house: House, name: str, version: str, signing: Signing, *, is_key_given: bool = False) -> Charger:
    """Provide all, live through the scenario with meters that sign, and return the charger."""
    scenario = scenario_of(name)
    await house.provision("CS1")
    charger = build_charger(scenario, house.ocpp_url, "CS1", version=version, patience=PATIENCE)
    charger.sign_with(signing)
    if is_key_given:
        await house.call("PUT", "stations/CS1", {"meter_public_keys": {"1": charger.meter_key()}})
    async with charger:
        if signing.key == "configuration":  # it is read after the boot, while the scenario runs on
            await charger.boot()
            await until(lambda: has_keys(house), "the station's keys")
        outcome = await run_scenario(charger, scenario)
    assert outcome.failures == ()
    return charger


async def has_keys(house: House) -> bool:
    station = await house.call("GET", "stations/CS1")
    return bool(station["reported_meter_keys"])


async def accept_card(house: House) -> None:
    await house.call("PUT", f"tokens/{UID}", {"status": "accepted"})


async def find_cdr(house: House) -> dict[str, Any]:
    (cdr,) = await house.wait_for_cdrs(1)
    found: dict[str, Any] = await house.call("GET", f"cdrs/{cdr['id']}")
    return found


def natures(values: list[dict[str, Any]]) -> list[str]:
    """In order, repetitions folded."""
    found = [value["nature"] for value in values]
    return [nature for no, nature in enumerate(found) if no == 0 or found[no - 1] != nature]


@pytest.mark.parametrize(
    ("key", "source"), [("each value", "VALUE"), ("configuration", "STATION"), ("never", "OPERATOR")]
)
@pytest.mark.parametrize(("name", "version"), VERSIONS)
async def test_what_the_meter_signed_is_verified_whoever_tells_its_key(
    house: House, name: str, version: str, key: Any, source: str
) -> None:
    await accept_card(house)
    signing = Signing(curve="secp256k1", key=key)

    charger = await visit(house, name, version, signing, is_key_given=source == "OPERATOR")

    cdr = await find_cdr(house)
    values = cdr["signed_values"]
    assert {(value["verdict"], value["key_source"]) for value in values} == {("VERIFIED", source)}
    assert [value["nature"] for value in values].count("Start") == 1
    assert [value["nature"] for value in values].count("End") == 1
    assert not {flag for flag in cdr["flags"] if flag.startswith("sign")}
    station = await house.call("GET", "stations/CS1")
    reported = {"1": charger.meter_key()} if key == "configuration" else {}
    assert station["reported_meter_keys"] == reported
    session = await house.call("GET", f"sessions/{cdr['session_id']}")
    assert session["signed_values"] == values


@pytest.mark.parametrize(("name", "version"), VERSIONS)
async def test_a_digit_that_was_changed_after_signing_is_told_and_the_bill_stands(
    house: House, name: str, version: str
) -> None:
    await accept_card(house)
    await visit(house, name, version, Signing(encoding="base64", is_forged=True))

    cdr = await find_cdr(house)
    verdicts = {value["nature"]: value["verdict"] for value in cdr["signed_values"]}
    assert verdicts == {"Start": "VERIFIED", "Intermediate": "VERIFIED", "End": "BROKEN"}
    assert "signature_broken" in cdr["flags"]
    assert (cdr["energy_wh"], cdr["total_cost"]["before_taxes"]) == (5500, 1.875)
    story = await house.call("GET", f"cdrs/{cdr['id']}/explanation")
    assert story["signed_values"] == cdr["signed_values"]


@pytest.mark.parametrize(("name", "version"), VERSIONS)
async def test_without_a_key_nothing_is_verified_and_all_is_kept(house: House, name: str, version: str) -> None:
    await accept_card(house)
    await visit(house, name, version, Signing(key="never"))

    cdr = await find_cdr(house)
    assert {value["verdict"] for value in cdr["signed_values"]} == {"UNVERIFIED"}
    assert "signature_unverified" in cdr["flags"]
    assert all(value["plain_data"].startswith("OCMF|") for value in cdr["signed_values"])


@pytest.mark.parametrize(("name", "version"), VERSIONS)
async def test_an_emsp_gets_start_intermediate_and_end_with_the_key(house: House, name: str, version: str) -> None:
    await house.provision("CS1")
    async with await house.invite() as emsp:
        await emsp.register()
        await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
        await visit(house, name, version, Signing(curve="brainpool256r1"))
        own = await find_cdr(house)
        (cdr,) = await emsp.pull("cdrs")

        assert [str(finding) for finding in emsp.violations] == []
    assert_valid("cdr", plain(cdr))
    signed = cdr["signed_data"]
    assert (signed["encoding_method"], signed["public_key"]) == ("OCMF", own["signed_values"][0]["public_key"])
    assert natures(signed["signed_values"])[0] == "Start"
    assert natures(signed["signed_values"])[-1] == "End"
    for value in signed["signed_values"]:
        assert base64.b64decode(value["signed_data"]).decode() == value["plain_data"]
