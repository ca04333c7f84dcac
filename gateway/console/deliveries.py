"""`/partners/{id}/deliveries`: what a partner is still to be told, and what it refused, with its answer."""

from aiohttp import web

from gateway.console.answers import answer
from gateway.console.bodies import BodyError, parse_model, read_object
from gateway.console.fields import Strict, Time
from gateway.console.parts import PARTS
from gateway.console.render_deliveries import render_answer, render_delivery
from gateway.domain.deliveries import DeliveryState


class ResyncInput(Strict):
    """Bills are told again from `cdrs_from` on; without it none."""

    cdrs_from: Time | None = None


async def list_deliveries(request: web.Request) -> web.Response:
    """The queue of a partner and its dead letters."""
    standing = request.app[PARTS].deliveries.standing(request.match_info["partner_id"])
    rows = standing.deliveries
    return answer(
        {
            "state": "SUSPENDED" if standing.is_suspended else "FAILING" if standing.failures else "READY",
            "failures": standing.failures,
            "paused_until": standing.paused_until,
            "last_failure": None if standing.trouble is None else render_answer(standing.trouble),
            "queued": [render_delivery(row) for row in rows if row.state is not DeliveryState.REFUSED],
            "refused": [render_delivery(row) for row in rows if row.state is DeliveryState.REFUSED],
        }
    )


async def post_retry(request: web.Request) -> web.Response:
    """Send a dead letter again, or at once what waits."""
    no = request.match_info["no"]
    if not no.isascii() or not no.isdigit() or len(no) > 18:
        raise BodyError([("/deliveries/{no}", f"{no!r} is not the number of a delivery")])
    delivery = await request.app[PARTS].deliveries.retry(request.match_info["partner_id"], int(no))
    return answer(render_delivery(delivery), 202)


async def post_resync(request: web.Request) -> web.Response:
    """Tell the partner everything again: tariffs, locations, open sessions, and bills from a date on."""
    given = parse_model(ResyncInput, await read_object(request) if request.body_exists else {})
    count = await request.app[PARTS].deliveries.resync(request.match_info["partner_id"], given.cdrs_from)
    return answer({"deliveries": count}, 202)


ROUTES = (
    ("GET", "partners/{partner_id}/deliveries", list_deliveries),
    ("POST", "partners/{partner_id}/deliveries/{no}/retry", post_retry),
    ("POST", "partners/{partner_id}/resync", post_resync),
)
