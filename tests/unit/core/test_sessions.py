from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cuts import Cuts
from gateway.core.sessions import _draft_of, _ledger_of, extend_ledger, fold_facts, is_in_order, is_new
from gateway.domain.meters import Reading
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Phase
from gateway.domain.tokens import IdToken

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CARD = IdToken(value="04AABBCC")
START = Fact(
    kind=FactKind.STARTED,
    key="start",
    at=NOON,
    at_raw="2026-03-01T12:00:00Z",
    received_at=NOON,
    message_id="1",
    id_token=CARD,
    readings=(Reading(at=NOON, value=Decimal(1000), context="Transaction.Begin"),),
)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def reading(minutes: float, value: str, **changes: str) -> Reading:
    return Reading(at=after(minutes), value=Decimal(value), **changes)  # type: ignore[arg-type]


def metered(minutes: float, wh: str, *, unit: str = "Wh", **changes: object) -> Fact:
    at = after(minutes)
    fact = Fact(
        kind=FactKind.METERED,
        key=f"m{minutes}",
        at=at,
        at_raw=at.isoformat(),
        received_at=at,
        message_id=f"m{minutes}",
        readings=(reading(minutes, wh, unit=unit),),
    )
    return replace(fact, **changes)  # type: ignore[arg-type]


def state(minutes: float, charging_state: ChargingState) -> Fact:
    return replace(
        metered(minutes, "0"),
        kind=FactKind.STATE_CHANGED,
        key=f"s{minutes}",
        readings=(),
        charging_state=charging_state,
    )


def stop(minutes: float, wh: str, **changes: object) -> Fact:
    return metered(minutes, wh, **{"kind": FactKind.ENDED, "key": f"e{minutes}", "stop_reason": "Local", **changes})  # type: ignore[arg-type]


ABANDONED = replace(
    START, kind=FactKind.ABANDONED, key="abandoned", at=after(10), at_raw="", id_token=None, readings=()
)


def phases(ledger: Ledger) -> list[tuple[datetime, Phase, Decimal]]:
    return [(period.start_at, period.phase, period.energy_wh) for period in ledger.periods]


def test_energy_is_the_difference_of_registers() -> None:
    ledger = fold_facts([START, metered(10, "3000"), stop(20, "6500")])

    assert ledger.energy_wh == 5500
    assert ledger.ended_at == after(20)
    assert ledger.stop_reason == "Local"


def test_a_register_that_falls_opens_a_segment_and_energy_never_falls() -> None:
    ledger = fold_facts([START, metered(10, "8250"), metered(20, "50"), stop(30, "1050")])

    assert ledger.energy_wh == 7250 + 1000
    assert ledger.segments == 2
    assert "register_fell" in ledger.flags


def test_a_stop_register_that_only_lost_its_digits_opens_no_segment() -> None:
    ledger = fold_facts([START, metered(10, "3000.7"), stop(20, "3000")])

    assert ledger.energy_wh == Decimal("2000.7")
    assert ledger.segments == 1


def test_a_start_register_of_zero_before_a_leap_is_ignored() -> None:
    begun = replace(START, readings=(Reading(at=NOON, value=Decimal(0)),))

    ledger = fold_facts([begun, metered(1, "910000"), stop(60, "917000")])

    assert ledger.energy_wh == 7000
    assert "start_register_ignored" in ledger.flags


def test_a_short_session_between_start_and_stop_registers_counts_in_full() -> None:
    begun = replace(START, readings=(Reading(at=NOON, value=Decimal(0)),))

    assert fold_facts([begun, stop(0.05, "20000")]).energy_wh == 20000


def test_time_in_which_the_car_asks_for_nothing_is_parking() -> None:
    ledger = fold_facts(
        [
            START,
            state(0, ChargingState.CHARGING),
            metered(30, "6000"),
            state(30, ChargingState.SUSPENDED_EV),
            stop(45, "6000"),
        ]
    )

    assert phases(ledger) == [(NOON, Phase.CHARGING, 5000), (after(30), Phase.PARKING, 0)]


def test_our_own_curtailment_is_charging_time() -> None:
    ledger = fold_facts([START, state(10, ChargingState.SUSPENDED_EVSE), stop(45, "1000")])

    assert [period.phase for period in ledger.periods] == [Phase.CHARGING]


