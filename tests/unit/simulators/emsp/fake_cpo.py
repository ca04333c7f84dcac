"""A tiny CPO that follows OCPI 2.2.1 as far as an eMSP sees it, and can be told to stray."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulators.emsp.wire import format_datetime, parse_json, render_json
from tests.unit.simulators.emsp.objects import CDR, LOCATION, NOW, SESSION, TARIFF, TOKEN_A, Json

Stray = Callable[[str, dict[str, str], Json], None]
SWAPPED = {
    "OCPI-to-country-code": "OCPI-from-country-code",
    "OCPI-to-party-id": "OCPI-from-party-id",
    "OCPI-from-country-code": "OCPI-to-country-code",
    "OCPI-from-party-id": "OCPI-to-party-id",
}


def encoded(token: str) -> str:
    return "Token " + b64encode(token.encode()).decode()


@dataclass
class FakeCpo:
    """`stray` is called with the module, the headers and the envelope of each answer, and may spoil them.

    The first `busy_answers` requests for locations get 401, as from a CPO that has not finished registering.
    """

    page_size: int = 2
    objects: dict[str, list[Json]] = field(
        default_factory=lambda: {"locations": [LOCATION], "sessions": [SESSION], "cdrs": [CDR], "tariffs": [TARIFF]}
    )
    stray: Stray | None = None
    roles: list[Json] = field(default_factory=lambda: [_role("GWY"), _role("GW2")])
    tokens: dict[str, Json] = field(default_factory=dict)
    valid: set[str] = field(default_factory=lambda: {TOKEN_A})
    token_out: str = ""
    emsp_versions_url: str = ""
    token_c: str = ""
    seen: list[web.Request] = field(default_factory=list)
    command_result: str = "ACCEPTED"
    preferences_answer: str = "ACCEPTED"
    last_response_url: str = ""
    session: aiohttp.ClientSession | None = None
    base: str = ""
    content_type: str = "application/json"
    busy_answers: int = 0

    @property
    def versions_url(self) -> str:
        return f"{self.base}/versions"

    # Serving

    def app(self) -> web.Application:
        app = web.Application()
        for module in self.objects:
            app.router.add_get(f"/{module}", self._module(module, self._list))
        app.router.add_get("/versions", self._module("versions", self._versions))
        app.router.add_get("/2.2.1", self._module("versions", self._details))
        app.router.add_get("/locations/{id}", self._module("locations", self._location))
        for method in ("POST", "PUT", "DELETE"):
            app.router.add_route(method, "/credentials", self._module("credentials", self._credentials))
        app.router.add_route("*", "/tokens/{cc}/{party}/{uid}", self._module("tokens", self._token))
        app.router.add_post("/commands/{command}", self._module("commands", self._command))
        app.router.add_route("*", "/profiles/{session}", self._module("chargingprofiles", self._profile))
        app.router.add_put("/sessions/{id}/charging_preferences", self._module("sessions", self._preferences))
        return app

    def _module(self, module: str, handler: Any) -> Any:
        async def serve(request: web.Request) -> web.Response:
            self.seen.append(request)
            headers = {"Content-Type": self.content_type}
            for name in ("X-Request-ID", "X-Correlation-ID"):
                headers[name] = request.headers[name]
            if module not in ("versions", "credentials"):
                headers |= {SWAPPED[n]: v for n, v in request.headers.items() if n in SWAPPED}
            http_status, envelope = 401, {"status_code": 2000, "status_message": "who are you?"}
            if self._is_known(request, module):
                try:
                    http_status, envelope = await handler(request, headers)
                except ValueError:
                    http_status, envelope = 400, {"status_code": 2001}
            envelope["timestamp"] = format_datetime(NOW)
            if self.stray is not None:
                self.stray(module, headers, envelope)
            http_status = envelope.pop("http_status", http_status)
            body = envelope.pop("raw", None) or render_json(envelope)
            return web.Response(status=http_status, body=body, headers=headers)

        return serve

    def _is_known(self, request: web.Request, module: str) -> bool:
        try:
            token = b64decode(request.headers.get("Authorization", "").removeprefix("Token ")).decode()
        except ValueError:
            return False
        if module == "locations" and self.busy_answers > 0:
            self.busy_answers -= 1
            return False
        return token in self.valid and (token != TOKEN_A or module in ("versions", "credentials"))

    async def _versions(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        return 200, {"status_code": 1000, "data": [{"version": "2.2.1", "url": f"{self.base}/2.2.1"}]}

    async def _details(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        receivers = ("tokens", "commands", "chargingprofiles")
        paths = {"chargingprofiles": "profiles"}
        endpoints = [
            {
                "identifier": module,
                "role": "RECEIVER" if module in receivers else "SENDER",
                "url": f"{self.base}/{paths.get(module, module)}",
            }
            for module in ("credentials", *self.objects, *receivers)
        ]
        return 200, {"status_code": 1000, "data": {"version": "2.2.1", "endpoints": endpoints}}

    async def _credentials(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        is_registered = bool(self.token_out)
        if request.method == "DELETE":
            self.valid, self.token_out = set(), ""
            return 200, {"status_code": 1000}
        if (request.method == "POST") == is_registered:
            return 405, {"status_code": 2000, "status_message": "registered or not"}
        body = parse_json(await request.read())
        self.token_out, self.emsp_versions_url = body["token"], body["url"]
        if not await self._can_call_back():
            self.token_out = ""
            return 200, {"status_code": 3001, "status_message": "cannot use your API"}
        self.token_c = f"token-c-{uuid4()}"
        self.valid = {self.token_c}
        return 200, {"status_code": 1000, "data": self.credentials(self.token_c)}

    def credentials(self, token: str) -> Json:
        return {"token": token, "url": self.versions_url, "roles": self.roles}

    async def _can_call_back(self) -> bool:
        status, versions, _ = await self.call("GET", self.emsp_versions_url)
        if status != 200:
            return False
        status, _, _ = await self.call("GET", versions["data"][0]["url"])
        return status == 200

    async def _list(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        module = request.path.strip("/")
        query = request.query
        if (module == "sessions" and "date_from" not in query) or not query.get("limit", "1").isdigit():
            return 200, {"status_code": 2001, "status_message": "parameters"}
        if "date_from" in query and not query["date_from"].startswith("20"):
            return 200, {"status_code": 2001, "status_message": "date_from"}
        low, high = query.get("date_from", "0"), query.get("date_to", "9")
        matching = [item for item in self.objects[module] if low <= item.get("last_updated", "2026") < high]
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", self.page_size)), self.page_size)
        headers |= {"X-Total-Count": str(len(matching)), "X-Limit": str(self.page_size)}
        if offset + limit < len(matching):
            following = request.url.update_query(offset=str(offset + limit), limit=str(limit))
            headers["Link"] = f'<{following}>; rel="next"'
        return 200, {"status_code": 1000, "data": matching[offset : offset + limit]}

    async def _location(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        for location in self.objects["locations"]:
            if location["id"] == request.match_info["id"]:
                return 200, {"status_code": 1000, "data": location}
        return 404, {"status_code": 2003}

    async def _token(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        uid, known = request.match_info["uid"], self.tokens.get(request.match_info["uid"])
        if request.method == "GET":
            return (404, {"status_code": 2000}) if known is None else (200, {"status_code": 1000, "data": known})
        body = parse_json(await request.read())
        if request.match_info["party"] != "EMS":
            return 404, {"status_code": 2001}
        if request.method == "PATCH":
            if known is None:
                return 404, {"status_code": 2000}
            if "last_updated" not in body:
                return 200, {"status_code": 2001}
            self.tokens[uid] = {**known, **body}
            return 200, {"status_code": 1000}
        if body.get("uid") != uid or "contract_id" not in body:
            return 200, {"status_code": 2001}
        self.tokens[uid] = body
        return 200 if known else 201, {"status_code": 1000}

    async def _command(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        self.last_command = parse_json(await request.read())
        return 200, {"status_code": 1000, "data": {"result": self.command_result, "timeout": 30}}

    async def _profile(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        body = parse_json(await request.read()) if request.method == "PUT" else request.query
        self.last_response_url = body["response_url"]
        return 200, {"status_code": 1000, "data": {"result": self.command_result, "timeout": 30}}

    async def _preferences(self, request: web.Request, headers: dict[str, str]) -> tuple[int, Json]:
        return 200, {"status_code": 1000, "data": self.preferences_answer}

    # Calling

    async def call(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        headers: dict[str, str | None] | None = None,
        raw: bytes = b"",
    ) -> tuple[int, Any, Any]:
        """A request to the eMSP with all headers right, but for those given (None leaves one out)."""
        assert self.session is not None
        sent: dict[str, str | None] = {
            "Authorization": encoded(self.token_out),
            "X-Request-ID": str(uuid4()),
            "X-Correlation-ID": str(uuid4()),
        }
        if "/ocpi/2.2.1/" in url and not url.endswith("/credentials"):
            sent |= {
                "OCPI-to-country-code": "NL",
                "OCPI-to-party-id": "EMS",
                "OCPI-from-country-code": "NL",
                "OCPI-from-party-id": "GWY",
            }
        payload = raw or (None if body is None else render_json(body))
        if payload is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        present = {name: value for name, value in sent.items() if value is not None}
        async with self.session.request(
            method, url, data=payload, headers=present, skip_auto_headers=["Content-Type"]
        ) as response:
            content = await response.read()
            return response.status, parse_json(content) if content else None, response.headers


def _role(party_id: str) -> Json:
    return {
        "role": "CPO",
        "business_details": {"name": "Gateway"},
        "party_id": party_id,
        "country_code": "NL",
    }


@asynccontextmanager
async def running(cpo: FakeCpo) -> AsyncIterator[FakeCpo]:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        TestServer(cpo.app()) as server,
    ):
        cpo.session = session
        cpo.base = str(server.make_url("")).rstrip("/")
        yield cpo
