"""The load client: many stations on one epoll, each with one call outstanding.

Written for little CPU per message, so that the server under measurement is the one that is full.
Every answer is checked to be the CALLRESULT of the call it follows.
"""

from __future__ import annotations

import itertools
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks import websocket
from benchmarks.messages import Call, decide_reply, message_ids

HANDSHAKES_IN_FLIGHT = 50
_TIMEOUT_S = 60.0
_station_numbers = itertools.count(1)


class LoadError(RuntimeError):
    """A server refused, answered wrongly or fell silent."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a server listens; with `tls`, the context that trusts its certificate.

    `questions_within_s`: after a boot the server asks its own questions; it is done when it is quiet for so long.
    """

    port: int
    path: str = "/ocpp/"
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    questions_within_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Measured:
    """One window of a closed loop."""

    messages: int
    cpu_ns: int
    wall_ns: int
    p50_ms: float
    p99_ms: float

    @property
    def cpu_us_per_message(self) -> float:
        return self.cpu_ns / 1_000 / self.messages

    @property
    def messages_per_s(self) -> float:
        return self.messages * 1e9 / self.wall_ns

    @property
    def busy(self) -> float:
        return self.cpu_ns / self.wall_ns


class Station:
    """One connection and the call that awaits its answer."""

    __slots__ = ("buffer", "expected", "ids", "is_open", "name", "sent_ns", "sock")

    def __init__(self, name: str, sock: socket.socket) -> None:
        self.name = name
        self.sock = sock
        self.buffer = bytearray()
        self.ids = message_ids(next(_station_numbers))
        self.expected = b""
        self.sent_ns = 0
        self.is_open = False


