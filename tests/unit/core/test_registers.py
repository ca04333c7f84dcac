"""What is kept out of a session's energy, and what is counted though it looks odd."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sessions import extend_ledger, fold_facts, is_in_order
from gateway.domain.sessions import Fact, Ledger
from tests.unit.core.test_sessions import START, metered, reading, stop


def shown(ledger: Ledger) -> tuple[D, int, set[str]]:
    return ledger.energy_wh, ledger.segments, set(ledger.flags)


def phases(minutes: float, *wh: str) -> Fact:
    """A register told per phase."""
    names = ("L1", "L2", "L3")
    readings = tuple(reading(minutes, one, phase=name) for one, name in zip(wh, names, strict=False))
    return metered(minutes, "0", readings=readings, key=f"p{minutes}")


def inlet(minutes: float, wh: str) -> Fact:
    return metered(minutes, "0", readings=(reading(minutes, wh, location="Inlet"),), key=f"i{minutes}")


# --- leaps -----------------------------------------------------------------------------------------------------------


def test_a_leap_that_no_plug_can_give_moves_no_energy() -> None:
    ledger = fold_facts([START, metered(10, "3000"), metered(11, "900000"), stop(20, "905000")])

    assert shown(ledger) == (2000 + 5000, 2, {"leap_ignored"})


def test_a_register_that_comes_back_after_a_leap_goes_on_where_it_was() -> None:
    ledger = fold_facts([START, metered(10, "3000"), metered(11, "4294967"), metered(12, "3500"), stop(20, "6000")])

    assert shown(ledger) == (5000, 1, {"leap_ignored"})


def test_a_register_that_comes_back_after_a_fall_counts_nothing_twice() -> None:
    mislabelled = [metered(minute, wh) for minute, wh in ((5, "50.5"), (10, "51"), (15, "52"))]
    begun = replace(START, readings=(reading(0, "50000"),))

    ledger = fold_facts([begun, *mislabelled, stop(16, "55000")])

    assert shown(ledger) == (5000, 1, {"register_fell"})


def test_the_greatest_plug_may_draw_what_it_can() -> None:
    ledger = fold_facts([START, metered(2, "126000"), stop(4, "251000")])

    assert shown(ledger) == (250_000, 1, set())


def test_a_great_rise_over_a_long_time_counts() -> None:
    ledger = fold_facts([START, stop(600, "151000")])

    assert (ledger.energy_wh, ledger.segments) == (150_000, 1)


# --- gaps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "wh", "flags"),
    [(60, "9000", set()), (61, "9000", {"estimated"}), (61, "1900", set()), (600, "1000", set())],
)
def test_energy_over_a_long_time_without_readings_is_an_estimate(minutes: int, wh: str, flags: set[str]) -> None:
    assert fold_facts([START, stop(minutes, wh)]).flags == flags


# --- sources ---------------------------------------------------------------------------------------------------------


def test_a_change_to_another_register_does_not_jump() -> None:
    ledger = fold_facts(
        [START, metered(5, "2000"), phases(10, "90000", "90000", "90000"), phases(15, "90300", "90300", "90300")]
    )

    assert shown(ledger) == (1000 + 900, 1, {"source_changed"})


def test_the_total_that_is_back_makes_good_what_was_missed_and_counts_nothing_twice() -> None:
    between = [phases(minute, str(wh), str(wh), str(wh)) for minute, wh in ((5, 10), (10, 510), (15, 1010))]

    ledger = fold_facts([START, *between, stop(20, "7000")])

    assert shown(ledger) == (6000, 1, {"source_changed"})
    assert fold_facts([START, *between]).energy_wh == 3000


def test_a_total_that_knows_of_less_than_was_counted_takes_nothing_away() -> None:
    ledger = fold_facts([START, inlet(5, "0"), inlet(10, "2000"), metered(11, "2900"), stop(20, "4900")])

    assert ledger.energy_wh == 2000 + 2000


def test_one_and_the_same_register_is_followed_whatever_it_is() -> None:
    begun = replace(START, readings=())

    assert shown(fold_facts([begun, inlet(5, "100"), inlet(10, "400"), inlet(15, "900")])) == (800, 1, set())
    assert shown(fold_facts([begun, phases(5, "1", "2"), phases(10, "100", "102")])) == (199, 1, set())


def test_another_register_that_falls_or_leaps_opens_a_segment_too() -> None:
    begun = replace(START, readings=())
    fell = fold_facts([begun, inlet(5, "5000"), inlet(10, "0"), inlet(15, "700")])
    leapt = fold_facts([begun, inlet(5, "5000"), inlet(6, "950000"), inlet(15, "950700")])
    rounded = fold_facts([begun, inlet(5, "5000.5"), inlet(10, "5000"), inlet(15, "5700")])

    assert shown(fell) == (700, 2, {"register_fell"})
    assert shown(leapt) == (700, 2, {"leap_ignored"})
    assert shown(rounded) == (D("699.5"), 1, set())


def test_a_phase_that_is_missing_once_opens_no_segment() -> None:
    begun = replace(START, readings=())
    facts = [begun, phases(5, "100", "100", "100"), phases(10, "200"), phases(15, "300", "300", "300")]

    assert shown(fold_facts(facts)) == (600, 1, {"source_changed"})


@st.composite
def tellings(draw: st.DrawFn) -> tuple[list[Fact], list[int]]:
    """A truth, told by one register or another, each from a beginning of its own."""
    drawn = [0]
    told = ["total"]
    for _ in range(draw(st.integers(1, 10))):
        drawn.append(drawn[-1] + draw(st.integers(0, 900)))
        told.append(draw(st.sampled_from(["total", "phases", "inlet"])))
    offsets = {"total": 1000, "phases": draw(st.integers(0, 10**6)), "inlet": draw(st.integers(0, 10**6))}
    facts = [START]
    for minute, (wh, source) in enumerate(zip(drawn[1:], told[1:], strict=True), 1):
        wh += offsets[source]
        if source == "total":
            facts.append(metered(minute, str(wh)))
        elif source == "phases":
            facts.append(phases(minute, str(wh), "7", "9"))
        else:
            facts.append(inlet(minute, str(wh)))
    return facts, drawn


@given(tellings(), st.integers(0, 900))
def test_registers_that_take_turns_never_jump_and_end_at_the_truth(
    telling: tuple[list[Fact], list[int]], more: int
) -> None:
    facts, drawn = telling
    for count, truth in enumerate(drawn, 1):
        ledger = fold_facts(facts[:count])
        assert 0 <= ledger.energy_wh <= truth
        assert sum(period.energy_wh for period in ledger.periods) == ledger.energy_wh

    whole = fold_facts([*facts, stop(60, str(1000 + drawn[-1] + more))])

    assert (whole.energy_wh, whole.segments) == (drawn[-1] + more, 1)


@given(tellings())
def test_steps_over_several_registers_give_the_ledger_of_a_fold(telling: tuple[list[Fact], list[int]]) -> None:
    facts, _ = telling
    ledger = fold_facts(facts[:1])
    for fact in facts[1:]:
        assert is_in_order(ledger, fact)
        ledger = extend_ledger(ledger, fact)

    assert ledger == fold_facts(facts)
