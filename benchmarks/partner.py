"""An eMSP of the smallest kind: it registers over OCPI 2.2.1, pushes a token and reads pages."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.gateway import COUNTRY_CODE, PARTY_ID, Gateway
from benchmarks.load import LoadError

VERSION = "2.2.1"
TOKEN_UID = "04D7E8F9A0B180"
_COUNTRY_CODE, _PARTY_ID = "DE", "FHR"
_TOKEN_B = "benchmark-token-the-gateway-uses"
_LAST_UPDATED = "2026-01-05T08:00:00Z"


@dataclass(frozen=True, slots=True)
class Registered:
    """What the eMSP knows after registration: sender URLs by module, and the headers of its requests."""

    endpoints: Mapping[tuple[str, str], str]
    headers: Mapping[str, str]


def register(gateway: Gateway, *, port: int) -> Registered:
    """Register with the gateway from a platform on `port`, then push one token."""
    return asyncio.run(_register(gateway, port))


async def _register(gateway: Gateway, port: int) -> Registered:
    created = await asyncio.to_thread(gateway.post, "partners", {"name": "Fahrstrom", "role": "EMSP"})
    runner = web.AppRunner(_platform(f"http://127.0.0.1:{port}"), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
            return await _shake_hands(client, gateway, created["token_a"], port)
    finally:
        await runner.cleanup()


async def _shake_hands(client: aiohttp.ClientSession, gateway: Gateway, token_a: str, port: int) -> Registered:
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
                    "country_code": _COUNTRY_CODE,
                    "party_id": _PARTY_ID,
                    "business_details": {"name": "Fahrstrom"},
                }
            ],
        },
    )
    headers = _headers(credentials["token"]) | {
        "OCPI-from-country-code": _COUNTRY_CODE,
        "OCPI-from-party-id": _PARTY_ID,
        "OCPI-to-country-code": COUNTRY_CODE,
        "OCPI-to-party-id": PARTY_ID,
    }
    url = f"{endpoints['tokens', 'RECEIVER'].rstrip('/')}/{_COUNTRY_CODE}/{_PARTY_ID}/{TOKEN_UID}?type=RFID"
    await _ask(client, "PUT", url, headers, _token())
    return Registered(endpoints, headers)


def _platform(url: str) -> web.Application:
    """What the gateway calls back for: versions, their details, and tokens to pull."""
    modules = (("credentials", "SENDER"), ("tokens", "SENDER"))
    answers: dict[str, Any] = {
        "/versions": [{"version": VERSION, "url": f"{url}/{VERSION}"}],
        f"/{VERSION}": {
            "version": VERSION,
            "endpoints": [
                {"identifier": name, "role": role, "url": f"{url}/{VERSION}/{name}"} for name, role in modules
            ],
        },
        f"/{VERSION}/tokens": [_token()],
    }

    async def answer(request: web.Request) -> web.Response:
        body = {
            "data": answers[request.path],
            "status_code": 1000,
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return web.json_response(body, headers={"X-Total-Count": "1", "X-Limit": "100"})

    app = web.Application()
    for path in answers:
        app.router.add_get(path, answer)
    return app


def _token() -> dict[str, Any]:
    return {
        "country_code": _COUNTRY_CODE,
        "party_id": _PARTY_ID,
        "uid": TOKEN_UID,
        "type": "RFID",
        "contract_id": "DE-FHR-C00004711-K",
        "issuer": "Fahrstrom",
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
