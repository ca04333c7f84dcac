"""The eMSP's own OCPI server: authentication, headers, envelope; the modules are the version's routes."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from simulators.emsp import transport
from simulators.emsp.faults import Faults
from simulators.emsp.findings import Rule
from simulators.emsp.state import Desk, Received
from simulators.emsp.version import Answer, Inbound, OcpiVersion, Route, failed, ok
from simulators.emsp.wire import format_datetime, parse_json, render_json, shorten

AUTHORIZATION = Rule(
    "push.authorization",
    "every request has 'Authorization: Token' and the encoded credentials token of the handshake",
    "OCPI 2.2.1 transport_and_format 4.1.2 Authorization header",
)
NO_ROUTE = Rule(
    "push.known_url",
    "requests go to the endpoints of our version details, with the methods their modules define",
    "OCPI 2.2.1 version_information_endpoint 6.2",
)
IS_JSON = Rule("push.json", "a body is JSON", transport.STATUS)

MAX_BODY = 16 * 1024 * 1024
Handle = Callable[[Desk, Inbound], Awaitable[Answer]]


@dataclass(slots=True)
class Server:
    """Serves the versions endpoint and the routes of one version; what comes in is judged and logged."""

    desk: Desk
    version: OcpiVersion
    faults: Faults = field(default_factory=Faults)
    _ids: deque[str] = field(default_factory=lambda: deque(maxlen=10_000))

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._play_faults])
        prefix = f"/ocpi/{self.version.number}"
        routes = [
            ("/ocpi/versions", Route("GET", "", "versions", self._list_versions)),
            (prefix, Route("GET", "", "versions", self._details)),
            *((f"{prefix}/{route.path}", route) for route in self.version.routes),
        ]
        for path, route in routes:
            app.router.add_route(route.method, path, self._serve(route))
        app.router.add_route("*", "/{path:.*}", self._refuse_unknown)
        return app

    @web.middleware
    async def _play_faults(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return await self.faults.play(request, handler)

    def _serve(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            body: Any = None
            answer = self._authenticate(request, route)
            if answer is None:
                self._check_headers(request, route)
                body, answer = await self._read_body(request, route)
            if answer is None:
                answer = await route.handler(self.desk, self._inbound(request, route, body))
            return await self._respond(request, route.module, body, answer)

        return serve

    async def _refuse_unknown(self, request: web.Request) -> web.StreamResponse:
        self.desk.findings.add(NO_ROUTE, _where(request), "URL", f"nothing answers {request.method} {request.path}")
        return await self._respond(request, "versions", None, failed(2000, "no such endpoint", http_status=404))

    async def _list_versions(self, desk: Desk, _call: Inbound) -> Answer:
        return ok([{"version": self.version.number, "url": f"{desk.base_url}/ocpi/{self.version.number}"}])

    async def _details(self, desk: Desk, _call: Inbound) -> Answer:
        base = f"{desk.base_url}/ocpi/{self.version.number}"
        endpoints = [
            {"identifier": module, "role": role, "url": f"{base}/{path}"}
            for module, role, path in self.version.interfaces
        ]
        if not self.version.has_roles:
            endpoints = [{name: value for name, value in one.items() if name != "role"} for one in endpoints]
        return ok({"version": self.version.number, "endpoints": endpoints})

    def _authenticate(self, request: web.Request, route: Route) -> Answer | None:
        """None if the request may pass, else the 401 (OCPI 2.2.1 4.1.2)."""
        token = self._token_of(request)
        desk = self.desk
        if token is not None and token in desk.tokens_in:
            if token == desk.newest_token:
                desk.tokens_in = {token}
            return None
        if token is not None and token == desk.token_a and route.module in self.version.configuration:
            return None
        desk.findings.add(
            AUTHORIZATION,
            _where(request),
            "header Authorization",
            "not there" if "Authorization" not in request.headers else "not a token that was handed out",
        )
        return failed(2000, "unknown credentials token", http_status=401)

    def _token_of(self, request: web.Request) -> str | None:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Token":
            return None
        try:
            return self.version.decode_token(encoded)
        except ValueError:
            return None

    def _check_headers(self, request: web.Request, route: Route) -> None:
        desk, where = self.desk, _where(request)
        for name in (transport.X_REQUEST_ID, transport.X_CORRELATION_ID):
            if self.version.has_message_ids and not request.headers.get(name):
                desk.findings.add(transport.IDS_SENT, where, f"header {name}", "not there")
        request_id = request.headers.get(transport.X_REQUEST_ID)
        if request_id:
            if request_id in self._ids:
                desk.findings.add(transport.IDS_NEW, where, f"header {transport.X_REQUEST_ID}", repr(request_id))
            self._ids.append(request_id)
        if not self.version.is_routed(route.module):
            desk.findings.extend(where, transport.check_not_routed(request.headers))
        elif desk.partner is not None:
            cpos = desk.partner.card.parties
            desk.findings.extend(where, transport.check_routed_to_us(request.headers, us=desk.party, cpos=cpos))

    async def _read_body(self, request: web.Request, route: Route) -> tuple[Any, Answer | None]:
        content = await request.read()
        if not route.body or not content:
            missing = route.body and not request.path.endswith("/authorize")
            return None, failed(2001, "no body", http_status=400) if missing else None
        if request.content_type != "application/json":
            self.desk.findings.add(
                transport.REQUEST_CONTENT_TYPE, _where(request), "header Content-Type", repr(request.content_type)
            )
        try:
            return parse_json(content), None
        except ValueError as error:
            seen = f"{error}: {shorten(content.decode(errors='replace'))!r}"
            self.desk.findings.add(IS_JSON, _where(request), "$", seen)
            return None, failed(2001, "not JSON", http_status=400)

    def _inbound(self, request: web.Request, route: Route, body: Any) -> Inbound:
        return Inbound(
            method=request.method,
            where=_where(request),
            module=route.module,
            segments=dict(request.match_info),
            query=dict(request.query),
            body=body,
            credentials_token=self._token_of(request) or "",
            version=self.version,
        )

    async def _respond(self, request: web.Request, module: str, body: Any, answer: Answer) -> web.StreamResponse:
        desk = self.desk
        envelope: dict[str, Any] = {"data": answer.data} if answer.has_data else {}
        envelope |= {"status_code": answer.status_code, "timestamp": format_datetime(desk.now())}
        if answer.message is not None:
            envelope["status_message"] = answer.message
        headers = {"Content-Type": "application/json", **answer.headers}
        for name in (transport.X_REQUEST_ID, transport.X_CORRELATION_ID):
            if name in request.headers:
                headers[name] = request.headers[name]
        if self.version.is_routed(module):
            headers |= _swap_routing(request)
        desk.received.append(
            Received(request.method, request.path_qs, request.headers, body, answer.http_status, answer.status_code)
        )
        desk.findings.checked["requests"] += 1
        await desk.notify()
        return web.Response(status=answer.http_status, body=render_json(envelope), headers=headers)


def _swap_routing(request: web.Request) -> dict[str, str]:
    pairs = (
        (transport.TO_COUNTRY, transport.FROM_COUNTRY),
        (transport.TO_PARTY, transport.FROM_PARTY),
    )
    swapped = {}
    for to, sender in pairs:
        if sender in request.headers:
            swapped[to] = request.headers[sender]
        if to in request.headers:
            swapped[sender] = request.headers[to]
    return swapped


def _where(request: web.Request) -> str:
    return f"{request.method} {request.path_qs}"
