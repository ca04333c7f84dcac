from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.commands import REJECTED, Refusal
from gateway.core.reservation_limits import ReservationLimits, check_limits
from gateway.core.reservations import Choice
from gateway.domain.commands import ReserveOrder
from gateway.domain.partners import Partner
from gateway.domain.reservations import Booking, Reservation, ReservationState
from gateway.domain.tokens import Token
from tests.unit.core.test_reservations import BOOKING, EMSP, KEPT, OTHER, PARTY, SITE, TOKEN, evse, key
from tests.unit.core.test_sessions import NOON, after

FOUR = replace(SITE, id="L1", evses=tuple(evse(f"E{no}", key(no)) for no in range(1, 5)))
HUB = replace(EMSP, role="HUB")
DRIVERS = tuple(replace(TOKEN, uid=f"DRIVER-{no}") for no in range(9))
PER_PARTNER = ReservationLimits(most_per_partner=2)
PER_DRIVER = ReservationLimits(most_per_driver=1)
HALF = ReservationLimits(most_of_location_percent=50)
HOUR = ReservationLimits(longest=timedelta(hours=1))


def order(token: Token = OTHER, minutes: float = 60, reservation_id: str = "NEW") -> ReserveOrder:
    return ReserveOrder(
        response_url="https://ems/2",
        token=token,
        expires_at=after(minutes),
        reservation_id=reservation_id,
        location_id=FOUR.id,
    )


def booked(token: Token, evse_uid: str = "E1", minutes: float = 60) -> Booking:
    return replace(BOOKING, token=token, evse_uid=evse_uid, expires_at=after(minutes))


def kept(count: int) -> list[Reservation]:
    """So many, each for a driver of its own at an EVSE of its own."""
    return [
        replace(KEPT, id=f"r{no}", reservation_id=f"R-{no}", booking=booked(DRIVERS[no], f"E{no + 1}"))
        for no in range(count)
    ]


def check(
    limits: ReservationLimits,
    live: Iterable[Reservation] = (),
    asked: ReserveOrder | None = None,
    *,
    at: str = "E4",
    known: Reservation | None = None,
    partner: Partner = EMSP,
) -> Refusal | None:
    choice = Choice(evse=evse(at, key(4)), key=key(4))
    return check_limits(limits, asked or order(), partner, FOUR, choice, known=known, live=live, now=NOON)


def reason(refusal: Refusal | None) -> str:
    assert refusal is not None
    assert refusal.result == REJECTED
    return refusal.reason


def test_without_limits_as_much_is_kept_as_is_asked_for() -> None:
    assert check(ReservationLimits(), kept(9), order(DRIVERS[0], minutes=99_999)) is None


def test_a_partner_has_so_many_and_no_more() -> None:
    assert check(PER_PARTNER, kept(1)) is None
    assert "you have 2 reservations already" in reason(check(PER_PARTNER, kept(2)))


def test_a_driver_has_so_many_wherever_they_are() -> None:
    elsewhere = replace(KEPT, location_id="L2", booking=booked(OTHER))

    assert "the token has 1 reservation already" in reason(check(PER_DRIVER, [elsewhere]))
    assert check(PER_DRIVER, [elsewhere], order(TOKEN)) is None
    assert check(PER_DRIVER, [elsewhere], order(replace(OTHER, type="APP_USER"))) is None


def test_a_partner_keeps_a_share_of_a_location_and_no_more() -> None:
    text = reason(check(HALF, kept(2)))

    assert check(HALF, kept(1)) is None
    assert "2 of the 4 EVSEs of location L1" in text
    assert check(HALF, [replace(one, location_id="L2") for one in kept(2)]) is None


@pytest.mark.parametrize(("percent", "most"), [(1, 1), (49, 1), (50, 2), (74, 2), (75, 3), (99, 3)])
def test_a_share_is_rounded_down_but_leaves_one(percent: int, most: int) -> None:
    limits = ReservationLimits(most_of_location_percent=percent)

    assert check(limits, kept(most - 1)) is None
    assert check(limits, kept(most)) is not None


def test_of_a_location_what_cannot_be_reserved_is_no_part() -> None:
    site = replace(FOUR, evses=(*FOUR.evses[:2], *(replace(one, capabilities=()) for one in FOUR.evses[2:])))
    choice = Choice(evse=site.evses[1], key=key(2))

    refusal = check_limits(HALF, order(), EMSP, site, choice, known=None, live=kept(1), now=NOON)

    assert "1 of the 2 EVSEs" in reason(refusal)


def test_the_same_evse_twice_is_one() -> None:
    assert check(HALF, kept(2), at="E1") is None


def test_an_end_may_lie_so_far_ahead_and_no_further() -> None:
    assert check(HOUR, asked=order(minutes=60)) is None
    assert "more than 3600 s away" in reason(check(HOUR, asked=order(minutes=60.1)))


@pytest.mark.parametrize("state", [one for one in ReservationState if one not in ("ASKED", "ACTIVE")])
def test_what_is_over_or_was_never_answered_does_not_count(state: ReservationState) -> None:
    assert check(PER_PARTNER, [replace(one, state=state) for one in kept(2)]) is None


def test_what_its_station_has_not_answered_yet_counts() -> None:
    assert check(PER_PARTNER, [replace(one, state=ReservationState.ASKED) for one in kept(2)]) is not None


def test_what_has_expired_does_not_count_though_its_station_is_away() -> None:
    assert check(PER_PARTNER, [replace(one, booking=booked(TOKEN, minutes=0)) for one in kept(2)]) is None


def test_what_other_partners_keep_does_not_count() -> None:
    assert check(PER_PARTNER, [replace(one, partner_id="P2") for one in kept(2)]) is None


def test_behind_a_hub_each_party_is_counted_by_itself() -> None:
    neighbour = replace(OTHER, party=replace(PARTY, party_id="OTH"))

    assert check(PER_PARTNER, kept(2), order(neighbour), partner=HUB) is None
    assert check(PER_PARTNER, kept(2), order(OTHER), partner=HUB) is not None
    assert check(PER_PARTNER, kept(2), order(neighbour), partner=EMSP) is not None


@pytest.mark.parametrize("limits", [PER_PARTNER, PER_DRIVER, HALF, ReservationLimits(most_per_partner=1)])
def test_a_renewal_is_not_counted_twice_and_never_more_than_it_was(limits: ReservationLimits) -> None:
    live = kept(2)

    assert check(limits, live, order(DRIVERS[1], reservation_id="r-1"), at="E2", known=live[1]) is None


def test_a_renewal_for_another_driver_counts_as_his() -> None:
    live = kept(2)

    assert "the token has 1" in reason(check(PER_DRIVER, live, order(DRIVERS[0]), at="E2", known=live[1]))


def test_a_renewal_moves_its_end_no_further_than_a_new_one() -> None:
    (known,) = kept(1)

    assert check(HOUR, [known], order(DRIVERS[0], 61), at="E1", known=known) is not None


def test_a_renewal_that_waits_for_its_station_counts_where_it_was_and_where_it_goes() -> None:
    moving = replace(KEPT, renewal=booked(OTHER, "E2"))

    assert check(PER_DRIVER, [moving], order(OTHER)) is not None
    assert check(PER_DRIVER, [moving], order(TOKEN)) is not None
    assert check(HALF, [moving], at="E3") is not None
