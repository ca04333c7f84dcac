"""The command line of the demo."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.charger.errors import SimulatorError
from simulators.demo.errors import DemoError
from simulators.demo.play import FAILED, play
from simulators.emsp.errors import EmspError
from simulators.emsp.faults import Fault, parse_fault

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` to the command line."""
    parser = commands.add_parser(
        "demo",
        help="the whole story: two chargers, the gateway, one eMSP",
        description="Run two chargers and an eMSP against a gateway of their own: one charges with a card, one is "
        "started and stopped by the eMSP. Checks what the eMSP was pushed, what it pulls, and every figure of both "
        "CDRs. Exit code: 0 all is as it must be, 1 something is not.",
    )
    parser.add_argument("--speed", type=_speed, default=Decimal(120), help="simulated seconds per second (120)")
    parser.add_argument("--dir", type=Path, help="keep everything in this directory instead of a temporary one")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        dest="faults",
        metavar="KIND[=VALUE][:MODULE][:COUNT]",
        help="have the eMSP play a fault, such as 500:cdrs:2, which the gateway must get over; may be repeated",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns the exit code."""
    try:
        if args.dir is not None:
            args.dir.mkdir(parents=True, exist_ok=True)
            return asyncio.run(play(args.dir, args.speed, faults=args.faults))
        with tempfile.TemporaryDirectory(prefix="gateway-demo-") as directory:
            return asyncio.run(play(Path(directory), args.speed, faults=args.faults))
    except (DemoError, SimulatorError, EmspError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return FAILED


def _speed(text: str) -> Decimal:
    if not text.replace(".", "", 1).isdecimal() or not Decimal(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no speed: give a number above 0, such as 120")
    return Decimal(text)


def _fault(text: str) -> tuple[Fault, int]:
    try:
        return parse_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; write it as 500:cdrs:2, slow=5:sessions or wrong-json") from None
