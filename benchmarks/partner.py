"""eMSPs of the smallest kind: they register over OCPI 2.2.1, push a token, and read pages or are told of changes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from benchmarks.gateway import COUNTRY_CODE, PARTY_ID, Gateway
from benchmarks.load import LoadError

VERSION = "2.2.1"
TOKEN_UID = "04D7E8F9A0B180"
_TOKEN_B = "benchmark-token-the-gateway-uses"
_LAST_UPDATED = "2026-01-05T08:00:00Z"


@dataclass(frozen=True, slots=True)
class Emsp:
    """Who it is, the uid of its one token, the modules that it takes pushes of, and who else is on its platform."""

    party_id: str = "FHR"
    name: str = "Fahrstrom"
    country_code: str = "DE"
    token_uid: str = TOKEN_UID
    receives: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registered:
    """What the eMSP knows after registration: its id at the gateway, sender URLs by module, headers of its requests."""

    partner_id: str
    endpoints: Mapping[tuple[str, str], str]
    headers: Mapping[str, str]


def register(gateway: Gateway, *, port: int, emsp: Emsp | None = None) -> Registered:
    """Register with the gateway from a platform on `port` that is gone afterwards, then push one token."""
    return asyncio.run(_register(gateway, port, emsp or Emsp()))


def introduce(gateway: Gateway, emsp: Emsp, *, port: int) -> Registered:
    """The same from a platform that somebody serves there already."""
    return asyncio.run(_introduce(gateway, emsp, port))


def describe_platform(emsp: Emsp, port: int) -> dict[str, bytes]:
    """The answers of a platform to GET, by path: versions, their details, and tokens to pull."""
    url = f"http://127.0.0.1:{port}"
    modules = [("credentials", "SENDER"), ("tokens", "SENDER"), *((name, "RECEIVER") for name in emsp.receives)]
    answers: dict[str, Any] = {
        "/versions": [{"version": VERSION, "url": f"{url}/{VERSION}"}],
        f"/{VERSION}": {
            "version": VERSION,
            "endpoints": [
                {"identifier": name, "role": role, "url": f"{url}/{VERSION}/{name}"} for name, role in modules
            ],
        },
        f"/{VERSION}/tokens": [_token(emsp)],
    }
    return {path: _envelope(data) for path, data in answers.items()}


async def _register(gateway: Gateway, port: int, emsp: Emsp) -> Registered:
    runner = web.AppRunner(_platform(emsp, port), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        return await _introduce(gateway, emsp, port)
    finally:
        await runner.cleanup()


async def _introduce(gateway: Gateway, emsp: Emsp, port: int) -> Registered:
    created = await asyncio.to_thread(gateway.post, "partners", {"name": emsp.name, "role": "EMSP"})
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
        return await _shake_hands(client, gateway, emsp, created, port)


async def _shake_hands(
    client: aiohttp.ClientSession, gateway: Gateway, emsp: Emsp, created: Mapping[str, Any], port: int
) -> Registered:
    token_a = created["token_a"]
    headers = _headers(token_a)
    versions = await _ask(client, "GET", f"{gateway.ocpi_url}/ocpi/versions", headers)
    details_url = next(item["url"] for item in versions if item["version"] == VERSION)
    endpoints = _endpoints(await _ask(client, "GET", details_url, headers))
    credentials = await _ask(
        client,
        "POST",
        endpoints["credentials", "SENDER"],
        headers,
        {
            "token": _TOKEN_B,
            "url": f"http://127.0.0.1:{port}/versions",
            "roles": [
                {
                    "role": "EMSP",
                    "country_code": emsp.country_code,
                    "party_id": party_id,
                    "business_details": {"name": emsp.name},
                }
                for party_id in (emsp.party_id, *emsp.others)
            ],
        },
    )
    headers = _headers(credentials["token"]) | {
        "OCPI-from-country-code": emsp.country_code,
        "OCPI-from-party-id": emsp.party_id,
        "OCPI-to-country-code": COUNTRY_CODE,
        "OCPI-to-party-id": PARTY_ID,
    }
    tokens_url = endpoints["tokens", "RECEIVER"].rstrip("/")
    url = f"{tokens_url}/{emsp.country_code}/{emsp.party_id}/{emsp.token_uid}?type=RFID"
    await _ask(client, "PUT", url, headers, _token(emsp))
    return Registered(created["id"], endpoints, headers)


def _platform(emsp: Emsp, port: int) -> web.Application:
    answers = describe_platform(emsp, port)

    async def answer(request: web.Request) -> web.Response:
        headers = {"X-Total-Count": "1", "X-Limit": "100"}
        return web.Response(body=answers[request.path], content_type="application/json", headers=headers)

    app = web.Application()
    for path in answers:
        app.router.add_get(path, answer)
    return app


def _envelope(data: Any) -> bytes:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return orjson.dumps({"data": data, "status_code": 1000, "timestamp": at})


def _token(emsp: Emsp) -> dict[str, Any]:
    return {
        "country_code": emsp.country_code,
        "party_id": emsp.party_id,
        "uid": emsp.token_uid,
        "type": "RFID",
        "contract_id": f"{emsp.country_code}-{emsp.party_id}-C00004711-K",
        "issuer": emsp.name,
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": _LAST_UPDATED,
    }


def _headers(token: str) -> dict[str, str]:
    return {
        "Authorization": f"Token {base64.b64encode(token.encode()).decode()}",
        "X-Request-ID": "5f0e7c1a-0000-4000-8000-000000000001",
        "X-Correlation-ID": "5f0e7c1a-0000-4000-8000-000000000002",
    }


def _endpoints(details: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {(item["identifier"], item["role"]): item["url"] for item in details["endpoints"]}


async def _ask(
    client: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any] | None = None,
) -> Any:
    async with client.request(method, url, headers=headers, json=body) as answer:
        text = await answer.text()
        envelope = await answer.json(content_type=None) if text else {}
        if answer.status >= 400 or envelope.get("status_code") != 1000:
            raise LoadError(f"{method} {url}: HTTP {answer.status}: {text[:400]}")
        return envelope.get("data")
