"""What a session costs under a tariff: exact, rounded only where a part is stated.

Prices: ENERGY per kWh, TIME and PARKING_TIME per hour, FLAT once.  Each dimension is priced by the first element
that has a
component for it (OCPI mod_tariffs).  Parts are stated with four decimals and the total is the sum of the stated
parts, so
whoever adds up a CDR gets its total.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from gateway.domain.cdrs import Totals
from gateway.domain.money import ZERO, Price, add_prices
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TaxIncluded

STATED = Decimal("0.0001")
HUNDRED = Decimal(100)
SECONDS_PER_HOUR = Decimal(3600)
WH_PER_KWH = Decimal(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What is billed: Wh, seconds of charging, seconds of parking, and the phase that was billed last."""

    energy_wh: Decimal
    charging_s: Decimal
    parking_s: Decimal
    last_phase: Phase


def find_pricing_obstacle(tariff: Tariff) -> str | None:
    """Why this tariff cannot be priced exactly, or None.  Such a tariff is refused, never approximated."""
    for number, element in enumerate(tariff.elements):
        if element.restrictions is not None:
            return f"elements[{number}].restrictions: restrictions cannot be priced yet; use elements without them"
        for component in element.components:
            if tariff.tax_included is TaxIncluded.YES and component.vat is None:
                return f"elements[{number}]: with tax_included YES each price component needs its vat"
    return None


def price_usage(tariff: Tariff, usage: Usage) -> Totals:
    """The totals of a session under `tariff`; raises ValueError where `find_pricing_obstacle` finds one."""
    obstacle = find_pricing_obstacle(tariff)
    if obstacle is not None:
        raise ValueError(obstacle)
    components = _components_of(tariff)
    flat = _price_of(tariff, components.get(Dimension.FLAT), Decimal(1))
    energy = _price_of(tariff, components.get(Dimension.ENERGY), _billed_kwh(components, usage))
    time = _price_of(tariff, components.get(Dimension.TIME), _billed_hours(components, usage, Phase.CHARGING))
    parking = _price_of(tariff, components.get(Dimension.PARKING_TIME), _billed_hours(components, usage, Phase.PARKING))
    cost = _within_limits(tariff, _sum_of(price for price in (flat, energy, time, parking) if price is not None))
    return Totals(cost=cost, fixed=flat, energy=energy, time=time, parking=parking)


def _components_of(tariff: Tariff) -> dict[Dimension, PriceComponent]:
    components: dict[Dimension, PriceComponent] = {}
    for element in tariff.elements:
        for component in element.components:
            components.setdefault(component.type, component)
    return components


def _billed_kwh(components: dict[Dimension, PriceComponent], usage: Usage) -> Decimal:
    component = components.get(Dimension.ENERGY)
    step = component.step_size if component is not None else 1
    return _up_to_step(usage.energy_wh, step) / WH_PER_KWH


def _billed_hours(components: dict[Dimension, PriceComponent], usage: Usage, phase: Phase) -> Decimal:
    """`step_size` rounds TIME or PARKING_TIME, whichever was billed last, never both (OCPI mod_cdrs, step_size)."""
    seconds = usage.charging_s if phase is Phase.CHARGING else usage.parking_s
    component = components.get(Dimension.TIME if phase is Phase.CHARGING else Dimension.PARKING_TIME)
    if component is not None and seconds and phase is _last_billed_phase(components, usage):
        seconds = _up_to_step(seconds, component.step_size)
    return seconds / SECONDS_PER_HOUR


def _last_billed_phase(components: dict[Dimension, PriceComponent], usage: Usage) -> Phase:
    """Only time that has a price is billed: parking without a price leaves the charging time as the last."""
    is_billed = {
        Phase.CHARGING: Dimension.TIME in components and usage.charging_s > 0,
        Phase.PARKING: Dimension.PARKING_TIME in components and usage.parking_s > 0,
    }
    if is_billed[usage.last_phase]:
        return usage.last_phase
    return Phase.CHARGING if is_billed[Phase.CHARGING] else Phase.PARKING


def _up_to_step(quantity: Decimal, step: int) -> Decimal:
    """The next multiple; exact multiples stay, and a step of 0 (seen with free tariffs) rounds nothing."""
    if step <= 1 and quantity == quantity.to_integral_value():
        return quantity
    if step < 1:
        return quantity
    whole, rest = divmod(quantity, step)
    return quantity if not rest else (whole + 1) * step


def _price_of(tariff: Tariff, component: PriceComponent | None, quantity: Decimal) -> Price | None:
    if component is None:
        return None
    amount = component.price * quantity
    if component.vat is None:  # "no VAT is applicable" (OCPI mod_tariffs, PriceComponent)
        return Price(before_taxes=_stated(amount), with_taxes=_stated(amount))
    factor = 1 + component.vat / HUNDRED
    if tariff.tax_included is TaxIncluded.YES:
        return Price(before_taxes=_stated(amount / factor), with_taxes=_stated(amount))
    return Price(before_taxes=_stated(amount), with_taxes=_stated(amount * factor))


def _sum_of(prices: Iterable[Price]) -> Price:
    total = Price(before_taxes=ZERO, with_taxes=ZERO)
    for price in prices:
        total = add_prices(total, price)
    return total


def _within_limits(tariff: Tariff, cost: Price) -> Price:
    """min_price and max_price hold before and after taxes, each by itself (OCPI mod_tariffs)."""
    before, after = cost.before_taxes, cost.with_taxes
    if tariff.min_price is not None:
        before = max(before, tariff.min_price.before_taxes)
        if after is not None and tariff.min_price.with_taxes is not None:
            after = max(after, tariff.min_price.with_taxes)
    if tariff.max_price is not None:
        before = min(before, tariff.max_price.before_taxes)
        if after is not None and tariff.max_price.with_taxes is not None:
            after = min(after, tariff.max_price.with_taxes)
    return Price(before_taxes=before, with_taxes=after)


def _stated(amount: Decimal) -> Decimal:
    return amount.quantize(STATED, rounding=ROUND_HALF_UP)
