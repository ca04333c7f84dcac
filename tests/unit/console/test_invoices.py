"""`/invoices`: records of invoices, as the operator makes them."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from gateway.domain.ids import party_id_of
from gateway.domain.invoices import BilledTo, InvoiceRecord
from gateway.ports import DeleteInvoice, SaveInvoice
from tests.fakes.console_world import OURS, World

API = "/api/v1/invoices"
MARCH = {"invoice_id": "2026-03", "cdr_ids": ["c-1"]}
BILL = BilledTo(cdr_id="c-1", party=OURS, partner_id="P1", to=party_id_of("DE", "EMS"))


@pytest.fixture
def books(world: World) -> dict[str, InvoiceRecord]:
    """The records in the store."""
    kept: dict[str, InvoiceRecord] = {}

    def keep(changes: Any) -> None:
        for change in changes:
            if isinstance(change, SaveInvoice):
                kept[change.record.id] = change.record
            elif isinstance(change, DeleteInvoice):
                del kept[change.record.id]

    async def find(record_id: str) -> InvoiceRecord | None:
        return kept.get(record_id)

    async def billed(cdr_ids: Any) -> list[BilledTo]:
        return [replace(BILL, cdr_id=cdr_id) for cdr_id in cdr_ids if cdr_id == "c-1"]

    async def listed(partner_id: str | None, *, limit: int, offset: int = 0) -> list[InvoiceRecord]:
        found = [record for record in kept.values() if partner_id in (None, record.partner_id)]
        return found[offset : offset + limit]

    world.store.subscribers.append(keep)
    world.store.find_invoice, world.store.list_billed_to = find, billed  # type: ignore[attr-defined]
    world.store.list_invoices = listed  # type: ignore[attr-defined]
    return kept


async def test_a_record_is_made_changed_shown_and_deleted(client: TestClient, books: dict[str, InvoiceRecord]) -> None:
    made = await client.put(f"{API}/R1", json=MARCH)
    again = await client.put(f"{API}/R1", json={**MARCH, "invoice_id": "2026-03b"})

    assert (made.status, again.status) == (201, 200)
    shown = await (await client.get(f"{API}/R1")).json()
    assert (shown["partner_id"], shown["party"], shown["to"]) == ("P1", str(OURS), "DE*EMS")
    assert (shown["invoice_id"], shown["cdr_ids"], shown["told_at"]) == ("2026-03b", ["c-1"], None)
    assert [one["id"] for one in await (await client.get(f"{API}?partner_id=P1")).json()] == ["R1"]
    assert await (await client.get(f"{API}?partner_id=P2")).json() == []
    assert (await client.delete(f"{API}/R1")).status == 204
    assert (await client.get(f"{API}/R1")).status == 404
    assert (await client.delete(f"{API}/R1")).status == 404


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"invoice_id": "1"}, "$.cdr_ids"),
        ({"invoice_id": "1", "cdr_ids": []}, "$.cdr_ids"),
        ({"invoice_id": "", "cdr_ids": ["c-1"]}, "$.invoice_id"),
        ({"invoice_id": "1", "cdr_ids": ["c-1", "c-9"]}, "$.cdr_ids[1]"),
        ({**MARCH, "partner": "P1"}, "$.partner"),
    ],
)
async def test_a_wrong_body_is_400_with_its_place(
    client: TestClient, books: dict[str, InvoiceRecord], body: dict[str, Any], where: str
) -> None:
    answer = await client.put(f"{API}/R1", json=body)

    assert answer.status == 400
    assert (await answer.json())["error"]["where"] == where
    assert books == {}


async def test_an_id_that_partners_could_not_read_is_400(client: TestClient, books: dict[str, InvoiceRecord]) -> None:
    assert (await client.put(f"{API}/{'R' * 37}", json=MARCH)).status == 400
