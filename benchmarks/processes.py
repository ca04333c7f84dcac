"""Servers under measurement: started on one core, measured from outside by the kernel's own books."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("ocpp", "websockets", "aiohttp", "uvloop", "orjson", "pydantic", "jsonschema-rs", "aiosqlite")
_CPUCLOCK_SCHED = 2


class ServerError(RuntimeError):
    """A server did not start, or ended while it was measured."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the server under measurement and the core of the load."""

    server: int
    load: int

    @property
    def is_shared(self) -> bool:
        return self.server == self.load


def claim_cores() -> Cores:
    """Take the first core for servers, the second for this process; one core alone is shared."""
    usable = sorted(os.sched_getaffinity(0))
    cores = Cores(server=usable[0], load=usable[1] if len(usable) > 1 else usable[0])
    os.sched_setaffinity(0, {cores.load})
    return cores


def raise_file_limit(needed: int) -> int:
    """Raise the soft limit of open files to the hard one; return how many are open to us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < needed:
        print(f"open files are limited to {hard}, {needed} wanted: fewer connections are measured (ulimit -n)")
        return hard
    return needed


class Server:
    """A running server process, pinned to the server's core with all its threads."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self.log = log
        self._process = process
        # clock_getcpuclockid(3): the CPU time of all threads of a process, the ended ones included.
        self._clock = (~process.pid << 3) | _CPUCLOCK_SCHED

    def cpu_ns(self) -> int:
        """CPU time that all threads have used since the start."""
        self.check()
        return time.clock_gettime_ns(self._clock)

    def resident_kib(self) -> int:
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1])
        raise ServerError(f"{self.name}: the kernel reports no resident size")

    def check(self) -> None:
        if self._process.poll() is not None:
            raise ServerError(f"{self.name} ended with code {self._process.returncode}:\n{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def settle(self, *, timeout_s: float = 20.0) -> None:
        """Wait until the server rests: under 3 % of a core during a fifth of a second."""
        deadline = time.monotonic() + timeout_s
        before = self.cpu_ns()
        while time.monotonic() < deadline:
            time.sleep(0.2)
            now = self.cpu_ns()
            if now - before < 6_000_000:
                return
            before = now

    def stop(self, *, grace_s: float = 5.0) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


def start_server(name: str, command: list[str], *, log: Path, cores: Cores) -> Server:
    """Start `command` in the project's root on the server's core; its output goes to `log`."""
    os.sched_setaffinity(0, {cores.server})  # inherited by the child and every thread it will ever start
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT
            )
    finally:
        os.sched_setaffinity(0, {cores.load})
    return Server(name, process, log)


@contextmanager
def reference_server(module: str, *arguments: str, log: Path, cores: Cores) -> Iterator[tuple[Server, list[int]]]:
    """Run `python -m benchmarks.reference.MODULE`; yields it with the ports it chose."""
    command = [sys.executable, "-m", f"benchmarks.reference.{module}", *arguments]
    server = start_server(module, command, log=log, cores=cores)
    try:
        yield server, _announced_ports(server)
    finally:
        server.stop()


def _announced_ports(server: Server, *, timeout_s: float = 30.0) -> list[int]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        server.check()
        if match := re.search(r"listening on([ 0-9]+)\n", server.log.read_text(errors="replace")):
            return [int(port) for port in match[1].split()]
        time.sleep(0.02)
    raise ServerError(f"{server.name} did not listen within {timeout_s:.0f} s:\n{server.tail()}")


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def describe_machine(cores: Cores) -> dict[str, object]:
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "server_core": cores.server,
        "load_core": cores.load,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
