"""`simulator demo`: the whole story on one machine, from the plug to the CDR that an eMSP has pulled.

Starts the gateway as a process of its own on SQLite in a temporary directory, provisions it over the operator's API
as an
operator would, and puts two chargers and an eMSP around it.  Exit code 0 only if every CDR says what its scenario says.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from simulators.charger import Note, Scenario, build_charger, load_scenario
from simulators.charger.errors import SimulatorError
from simulators.emsp.emsp import Emsp
from simulators.emsp.errors import EmspError
from simulators.emsp.story import tell_findings, tell_summary

if TYPE_CHECKING:
    from argparse import _SubParsersAction

GOOD, FAILED = 0, 1
START_S = 30
STOP_S = 35
CDR_S = 30
TOKEN_UID = "04E2A1B2C3D480"  # noqa: S105 a card number
LOCATION, TARIFF = "DEMO-SITE", "DEMO-TARIFF"
VAT = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """One charger of the demo: who it is and what it lives through."""

    station_id: str
    version: str
    scenario: str
    evse_uid: str
    evse_id: str


STAGES = (
    Stage("DEMO-16", "1.6", "16-simple", "DEMO-EVSE-1", "NL*GWY*E0001"),
    Stage("DEMO-201", "2.0.1", "201-simple", "DEMO-EVSE-2", "NL*GWY*E0002"),
)


class DemoError(Exception):
    """The demo cannot go on; the text says what, where and what to do."""


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` to the command line."""
    parser = commands.add_parser(
        "demo",
        help="the whole story: two chargers, the gateway, one eMSP",
        description="Run two chargers and an eMSP against a gateway of their own, and check both CDRs.",
    )
    parser.add_argument("--speed", type=Decimal, default=Decimal(120), help="simulated seconds per second (120)")
    parser.add_argument("--dir", type=Path, help="keep everything in this directory instead of a temporary one")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns the exit code."""
    try:
        if args.dir is not None:
            args.dir.mkdir(parents=True, exist_ok=True)
            return asyncio.run(play(args.dir, args.speed))
        with tempfile.TemporaryDirectory(prefix="gateway-demo-") as directory:
            return asyncio.run(play(Path(directory), args.speed))
    except (DemoError, SimulatorError, EmspError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return FAILED


async def play(directory: Path, speed: Decimal) -> int:
    """The story, line by line; returns the exit code."""
    ports = free_ports(3)
    token = secrets.token_urlsafe(24)
    config = directory / "config.toml"
    config.write_text(render_config(directory, ports, token), encoding="utf-8")
    tell("gateway", f"starting on SQLite in {directory}")
    with (directory / "gateway.log").open("ab") as log:
        gateway = subprocess.Popen(  # noqa: S603 ASYNC220 our own program
            [sys.executable, "-m", "gateway", "run", "--config", str(config)], stdout=log, stderr=log
        )
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            operator = Operator(session, f"http://127.0.0.1:{ports[2]}/api/v1")
            await operator.wait_until_up(gateway, (directory / "gateway.log").read_text)
            tell("gateway", f"up: chargers on ws://127.0.0.1:{ports[0]}/ocpp/…, eMSPs on port {ports[1]}")
            return await play_with(operator, ports, speed)
    finally:
        gateway.terminate()
        try:
            await asyncio.to_thread(gateway.wait, STOP_S)
        except subprocess.TimeoutExpired:
            gateway.kill()


async def play_with(operator: Operator, ports: Sequence[int], speed: Decimal) -> int:
    """Provision, register, charge, pull, compare."""
    passwords = {stage.station_id: secrets.token_hex(16) for stage in STAGES}
    token_a = await provision(operator, passwords)
    scenarios = {stage.station_id: load_scenario(stage.scenario) for stage in STAGES}
    async with Emsp(
        versions_url=f"http://127.0.0.1:{ports[1]}/ocpi/versions",
        token_a=token_a,
        story=lambda line: tell("emsp", line),
    ) as emsp:
        await emsp.register()
        await emsp.push_token(TOKEN_UID, contract_id="NL-EMS-C00000001-X")
        url = f"ws://127.0.0.1:{ports[0]}/ocpp"
        good = await asyncio.gather(
            *(charge(stage, scenarios[stage.station_id], url, passwords[stage.station_id], speed) for stage in STAGES)
        )
        await operator.wait_for_cdrs(len(STAGES))
        await emsp.pull("tariffs")
        await emsp.pull("locations")
        await emsp.pull("sessions")
        cdrs = await emsp.pull("cdrs")
        emsp.check_references()
        are_right = compare(cdrs, scenarios)
        for line in tell_findings(list(emsp.findings)):
            tell("emsp", line)
        tell("emsp", tell_summary(emsp))
        is_good = all(good) and are_right and not emsp.violations
    tell("demo", "every figure is what its scenario says" if is_good else "NOT everything is as it must be")
    return GOOD if is_good else FAILED


async def provision(operator: Operator, passwords: dict[str, str]) -> str:
    """A tariff, two stations, a location and a partner; returns the partner's token A."""
    await operator.call("PUT", f"tariffs/{TARIFF}", tariff())
    for stage in STAGES:
        body = {"security_profile": 1, "password": passwords[stage.station_id], "ocpp_version": stage.version}
        await operator.call("PUT", f"stations/{stage.station_id}", body)
    await operator.call("PUT", f"locations/{LOCATION}", location())
    tell("operator", f"put tariff {TARIFF}, location {LOCATION} and stations {', '.join(passwords)}")
    partner = await operator.call("POST", "partners", {"name": "Demo eMSP", "role": "EMSP"})
    tell("operator", "invited the eMSP: a token A is on its way to it")
    return str(partner["token_a"])


