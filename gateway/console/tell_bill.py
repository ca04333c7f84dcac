"""The periods of a bill in lines: why each begins, what holds there, and what it costs."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from gateway.console.words import Clock, kwh, money, plain, price, quantity, span, unit_price
from gateway.domain.bills import AppliedLimit, BillLine, Limit, Part
from gateway.domain.explanations import Explanation, PeriodStory
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import DAYS_OF_WEEK, Dimension, Restrictions, Tariff, TaxIncluded

PHASES: Final = {Phase.CHARGING: "charging", Phase.PARKING: "parking", Phase.RESERVATION: "reservation"}
DIMENSIONS: Final = {
    Dimension.FLAT: ("session fee", ""),
    Dimension.ENERGY: ("energy", "kWh"),
    Dimension.TIME: ("charging time", "h"),
    Dimension.PARKING_TIME: ("parking time", "h"),
}
PARTS: Final = {
    Part.FIXED: "session fee",
    Part.ENERGY: "energy",
    Part.TIME: "charging time",
    Part.PARKING: "parking time",
    Part.RESERVATION: "reservation",
}
LIMITS: Final = {Limit.MIN_PRICE: "the least that a session costs", Limit.MAX_PRICE: "the most that a session costs"}


def tell_periods(explanation: Explanation, clock: Clock) -> Iterator[str]:
    tariff = explanation.cdr.terms.tariff
    before: PeriodStory | None = None
    for number, story in enumerate(explanation.periods, 1):
        period = story.period
        yield (
            f"  {number}. {clock.short(period.start_at)} to {clock.short(story.end_at)}  {PHASES[period.phase]}, "
            f"{span(period.duration_s)}, {kwh(period.energy_wh)} kWh"
        )
        yield f"     because {story.begun_by}"
        for line in story.lines:
            yield f"     {_line(line, explanation.cdr.currency, tariff)}"
            if before is None or line.element_no not in {one.element_no for one in before.lines}:
                condition = _condition_of(line, tariff)
                if condition:
                    yield f"       holds {condition}"
        if not story.lines:
            yield "     no price of the tariff holds here: nothing is charged"
        before = story
    if _is_shared(explanation):
        yield "  What the meter rose by across the border of two periods goes to the charging time of both, evenly."


def _is_shared(explanation: Explanation) -> bool:
    """Does a period begin where the meter was not read?"""
    read = {taken.at for story in explanation.story.facts for taken in story.taken}
    return any(story.period.start_at not in read for story in explanation.periods[1:])


def _line(line: BillLine, currency: str, tariff: Tariff | None) -> str:
    name, unit = DIMENSIONS[line.dimension]
    each = f"{unit_price(line.component.price)} {currency}"
    if line.step is not None:
        small = "Wh" if line.dimension is Dimension.ENERGY else "s"
        what = (
            f"rounded up to steps of {line.step.step_size} {small}: {plain(line.step.used)} {small} are billed as "
            f"{plain(line.step.billed)}, that is {quantity(line.quantity)} {unit} more"
        )
    else:
        what = f"{quantity(line.quantity)} {unit}".strip() if unit else ""
    product = f"{what} × {each} per {unit} = " if unit else ""
    where = f"price {line.element_no + 1} of {line.tariff_id}"
    return f"{name} ({where}): {product}{_amount(line, tariff)} {currency}{_tax(line, tariff)}"


def _amount(line: BillLine, tariff: Tariff | None) -> str:
    """The product as it is multiplied: prices with tax give an amount with tax."""
    amount = line.amount.with_taxes if _is_gross(tariff) else line.amount.before_taxes
    return money(amount)


def _tax(line: BillLine, tariff: Tariff | None) -> str:
    if line.vat is None:
        return ", no VAT applies"
    if _is_gross(tariff):
        return f" with {plain(line.vat)} % VAT, {money(line.amount.before_taxes)} without"
    return f", with {plain(line.vat)} % VAT {money(line.amount.with_taxes)}"


def _is_gross(tariff: Tariff | None) -> bool:
    return tariff is not None and tariff.tax_included is TaxIncluded.YES


def _condition_of(line: BillLine, tariff: Tariff | None) -> str:
    if tariff is None or line.element_no >= len(tariff.elements):
        return ""
    restrictions = tariff.elements[line.element_no].restrictions
    return "" if restrictions is None else ", ".join(_conditions(restrictions))


def _conditions(rule: Restrictions) -> Iterator[str]:
    """When an element holds, in words; all of them must."""
    ranges = (
        ("time of day", rule.start_time, rule.end_time, ""),
        ("date", rule.start_date, rule.end_date, ""),
        ("energy of the session", rule.min_kwh, rule.max_kwh, " kWh"),
        ("current", rule.min_current, rule.max_current, " A"),
        ("power", rule.min_power, rule.max_power, " kW"),
        ("time of the session", rule.min_duration_s, rule.max_duration_s, " s"),
    )
    for what, least, most, unit in ranges:
        bounds = [
            f"{word} {_bound(value)}{unit}" for word, value in (("from", least), ("below", most)) if value is not None
        ]
        if bounds:
            yield f"{what} {' and '.join(bounds)}"
    if rule.day_of_week:
        yield f"on {', '.join(day.capitalize() for day in DAYS_OF_WEEK if day in rule.day_of_week)}"
    if rule.reservation is not None:
        yield "for a reservation"


def _bound(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def tell_costs(explanation: Explanation) -> Iterator[str]:
    cdr = explanation.cdr
    totals = cdr.totals
    parts = [
        (PARTS[part], total)
        for part, total in (
            (Part.FIXED, totals.fixed),
            (Part.ENERGY, totals.energy),
            (Part.TIME, totals.time),
            (Part.PARKING, totals.parking),
            (Part.RESERVATION, totals.reservation),
        )
        if total is not None
    ]
    width = max([len(name) for name, _ in parts] + [len("together")])
    for name, total in parts:
        yield f"  {name:<{width}}  {price(total, cdr.currency)}"
    if explanation.bill is not None:
        yield from (f"  {_limit(applied, cdr.currency)}" for applied in explanation.bill.limits)
    yield f"  {'together':<{width}}  {price(totals.cost, cdr.currency)}"
    if cdr.terms.round_to is not None:
        yield f"  each amount is rounded to {cdr.terms.round_to} decimals, half up, and they are then added"


def _limit(applied: AppliedLimit, currency: str) -> str:
    return (
        f"{LIMITS[applied.limit]}: {money(applied.limited.before_taxes)} {currency} without VAT in place of "
        f"{money(applied.summed.before_taxes)}"
    )
