"""The operator corrects a bill, and releases one that waited for him: what the eMSP pulls afterwards."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from simulators.demo import TARIFF
from tests.contract_schemas import assert_valid
from tests.e2e.house import House, until
from tests.e2e.operator import refused
from tests.e2e.test_money import UID, begin_of, component, priced
from tests.e2e.wire import Platform, Visit, charger, equip, exact, registered


def visit(kwh: int, charging_min: float = 30) -> Visit:
    return Visit(
        UID,
        begin_of(charging_min + 1),
        charging=timedelta(minutes=charging_min),
        parking=timedelta(0),
        energy_wh=kwh * 1000,
    )


async def cdrs_of(emsp: Platform) -> list[dict[str, Any]]:
    answer = await emsp.get("cdrs")
    for plain in answer.data:
        assert_valid("cdr", plain)
    found: list[dict[str, Any]] = exact(answer.raw)["data"]
    return found


async def test_a_corrected_bill_reaches_the_emsp_as_a_credit_and_another_bill(house: House) -> None:
    await equip(house, "CS1")
    await house.call("PUT", f"tariffs/{TARIFF}", priced(component("ENERGY", "0.25", "20")))
    async with registered(house) as emsp:
        await emsp.push(UID)
        async with charger(house) as plug:
            await plug.live(visit(10))
        (bill,) = await house.wait_for_cdrs(1)
        first = (await emsp.get("cdrs")).raw

        made = await house.call(
            "POST", f"cdrs/{bill['id']}/corrections", {"reason": "the meter was broken", "energy_wh": 4000}
        )
        await refused(house, 409, "POST", f"cdrs/{bill['id']}/corrections", {"reason": "again", "cancel": True})
        await refused(house, 409, "POST", f"cdrs/{made['credit']['id']}/corrections", {"reason": "x", "cancel": True})
        await refused(house, 404, "POST", "cdrs/none/corrections", {"reason": "x", "cancel": True})
        await house.restart()
        original, credit, corrected = await cdrs_of(emsp)

    assert exact(first)["data"] == [original]
    assert (original["id"], credit["id"], corrected["id"]) == (bill["id"], made["credit"]["id"], made["cdr"]["id"])
    assert max(len(cdr["id"]) for cdr in (original, credit, corrected)) <= 36
    assert (credit["credit"], credit["credit_reference_id"]) == (True, bill["id"])
    assert credit["total_cost"] == {"excl_vat": D("-2.5"), "incl_vat": D("-3")}
    told = {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    assert {key for key in credit if credit[key] != original.get(key)} == told
    assert (corrected["total_energy"], corrected["total_cost"]) == (4, {"excl_vat": D(1), "incl_vat": D("1.2")})
    assert not {"credit", "credit_reference_id"} & corrected.keys()
    assert "the meter was broken" not in str([credit, corrected])


async def test_a_session_with_a_doubt_waits_for_its_release_over_a_restart(tmp_path: Path) -> None:
    async with House(tmp_path, {"GATEWAY_REVIEW__HOLD_FLAGS": '["energy_beyond_plug"]'}) as house:
        await equip(house, "CS1")
        async with registered(house) as emsp:
            await emsp.push(UID)
            async with charger(house) as plug:
                await plug.live(visit(400))

            (waiting,) = await until(lambda: house.items("review"), "the session to be held")
            await house.restart()
            (still,) = await house.items("review")
            none = await cdrs_of(emsp)
            made = await house.call("POST", f"sessions/{waiting['id']}/release")
            await refused(house, 409, "POST", f"sessions/{waiting['id']}/release")
            (cdr,) = await cdrs_of(emsp)

        assert (still["id"], none) == (waiting["id"], [])
        assert [doubt["flag"] for doubt in waiting["doubts"]] == ["energy_beyond_plug"]
        assert "needs review" in waiting["hold"]
        assert made["flags"] == ["energy_beyond_plug", "reviewed"]
        assert (cdr["id"], cdr["total_energy"]) == (made["id"], 400)
