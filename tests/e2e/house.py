"""A gateway for end-to-end tests: inside the test's loop, or as a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp

from gateway.app import Gateway
from gateway.config import Settings, load_settings
from gateway.ports import Clock
from simulators.demo import LOCATION, TARIFF, location, render_config, tariff
from simulators.emsp.emsp import Emsp

TOKEN = "operator-token"
ENV = {"GATEWAY_SESSIONS__SEAL_AFTER_S": "0", "GATEWAY_SESSIONS__GAP_WAIT_S": "1", "GATEWAY_OCPP__SETTLE_DELAY_S": "0"}
DEADLINE_S = 30.0


async def until(condition: Callable[[], Awaitable[Any]], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """The first true result of `condition`; fails the test after the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while loop.time() < end:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {deadline_s} s: {what}")


def pick_ports(count: int) -> list[int]:
    """Ports nobody listens on, each test process from a range of its own; they stay this process's, also against other
    runs of the tests on this machine."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)
    ports: list[int] = []
    while len(ports) < count:
        port = 20_000 + (worker % 10) * 1_000 + next(_counter) % 1_000
        if not _claim(port):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    return ports


def _claim(port: int) -> bool:
    if port in _claims:
        return True
    folder = Path(tempfile.gettempdir()) / "gateway-test-ports"
    folder.mkdir(exist_ok=True)
    lock = (folder / str(port)).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _claims[port] = lock
    return True


_claims: dict[int, Any] = {}


def _count() -> Any:
    number = os.getpid() * 7
    while True:
        number += 1
        yield number


_counter = _count()


@dataclass
class ShiftedClock:
    """The time of now, put forward."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class House:
    """A gateway and its operator.  As a context manager it runs inside the test's loop."""

    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=lambda: pick_ports(3))
    clock: Clock | None = None
    _gateway: Gateway | None = None
    _session: aiohttp.ClientSession | None = None

    @property
    def ocpp_url(self) -> str:
        return f"ws://127.0.0.1:{self.ports[0]}/ocpp"

    @property
    def ocpi_url(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}/ocpi"

    @property
    def versions_url(self) -> str:
        return f"{self.ocpi_url}/versions"

    def write_config(self) -> Path:
        config = self.directory / "config.toml"
        config.write_text(render_config(self.directory, self.ports, TOKEN), encoding="utf-8")
        return config

    def settings(self) -> Settings:
        return load_settings(self.write_config(), {**ENV, **self.env})

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"})
        self._gateway = Gateway(self.settings(), self.clock)
        try:
            await self._gateway.start()
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._gateway is not None:
            await self._gateway.stop()
        if self._session is not None:
            await self._session.close()

    @property
    def bound(self) -> dict[str, int]:
        assert self._gateway is not None
        return self._gateway.ports

    async def restart(self) -> None:
        """Stop in good order and start again on the same data."""
        assert self._gateway is not None
        await self._gateway.stop()
        self._gateway = Gateway(self.settings(), self.clock)
        await self._gateway.start()

    # --- the operator

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of one request to the operator's API."""
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"})
        url = f"http://127.0.0.1:{self.ports[2]}/api/v1/{path}"
        async with self._session.request(method, url, json=body) as response:
            return response.status, await response.json(content_type=None) if await response.read() else None

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The same where it must succeed."""
        status, answer = await self.ask(method, path, body)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    async def items(self, path: str) -> list[dict[str, Any]]:
        """A list of the operator's API."""
        answer = await self.call("GET", path)
        found: list[dict[str, Any]] = answer["items"] if isinstance(answer, dict) else answer
        return found

    async def provision(self, *station_ids: str, **station: Any) -> None:
        """The demo's tariff, and a location with an EVSE (number 1, connector 1) for each station."""
        await self.call("PUT", f"tariffs/{TARIFF}", tariff())
        for station_id in station_ids:
            await self.call("PUT", f"stations/{station_id}", station)
        await self.call("PUT", f"locations/{LOCATION}", site(*station_ids))

    async def invite(self, name: str = "eMSP", **options: Any) -> Emsp:
        """An eMSP that holds a token A; enter it, then register."""
        partner = await self.call("POST", "partners", {"name": name, "role": "EMSP"})
        return Emsp(versions_url=self.versions_url, token_a=partner["token_a"], **options)

    async def wait_for_cdrs(self, count: int, deadline_s: float = DEADLINE_S) -> list[dict[str, Any]]:
        async def enough() -> list[dict[str, Any]] | None:
            cdrs = await self.items("cdrs")
            return cdrs if len(cdrs) >= count else None

        found: list[dict[str, Any]] = await until(enough, f"{count} CDRs", deadline_s)
        return found


def site(*station_ids: str) -> dict[str, Any]:
    """The demo's location with one EVSE per station."""
    body = location()
    pattern = body["evses"][0]
    body["evses"] = [
        {
            **pattern,
            "uid": f"EVSE-{station_id}",
            "evse_id": f"NL*GWY*E{number:04}",
            "connectors": [{**pattern["connectors"][0], "station_id": station_id}],
        }
        for number, station_id in enumerate(station_ids, 1)
    ]
    return body


class GatewayProcess:
    """The gateway as a process: `kill` is SIGKILL, `start` again finds the same data."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, failpoint: str = "", output: int | None = None) -> None:
        """Start and wait until it is healthy (or dead, with a failpoint that lies before).

        What it says goes to a file, or to the file descriptor `output`.
        """
        environ = {**os.environ, **ENV, **self.house.env}
        if failpoint:
            environ["GATEWAY_FAILPOINT"] = failpoint
        config = self.house.write_config()
        with (self.house.directory / "gateway.log").open("ab") as log:
            said = log.fileno() if output is None else output
            self._process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-m", "gateway", "run", "--config", str(config)], stdout=said, stderr=said, env=environ
            )
        await until(self._is_up_or_dead, f"gateway up; its log:\n{self.log()}")

    async def _is_up_or_dead(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            return True
        try:
            status, _ = await self.house.ask("GET", "health")
        except (aiohttp.ClientError, OSError):
            return False
        return status == 200

    @property
    def is_dead(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, DEADLINE_S)

    def log(self) -> str:
        path = self.house.directory / "gateway.log"
        return path.read_text() if path.exists() else ""

    async def close(self) -> None:
        self.kill()
        session = self.house._session
        if session is not None:
            await session.close()
