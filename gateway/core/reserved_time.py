"""The time in which a plug is kept for a driver: the beginning of his visit, or all that there is of it.

It ends when the session begins, so it needs no end of its own where it was used, and it moves no energy.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.flags import RESERVATION_CANCELED, RESERVATION_EXPIRED, RESERVATION_WITHDRAWN
from gateway.domain.sessions import Fact, FactKind, Ledger, Period, Phase, ReservationEnd

FLAGS = {
    ReservationEnd.EXPIRED: RESERVATION_EXPIRED,
    ReservationEnd.CANCELED: RESERVATION_CANCELED,
    ReservationEnd.WITHDRAWN: RESERVATION_WITHDRAWN,
}
_KINDS = frozenset({FactKind.RESERVED, FactKind.RESERVATION_ENDED})


def part_reservation(facts: Sequence[Fact]) -> tuple[Sequence[Fact], Sequence[Fact]]:
    """What is told of a reservation, and of the visit itself."""
    told = [fact for fact in facts if fact.kind in _KINDS]
    return (told, [fact for fact in facts if fact.kind not in _KINDS]) if told else ((), facts)


def reserved_period(told: Sequence[Fact], until: datetime) -> Period:
    """The reservation of a session that began then.

    One made after that, by the station's clock, took no time: its fee is due all the same.
    """
    return Period(start_at=min(until, *(fact.at for fact in told)), phase=Phase.RESERVATION)


def fold_reservation(told: Sequence[Fact]) -> Ledger:
    """The ledger of a reservation that was not used yet, or never."""
    reserved_at = min(fact.at for fact in told)
    ended = min((fact for fact in told if fact.kind is FactKind.RESERVATION_ENDED), key=_by_time, default=None)
    return Ledger(
        started_at=reserved_at,
        periods=(Period(start_at=reserved_at, phase=Phase.RESERVATION),),
        last_at=max(fact.at for fact in told),
        ended_at=None if ended is None else ended.at,
        stop_reason=None if ended is None else ended.stop_reason,
        fact_count=len(told),
        flags=frozenset() if ended is None else frozenset({FLAGS[ReservationEnd(ended.stop_reason or "")]}),
    )


def _by_time(fact: Fact) -> tuple[datetime, datetime]:
    return fact.at, fact.received_at
