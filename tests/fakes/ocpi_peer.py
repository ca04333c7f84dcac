"""An eMSP's platform, polite or not, on a port of its own."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[[web.Request], Awaitable[web.Response]]

ROLE = {
    "role": "EMSP",
    "business_details": {"name": "Emobility Provider"},
    "party_id": "EMP",
    "country_code": "DE",
}


def envelope(data: Any = None, *, code: int = 1000, http: int = 200, message: str | None = None) -> web.Response:
    body: dict[str, Any] = {"status_code": code, "timestamp": "2026-03-01T12:00:00Z"}
    if data is not None:
        body["data"] = data
    if message is not None:
        body["status_message"] = message
    return web.json_response(body, status=http)


class FakePeer:
    """Answers versions, details and credentials; `override` replaces one answer, `during_post` runs inside POST,
    `take` is given what its receivers are told."""

    def __init__(self, *, token: str = "peer-token", raw: bool = False) -> None:
        self.token = token
        self.raw = raw
        self.versions = ["2.2.1"]
        self.modules = [("credentials", "SENDER"), ("tokens", "SENDER"), ("cdrs", "RECEIVER")]
        self.given: dict[str, Any] = {}
        self.answer_token = "peer-token-c"
        self.role = ROLE
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.override: dict[str, Handler] = {}
        self.take: Handler | None = None
        self.during_post: Callable[[dict[str, Any]], Awaitable[None]] | None = None
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._server = TestServer(app)

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        await self._server.close()

    def url(self, path: str = "/versions") -> str:
        return str(self._server.make_url(path))

    def credentials(self, version: str, **changes: Any) -> dict[str, Any]:
        """Its credentials; those of 2.1.1 are flat."""
        role = {name: value for name, value in self.role.items() if name != "role"}
        theirs = role if version == "2.1.1" else {"roles": [self.role]}
        return {"token": self.token, "url": self.url(), **theirs, **changes}

    @property
    def calls(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path, dict(request.headers)))
        sent = request.headers.get("Authorization", "")
        token = self.token if self.raw else base64.b64encode(self.token.encode()).decode()
        if sent != f"Token {token}":
            return envelope(code=2000, http=401, message="who are you?")
        handler = self.override.get(f"{request.method} {request.path}")
        return await handler(request) if handler else await self._answer_politely(request)

    async def _answer_politely(self, request: web.Request) -> web.Response:
        if request.path == "/versions":
            return envelope([{"version": number, "url": self.url(f"/{number}")} for number in self.versions])
        number, _, rest = request.path[1:].partition("/")
        if number in self.versions and not rest:
            endpoints = [
                {"identifier": name, "role": role, "url": self.url(f"/{number}/{name}")} for name, role in self.modules
            ]
            return envelope({"version": number, "endpoints": endpoints})
        if number in self.versions and rest == "credentials" and request.method in ("POST", "PUT"):
            self.given = await request.json()
            if self.during_post:
                await self.during_post(self.given)
            self.token = self.answer_token
            return envelope(self.credentials(number))
        if number in self.versions and rest == "credentials" and request.method == "DELETE":
            self.token = "gone"
            return envelope()
        if self.take is not None and number in self.versions:
            return await self.take(request)
        return envelope(code=2000, http=404, message="nothing here")
