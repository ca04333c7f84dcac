"""The bill against one that is worked out the slow way: minute by minute, in fractions, and nothing joined."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal as D
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.pieces import compile_rules
from gateway.core.pricing import price_stretches
from gateway.domain.bills import Stretch
from gateway.domain.money import ZERO
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import DAYS_OF_WEEK, PriceComponent, Restrictions, Tariff
from tests.fakes.tariff_strategies import TARIFFS, VISITS
from tests.fakes.tariffs import charging, element, local, part, tariff, visit

ZONE = "Europe/Amsterdam"
US = timedelta(microseconds=1)
MINUTE_US = 60_000_000
CENT_OF_A_MILLIONTH = Fraction(1, 10**8)
TIME_OF = {Phase.CHARGING: "TIME", Phase.PARKING: "PARKING_TIME"}
Line = tuple[str, PriceComponent, Fraction]
"""Dimension, component, Wh or seconds."""


DEARER_FROM_10_KWH = tariff(element(part("ENERGY", "1"), max_kwh="10"), element(part("ENERGY", "2")))
NOON = local("2026-03-02T12:00")
BACK = st.sampled_from(["0", "0", "0", "-0.5", "-6", "-12"]).map(D)
"""What a car gives back."""


@given(TARIFFS, VISITS, st.lists(BACK, min_size=6, max_size=6))
@example(DEARER_FROM_10_KWH, visit(NOON, charging(60, "20"), *[charging(60)] * 4), [ZERO, D(-8), D(-2), D(-2), D(-1)])
@example(DEARER_FROM_10_KWH, visit(NOON, charging(60, "10"), charging(60), charging(60, "5")), [ZERO, D(-2), ZERO])
def test_a_bill_is_that_of_the_slow_way(of: Tariff, stretches: list[Stretch], back: list[D]) -> None:
    stretches = [
        replace(one, energy_wh=kwh * 1000) if kwh and one.phase is Phase.CHARGING else one
        for one, kwh in zip(stretches, back, strict=False)
    ]

    cost = price_stretches(compile_rules((of,), ZONE), stretches).cost

    assert cost.before_taxes is not None
    assert cost.with_taxes is not None
    net, gross = slow_cost(of, stretches)
    assert abs(Fraction(cost.before_taxes) - net) < CENT_OF_A_MILLIONTH
    assert abs(Fraction(cost.with_taxes) - gross) < CENT_OF_A_MILLIONTH


def slow_cost(of: Tariff, stretches: list[Stretch]) -> tuple[Fraction, Fraction]:
    net = gross = Fraction(0)
    for name, component, units in slow_lines(of, stretches):
        amount = Fraction(component.price) * units / UNITS[name]
        net += amount
        gross += amount * (100 + Fraction(component.vat or 0)) / 100
    return net, gross


UNITS = {"FLAT": 1, "ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600}


def slow_lines(of: Tariff, stretches: list[Stretch]) -> list[Line]:
    lines: list[Line] = []
    is_flat_due = True
    for phase, seconds, wh, chosen in slow_pieces(of, stretches):
        for name, units in (("ENERGY", wh), (TIME_OF[phase], seconds)):
            if name in chosen and units:
                lines.append((name, chosen[name], units))
        if is_flat_due and "FLAT" in chosen:
            is_flat_due = False
            lines.append(("FLAT", chosen["FLAT"], Fraction(1)))
    for group in (("ENERGY",), ("TIME", "PARKING_TIME")):
        last = next((line for line in reversed(lines) if line[0] in group), None)
        used = sum(units for name, _, units in lines if last is not None and name == last[0])
        if last is not None and last[1].step_size and used > 0:
            lines.append((last[0], last[1], -used % last[1].step_size))
    return lines


def slow_pieces(
    of: Tariff, stretches: list[Stretch]
) -> Iterator[tuple[Phase, Fraction, Fraction, dict[str, PriceComponent]]]:
    """Phase, seconds, Wh, and what holds in the middle of each piece between two minutes or thresholds."""
    began_at, drawn = stretches[0].start_at, Fraction(0)
    rules = [one.restrictions for one in of.elements if one.restrictions is not None]
    limits = {Fraction(limit) * 1000 for rule in rules for limit in (rule.min_kwh, rule.max_kwh) if limit is not None}
    for stretch in stretches:
        whole = (stretch.end_at - stretch.start_at) // US
        wh = Fraction(stretch.energy_wh)
        marks = {Fraction(us) for us in range(0, whole + 1, MINUTE_US)}
        marks |= {(limit - drawn) * whole / wh for limit in limits if wh and 0 < (limit - drawn) / wh < 1}
        for low, high in pairwise(sorted(marks)):
            middle = (low + high) / 2
            at = stretch.start_at + int(middle) * US
            kw = wh * 3_600_000 / whole
            chosen: dict[str, PriceComponent] = {}
            for one in of.elements:
                rule = one.restrictions
                if rule is None or holds(rule, at, (at - began_at) // US, drawn + wh * middle / whole, kw):
                    for component in one.components:
                        chosen.setdefault(component.type.value, component)
            yield stretch.phase, (high - low) / 10**6, wh * (high - low) / whole, chosen
        drawn += wh


def holds(rule: Restrictions, at: datetime, after_us: int, wh: Fraction, kw: Fraction) -> bool:
    local = at.astimezone(ZoneInfo(ZONE))
    now = local.time()
    if rule.start_time is not None or rule.end_time is not None:
        start = rule.start_time or datetime.min.time()
        end = rule.end_time or datetime.min.time()
        if not (start <= now < end if start < end else now >= start or now < end):
            return False
    return (
        (rule.start_date is None or local.date() >= rule.start_date)
        and (rule.end_date is None or local.date() < rule.end_date)
        and (not rule.day_of_week or DAYS_OF_WEEK[local.weekday()] in rule.day_of_week)
        and (rule.min_kwh is None or wh >= Fraction(rule.min_kwh) * 1000)
        and (rule.max_kwh is None or wh < Fraction(rule.max_kwh) * 1000)
        and (rule.min_power is None or kw >= Fraction(rule.min_power))
        and (rule.max_power is None or kw < Fraction(rule.max_power))
        and (rule.min_duration_s is None or after_us >= rule.min_duration_s * 10**6)
        and (rule.max_duration_s is None or after_us < rule.max_duration_s * 10**6)
    )
