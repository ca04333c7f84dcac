"""Tariffs in OCPI 2.2.1 (mod_tariffs 11.3): prices exclude VAT, always."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.domain.money import Price
from gateway.domain.tariffs import DAYS_OF_WEEK, PriceComponent, Restrictions, Tariff, TariffElement, TaxIncluded
from gateway.ocpi.parts import load_extra, price_before_taxes
from gateway.ocpi.v221.common import render_price
from gateway.ocpi.wire import CannotSayError, clip, render_time, without_absent

TARIFF_EXTRA = frozenset({"energy_mix"})
TARIFF_TYPES = frozenset({"AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a version of this family tells a min or max price, and the price of a component."""

    number: str
    render_limit: Callable[[Price], dict[str, Any]]
    price_of: Callable[[Tariff, PriceComponent], Decimal]


WORDING = Wording(number="2.2.1", render_limit=render_price, price_of=price_before_taxes)


def render_tariff(tariff: Tariff, wording: Wording = WORDING) -> dict[str, Any]:
    """Raises CannotSayError where a price or restriction has no exact counterpart in this version."""
    if tariff.type is not None and tariff.type not in TARIFF_TYPES:
        raise CannotSayError(f"tariff {tariff.id} has the type {tariff.type}: not one of OCPI {wording.number}")
    alt_text = json.loads(tariff.alt_text) if tariff.alt_text else []
    return without_absent(
        {
            "country_code": tariff.party.country_code,
            "party_id": tariff.party.party_id,
            "id": tariff.id,
            "currency": tariff.currency,
            "type": tariff.type,
            "tariff_alt_text": [
                {"language": text["language"], "text": clip(text["text"], 512, "tariff.tariff_alt_text")}
                for text in alt_text
            ],
            "tariff_alt_url": tariff.alt_url,
            "min_price": wording.render_limit(tariff.min_price) if tariff.min_price else None,
            "max_price": wording.render_limit(tariff.max_price) if tariff.max_price else None,
            "elements": [_render_element(tariff, element, wording) for element in tariff.elements],
            "start_date_time": render_time(tariff.start_at) if tariff.start_at else None,
            "end_date_time": render_time(tariff.end_at) if tariff.end_at else None,
            **load_extra(tariff.extra, TARIFF_EXTRA),
            "last_updated": render_time(tariff.last_updated),
        }
    )


def _render_element(tariff: Tariff, element: TariffElement, wording: Wording) -> dict[str, Any]:
    components = [_render_component(tariff, component, wording) for component in element.components]
    restrictions = _render_restrictions(tariff, element.restrictions, wording) if element.restrictions else None
    return without_absent({"price_components": components, "restrictions": restrictions})


def _render_restrictions(tariff: Tariff, rule: Restrictions, wording: Wording) -> dict[str, Any]:
    """OCPI 2.2.1 mod_tariffs 11.4.6"""
    if rule.extra:
        # Leaving a restriction out would widen the price to cases it was not made for.
        raise CannotSayError(f"tariff {tariff.id} restricts by {rule.extra}: unknown in OCPI {wording.number}")
    return without_absent(
        {
            "start_time": f"{rule.start_time:%H:%M}" if rule.start_time is not None else None,
            "end_time": f"{rule.end_time:%H:%M}" if rule.end_time is not None else None,
            "start_date": rule.start_date.isoformat() if rule.start_date else None,
            "end_date": rule.end_date.isoformat() if rule.end_date else None,
            "min_kwh": rule.min_kwh,
            "max_kwh": rule.max_kwh,
            "min_current": rule.min_current,
            "max_current": rule.max_current,
            "min_power": rule.min_power,
            "max_power": rule.max_power,
            "min_duration": rule.min_duration_s,
            "max_duration": rule.max_duration_s,
            "day_of_week": [day.value for day in DAYS_OF_WEEK if day in rule.day_of_week],
            "reservation": rule.reservation.value if rule.reservation else None,
        }
    )


def _render_component(tariff: Tariff, component: PriceComponent, wording: Wording) -> dict[str, Any]:
    return without_absent(
        {
            "type": component.type.value,
            "price": wording.price_of(tariff, component),
            "vat": component.vat if tariff.tax_included is not TaxIncluded.NOT_APPLICABLE else None,
            "step_size": component.step_size,
        }
    )
