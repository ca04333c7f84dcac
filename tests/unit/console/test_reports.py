import csv
import io
from dataclasses import replace
from decimal import Decimal as D

import pytest
from aiohttp.test_utils import TestClient

from gateway.console.render_reports import render_csv, render_table
from gateway.core.reports import reconcile
from gateway.domain.money import Price
from gateway.domain.reports import BilledCdr
from tests.fakes.console_world import NOW, World
from tests.fakes.ocpi_samples import PARTNER
from tests.unit.console.test_ledger import HELD

API = "/api/v1/reports/reconciliation"
BILL = BilledCdr(
    cdr_id="C1",
    session_id="S1",
    partner_id="P1",
    currency="EUR",
    energy_wh=D("7250.5"),
    cost=Price(before_taxes=D("1.8100"), with_taxes=D("2.15")),
    is_credit=False,
    is_shown=False,
)


@pytest.fixture(autouse=True)
def kept(world: World) -> None:
    world.store.lists["billed"] = [BILL]
    world.store.sessions = [HELD]
    world.memory.partners = {id_: replace(PARTNER, id=id_, name=id_) for id_ in ("P1", "P2")}


async def test_a_month_is_reconciled_per_partner_and_currency(client: TestClient) -> None:
    body = await (await client.get(f"{API}?month=2026-03")).json()

    assert (body["from"], body["until"]) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
    (row,) = body["rows"]
    assert {name: row[name] for name in ("sessions", "without_cdr", "cdrs", "credits", "shown", "not_shown")} == {
        "sessions": 2,
        "without_cdr": 1,
        "cdrs": 1,
        "credits": 0,
        "shown": 0,
        "not_shown": 1,
    }
    assert (row["kwh"], row["total_excl_vat"], row["total_incl_vat"]) == (7.2505, 1.81, 2.15)
    assert [(one["session_id"], one["reason"]) for one in body["sessions_without_cdr"]] == [
        ("S2", "its plug stands nowhere")
    ]
    assert body["cdrs_not_shown"] == ["C1"]


async def test_another_month_or_another_partner_is_empty(client: TestClient) -> None:
    for query in ("month=2026-04", "month=2026-03&partner=P2"):
        body = await (await client.get(f"{API}?{query}")).json()

        assert (body["rows"], body["sessions_without_cdr"], body["cdrs_not_shown"]) == ([], [], [])


async def test_the_same_as_csv(client: TestClient) -> None:
    response = await client.get(f"{API}?month=2026-03&format=csv")

    assert response.content_type == "text/csv"
    (row,) = csv.DictReader(io.StringIO(await response.text()))
    assert (row["partner_id"], row["currency"], row["kwh"], row["total_excl_vat"]) == ("P1", "EUR", "7.2505", "1.8100")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", "?month= and ?zone="),
        ("month=soon", "?month= and ?zone="),
        ("month=2026-03&zone=Nowhere", "?month= and ?zone="),
        ("month=2026-03&format=xls", "?format="),
        ("month=2026-03&partner=P9", "?partner="),
    ],
)
async def test_what_cannot_be_asked_is_named(client: TestClient, query: str, where: str) -> None:
    response = await client.get(f"{API}?{query}")

    assert response.status == 400
    assert (await response.json())["error"]["where"] == where


def test_a_name_that_a_spreadsheet_would_reckon_is_made_plain() -> None:
    text = render_csv(reconcile(NOW, NOW, [BILL], []), {"P1": "=1+1"})

    assert "'=1+1" in text


def test_the_table_has_a_line_per_partner_and_says_what_is_not_known() -> None:
    untaxed = replace(BILL, cost=Price(before_taxes=D(2)), is_shown=True)

    text = render_table("2026-03", "UTC", reconcile(NOW, NOW, [untaxed], []), {"P1": "Roamer"})

    assert text.splitlines()[3].split() == [
        "Roamer",
        "EUR",
        "1",
        "0",
        "1",
        "0",
        "1",
        "0",
        "0",
        "7.2505",
        "2.0000",
        "not",
        "known",
    ]


def test_a_table_of_nothing_says_so() -> None:
    assert render_table("2026-03", "UTC", reconcile(NOW, NOW, [], []), {}).endswith("none")
