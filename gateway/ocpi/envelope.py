"""The OCPI response format, and the one table from errors to HTTP and OCPI status codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from gateway.errors import (
    ConflictError,
    ForbiddenError,
    GatewayError,
    NotFoundError,
    PartnerError,
    UnauthorizedError,
    WireError,
)
from gateway.flows.partner_urls import Fault
from gateway.flows.registration import AlreadyRegisteredError, NotRegisteredError
from gateway.ocpi import wire

SUCCESS = 1000
CLIENT_ERROR = 2000
INVALID_PARAMETERS = 2001
UNKNOWN_LOCATION = 2003
SERVER_ERROR = 3000
UNUSABLE_API = 3001
UNSUPPORTED_VERSION = 3002
NO_MATCHING_ENDPOINTS = 3003

MESSAGE_LIMIT = 500


class NotJsonError(GatewayError):
    """A body that is no JSON: the one fault of content that HTTP itself reports.  OCPI 2.2.1 status_codes 5"""


class TooLargeError(GatewayError):
    """A body beyond what any OCPI object needs."""


class UnknownLocationError(NotFoundError):
    """No such location, EVSE or connector for this caller."""


# The first row that fits wins, so a subclass stands before its parent.  OCPI 2.2.1 status_codes 5
ERRORS: tuple[tuple[type[GatewayError], int, int], ...] = (
    (NotJsonError, 400, INVALID_PARAMETERS),
    (TooLargeError, 413, INVALID_PARAMETERS),
    (UnauthorizedError, 401, CLIENT_ERROR),
    (UnknownLocationError, 404, UNKNOWN_LOCATION),
    (NotFoundError, 404, CLIENT_ERROR),
    (ForbiddenError, 404, INVALID_PARAMETERS),
    (WireError, 200, INVALID_PARAMETERS),
    (AlreadyRegisteredError, 405, CLIENT_ERROR),
    (NotRegisteredError, 405, CLIENT_ERROR),
    (ConflictError, 200, INVALID_PARAMETERS),
    (PartnerError, 200, UNUSABLE_API),
    (GatewayError, 200, SERVER_ERROR),
)
HANDSHAKE_FAULTS: dict[str, int] = {
    Fault.NO_VERSION: UNSUPPORTED_VERSION,
    Fault.NO_ENDPOINTS: NO_MATCHING_ENDPOINTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a handler answers; `data` is JSON already, None leaves the member out."""

    data: bytes | None = None
    http_status: int = 200
    status_code: int = SUCCESS
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def reply_for(error: GatewayError) -> Reply:
    """The answer to a request that failed with `error`."""
    http_status, code = next((http, code) for kind, http, code in ERRORS if isinstance(error, kind))
    if isinstance(error, PartnerError):
        code = HANDSHAKE_FAULTS.get(error.kind, code)
    # What goes wrong inside is ours to know.
    message = str(error) if code != SERVER_ERROR else "this request could not be processed; try again later"
    headers = {"WWW-Authenticate": "Token"} if http_status == 401 else {}
    return Reply(http_status=http_status, status_code=code, message=message[:MESSAGE_LIMIT], headers=headers)


def render_response(reply: Reply, now: datetime) -> web.Response:
    """The envelope is there for errors too, and `data` only where there is something to say.

    Its time is of whole seconds, which every version reads.

    OCPI 2.2.1 transport_and_format "Response format"
    """
    parts = [b'{"data":', reply.data, b","] if reply.data is not None else [b"{"]
    parts.append(b'"status_code":%d,' % reply.status_code)
    if reply.message is not None:
        parts.append(b'"status_message":' + wire.dump_json(reply.message) + b",")
    parts.append(b'"timestamp":"' + wire.render_time(now.replace(microsecond=0)).encode() + b'"}')
    return web.Response(
        body=b"".join(parts),
        status=reply.http_status,
        headers=dict(reply.headers),
        content_type="application/json",
    )
