"""Classes that several modules of OCPI 2.2.1 share, and the words it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.bills import TaxShare
from gateway.domain.money import Price
from gateway.domain.tariffs import Tariff
from gateway.ocpi.wire import without_absent

IMAGE_CATEGORIES = frozenset({"CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a version of this family has words for; `*_extra` are descriptive members that it takes as they are kept."""

    number: str
    token_types: frozenset[str]
    connector_types: frozenset[str]
    parking_restrictions: frozenset[str]
    location_extra: frozenset[str] = frozenset()
    evse_extra: frozenset[str] = frozenset()
    connector_extra: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """How a version of this family tells prices: one with its taxes, and a tariff (CannotSayError where it cannot)."""

    words: Words
    render_price: Callable[[Price, Sequence[TaxShare]], dict[str, Any]]
    render_tariff: Callable[[Tariff], dict[str, Any]]


def render_price(price: Price, _taxes: Sequence[TaxShare] = ()) -> dict[str, Any]:
    """OCPI 2.2.1 types "Price": the sum with taxes, not which they are."""
    return without_absent({"excl_vat": price.before_taxes, "incl_vat": price.with_taxes})


def render_images(images: Any) -> list[dict[str, Any]]:
    """A category of a later version becomes OTHER, which is what it is here."""
    return [image if image.get("category") in IMAGE_CATEGORIES else {**image, "category": "OTHER"} for image in images]


def render_business(details: dict[str, Any]) -> dict[str, Any]:
    logo = details.get("logo")
    rest = {name: details.get(name) for name in ("name", "website")}
    return without_absent({**rest, "logo": render_images([logo])[0] if logo else None})
