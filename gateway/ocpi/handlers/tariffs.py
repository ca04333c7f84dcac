"""Tariffs, the sender's interface (OCPI 2.2.1 mod_tariffs 11.2.1)."""

from gateway.ocpi.catalog import page_of, visible_tariffs
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request


async def list_tariffs(exchange: Exchange) -> Reply:
    """A tariff that the version cannot say exactly is not there for it, and is not counted."""
    edge = exchange.edge
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.tariffs)
    tariffs = visible_tariffs(edge.catalog, exchange.party)
    bodies = exchange.render_tariffs(tariffs)
    page = page_of([tariff for tariff in tariffs if bodies[tariff.id] is not None], asked.asked)
    return exchange.reply_page(asked, page, [bodies[tariff.id] for tariff in page.items])
