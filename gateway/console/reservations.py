"""`/reservations`: the plugs that stations keep for partners' drivers."""

from typing import Any

from aiohttp import web

from gateway.console.answers import answer
from gateway.console.bodies import parse_limits
from gateway.console.parts import PARTS
from gateway.domain.reservations import Reservation
from gateway.flows.masking import mask_uid

MOST = 1_000


async def list_reservations(request: web.Request) -> web.Response:
    """Newest first, also those that are over."""
    parts = request.app[PARTS]
    limit, _ = parse_limits(request, default=100, most=MOST)
    found = await parts.store.list_reservations(limit=limit, station_id=request.query.get("station_id"))
    return answer([render_reservation(reservation) for reservation in found])


async def delete_reservation(request: web.Request) -> web.Response:
    """Take it back: the station lets go of the plug and the partner is told CANCELED_RESERVATION."""
    reservation = await request.app[PARTS].reservations.withdraw(request.match_info["reservation_id"])
    return answer(render_reservation(reservation))


def render_reservation(reservation: Reservation) -> dict[str, Any]:
    """`no` is the number that the station knows it by, `reservation_id` the partner's name of it."""
    booking, key = reservation.booking, reservation.key
    return {
        "id": reservation.id,
        "no": reservation.no,
        "state": reservation.state.value,
        "partner_id": reservation.partner_id,
        "reservation_id": reservation.reservation_id,
        "location_id": reservation.location_id,
        "evse_uid": booking.evse_uid,
        "station_id": key.station_id,
        "evse_no": key.evse_no,
        "connector_no": key.connector_no or None,
        "token_uid": mask_uid(booking.token.uid),
        "session_id": reservation.session_id,
        "asked_at": reservation.asked_at,
        "reserved_at": reservation.reserved_at,
        "expires_at": booking.expires_at,
        "ended_at": reservation.ended_at,
    }


ROUTES = (
    ("GET", "reservations", list_reservations),
    ("DELETE", "reservations/{reservation_id}", delete_reservation),
)
