"""A visit is cut where a price changes and nowhere else; no Wh and no second is lost."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.pieces import compile_rules, cut_stretches
from gateway.core.pricing import price_stretches, state_totals
from gateway.core.stretches import seconds_between
from gateway.domain.bills import Stretch
from gateway.domain.money import Price
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import DAYS_OF_WEEK, Tariff, TariffElement
from tests.fakes.tariff_strategies import COMPONENTS, TARIFFS, VISITS
from tests.fakes.tariffs import charging, element, local, part, tariff, visit, when

ENERGY = part("ENERGY", "0.25")
ZONE = "Europe/Amsterdam"


def cut(of: Tariff, stretches: list[Stretch]) -> list[tuple[str, D]]:
    return [(f"{one.start_at:%H:%M}", one.energy_wh) for one in cut_stretches(compile_rules((of,), ZONE), stretches)]


def test_energy_is_shared_out_evenly_at_a_moment() -> None:
    of = tariff(element(ENERGY, end_time="17:00"), part("ENERGY", "0.50"))

    assert cut(of, visit(local("2026-03-02T16:00"), charging(90, "9"))) == [("15:00", 6000), ("16:00", 3000)]


def test_a_threshold_of_energy_is_met_at_the_moment_it_is_crossed() -> None:
    of = tariff(element(ENERGY, max_kwh="20"), part("ENERGY", "0.50"))

    assert cut(of, visit(local("2026-03-02T16:00"), charging(60, "12"), charging(60, "16"))) == [
        ("15:00", 20_000),
        ("16:30", 8_000),
    ]


def test_readings_without_a_change_of_price_are_joined() -> None:
    of = tariff(element(ENERGY, max_power="16"), part("ENERGY", "0.50"))
    steady = [charging(1, "0.1")] * 60

    assert len(cut(of, visit(local("2026-03-02T16:00"), *steady, charging(1, "0.5"), *steady))) == 3


def test_a_boundary_that_changes_no_price_is_not_shown() -> None:
    of = tariff(element(ENERGY, max_kwh="20"), ENERGY, element(part("PARKING_TIME", "1"), start_time="17:00"))
    of = replace(of, elements=(of.elements[1], of.elements[2]))

    assert cut(of, visit(local("2026-03-02T16:00"), charging(120, "40"))) == [("15:00", 40_000)]


@pytest.mark.parametrize(
    ("clock", "hours"),
    [("2026-03-02T00:00", 24), ("2026-03-29T00:00", 23), ("2026-10-25T00:00", 25)],
)
def test_a_day_is_as_long_as_the_clock_makes_it(clock: str, hours: int) -> None:
    """One kWh an hour all day, at 1.00 on Sundays and Mondays: the next day is not of it."""
    days = frozenset({DAYS_OF_WEEK[local(clock).weekday()]})
    of = tariff(TariffElement(components=(part("ENERGY", "1"),), restrictions=replace(when(), day_of_week=days)))

    bill = price_stretches(compile_rules((of,), ZONE), visit(local(clock), charging(60 * 30, "30")))

    assert bill.cost.before_taxes == hours


@pytest.mark.parametrize(
    ("day", "cheap_hours"),
    [("2026-03-28", D("2.5")), ("2026-03-29", D(2)), ("2026-10-25", D(3))],
)
def test_a_night_price_follows_the_clock_on_the_wall(day: str, cheap_hours: D) -> None:
    """Until 02:30: on 29 March the clock jumps from 02:00 to 03:00; on 25 October 02:00 to 02:30 comes twice."""
    of = tariff(element(part("TIME", "1"), start_time="00:00", end_time="02:30"))

    bill = price_stretches(compile_rules((of,), ZONE), visit(local(f"{day}T00:00"), charging(60 * 8)))

    assert bill.cost.before_taxes == cheap_hours


@pytest.mark.parametrize(
    ("limits", "hours"),
    [
        ({"start_time": "22:00", "end_time": "06:00"}, 8),
        ({"start_time": "08:00", "end_time": "00:00"}, 16),
        ({"start_time": "00:00", "end_time": "00:00"}, 24),
        ({"start_time": "09:00"}, 15),
        ({"end_time": "09:00"}, 9),
        ({"start_time": "22:00", "end_time": "06:00", "day_of_week": ("MONDAY",)}, 8),
        ({"day_of_week": ("TUESDAY",)}, 0),
        ({"start_date": "2026-03-02"}, 24),
        ({"end_date": "2026-03-02"}, 0),
    ],
)
def test_clock_restrictions_over_one_monday(limits: dict[str, object], hours: int) -> None:
    of = tariff(element(part("TIME", "1"), **limits))

    bill = price_stretches(compile_rules((of,), ZONE), visit(local("2026-03-02T00:00"), charging(60 * 24)))

    assert bill.cost.before_taxes == hours


# --- properties ---------------------------------------------------------------------------------------------------


@given(TARIFFS, VISITS)
def test_periods_tile_the_session_and_nothing_is_lost(of: Tariff, stretches: list[Stretch]) -> None:
    pieces = cut_stretches(compile_rules((of,), ZONE), stretches)

    assert pieces[0].start_at == stretches[0].start_at
    assert pieces[-1].end_at == stretches[-1].end_at
    assert all(left.end_at == right.start_at for left, right in pairwise(pieces))
    assert all(piece.end_at > piece.start_at for piece in pieces)
    assert sum(piece.energy_wh for piece in pieces) == sum(stretch.energy_wh for stretch in stretches)
    for phase in Phase:
        assert _seconds_in(pieces, phase) == _seconds_in(stretches, phase)


def _seconds_in(stretches: object, phase: Phase) -> D:
    found = [one for one in stretches if one.phase is phase]  # type: ignore[attr-defined]
    return sum((seconds_between(one.start_at, one.end_at) for one in found), D(0))


@given(TARIFFS, VISITS)
def test_parts_and_lines_sum_to_the_total(of: Tariff, stretches: list[Stretch]) -> None:
    bill = price_stretches(compile_rules((of,), ZONE), stretches)

    lines = [line for period in bill.periods for line in period.lines]
    assert (
        sum(one.before_taxes or 0 for one in bill.parts.values()) == bill.summed.before_taxes == bill.cost.before_taxes
    )
    assert sum(one.with_taxes or 0 for one in bill.parts.values()) == bill.cost.with_taxes
    for wanted, summed in bill.parts.items():
        of_part = sum((line.amount.before_taxes or D(0) for line in lines if line.part is wanted), D(0))
        assert abs(of_part - (summed.before_taxes or D(0))) <= D("1e-12")
    totals = state_totals(bill)
    stated = [one for one in (totals.fixed, totals.energy, totals.time, totals.parking) if one is not None]
    assert sum(one.before_taxes for one in stated) == totals.cost.before_taxes
    assert sum(tax.tax for tax in bill.taxes) == pytest.approx(
        (bill.cost.with_taxes or 0) - (bill.cost.before_taxes or 0)
    )


def test_energy_is_not_joined_with_a_stretch_in_which_it_would_have_another_price() -> None:
    """The clocks jump from 02:00 to 03:00; what was drawn in the first minute was drawn before."""
    of = tariff(element(part("ENERGY", "0.25"), start_time="02:30"))
    stretches = visit(local("2026-03-29T01:30"), charging(1, "0.123"), charging(30))
    rules = compile_rules((of,), "Europe/Amsterdam")

    stated = cut_stretches(rules, stretches)

    assert [one.energy_wh for one in stated] == [123, 0]
    assert price_stretches(rules, stated, keeps_borders=True).cost.before_taxes == 0


@given(TARIFFS, VISITS)
@example(
    tariff(element(part("ENERGY", "0.25"), start_time="02:30")),
    visit(local("2026-03-29T01:30"), charging(1, "0.123"), charging(30)),
)
def test_cutting_again_and_joining_nothing_change_no_price(of: Tariff, stretches: list[Stretch]) -> None:
    rules = compile_rules((of,), ZONE)

    whole = price_stretches(rules, stretches)
    apart = price_stretches(rules, stretches, keeps_borders=True)
    again = price_stretches(rules, cut_stretches(rules, stretches))

    assert _settled(apart.cost.before_taxes) == _settled(whole.cost.before_taxes) == _settled(again.cost.before_taxes)


def _settled(value: D | None) -> D:
    return (value or D(0)).quantize(D("1e-9"))


UNRESTRICTED = st.lists(COMPONENTS, min_size=1, max_size=5).map(lambda components: tariff(*components))
LIMITED = st.builds(
    lambda of, low: replace(of, min_price=Price(before_taxes=low, with_taxes=low * 2)),
    UNRESTRICTED,
    st.sampled_from([D(0), D("1.5")]),
)


@given(LIMITED, VISITS, st.data())
def test_more_consumption_never_costs_less(of: Tariff, stretches: list[Stretch], data: st.DataObject) -> None:
    """Of a tariff without restrictions and max price; the step that was billed last stays the one that is."""
    of = replace(
        of, elements=tuple(replace(one, components=(replace(one.components[0], step_size=1),)) for one in of.elements)
    )
    rules = compile_rules((of,), ZONE)
    number = data.draw(st.integers(0, len(stretches) - 1))
    more_wh, more_minutes = data.draw(st.integers(0, 10_000)), data.draw(st.integers(0, 100))
    more = list(stretches)
    more[number] = replace(more[number], energy_wh=more[number].energy_wh + more_wh)
    more[-1] = replace(more[-1], end_at=more[-1].end_at + timedelta(minutes=more_minutes))

    assert price_stretches(rules, more).cost.before_taxes >= price_stretches(rules, stretches).cost.before_taxes  # type: ignore[operator]


@given(TARIFFS, VISITS)
def test_more_energy_at_the_end_never_costs_less(of: Tariff, stretches: list[Stretch]) -> None:
    """Whatever the restrictions but of power, for these look at each moment: what was used before costs the same."""
    elements = tuple(_without_power(one) for one in of.elements)
    rules = compile_rules((replace(of, elements=elements),), ZONE)
    longer = [*stretches, *visit(stretches[-1].end_at, (stretches[-1].phase, 30, "3", {}))]

    less, more = price_stretches(rules, stretches), price_stretches(rules, longer)

    unrounded = [sum(_amounts(bill)) for bill in (less, more)]
    assert unrounded[1] >= unrounded[0]


def _without_power(one: TariffElement) -> TariffElement:
    rule = one.restrictions
    return one if rule is None else replace(one, restrictions=replace(rule, min_power=None, max_power=None))


def _amounts(bill: object) -> list[D]:
    lines = [line for period in bill.periods for line in period.lines]  # type: ignore[attr-defined]
    return [line.amount.before_taxes.quantize(D("1e-9")) for line in lines if line.step is None]
