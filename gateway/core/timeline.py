"""The moments that facts tell of, in the order in which they happened.

The device's own times order them; of two at one moment the start comes first, then the driver, the state, the register,
the end; then OCPP's numbers decide, then the receipt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter, itemgetter

from gateway.core.energy import Sourced, registers_of
from gateway.core.facts import is_dated, is_same_token
from gateway.domain.meters import span_of
from gateway.domain.sessions import ChargingState, Fact, FactKind
from gateway.domain.tokens import IdToken

IDENTIFIED, STATE, _FIRST_REGISTER, REGISTER, _LAST_REGISTER, ENDED = range(6)

Said = ChargingState | Decimal | Sourced | Fact | None
Point = tuple[datetime, int, int, Said]
"""When, what kind of news, the number of its fact, and what was said: a state, a register in Wh (with its source where
it is not the total), an end, None (a driver became known)."""

_STARTED, _ENDED, _ABANDONED = FactKind.STARTED, FactKind.ENDED, FactKind.ABANDONED

_by_time = itemgetter(0, 1, 2)
_by_receipt = attrgetter("received_at", "key")
_by_number = attrgetter("seq_no")


def points_of(fact: Fact) -> list[Point]:
    """The moments of one fact, in order."""
    kind = fact.kind
    if kind is _STARTED or kind is _ENDED or kind is _ABANDONED:
        return _points_at_end(fact)
    seq_no, at, state = fact.seq_no or 0, fact.at, fact.charging_state
    points: list[Point] = [] if state is None else [(at, STATE, seq_no, state)]
    for read_at, wh in registers_of(fact.readings):
        points.append((read_at, REGISTER, seq_no, wh))
    if state is not None and len(points) > 1 and points[1][0] < at:
        points.sort(key=_by_time)
    return points


def _points_at_end(fact: Fact) -> list[Point]:
    """The registers of a start and of an end are often read a moment before or after: they are its own all the same."""
    seq_no, kind, at, state = fact.seq_no or 0, fact.kind, fact.at, fact.charging_state
    points: list[Point] = [] if state is None else [(at, STATE, seq_no, state)]
    for read_at, wh in registers_of(fact.readings):
        if kind is _STARTED:
            points.append((max(read_at, at), _FIRST_REGISTER, seq_no, wh))
        elif kind is _ENDED:
            points.append((min(read_at, at), _LAST_REGISTER, seq_no, wh))
        else:
            points.append((read_at, REGISTER, seq_no, wh))
    if kind is not _STARTED:
        points.append((at, ENDED, seq_no, fact))
    return sorted(points, key=_by_time)


def timeline_of(facts: Sequence[Fact], driver: IdToken | None) -> tuple[datetime, list[Point]]:
    """The beginning of a session and its moments, of all its facts in whatever order they came.

    Without a start the session began with the first of what is known.  What is told of the time before the start is no
    part of it.  A driver who became known later than the start is a moment of its own.
    """
    settled = _settle_times(sorted(facts, key=_by_receipt))
    began_at = _beginning_of(settled)
    points = [point for fact in settled for point in points_of(fact) if is_of_session(point, began_at)]
    identified_at = _identified_at(settled, driver)
    if identified_at is not None and identified_at > began_at:
        points.append((identified_at, IDENTIFIED, 0, None))
    points.sort(key=_by_time)
    return began_at, points


def told_timeline_of(
    facts: Sequence[Fact], driver: IdToken | None
) -> tuple[datetime, list[tuple[Point, Fact | None]], list[Fact]]:
    """The same, each moment with the fact that tells it (None: the driver became known), also those that are no part of
    the session (`is_of_session`); and the facts, each at the time at which it counts."""
    settled = _settle_times(sorted(facts, key=_by_receipt))
    began_at = _beginning_of(settled)
    told: list[tuple[Point, Fact | None]] = [(point, fact) for fact in settled for point in points_of(fact)]
    identified_at = _identified_at(settled, driver)
    if identified_at is not None and identified_at > began_at:
        told.append(((identified_at, IDENTIFIED, 0, None), None))
    told.sort(key=lambda one: _by_time(one[0]))
    return began_at, told, settled


def is_of_session(point: Point, began_at: datetime) -> bool:
    """What is told of the time before the start is no part of the session; the state in which it began is."""
    return point[0] >= began_at or point[1] == STATE


def _beginning_of(settled: Sequence[Fact]) -> datetime:
    starts = [fact.at for fact in settled if fact.kind is FactKind.STARTED]
    return min(starts) if starts else min(map(earliest_of, settled))


def earliest_of(fact: Fact) -> datetime:
    """How far back in time a fact reaches."""
    span = span_of(fact.readings)
    return fact.at if span is None or fact.at <= span[0] else span[0]


def latest_of(fact: Fact) -> datetime:
    """How far in time a fact reaches."""
    span = span_of(fact.readings)
    return fact.at if span is None or fact.at >= span[1] else span[1]


def _identified_at(facts: Iterable[Fact], driver: IdToken | None) -> datetime | None:
    shown = (fact for fact in facts if fact.id_token is not None and fact.kind is not FactKind.ENDED)
    return min((fact.at for fact in shown if driver is None or is_same_token(fact.id_token, driver)), default=None)


def _settle_times(facts: list[Fact]) -> list[Fact]:
    """The facts with times that agree with what is sure: the start is first, no end lies before it, and a receipt's
    time in the place of the device's is no later than that of a fact which the station numbered after it.

    The gateway's own end counts only while the station told none, and lies where the last fact does.
    """
    if any(fact.kind is FactKind.ENDED for fact in facts):
        facts = [fact for fact in facts if fact.kind is not FactKind.ABANDONED]
    if not all(map(is_dated, facts)):
        facts = _settle_undated(facts)
    first_at = min((fact.at for fact in facts if fact.kind is FactKind.STARTED), default=None)
    settled = []
    for fact in facts:
        if fact.kind is FactKind.ABANDONED:
            fact = _moved(fact, max(map(latest_of, facts)))
        elif fact.kind is FactKind.ENDED and first_at is not None and fact.at < first_at:
            fact = _moved(fact, first_at)
        settled.append(fact)
    return settled


def _settle_undated(facts: list[Fact]) -> list[Fact]:
    first_at = min(fact.at for fact in facts)
    bound: datetime | None = None
    numbered = sorted((fact for fact in facts if fact.seq_no is not None), key=_by_number, reverse=True)
    moved: dict[str, Fact] = {}
    for fact in numbered:
        if bound is not None and fact.at > bound and not is_dated(fact):
            moved[fact.key] = _moved(fact, bound)
        bound = fact.at if bound is None else min(bound, fact.at)
    for fact in facts:
        if fact.kind is FactKind.STARTED and not is_dated(fact):
            moved[fact.key] = _moved(fact, first_at)
    return [moved.get(fact.key, fact) for fact in facts]


def _moved(fact: Fact, at: datetime) -> Fact:
    """The fact at another time, with those of its readings that were taken at its own."""
    readings = tuple(replace(reading, at=at) if reading.at == fact.at else reading for reading in fact.readings)
    return replace(fact, at=at, readings=readings)
