"""The worked examples of the OCPI specification, made anew from their figures: the unrounded results are the figures.

OCPI 2.3.0 mod_tariffs and mod_cdrs (the same in 2.2.1).  Two texts contradict their own tariffs and are not followed:
the breakdown of example 3 (2.3.0) leaves the step size out, and Saturday of example 4 bills 1.20 instead of 1.25.
"""

from datetime import datetime
from decimal import Decimal as D

import pytest

from gateway.core.pieces import Circumstances, compile_rules
from gateway.core.pricing import price_stretches
from gateway.domain.bills import Amount, Bill, Part, Stretch
from gateway.domain.tariffs import Tariff, TaxIncluded
from tests.fakes.tariffs import (
    WEEKDAYS,
    charging,
    element,
    exactly,
    local,
    parking,
    part,
    price,
    reserved,
    tariff,
    visit,
)

NOON = local("2024-12-02T12:00")  # a Monday
ENERGY = part("ENERGY", "0.25", vat="10")
START_FEE = part("FLAT", "0.50", vat="20")
SIMPLE = tariff(ENERGY)
WITH_START = tariff(element(START_FEE, ENERGY))
MIN_PRICE = tariff(ENERGY, min_price=price("0.50", "0.55"))
WITH_PARKING = tariff(element(START_FEE, ENERGY, part("PARKING_TIME", "2.00", 900, "20")))
MAX_PRICE = tariff(element(START_FEE, ENERGY), max_price=price("10.00", "11.00"))
HOURLY = tariff(part("TIME", "2.00", 60, "10"))
ALT_TEXT = tariff(part("TIME", "1.90", 300, "5.2"))
NET_OF_TAX = tariff(part("TIME", "2.00"), currency="CAD")
GROSS = tariff(part("TIME", "2.10"), currency="CAD", tax_included=TaxIncluded.YES)
TIME_AND_PARKING = tariff(element(part("TIME", "3.00", 60, "10"), part("PARKING_TIME", "5.00", 300, "20")))
ALT_URL = tariff(element(START_FEE, part("ENERGY", "0.25", 100, "10")))
COMPLEX = tariff(
    part("FLAT", "2.50", vat="15"),
    element(part("TIME", "1.00", 900, "20"), max_current="32"),
    element(part("TIME", "2.00", 600, "20"), min_current="32", day_of_week=WEEKDAYS),
    element(part("TIME", "1.25", 600, "20"), min_current="32", day_of_week=("SATURDAY", "SUNDAY")),
    element(part("PARKING_TIME", "5.00", 300, "10"), start_time="09:00", end_time="18:00", day_of_week=WEEKDAYS),
    element(part("PARKING_TIME", "6.00", 300, "10"), start_time="10:00", end_time="17:00", day_of_week=("SATURDAY",)),
)
SESSION = element(START_FEE, ENERGY)
RESERVED = tariff(element(part("TIME", "5.00", 60, "20"), reservation="RESERVATION"), SESSION)
RESERVED_FEE = tariff(
    element(part("FLAT", "2.00", vat="20"), part("TIME", "5.00", 300, "20"), reservation="RESERVATION"), SESSION
)
EXPIRE_FEE = tariff(
    element(part("FLAT", "4.00", vat="20"), reservation="RESERVATION_EXPIRES"),
    element(part("TIME", "2.00", 600, "20"), reservation="RESERVATION"),
    SESSION,
)
EXPIRE_TIME = tariff(
    element(part("TIME", "6.00", 600, "20"), reservation="RESERVATION_EXPIRES"),
    element(part("TIME", "3.00", 600, "20"), reservation="RESERVATION"),
    SESSION,
)
STEPS = tariff(
    element(part("TIME", "1.20", 1800), part("PARKING_TIME", "1.00", 900), start_time="00:00", end_time="17:00"),
    element(part("TIME", "2.40", 900), part("PARKING_TIME", "1.00", 900), start_time="17:00", end_time="20:00"),
    element(part("TIME", "2.40", 900), start_time="20:00", end_time="00:00"),
)
POWERS = tariff(
    element(part("ENERGY", "0.20", vat="20"), max_power="16"),
    element(part("ENERGY", "0.35", vat="20"), max_power="32"),
    part("ENERGY", "0.50", vat="20"),
)
DURATIONS = tariff(
    element(part("ENERGY", "0.00", vat="20"), max_duration_s=1800),
    element(part("ENERGY", "0.25", vat="20"), max_duration_s=3600),
    part("ENERGY", "0.40", vat="20"),
)
BETWEEN = tariff(  # the draft of pull request 561: only what is used within the durations counts
    element(part("ENERGY", "0.20"), max_duration_s=1800),
    element(part("ENERGY", "0.30"), min_duration_s=1800, max_duration_s=3600),
    element(part("ENERGY", "0.40"), min_duration_s=3600),
)
TWENTY_KWH = visit(NOON, charging(60, "20"))


