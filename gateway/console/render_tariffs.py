"""A tariff in the shape of OCPI 2.3.0, whatever shape it was put in: what comes out may be put back."""

from typing import Any

import orjson

from gateway.console.render_locations import load_extra, without_nulls
from gateway.domain.money import Price
from gateway.domain.tariffs import PriceComponent, Tariff, TariffElement


def render_tariff(tariff: Tariff) -> dict[str, Any]:
    """Always with `tax_included`: a tariff put without it has prices before taxes."""
    return without_nulls(
        {
            "country_code": tariff.party.country_code,
            "party_id": tariff.party.party_id,
            "id": tariff.id,
            "currency": tariff.currency,
            "type": tariff.type,
            "tariff_alt_text": orjson.loads(tariff.alt_text) if tariff.alt_text else None,
            "tariff_alt_url": tariff.alt_url,
            "min_price": _render_limit(tariff.min_price),
            "max_price": _render_limit(tariff.max_price),
            "elements": [_render_element(element) for element in tariff.elements],
            "tax_included": tariff.tax_included,
            "start_date_time": tariff.start_at,
            "end_date_time": tariff.end_at,
            **load_extra(tariff.extra),
            "last_updated": tariff.last_updated,
        }
    )


def _render_limit(limit: Price | None) -> dict[str, Any] | None:
    if limit is None:
        return None
    return without_nulls({"before_taxes": limit.before_taxes, "after_taxes": limit.with_taxes})


def _render_element(element: TariffElement) -> dict[str, Any]:
    components = [_render_component(component) for component in element.components]
    if element.restrictions is None:
        return {"price_components": components}
    return {"price_components": components, "restrictions": orjson.loads(element.restrictions)}


def _render_component(component: PriceComponent) -> dict[str, Any]:
    return without_nulls(
        {"type": component.type, "price": component.price, "vat": component.vat, "step_size": component.step_size}
    )
