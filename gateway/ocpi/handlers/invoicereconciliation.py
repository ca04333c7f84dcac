"""Records of invoices, the sender's interface (OCPI 2.3.0 mod_invoice_reconciliation 17.3.1)."""

from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request


async def list_invoices(exchange: Exchange) -> Reply:
    edge = exchange.edge
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.invoices)
    party = str(exchange.party) if exchange.party else None
    drivers_of = str(exchange.drivers_of) if exchange.drivers_of else None
    page = await edge.store.page_invoices(exchange.partner.id, party, asked.asked, drivers_of=drivers_of)
    render = exchange.version.render_invoice
    return exchange.reply_page(asked, page, [exchange.dump(render(record)) for record in page.items])
