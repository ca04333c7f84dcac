"""Totals, limits, taxes and rounding; the worked examples of the specification have a table of their own."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from gateway.core.pieces import Circumstances, compile_rules
from gateway.core.pricing import find_pricing_obstacle, price_stretches, state_totals
from gateway.core.restrictions import UnpriceableError
from gateway.domain.bills import Amount, Bill, Limit, Part, Range, Stretch
from gateway.domain.tariffs import Tariff, TaxIncluded
from tests.fakes.tariffs import charging, element, exactly, local, parking, part, price, reserved, tariff, visit, when

NOON = local("2026-03-02T12:00")
ENERGY = part("ENERGY", "0.25", vat="10")
START_FEE = part("FLAT", "0.50", vat="20")
HOURLY = part("TIME", "1.00", 900, "20")
PARKING = part("PARKING_TIME", "2.00", 600, "20")
TWENTY_KWH = visit(NOON, charging(60, "20"))


def bill_of(of: Tariff, stretches: list[Stretch], circumstances: Circumstances = Circumstances()) -> Bill:  # noqa: B008
    return price_stretches(compile_rules((of,), "Europe/Amsterdam"), stretches, circumstances)


def amount(before: str | None, after: str | None) -> Amount:
    return Amount(before_taxes=None if before is None else D(before), with_taxes=None if after is None else D(after))


# --- parts and rounding -------------------------------------------------------------------------------------------


def test_stated_parts_add_up_to_the_stated_total() -> None:
    bill = bill_of(tariff(ENERGY, START_FEE, HOURLY), visit(NOON, charging(67, "12.3456")))

    totals = state_totals(bill)

    stated = [one for one in (totals.fixed, totals.energy, totals.time, totals.parking) if one is not None]
    assert sum(one.before_taxes for one in stated) == totals.cost.before_taxes
    assert sum(one.with_taxes or 0 for one in stated) == totals.cost.with_taxes


def test_a_total_is_rounded_half_up_where_it_is_stated_and_nowhere_else() -> None:
    bill = bill_of(tariff(part("ENERGY", "0.125")), visit(NOON, charging(60, "0.1")))

    assert bill.cost == amount("0.0125", "0.0125")
    assert state_totals(bill, 2).cost == price("0.01", "0.01")
    assert state_totals(bill, 3).cost == price("0.013", "0.013")


def test_thirds_of_an_hour_add_up_to_the_whole() -> None:
    twenty_minutes = [charging(20), parking(1)] * 3
    bill = bill_of(tariff(part("TIME", "1.00")), visit(NOON, *twenty_minutes))

    assert bill.cost.before_taxes == 1


def test_a_part_that_the_tariff_does_not_price_is_absent_and_one_that_was_not_used_is_zero() -> None:
    totals = state_totals(bill_of(tariff(ENERGY, PARKING), TWENTY_KWH))

    assert totals.time is None
    assert totals.parking == price("0", "0")


def test_parking_without_a_price_leaves_charging_as_the_last_billed_time() -> None:
    bill = bill_of(tariff(replace(HOURLY, step_size=600)), visit(NOON, charging(21), parking(16)))

    assert bill.cost == amount("0.50", "0.60")


def test_the_first_element_of_a_dimension_counts() -> None:
    assert bill_of(tariff(ENERGY, replace(ENERGY, price=D(9))), TWENTY_KWH).cost == amount("5.00", "5.50")


def test_a_free_tariff_costs_nothing_and_says_so() -> None:
    assert state_totals(bill_of(tariff(part("FLAT", "0", 0)), TWENTY_KWH)).cost == price("0", "0")


def test_every_line_carries_its_arithmetic() -> None:
    bill = bill_of(tariff(START_FEE, replace(ENERGY, step_size=500)), visit(NOON, charging(60, "1.2")))

    lines = [
        (line.dimension, line.element_no, line.quantity, line.component.price, line.vat, line.step is not None)
        for period in bill.periods
        for line in period.lines
    ]
    assert lines == [
        ("ENERGY", 1, D("1.2"), D("0.25"), 10, False),
        ("FLAT", 0, 1, D("0.50"), 20, False),
        ("ENERGY", 1, D("0.3"), D("0.25"), 10, True),
    ]


# --- FLAT ---------------------------------------------------------------------------------------------------------


def test_flat_is_due_once_at_the_first_moment_that_has_one() -> None:
    of = tariff(element(part("FLAT", "1"), end_time="12:30"), part("FLAT", "2"))

    assert bill_of(of, visit(NOON, charging(60), parking(60))).cost.before_taxes == 1


def test_flat_may_wait_for_its_condition() -> None:
    of = tariff(element(part("FLAT", "7"), min_duration_s=7200), ENERGY)

    assert bill_of(of, visit(NOON, charging(119))).parts[Part.FIXED].before_taxes == 0
    assert bill_of(of, visit(NOON, charging(121))).parts[Part.FIXED].before_taxes == 7


# --- taxes --------------------------------------------------------------------------------------------------------


def test_a_component_without_vat_is_not_taxed() -> None:
    assert bill_of(tariff(ENERGY, replace(START_FEE, vat=None)), TWENTY_KWH).cost == amount("5.50", "6.00")


def test_prices_with_tax_included_tell_the_net_amount_too() -> None:
    gross = tariff(replace(ENERGY, price=D("0.275")), tax_included=TaxIncluded.YES)

    assert bill_of(gross, TWENTY_KWH).cost == amount("5.00", "5.50")


def test_where_no_taxes_apply_a_rate_counts_for_nothing() -> None:
    untaxed = tariff(ENERGY, tax_included=TaxIncluded.NOT_APPLICABLE)

    bill = bill_of(untaxed, TWENTY_KWH)

    assert bill.cost == amount("5.00", "5.00")
    assert bill.taxes == ()


def test_a_price_that_includes_unknown_taxes_is_known_with_taxes_only_and_no_cdr_can_tell_it() -> None:
    gross = tariff(replace(ENERGY, vat=None), tax_included=TaxIncluded.YES)

    bill = bill_of(gross, TWENTY_KWH)

    assert bill.cost == amount(None, "5.00")
    assert "vat" in (find_pricing_obstacle(gross) or "")
    with pytest.raises(UnpriceableError, match="before taxes"):
        state_totals(bill)


def test_taxes_are_grouped_by_part_and_rate() -> None:
    of = tariff(
        element(part("ENERGY", "1.00", vat="10"), max_kwh="5"), element(part("ENERGY", "1.00", vat="20")), START_FEE
    )

    bill = bill_of(of, TWENTY_KWH)

    assert [(tax.part, tax.vat, tax.before_taxes, tax.tax) for tax in bill.taxes] == [
        (Part.FIXED, 20, D("0.50"), D("0.10")),
        (Part.ENERGY, 10, 5, D("0.5")),
        (Part.ENERGY, 20, 15, 3),
    ]


def test_stated_taxes_add_up_to_what_their_part_states() -> None:
    of = tariff(
        element(part("ENERGY", "0.3333", vat="7.7"), max_kwh="5"),
        element(part("ENERGY", "0.1111", vat="19")),
        START_FEE,
    )

    totals = state_totals(bill_of(of, visit(NOON, charging(60, "7.777"))))

    energy = [tax for tax in totals.taxes if tax.part is Part.ENERGY]
    assert [tax.vat for tax in energy] == [D("7.7"), D(19)]
    assert totals.energy is not None
    assert totals.energy.with_taxes == totals.energy.before_taxes + sum(tax.tax for tax in energy)


def test_a_price_beyond_all_measure_is_still_a_price() -> None:
    bill = bill_of(tariff(part("ENERGY", "1e24", vat="10")), TWENTY_KWH)

    assert state_totals(bill).cost == price("2e25", "2.2e25")


# --- min and max price --------------------------------------------------------------------------------------------


def test_a_limit_is_an_entry_of_its_own() -> None:
    bill = bill_of(tariff(ENERGY, max_price=price("4", "4.20")), TWENTY_KWH)

    assert bill.summed == amount("5.00", "5.50")
    assert [(one.limit, one.summed, one.limited) for one in bill.limits] == [
        (Limit.MAX_PRICE, amount("5.00", "5.50"), amount("4", "4.20"))
    ]


def test_limits_hold_before_and_with_taxes_each_by_itself() -> None:
    assert bill_of(tariff(ENERGY, max_price=price("6", "5.20")), TWENTY_KWH).cost == amount("5.00", "5.20")


def test_a_limit_before_taxes_moves_the_price_with_taxes_in_proportion() -> None:
    assert bill_of(tariff(ENERGY, max_price=price("4")), TWENTY_KWH).cost == amount("4", "4.40")
    assert bill_of(tariff(ENERGY, min_price=price("6")), TWENTY_KWH).cost == amount("6", "6.60")
    assert bill_of(tariff(ENERGY, min_price=price("6")), visit(NOON, parking(9))).cost == amount("6", None)


# --- what cannot be priced ----------------------------------------------------------------------------------------


def test_a_restriction_that_nobody_knows_is_refused() -> None:
    booked = tariff(element(ENERGY), element(ENERGY, extra='{"booking":1}'))

    assert "elements[1].restrictions" in (find_pricing_obstacle(booked) or "")
    with pytest.raises(UnpriceableError, match="booking"):
        compile_rules((booked,), None)


def test_local_times_need_a_time_zone_that_exists() -> None:
    nightly = tariff(element(ENERGY, start_time="22:00"))

    with pytest.raises(UnpriceableError, match="name the time zone"):
        compile_rules((nightly,), None)
    with pytest.raises(UnpriceableError, match="Europe/Atlantis"):
        compile_rules((nightly,), "Europe/Atlantis")


def test_a_current_is_never_guessed() -> None:
    fast = tariff(element(ENERGY, min_current="16"))

    with pytest.raises(UnpriceableError, match=r"elements\[0\].*current"):
        bill_of(fast, TWENTY_KWH)


def test_a_current_is_computed_where_the_voltage_is_known() -> None:
    """20 kW at 230 V are 86.96 A over all phases."""
    fast, at_230_v = tariff(element(ENERGY, min_current="86.95")), Circumstances(voltage=D(230))

    assert bill_of(fast, TWENTY_KWH, at_230_v).cost.before_taxes == 5
    assert bill_of(tariff(element(ENERGY, min_current="87")), TWENTY_KWH, at_230_v).cost.before_taxes == 0


def test_a_current_that_is_known_in_part_may_be_enough() -> None:
    up_to_16 = visit(NOON, charging(60, "20", current=Range(most=D(16))))

    assert bill_of(tariff(element(ENERGY, max_current="32")), up_to_16).cost.before_taxes == 5
    with pytest.raises(UnpriceableError):
        bill_of(tariff(element(ENERGY, max_current="10")), up_to_16)


def test_nothing_flows_where_no_energy_is_drawn() -> None:
    of = tariff(element(PARKING, max_current="32"))

    assert bill_of(of, visit(NOON, parking(60))).cost.before_taxes == 2


def test_a_current_that_no_price_hangs_on_need_not_be_known() -> None:
    of = tariff(ENERGY, element(replace(ENERGY, price=D(9)), min_current="16"))

    assert bill_of(of, TWENTY_KWH).cost.before_taxes == 5


# --- several tariffs ----------------------------------------------------------------------------------------------


def test_a_step_is_not_taken_across_two_tariffs() -> None:
    first, second = tariff(part("ENERGY", "1", 1000), id="A"), tariff(part("ENERGY", "2", 500), id="B")
    stretches = [replace(TWENTY_KWH[0], energy_wh=D(1100)), *visit(TWENTY_KWH[0].end_at, charging(9, "1.1"))]
    stretches[1] = replace(stretches[1], tariff_id="B")

    bill = price_stretches(compile_rules((first, second), None), stretches)

    assert bill.cost.before_taxes == D("1.1") + 3


def test_two_tariffs_with_limits_are_not_priced_by_a_guess() -> None:
    first, second = tariff(ENERGY, id="A", max_price=price("1")), tariff(ENERGY, id="B")
    stretches = [TWENTY_KWH[0], replace(visit(TWENTY_KWH[0].end_at, charging(9, "1"))[0], tariff_id="B")]

    with pytest.raises(UnpriceableError, match="A, B"):
        price_stretches(compile_rules((first, second), None), stretches)


# --- reservations -------------------------------------------------------------------------------------------------


def test_a_reservation_is_rounded_apart_from_the_session() -> None:
    of = tariff(element(part("TIME", "60", 300), reservation="RESERVATION"), part("TIME", "60", 600))

    bill = bill_of(of, visit(NOON, reserved(13), charging(11)))

    assert bill.parts[Part.RESERVATION].before_taxes == 15
    assert bill.parts[Part.TIME].before_taxes == 20


def test_the_fee_of_a_reservation_is_a_cost_of_the_reservation() -> None:
    """`total_fixed_cost` is without it.  OCPI 2.2.1 mod_cdrs 10.3.1"""
    of = tariff(element(part("FLAT", "2"), reservation="RESERVATION"), part("FLAT", "0.5"))

    bill = bill_of(of, visit(NOON, reserved(13), charging(11)))

    assert bill.parts[Part.RESERVATION].before_taxes == 2
    assert bill.parts[Part.FIXED].before_taxes == D("0.5")


def test_the_duration_of_a_session_begins_after_its_reservation() -> None:
    of = tariff(element(ENERGY, max_duration_s=3600))

    assert bill_of(of, visit(NOON, reserved(600), charging(60, "20"))).cost.before_taxes == 5


def test_of_two_fees_an_expired_reservation_pays_the_one_for_expiry() -> None:
    of = tariff(
        element(part("FLAT", "2"), reservation="RESERVATION"),
        element(part("FLAT", "5"), reservation="RESERVATION_EXPIRES"),
    )

    assert bill_of(of, visit(NOON, reserved(60)), Circumstances(is_expired=True)).cost.before_taxes == 5
    assert bill_of(of, visit(NOON, reserved(60))).cost.before_taxes == 2


def test_a_range_of_powers_is_decided_by_the_average_where_it_must() -> None:
    of = tariff(element(part("ENERGY", "1"), min_power="10"), part("ENERGY", "2"))
    varied = visit(NOON, charging(60, "9", power=Range(least=D(5), most=D(12))))

    assert bill_of(of, varied).cost.before_taxes == 18
    assert bill_of(of, visit(NOON, charging(60, "9", power=exactly("10")))).cost.before_taxes == 9


@pytest.mark.parametrize(
    ("limits", "stretch", "cost"),
    [
        ({"min_power": "10"}, charging(60, "10", power=exactly("10")), 10),
        ({"max_power": "10"}, charging(60, "10", power=exactly("10")), 20),
        ({"min_current": "16"}, charging(60, "10", current=exactly("16")), 10),
        ({"max_current": "16"}, charging(60, "10", current=exactly("16")), 20),
        ({"min_kwh": "4"}, charging(60, "10"), 14),
        ({"max_kwh": "4"}, charging(60, "10"), 16),
        ({"min_duration_s": 900}, charging(60, "10"), 12.5),
        ({"max_duration_s": 900}, charging(60, "10"), 17.5),
    ],
)
def test_a_minimum_is_inclusive_and_a_maximum_exclusive(
    limits: dict[str, object], stretch: tuple[object, ...], cost: float
) -> None:
    """OCPI 2.2.1 mod_tariffs 11.4.6: 1 per kWh within the limit, else 2."""
    of = tariff(element(part("ENERGY", "1"), **limits), part("ENERGY", "2"))

    assert bill_of(of, visit(NOON, stretch)).cost.before_taxes == D(str(cost))


def test_restrictions_without_any_limit_hold_always() -> None:
    assert when().day_of_week == frozenset()
    assert bill_of(tariff(element(ENERGY)), TWENTY_KWH).cost.before_taxes == 5