def test_our_own_curtailment_is_parking_for_a_partner_of_the_older_meaning() -> None:
    facts = [START, state(10, ChargingState.SUSPENDED_EVSE), stop(45, "1000")]

    ledger = fold_facts(facts, cuts=Cuts(parks_when_curtailed=True))

    assert [period.phase for period in ledger.periods] == [Phase.CHARGING, Phase.PARKING]


def test_a_connected_car_parks_only_after_it_has_charged() -> None:
    before = fold_facts([replace(START, charging_state=ChargingState.EV_CONNECTED), stop(5, "1000")])
    afterwards = fold_facts(
        [START, state(1, ChargingState.CHARGING), state(5, ChargingState.EV_CONNECTED), stop(9, "1000")]
    )

    assert [period.phase for period in before.periods] == [Phase.CHARGING]
    assert [period.phase for period in afterwards.periods] == [Phase.CHARGING, Phase.PARKING]


def test_energy_between_two_readings_goes_to_the_charging_time_between_them() -> None:
    ledger = fold_facts([START, state(20, ChargingState.SUSPENDED_EV), stop(40, "5000")])

    assert phases(ledger) == [(NOON, Phase.CHARGING, 4000), (after(20), Phase.PARKING, 0)]


def test_energy_over_two_charging_stretches_is_shared_by_their_time() -> None:
    ledger = fold_facts(
        [
            START,
            state(10, ChargingState.SUSPENDED_EV),
            state(20, ChargingState.CHARGING),
            stop(50, "5000"),
        ]
    )

    assert [period.energy_wh for period in ledger.periods] == [1000, 0, 3000]


def test_readings_after_the_end_are_no_part_of_the_session() -> None:
    ledger = fold_facts([START, stop(20, "6000"), metered(25, "9000")])

    assert ledger.energy_wh == 5000


def test_an_end_told_before_the_start_gives_the_same_session() -> None:
    facts = [START, metered(10, "3000"), stop(20, "6500")]

    assert fold_facts(facts[::-1]) == fold_facts(facts)
    assert fold_facts(facts[2:3]).ended_at == after(20)


def test_a_session_without_driver_begins_when_the_driver_is_known() -> None:
    unidentified = replace(START, id_token=None)
    shown = replace(metered(3, "1000"), id_token=CARD)

    ledger = fold_facts([unidentified, shown, stop(20, "6000")])

    assert ledger.started_at == after(3)
    assert ledger.periods[0].start_at == after(3)
    assert ledger.energy_wh == 5000


def test_the_stations_own_end_beats_that_of_the_gateway() -> None:
    ledger = fold_facts([START, metered(10, "3000"), ABANDONED, metered(20, "5000"), stop(30, "7000")])

    assert (ledger.ended_at, ledger.energy_wh) == (after(30), 6000)
    assert "abandoned" not in ledger.flags


def test_an_end_by_the_gateway_lies_where_the_last_fact_does() -> None:
    ledger = fold_facts([START, metered(10, "3000"), ABANDONED])
    longer = fold_facts([START, metered(10, "3000"), ABANDONED, metered(20, "5000")])

    assert (ledger.ended_at, ledger.energy_wh, ledger.flags) == (after(10), 2000, {"abandoned"})
    assert (longer.ended_at, longer.energy_wh, longer.flags) == (after(20), 4000, {"abandoned"})


def test_the_first_of_two_ends_counts() -> None:
    assert fold_facts([START, stop(30, "7000"), stop(20, "5000")]).ended_at == after(20)


def test_readings_before_the_start_are_no_part_of_the_session() -> None:
    ledger = fold_facts(
        [START, metered(-5, "400"), stop(20, "6000", readings=(reading(-1, "900"), reading(20, "6000")))]
    )

    assert (ledger.energy_wh, ledger.segments, ledger.start_register_wh) == (5000, 1, 1000)


def test_a_state_before_the_start_holds_at_the_start() -> None:
    ledger = fold_facts([START, state(-1, ChargingState.SUSPENDED_EV), stop(20, "1000")])

    assert phases(ledger) == [(NOON, Phase.PARKING, 0)]


