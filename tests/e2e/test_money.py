"""What a visit costs, worked out by hand: the CDR an eMSP pulls and the bill the operator sees must both say so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from simulators.demo import LOCATION, TARIFF, tariff
from tests.contract_schemas import assert_valid
from tests.e2e.house import House, site, until
from tests.e2e.wire import Platform, Visit, charger, equip, exact, now, parse, registered

UID = "04E2A1B2C3D480"
SINCE = "date_from=2020-01-01T00:00:00Z"
PARTS = ("total_fixed_cost", "total_energy_cost", "total_time_cost", "total_parking_cost")


@pytest.fixture
async def emsp(house: House) -> AsyncIterator[Platform]:
    await equip(house, "CS1")
    async with registered(house) as platform:
        await platform.push(UID)
        yield platform


def component(type_: str, price: str, vat: str | None = None, step: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = {"type": type_, "price": float(price), "step_size": step}
    return found if vat is None else {**found, "vat": float(vat)}


def priced(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**tariff(), "elements": [{"price_components": list(components)}], **more}


def begin_of(minutes: float) -> datetime:
    """A start so long ago, at a whole second."""
    return (now() - timedelta(minutes=minutes)).replace(microsecond=0)


async def cdrs_of(emsp: Platform) -> list[dict[str, Any]]:
    """The CDRs exactly as they stand on the wire, each within the contract and right in itself."""
    answer = await emsp.get("cdrs")
    for plain in answer.data:
        assert_valid("cdr", plain)
    found: list[dict[str, Any]] = exact(answer.raw)["data"]
    for cdr in found:
        check_sums(cdr)
    return found


def check_sums(cdr: dict[str, Any]) -> None:
    """Total costs are the sums of their parts, and the periods tile the session and add up to its totals."""
    periods = cdr["charging_periods"]
    volumes: dict[str, D] = {}
    at = parse(cdr["start_date_time"])
    for period in periods:
        dimensions = {one["type"]: one["volume"] for one in period["dimensions"]}
        assert parse(period["start_date_time"]) == at
        hours = dimensions.get("TIME", D(0)) + dimensions.get("PARKING_TIME", D(0))
        at += timedelta(seconds=round(float(hours * 3600)))
        for name, volume in dimensions.items():
            volumes[name] = volumes.get(name, D(0)) + volume
    assert abs(at - parse(cdr["end_date_time"])) <= timedelta(seconds=1)
    assert volumes.get("ENERGY", D(0)) == cdr["total_energy"]
    tolerance = D("0.0001") * len(periods)
    hours = volumes.get("TIME", D(0)) + volumes.get("PARKING_TIME", D(0))
    assert abs(hours - cdr["total_time"]) <= tolerance
    assert abs(volumes.get("PARKING_TIME", D(0)) - cdr.get("total_parking_time", D(0))) <= tolerance
    for number in [*(period["dimensions"][0]["volume"] for period in periods), *cdr["total_cost"].values()]:
        assert number == number.quantize(D("0.0001"))


def check_parts(cdr: dict[str, Any]) -> None:
    for name in ("excl_vat", "incl_vat"):
        assert sum((cdr[part][name] for part in PARTS if part in cdr), D(0)) == cdr["total_cost"][name]


@dataclass(frozen=True)
class Case:
    """A tariff, a visit and what it must cost."""

    tariff: dict[str, Any]
    kwh: str
    charging_min: float
    parking_min: float
    excl: str
    incl: str
    parts: dict[str, tuple[str, str]]


CASES = {
    # 0.50 + 10 kWh x 0.25 = 3.00, 20 % on all of it
    "flat and energy": Case(
        priced(component("FLAT", "0.50", "20"), component("ENERGY", "0.25", "20")),
        *("10", 30, 0, "3", "3.6"),
        {"total_fixed_cost": ("0.5", "0.6"), "total_energy_cost": ("2.5", "3")},
    ),
    # 0.5 h x 3.00 + 0.25 h x 2.00 = 2.00; 19 % on the time, none applicable to parking: 1.50 x 1.19 + 0.50 = 2.285
    "time with and parking without VAT": Case(
        priced(component("TIME", "3.00", "19"), component("PARKING_TIME", "2.00")),
        *("7.5", 30, 15, "2", "2.285"),
        {"total_time_cost": ("1.5", "1.785"), "total_parking_cost": ("0.5", "0.5")},
    ),
    # 1.00 (10 %) + 12.345 kWh x 0.39 = 4.81455 -> 4.8146 (20 %: 5.77746 -> 5.7775) + 0.1 h x 6 = 0.60 (25 %: 0.75)
    "four rates of VAT": Case(
        priced(
            component("FLAT", "1.00", "10"),
            component("ENERGY", "0.39", "20"),
            component("TIME", "0.00", "0"),
            component("PARKING_TIME", "6.00", "25"),
        ),
        *("12.345", 60, 6, "6.4146", "7.6275"),
        {
            "total_fixed_cost": ("1", "1.1"),
            "total_energy_cost": ("4.8146", "5.7775"),
            "total_time_cost": ("0", "0"),
            "total_parking_cost": ("0.6", "0.75"),
        },
    ),
    # 20.45 kWh in steps of 100 Wh are 20.5 kWh x 0.25 = 5.125
    "energy in steps": Case(
        priced(component("ENERGY", "0.25", "10", 100)),
        *("20.45", 60, 0, "5.125", "5.6375"),
        {"total_energy_cost": ("5.125", "5.6375")},
    ),
    # an exact multiple stays: 20.5 kWh x 0.25
    "energy on a step": Case(
        priced(component("ENERGY", "0.25", "10", 500)),
        *("20.5", 60, 0, "5.125", "5.6375"),
        {"total_energy_cost": ("5.125", "5.6375")},
    ),
    # 150 min x 1.00/h = 2.50; 42 min of parking become 45 min x 5.00/h = 3.75: only what was billed last is rounded
    "parking last in steps of 15 minutes": Case(
        priced(component("TIME", "1.00", "20", 900), component("PARKING_TIME", "5.00", "10", 900)),
        *("10", 151, 42, "6.2667", "7.145"),
        {"total_time_cost": ("2.5167", "3.02"), "total_parking_cost": ("3.75", "4.125")},
    ),
    # 21 min in steps of 5 min are 25 min x 2.00/h = 0.8333
    "charging alone in steps of 5 minutes": Case(
        priced(component("TIME", "2.00", "20", 300)),
        *("5", 21, 0, "0.8333", "1"),
        {"total_time_cost": ("0.8333", "1")},
    ),
    # parking without a price leaves the charging time as the last billed: 21 -> 25 min
    "parking without a price": Case(
        priced(component("TIME", "2.00", "20", 300)),
        *("5", 21, 7, "0.8333", "1"),
        {"total_time_cost": ("0.8333", "1")},
    ),
    "free of charge": Case(
        priced(component("FLAT", "0", step=0)), *("5", 30, 0, "0", "0"), {"total_fixed_cost": ("0", "0")}
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_visit_costs_what_it_costs_by_hand(house: House, emsp: Platform, name: str) -> None:
    case = CASES[name]
    await house.call("PUT", f"tariffs/{TARIFF}", case.tariff)
    visit = Visit(
        UID,
        begin_of(case.charging_min + case.parking_min + 1),
        charging=timedelta(minutes=case.charging_min),
        parking=timedelta(minutes=case.parking_min),
        energy_wh=int(D(case.kwh) * 1000),
    )
    async with charger(house) as plug:
        await plug.live(visit)
    (seen,) = await house.wait_for_cdrs(1)
    (cdr,) = await cdrs_of(emsp)

    assert (cdr["total_cost"]["excl_vat"], cdr["total_cost"]["incl_vat"]) == (D(case.excl), D(case.incl))
    assert {part: (cdr[part]["excl_vat"], cdr[part]["incl_vat"]) for part in PARTS if part in cdr} == {
        part: (D(excl), D(incl)) for part, (excl, incl) in case.parts.items()
    }
    check_parts(cdr)
    assert cdr["total_energy"] == D(case.kwh)
    assert cdr["total_time"] == (D(str(case.charging_min + case.parking_min)) / 60).quantize(D("0.0001"))
    assert cdr.get("total_parking_time", D(0)) == (D(str(case.parking_min)) / 60).quantize(D("0.0001"))
    assert cdr["currency"] == "EUR"
    assert [one["id"] for one in cdr["tariffs"]] == [TARIFF]
    assert {period["tariff_id"] for period in cdr["charging_periods"]} == {TARIFF}
    assert (parse(cdr["start_date_time"]), parse(cdr["end_date_time"])) == (visit.start, visit.end)
    assert seen["total_cost"] == {"before_taxes": float(case.excl), "with_taxes": float(case.incl)}


LIMITS = {
    # 0.1 kWh x 0.25 = 0.025 is lifted to 0.50 / 0.55
    "min price": ({"min_price": {"excl_vat": 0.5, "incl_vat": 0.55}}, "0.1", "0.5", "0.55"),
    # 50 kWh x 0.25 = 12.50 / 13.75 is capped at 10.00 / 11.00
    "max price": ({"max_price": {"excl_vat": 10, "incl_vat": 11}}, "50", "10", "11"),
    # 20 kWh x 0.25 = 5.00 / 5.50 lies between
    "neither": (
        {"min_price": {"excl_vat": 0.5, "incl_vat": 0.55}, "max_price": {"excl_vat": 10, "incl_vat": 11}},
        *("20", "5", "5.5"),
    ),
    # each limit holds by itself: 45 kWh are 11.25 / 12.375, only the amount with VAT is over
    "only the amount with VAT": ({"max_price": {"excl_vat": 12, "incl_vat": 12}}, "45", "11.25", "12"),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_min_and_max_price_hold_before_and_after_vat(house: House, emsp: Platform, name: str) -> None:
    limits, kwh, excl, incl = LIMITS[name]
    await house.call("PUT", f"tariffs/{TARIFF}", priced(component("ENERGY", "0.25", "10"), **limits))
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40), energy_wh=int(D(kwh) * 1000)))
    await house.wait_for_cdrs(1)

    (cdr,) = await cdrs_of(emsp)

    assert (cdr["total_cost"]["excl_vat"], cdr["total_cost"]["incl_vat"]) == (D(excl), D(incl))


@pytest.mark.parametrize(
    ("tax_included", "excl", "incl"),
    # 10 kWh x 0.24: YES holds 20 % in it, NO adds them, N/A has none
    [("YES", "2", "2.4"), ("NO", "2.4", "2.88"), ("N/A", "2.4", "2.4")],
)
async def test_prices_with_and_without_tax_in_them(
    house: House, emsp: Platform, tax_included: str, excl: str, incl: str
) -> None:
    vat = None if tax_included == "N/A" else "20"
    body = priced(component("ENERGY", "0.24", vat), tax_included=tax_included)
    await house.call("PUT", f"tariffs/{TARIFF}", body)
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40)))
    await house.wait_for_cdrs(1)

    (cdr,) = await cdrs_of(emsp)

    assert (cdr["total_cost"]["excl_vat"], cdr["total_cost"]["incl_vat"]) == (D(excl), D(incl))


# --- what cannot be priced is held, never free


def without_tariff(*station_ids: str) -> dict[str, Any]:
    body = site(*station_ids)
    for evse in body["evses"]:
        del evse["connectors"][0]["tariff_ids"]
    return body


async def held(house: House) -> str:
    """Why the one session that ended has no CDR."""
    (session,) = await house.items("sessions")
    assert (session["status"], session["cdr_id"]) == ("COMPLETED", None)
    return str(session["hold"] or "")


async def until_held(house: House) -> str:
    async def found() -> str:
        return await held(house)

    return str(await until(found, "the session held"))


async def test_without_a_tariff_a_session_is_held_and_billed_once_there_is_one(house: House, emsp: Platform) -> None:
    await house.call("PUT", f"locations/{LOCATION}", without_tariff("CS1"))
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40)))

    assert "tariff" in await until_held(house)
    assert await cdrs_of(emsp) == []
    (session,) = await emsp.load(f"sessions?{SINCE}")
    assert_valid("session", session)
    assert (session["status"], session.get("total_cost")) == ("COMPLETED", None)

    await house.call("PUT", f"locations/{LOCATION}", site("CS1"))

    await house.wait_for_cdrs(1)
    (cdr,) = await cdrs_of(emsp)
    assert cdr["total_cost"]["excl_vat"] == D("3")  # 0.50 + 10 kWh x 0.25
    (session,) = await house.items("sessions")
    assert (session["hold"], session["cdr_id"]) == (None, cdr["id"])


async def test_without_a_location_a_session_is_held_and_billed_once_there_is_one(house: House) -> None:
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": "secret-of-the-station"})
    async with registered(house) as emsp:
        await emsp.push(UID)
        async with charger(house) as plug:
            await plug.live(Visit(UID, begin_of(40)))
        assert "location" in await until_held(house)
        assert await emsp.load("cdrs") == []
        assert await emsp.load(f"sessions?{SINCE}") == []

        await house.provision("CS1")

        await house.wait_for_cdrs(1)
        (cdr,) = await cdrs_of(emsp)
        assert cdr["cdr_location"]["evse_uid"] == "EVSE-CS1"
        (session,) = await emsp.load(f"sessions?{SINCE}")
        assert_valid("session", session)
        assert session["location_id"] == LOCATION


async def test_a_held_session_waits_over_a_restart(house: House, emsp: Platform) -> None:
    await house.call("PUT", f"locations/{LOCATION}", without_tariff("CS1"))
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40)))
    await until_held(house)
    await house.restart()
    assert "tariff" in await until_held(house)

    await house.call("PUT", f"locations/{LOCATION}", site("CS1"))

    await house.wait_for_cdrs(1)


# --- a bill is a bill


async def test_a_tariff_that_changes_during_a_session_does_not_change_its_bill(house: House, emsp: Platform) -> None:
    async with charger(house) as plug:
        visit = Visit(UID, begin_of(40))
        transaction = await plug.begin(visit)
        await house.call("PUT", f"tariffs/{TARIFF}", priced(component("ENERGY", "9.99", "20")))
        await plug.finish(transaction, visit)
        await house.wait_for_cdrs(1)
        await plug.live(Visit(UID, begin_of(5), charging=timedelta(minutes=4), meter_start=200_000))
    await house.wait_for_cdrs(2)

    first, second = await cdrs_of(emsp)

    assert first["total_cost"]["excl_vat"] == D("3")
    assert first["tariffs"][0]["elements"][1]["price_components"][0]["price"] == D("0.25")
    assert second["total_cost"]["excl_vat"] == D("99.9")


async def test_the_bytes_of_a_cdr_never_change_again(house: House, emsp: Platform) -> None:
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40), parking=timedelta(minutes=5)))
    await house.wait_for_cdrs(1)
    served = (await emsp.get("cdrs")).raw.partition(b',"status_code"')[0]

    async def same() -> bool:
        return (await emsp.get("cdrs")).raw.partition(b',"status_code"')[0] == served

    await house.restart()
    assert await same()
    await house.call("PUT", f"tariffs/{TARIFF}", priced(component("ENERGY", "9.99", "20"), currency="EUR"))
    moved = {**site("CS1"), "name": "Another name", "address": "Elsewhere 2", "city": "Amersfoort"}
    await house.call("PUT", f"locations/{LOCATION}", moved)
    await emsp.push(UID, contract_id="DE-EMP-C99999999-X")
    assert await same()
    await house.call("DELETE", f"locations/{LOCATION}")
    await house.restart()
    assert await same()


async def test_a_cdr_that_nobody_had_read_yet_does_not_change_either(house: House, emsp: Platform) -> None:
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40)))
    await house.wait_for_cdrs(1)
    token = await emsp.push(UID, contract_id="DE-EMP-C99999999-X")
    await house.call("PUT", f"locations/{LOCATION}", {**site("CS1"), "address": "Elsewhere 2"})
    await house.call("PUT", f"tariffs/{TARIFF}", priced(component("ENERGY", "9.99", "20")))
    await house.restart()

    (cdr,) = await cdrs_of(emsp)

    assert cdr["cdr_location"]["address"] == site("CS1")["address"]
    assert cdr["cdr_token"]["contract_id"] != token["contract_id"]
    assert cdr["total_cost"]["excl_vat"] == D("3")


async def test_ordinals_have_no_gaps_for_each_partner(house: House, emsp: Platform) -> None:
    async with registered(house, "FR", "OTH") as other, charger(house) as plug:
        await other.push("OTHERCARD")
        await house.call("PUT", "tokens/LOCALCARD", {"status": "accepted"})
        uids = [UID, "OTHERCARD", UID, "LOCALCARD", UID, "OTHERCARD"]
        for number, uid in enumerate(uids):
            await plug.live(Visit(uid, begin_of(60 - number * 5), charging=timedelta(minutes=3)))
        cdrs = await house.wait_for_cdrs(len(uids))

        ordinals: dict[str | None, list[int]] = {}
        for cdr in reversed(cdrs):
            ordinals.setdefault(cdr["partner_id"], []).append(cdr["ordinal"])
        assert ordinals == {emsp.partner_id: [1, 2, 3], other.partner_id: [1, 2], None: [1]}
        assert len(await cdrs_of(emsp)) == 3
        assert len(await cdrs_of(other)) == 2


@pytest.mark.parametrize("currency", ["EUR", "SEK"])
async def test_the_currency_is_the_tariffs_everywhere(house: House, emsp: Platform, currency: str) -> None:
    await house.call("PUT", f"tariffs/{TARIFF}", {**tariff(), "currency": currency})
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40)))
    (seen,) = await house.wait_for_cdrs(1)

    (cdr,) = await cdrs_of(emsp)
    (session,) = await emsp.load(f"sessions?{SINCE}")

    assert {cdr["currency"], cdr["tariffs"][0]["currency"], session["currency"], seen["currency"]} == {currency}


async def test_the_ended_session_says_the_same_as_its_cdr(house: House, emsp: Platform) -> None:
    visit = Visit(UID, begin_of(60), parking=timedelta(minutes=10), energy_wh=12_345)
    async with charger(house) as plug:
        await plug.live(visit)
    await house.wait_for_cdrs(1)
    (cdr,) = await cdrs_of(emsp)
    (session,) = exact((await emsp.get(f"sessions?{SINCE}")).raw)["data"]

    assert session["kwh"] == cdr["total_energy"] == D("12.345")
    assert cdr["session_id"] == session["id"]
    for name in ("start_date_time", "end_date_time", "cdr_token", "auth_method", "charging_periods"):
        assert session[name] == cdr[name], name
    assert session["total_cost"] == cdr["total_cost"]


async def test_a_session_that_has_cost_nothing_yet_does_not_look_free(house: House, emsp: Platform) -> None:
    await house.call("PUT", f"tariffs/{TARIFF}", priced(component("ENERGY", "0.25", "20")))
    async with charger(house) as plug:
        visit = Visit(UID, begin_of(40))
        transaction = await plug.begin(visit)
        (begun,) = await emsp.load(f"sessions?{SINCE}")
        await plug.meter(transaction, visit.start + timedelta(minutes=10), visit.meter_start + 1_000)
        (running,) = await emsp.load(f"sessions?{SINCE}")
        await plug.finish(transaction, visit)

    assert "total_cost" not in begun
    assert running["total_cost"] == {"excl_vat": 0.25, "incl_vat": 0.3}


async def test_a_session_under_a_tariff_that_cannot_be_priced_is_held_and_has_no_cost(
    house: House, emsp: Platform
) -> None:
    booked = priced(component("ENERGY", "0.25", "20"))
    booked["elements"][0]["restrictions"] = {"booking": "BOOKING"}
    await house.call("PUT", f"tariffs/{TARIFF}", booked)
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40)))

    assert "restrictions" in await until_held(house)
    (session,) = await emsp.load(f"sessions?{SINCE}")
    assert_valid("session", session)
    assert "total_cost" not in session
    assert await emsp.load("cdrs") == []


async def test_a_session_that_drew_nothing_is_billed_too(house: House, emsp: Platform) -> None:
    """The start has a price of its own: 0.50."""
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40), energy_wh=0))
    await house.wait_for_cdrs(1)

    (cdr,) = await cdrs_of(emsp)

    assert (cdr["total_energy"], cdr["total_cost"]["excl_vat"]) == (D(0), D("0.5"))


async def test_a_session_that_drew_nothing_and_costs_nothing_has_no_bill_and_says_why(
    house: House, emsp: Platform
) -> None:
    """Also after a restart; and the operator may bill it all the same."""
    await house.call("PUT", f"tariffs/{TARIFF}", priced(component("ENERGY", "0.25")))
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40), energy_wh=0))

    async def waived() -> dict[str, Any] | None:
        (session,) = await house.items("sessions")
        return session if session["waiver"] else None

    session = await until(waived, "the session is over")
    await house.restart()

    assert (session["status"], session["cdr_id"], session["hold"]) == ("COMPLETED", None, None)
    assert "it costs nothing" in session["waiver"]
    assert await cdrs_of(emsp) == []
    (told,) = (await emsp.get(f"sessions?{SINCE}")).data
    assert (told["status"], told["total_cost"]["excl_vat"]) == ("COMPLETED", 0)
    report = await house.call("GET", f"reports/reconciliation?month={begin_of(0):%Y-%m}")
    assert [one["reason"] for one in report["sessions_without_cdr"]] == [session["waiver"]]

    bill = await house.call("POST", f"sessions/{session['id']}/release")
    (cdr,) = await cdrs_of(emsp)
    assert (cdr["id"], cdr["total_energy"]) == (bill["id"], D(0))


async def test_a_session_without_a_moment_of_time_is_billed_too(house: House, emsp: Platform) -> None:
    async with charger(house) as plug:
        await plug.live(Visit(UID, begin_of(40), charging=timedelta(0), energy_wh=0))
    await house.wait_for_cdrs(1)

    (cdr,) = await cdrs_of(emsp)

    assert (cdr["total_time"], cdr["total_cost"]["excl_vat"]) == (D(0), D("0.5"))


async def test_energy_falls_to_the_time_it_was_drawn_in(house: House, emsp: Platform) -> None:
    """2 kWh before the pause, nothing in it, 4 kWh after it."""
    start = begin_of(61)
    pause, resumed = start + timedelta(minutes=20), start + timedelta(minutes=30)
    visit = Visit(UID, start, charging=timedelta(minutes=60), energy_wh=6_000)
    async with charger(house) as plug:
        transaction = await plug.begin(visit)
        await plug.meter(transaction, pause, visit.meter_start + 2_000)
        await plug.status("SuspendedEV", pause)
        await plug.meter(transaction, resumed, visit.meter_start + 2_000)
        await plug.status("Charging", resumed)
        await plug.finish(transaction, visit)
    await house.wait_for_cdrs(1)

    (cdr,) = await cdrs_of(emsp)

    assert [{one["type"]: one["volume"] for one in period["dimensions"]} for period in cdr["charging_periods"]] == [
        {"ENERGY": D(2), "TIME": D("0.3333")},
        {"PARKING_TIME": D("0.1667")},
        {"ENERGY": D(4), "TIME": D("0.5")},
    ]
    # 0.50 + 6 x 0.25 + 10 min x 2.00/h
    assert cdr["total_cost"]["excl_vat"] == D("2.3333")
    check_parts(cdr)


async def test_a_bill_is_made_once_though_the_stop_is_repeated(house: House, emsp: Platform) -> None:
    visit = Visit(UID, begin_of(40))
    async with charger(house) as plug:
        transaction = await plug.begin(visit)
        for _ in range(3):
            await plug.finish(transaction, visit)
        await house.wait_for_cdrs(1)
        await plug.finish(transaction, visit)
    await house.restart()

    assert len(await cdrs_of(emsp)) == 1


async def test_readings_after_the_bill_are_kept_and_change_nothing(house: House, emsp: Platform) -> None:
    visit = Visit(UID, begin_of(40))
    async with charger(house) as plug:
        transaction = await plug.live(visit)
        await house.wait_for_cdrs(1)
        (before,) = await cdrs_of(emsp)
        await plug.meter(transaction, visit.start + timedelta(minutes=10), visit.meter_start + 99_000)

    (late,) = await house.call("GET", "late-facts")
    assert "billed" in late["reason"]
    assert await cdrs_of(emsp) == [before]
