"""Tariffs, the sender's interface (OCPI 2.2.1 mod_tariffs 11.2.1)."""

from gateway.ocpi.catalog import page_of, visible_tariffs
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request


async def list_tariffs(exchange: Exchange) -> Reply:
    """A tariff that the version cannot say exactly is not there for it, and is not counted."""
    edge, render = exchange.edge, exchange.version.render_tariff
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.tariffs)
    bodies = {
        tariff.id: body
        for tariff in visible_tariffs(edge.catalog, exchange.party)
        if (body := exchange.render("tariff", tariff.id, tariff.last_updated, tariff, render)) is not None
    }
    page = page_of([edge.catalog.tariffs[tariff_id] for tariff_id in bodies], asked.asked)
    return exchange.reply_page(asked, page, [bodies[tariff.id] for tariff in page.items])