def test_without_a_start_the_session_began_with_the_first_reading_known() -> None:
    ledger = fold_facts([stop(20, "6000", readings=(reading(5, "1000"), reading(20, "6000")))])

    assert (ledger.started_at, ledger.energy_wh, ledger.has_started) == (after(5), 5000, False)


def test_a_reading_taken_a_moment_before_its_start_or_after_its_end_is_theirs() -> None:
    begun = replace(START, readings=(reading(-0.02, "1000"),))
    over = stop(20, "6000", readings=(reading(20.02, "6000"),))

    ledger = fold_facts([begun, over])

    assert (ledger.energy_wh, ledger.started_at, ledger.ended_at) == (5000, NOON, after(20))


def test_an_end_before_its_start_is_at_the_start_and_keeps_its_register() -> None:
    ledger = fold_facts([START, stop(-3, "6000")])

    assert (ledger.ended_at, ledger.energy_wh) == (NOON, 5000)


def test_at_one_moment_the_register_of_the_start_is_first_and_that_of_the_end_last() -> None:
    facts = [
        replace(START, seq_no=9),
        replace(metered(0, "1005"), seq_no=1),
        replace(metered(20, "5990"), seq_no=8),
        replace(stop(20, "6000"), seq_no=2),
    ]

    for given_facts in (facts, facts[::-1]):
        ledger = fold_facts(given_facts)
        assert (ledger.start_register_wh, ledger.register_wh, ledger.energy_wh) == (1000, 6000, 5000)
        assert ledger.segments == 1


UNDATED = {"flags": ("time_replaced",)}


def test_an_undated_start_is_the_first_whenever_it_was_received() -> None:
    begun = replace(START, at=after(30), received_at=after(30), readings=(reading(30, "1000"),), **UNDATED)  # type: ignore[arg-type]

    ledger = fold_facts([metered(10, "3000"), stop(20, "6000"), begun])

    assert (ledger.started_at, ledger.energy_wh) == (after(10), 5000)


def test_an_undated_fact_lies_no_later_than_what_was_numbered_after_it() -> None:
    facts = [
        replace(START, seq_no=0),
        metered(40, "3000", seq_no=1, charging_state=ChargingState.SUSPENDED_EV, **UNDATED),
        metered(15, "3500", seq_no=2),
        stop(20, "6000", seq_no=3),
    ]

    ledger = fold_facts(facts)

    assert [period.start_at for period in ledger.periods] == [NOON, after(15)]
    assert (ledger.energy_wh, ledger.last_at) == (5000, after(40))


def test_the_session_begins_with_the_driver_it_is_billed_to() -> None:
    refused = metered(1, "1000", id_token=IdToken(value="STRANGER"))
    shown = metered(3, "1500", id_token=CARD)
    facts = [replace(START, id_token=None), refused, shown, stop(20, "6000", id_token=IdToken(value="OTHER"))]

    assert fold_facts(facts, CARD).started_at == after(3)
    assert fold_facts(facts, IdToken(value="OTHER")).started_at == NOON, "a card at the end begins nothing"
    assert fold_facts(facts).started_at == after(1)


def test_a_number_told_twice_counts_once() -> None:
    facts = [replace(START, seq_no=0), metered(5, "2000", seq_no=1), metered(6, "2100", seq_no=1)]

    assert fold_facts([*facts, stop(9, "3000", seq_no=3)]).has_gap
    assert not is_in_order(fold_facts(facts[:2]), facts[2])


def test_samples_in_whole_kwh_do_not_seem_to_fall_below_a_start_in_wh() -> None:
    begun = replace(START, readings=(reading(0, "1000999"),))
    facts = [begun, *(metered(minute, kwh, unit="kWh") for minute, kwh in ((5, "1000"), (10, "1001")))]

    ledger = fold_facts([*facts, stop(20, "1001500")])

    assert (ledger.energy_wh, ledger.segments, ledger.flags) == (501, 1, frozenset())


def test_a_meter_that_was_reset_is_seen_in_kwh_too() -> None:
    ledger = fold_facts([START, metered(10, "8", unit="kWh"), metered(20, "0", unit="kWh"), stop(30, "2", unit="kWh")])

    assert (ledger.energy_wh, ledger.segments) == (9000, 2)


