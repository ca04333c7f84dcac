"""CDRs and Sessions in OCPI 2.3.0 (mod_cdrs 10.3, mod_sessions 9.3): prices name their taxes, by rate."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from gateway.domain.bills import TaxShare
from gateway.domain.money import ZERO, Price
from gateway.ocpi.v221 import cdrs as v221
from gateway.ocpi.v221 import sessions
from gateway.ocpi.v221.common import Bills
from gateway.ocpi.v230.locations import WORDS
from gateway.ocpi.v230.tariffs import render_tariff
from gateway.ocpi.wire import without_absent

TAX_NAME = "VAT"  # OCPI 2.3.0 types "TaxAmount": where no name is required, a generic one


def render_price(price: Price, taxes: Sequence[TaxShare] = ()) -> dict[str, Any]:
    """OCPI 2.3.0 types "Price".

    `taxes` are the shares of what the price is made of.  Where they do not add up to its tax (a min or max price took
    the place of the sum), its tax is told in one, without a rate.
    """
    return without_absent({"before_taxes": price.before_taxes, "taxes": _render_taxes(price, taxes)})


def _render_taxes(price: Price, shares: Sequence[TaxShare]) -> list[dict[str, Any]]:
    if price.with_taxes is None:
        return []
    due = price.with_taxes - price.before_taxes
    by_rate: dict[Decimal, Decimal] = {}
    for share in shares:
        by_rate[share.vat] = by_rate.get(share.vat, ZERO) + share.tax
    summed = sum(by_rate.values(), ZERO)
    if due == summed:
        sign = 1
    elif due == -summed:
        sign = -1  # a credit: its total alone is negative (OCPI 2.3.0 mod_cdrs 10.1.1)
    else:
        return [{"name": TAX_NAME, "amount": due}]
    return [{"name": TAX_NAME, "percentage": rate, "amount": sign * amount} for rate, amount in sorted(by_rate.items())]


BILLS = Bills(words=WORDS, render_price=render_price, render_tariff=render_tariff)
render_cdr = partial(v221.render_cdr, bills=BILLS)
render_session = partial(sessions.render_session, bills=BILLS)
