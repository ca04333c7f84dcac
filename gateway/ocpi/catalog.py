"""What a partner may see of our locations and tariffs, and pages of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from gateway.domain.ids import PartyId
from gateway.domain.locations import Connector, Evse, Location
from gateway.domain.partners import Partner
from gateway.domain.tariffs import Tariff
from gateway.flows.views import find_view
from gateway.ocpi.envelope import UnknownLocationError
from gateway.ports import Page, PageAsked

T = TypeVar("T", Location, Tariff)
Item = TypeVar("Item")


class Catalog(Protocol):
    """Locations and tariffs in memory, each in the order of creation."""

    @property
    def locations(self) -> Mapping[str, Location]: ...
    @property
    def tariffs(self) -> Mapping[str, Tariff]: ...


def visible_locations(catalog: Catalog, partner: Partner, party: PartyId | None) -> Sequence[Location]:
    """A location never goes away: one that is removed or withdrawn stays, with its EVSEs REMOVED."""
    views = (find_view(location, partner) for location in catalog.locations.values())
    visible = [location for location in views if location is not None]
    return visible if party is None else [location for location in visible if location.party == party]


def load_location(catalog: Catalog, partner: Partner, party: PartyId | None, location_id: str) -> Location:
    """Raises UnknownLocationError, also where the caller may not see it.  Ids compare without case."""
    location = catalog.locations.get(location_id) or _same_id(
        catalog.locations.values(), location_id, lambda known: known.id
    )
    view = None if location is None else find_view(location, partner)
    if view is None or party not in (None, view.party):
        raise UnknownLocationError(f"there is no location {location_id!r} here")
    return view


def load_evse(location: Location, evse_uid: str) -> Evse:
    evse = _same_id(location.evses, evse_uid, lambda known: known.uid)
    if evse is None:
        raise UnknownLocationError(f"location {location.id} has no EVSE with uid {evse_uid!r}")
    return evse


def load_connector(evse: Evse, connector_id: str) -> Connector:
    connector = _same_id(evse.connectors, connector_id, lambda known: known.id)
    if connector is None:
        raise UnknownLocationError(f"EVSE {evse.uid} has no connector {connector_id!r}")
    return connector


def visible_tariffs(catalog: Catalog, party: PartyId | None) -> Sequence[Tariff]:
    return [tariff for tariff in catalog.tariffs.values() if party is None or party == tariff.party]


def named_tariffs(catalog: Catalog, item: Location | Evse | Connector) -> Sequence[Tariff]:
    """The tariffs that the plugs of an object name."""
    evses = item.evses if isinstance(item, Location) else (item,)
    plugs = [plug for one in evses for plug in (one.connectors if isinstance(one, Evse) else (one,))]
    names = dict.fromkeys(name for plug in plugs for name in plug.tariff_ids)
    return [catalog.tariffs[name] for name in names if name in catalog.tariffs]


def without_tariffs(location: Location, hidden: frozenset[str]) -> Location:
    """The location with connectors that name no hidden tariff: a partner could not read it."""
    if not hidden:
        return location
    return replace(location, evses=tuple(evse_without_tariffs(evse, hidden) for evse in location.evses))


def evse_without_tariffs(evse: Evse, hidden: frozenset[str]) -> Evse:
    if not hidden:
        return evse
    return replace(evse, connectors=tuple(connector_without_tariffs(plug, hidden) for plug in evse.connectors))


def connector_without_tariffs(connector: Connector, hidden: frozenset[str]) -> Connector:
    return replace(connector, tariff_ids=tuple(name for name in connector.tariff_ids if name not in hidden))


def page_of(items: Sequence[T], asked: PageAsked) -> Page[T]:
    """One page of what is in memory; there a position is as good as an offset, so `after` counts the rows before."""
    matching = _updated_within(items, asked.date_from, asked.date_to)
    start = asked.offset if asked.after is None else asked.after
    shown = tuple(matching[start : start + asked.limit])
    end = start + len(shown)
    return Page(items=shown, total=len(matching), next_after=end if shown and end < len(matching) else None)


def _updated_within(items: Sequence[T], date_from: datetime | None, date_to: datetime | None) -> Sequence[T]:
    """From inclusive, to exclusive.  OCPI 2.2.1 transport_and_format "Paginated Request" """
    if date_from is None and date_to is None:
        return items
    return [
        item
        for item in items
        if (date_from is None or date_from <= item.last_updated) and (date_to is None or item.last_updated < date_to)
    ]


def _same_id(items: Iterable[Item], wanted: str, id_of: Callable[[Item], str]) -> Item | None:
    """CiString: ids compare without case.  OCPI 2.2.1 types 16.1"""
    folded = wanted.casefold()
    return next((item for item in items if id_of(item).casefold() == folded), None)
