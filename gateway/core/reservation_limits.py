"""How much may one partner, and one driver, have kept at once?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.commands import Refusal
from gateway.core.reservations import Choice, is_of_emsp, is_reservable, is_same_driver
from gateway.domain.commands import ReserveOrder
from gateway.domain.locations import Location
from gateway.domain.partners import Partner
from gateway.domain.reservations import Booking, Reservation, ReservationState
from gateway.domain.tokens import Token

COUNTED = frozenset({ReservationState.ASKED, ReservationState.ACTIVE})
"""One that its station never answered is none: the eMSP was told so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationLimits:
    """None: as many, or as long, as is asked for.

    `most_per_partner` and `most_per_driver` count reservations at all stations; `most_of_location_percent` is of the
    EVSEs of a location that can be reserved, and leaves a partner one in any case; `longest` is from now to the end.
    Behind a hub each eMSP is counted by itself.
    """

    most_per_partner: int | None = None
    most_per_driver: int | None = None
    most_of_location_percent: int = 100
    longest: timedelta | None = None


def check_limits(
    limits: ReservationLimits,
    order: ReserveOrder,
    partner: Partner,
    location: Location,
    choice: Choice,
    *,
    known: Reservation | None,
    live: Iterable[Reservation],
    now: datetime,
) -> Refusal | None:
    """May a plug be kept for this order beside all that is kept already?

    OCPI leaves that to the CPO (2.3.0 mod_commands 13.4.1: REJECTED).  `known` is what the order renews: it takes that
    one's place, so it is refused only where it would take more than that does, however narrow the limits have become.
    """
    if limits.longest is not None and order.expires_at - now > limits.longest:
        most_s = f"{limits.longest.total_seconds():.0f} s"
        return Refusal(reason=f"expiry_date {order.expires_at.isoformat()} is more than {most_s} away: end it sooner")
    mine = [one for one in live if is_of_emsp(one, partner, order.token.party) and _is_counted(one, now)]
    others = [one for one in mine if known is None or one.id != known.id]
    had, would_have = _count_of_driver(mine, order.token), _count_of_driver(others, order.token) + 1
    if _is_too_much(had, would_have, limits.most_per_driver):
        return Refusal(reason=f"the token has {_said(would_have - 1)} already, and may have no more: cancel one first")
    if limits.most_of_location_percent < 100:
        can_be = sum(map(is_reservable, location.evses))
        most = max(1, can_be * limits.most_of_location_percent // 100)
        taken = _evses_at(others, location.id)
        if _is_too_much(len(_evses_at(mine, location.id)), len(taken | {choice.evse.uid}), most):
            text = f"you have {len(taken)} of the {can_be} EVSEs of location {location.id} reserved already"
            return Refusal(reason=f"{text}, and may have {most}: cancel one first, or take another location")
    if _is_too_much(len(mine), len(others) + 1, limits.most_per_partner):
        return Refusal(reason=f"you have {_said(len(others))} already, and may have no more: cancel one first")
    return None


def _is_too_much(had: int, would_have: int, most: int | None) -> bool:
    return most is not None and would_have > max(most, had)


def _said(count: int) -> str:
    return f"{count} reservation" if count == 1 else f"{count} reservations"


def _is_counted(reservation: Reservation, now: datetime) -> bool:
    """One that is over waits for a station that is away to tell whether it was used."""
    return reservation.state in COUNTED and any(now < booking.expires_at for booking in _bookings(reservation))


def _bookings(reservation: Reservation) -> Iterable[Booking]:
    """What is kept, and what is to take its place: the station may have either."""
    renewal = reservation.renewal
    return (reservation.booking,) if renewal is None else (reservation.booking, renewal)


def _count_of_driver(reservations: Iterable[Reservation], token: Token) -> int:
    return sum(any(is_same_driver(booking.token, token) for booking in _bookings(one)) for one in reservations)


def _evses_at(reservations: Iterable[Reservation], location_id: str) -> set[str]:
    here = (one for one in reservations if one.location_id == location_id)
    return {booking.evse_uid for one in here for booking in _bookings(one)}