def test_numbered_facts_show_their_gaps() -> None:
    numbered = [replace(START, seq_no=0), replace(metered(5, "2000"), seq_no=1), replace(stop(9, "3000"), seq_no=3)]

    assert fold_facts(numbered).has_gap
    assert not fold_facts([*numbered, replace(metered(7, "2500"), seq_no=2)]).has_gap
    assert fold_facts(numbered[1:2]).has_gap, "without its start a transaction is not whole"


def test_a_repeated_moment_is_not_in_order() -> None:
    ledger = fold_facts([START, metered(10, "3000")])

    assert not is_in_order(ledger, metered(10, "3000"))
    assert is_in_order(ledger, metered(11, "3000"))
    old_reading = replace(metered(12, "3000"), readings=(Reading(at=after(9), value=Decimal(2900)),))
    assert not is_in_order(ledger, old_reading)


def power(minutes: float, **changes: object) -> Fact:
    watts = replace(reading(minutes, "7400", unit="W"), measurand="Power.Active.Import")
    return metered(minutes, "0", **{"key": f"p{minutes}", "readings": (watts,), **changes})  # type: ignore[arg-type]


def test_readings_that_are_no_energy_are_in_order_at_any_time_but_may_be_repeated() -> None:
    ledger = fold_facts([START, metered(10, "3000")])

    assert is_in_order(ledger, power(10))
    assert is_in_order(ledger, power(5))
    assert not is_new(ledger, power(10))
    assert is_new(ledger, power(11))
    assert not is_new(ledger, power(11, flags=("time_replaced",)))
    assert not is_in_order(ledger, power(10, charging_state=ChargingState.CHARGING))
    assert not is_in_order(ledger, power(10, id_token=CARD))
    assert not is_in_order(fold_facts([stop(20, "3000")]), power(10))
    assert not is_in_order(fold_facts([metered(10, "3000")]), power(9)), "without a start it may be the beginning"
    undated = fold_facts([START, metered(10, "3000", **UNDATED)])
    assert not is_in_order(undated, power(10)), "it may show how late an undated fact can be"


STATES = st.sampled_from(list(ChargingState))


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    facts = [START]
    minute, wh = 0, 1000
    for index in range(draw(st.integers(0, 12))):
        minute += draw(st.integers(1, 20))
        wh += draw(st.integers(-500, 5000))
        fact = metered(minute, str(max(wh, 0))) if draw(st.booleans()) else state(minute, draw(STATES))
        facts.append(replace(fact, key=f"{index}", seq_no=draw(st.none() | st.just(2 * index))))
        if draw(st.booleans()):
            facts.append(power(minute - draw(st.integers(0, minute)), key=f"p{index}"))
    if draw(st.booleans()):
        facts.append(stop(minute + 1, str(max(wh, 0) + draw(st.integers(0, 900)))))
    return facts


@given(histories())
def test_steps_in_order_give_the_same_ledger_as_a_fold_of_all(facts: list[Fact]) -> None:
    ledger = fold_facts(facts[:1])
    for fact in facts[1:]:
        assert is_in_order(ledger, fact)
        ledger = extend_ledger(ledger, fact)

    assert ledger == fold_facts(facts)


@given(histories(), st.randoms())
def test_the_order_of_receipt_does_not_matter(facts: list[Fact], random: object) -> None:
    shuffled = list(facts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert fold_facts(shuffled) == fold_facts(facts)


@given(histories())
def test_the_energy_of_the_periods_is_that_of_the_session_and_never_falls(facts: list[Fact]) -> None:
    drawn = [fold_facts(facts[: count + 1]) for count in range(len(facts))]

    for ledger in drawn:
        assert sum(period.energy_wh for period in ledger.periods) == ledger.energy_wh
    assert all(earlier.energy_wh <= later.energy_wh for earlier, later in pairwise(drawn))


def test_a_ledger_comes_back_from_its_draft() -> None:
    facts = [replace(START, seq_no=3), metered(5, "2000"), state(7, ChargingState.SUSPENDED_EV), stop(9, "2500")]
    ledger = fold_facts(facts)

    assert _ledger_of(_draft_of(ledger)) == ledger
    assert {field.name for field in fields(_draft_of(ledger))} == {field.name for field in fields(Ledger)}
