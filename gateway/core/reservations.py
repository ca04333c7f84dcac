"""Keeping a plug for a driver: which one, for whom, and what uses it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core.commands import EVSE_INOPERATIVE, NOT_SUPPORTED, REJECTED, Refusal
from gateway.domain.calls import ReserveCall
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Evse, Location, Place
from gateway.domain.partners import Partner
from gateway.domain.reservations import Booking, Reservation, ReservationState
from gateway.domain.tokens import AuthMethod, Authorization, AuthStatus, IdToken, Question, Token

RESERVABLE = "RESERVABLE"  # OCPI 2.3.0 mod_locations 8.4.3 Capability
SLOW_CLOCK = timedelta(minutes=5)
WAIT_FOR_STATION = timedelta(minutes=15)
"""How long a station that is away at the end of a reservation may still tell that it was used."""
NOT_KEPT_AGAIN = frozenset({REJECTED, NOT_SUPPORTED, EVSE_INOPERATIVE})
"""What a station that has booted answers where it keeps the plug no longer.  Of EVSE_OCCUPIED nobody knows by whom: the
driver's own transaction may wait in its queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Where a plug is to be kept; number 0 of `key` is any plug of the EVSE."""

    evse: Evse
    key: ConnectorKey


def find_known(
    live: Iterable[Reservation], partner: Partner, party: PartyId | None, reservation_id: str
) -> Reservation | None:
    """The live reservation that an eMSP means; ids are its own, and compared without case (OCPI types CiString).

    `party` is the one that asks, None where it is not told; behind a hub each has ids of its own.  One that the station
    never answered is none: the eMSP was told so.
    """
    named = _named(live, partner, party, reservation_id)
    return next((one for one in named if one.state is not ReservationState.UNANSWERED), None)


def find_unanswered(
    live: Iterable[Reservation], partner: Partner, party: PartyId | None, reservation_id: str
) -> Reservation | None:
    """The same of those that their station never answered."""
    named = _named(live, partner, party, reservation_id)
    return next((one for one in named if one.state is ReservationState.UNANSWERED), None)


def _named(
    live: Iterable[Reservation], partner: Partner, party: PartyId | None, reservation_id: str
) -> list[Reservation]:
    wanted = reservation_id.casefold()
    return [one for one in live if one.reservation_id.casefold() == wanted and is_of_emsp(one, partner, party)]


def is_of_emsp(reservation: Reservation, partner: Partner, party: PartyId | None) -> bool:
    """Is it one of this partner's, behind a hub one of this party's (None: of any)?"""
    is_of_party = party is None or not partner.is_hub or reservation.booking.token.party == party
    return reservation.partner_id == partner.id and is_of_party


def is_reservable(evse: Evse) -> bool:
    """May partners reserve it, be it taken or not?"""
    return RESERVABLE in evse.capabilities and evse.override is None


def choose_plug(
    location: Location,
    evse_uid: str | None,
    *,
    is_connected: Callable[[str], bool],
    is_free: Callable[[ConnectorKey], bool],
) -> Choice | Refusal:
    """The plug to ask a station for.

    Where only the location is named it is a free one: the driver has an EVSE of his own then, whatever the station
    knows of reservations without one.  A named EVSE is asked for as it is, for the station knows best.
    """
    evses = [evse for evse in location.evses if evse_uid is None or evse.uid.casefold() == evse_uid.casefold()]
    if not evses:
        return Refusal(reason=f"location {location.id} has no EVSE {evse_uid}")
    able = [evse for evse in evses if is_reservable(evse)]
    if not able:
        which = "no EVSE" if evse_uid is None else f"EVSE {evse_uid} is not one"
        return Refusal(reason=f"{which} of location {location.id} that can be reserved", result=NOT_SUPPORTED)
    wired = [(evse, plug, plug.key) for evse in able for plug in evse.connectors if plug.key is not None]
    near = [one for one in wired if is_connected(one[2].station_id)]
    if not near:
        return Refusal(reason="the charging station is not connected")
    free = [one for one in near if is_free(one[2])]
    if not free and evse_uid is None:
        return Refusal(reason=f"no EVSE of location {location.id} is free")
    evse, plug, key = (free or near)[0]
    place = Place(location=location, evse=evse, connector=plug)
    return Choice(evse=evse, key=replace(key, connector_no=0) if place.shares_evse else key)


def decide_renewal(known: Reservation, location_id: str, choice: Choice | None) -> Refusal | None:
    """May this order take the place of a reservation that is kept already?

    OCPI 2.3.0 mod_commands 13.3.4: the same id at the same location replaces it; the station replaces what it keeps
    under the same number (OCPP 1.6 5.13, 2.0.1 H01.FR.02), so it must be the same station.
    """
    if known.location_id.casefold() != location_id.casefold():
        return Refusal(reason=f"reservation {known.reservation_id} is of location {known.location_id}: cancel it first")
    if known.state is not ReservationState.ACTIVE or known.renewal is not None:
        return Refusal(reason=f"the station has not answered yet about reservation {known.reservation_id}")
    if choice is not None and choice.key.station_id.casefold() != known.key.station_id.casefold():
        return Refusal(
            reason=f"reservation {known.reservation_id} is of EVSE {known.booking.evse_uid}, which is another charging "
            "station's: cancel it first"
        )
    return None


