"""Pieces of OCPI objects that every version writes alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from gateway.domain.locations import Evse, EvseStatus
from gateway.domain.sessions import Ledger
from gateway.domain.tariffs import PriceComponent, Tariff, TaxIncluded
from gateway.ocpi.wire import CannotSayError, withhold

SECONDS_PER_HOUR = 3600
WH_PER_KWH = 1000
NO_CURRENCY = "XXX"  # ISO 4217: no currency involved; the field is required, and no tariff applies
_FOUR_PLACES = Decimal("0.0001")


def render_kwh(energy_wh: Decimal) -> Decimal:
    return energy_wh / WH_PER_KWH


def render_hours(duration_s: Decimal) -> Decimal:
    return duration_s / SECONDS_PER_HOUR


def render_coordinates(coordinates: tuple[str, str]) -> dict[str, str]:
    """Always six decimals: five to seven are allowed, but seven do not fit a three-digit negative longitude.

    OCPI 2.2.1 mod_locations "GeoLocation"; OCPI 2.1.1 allows six only.
    """
    latitude, longitude = coordinates
    return {"latitude": f"{Decimal(latitude):.6f}", "longitude": f"{Decimal(longitude):.6f}"}


def load_extra(text: str | None, names: frozenset[str]) -> dict[str, Any]:
    """The descriptive rest of an object as far as a version knows it; numbers stay exact."""
    if not text:
        return {}
    members: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return {name: value for name, value in members.items() if name in names and value is not None and value != []}


def known(values: Any, allowed: frozenset[str], where: str) -> list[str]:
    """Only the values a version has a word for; a peer may reject the whole object for another."""
    given = list(values or ())
    unknown = [value for value in given if value not in allowed]
    if unknown:
        withhold(f"{where}: {', '.join(map(str, unknown))}")
    return [value for value in given if value in allowed]


def status_of(evse: Evse) -> EvseStatus:
    """The operator's word beats the station's."""
    return evse.override or evse.status


def period_ends(ledger: Ledger) -> Sequence[datetime]:
    """When each period of a session ends: where the next begins; the last one at the end, or with the latest fact."""
    if not ledger.periods:
        return ()
    ends = [later.start_at for _, later in pairwise(ledger.periods)]
    return [*ends, ledger.ended_at or max(ledger.last_at, ledger.periods[-1].start_at)]


def seconds_between(start: datetime, end: datetime) -> Decimal:
    span = max(end, start) - start
    return Decimal(span.days * 86_400 + span.seconds) + Decimal(span.microseconds) / 1_000_000


def price_before_taxes(tariff: Tariff, component: PriceComponent) -> Decimal:
    """What a version tells whose prices exclude taxes, always.  Raises CannotSayError where that is not exact."""
    if tariff.tax_included is not TaxIncluded.YES:
        return component.price
    if component.vat is not None:
        price = component.price / (1 + component.vat / 100)
        if price == price.quantize(_FOUR_PLACES):
            return price
    raise CannotSayError(
        f"tariff {tariff.id} has prices with tax; before tax its {component.type.value} price is not known exactly"
    )
