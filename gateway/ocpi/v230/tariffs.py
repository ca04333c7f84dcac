"""Tariffs in OCPI 2.3.0 (mod_tariffs 11.3): prices as the operator gave them, and whether taxes are in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from gateway.domain.money import Price
from gateway.domain.tariffs import PriceComponent, Tariff
from gateway.ocpi.v221 import tariffs as v221
from gateway.ocpi.wire import without_absent


def render_tariff(tariff: Tariff) -> dict[str, Any]:
    """Raises CannotSayError where a type or restriction has no counterpart in this version."""
    # OCPI 2.3.0 mod_tariffs 11.3.1: `tax_included` is required.
    body = v221.render_tariff(tariff, WORDING)
    return {**body, "tax_included": tariff.tax_included.value}


def _render_limit(limit: Price) -> dict[str, Any]:
    """OCPI 2.3.0 mod_tariffs "PriceLimit" """
    return without_absent({"before_taxes": limit.before_taxes, "after_taxes": limit.with_taxes})


def _price_as_given(_tariff: Tariff, component: PriceComponent) -> Decimal:
    return component.price


WORDING = v221.Wording(number="2.3.0", render_limit=_render_limit, price_of=_price_as_given)