async def charge(stage: Stage, scenario: Scenario, url: str, password: str, speed: Decimal) -> bool:
    """One charger lives through its scenario."""

    def observe(note: Note) -> None:
        if note.kind not in ("frame", "meter"):
            fields = "  ".join(f"{key}={value}" for key, value in note.fields.items() if value not in (None, ""))
            tell(stage.station_id, f"{note.text}  {fields}".rstrip())

    charger = build_charger(
        scenario.model_copy(update={"token": TOKEN_UID}),
        url,
        stage.station_id,
        version=stage.version,
        speed=speed,
        password=password,
        observer=observe,
    )
    tell(stage.station_id, f"OCPP {stage.version}: {scenario.title.lower()}")
    async with charger:
        outcome = await charger.run_scenario(scenario.model_copy(update={"token": TOKEN_UID}))
    for failure in outcome.failures:
        tell(stage.station_id, f"FAILED {failure}")
    return outcome.is_good


def compare(cdrs: Sequence[dict[str, Any]], scenarios: dict[str, Scenario]) -> bool:
    """Print each CDR beside what its scenario says; True if all agree."""
    are_right = True
    for stage in STAGES:
        found = [cdr for cdr in cdrs if cdr["cdr_location"]["evse_uid"] == stage.evse_uid]
        if len(found) != 1:
            tell("cdr", f"{stage.station_id}: expected 1 CDR, the eMSP has {len(found)}")
            are_right = False
            continue
        tell("cdr", f"{found[0]['id']} of {stage.station_id} ({found[0]['cdr_location']['evse_id']})")
        for name, seen, unit, wanted in figures(found[0], scenarios[stage.station_id]):
            is_right = wanted is None or seen == wanted
            are_right &= is_right
            tell("cdr", f"  {name:<8} {seen:>9f} {unit:<16} must be {wanted}  {'ok' if is_right else 'WRONG'}")
    return are_right


def figures(cdr: dict[str, Any], scenario: Scenario) -> list[tuple[str, Decimal, str, Decimal | None]]:
    """What a CDR says, and what it must."""
    expect = scenario.expect
    if expect is None:
        raise DemoError("the scenario states no expectation: give it an [expect] table")
    minutes = None
    if expect.charging_minutes is not None and expect.parking_minutes is not None:
        minutes = expect.charging_minutes + expect.parking_minutes
    parking = Decimal(str(cdr.get("total_parking_time", 0))) * 60
    cost = cdr["total_cost"]
    return [
        ("energy", Decimal(str(cdr["total_energy"])), "kWh", expect.kwh),
        ("duration", Decimal(str(cdr["total_time"])) * 60, "min", minutes),
        ("parking", parking, "min", expect.parking_minutes),
        ("cost", Decimal(str(cost["excl_vat"])), f"{cdr['currency']} excl. VAT", expect.cost_excl_vat),
        ("cost", Decimal(str(cost["incl_vat"])), f"{cdr['currency']} incl. VAT", expect.cost_incl_vat),
    ]


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


def tariff() -> dict[str, Any]:
    """The tariff that the bundled scenarios reckon with."""
    components = [("FLAT", 0.5), ("ENERGY", 0.25), ("PARKING_TIME", 2.0)]
    return {
        "country_code": "NL",
        "party_id": "GWY",
        "id": TARIFF,
        "currency": "EUR",
        "type": "REGULAR",
        "elements": [
            {"price_components": [{"type": type_, "price": price, "vat": VAT, "step_size": 1}]}
            for type_, price in components
        ],
        "last_updated": "2026-01-01T00:00:00Z",
    }


def location() -> dict[str, Any]:
    """A site with one EVSE per charger."""
    return {
        "country_code": "NL",
        "party_id": "GWY",
        "id": LOCATION,
        "publish": True,
        "name": "Demo site",
        "address": "Stationsplein 1",
        "city": "Utrecht",
        "postal_code": "3511 ED",
        "country": "NLD",
        "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
        "time_zone": "Europe/Amsterdam",
        "evses": [evse(stage) for stage in STAGES],
        "last_updated": "2026-01-01T00:00:00Z",
    }


def evse(stage: Stage) -> dict[str, Any]:
    """An EVSE wired to its charger."""
    return {
        "uid": stage.evse_uid,
        "evse_id": stage.evse_id,
        "status": "AVAILABLE",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
        "last_updated": "2026-01-01T00:00:00Z",
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 230,
                "max_amperage": 16,
                "max_electric_power": 11000,
                "tariff_ids": [TARIFF],
                "station_id": stage.station_id,
                "evse_no": 1,
                "connector_no": 1,
                "last_updated": "2026-01-01T00:00:00Z",
            }
        ],
    }


def render_config(directory: Path, ports: Sequence[int], token: str) -> str:
    """The gateway's settings for the demo."""
    return "\n".join(
        [
            f'data_dir = "{directory / "data"}"',
            "[ocpp]",
            f'listen = "127.0.0.1:{ports[0]}"',
            "settle_delay_s = 0",
            "[ocpi]",
            f'listen = "127.0.0.1:{ports[1]}"',
            f'public_url = "http://127.0.0.1:{ports[1]}"',
            "allow_insecure_partners = true",
            "[[ocpi.parties]]",
            'country_code = "NL"',
            'party_id = "GWY"',
            'name = "Demo operator"',
            "[console]",
            f'listen = "127.0.0.1:{ports[2]}"',
            f'token = "{token}"',
            "[sessions]",
            "seal_after_s = 1",
            "",
        ]
    )


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def tell(who: str, line: str) -> None:
    """One line of the story."""
    print(f"{who:<9} {line}", flush=True)
