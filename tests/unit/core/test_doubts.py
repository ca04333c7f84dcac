from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest

from gateway.core.cdrs import Hold
from gateway.core.corrections import CORRECTED, ENERGY_CORRECTED
from gateway.core.doubts import FLAGS, REVIEWED, DoubtRules, find_doubts, find_power_w, review_cdr
from gateway.core.reserved_time import FLAGS as ENDS
from gateway.domain.bills import Limit
from gateway.domain.cdrs import Cdr
from gateway.domain.flags import MEANINGS
from gateway.domain.sessions import Fact, Session, Terms
from tests.unit.core.test_cdrs import CONNECTOR, PARKED, cdr_of, session
from tests.unit.core.test_sessions import ABANDONED, START, metered, reading, stop

RULES = DoubtRules()
DAY = DoubtRules(max_duration=timedelta(hours=1), max_energy_wh=D(20_000))


def flags_of(*facts: Fact, rules: DoubtRules = RULES, **changes: object) -> set[str]:
    given = replace(session(*facts), **changes)  # type: ignore[arg-type]
    return {doubt.flag for doubt in find_doubts(given, rules)}


def test_an_ordinary_session_is_beyond_doubt() -> None:
    assert flags_of(*PARKED) == set()


@pytest.mark.parametrize(
    ("facts", "flag"),
    [
        ((START, metered(10, "900"), stop(20, "5000")), "register_fell"),
        (
            (replace(START, readings=(reading(0, "0"),)), metered(1, "910000"), stop(20, "915000")),
            "start_register_ignored",
        ),
        ((START, metered(1, "910000"), stop(20, "915000")), "leap_ignored"),
        ((START, metered(10, "5", unit="kWh", flags=("time_replaced",)), stop(20, "9000")), "time_replaced"),
        ((START, metered(10, "9000"), ABANDONED), "abandoned"),
        ((START, stop(90, "9000")), "estimated"),
        ((replace(START, seq_no=0), replace(stop(20, "6000"), seq_no=2)), "gap"),
        ((replace(START, readings=()), replace(stop(20, "0"), readings=())), "no_energy_reading"),
        ((START, stop(20, "1000")), "zero_energy"),
        ((START, stop(20, "11000")), "energy_beyond_plug"),
        ((START, stop(30, "1012")), "unit_doubtful"),
    ],
)
def test_a_doubt_is_found_and_said_in_words(facts: tuple[Fact, ...], flag: str) -> None:
    doubts = find_doubts(session(*facts), RULES)

    assert [doubt.flag for doubt in doubts if doubt.flag == flag] == [flag]
    assert all(doubt.reason for doubt in doubts)


def test_a_change_of_register_is_a_doubt() -> None:
    other = metered(10, "0", readings=(reading(10, "70000", location="Inlet"),))

    assert flags_of(START, other, stop(20, "5000")) == {"source_changed"}


def test_what_the_plug_can_give_with_its_factor_and_a_whole_kwh_is_no_doubt() -> None:
    """22.08 kW over 20 minutes are 7.36 kWh."""
    assert flags_of(START, stop(20, "10096")) == set()
    assert flags_of(START, stop(20, "10097")) == {"energy_beyond_plug"}
    assert flags_of(START, stop(20, "11000"), rules=replace(RULES, power_factor=D("1.5"))) == set()


def test_a_short_session_may_have_drawn_next_to_nothing() -> None:
    assert flags_of(START, stop(9, "1005")) == set()


def test_limits_are_those_of_the_operator() -> None:
    long = (START, metered(50, "15000"), metered(100, "30000"), stop(140, "30000"))

    assert flags_of(*long) == set()
    assert flags_of(*long, rules=DAY) == {"energy_beyond_limit", "duration_beyond_limit"}
    assert flags_of(*PARKED, rules=DAY) == set()


def test_a_session_that_goes_on_or_stands_nowhere_is_judged_by_what_is_known() -> None:
    assert flags_of(START, metered(1, "90000")) == set()
    assert flags_of(START, stop(20, "11000"), terms=Terms()) == set()


@pytest.mark.parametrize(
    ("changes", "watts"),
    [
        ({"max_electric_power": 11_000}, 11_000),
        ({}, 22_080),
        ({"power_type": "AC_1_PHASE"}, 7_360),
        ({"power_type": "AC_2_PHASE_SPLIT"}, 14_720),
        ({"power_type": "DC", "max_voltage": 500, "max_amperage": 300}, 150_000),
        ({"power_type": "NEW"}, None),
    ],
)
def test_the_power_of_a_plug(changes: dict[str, object], watts: int | None) -> None:
    assert find_power_w(replace(CONNECTOR, **changes)) == watts  # type: ignore[arg-type]


FELL = session(START, metered(10, "900"), stop(20, "5000"))
HOLDING = DoubtRules(hold_flags=frozenset({"register_fell", "gap"}))


def reviewed(given: Session, rules: DoubtRules, *, is_released: bool = False) -> Cdr | Hold:
    return review_cdr(given, cdr_of(given), rules, is_released=is_released)


def test_by_default_a_doubt_is_a_flag_of_the_bill() -> None:
    made = reviewed(session(START, stop(20, "1000")), RULES)

    assert isinstance(made, Cdr)
    assert made.flags == {"zero_energy"}


def test_a_doubt_that_waits_for_a_person_holds_the_bill_and_says_why() -> None:
    held = reviewed(FELL, HOLDING)

    assert isinstance(held, Hold)
    assert "needs review: register_fell: the energy register fell" in held.reason
    assert "POST sessions/S/release" in held.reason


def test_a_released_bill_carries_its_doubts() -> None:
    made = reviewed(FELL, HOLDING, is_released=True)
    other = reviewed(session(*PARKED), HOLDING)

    assert isinstance(made, Cdr)
    assert made.flags == {"register_fell", "reviewed"}
    assert isinstance(other, Cdr)
    assert other.flags == frozenset()


def test_every_flag_of_a_bill_has_words_for_a_person() -> None:
    priced = {limit.value for limit in Limit}

    assert set(MEANINGS) == FLAGS | priced | set(ENDS.values()) | {REVIEWED, ENERGY_CORRECTED, CORRECTED}
