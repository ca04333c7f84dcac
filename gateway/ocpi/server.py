"""The OCPI server: URLs, the caller of each request, and errors as envelopes."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from gateway.errors import ForbiddenError, GatewayError, NotFoundError, UnauthorizedError, WireError
from gateway.flows.views import may_use
from gateway.ocpi.caller import Caller, Route, check_route, identify, parse_route, response_headers
from gateway.ocpi.envelope import CLIENT_ERROR, SERVER_ERROR, Reply, render_response, reply_for
from gateway.ocpi.exchange import (
    CORRELATION_ID,
    MODULES_ROOT,
    REQUEST_ID,
    VERSIONS_PATH,
    Edge,
    Exchange,
    Handler,
    details_path,
    find_message_id,
    module_path,
)
from gateway.ocpi.handlers import CONFIGURATION, MODULES, REGISTRATION
from gateway.ocpi.handlers.versions import get_details, list_versions
from gateway.ocpi.version import Version
from gateway.ocpi.versions import VERSIONS
from gateway.ops.foreign_logs import foreign_logger

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
TRACE_ID = "ocpi"
"""Under this name, in place of a station's, the trace lists refused requests of partners."""

HTTP_LOGGER = foreign_logger(
    f"{__name__}.http", "unreadable HTTP request of a partner", HttpProcessingError, web.RequestPayloadError
)

