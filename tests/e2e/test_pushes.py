"""What partners are told, in their receivers: in order, once, and again where it did not arrive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.emsp import Emsp, held, lost_answer, ocpi_status, status
from tests.contract_schemas import load_check
from tests.e2e.house import GatewayProcess, House, site, until
from tests.e2e.wire import VERSION, Charger16, Visit, charger, equip, now

UID = "04E2A1B2C3D480"
FAST = {"GATEWAY_OCPI__PUSH_RETRY_S": "0.05"}
MODULES = ("locations", "sessions", "cdrs", "tariffs")
SCHEMAS = {
    ("PUT", "locations", 3): "op:receiverPutLocation",
    ("PUT", "locations", 4): "op:receiverPutEvse",
    ("PATCH", "locations", 4): "op:receiverPatchEvse",
    ("PUT", "locations", 5): "op:receiverPutConnector",
    ("PUT", "sessions", 3): "op:receiverPutSession",
    ("PATCH", "sessions", 3): "op:receiverPatchSession",
    ("PUT", "tariffs", 3): "op:receiverPutTariff",
    ("POST", "cdrs", 0): "op:receiverPostCdr",
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, FAST) as running:
        yield running


@contextlib.asynccontextmanager
async def partner(house: House, name: str = "eMSP", **options: Any) -> AsyncIterator[Emsp]:
    """A registered eMSP with a card, whose pushes all were well-formed in the end."""
    async with await house.invite(name, **options) as emsp:
        await emsp.register()
        yield emsp


def pushes(emsp: Emsp, module: str = "") -> list[tuple[str, list[str], Any]]:
    """Method, path below the version, and body of what was pushed, in order."""
    found = []
    for one in emsp.received:
        segments = re.split(r"/ocpi/[\d.]+/", one.path.split("?")[0])[-1].split("/")
        if one.method != "GET" and segments[0] in (MODULES if module == "" else (module,)):
            found.append((one.method, segments, one.body))
    return found


async def id_of(house: House, name: str = "eMSP") -> str:
    return next(one["id"] for one in await house.items("partners") if one["name"] == name)


async def arrived(emsp: Emsp, module: str, count: int) -> list[tuple[str, list[str], Any]]:
    async def enough() -> list[tuple[str, list[str], Any]] | None:
        found = pushes(emsp, module)
        return found if len(found) >= count else None

    found: list[tuple[str, list[str], Any]] = await until(enough, f"{count} pushes of {module}: {pushes(emsp, module)}")
    return found


async def settled(house: House, name: str = "eMSP") -> dict[str, Any]:
    """The partner's deliveries once nothing waits."""

    async def empty() -> dict[str, Any] | None:
        shown: dict[str, Any] = await house.call("GET", f"partners/{await id_of(house, name)}/deliveries")
        return None if shown["queued"] else shown

    found: dict[str, Any] = await until(empty, "an empty queue")
    return found


def check_schemas(emsp: Emsp) -> None:
    """Every body that was pushed, against the official schemas."""
    check = load_check()
    for method, segments, body in pushes(emsp):
        if method != "DELETE":
            operation = SCHEMAS[method, segments[0], len(segments) - 1]
            plain = json.loads(json.dumps(body, default=float))
            assert check(operation, plain, version=VERSION, strict=True, request=True) == [], (operation, plain)