def bill_of(of: Tariff, stretches: list[Stretch], *, is_expired: bool = False) -> Bill:
    rules = compile_rules((of,), "Europe/Amsterdam")
    return price_stretches(rules, stretches, Circumstances(is_expired=is_expired))


def amount(before: str | None, after: str | None) -> Amount:
    return Amount(before_taxes=None if before is None else D(before), with_taxes=None if after is None else D(after))


@pytest.mark.parametrize(
    ("of", "stretches", "before", "after"),
    [
        pytest.param(SIMPLE, TWENTY_KWH, "5.00", "5.50", id="8"),
        pytest.param(WITH_START, TWENTY_KWH, "5.50", "6.10", id="9"),
        pytest.param(MIN_PRICE, TWENTY_KWH, "5.00", "5.50", id="12"),
        pytest.param(MIN_PRICE, visit(NOON, charging(60, "1.5")), "0.50", "0.55", id="12-below"),
        pytest.param(WITH_PARKING, visit(NOON, charging(60, "20"), parking(40)), "7.00", "7.90", id="10"),
        pytest.param(MAX_PRICE, visit(NOON, charging(60, "50")), "10.00", "11.00", id="6"),
        pytest.param(MAX_PRICE, visit(NOON, charging(60, "30")), "8.00", "8.85", id="6-below"),
        pytest.param(HOURLY, visit(NOON, charging(150)), "5.00", "5.50", id="1"),
        pytest.param(ALT_TEXT, visit(NOON, charging(150)), "4.75", "4.997", id="2"),
        pytest.param(NET_OF_TAX, visit(NOON, charging(150)), "5.00", "5.00", id="19"),
        pytest.param(GROSS, visit(NOON, charging(150)), None, "5.25", id="20"),
        pytest.param(TIME_AND_PARKING, visit(NOON, charging(150), parking(42)), "11.25", "12.75", id="13"),
        pytest.param(ALT_URL, visit(NOON, charging(60, "20.45")), "5.625", "6.2375", id="3"),
        pytest.param(
            COMPLEX,
            visit(local("2024-12-02T09:30"), charging(165, current=exactly("16")), parking(42)),
            "9.00",
            "10.30",
            id="4-monday",
        ),
        pytest.param(
            COMPLEX,
            visit(local("2024-12-07T13:30"), charging(114, current=exactly("43")), parking(71)),
            "12.375",
            "13.975",
            id="4-saturday",
        ),
        pytest.param(RESERVED, visit(NOON, reserved(15), charging(60, "20")), "6.75", "7.60", id="15"),
        pytest.param(RESERVED_FEE, visit(NOON, reserved(13), charging(60, "20")), "8.75", "10.00", id="16"),
        pytest.param(EXPIRE_FEE, visit(NOON, reserved(22), charging(60, "20")), "6.50", "7.30", id="17"),
        pytest.param(EXPIRE_TIME, visit(NOON, reserved(22), charging(60, "20")), "7.00", "7.90", id="18"),
        pytest.param(STEPS, visit(local("2024-12-02T16:55"), charging(10), parking(2)), "0.55", "0.55", id="14"),
        pytest.param(STEPS, visit(local("2024-12-02T16:35"), charging(35)), "1.30", "1.30", id="14-later"),
        pytest.param(STEPS, visit(local("2024-12-02T19:40"), charging(12), parking(20)), "0.73", "0.73", id="14-free"),
        pytest.param(
            POWERS,
            visit(NOON, charging(10, "1"), charging(50, "40"), charging(7.5, "0.5")),
            "20.30",
            "24.36",
            id="power",
        ),
        pytest.param(DURATIONS, visit(NOON, charging(30, "5"), charging(10, "1.2")), "0.30", "0.36", id="duration"),
        pytest.param(
            BETWEEN, visit(NOON, charging(30, "8"), charging(30, "6"), charging(9, "2")), "4.20", "4.20", id="561"
        ),
        pytest.param(tariff(part("ENERGY", "0.25")), visit(NOON, charging(9, "0.1152")), "0.029", "0.029", id="step-1"),
        pytest.param(
            tariff(part("ENERGY", "0.25", 25)), visit(NOON, charging(9, "0.1152")), "0.03125", "0.03125", id="step-25"
        ),
        pytest.param(
            tariff(part("ENERGY", "0.25", 500)), visit(NOON, charging(9, "0.1152")), "0.125", "0.125", id="step-500"
        ),
    ],
)
def test_a_worked_example_comes_out_unrounded(
    of: Tariff, stretches: list[Stretch], before: str | None, after: str | None
) -> None:
    assert bill_of(of, stretches).cost == amount(before, after)


