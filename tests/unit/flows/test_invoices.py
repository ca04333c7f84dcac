"""Records of invoices: what may stand in one, and how its partner is told."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.domain.deliveries import PartnerAnswer
from gateway.domain.ids import party_id_of
from gateway.errors import ConflictError, NotFoundError, WireError
from gateway.flows.invoices import InvoiceAsked, Invoices
from gateway.ports import SaveCdr, SavePartner
from tests.contract.samples import NOON, OURS, PARTNER, TERMS, THEIRS, TOKEN, cdr_no
from tests.unit.flows.post_office import MODULES, PostOffice, opened_post, receiver

MARCH = InvoiceAsked(invoice_id="2026-03", cdr_ids=("c-1", "c-2"))
FEWER = replace(MARCH, cdr_ids=("c-1",))
NOT_THERE = PartnerAnswer(at=NOON, http_status=404, status_code=2000)
THERE = PartnerAnswer(at=NOON, http_status=200, status_code=2001, message="record already exists")
LONG = "c" * 37


class Desk:
    def __init__(self, office: PostOffice) -> None:
        self.office = office
        self.invoices = Invoices(office.store, office.clock)

    async def put(self, asked: InvoiceAsked = MARCH, record_id: str = "R1") -> Any:
        found = await self.invoices.put(record_id, asked)
        await self.office.delivered()
        return found

    @property
    def told(self) -> list[str]:
        return [line for line in self.office.network.told if "invoice" in line]


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Four bills: two of the partner's, one of another party behind it, one of a card of our own."""
    other = replace(TERMS, token=replace(TOKEN, party=party_id_of("FR", "OTH")))
    own = replace(TERMS, token=None)
    async with opened_post(tmp_path) as office:
        await office.commit(SavePartner(receiver(*MODULES, "invoicereconciliation")))
        bills = [cdr_no(1), cdr_no(2), cdr_no(3, terms=other), cdr_no(4, partner_id=None, terms=own)]
        await office.commit(*map(SaveCdr, bills), SaveCdr(replace(cdr_no(5), id=LONG)))
        yield Desk(office)


async def test_a_record_names_who_bills_whom_and_is_posted_once(desk: Desk) -> None:
    record, is_new = await desk.put()

    assert is_new
    assert (record.partner_id, record.party, record.to) == (PARTNER, OURS, THEIRS)
    assert desk.told == ["POST invoicereconciliation"]
    (message,) = [one for _, one in desk.office.network.sent if one.module == "invoicereconciliation"]
    assert (message.owner, message.to, message.path) == (OURS, THEIRS, ())
    assert (await desk.invoices.load("r1")).told_at is not None


async def test_the_end_of_a_record_is_told_to_the_party_that_has_it_and_not_to_the_first_of_its_platform(
    desk: Desk,
) -> None:
    other = replace(MARCH, cdr_ids=("c-3",))
    await desk.put(other)

    await desk.invoices.delete("R1")
    await desk.put()

    sent = [(one.method, one.to) for _, one in desk.office.network.sent if one.module == "invoicereconciliation"]
    assert sorted(sent[1:]) == [("DELETE", party_id_of("FR", "OTH")), ("POST", THEIRS)]


async def test_a_change_of_what_the_partner_has_is_put_and_its_end_deleted(desk: Desk) -> None:
    await desk.put()

    record, is_new = await desk.put(FEWER)
    await desk.invoices.delete("R1")
    await desk.office.delivered()

    assert (record.cdr_ids, is_new) == (("c-1",), False)
    assert desk.told[1:] == ["PUT invoicereconciliation R1", "DELETE invoicereconciliation R1"]
    (_, deleted) = desk.office.network.sent[-1]
    assert (deleted.path, deleted.to) == (("NL", "ABC", "R1"), THEIRS)
    with pytest.raises(NotFoundError):
        await desk.invoices.load("R1")


async def test_a_change_before_the_partner_was_reached_is_told_as_the_new_record_that_it_is(desk: Desk) -> None:
    desk.office.network.answers = [PartnerAnswer(at=NOON, http_status=503)]
    await desk.put()
    await desk.put(FEWER)
    assert desk.told == ["POST invoicereconciliation"]

    await desk.office.wait(5)

    assert desk.told == ["POST invoicereconciliation"] * 2
    assert await desk.office.waiting() == []


@pytest.mark.parametrize("answer", [THERE, replace(THERE, http_status=409, message=None)])
async def test_a_new_record_that_is_there_already_is_put(desk: Desk, answer: PartnerAnswer) -> None:
    """The answer to an earlier attempt was lost."""
    desk.office.network.answers = [answer]

    await desk.put()

    assert desk.told == ["POST invoicereconciliation", "PUT invoicereconciliation R1"]


async def test_a_change_of_what_the_partner_lacks_is_posted(desk: Desk) -> None:
    await desk.put()
    desk.office.network.answers = [NOT_THERE]

    await desk.put(FEWER)

    assert desk.told[1:] == ["PUT invoicereconciliation R1", "POST invoicereconciliation"]


@pytest.mark.parametrize(
    ("cdr_ids", "words"),
    [
        (("c-1", "c-9"), r"cdr_ids\[1\]: there is no CDR 'c-9'"),
        (("c-9",), r"cdr_ids\[0\]: there is no CDR"),
        (("c-1", "c-1"), r"cdr_ids\[1\]: CDR c-1 is named twice"),
        (("c-1", "c-3"), r"cdr_ids\[1\]: CDR c-3 is of NL\*ABC to FR\*OTH, the first of NL\*ABC to DE\*XYZ"),
        (("c-4",), "is of a card of your own"),
        ((LONG,), "has 37 characters; a record can name 36"),
    ],
)
async def test_what_cannot_stand_on_one_invoice_is_refused(desk: Desk, cdr_ids: tuple[str, ...], words: str) -> None:
    with pytest.raises(WireError, match=words):
        await desk.put(replace(MARCH, cdr_ids=cdr_ids))
    assert desk.told == []


async def test_a_record_does_not_change_hands(desk: Desk) -> None:
    await desk.put()

    with pytest.raises(ConflictError, match="delete it and make another"):
        await desk.put(replace(MARCH, cdr_ids=("c-3",)))


async def test_a_partner_without_the_module_has_nothing_waiting(desk: Desk) -> None:
    known = desk.office.memory.partners[PARTNER]
    endpoints = tuple(one for one in known.endpoints if one.identifier != "invoicereconciliation")
    await desk.office.commit(SavePartner(replace(known, endpoints=endpoints)))

    await desk.put()

    assert desk.told == []
    assert await desk.office.waiting() == []
