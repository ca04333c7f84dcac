"""Locations, the sender's interface (OCPI 2.2.1 mod_locations 8.2.1)."""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, TypeVar

from gateway.ocpi.catalog import (
    connector_without_tariffs,
    evse_without_tariffs,
    load_connector,
    load_evse,
    load_location,
    page_of,
    visible_locations,
    without_tariffs,
)
from gateway.ocpi.envelope import Reply, UnknownLocationError
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request

T = TypeVar("T")
Strip = Callable[[T, frozenset[str]], T]


async def list_locations(exchange: Exchange) -> Reply:
    edge = exchange.edge
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.locations)
    page = page_of(visible_locations(edge.catalog, exchange.viewer, exchange.party), asked.asked)
    hidden = exchange.hidden_tariffs()
    render = exchange.version.render_location
    _note_unsayable(exchange)
    bodies = exchange.render_page(
        "location",
        [(location.id, (location.last_updated, hidden), location) for location in page.items],
        lambda location: render(without_tariffs(location, hidden)),
    )
    return exchange.reply_page(asked, page, bodies)


async def get_location(exchange: Exchange) -> Reply:
    location = load_location(exchange.edge.catalog, exchange.viewer, exchange.party, exchange.path["location_id"])
    render = exchange.version.render_location
    return _reply(exchange, "location", location.id, location.last_updated, location, render, without_tariffs)


async def get_evse(exchange: Exchange) -> Reply:
    location = load_location(exchange.edge.catalog, exchange.viewer, exchange.party, exchange.path["location_id"])
    evse = load_evse(location, exchange.path["evse_uid"])
    key = (location.id, evse.uid)
    render = exchange.version.render_evse
    return _reply(exchange, "evse", key, location.last_updated, evse, render, evse_without_tariffs)


async def get_connector(exchange: Exchange) -> Reply:
    location = load_location(exchange.edge.catalog, exchange.viewer, exchange.party, exchange.path["location_id"])
    evse = load_evse(location, exchange.path["evse_uid"])
    connector = load_connector(evse, exchange.path["connector_id"])
    key = (location.id, evse.uid, connector.id)
    render = exchange.version.render_connector
    return _reply(exchange, "connector", key, location.last_updated, connector, render, connector_without_tariffs)


def _note_unsayable(exchange: Exchange) -> None:
    """Locations that the partner would get in another version are not there in this one, and the operator is told."""
    if exchange.viewer.sees_unpublished == exchange.partner.sees_unpublished:
        return
    for location in visible_locations(exchange.edge.catalog, exchange.partner, exchange.party):
        if not location.publish:
            exchange.render_object("location", location.id, location, exchange.version.render_location)


def _reply(
    exchange: Exchange,
    kind: str,
    key: Hashable,
    changed_at: datetime,
    item: T,
    render: Callable[[T], dict[str, Any]],
    strip: Strip[T],
) -> Reply:
    """`changed_at` is the location's, which rises with every change below it."""
    hidden = exchange.hidden_tariffs()
    body = exchange.render(kind, key, (changed_at, hidden), item, lambda whole: render(strip(whole, hidden)))
    if body is None:
        raise UnknownLocationError(f"this {kind} cannot be described in OCPI {exchange.version.number}")
    return Reply(data=body)
