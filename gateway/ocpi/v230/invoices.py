"""Records of invoices (OCPI 2.3.0 mod_invoice_reconciliation 17.4.1)."""

from typing import Any

from gateway.domain.invoices import InvoiceRecord
from gateway.ocpi.wire import render_time


def render_invoice(record: InvoiceRecord) -> dict[str, Any]:
    return {
        "country_code": record.party.country_code,
        "party_id": record.party.party_id,
        "id": record.id,
        "invoice_id": record.invoice_id,
        "cdrs": list(record.cdr_ids),
        "last_updated": render_time(record.last_updated),
    }
