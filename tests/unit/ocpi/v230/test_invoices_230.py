"""Records of invoices, which 2.3.0 alone has."""

from dataclasses import replace

import pytest

from gateway.domain.invoices import InvoiceRecord
from gateway.errors import CannotSayError
from gateway.ocpi.versions import VERSIONS
from gateway.ports import Page, PageAsked
from tests.fakes.ocpi_samples import ELEVEN, EMSP, OURS, PARTNER
from tests.unit.ocpi.conftest import Platform

RECORD = InvoiceRecord(
    id="R1",
    partner_id="P1",
    party=OURS,
    to=EMSP,
    invoice_id="2026-03",
    cdr_ids=("c-1", "c-2"),
    last_updated=ELEVEN,
)
BODY = {
    "country_code": "NL",
    "party_id": "GWY",
    "id": "R1",
    "invoice_id": "2026-03",
    "cdrs": ["c-1", "c-2"],
    "last_updated": "2026-03-01T11:00:00Z",
}


async def test_a_partner_pulls_its_records(platform: Platform) -> None:
    await platform.change_partner(replace(PARTNER, version="2.3.0"))
    asked: list[tuple[str, str | None, PageAsked]] = []

    async def page_invoices(
        partner_id: str, party: str | None, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[InvoiceRecord]:
        asked.append((partner_id, party, page))
        return Page(items=(RECORD,), total=3, next_after=1)

    platform.store.page_invoices = page_invoices  # type: ignore[attr-defined]
    path = "/ocpi/cpo/2.3.0/invoicereconciliation?date_from=2026-03-01T00:00:00Z&limit=1"

    answer = await platform.ask("GET", path)

    assert (answer.codes, answer.data) == ((200, 1000), [BODY])
    assert answer.headers["X-Total-Count"] == "3"
    assert "date_from=2026-03-01" in answer.headers["Link"]
    assert asked[0][:2] == ("P1", None)


async def test_the_module_is_offered_in_its_version_alone(platform: Platform) -> None:
    for number in VERSIONS:
        details = await platform.ask("GET", f"/ocpi/{number}")
        offered = {entry["identifier"] for entry in details.data["endpoints"]}
        assert ("invoicereconciliation" in offered) is (number == "2.3.0")


@pytest.mark.parametrize("number", ["2.1.1", "2.2.1"])
def test_other_versions_cannot_say_a_record(number: str) -> None:
    with pytest.raises(CannotSayError):
        VERSIONS[number].render_invoice(RECORD)
    assert VERSIONS["2.3.0"].render_invoice(RECORD) == BODY
