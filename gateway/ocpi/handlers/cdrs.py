"""CDRs, the sender's interface (OCPI 2.2.1 mod_cdrs 10.2.1): of the partner's own tokens only."""

import structlog

from gateway.ocpi import wire
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request
from gateway.ports import CdrRow

log = structlog.get_logger(__name__)


async def list_cdrs(exchange: Exchange) -> Reply:
    edge, number = exchange.edge, exchange.version.number
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.cdrs)
    party = str(exchange.party) if exchange.party else None
    page = await edge.store.page_cdrs(exchange.partner.id, party, number, asked.asked)
    fresh = {row.cdr_id: body for row in page.items if (body := _render(exchange, row)) is not None}
    if fresh:
        # What a partner has seen once stays as it was: kept before it is shown.
        await edge.store.save_cdr_renderings(number, list(fresh.items()))
    return exchange.reply_page(asked, page, [row.body or fresh.get(row.cdr_id) for row in page.items])


def _render(exchange: Exchange, row: CdrRow) -> bytes | None:
    if row.body is not None or row.cdr is None:
        return None
    try:
        return wire.dump_json(exchange.version.render_cdr(row.cdr))
    except wire.CannotSayError as error:
        log.warning("CDR withheld from partner", cdr_id=row.cdr_id, reason=str(error))
        return None
