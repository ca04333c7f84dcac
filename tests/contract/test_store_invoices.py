"""What every store promises of records of invoices."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.ids import party_id_of
from gateway.domain.invoices import InvoiceRecord
from gateway.ports import DeleteInvoice, NoteInvoiceTold, PageAsked, SaveInvoice
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import NOON, OURS, PARTNER, THEIRS

OTHERS = party_id_of("FR", "OTH")
RECORD = InvoiceRecord(
    id="R1", partner_id=PARTNER, party=OURS, to=THEIRS, invoice_id="2026-03", cdr_ids=("c-1",), last_updated=NOON
)
HOUR = timedelta(hours=1)


async def test_a_record_is_found_without_case_and_changed_in_its_place(world: World) -> None:
    store = await world.open()
    await store.commit([SaveInvoice(RECORD)])
    await store.commit([NoteInvoiceTold("r1")])
    world.clock.at += HOUR
    await store.commit([SaveInvoice(replace(RECORD, cdr_ids=("c-2",)))])

    store = await world.reopen()

    found = await store.find_invoice("r1")
    assert found == replace(RECORD, cdr_ids=("c-2",), last_updated=NOON + HOUR, told_at=NOON)
    await store.commit([DeleteInvoice(found)])
    assert await store.find_invoice("R1") is None


@pytest.fixture
async def listed(world: World) -> SqliteStore:
    """Five records, an hour apart; the second is for another eMSP behind the partner, the third another partner's."""
    store = await world.open()
    changes = [{}, {"to": OTHERS}, {"partner_id": "other"}, {}, {}]
    for number, change in enumerate(changes, start=1):
        await store.commit([SaveInvoice(replace(RECORD, id=f"R{number}", **change))])  # type: ignore[arg-type]
        world.clock.at += HOUR
    return store


async def test_a_partner_lists_its_own_page_by_page(listed: SqliteStore) -> None:
    first = await listed.page_invoices(PARTNER, None, PageAsked(offset=0, limit=2))
    second = await listed.page_invoices(PARTNER, None, PageAsked(offset=0, limit=2, after=first.next_after))

    assert ([one.id for one in first.items], first.total) == (["R1", "R2"], 4)
    assert ([one.id for one in second.items], second.next_after) == (["R4", "R5"], None)
    assert [one.id for one in (await listed.page_invoices(PARTNER, None, PageAsked(offset=3, limit=2))).items] == ["R5"]


async def test_a_list_is_narrowed_by_time_party_and_drivers(listed: SqliteStore) -> None:
    window = PageAsked(offset=0, limit=9, date_from=NOON + HOUR, date_to=NOON + 4 * HOUR)
    everything = PageAsked(offset=0, limit=9)

    assert [one.id for one in (await listed.page_invoices(PARTNER, str(OURS), window)).items] == ["R2", "R4"]
    assert (await listed.page_invoices(PARTNER, str(OTHERS), everything)).total == 0
    found = await listed.page_invoices(PARTNER, None, everything, drivers_of=str(OTHERS))
    assert [one.id for one in found.items] == ["R2"]


async def test_the_operator_lists_all_or_those_of_a_partner(listed: SqliteStore) -> None:
    assert [one.id for one in await listed.list_invoices(None, limit=2, offset=1)] == ["R4", "R3"]
    assert [one.id for one in await listed.list_invoices("other", limit=9)] == ["R3"]
