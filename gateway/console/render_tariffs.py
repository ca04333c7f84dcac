"""A tariff in the shape it was put in, OCPI 2.2.1 or (with `tax_included`) 2.3.0: what comes out may be put back."""

from typing import Any

import orjson

from gateway.console.render_locations import load_extra, without_nulls
from gateway.domain.money import Price
from gateway.domain.tariffs import DAYS_OF_WEEK, PriceComponent, Restrictions, Tariff, TariffElement


def render_tariff(tariff: Tariff) -> dict[str, Any]:
    return without_nulls(
        {
            "country_code": tariff.party.country_code,
            "party_id": tariff.party.party_id,
            "id": tariff.id,
            "currency": tariff.currency,
            "type": tariff.type,
            "tariff_alt_text": orjson.loads(tariff.alt_text) if tariff.alt_text else None,
            "tariff_alt_url": tariff.alt_url,
            "min_price": _render_limit(tariff.min_price, tariff.is_tax_stated),
            "max_price": _render_limit(tariff.max_price, tariff.is_tax_stated),
            "elements": [_render_element(element) for element in tariff.elements],
            "tax_included": tariff.tax_included if tariff.is_tax_stated else None,
            "start_date_time": tariff.start_at,
            "end_date_time": tariff.end_at,
            **load_extra(tariff.extra),
            "last_updated": tariff.last_updated,
        }
    )


def _render_limit(limit: Price | None, is_tax_stated: bool) -> dict[str, Any] | None:
    if limit is None:
        return None
    names = ("before_taxes", "after_taxes") if is_tax_stated else ("excl_vat", "incl_vat")
    return without_nulls(dict(zip(names, (limit.before_taxes, limit.with_taxes), strict=True)))


def _render_element(element: TariffElement) -> dict[str, Any]:
    components = [_render_component(component) for component in element.components]
    if element.restrictions is None:
        return {"price_components": components}
    return {"price_components": components, "restrictions": _render_restrictions(element.restrictions)}


def _render_restrictions(rule: Restrictions) -> dict[str, Any]:
    return without_nulls(
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
            "day_of_week": [day for day in DAYS_OF_WEEK if day in rule.day_of_week] or None,
            "reservation": rule.reservation,
            **load_extra(rule.extra),
        }
    )


def _render_component(component: PriceComponent) -> dict[str, Any]:
    return without_nulls(
        {"type": component.type, "price": component.price, "vat": component.vat, "step_size": component.step_size}
    )
