"""Records of invoices: what the operator says which CDRs an invoice charges, told to the partner that pays it.

A record is not the invoice, which goes its own way.  CDRs stay as they are: their `invoice_reference_id` was sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.domain.ids import PartyId
from gateway.domain.invoices import BilledTo, InvoiceRecord
from gateway.errors import ConflictError, NotFoundError, WireError
from gateway.ports import Clock, DeleteInvoice, SaveInvoice, Store

log = structlog.get_logger(__name__)

LONGEST_ID = 36
"""A record names CDRs by ids of 36 characters, though that of a credit may have 39.  OCPI 2.3.0 mod_cdrs 10.3.1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceAsked:
    """What the operator says: the number of the invoice, and the CDRs on it."""

    invoice_id: str
    cdr_ids: tuple[str, ...]


class Invoices:
    """Makes, changes and takes back records."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def load(self, record_id: str) -> InvoiceRecord:
        """Raises NotFoundError."""
        record = await self._store.find_invoice(record_id)
        if record is None:
            raise NotFoundError(f"there is no invoice record {record_id!r}")
        return record

    async def put(self, record_id: str, asked: InvoiceAsked) -> tuple[InvoiceRecord, bool]:
        """Make or change a record; with it, True if it is new.

        Raises WireError naming the CDR that is at fault, and ConflictError where a record would change hands.
        """
        known = await self._store.find_invoice(record_id)
        first = await self._check_bills(asked.cdr_ids)
        assert first.partner_id is not None
        assert first.to is not None
        record = InvoiceRecord(
            id=known.id if known else record_id,
            partner_id=first.partner_id,
            party=first.party,
            to=first.to,
            invoice_id=asked.invoice_id,
            cdr_ids=asked.cdr_ids,
            last_updated=self._clock.now(),
            told_at=known.told_at if known else None,
        )
        if known is not None and (known.partner_id, known.party, known.to) != (first.partner_id, first.party, first.to):
            raise ConflictError(
                f"invoice record {known.id} is of {known.party} to {known.to}, these CDRs are of {first.party} to "
                f"{first.to}: delete it and make another"
            )
        (saved,) = await self._saved(SaveInvoice(record))
        log.info("invoice record saved", record_id=record.id, partner_id=record.partner_id, cdrs=len(record.cdr_ids))
        return saved, known is None

    async def delete(self, record_id: str) -> None:
        """The record itself was an error; the partner is told.  Raises NotFoundError."""
        record = await self.load(record_id)
        await self._store.commit([DeleteInvoice(record)])
        log.info("invoice record deleted", record_id=record.id, partner_id=record.partner_id)

    async def _saved(self, change: SaveInvoice) -> list[InvoiceRecord]:
        stamped = await self._store.commit([change])
        return [one.record for one in stamped if isinstance(one, SaveInvoice)]

    async def _check_bills(self, cdr_ids: Sequence[str]) -> BilledTo:
        """The first of them, which all agree with in who bills whom."""
        _check_ids(cdr_ids)
        found = {bill.cdr_id: bill for bill in await self._store.list_billed_to(cdr_ids)}
        first = found.get(cdr_ids[0])
        for index, cdr_id in enumerate(cdr_ids):
            bill, where = found.get(cdr_id), f"$.cdr_ids[{index}]"
            if bill is None or first is None:
                raise WireError(where, f"there is no CDR {cdr_id!r}")
            if bill.partner_id is None or bill.to is None:
                raise WireError(where, f"CDR {cdr_id} is no partner's: it is of a card of your own")
            if _hands(bill) != _hands(first):
                raise WireError(
                    where, f"CDR {cdr_id} is of {bill.party} to {bill.to}, the first of {first.party} to {first.to}"
                )
        assert first is not None
        return first


def _check_ids(cdr_ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for index, cdr_id in enumerate(cdr_ids):
        if len(cdr_id) > LONGEST_ID:
            raise WireError(f"$.cdr_ids[{index}]", f"has {len(cdr_id)} characters; a record can name {LONGEST_ID}")
        if cdr_id in seen:
            raise WireError(f"$.cdr_ids[{index}]", f"CDR {cdr_id} is named twice")
        seen.add(cdr_id)


def _hands(bill: BilledTo) -> tuple[str | None, PartyId, PartyId | None]:
    return bill.partner_id, bill.party, bill.to
