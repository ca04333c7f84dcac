"""`/commands`: what partners ordered of our stations, and what became of it."""

from typing import Any

from aiohttp import web

from gateway.console.answers import answer
from gateway.console.bodies import parse_limits
from gateway.console.parts import PARTS
from gateway.domain.callbacks import Callback

MOST = 1_000


async def list_commands(request: web.Request) -> web.Response:
    """Newest first."""
    parts = request.app[PARTS]
    limit, _ = parse_limits(request, default=100, most=MOST)
    callbacks = await parts.store.list_callbacks(limit=limit, station_id=request.query.get("station_id"))
    return answer([render_command(callback) for callback in callbacks])


def render_command(callback: Callback) -> dict[str, Any]:
    """`state`: OPEN (no result yet), ANSWERED (it is being told), DELIVERED, or REFUSED (the partner did not take it).
    The URL is left without its query, which may hold a secret of the partner's."""
    return {
        "id": callback.id,
        "kind": callback.kind.value,
        "partner_id": callback.partner_id,
        "ocpi_version": callback.version,
        "station_id": callback.station_id,
        "session_id": callback.session_id,
        "asked_at": callback.asked_at,
        "deadline": callback.deadline,
        "state": callback.state.value,
        "result": callback.result,
        "message": callback.message,
        "answered_at": callback.answered_at,
        "response_url": callback.response_url.partition("?")[0],
    }


ROUTES = (("GET", "commands", list_commands),)
