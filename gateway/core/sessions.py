"""A session is the fold of its facts.

A fact that comes in order is one step (`extend_ledger`); any other makes the caller fold anew from the store
(`fold_facts`).
Both go over the same points of time, so both give the same ledger: a property test holds them equal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from operator import itemgetter

from gateway.core.energy import registers_of
from gateway.core.periods import MICROSECOND, add_energy, cut_period
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Period, Phase

ROUNDING_WH = Decimal(10)
"""A register that falls by less is the same one shown with other digits (meterStop in whole Wh after samples in
kWh)."""
PLACEHOLDER_WH = Decimal(100_000)
PLACEHOLDER_W = Decimal(1_000_000)
"""A start register of exactly 0 followed by a leap beyond both was no reading (seen: 910 kWh in one minute)."""

_STARTED, _STATE, _REGISTER, _ENDED = range(4)
_Point = tuple[datetime, int, int, object]
_by_time = itemgetter(0, 1, 2)


def is_in_order(ledger: Ledger, fact: Fact) -> bool:
    """May the fact be added by one step?  Only if all of it lies after all that was folded: then it is no repetition
    either."""
    last_at = ledger.last_at
    if fact.at <= last_at or ledger.ended_at is not None:
        return False
    return all(reading.at > last_at for reading in fact.readings)


def begin_ledger(fact: Fact) -> Ledger:
    """The ledger of a session whose first known fact this is, whatever its kind: a station may tell the end first."""
    return fold_facts((fact,))


def extend_ledger(ledger: Ledger, fact: Fact) -> Ledger:
    """One step; the fact must be in order (`is_in_order`)."""
    points = _points_of(fact)
    if len(points) > 1:
        points.sort(key=_by_time)
    for point in points:
        ledger = _take(ledger, point)
    return _count(ledger, fact)


def fold_facts(facts: Sequence[Fact]) -> Ledger:
    """The ledger of all facts of a session, in whatever order they came.  Needs at least one.

    The session begins with its start, or, where the start named no driver, with the fact that did (OCPI: a session
    is active
    once connected *and* authorised).
    """
    points: list[_Point] = []
    for fact in facts:
        points += _points_of(fact)
    points.sort(key=_by_time)
    starts = [fact.at for fact in facts if fact.kind is FactKind.STARTED]
    started_at = min(starts) if starts else min(fact.at for fact in facts)
    ledger = Ledger(
        started_at=started_at, periods=(Period(start_at=started_at, phase=Phase.CHARGING),), last_at=started_at
    )
    for point in points:
        ledger = _take(ledger, point)
    for fact in facts:
        ledger = _count(ledger, fact)
    identified_at = _identified_at(facts)
    if identified_at is not None and identified_at > ledger.started_at:
        ledger = replace(
            ledger, started_at=identified_at, periods=_clip_start(ledger.periods, min(identified_at, ledger.last_at))
        )
    return ledger


def _identified_at(facts: Iterable[Fact]) -> datetime | None:
    return min(
        (fact.at for fact in facts if fact.id_token is not None and fact.kind is not FactKind.ENDED), default=None
    )


def _clip_start(periods: tuple[Period, ...], at: datetime) -> tuple[Period, ...]:
    """The periods from `at` on; energy of what is cut off stays in the first (it was drawn, and nothing is lost)."""
    before = [period for period in periods if period.start_at <= at]
    energy_wh = sum((period.energy_wh for period in before), Decimal(0))
    first = replace(before[-1], start_at=at, energy_wh=energy_wh)
    return (first, *periods[len(before) :])


def _points_of(fact: Fact) -> list[_Point]:
    """The moments of a fact, each with what it says; ties are settled start, state, register, end, then by seqNo."""
    seq_no = fact.seq_no or 0
    points: list[_Point] = []
    if fact.kind is FactKind.STARTED:
        points.append((fact.at, _STARTED, seq_no, None))
    if fact.charging_state is not None:
        points.append((fact.at, _STATE, seq_no, fact.charging_state))
    if fact.readings:
        points += [(at, _REGISTER, seq_no, wh) for at, wh in registers_of(fact.readings)]
    if fact.kind in (FactKind.ENDED, FactKind.ABANDONED):
        points.append((fact.at, _ENDED, seq_no, fact))
    return points


def _take(ledger: Ledger, point: _Point) -> Ledger:
    at, rank, _, said = point
    if rank == _STARTED:
        return replace(ledger, has_started=True)
    if ledger.ended_at is not None and (at > ledger.ended_at or not isinstance(said, Fact)):
        return _take_after_end(ledger, point)
    if isinstance(said, Decimal):
        return _take_register(ledger, at, said)
    if isinstance(said, ChargingState):
        return _take_state(ledger, at, said)
    if isinstance(said, Fact):
        return _take_end(ledger, said)
    return ledger


def _take_after_end(ledger: Ledger, point: _Point) -> Ledger:
    """What is told of the time after the end is no part of the session; two ends: the station's own word beats ours."""
    said = point[3]
    if isinstance(said, Fact) and "abandoned" in ledger.flags and said.kind is FactKind.ENDED:
        return replace(_take_end(ledger, said), flags=ledger.flags - {"abandoned"})
    return ledger


