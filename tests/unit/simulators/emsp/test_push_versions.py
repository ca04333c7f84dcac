"""What a CPO pushes in 2.1.1 and 2.3.0, where it is not what 2.2.1 has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulators.emsp import Emsp
from tests.unit.simulators.emsp.checked_cpo import CheckedCpo, objects_of, running
from tests.unit.simulators.emsp.objects import NOW, TOKEN_A, Json

LATER = "2026-03-02T11:45:00Z"


@asynccontextmanager
async def registered(version: str) -> AsyncIterator[tuple[CheckedCpo, Emsp, str]]:
    """A CPO, the eMSP that registered with it, and the URL its pushes go below."""
    cpo = CheckedCpo(version)
    async with (
        running(cpo),
        Emsp(versions_url=cpo.versions_url, token_a=TOKEN_A, version=version, now=lambda: NOW) as emsp,
    ):
        await emsp.register()
        yield cpo, emsp, emsp.versions_url.replace("versions", version)


def found(emsp: Emsp) -> list[str]:
    return [finding.rule.id for finding in emsp.violations]


@pytest.mark.parametrize("version", ["2.1.1", "2.3.0"])
async def test_every_object_is_taken_and_given_back(version: str) -> None:
    objects = {module: items[0] for module, items in objects_of(version).items()}
    async with registered(version) as (cpo, emsp, base):
        for module in ("locations", "tariffs", "sessions"):
            url = f"{base}/{module}/NL/GWY/{objects[module]['id']}"
            assert (await cpo.call("PUT", url, objects[module]))[0] == 201
            assert (await cpo.call("PUT", url, objects[module]))[0] == 200
            assert (await cpo.call("GET", url))[1]["data"] == objects[module]
        assert (await cpo.call("POST", f"{base}/cdrs", objects["cdrs"]))[0] == 201
        assert (await cpo.call("GET", f"{base}/cdrs/NL/GWY/C1"))[1]["data"] == objects["cdrs"]
        assert (await cpo.call("DELETE", f"{base}/tariffs/NL/GWY/T1"))[0] == 200

        assert (len(emsp.store.locations), len(emsp.store.cdrs), emsp.store.tariffs) == (1, 1, [])
        assert found(emsp) == []


@pytest.mark.parametrize(
    ("module", "change"),
    [
        ("locations/NL/GWY/L1", {"name": "Elsewhere"}),
        ("locations/NL/GWY/L1/E1", {"status": "CHARGING"}),
        ("locations/NL/GWY/L1/E1/1", {"amperage": 32}),
        ("tariffs/NL/GWY/T1", {"currency": "CHF"}),
        ("sessions/NL/GWY/S1", {"total_cost": 4}),
    ],
)
async def test_a_patch_of_2_1_1_needs_no_last_updated_and_tariffs_have_one(module: str, change: Json) -> None:
    objects = objects_of("2.1.1")
    objects["sessions"][0]["status"] = "ACTIVE"
    async with registered("2.1.1") as (cpo, emsp, base):
        kind, _, _, item_id = module.split("/")[:4]
        await cpo.call("PUT", f"{base}/{kind}/NL/GWY/{item_id}", objects[kind][0])
        http_status, body = await cpo.call("PATCH", f"{base}/{module}", change)
        _, now = await cpo.call("GET", f"{base}/{module}")

        assert (http_status, body["status_code"]) == (200, 1000)
        assert now["data"].items() >= change.items()
        assert found(emsp) == []


async def test_a_patch_of_2_1_1_replaces_the_periods_it_names() -> None:
    session = {**objects_of("2.1.1")["sessions"][0], "status": "ACTIVE", "kwh": 1, "charging_periods": []}
    period = {"start_date_time": session["start_datetime"], "dimensions": [{"type": "ENERGY", "volume": 1}]}
    async with registered("2.1.1") as (cpo, emsp, base):
        url = f"{base}/sessions/NL/GWY/S1"
        await cpo.call("PUT", url, session)
        for _ in range(2):
            await cpo.call("PATCH", url, {"charging_periods": [period], "last_updated": LATER})

        assert emsp.store.sessions[0]["charging_periods"] == [period]


async def test_an_object_of_2_1_1_in_anothers_place_is_refused() -> None:
    location = objects_of("2.1.1")["locations"][0]
    async with registered("2.1.1") as (cpo, emsp, base):
        _, foreign = await cpo.call("PUT", f"{base}/locations/NL/ZZZ/L1", location)
        _, other = await cpo.call("PUT", f"{base}/locations/NL/GWY/L9", location)

        assert (foreign["status_code"], other["status_code"], emsp.store.locations) == (2001, 2001, [])
        assert found(emsp) == ["push.own_objects", "push.url_matches"]


async def test_invoice_reconciliation_records_come_go_and_are_judged() -> None:
    record = objects_of("2.3.0")["invoicereconciliation"][0]
    async with registered("2.3.0") as (cpo, emsp, base):
        posted, _ = await cpo.call("POST", f"{base}/invoicereconciliation", record)
        url = f"{base}/invoicereconciliation/NL/GWY/{record['id']}"
        put, _ = await cpo.call("PUT", url, {**record, "invoice_id": "2026-2", "last_updated": LATER})
        kept = emsp.store.invoices[0]["invoice_id"]
        _, refused = await cpo.call("PUT", url, {**record, "cdrs": []})
        deleted, _ = await cpo.call("DELETE", url)

        assert (posted, put, kept, refused["status_code"], deleted) == (201, 200, "2026-2", 2001, 200)
        assert (emsp.store.invoices, found(emsp)) == ([], ["shape.field"])


async def test_commands_of_2_1_1_have_a_token_and_a_reservation_as_that_version_has_them() -> None:
    async with registered("2.1.1") as (cpo, emsp, _):
        start = await emsp.start_session("A-NEW-ONE", "NOWHERE", evse_uid="E1")
        reserved = await emsp.reserve("A-NEW-ONE", "L1", "77", NOW)

        assert (start.status_code, reserved.response) == (2003, {"result": "REJECTED"})
        assert cpo.last["START_SESSION"]["token"].keys() >= {"auth_id", "valid"}
        assert "party_id" not in cpo.last["START_SESSION"]["token"]
        assert (cpo.last["RESERVE_NOW"]["reservation_id"], cpo.last["RESERVE_NOW"]["expiry_date"]) == (
            77,
            "2026-03-02T12:00:00Z",
        )
        assert found(emsp) == []
