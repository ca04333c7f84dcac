"""Receivers of many eMSPs in one thread, on a port each: they answer every push at once and note when it came.

Little more than a parser of requests, so that the gateway, not its partners, is what is full.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TAKEN = b'{"status_code":1000,"timestamp":"2026-01-05T08:00:00Z"}'


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request that came; `at_ns` by the clock of the world, which stamps objects too."""

    method: str
    path: str
    body: bytes
    at_ns: int


class Receiver:
    """One eMSP's platform: what it answers to GET, whether it is there, and all that was pushed to it."""

    def __init__(self, port: int, pages: Mapping[str, bytes]) -> None:
        self.port = port
        self.pages = pages
        self.pushed: list[Pushed] = []
        self.server: asyncio.Server | None = None
        self.connections: set[asyncio.Transport] = set()


class Receivers:
    """A context in which platforms are served; the methods are for the thread that made it."""

    def __init__(self, pages_by_port: Mapping[int, Mapping[str, bytes]]) -> None:
        self._receivers = {port: Receiver(port, pages) for port, pages in pages_by_port.items()}
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receivers", daemon=True)

    def __enter__(self) -> Receivers:
        self._thread.start()
        for port in self._receivers:
            self.open(port)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for port in self._receivers:
            self.shut(port)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self, port: int) -> None:
        """Be there (again)."""
        asyncio.run_coroutine_threadsafe(_listen(self._receivers[port]), self._loop).result()

    def shut(self, port: int) -> None:
        """Be down: connections end, new ones are refused."""
        asyncio.run_coroutine_threadsafe(_close(self._receivers[port]), self._loop).result()

    def take(self, port: int) -> list[Pushed]:
        """What was pushed since the last time."""
        receiver = self._receivers[port]
        taken, receiver.pushed = receiver.pushed, []
        return taken

    def count(self) -> int:
        """How many requests came and were not taken yet."""
        return sum(len(receiver.pushed) for receiver in self._receivers.values())

    def await_quiet(self, *, quiet_s: float = 1.0, timeout_s: float = 60.0) -> None:
        """Wait until nothing more comes."""
        deadline = time.monotonic() + timeout_s
        since, known = time.monotonic(), self.count()
        while time.monotonic() < min(deadline, since + quiet_s):
            time.sleep(0.05)
            if (now := self.count()) != known:
                since, known = time.monotonic(), now


async def _listen(receiver: Receiver) -> None:
    loop = asyncio.get_running_loop()
    receiver.server = await loop.create_server(lambda: _Connection(receiver), "127.0.0.1", receiver.port)


async def _close(receiver: Receiver) -> None:
    if receiver.server is not None:
        receiver.server.close()
        receiver.server = None
    for connection in list(receiver.connections):
        connection.abort()


class _Connection(asyncio.Protocol):
    """Requests of one keep-alive connection, one after the other."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._data = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass
        self._transport = transport
        self._receiver.connections.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._receiver.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while self._answer_next():
            pass

    def _answer_next(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._data[:end])
        length = _LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._data) < size:
            return False
        at_ns = time.time_ns()
        body = bytes(self._data[end + 4 : size])
        del self._data[:size]
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self._answer(method, path, body, at_ns)
        return True

    def _answer(self, method: str, path: str, body: bytes, at_ns: int) -> None:
        answer: bytes | None = _TAKEN
        if method == "GET":
            answer = self._receiver.pages.get(path.partition("?")[0])
        else:
            self._receiver.pushed.append(Pushed(method, path, body, at_ns))
        status = b"404 Not Found" if answer is None else b"200 OK"
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nX-Total-Count: 1\r\nX-Limit: 100\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (status, len(answer or b""), answer or b"")
        )
