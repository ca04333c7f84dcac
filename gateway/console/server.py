"""The operator's API on its own listener."""

import hmac

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.console import (
    commands,
    deliveries,
    export,
    inventory,
    invoices,
    ledger,
    partners,
    reports,
    reservations,
    stations,
    tokens,
    watch,
)
from gateway.console.answers import Handler, answer_errors
from gateway.console.parts import PARTS, Parts
from gateway.errors import UnauthorizedError
from gateway.ops.foreign_logs import foreign_logger

log = structlog.get_logger(__name__)

API = "/api/v1"
HEALTH = f"{API}/health"
MAX_BODY_BYTES = 4 * 1024 * 1024
DRAIN_S = 5.0
HTTP_LOGGER = foreign_logger(
    f"{__name__}.http", "unreadable HTTP request of an operator", HttpProcessingError, web.RequestPayloadError
)


class Console:
    """A listener for the operator's API."""

    def __init__(self, parts: Parts) -> None:
        self._runner = web.AppRunner(build_app(parts), access_log=None, logger=HTTP_LOGGER, shutdown_timeout=DRAIN_S)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which the system chose where `port` is 0.  Raises OSError."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host or None, port).start()
        bound: int = self._runner.addresses[0][1]
        log.info("operator's API started", host=host, port=bound)
        return bound

    async def stop(self) -> None:
        await self._runner.cleanup()


def build_app(parts: Parts) -> web.Application:
    """The routes and what stands before them."""
    app = web.Application(middlewares=[answer_errors, check_token], client_max_size=MAX_BODY_BYTES)
    app[PARTS] = parts
    objects = (stations, inventory, tokens, partners, deliveries, ledger, invoices)
    for module in (commands, reservations, watch, *objects, export, reports):
        for method, path, handler in module.ROUTES:
            app.router.add_route(method, f"{API}/{path}", handler)
    return app


@web.middleware
async def check_token(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everything but health needs the operator's token."""
    if request.path != HEALTH and not _has_token(request, request.app[PARTS].token):
        log.warning("operator refused", remote=request.remote, path=request.path)
        raise UnauthorizedError("the operator's token is missing or wrong")
    return await handler(request)


def _has_token(request: web.Request, token: bytes) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_equal = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token)
    return scheme.lower() == "bearer" and is_equal
