"""What the demo's operator does, over the API that every operator has."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from typing import Any

import aiohttp

from simulators.demo.errors import DemoError
from simulators.demo.site import LOCATION, STAGES, TARIFF, location, tariff
from simulators.demo.telling import tell

START_S = 30
CDR_S = 30


class Operator:
    """The operator's API of the gateway."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request; raises DemoError with the answer where it is refused."""
        async with self._session.request(method, f"{self._base}/{path}", json=body) as response:
            text = await response.text()
            if response.status >= 300:
                raise DemoError(f"{method} {path} was answered {response.status}: {text}")
            return await response.json() if text else None

    async def wait_until_up(self, gateway: subprocess.Popen[bytes], read_log: Callable[[], str]) -> None:
        """Wait until every listener of the gateway is up."""
        for _ in range(START_S * 20):
            if gateway.poll() is not None:
                raise DemoError(f"the gateway ended with exit code {gateway.returncode}; its log:\n{read_log()}")
            try:
                await self.call("GET", "health")
            except (aiohttp.ClientConnectionError, DemoError):
                await asyncio.sleep(0.05)
            else:
                return
        raise DemoError(f"the gateway was not up within {START_S} s; its log:\n{read_log()}")

    async def wait_for_cdrs(self, count: int) -> None:
        """Wait until the gateway has made so many CDRs."""
        for _ in range(CDR_S * 10):
            cdrs = await self.call("GET", "cdrs")
            if len(cdrs["items"] if isinstance(cdrs, dict) else cdrs) >= count:
                return
            await asyncio.sleep(0.1)
        sessions = await self.call("GET", "sessions")
        raise DemoError(f"no {count} CDRs after {CDR_S} s; the sessions: {sessions}")

    async def wait_until_told(self, partner_id: str) -> None:
        """Wait until nothing waits for a partner any more: it has everything, or refused it."""
        for _ in range(CDR_S * 10):
            deliveries = await self.call("GET", f"partners/{partner_id}/deliveries")
            if not deliveries["queued"]:
                return
            await asyncio.sleep(0.1)
        raise DemoError(f"not everything was pushed after {CDR_S} s: {deliveries}")


async def provision(operator: Operator, passwords: dict[str, str]) -> tuple[str, str]:
    """A tariff, two stations, a location and a partner; returns the partner's id and token A."""
    await operator.call("PUT", f"tariffs/{TARIFF}", tariff())
    for stage in STAGES:
        body = {"security_profile": 1, "password": passwords[stage.station_id], "ocpp_version": stage.version}
        await operator.call("PUT", f"stations/{stage.station_id}", body)
    await operator.call("PUT", f"locations/{LOCATION}", location())
    tell("operator", f"put tariff {TARIFF}, location {LOCATION} and stations {', '.join(passwords)}")
    partner = await operator.call("POST", "partners", {"name": "Demo eMSP", "role": "EMSP"})
    tell("operator", "invited the eMSP: a token A is on its way to it")
    return str(partner["id"]), str(partner["token_a"])