async def test_a_partner_that_registers_is_told_tariffs_locations_and_nothing_else(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp:
        await arrived(emsp, "locations", 1)
        await settled(house)

        assert [(method, segments[0]) for method, segments, _ in pushes(emsp)] in (
            [("PUT", "tariffs"), ("PUT", "locations")],
            [("PUT", "locations"), ("PUT", "tariffs")],
        )
        assert [str(finding) for finding in emsp.violations] == []
        check_schemas(emsp)


async def test_the_life_of_a_session_is_told_in_order(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp, charger(house) as plug:
        await emsp.push_token(UID)
        visit = Visit(UID, now() - timedelta(hours=1))
        transaction = await plug.begin(visit)
        await arrived(emsp, "sessions", 1)
        await plug.finish(transaction, visit)
        await arrived(emsp, "cdrs", 1)
        await settled(house)

        told = [(method, body.get("status")) for method, _, body in pushes(emsp, "sessions")]
        assert told[0] == ("PUT", "ACTIVE")
        assert told[-1] == ("PUT", "COMPLETED")
        assert [segments[0] for _, segments, _ in pushes(emsp) if segments[0] in ("sessions", "cdrs")][-2:] == [
            "sessions",
            "cdrs",
        ]
        (cdr,) = await house.items("cdrs")
        (bill,) = [body for _, _, body in pushes(emsp, "cdrs")]
        assert bill["id"] == cdr["id"]
        await emsp.pull("sessions")
        await emsp.pull("cdrs")
        assert [str(finding) for finding in emsp.violations] == []
        check_schemas(emsp)


async def test_a_partner_of_2_3_0_is_told_in_its_version(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house, version="2.3.0") as emsp, charger(house) as plug:
        await emsp.push_token(UID)
        await plug.live(Visit(UID, now() - timedelta(hours=1)))
        await arrived(emsp, "cdrs", 1)
        shown = await settled(house)

        assert shown["refused"] == []
        assert {segments[0] for _, segments, _ in pushes(emsp)} == set(MODULES)
        assert [str(finding) for finding in emsp.violations] == []


async def test_progress_is_a_patch_and_waits_for_its_time(tmp_path: Path) -> None:
    async with House(tmp_path, {**FAST, "GATEWAY_OCPI__SESSION_PUSH_INTERVAL_S": "0"}) as house:
        await equip(house, "CS1")
        async with partner(house) as emsp, charger(house) as plug:
            await emsp.push_token(UID)
            visit = Visit(UID, now() - timedelta(hours=1))
            transaction = await plug.begin(visit)
            await arrived(emsp, "sessions", 1)
            await settled(house)
            before = len(pushes(emsp, "sessions"))
            await plug.meter(transaction, visit.start + timedelta(minutes=5), visit.meter_start + 2_000)
            method, _, body = (await arrived(emsp, "sessions", before + 1))[-1]

            assert method == "PATCH"
            assert body["kwh"] == 2
            assert "charging_periods" not in body
            assert [str(finding) for finding in emsp.violations] == []
            check_schemas(emsp)


async def test_messages_within_the_interval_wait_as_one_delivery(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp, charger(house) as plug:
        await emsp.push_token(UID)
        visit = Visit(UID, now() - timedelta(hours=1))
        transaction = await plug.begin(visit)
        await arrived(emsp, "sessions", 1)
        await settled_sessions(emsp, plug, transaction, visit, house)

        shown = await house.call("GET", f"partners/{await id_of(house)}/deliveries")
        assert [(row["kind"], row["state"]) for row in shown["queued"]] == [("SESSION", "QUEUED")]


async def settled_sessions(emsp: Emsp, plug: Charger16, transaction: int, visit: Visit, house: House) -> None:
    for minute in range(1, 6):
        await plug.meter(transaction, visit.start + timedelta(minutes=minute), visit.meter_start + 100 * minute)

    async def one_waits() -> bool:
        shown = await house.call("GET", f"partners/{await id_of(house)}/deliveries")
        return len(shown["queued"]) == 1

    await until(one_waits, "one session waits")


async def test_a_partner_that_was_down_gets_the_present_of_each_object(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp:
        await settled(house)
        before = len(pushes(emsp, "tariffs"))
        emsp.faults.add(status(503), times=3)
        tariff = (await house.items("tariffs"))[0]
        for price in (0.31, 0.32, 0.33):
            changed = _with_price(tariff, price)
            await house.call("PUT", f"tariffs/{tariff['id']}", changed)
        told = await arrived(emsp, "tariffs", before + 1)
        await settled(house)

        assert told[-1][2]["elements"][0]["price_components"][0]["price"] == Decimal("0.33")
        assert len(pushes(emsp, "tariffs")) <= before + 3
        assert [str(finding) for finding in emsp.violations] == []


def _with_price(tariff: dict[str, Any], price: float) -> dict[str, Any]:
    elements = [dict(element) for element in tariff["elements"]]
    components = [dict(component) for component in elements[0]["price_components"]]
    components[0]["price"] = price
    elements[0]["price_components"] = components
    return {**tariff, "elements": elements}


async def test_a_patch_of_what_is_not_there_becomes_a_put_of_the_whole(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp, charger(house) as plug:
        await settled(house)
        emsp.faults.add(status(404, method="PATCH", path_contains="/locations/"))
        before = len(pushes(emsp, "locations"))
        await plug.status("Faulted", now())
        told = await arrived(emsp, "locations", before + 1)

        method, segments, body = told[-1]
        assert (method, len(segments)) == ("PUT", 4)
        assert body["evses"][0]["status"] in ("OUTOFORDER", "INOPERATIVE")
        check_schemas(emsp)


async def test_the_status_of_an_evse_is_a_patch(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp, charger(house) as plug:
        await settled(house)
        before = len(pushes(emsp, "locations"))
        await plug.status("Charging", now())
        told = await arrived(emsp, "locations", before + 1)
        await settled(house)

        assert all(method == "PATCH" and len(segments) == 5 for method, segments, _ in told[before:])
        assert [str(finding) for finding in emsp.violations] == []
        check_schemas(emsp)


async def test_a_partner_that_refuses_our_token_is_suspended_until_it_registers_anew(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp:
        await settled(house)
        partner_id = await id_of(house)
        emsp.faults.add(status(401), times=100)
        before = len(pushes(emsp, "tariffs"))
        (tariff,) = await house.items("tariffs")
        await house.call("PUT", f"tariffs/{tariff['id']}", _with_price(tariff, 0.91))

        async def suspended() -> bool:
            shown = await house.call("GET", f"partners/{partner_id}/deliveries")
            return bool(shown["state"] == "SUSPENDED" and shown["last_failure"]["http_status"] == 401)

        await until(suspended, "the partner is suspended")
        emsp.faults.waiting.clear()
        await emsp.rotate()

        await arrived(emsp, "tariffs", before + 1)
        assert (await settled(house))["state"] == "READY"


async def test_what_a_partner_refuses_is_a_dead_letter_that_can_be_sent_again(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp:
        await settled(house)
        partner_id = await id_of(house)
        emsp.faults.add(ocpi_status(2001, path_contains="/tariffs/"))
        before = len(pushes(emsp, "tariffs"))
        (tariff,) = await house.items("tariffs")
        await house.call("PUT", f"tariffs/{tariff['id']}", _with_price(tariff, 0.91))

        async def refused() -> list[dict[str, Any]]:
            shown = await house.call("GET", f"partners/{partner_id}/deliveries")
            return list(shown["refused"])

        (letter,) = await until(refused, "a dead letter")
        assert (letter["kind"], letter["id"]) == ("TARIFF", tariff["id"])
        assert letter["answer"]["status_code"] == 2001
        await house.call("POST", f"partners/{partner_id}/deliveries/{letter['no']}/retry")
        await arrived(emsp, "tariffs", before + 1)
        assert (await settled(house))["refused"] == []


async def test_a_partner_that_hangs_delays_no_other(house: House) -> None:
    await equip(house, "CS1")
    release = asyncio.Event()
    async with (
        partner(house, "slow", party_id="SLO") as slow,
        partner(house, "quick", party_id="QUI") as quick,
    ):
        await settled(house, "slow")
        await settled(house, "quick")
        slow.faults.add(held(release), times=10)
        before = len(pushes(quick, "tariffs"))
        (tariff,) = await house.items("tariffs")
        await house.call("PUT", f"tariffs/{tariff['id']}", _with_price(tariff, 0.91))

        await arrived(quick, "tariffs", before + 1)
        release.set()


async def test_a_resync_tells_everything_and_bills_from_a_date_on(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp, charger(house) as plug:
        await emsp.push_token(UID)
        await plug.live(Visit(UID, now() - timedelta(hours=1)))
        await arrived(emsp, "cdrs", 1)
        await settled(house)
        first = pushes(emsp, "cdrs")[0][2]
        before = len(pushes(emsp))
        partner_id = await id_of(house)

        answer = await house.call("POST", f"partners/{partner_id}/resync", {"cdrs_from": "2020-01-01T00:00:00Z"})
        await arrived(emsp, "", before + 3)
        await settled(house)

        assert answer == {"deliveries": 3}
        assert [body for _, _, body in pushes(emsp, "cdrs")] == [first, first]
        assert [str(finding) for finding in emsp.violations] == []


async def test_a_tariff_that_is_deleted_is_deleted_at_the_partner(house: House) -> None:
    async with partner(house) as emsp:
        await equip(house, "CS1")
        (tariff,) = await house.items("tariffs")
        await house.call("PUT", "tariffs/OTHER", {**tariff, "id": "OTHER"})
        await settled(house)
        await house.call("DELETE", "tariffs/OTHER")

        async def deleted() -> bool:
            return any(method == "DELETE" and segments[-1] == "OTHER" for method, segments, _ in pushes(emsp))

        await until(deleted, "DELETE of the tariff")


async def test_nothing_waits_for_a_partner_that_left(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp:
        await settled(house)
        emsp.faults.add(status(503), times=1000)
        (tariff,) = await house.items("tariffs")
        await house.call("PUT", f"tariffs/{tariff['id']}", _with_price(tariff, 0.91))
        partner_id = await id_of(house)
        await house.call("DELETE", f"partners/{partner_id}")

        shown = await house.call("GET", f"partners/{partner_id}/deliveries")
        assert shown["queued"] == []


@pytest.mark.parametrize(("failpoint", "posts"), [("sending-committed", 1), ("after-post", 2)])
async def test_a_kill_around_a_bill_loses_nothing_and_repeats_its_bytes_alone(
    tmp_path: Path, failpoint: str, posts: int
) -> None:
    process = GatewayProcess(House(tmp_path, FAST))
    house = process.house
    try:
        await process.start()
        await equip(house, "CS1")
        async with await house.invite() as emsp:
            await emsp.register()
            await emsp.push_token(UID)
            await settled(house)
            assert await process.terminate() == 0
            await process.start(failpoint)
            with contextlib.suppress(Exception):
                async with charger(house) as plug:
                    await plug.live(Visit(UID, now() - timedelta(hours=1)))

            async def dead() -> bool:
                return process.is_dead

            await until(dead, f"the gateway dies at {failpoint}")
            await process.start()
            async with charger(house) as plug:
                await plug.live(Visit(UID, now() - timedelta(minutes=30), charging=timedelta(minutes=10)))
            await house.wait_for_cdrs(2)
            await settled(house)

            posted = [body for _, _, body in pushes(emsp, "cdrs")]
            first, second = posted[0], posted[-1]
            assert posted == [first] * posts + [second]
            assert first["id"] != second["id"]
            for bill in (first, second):
                told = [
                    segments[0]
                    for _, segments, body in pushes(emsp)
                    if body and (body.get("session_id") == bill["session_id"] or segments[-1] == bill["session_id"])
                ]
                assert told == sorted(told, reverse=True), "a session before its bill"
            assert [str(finding) for finding in emsp.violations] == []
    finally:
        await process.close()


async def test_a_bill_whose_answer_was_lost_goes_out_again_with_the_same_bytes(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp, charger(house) as plug:
        await emsp.push_token(UID)
        emsp.faults.add(lost_answer(path_contains="/cdrs"))
        await plug.live(Visit(UID, now() - timedelta(hours=1)))
        told = await arrived(emsp, "cdrs", 2)
        await settled(house)

        assert told[0][2] == told[1][2]
        assert len(pushes(emsp, "cdrs")) == 2
        assert [str(finding) for finding in emsp.violations] == []


async def test_a_location_that_is_withdrawn_looks_removed(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp:
        await settled(house)
        before = len(pushes(emsp, "locations"))
        await house.call("PUT", "locations/DEMO-SITE", {**site("CS1"), "publish": False})
        told = await arrived(emsp, "locations", before + 1)

        assert told[-1][0] == "PUT"
        assert [evse["status"] for evse in told[-1][2]["evses"]] == ["REMOVED"]
        (pulled,) = await emsp.pull("locations")
        assert pulled == told[-1][2]
        assert [str(finding) for finding in emsp.violations] == []


async def test_what_became_of_a_bill_is_explained(house: House) -> None:
    await equip(house, "CS1")
    async with partner(house) as emsp, charger(house) as plug:
        await emsp.push_token(UID)
        await plug.live(Visit(UID, now() - timedelta(hours=1)))
        await arrived(emsp, "cdrs", 1)
        await settled(house)
        (cdr,) = await house.items("cdrs")

        story = await house.call("GET", f"cdrs/{cdr['id']}/explanation")

        (taken,) = story["taken_by"]
        assert taken["location"].endswith(cdr["id"].upper())
        assert taken["partner_id"] == await id_of(house)
        assert story["pushes"] == []
