"""Which bills an invoice is about."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.ids import PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRecord:
    """Tells a partner which CDRs an invoice of ours charges (OCPI 2.3.0 mod_invoice_reconciliation 17.4.1).

    `party` is ours, `to` the eMSP whose drivers' CDRs they are; `invoice_id` is the number on the invoice.  `told_at`:
    since when the partner has the record; the store's.
    """

    id: str
    partner_id: str
    party: PartyId
    to: PartyId
    invoice_id: str
    cdr_ids: tuple[str, ...]
    last_updated: datetime
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledTo:
    """Whose a CDR is, and who made it; None where it is nobody's but ours."""

    cdr_id: str
    party: PartyId
    partner_id: str | None
    to: PartyId | None
