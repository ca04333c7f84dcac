"""Locations, the sender's interface (OCPI 2.2.1 mod_locations 8.2.1)."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from gateway.ocpi.catalog import load_connector, load_evse, load_location, page_of, visible_locations
from gateway.ocpi.envelope import Reply, UnknownLocationError
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request

T = TypeVar("T")


async def list_locations(exchange: Exchange) -> Reply:
    edge = exchange.edge
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.locations)
    page = page_of(visible_locations(edge.catalog, exchange.partner, exchange.party), asked.asked)
    bodies = exchange.render_page(
        "location",
        [(location.id, location.last_updated, location) for location in page.items],
        exchange.version.render_location,
    )
    return exchange.reply_page(asked, page, bodies)


async def get_location(exchange: Exchange) -> Reply:
    location = load_location(exchange.edge.catalog, exchange.partner, exchange.party, exchange.path["location_id"])
    key = location.id
    return _reply(exchange, "location", key, location.last_updated, location, exchange.version.render_location)


async def get_evse(exchange: Exchange) -> Reply:
    location = load_location(exchange.edge.catalog, exchange.partner, exchange.party, exchange.path["location_id"])
    evse = load_evse(location, exchange.path["evse_uid"])
    key = (location.id, evse.uid)
    return _reply(exchange, "evse", key, location.last_updated, evse, exchange.version.render_evse)


async def get_connector(exchange: Exchange) -> Reply:
    location = load_location(exchange.edge.catalog, exchange.partner, exchange.party, exchange.path["location_id"])
    evse = load_evse(location, exchange.path["evse_uid"])
    connector = load_connector(evse, exchange.path["connector_id"])
    key = (location.id, evse.uid, connector.id)
    return _reply(exchange, "connector", key, location.last_updated, connector, exchange.version.render_connector)


def _reply(
    exchange: Exchange,
    kind: str,
    key: Hashable,
    revision: Hashable,
    item: T,
    render: Callable[[T], dict[str, Any]],
) -> Reply:
    body = exchange.render(kind, key, revision, item, render)
    if body is None:
        raise UnknownLocationError(f"this {kind} cannot be described in OCPI {exchange.version.number}")
    return Reply(data=body)
