"""Answers: JSON, and errors that say what, where and what to do."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
import structlog
from aiohttp import web

from gateway.console.bodies import BodyError
from gateway.console.fields import render_datetime
from gateway.errors import (
    ConflictError,
    ForbiddenError,
    GatewayError,
    NotFoundError,
    PartnerError,
    RevisionConflictError,
    StoreDownError,
    UnauthorizedError,
    WireError,
)

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# The error tree, most special first: HTTP status and remedy.
CODES: tuple[tuple[type[GatewayError], int, str], ...] = (
    (WireError, 400, "mend the request at this place and send it again"),
    (
        UnauthorizedError,
        401,
        "send the header Authorization: Bearer <token>; the token is that of [console] in the settings, else the one "
        "in console.token in the data directory",
    ),
    (ForbiddenError, 403, "use an account that may do this"),
    (NotFoundError, 404, "list what there is with GET; docs/api.md tells what is created with PUT"),
    (RevisionConflictError, 409, "it was changed at the same moment: send the request again"),
    (ConflictError, 409, "bring the present state and the request together, then send it again"),
    (PartnerError, 502, "check the partner's URL and token, and that its platform reaches ours"),
    (StoreDownError, 503, "try again in a moment; if it stays so, the log says what is wrong with the database"),
)
WHATS = {
    404: "there is nothing at this path",
    405: "this method is not served at this path",
    413: "the body is too large",
}
REMEDIES = {
    404: "check the path; the operator's API is under /api/v1, and docs/api.md lists its requests",
    405: "use one of the methods in the header Allow",
    413: "send less at once",
}


def answer(data: Any, status: int = 200) -> web.Response:
    """A JSON answer.  Decimals become numbers with all their digits, times RFC 3339 in UTC."""
    return web.Response(body=render_body(data), status=status, content_type="application/json")


def render_body(data: Any) -> bytes:
    return orjson.dumps(data, default=_render_value, option=orjson.OPT_PASSTHROUGH_DATETIME)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer."""
    try:
        return await handler(request)
    except GatewayError as error:
        return _answer_error(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        remedy = REMEDIES.get(error.status, "mend the request and send it again")
        body = {"what": WHATS.get(error.status, error.reason), "where": _where(request), "remedy": remedy}
        kept = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return web.Response(
            body=render_body({"error": body}), status=error.status, content_type="application/json", headers=kept
        )
    except Exception:  # root of a task: one request must not take the others down
        log.exception("operator request failed", method=request.method, path=request.path)
        body = {"what": "the gateway failed on this request", "where": _where(request), "remedy": "see the log"}
        return answer({"error": body}, 500)


def _answer_error(request: web.Request, error: GatewayError) -> web.Response:
    status, remedy = next(
        ((status, remedy) for kind, status, remedy in CODES if isinstance(error, kind)), (500, "see the log")
    )
    body: dict[str, Any] = {"what": str(error), "where": _where(request), "remedy": remedy}
    if isinstance(error, WireError):
        body |= {"what": error.problem, "where": error.path}
    if isinstance(error, BodyError) and len(error.faults) > 1:
        body["all"] = [{"what": problem, "where": path} for path, problem in error.faults]
    response = answer({"error": body}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    elif status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _where(request: web.Request) -> str:
    return f"{request.method} {request.path}"


def _render_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    if isinstance(value, datetime):
        return render_datetime(value)
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"not JSON: {type(value).__name__}")