Serve = Callable[["Call"], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Call:
    """A request as far as it has come: errors are answered by what is known by then."""

    request: web.Request
    caller: Caller | None = None
    routing: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    host: str
    port: int
    tls: ssl.SSLContext | None = None


class OcpiServer:
    """Serves partners on one or more listeners."""

    def __init__(self, edge: Edge, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        app = make_app(edge, max_body_bytes=max_body_bytes)
        self._runner = web.AppRunner(
            app, access_log=None, logger=HTTP_LOGGER, shutdown_timeout=20.0, handle_signals=False
        )

    async def start(self, *listeners: Listener) -> list[int]:
        """Listen; gives the ports in order, for those asked for as 0."""
        await self._runner.setup()
        sites = [
            web.TCPSite(self._runner, listener.host, listener.port, ssl_context=listener.tls) for listener in listeners
        ]
        for site in sites:
            await site.start()
        return [address[1] for address in self._runner.addresses]

    async def stop(self) -> None:
        """Accept no more, and let requests under way finish."""
        await self._runner.cleanup()


def make_app(edge: Edge, *, max_body_bytes: int = MAX_BODY_BYTES) -> web.Application:
    """Every version's modules under `/ocpi/cpo/<version>/<module>`, with or without a slash at the end."""
    app = web.Application(middlewares=[_answer_unrouted(edge)], client_max_size=max_body_bytes)
    newest = next(reversed(VERSIONS.values()))
    _add(app, edge, newest, "versions", "GET", VERSIONS_PATH, list_versions)
    for version in VERSIONS.values():
        _add(app, edge, version, "versions", "GET", details_path(version.number), get_details)
        for module, _ in version.modules:
            for method, rest, handler in MODULES[module]:
                path = module_path(version.number, module) + rest
                _add(app, edge, version, module, method, path, handler)
    return app


def _add(
    app: web.Application, edge: Edge, version: Version, module: str, method: str, path: str, handler: Handler
) -> None:
    is_routed = version.is_routed and module not in CONFIGURATION

    async def serve(call: Call) -> web.StreamResponse:
        caller = await _identify(edge, call)
        if module not in REGISTRATION and not caller.may_use_modules:
            raise UnauthorizedError("a registration token opens versions and credentials only: register first")
        route = _route(edge, call, caller) if is_routed else Route()
        if not may_use(caller.partner, module):
            raise ForbiddenError(f"{module} is not for the roles in your credentials")
        exchange = Exchange(edge=edge, version=version, caller=caller, route=route, request=call.request)
        return render_response(await handler(exchange), edge.clock.now())

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _answer(edge, Call(request), serve)

    # Two routes, not one pattern: a path without variables is found without trying others.
    app.router.add_route(method, path, handle)
    app.router.add_route(method, path + "/", handle)


def _answer_unrouted(edge: Edge) -> Middleware:
    """Unknown URLs and methods get an envelope too."""

    @web.middleware
    async def answer(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            return await handler(request)
        return await _answer(edge, Call(request), lambda call: handler(call.request))

    return answer


async def _identify(edge: Edge, call: Call) -> Caller:
    header = call.request.headers.get("Authorization")
    caller = call.caller = identify(header, edge.partners, edge.secrets, edge.clock.now())
    await edge.registration.on_token_used(caller.partner, caller.admission)
    return caller


def _route(edge: Edge, call: Call, caller: Caller) -> Route:
    """From here on every answer, also an error, carries routing headers."""
    call.routing = response_headers(Route(), caller.partner, edge.parties)
    route = parse_route(call.request.headers)
    check_route(route, caller.partner, edge.parties)
    call.routing = response_headers(route, caller.partner, edge.parties)
    return route


async def _answer(edge: Edge, call: Call, serve: Serve) -> web.StreamResponse:
    """What must be on every answer is put there in this one place."""
    request_id = _message_id(call.request, REQUEST_ID)
    correlation_id = _message_id(call.request, CORRELATION_ID)
    with structlog.contextvars.bound_contextvars(request_id=request_id, correlation_id=correlation_id):
        response = await _serve_or_refuse(edge, call, serve)
    response.headers[REQUEST_ID] = request_id
    response.headers[CORRELATION_ID] = correlation_id
    response.headers.update(_routing_headers(edge, call))
    return response


async def _serve_or_refuse(edge: Edge, call: Call, serve: Serve) -> web.StreamResponse:
    try:
        return await serve(call)
    except GatewayError as error:
        reply = reply_for(error)
        if reply.status_code == SERVER_ERROR:
            log.error("OCPI request failed", path=_path(call.request), reason=str(error))
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{call.request.method} is not possible here; possible: {allowed}"
        reply = Reply(http_status=405, status_code=CLIENT_ERROR, message=message, headers={"Allow": allowed})
    except web.HTTPNotFound:
        reply = reply_for(NotFoundError(f"nothing is served at this URL; see {VERSIONS_PATH}"))
    except web.HTTPException as error:
        reply = Reply(http_status=error.status, status_code=CLIENT_ERROR, message=error.reason)
    except Exception:  # root of a task
        log.exception("OCPI request broke", path=_path(call.request))
        reply = reply_for(GatewayError("internal error"))
    return _refuse(edge, call, reply)


def _refuse(edge: Edge, call: Call, reply: Reply) -> web.Response:
    """A partner's technician and ours look at the same words."""
    request, partner = call.request, call.caller.partner if call.caller else None
    who = f"partner {partner.name}" if partner else "an unknown caller"
    text = f"{request.method} {_path(request)} by {who} ({request.remote}): {reply.message}"
    edge.trace.event(TRACE_ID, f"HTTP {reply.http_status}, OCPI {reply.status_code}", text)
    log.info(
        "OCPI request refused",
        method=request.method,
        path=_path(request),
        partner_id=partner.id if partner else None,
        http_status=reply.http_status,
        status_code=reply.status_code,
        reason=reply.message,
    )
    return render_response(reply, edge.clock.now())


def _path(request: web.Request) -> str:
    """The pattern of the URL, not the URL: it may hold a token's uid."""
    resource = request.match_info.route.resource
    if resource is not None:
        return resource.canonical.rstrip("/")
    parts = request.path[:200].split("/")
    return "/".join(parts[:5]) + ("/…" if len(parts) > 5 else "")


def _message_id(request: web.Request, header: str) -> str:
    """The caller's own id, else a new one."""
    return find_message_id(request, header) or str(uuid.uuid4())


def _routing_headers(edge: Edge, call: Call) -> dict[str, str]:
    """Nothing for configuration modules and versions without routing; before the caller is known, only what it named
    itself."""
    if call.routing is not None:
        return call.routing
    number, _, rest = call.request.path.removeprefix(MODULES_ROOT).partition("/")
    version, module = VERSIONS.get(number), rest.split("/")[0]
    if not call.request.path.startswith(MODULES_ROOT) or not module or module in CONFIGURATION:
        return {}
    if version is not None and not version.is_routed:
        return {}
    try:
        route = parse_route(call.request.headers)
    except WireError:
        return {}
    if route == Route():
        return {}
    known = route if route.receiver in edge.parties else replace(route, receiver=None)
    return response_headers(known, None, edge.parties)
