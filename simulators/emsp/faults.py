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
    its answer then lost with the connection, with `twice` it is written twice, and with `known_already` told to be
    a duplicate.
    """

    method: str = ""
    path_contains: str = ""
    http_status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    until: asyncio.Event | None = None
    lose_answer: bool = False
    twice: bool = False
    known_already: bool = False

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


def duplicate_answer(*, path_contains: str = "", method: str = "") -> Fault:
    """The answer comes twice on the wire."""
    return Fault(method, path_contains, twice=True)


def known_already(*, path_contains: str = "", method: str = "") -> Fault:
    """The object is taken, but the answer calls it a duplicate, as some receivers do to what is sent again."""
    return Fault(method, path_contains, known_already=True)


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
        if fault.twice:
            await _write_twice(request, response)
        if fault.known_already:
            return web.Response(body=ocpi_body(2001), content_type="application/json")
        return response


async def _write_twice(request: web.Request, response: web.StreamResponse) -> None:
    """Write an answer past the server, which then writes it too."""
    if request.transport is None or not isinstance(response, web.Response):
        return
    body = response.body if isinstance(response.body, bytes) else b""
    head = f"HTTP/1.1 {response.status} \r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request.transport.write(head.encode() + body)


def parse_fault(text: str) -> tuple[Fault, int]:
    """A fault and how often, from KIND[=VALUE][:MODULE][:COUNT] such as `slow=5:sessions:3` or `429=7`.

    Kinds: an HTTP status (the value of 429 is Retry-After), ocpi (its value the OCPI status), slow (seconds),
    wrong-json, lost-answer, duplicate-answer, duplicate. `ValueError` for anything else.
    """
    words, count = text.split(":"), 1
    if len(words) > 1 and words[-1].isdigit():
        count = int(words.pop())
    if len(words) > 2:
        raise ValueError(f"too many parts: {text!r}")
    kind, _, value = words[0].partition("=")
    at = f"/{words[1]}" if len(words) > 1 else ""
    plain = {
        "wrong-json": wrong_json,
        "lost-answer": lost_answer,
        "duplicate-answer": duplicate_answer,
        "duplicate": known_already,
    }
    if kind in plain and not value:
        return plain[kind](path_contains=at), count
    if kind == "slow":
        return slow(float(value or 5), path_contains=at), count
    if kind == "ocpi" and value.isdigit():
        return ocpi_status(int(value), path_contains=at), count
    if kind.isdigit() and 400 <= int(kind) <= 599:
        return status(int(kind), path_contains=at, retry_after_s=int(value) if value else None), count
    raise ValueError(f"no such fault: {text!r}")