def reserve_call_of(reservation: Reservation, booking: Booking) -> ReserveCall:
    return ReserveCall(
        no=reservation.no,
        id_token=booking.id_token,
        expires_at=booking.expires_at,
        evse_no=booking.key.evse_no,
        connector_no=booking.key.connector_no or booking.key.evse_no,
        group_id=booking.token.group_id,
    )


# --- what uses it -------------------------------------------------------------------------------------------------


def find_for_transaction(
    live: Sequence[Reservation], key: ConnectorKey, reservation_no: str | None, at: datetime, id_token: IdToken
) -> Reservation | None:
    """The reservation that a transaction may use which began then: the one that the station names, or the one that
    keeps its plug.

    Stations may name a number that is none of ours with every start, and forget what they kept: then there may be
    several for one plug, of which the driver's counts.
    """
    named = next((one for one in live if str(one.no) == reservation_no), None)
    if named is not None:
        return named
    keeping = [
        one
        for one in live
        if one.state is not ReservationState.UNANSWERED and _keeps(one, key) and one.asked_at - SLOW_CLOCK <= at
    ]
    return max(keeping, key=lambda one: is_driver(one, id_token), default=None)


def _keeps(reservation: Reservation, key: ConnectorKey) -> bool:
    kept = reservation.key
    return key.evse_no == kept.evse_no and (0 in (kept.connector_no, key.connector_no) or key == kept)


def find_for_token(
    live: Iterable[Reservation], partner_id: str, token: Token, key: ConnectorKey | None = None
) -> Reservation | None:
    """The reservation by which a start with this token is of the same visit: the driver's, else his group's; at the
    EVSE of a plug, or among those that are given.

    One of which the station has not answered yet is asked of it before the start.
    """
    found = [
        one
        for one in live
        if one.state is not ReservationState.UNANSWERED
        and one.partner_id == partner_id
        and (key is None or one.key.evse_no == key.evse_no)
        and (is_same_driver(one.booking.token, token) or _is_of_group(token, one.booking.token))
    ]
    return max(found, key=lambda one: is_same_driver(one.booking.token, token), default=None)


def find_for_card(live: Iterable[Reservation], evse_no: int, id_token: IdToken, now: datetime) -> Reservation | None:
    """The reservation for whose driver a station asks, before it starts (OCPP 1.6 5.13, 2.0.1 H03)."""
    return next(
        (
            one
            for one in live
            if evse_no in (0, one.key.evse_no) and is_driver(one, id_token) and now <= one.booking.expires_at
        ),
        None,
    )


def judge_driver(
    reservation: Reservation, id_token: IdToken, verdict: Authorization | Question
) -> Authorization | None:
    """The decision on whoever shows a card at a plug that is kept; None: it is not kept for him.

    The eMSP has authorised the token itself, so it is not to be checked (OCPI 2.3.0 mod_commands 13.3.4); but a card
    that its list lets in anyhow was let in by that list (mod_cdrs 10.3.1 auth_method).  The last reference that was
    given counts.
    """
    booking, known = reservation.booking, verdict.token
    let_in = verdict if isinstance(verdict, Authorization) and verdict.status is AuthStatus.ACCEPTED else None
    if is_driver(reservation, id_token):
        is_listed = known is not None and is_same_driver(known, booking.token) and not _is_alias(reservation)
        if let_in is None or not is_listed:
            return authorization_of_booking(reservation)
    elif known is None or not _is_of_group(known, booking.token):
        return None
    elif let_in is None and isinstance(verdict, Authorization):
        return None  # refused by itself
    elif let_in is None:
        return replace(authorization_of_booking(reservation), token=known)
    return replace(let_in, authorization_reference=let_in.authorization_reference or booking.authorization_reference)


def authorization_of_booking(reservation: Reservation) -> Authorization:
    token = reservation.booking.token
    return Authorization(
        status=AuthStatus.ACCEPTED,
        reason=f"reserved by {token.party}",
        token=token,
        group_id=token.group_id,
        auth_method=AuthMethod.COMMAND,
        authorization_reference=reservation.booking.authorization_reference,
    )


def is_driver(reservation: Reservation, id_token: IdToken) -> bool:
    """Is it what the station knows the driver by?"""
    return reservation.booking.id_token.value.casefold() == id_token.value.casefold()


def _is_alias(reservation: Reservation) -> bool:
    return reservation.booking.id_token.value != reservation.booking.token.uid


def is_same_driver(one: Token, other: Token) -> bool:
    """The same token: a uid means something together with its type alone.  OCPI 2.2.1 mod_tokens 12.3.2"""
    is_alike = one.uid.casefold() == other.uid.casefold() and one.type == other.type
    return is_alike and (one.partner_id, one.party) == (other.partner_id, other.party)


def _is_of_group(token: Token, reserved: Token) -> bool:
    if token.group_id is None or reserved.group_id is None or token.partner_id != reserved.partner_id:
        return False
    return token.group_id.casefold() == reserved.group_id.casefold()
