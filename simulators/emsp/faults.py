"""Faults that the eMSP's server plays on purpose, from a queue, to see how a CPO bears them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from simulators.emsp.wire import render_json

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One disturbance. It hits the next request whose method and path fit; empty fits all.

    `http_status` answers with it and nothing else; `body` goes out as it is (wrong JSON, an OCPI error);
    `delay_s` or `until` hold the request back first; with `lose_answer` the request is handled in full and
    its answer then lost with the connection.
    """

    method: str = ""
    path_contains: str = ""
    http_status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    until: asyncio.Event | None = None
    lose_answer: bool = False

    def fits(self, request: web.Request) -> bool:
        return self.method in ("", request.method) and self.path_contains in request.path


def status(http_status: int, *, path_contains: str = "", method: str = "", retry_after_s: int | None = None) -> Fault:
    """HTTP 500, 429, 401 … with an OCPI envelope, as many peers send it."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Fault(method, path_contains, http_status, ocpi_body(2000 if http_status < 500 else 3000), headers)


def ocpi_status(status_code: int, *, path_contains: str = "", method: str = "") -> Fault:
    """HTTP 200 with an OCPI error."""
    return Fault(method, path_contains, 200, ocpi_body(status_code))


def wrong_json(*, path_contains: str = "", method: str = "") -> Fault:
    return Fault(method, path_contains, 200, b'{"status_code": 1000, "data": [')


def slow(delay_s: float, *, path_contains: str = "", method: str = "") -> Fault:
    return Fault(method, path_contains, delay_s=delay_s)


def held(until: asyncio.Event, *, path_contains: str = "", method: str = "") -> Fault:
    """Slow for as long as the test wants."""
    return Fault(method, path_contains, until=until)


def lost_answer(*, path_contains: str = "", method: str = "") -> Fault:
    return Fault(method, path_contains, lose_answer=True)


def ocpi_body(status_code: int) -> bytes:
    return render_json(
        {"status_code": status_code, "status_message": "played fault", "timestamp": "2020-01-01T00:00:00Z"}
    )


@dataclass(slots=True)
class Faults:
    """The queue; each fault is used up by the request it hits. `played` counts them."""

    waiting: list[Fault] = field(default_factory=list)
    played: int = 0

    def add(self, fault: Fault, *, times: int = 1) -> None:
        self.waiting.extend([fault] * times)

    def take(self, request: web.Request) -> Fault | None:
        for index, fault in enumerate(self.waiting):
            if fault.fits(request):
                self.played += 1
                return self.waiting.pop(index)
        return None

    async def play(self, request: web.Request, handle: Next) -> web.StreamResponse:
        fault = self.take(request)
        if fault is None:
            return await handle(request)
        await asyncio.sleep(fault.delay_s)
        if fault.until is not None:
            await fault.until.wait()
        if fault.http_status is not None:
            return web.Response(
                status=fault.http_status,
                body=fault.body or b"",
                headers={"Content-Type": "application/json", **fault.headers},
            )
        response = await handle(request)
        if fault.lose_answer and request.transport is not None:
            request.transport.abort()
        return response
