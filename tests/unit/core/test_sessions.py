from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sessions import begin_ledger, extend_ledger, fold_facts, is_in_order
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


def metered(minutes: float, wh: str, **changes: object) -> Fact:
    at = after(minutes)
    fact = Fact(
        kind=FactKind.METERED,
        key=f"m{minutes}",
        at=at,
        at_raw=at.isoformat(),
        received_at=at,
        message_id=f"m{minutes}",
        readings=(Reading(at=at, value=Decimal(wh)),),
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


def stop(minutes: float, wh: str, kind: FactKind = FactKind.ENDED) -> Fact:
    return metered(minutes, wh, kind=kind, key=f"e{minutes}", stop_reason="Local")


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
    assert begin_ledger(facts[2]).ended_at == after(20)


def test_a_session_without_driver_begins_when_the_driver_is_known() -> None:
    unidentified = replace(START, id_token=None)
    shown = replace(metered(3, "1000"), id_token=CARD)

    ledger = fold_facts([unidentified, shown, stop(20, "6000")])

    assert ledger.started_at == after(3)
    assert ledger.periods[0].start_at == after(3)
    assert ledger.energy_wh == 5000


def test_the_stations_own_end_beats_that_of_the_gateway() -> None:
    ledger = fold_facts([START, metered(10, "3000"), stop(10, "3000", FactKind.ABANDONED), stop(30, "7000")])

    assert ledger.ended_at == after(30)
    assert "abandoned" not in ledger.flags


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


STATES = st.sampled_from(list(ChargingState))


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    facts = [START]
    minute, wh = 0, 1000
    for index in range(draw(st.integers(0, 12))):
        minute += draw(st.integers(1, 20))
        wh += draw(st.integers(-500, 5000))
        fact = metered(minute, str(max(wh, 0))) if draw(st.booleans()) else state(minute, draw(STATES))
        facts.append(replace(fact, key=f"{index}", seq_no=draw(st.none() | st.just(index))))
    if draw(st.booleans()):
        facts.append(stop(minute + 1, str(max(wh, 0) + draw(st.integers(0, 900)))))
    return facts


@given(histories())
def test_steps_in_order_give_the_same_ledger_as_a_fold_of_all(facts: list[Fact]) -> None:
    ledger = begin_ledger(facts[0])
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