def _take_end(ledger: Ledger, fact: Fact) -> Ledger:
    flags = ledger.flags | {"abandoned"} if fact.kind is FactKind.ABANDONED else ledger.flags
    return replace(ledger, ended_at=max(fact.at, ledger.started_at), stop_reason=fact.stop_reason, flags=flags)


def _take_state(ledger: Ledger, at: datetime, state: ChargingState) -> Ledger:
    if state is ledger.charging_state:
        return ledger
    has_charged = ledger.energy_wh > 0 or ledger.charging_state in _AFTER_CHARGE
    phase = _phase_of(state, has_charged=has_charged)
    return replace(ledger, charging_state=state, periods=cut_period(ledger.periods, at, phase))


_AFTER_CHARGE = (ChargingState.CHARGING, ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE)


def _phase_of(state: ChargingState, *, has_charged: bool) -> Phase:
    """OCPI PARKING_TIME is time in which the *vehicle* asks for no power; our own curtailment is TIME (mod_cdrs,
    2026-05).

    A car that is connected and has not charged yet is about to: TIME.
    """
    if state in (ChargingState.SUSPENDED_EV, ChargingState.IDLE):
        return Phase.PARKING
    if state is ChargingState.EV_CONNECTED and has_charged:
        return Phase.PARKING
    return Phase.CHARGING


def _take_register(ledger: Ledger, at: datetime, wh: Decimal) -> Ledger:
    last_wh, last_at = ledger.register_wh, ledger.register_at
    if last_wh is None or last_at is None:
        return replace(ledger, register_wh=wh, register_at=at, start_register_wh=wh)
    drawn_wh = wh - last_wh
    if drawn_wh < 0:
        if -drawn_wh < ROUNDING_WH:
            return ledger
        return _open_segment(ledger, at, wh, "register_fell")
    if _is_placeholder(ledger, drawn_wh, at):
        return _open_segment(replace(ledger, start_register_wh=wh), at, wh, "start_register_ignored")
    return replace(
        ledger,
        register_wh=wh,
        register_at=at,
        energy_wh=ledger.energy_wh + drawn_wh,
        periods=add_energy(ledger.periods, last_at, at, drawn_wh) if drawn_wh else ledger.periods,
    )


def _is_placeholder(ledger: Ledger, drawn_wh: Decimal, at: datetime) -> bool:
    if ledger.register_wh != 0 or drawn_wh <= PLACEHOLDER_WH or ledger.register_at is None or ledger.energy_wh:
        return False
    seconds = Decimal((at - ledger.register_at) // MICROSECOND) / 1_000_000
    return drawn_wh * 3600 > PLACEHOLDER_W * max(seconds, Decimal(1))


def _open_segment(ledger: Ledger, at: datetime, wh: Decimal, flag: str) -> Ledger:
    """The register starts anew (meter swapped, station rebooted): energy never falls."""
    return replace(ledger, register_wh=wh, register_at=at, segments=ledger.segments + 1, flags=ledger.flags | {flag})


def _count(ledger: Ledger, fact: Fact) -> Ledger:
    """Keep count of the numbered facts (OCPP 2.0.1 E01.FR.07) and of how far time has come."""
    last_at = fact.at
    for reading in fact.readings:
        if reading.at > last_at:
            last_at = reading.at
    seq_no, seq_min, seq_max = fact.seq_no, ledger.seq_min, ledger.seq_max
    if seq_no is not None:
        seq_min = seq_no if seq_min is None or seq_no < seq_min else seq_min
        seq_max = seq_no if seq_max is None or seq_no > seq_max else seq_max
    return replace(
        ledger,
        last_at=last_at if last_at > ledger.last_at else ledger.last_at,
        seq_min=seq_min,
        seq_max=seq_max,
        seq_count=ledger.seq_count + (seq_no is not None),
        fact_count=ledger.fact_count + 1,
        flags=ledger.flags.union(fact.flags) if fact.flags else ledger.flags,
    )
