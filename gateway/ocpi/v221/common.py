"""Classes that several modules of OCPI 2.2.1 share."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from gateway.domain.money import Price
from gateway.ocpi.wire import without_absent

SECONDS_PER_HOUR = 3600
WH_PER_KWH = 1000
IMAGE_CATEGORIES = frozenset({"CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"})


def render_price(price: Price) -> dict[str, Any]:
    """OCPI 2.2.1 types "Price"."""
    return without_absent({"excl_vat": price.before_taxes, "incl_vat": price.with_taxes})


def render_kwh(energy_wh: Decimal) -> Decimal:
    return energy_wh / WH_PER_KWH


def render_hours(duration_s: Decimal) -> Decimal:
    return duration_s / SECONDS_PER_HOUR


def render_coordinates(coordinates: tuple[str, str]) -> dict[str, str]:
    """Always six decimals: five to seven are allowed, but seven do not fit a three-digit negative longitude.

    OCPI 2.2.1 mod_locations "GeoLocation"
    """
    latitude, longitude = coordinates
    return {"latitude": f"{Decimal(latitude):.6f}", "longitude": f"{Decimal(longitude):.6f}"}


def load_extra(text: str | None, names: frozenset[str]) -> dict[str, Any]:
    """The descriptive rest of an object as far as this version knows it; numbers stay exact."""
    if not text:
        return {}
    members: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return {name: value for name, value in members.items() if name in names and value is not None and value != []}


def known(values: Any, allowed: frozenset[str]) -> list[str]:
    """Only the values this version has a word for; a peer may reject the whole object for another."""
    return [value for value in values or () if value in allowed]


def render_images(images: Any) -> list[dict[str, Any]]:
    """A category of a later version becomes OTHER, which is what it is here."""
    return [image if image.get("category") in IMAGE_CATEGORIES else {**image, "category": "OTHER"} for image in images]


def render_business(details: dict[str, Any]) -> dict[str, Any]:
    logo = details.get("logo")
    rest = {name: details.get(name) for name in ("name", "website")}
    return without_absent({**rest, "logo": render_images([logo])[0] if logo else None})