@pytest.mark.parametrize(
    ("of", "minutes", "before", "after"),
    [(EXPIRE_FEE, 60, "6.00", "7.20"), (EXPIRE_TIME, 90, "9.00", "10.80")],
)
def test_a_reservation_that_expired_costs_what_its_elements_say(
    of: Tariff, minutes: int, before: str, after: str
) -> None:
    bill = bill_of(of, visit(NOON, reserved(minutes)), is_expired=True)

    assert bill.cost == amount(before, after)
    assert bill.parts[Part.RESERVATION] == bill.cost


def test_the_step_of_energy_makes_more_of_the_last_price() -> None:
    """OCPI 2.3.0 mod_cdrs step_size: 4.3 and 1.1 kWh are billed as 4.3 and 1.2."""
    of = tariff(
        element(part("ENERGY", "0.20", 500), end_time="17:00"), element(part("ENERGY", "0.27", 500), start_time="17:00")
    )

    bill = bill_of(of, visit(local("2024-12-02T16:00"), charging(60, "4.3"), charging(30, "1.1")))

    assert bill.cost.before_taxes == D("4.3") * D("0.20") + D("1.2") * D("0.27")


def test_the_step_of_time_makes_more_of_the_last_price() -> None:
    """OCPI 2.3.0 mod_cdrs step_size: 6 and 22 minutes are billed as 6 and 24."""
    of = tariff(element(part("TIME", "5", 600), end_time="17:00"), element(part("TIME", "7", 600), start_time="17:00"))

    bill = bill_of(of, visit(local("2024-12-02T16:54"), charging(28)))

    assert bill.cost.before_taxes == D("0.5") + D("2.8")


@pytest.mark.parametrize(("parked", "step", "billed"), [(7, 300, 10), (16, 600, 20)])
def test_time_that_parking_follows_is_not_rounded(parked: int, step: int, billed: int) -> None:
    of = tariff(element(part("TIME", "60", step), part("PARKING_TIME", "120", step)))

    bill = bill_of(of, visit(NOON, charging(21), parking(parked)))

    assert bill.parts[Part.TIME].before_taxes == 21
    assert bill.parts[Part.PARKING].before_taxes == 2 * billed


def test_a_step_larger_than_all_is_added_once_at_the_last_price() -> None:
    """Issue 494 of the specification: 3 kWh at 2, 5 and 2, in steps of 10 kWh."""
    of = tariff(
        element(part("ENERGY", "5", 10_000), start_time="13:00", end_time="14:00"),
        part("ENERGY", "2", 10_000),
    )

    bill = bill_of(of, visit(NOON, charging(180, "9")))

    assert bill.cost.before_taxes == D("29.0")
    (more,) = [line for period in bill.periods for line in period.lines if line.step is not None]
    assert (more.step.used, more.step.billed, more.units) == (9_000, 10_000, 1_000)  # type: ignore[union-attr]


def test_the_cdr_example_is_billed_in_steps_of_five_minutes() -> None:
    of = tariff(part("TIME", "2.00", 300, "10"))
    start = datetime.fromisoformat("2024-12-05T17:39:09+00:00")

    assert bill_of(of, visit(start, charging(118.38, "15.342"))).cost == amount("4.00", "4.40")
