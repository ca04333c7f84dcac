"""CDRs, the sender's interface (OCPI 2.2.1 mod_cdrs 10.2.1): of the partner's own tokens only."""

from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request
from gateway.ports import CdrRow


async def list_cdrs(exchange: Exchange) -> Reply:
    edge, number = exchange.edge, exchange.version.number
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.cdrs)
    party = str(exchange.party) if exchange.party else None
    drivers_of = str(exchange.drivers_of) if exchange.drivers_of else None
    shown = await edge.store.find_joined_cdrs(exchange.partner.id, party, number, asked.asked, drivers_of=drivers_of)
    if shown is not None:
        return exchange.reply_joined(asked, *shown)
    page = await edge.store.page_cdrs(exchange.partner.id, party, number, asked.asked, drivers_of=drivers_of)
    bodies = [row.body or _render(exchange, row) for row in page.items]
    fresh = [
        (row.cdr_id, body)
        for row, body in zip(page.items, bodies, strict=True)
        if row.body is None and body is not None
    ]
    if fresh:
        # What a partner has seen once stays as it was: kept before it is shown.
        await edge.store.save_cdr_renderings(number, fresh)
    return exchange.reply_page(asked, page, bodies)


def _render(exchange: Exchange, row: CdrRow) -> bytes | None:
    if row.cdr is None:
        return None
    return exchange.render_object("cdr", row.cdr_id, row.cdr, exchange.version.render_cdr)
