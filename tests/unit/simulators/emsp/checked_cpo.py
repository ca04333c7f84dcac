"""A small CPO of any version that does all that the check asks for by the book, until it is told to break a rule."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulators.emsp.wire import parse_json, render_json
from tests.unit.simulators.emsp import test_judge_versions as versions
from tests.unit.simulators.emsp.objects import CDR, LOCATION, SESSION, TARIFF, TOKEN_A, Json, without

LISTS = ("locations", "tariffs", "sessions", "cdrs")
RECEIVED = ("tokens", "commands", "chargingprofiles")
OPEN = ("versions", "details", "credentials")
MAX_LIMIT = 50
FROM, TO = ("OCPI-from-country-code", "OCPI-from-party-id"), ("OCPI-to-country-code", "OCPI-to-party-id")
MOMENT = "2026-03-02T12:00:00Z"
REQUIRED_OF_COMMANDS = {
    "START_SESSION": ("response_url", "token", "location_id"),
    "STOP_SESSION": ("response_url", "session_id"),
    "RESERVE_NOW": ("response_url", "token", "expiry_date", "reservation_id", "location_id"),
    "UNLOCK_CONNECTOR": ("response_url", "location_id", "evse_uid", "connector_id"),
    "CANCEL_RESERVATION": ("response_url", "reservation_id"),
}


@dataclass
class Seen:
    """A request; `body` is None if there is none, and `is_json` False if it is none that can be read."""

    method: str
    module: str
    segments: list[str]
    query: dict[str, str]
    body: Any
    token: str
    is_json: bool


@dataclass
class Out:
    """An answer before it is written; `raw` goes out in its place."""

    status: int = 200
    code: int = 1000
    data: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    timestamp: str | None = MOMENT
    raw: bytes | None = None

    def set(self, status: int, code: int, data: Any = None) -> None:
        self.status, self.code, self.data = status, code, data

    @property
    def is_refusal(self) -> bool:
        return self.status >= 400 or self.code >= 2000


Spoil = Callable[["CheckedCpo", Seen, Out], None]


def objects_of(version: str) -> dict[str, list[Json]]:
    """Two of each, which belong together."""
    first: dict[str, Json] = {
        "2.1.1": {
            "locations": versions.LOCATION,
            "tariffs": _tariff_211(),
            "sessions": versions.SESSION,
            "cdrs": versions.CDR,
        },
        "2.2.1": {"locations": LOCATION, "tariffs": TARIFF, "sessions": SESSION, "cdrs": CDR},
        "2.3.0": {
            "locations": versions.LOCATION_230,
            "tariffs": versions.TARIFF_230,
            "sessions": SESSION,
            "cdrs": versions.CDR_230,
        },
    }[version]
    second = {module: deepcopy(item) for module, item in first.items()}
    for module, item in second.items():
        item["id"] = {"locations": "L2", "tariffs": "T2", "sessions": "S2", "cdrs": "C2"}[module]
        item["last_updated"] = "2026-03-02T11:30:00Z"
    evse = second["locations"]["evses"][0]
    evse |= {"uid": "E2", "evse_id": "NL*GWY*E0002"}
    if "session_id" in second["cdrs"]:
        second["cdrs"]["session_id"] = "S2"
    objects = {module: [deepcopy(first[module]), second[module]] for module in LISTS}
    if version == "2.3.0":
        objects["invoicereconciliation"] = [
            {"country_code": "NL", "party_id": "GWY", "id": f"I{number}", "invoice_id": "2026-1", "cdrs": [cdr["id"]]}
            | {"last_updated": "2026-03-02T11:30:00Z"}
            for number, cdr in enumerate(objects["cdrs"])
        ]
    return objects


def _tariff_211() -> Json:
    tariff = without(deepcopy(TARIFF), "country_code", "party_id")
    for element in tariff["elements"]:
        element["price_components"] = [without(part, "vat") for part in element["price_components"]]
    return tariff


@dataclass
class CheckedCpo:
    """`habits` are what it does wrong by itself, `spoil` what becomes of an answer that was right."""

    version: str
    spoil: Spoil | None = None
    habits: set[str] = field(default_factory=set)
    objects: dict[str, list[Json]] = field(default_factory=dict)
    tokens: dict[tuple[str, str], Json] = field(default_factory=dict)
    valid: set[str] = field(default_factory=lambda: {TOKEN_A})
    ever: set[str] = field(default_factory=lambda: {TOKEN_A})
    counts: Counter[str] = field(default_factory=Counter)
    last: dict[str, Any] = field(default_factory=dict)
    pushes_to: str = ""
    profile_result: Json | None = None
    token_out: str = ""
    session: aiohttp.ClientSession | None = None
    base_of: dict[str, str] = field(default_factory=dict)
    base: str = ""

    def __post_init__(self) -> None:
        self.objects = objects_of(self.version)

    @property
    def is_registered(self) -> bool:
        return bool(self.token_out)

    @property
    def is_old(self) -> bool:
        return self.version == "2.1.1"

    @property
    def versions_url(self) -> str:
        return f"{self.base}/versions"

    # The server

    async def serve(self, request: web.Request) -> web.StreamResponse:
        seen = await self._see(request)
        self.counts[f"{seen.method} {'/'.join([seen.module, *seen.segments])}" + ("?" if seen.query else "")] += 1
        if seen.body is not None and seen.segments:
            self.last[seen.segments[-1]] = seen.body
        out = Out(headers={"Content-Type": "application/json"})
        self._head(request, seen, out)
        if seen.token not in self.valid or (seen.token == TOKEN_A and seen.module not in OPEN):
            out.set(401, 2000)
        elif not seen.is_json:
            out.set(400, 2001)
        else:
            await self._answer(seen, out)
        if self.spoil is not None:
            self.spoil(self, seen, out)
        await self._send_result(seen, out)
        return self._write(out)

    async def _see(self, request: web.Request) -> Seen:
        module, *segments = request.path.strip("/").split("/")
        content = await request.read()
        try:
            body, is_json = (parse_json(content) if content else None), True
        except ValueError:
            body, is_json = None, False
        _, _, encoded = request.headers.get("Authorization", "").partition(" ")
        token = encoded if self.is_old or not encoded else b64decode(encoded).decode()
        return Seen(request.method, module, segments, dict(request.query), body, token, is_json)

    def _head(self, request: web.Request, seen: Seen, out: Out) -> None:
        if self.is_old:
            return
        for name in ("X-Request-ID", "X-Correlation-ID"):
            out.headers[name] = request.headers[name]
        if seen.module in OPEN:
            return
        for one, other in (*zip(FROM, TO, strict=True), *zip(TO, FROM, strict=True)):
            if one in request.headers:
                out.headers[other] = request.headers[one]

    def _write(self, out: Out) -> web.Response:
        envelope = {"status_code": out.code} | ({} if out.timestamp is None else {"timestamp": out.timestamp})
        if out.data is not None:
            envelope["data"] = out.data
        return web.Response(status=out.status, body=out.raw or render_json(envelope), headers=out.headers)

    async def _answer(self, seen: Seen, out: Out) -> None:
        if seen.module == "versions":
            out.data = [{"version": self.version, "url": f"{self.base}/details"}]
        elif seen.module == "details":
            out.data = {"version": self.version, "endpoints": self._endpoints()}
        elif seen.module == "credentials":
            await self._credentials(seen, out)
        elif seen.module == "tokens":
            await self._push()
            self._token(seen, out)
        elif seen.module == "commands":
            self._command(seen, out)
        elif seen.module == "chargingprofiles":
            self._profile(seen, out)
        elif seen.segments[1:] == ["charging_preferences"]:
            self._preferences(seen, out)
        else:
            self._list(seen, out)

    def _endpoints(self) -> list[Json]:
        modules = ("credentials", *self.objects, *(RECEIVED[:2] if self.is_old else RECEIVED))
        endpoints = [
            {
                "identifier": module,
                "role": "RECEIVER" if module in RECEIVED else "SENDER",
                "url": f"{self.base_of.get(module, self.base)}/{module}",
            }
            for module in modules
        ]
        return [without(one, "role") for one in endpoints] if self.is_old else endpoints

    async def _credentials(self, seen: Seen, out: Out) -> None:
        if seen.method == "GET":
            out.data = self.card(seen.token)
            return
        if (seen.method == "POST") == self.is_registered:
            out.set(405, 2000)
            return
        if seen.method == "DELETE":
            self.valid, self.token_out = set(), ""
            return
        if seen.method in self.habits:
            out.set(200, 3001)
            return
        self.token_out, self.pushes_to = seen.body["token"], seen.body["url"].replace("versions", self.version)
        if "no_callback" not in self.habits:
            _, answer = await self.call("GET", seen.body["url"])
            await self.call("GET", answer["data"][0]["url"])
        token = f"token-{uuid4()}"
        self.ever.add(token)
        self.valid = {token}
        out.data = self.card(token)

    def card(self, token: str) -> Json:
        role: Json = {"business_details": {"name": "Checked"}, "party_id": "GWY", "country_code": "NL"}
        if self.is_old:
            return {"token": token, "url": self.versions_url, **role}
        roles = [role | {"role": "CPO"}, role | {"role": "CPO", "party_id": "GW2"}]
        return {"token": token, "url": self.versions_url, "roles": roles}

    # Lists

    def _list(self, seen: Seen, out: Out) -> None:
        if seen.method != "GET":
            out.set(405, 2000)
            return
        if seen.segments:
            self._location(seen, out)
            return
        query = seen.query
        numbers = [query.get("limit", "1"), query.get("offset", "0")]
        dates = [query[name] for name in ("date_from", "date_to") if name in query]
        is_wrong = not all(number.isdigit() for number in numbers) or not all(date[:2] == "20" for date in dates)
        if is_wrong or (seen.module == "sessions" and "date_from" not in query):
            out.set(200, 2001)
            return
        matching = [item for item in self.objects[seen.module] if self._is_within(item, query)]
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", MAX_LIMIT)), MAX_LIMIT)
        if "short_pages" in self.habits:
            limit = 1
        out.data = deepcopy(matching[offset : offset + limit])
        out.headers |= {"X-Total-Count": str(len(matching)), "X-Limit": str(MAX_LIMIT)}
        if offset + limit < len(matching):
            words = "&".join(f"{name}={query[name]}" for name in ("date_from", "date_to", "limit") if name in query)
            out.headers["Link"] = f'<{self.base}/{seen.module}?offset={offset + limit}&{words}>; rel="next"'

    def _is_within(self, item: Json, query: dict[str, str]) -> bool:
        moment = _comparable(item["last_updated"])
        low, high = _comparable(query.get("date_from", "0")), _comparable(query.get("date_to", "9"))
        is_late = moment > low if "exclusive_from" in self.habits else moment >= low
        return is_late and (moment <= high if "inclusive_to" in self.habits else moment < high)

    def _location(self, seen: Seen, out: Out) -> None:
        found: Any = {"evses": self.objects["locations"]} if seen.module == "locations" else None
        for name, key, value in zip(("evses", "evses", "connectors"), ("id", "uid", "id"), seen.segments, strict=False):
            parts = (found or {}).get(name) or []
            found = next((part for part in parts if part[key] == value), None)
        if found is None or len(seen.segments) > 3:
            out.set(404, 2003)
        else:
            out.data = deepcopy(found)

    # What it receives

    async def _push(self) -> None:
        """The first token is the occasion to push a location."""
        if not self.tokens:
            lacks = ("city",) if "pushes_badly" in self.habits else ()
            location = without(self.objects["locations"][0], *lacks)
            await self.call("PUT", f"{self.pushes_to}/locations/NL/GWY/{location['id']}", location)

    def _token(self, seen: Seen, out: Out) -> None:
        _, party_id, uid = seen.segments
        kind = "" if "ignores_type" in self.habits else seen.query.get("type", "RFID")
        key = (uid if "exact_case" in self.habits else uid.upper(), kind)
        known = self.tokens.get(key)
        if party_id != "EMS" or (known is None and seen.method != "PUT"):
            out.set(404, 2000)
        elif seen.method == "GET":
            out.data = known
        elif not self._is_token(seen, uid):
            out.set(200, 2001)
        elif seen.method == "PUT":
            out.status = 201 if known is None else 200
            body = {name: value for name, value in seen.body.items() if value is not None}
            self.tokens[key] = {**(known or {}), **body} if "put_merges" in self.habits else body
        elif "patch_forgets" not in self.habits or "last_updated" not in seen.body:
            self.tokens[key] = {**(known or {}), **seen.body}

    def _is_token(self, seen: Seen, uid: str) -> bool:
        body = seen.body
        if seen.method == "PATCH":
            return self.is_old or "last_updated" in body
        return isinstance(body, dict) and body.get("uid") == uid and "issuer" in body and body["whitelist"] != 7

    def _command(self, seen: Seen, out: Out) -> None:
        command = seen.segments[0]
        required = REQUIRED_OF_COMMANDS.get(command)
        if required is None or seen.method != "POST":
            out.set(404 if required is None else 405, 2000)
        elif any(name not in seen.body for name in required):
            out.set(200, 2001)
        elif command == "STOP_SESSION":
            out.data = self.response("UNKNOWN_SESSION")
        elif command == "CANCEL_RESERVATION" or (command, seen.body.get("location_id")) == ("START_SESSION", "L1"):
            out.data = self.response("ACCEPTED")
        else:
            out.set(200, 2003, self.response("REJECTED"))

    def response(self, result: str) -> Json:
        return {"result": result} if self.is_old else {"result": result, "timeout": 5}

    def _profile(self, seen: Seen, out: Out) -> None:
        if seen.method == "PUT" and "response_url" not in seen.body:
            out.set(200, 2001)
        else:
            out.data = self.response("UNKNOWN_SESSION")

    def _preferences(self, seen: Seen, out: Out) -> None:
        if not any(session["id"] == seen.segments[0] for session in self.objects["sessions"]):
            out.set(404, 2000)
        elif "profile_type" not in seen.body:
            out.set(200, 2001)
        else:
            out.data = "NOT_POSSIBLE"

    # The client

    async def _send_result(self, seen: Seen, out: Out) -> None:
        asked = {**seen.query, **(seen.body if isinstance(seen.body, dict) else {})}
        if seen.module == "chargingprofiles" and self.profile_result is not None:
            await self.call("POST", asked["response_url"], self.profile_result)
        if seen.module != "commands" or "response_url" not in asked:
            return
        is_accepted = isinstance(out.data, dict) and out.data.get("result") == "ACCEPTED"
        if (is_accepted and "no_results" not in self.habits) or "always_results" in self.habits:
            result = "UNKNOWN_RESERVATION" if seen.segments == ["CANCEL_RESERVATION"] else "ACCEPTED"
            await self.call("POST", asked["response_url"], {"result": result})

    async def call(self, method: str, url: str, body: object = None) -> tuple[int, Any]:
        assert self.session is not None
        token = self.token_out if self.is_old else b64encode(self.token_out.encode()).decode()
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        if not self.is_old:
            if "no_ids" not in self.habits:
                headers |= {"X-Request-ID": str(uuid4()), "X-Correlation-ID": str(uuid4())}
            if f"/{self.version}/" in url:
                headers |= dict(zip((*FROM, *TO), ("NL", "GWY", "NL", "EMS"), strict=True))
        content = None if body is None else render_json(body)
        async with self.session.request(method, url, data=content, headers=headers) as response:
            return response.status, parse_json(await response.read())


def _comparable(text: str) -> str:
    """A moment whose fraction of a second does not matter to an alphabetical order."""
    return text.removesuffix("Z").partition(".")[0]


@asynccontextmanager
async def running(cpo: CheckedCpo) -> AsyncIterator[CheckedCpo]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cpo.serve)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session, TestServer(app) as server:
        cpo.session = session
        cpo.base = str(server.make_url("")).rstrip("/")
        yield cpo