class Load:
    """Stations connected to one server."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._epoll = select.epoll()
        self._stations: dict[int, Station] = {}

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        for station in self._stations.values():
            station.sock.close()
        self._epoll.close()

    # --- connecting ------------------------------------------------------------------------------

    def connect(self, names: Sequence[str], subprotocol: str) -> list[Station]:
        """Open one connection per name, a bounded number of handshakes at a time."""
        waiting = iter(names)
        opened: list[Station] = []
        for name in itertools.islice(waiting, HANDSHAKES_IN_FLIGHT):
            self._dial(name, subprotocol)
        while len(opened) < len(names):
            for station in self._readable("handshakes"):
                if station.is_open:
                    self._receive(station)
                elif self._advance_handshake(station, subprotocol):
                    opened.append(station)
                    for name in itertools.islice(waiting, 1):
                        self._dial(name, subprotocol)
        return opened

    def _dial(self, name: str, subprotocol: str) -> None:
        target = self._target
        sock = socket.create_connection((target.host, target.port), timeout=_TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        if target.tls is not None:
            sock = target.tls.wrap_socket(sock, server_hostname="localhost", do_handshake_on_connect=False)
        station = Station(name, sock)
        self._stations[sock.fileno()] = station
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        if target.tls is None:
            self._request_upgrade(station, subprotocol)
        else:
            self._advance_handshake(station, subprotocol)

    def _advance_handshake(self, station: Station, subprotocol: str) -> bool:
        if isinstance(station.sock, ssl.SSLSocket) and not station.expected:
            try:
                station.sock.do_handshake()
            except ssl.SSLWantReadError:
                return False
            self._request_upgrade(station, subprotocol)
            return False
        self._read(station)
        head, found, rest = bytes(station.buffer).partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(station.expected):
            raise LoadError(f"{station.name}: handshake refused: {head.decode(errors='replace')}")
        station.buffer[:] = rest
        station.is_open = True
        return True

    def _request_upgrade(self, station: Station, subprotocol: str) -> None:
        host = f"{self._target.host}:{self._target.port}"
        path = self._target.path + station.name
        station.sock.sendall(websocket.upgrade_request(host=host, path=path, subprotocol=subprotocol))
        station.expected = b"HTTP/1.1 101 "

    # --- outside the measured loop ------------------------------------------------------------------

    def call_all(
        self, stations: Iterable[Station], make: Callable[[Station], Call], *, in_flight: int = 200
    ) -> dict[str, dict[str, Any]]:
        """Send one call from every station; return the answers by station name."""
        waiting = iter(stations)
        answers: dict[str, dict[str, Any]] = {}
        outstanding = 0
        for station in itertools.islice(waiting, in_flight):
            self._send_call(station, make(station))
            outstanding += 1
        while outstanding:
            for station in self._readable("answers"):
                for answer in self._receive(station):
                    answers[station.name] = answer
                    outstanding -= 1
                    for following in itertools.islice(waiting, 1):
                        self._send_call(following, make(following))
                        outstanding += 1
        return answers

    def serve_calls(self) -> None:
        """Answer what the server asks until it has no more questions."""
        quiet_s = self._target.questions_within_s
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < quiet_s:
            for fd, _ in self._epoll.poll(quiet_s / 4):
                quiet_since = time.monotonic()
                if self._receive(self._stations[fd]):
                    raise LoadError("an answer came that nobody waits for")

    def _send_call(self, station: Station, call: Call) -> None:
        data, station.expected = call
        station.sent_ns = time.perf_counter_ns()
        station.sock.sendall(data)

    def _readable(self, awaited: str) -> Iterator[Station]:
        events = self._epoll.poll(_TIMEOUT_S)
        if not events:
            raise LoadError(f"no {awaited} within {_TIMEOUT_S:.0f} s")
        return (self._stations[fd] for fd, _ in events)

    def _read(self, station: Station) -> None:
        try:
            while data := station.sock.recv(65_536):
                station.buffer += data
            raise LoadError(f"{station.name}: the server closed the connection")
        except (BlockingIOError, ssl.SSLWantReadError):
            return

    def _receive(self, station: Station) -> list[dict[str, Any]]:
        """Take what has arrived: calls and pings are answered here, answers to our call returned."""
        self._read(station)
        return self._accept_frames(station)

    def _accept_frames(self, station: Station) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        for frame in websocket.parse_frames(station.buffer):
            if frame.opcode == websocket.PING:
                station.sock.sendall(websocket.frame(frame.payload, websocket.PONG))
            elif frame.opcode != websocket.TEXT:
                raise LoadError(f"{station.name}: unexpected frame {frame}")
            elif frame.payload.startswith(b"[2,"):
                self._answer(station, frame.payload)
            elif station.expected and frame.payload.startswith(station.expected):
                station.expected = b""
                answers.append(orjson.loads(frame.payload)[2])
            else:
                raise LoadError(f"{station.name}: expected {station.expected!r}, got {frame.payload!r}")
        return answers

    def _answer(self, station: Station, text: bytes) -> None:
        _, message_id, action, payload = orjson.loads(text)
        reply = decide_reply(action, payload)
        message = [4, message_id, "NotImplemented", "", {}] if reply is None else [3, message_id, reply]
        station.sock.sendall(websocket.frame(orjson.dumps(message)))

    def send_paced(self, turns: Iterable[tuple[Station, Call]], *, per_s: float) -> None:
        """Send calls at a steady rate, each when it is its turn, however long the answers take; await the last.

        A station whose last call is not answered yet makes all wait: it may have one outstanding only.
        """
        asked: set[Station] = set()
        started = time.perf_counter()
        for number, (station, call) in enumerate(turns):
            self._receive_until(started + number / per_s, station)
            self._send_call(station, call)
            asked.add(station)
        while any(station.expected for station in asked):
            for station in self._readable("last answers"):
                self._receive(station)

    def _receive_until(self, due: float, station: Station) -> None:
        """Take answers until it is time, and `station` has its own."""
        deadline = time.perf_counter() + _TIMEOUT_S
        while station.expected or time.perf_counter() < due:
            wait_s = max(0.0, due - time.perf_counter())
            for fd, _ in self._epoll.poll(0.1 if station.expected else wait_s):
                self._receive(self._stations[fd])
            if time.perf_counter() > deadline + wait_s:
                raise LoadError(f"{station.name}: no answer within {_TIMEOUT_S:.0f} s")

    # --- the measured loop ------------------------------------------------------------------------

    def closed_loop(
        self,
        calls: dict[Station, Iterator[Call]],
        *,
        cpu_ns: Callable[[], int],
        warm_up_s: float,
        seconds: float,
    ) -> Measured:
        """Let every station send its next call as soon as the last is answered; measure one window."""
        for station, stream in calls.items():
            self._send_call(station, next(stream))
        self._exchange(calls, time.perf_counter_ns() + int(warm_up_s * 1e9))
        started, cpu = time.perf_counter_ns(), cpu_ns()
        latencies = self._exchange(calls, started + int(seconds * 1e9))
        cpu, wall = cpu_ns() - cpu, time.perf_counter_ns() - started
        self._drain(calls)
        if not latencies:
            raise LoadError(f"no answer within {seconds} s")
        latencies.sort()
        return Measured(
            messages=len(latencies),
            cpu_ns=cpu,
            wall_ns=wall,
            p50_ms=latencies[len(latencies) // 2] / 1e6,
            p99_ms=latencies[len(latencies) * 99 // 100] / 1e6,
        )

    def _exchange(self, calls: dict[Station, Iterator[Call]], until_ns: int) -> list[int]:
        latencies: list[int] = []
        poll, stations, clock = self._epoll.poll, self._stations, time.perf_counter_ns
        now = clock()
        while now < until_ns:
            for fd, _ in poll(0.1):
                station = stations[fd]
                data = station.sock.recv(65_536)
                now = clock()
                # The usual case is one whole text frame that holds the answer; all else goes the long way.
                size = data[1] if len(data) > 1 else 0
                start = 2
                if size == 126:
                    size, start = int.from_bytes(data[2:4], "big"), 4
                if (
                    station.buffer
                    or len(data) != start + size
                    or data[0] != 0x81
                    or not data.startswith(station.expected, start)
                ) and not self._is_answered(station, data):
                    continue
                latencies.append(now - station.sent_ns)
                frame, station.expected = next(calls[station])
                station.sent_ns = clock()
                station.sock.send(frame)
            now = clock()
        return latencies

    def _is_answered(self, station: Station, data: bytes) -> bool:
        if not data:
            raise LoadError(f"{station.name}: the server closed the connection")
        station.buffer += data
        return bool(self._accept_frames(station))

    def _drain(self, calls: dict[Station, Iterator[Call]]) -> None:
        while any(station.expected for station in calls):
            for station in self._readable("last answers"):
                self._receive(station)

    # --- closing -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close all connections as a polite client does: a close frame each, then wait for the server."""
        for station in self._stations.values():
            station.sock.sendall(websocket.frame((1000).to_bytes(2, "big"), websocket.CLOSE))
        deadline = time.monotonic() + _TIMEOUT_S
        while self._stations and time.monotonic() < deadline:
            for fd, _ in self._epoll.poll(1.0):
                station = self._stations[fd]
                try:
                    ended = not station.sock.recv(65_536)
                except (BlockingIOError, ssl.SSLWantReadError):
                    continue
                except (ConnectionError, ssl.SSLError):
                    ended = True
                if ended:
                    del self._stations[fd]
                    station.sock.close()
