"""`gateway replay FILE`: a recorded trace through the same core, without network."""

import argparse
import asyncio
import os
from pathlib import Path

from gateway.config import load_settings
from gateway.errors import GatewayError, SettingsError
from gateway.ocpi.versions import VERSIONS as OCPI_VERSIONS
from gateway.ocpi.versions import choose_version
from gateway.ocpp.versions import VERSIONS as OCPP_VERSIONS
from gateway.ocpp.versions import find_version
from gateway.ops.logs import configure_logs
from gateway.ops.terminal import tell_problem
from gateway.replay.outcome import render_outcome
from gateway.replay.replay import replay
from gateway.replay.telling import tell_outcome

NAME = "replay"
HELP = "run a recorded trace through the same core, without network, and print the OCPI objects that result"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the trace: GET trace?format=jsonl of the operator's API")
    parser.add_argument("--inventory", type=Path, help="stations, sites, prices, cards: GET inventory of the same API")
    parser.add_argument("--config", type=Path, help="TOML file; without it, defaults and GATEWAY_… variables")
    parser.add_argument(
        "--ocpp",
        choices=[version.name for version in OCPP_VERSIONS],
        help="what stations speak whose connection began before the trace",
    )
    parser.add_argument("--ocpi", choices=list(OCPI_VERSIONS), help="the version of the objects (the newest)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines for a person")


def run(args: argparse.Namespace) -> int:
    """Exit code 2 where the trace, the inventory or the settings cannot be used."""
    configure_logs("error", "text")
    version = choose_version([args.ocpi] if args.ocpi else OCPI_VERSIONS)
    assert version is not None
    try:
        trace = _read(args.file)
        inventory = None if args.inventory is None else _read(args.inventory)
        settings = load_settings(args.config, os.environ)
        ocpp = find_version(args.ocpp) if args.ocpp else None
        outcome = asyncio.run(replay(trace, inventory, settings, ocpi=version, ocpp=ocpp))
    except GatewayError as error:
        tell_problem(f"gateway: {error}")
        return 2
    print(render_outcome(outcome).decode() if args.json else tell_outcome(outcome))
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
