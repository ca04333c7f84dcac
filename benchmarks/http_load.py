"""Keep-alive HTTP clients on one epoll, asking for the same pages again and again."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle

from benchmarks.load import LoadError, Measured

CLIENTS = 8
_TIMEOUT_S = 30.0


def fetch(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    """Get one page and return its body."""
    return fetch_whole(port, path, headers)[1]


def fetch_whole(port: int, path: str, headers: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """Get one page and return its headers, their names in lower case, and its body."""
    with _connected(port) as sock:
        sock.settimeout(_TIMEOUT_S)
        sock.sendall(_request(port, path, headers))
        answer = _Answer()
        while not answer.is_whole:
            answer.add(sock.recv(1 << 18))
    lines = answer.data[: answer.body_at].decode().split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if line)
    return {name.lower(): value.strip() for name, value in pairs}, bytes(answer.data[answer.body_at :])


def measure_page(
    port: int,
    path: str,
    headers: Mapping[str, str],
    *,
    cpu_ns: Callable[[], int],
    warm_up_s: float,
    seconds: float,
) -> Measured:
    """Ask for one page as `measure_pages` does for many."""
    return measure_pages(port, [path], headers, cpu_ns=cpu_ns, warm_up_s=warm_up_s, seconds=seconds)


def measure_pages(
    port: int,
    paths: Sequence[str],
    headers: Mapping[str, str],
    *,
    cpu_ns: Callable[[], int],
    warm_up_s: float,
    seconds: float,
) -> Measured:
    """Keep `CLIENTS` requests outstanding, for one path after the other; measure one window.  Every answer must be a
    200."""
    requests = cycle([_request(port, path, headers) for path in paths])
    sockets = [_connected(port) for _ in range(CLIENTS)]
    with select.epoll() as epoll:
        clients = {sock.fileno(): _Client(sock) for sock in sockets}
        for fd, client in clients.items():
            epoll.register(fd, select.EPOLLIN)
            client.ask(next(requests))
        _exchange(epoll, clients, requests, time.perf_counter_ns() + int(warm_up_s * 1e9))
        started, cpu = time.perf_counter_ns(), cpu_ns()
        latencies = _exchange(epoll, clients, requests, started + int(seconds * 1e9))
        cpu, wall = cpu_ns() - cpu, time.perf_counter_ns() - started
    for sock in sockets:
        sock.close()
    if not latencies:
        raise LoadError(f"no page within {seconds} s")
    latencies.sort()
    return Measured(
        messages=len(latencies),
        cpu_ns=cpu,
        wall_ns=wall,
        p50_ms=latencies[len(latencies) // 2] / 1e6,
        p99_ms=latencies[len(latencies) * 99 // 100] / 1e6,
    )


class _Answer:
    """A response as it arrives."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.body_at = 0
        self._size = -1

    @property
    def is_whole(self) -> bool:
        return len(self.data) == self._size

    def add(self, data: bytes) -> None:
        if not data:
            raise LoadError("the server closed the connection")
        self.data += data
        if self._size < 0 and (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.data[:end]).lower()
            if not head.startswith(b"http/1.1 200 "):
                raise LoadError(f"page refused: {bytes(self.data[:600])!r}")
            _, found, rest = head.partition(b"content-length:")
            if not found:
                raise LoadError(f"page without Content-Length: {head!r}")
            self.body_at = end + 4
            self._size = self.body_at + int(rest.split(b"\r\n", 1)[0])


class _Client:
    __slots__ = ("answer", "sent_ns", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.ask(b"")

    def ask(self, request: bytes) -> None:
        self.answer = _Answer()
        self.sent_ns = time.perf_counter_ns()
        self.sock.sendall(request)


def _exchange(
    epoll: select.epoll, clients: Mapping[int, _Client], requests: Iterator[bytes], until_ns: int
) -> list[int]:
    latencies: list[int] = []
    while time.perf_counter_ns() < until_ns:
        for fd, _ in epoll.poll(0.1):
            client = clients[fd]
            client.answer.add(client.sock.recv(1 << 18))
            if client.answer.is_whole:
                latencies.append(time.perf_counter_ns() - client.sent_ns)
                client.ask(next(requests))
    return latencies


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)


def _request(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()
