"""`simulator charger`: a scenario against a central system, told in readable lines."""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.terminal import tell_line

from .clock import render_time
from .errors import ConnectError, ScenarioError
from .line import Patience
from .message import Note
from .runner import Outcome, build_charger
from .scenario import Scenario, bundled_scenarios, load_scenario
from .station import Transaction

if TYPE_CHECKING:
    from argparse import _SubParsersAction

GOOD, FAILED, USAGE_PROBLEM = 0, 1, 2

_QUIET = ("frame",)


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `charger` to the simulators of the command line."""
    parser = commands.add_parser(
        "charger",
        help="a charger that lives through a scenario",
        description="Dial into a central system as a charger and go through a scenario.",
        epilog=f"Bundled scenarios: {', '.join(bundled_scenarios())}. "
        "Exit code: 0 all held, 1 something did not, 2 usage or connection problem.",
    )
    parser.add_argument("--url", required=True, help="ws://HOST:PORT/PATH or wss://…, without the identity")
    parser.add_argument("--id", required=True, dest="identity", help="the station's identity")
    parser.add_argument("--version", choices=("1.6", "2.0.1"), help="OCPP version (default: the scenario's)")
    parser.add_argument("--scenario", required=True, help="a TOML file or the name of a bundled scenario")
    parser.add_argument(
        "--speed",
        default="60",
        help="simulated seconds per real second; 0 or 'max': no waiting (default 60)",
    )
    parser.add_argument("--token", help="the card to show instead of the scenario's")
    parser.add_argument("--password", help="HTTP Basic password")
    parser.add_argument("--password-hex", help="the same as hexadecimal digits, sent as bytes (OCPP 1.6 keys)")
    parser.add_argument("--ca", type=Path, help="PEM file of the authority that issued the server's certificate")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--trace", action="store_true", help="print every frame too")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run the scenario; returns the exit code."""
    tell = _tell_json if args.json else _tell
    try:
        scenario = _scenario_of(args)
        speed = _speed_of(args.speed)
        password = _password_of(args)
        tls = _tls_of(args)
    except (ScenarioError, _UsageError) as fault:
        print(f"simulator charger: {fault}", file=sys.stderr)
        return USAGE_PROBLEM
    version = args.version or scenario.versions[0]
    tell("title", f"{scenario.title} (OCPP {version})", {"station": args.identity, "tariff": scenario.tariff})
    charger = build_charger(
        scenario,
        args.url,
        args.identity,
        version=version,
        speed=speed,
        password=password,
        tls=tls,
        patience=Patience(reply_timeout_s=30, give_up_after_s=120, boot_pause_s=2, boot_attempts=60),
        observer=_observer(tell, traces=args.trace),
    )

    async def live() -> Outcome:
        async with charger:
            return await charger.run_scenario(scenario)

    try:
        outcome = asyncio.run(live())
    except ConnectError as fault:
        print(f"simulator charger: {fault}", file=sys.stderr)
        return USAGE_PROBLEM
    _sum_up(outcome, scenario, tell)
    return GOOD if outcome.is_good else FAILED


class _UsageError(Exception):
    pass


Tell = Callable[[str, str, dict[str, Any]], None]


def _scenario_of(args: argparse.Namespace) -> Scenario:
    scenario = load_scenario(args.scenario)
    if args.version is not None and args.version not in scenario.versions:
        raise _UsageError(
            f"scenario {args.scenario} is for OCPP {' and '.join(scenario.versions)}: "
            f"leave --version {args.version} out or choose another scenario"
        )
    return scenario.model_copy(update={"token": args.token}) if args.token else scenario


def _speed_of(text: str) -> Decimal | None:
    if text == "max":
        return None
    try:
        speed = Decimal(text)
    except InvalidOperation:
        raise _UsageError(f"--speed {text}: give a number (60: a minute per second) or 'max'") from None
    if speed == 0:
        return None
    if not speed.is_finite() or speed < 0:
        raise _UsageError(f"--speed {text}: time cannot run backwards; give 1 or more, or 'max'")
    return speed


def _password_of(args: argparse.Namespace) -> str | bytes | None:
    if args.password_hex is None:
        return str(args.password) if args.password is not None else None
    if args.password is not None:
        raise _UsageError("give --password or --password-hex, not both")
    try:
        return bytes.fromhex(args.password_hex)
    except ValueError:
        raise _UsageError("--password-hex: an even number of digits 0-9 and a-f is needed") from None


def _tls_of(args: argparse.Namespace) -> ssl.SSLContext | None:
    if args.ca is None:
        return None
    if not args.url.startswith("wss://"):
        raise _UsageError("--ca is for wss:// addresses: the --url given is not encrypted")
    try:
        return ssl.create_default_context(cafile=str(args.ca))
    except (OSError, ssl.SSLError) as fault:
        raise _UsageError(f"--ca {args.ca}: not a readable PEM file of certificates ({fault})") from None


def _observer(tell: Tell, *, traces: bool) -> Callable[[Note], None]:
    def observe(note: Note) -> None:
        if traces or note.kind not in _QUIET:
            tell(note.kind, note.text, {"at": render_time(note.at), **note.fields})

    return observe


def _tell(_: str, text: str, fields: dict[str, Any]) -> None:
    at = fields.pop("at", None)
    rest = "  ".join(f"{key}={value}" for key, value in fields.items() if value not in (None, ""))
    tell_line("  ".join(part for part in (at, text, rest) if part))


def _tell_json(kind: str, text: str, fields: dict[str, Any]) -> None:
    tell_line(json.dumps({"kind": kind, "text": text, **fields}, default=str))


def _sum_up(outcome: Outcome, scenario: Scenario, tell: Tell) -> None:
    for tx in outcome.sessions:
        tell("session", "session", _figures(tx))
    if scenario.expect is not None:
        wanted = scenario.expect.model_dump(exclude_none=True)
        tell("expect", "the CDR must say", {key: str(value) for key, value in wanted.items()})
    for failure in outcome.failures:
        tell("failed", f"FAILED {failure}", {})
    if outcome.is_good:
        tell("good", "every step and expectation held", {})


def _figures(tx: Transaction) -> dict[str, Any]:
    return {
        "transaction": tx.transaction_id,
        "evse": tx.evse_no,
        "from": render_time(tx.started_at),
        "to": render_time(tx.ended_at) if tx.ended_at is not None else "running",
        "kwh": Decimal(tx.energy_wh).scaleb(-3),
        "charging": tx.charging,
        "parking": tx.parking,
        "ghost": tx.is_ghost or None,
    }
