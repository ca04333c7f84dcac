"""`gateway correct CDR_ID`: take a bill back, and make another in its place, through the gateway that runs."""

import argparse
import asyncio
import json
import os
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.commands.operator import call
from gateway.config import load_settings
from gateway.errors import GatewayError, SettingsError
from gateway.ops.logs import configure_logs
from gateway.ops.terminal import tell_problem

NAME = "correct"
HELP = "take a CDR back by a credit, and make another in its place"
EPILOG = """\
A CDR that a partner has seen never changes. What is wrong with it is settled by two more: a credit, which
takes it back (all its data, the total negative), and a CDR with the right figures. Both are made in one step
or not at all, and told to the partner like any other. --cancel makes the credit alone.

What was corrected can be corrected again; what you say here holds until you say it anew. A partner with
OCPI 2.1.1 knows no credits: neither is told to it, and GET withheld lists them for settling by hand.

examples:
  gateway correct 5c6f3a04-… --reason "the meter was broken" --energy-wh 4000
  gateway correct 5c6f3a04-… --reason "wrong price at the site" --tariff T2
  gateway correct 5c6f3a04-… --reason "messages came late" --late-facts
  gateway correct 5c6f3a04-… --reason "a test by our technician" --cancel

The gateway must be running; the command speaks with its operator's API, with the token of the settings or of
data_dir. exit codes: 0 done, 1 refused or no gateway answers, 2 usage or settings
"""
LARGEST_EXPONENT = 12
CHANGES = ("energy_wh", "tariff_id", "ended_at", "include_late_facts", "remark", "invoice_reference_id")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("id", metavar="CDR_ID", help="the CDR that is wrong")
    parser.add_argument("--reason", required=True, help="why; kept with both CDRs, shown to you alone")
    parser.add_argument("--cancel", action="store_true", help="the credit alone: nothing is billed in its place")
    parser.add_argument("--energy-wh", type=_number, metavar="WH", help="the energy, shared over the periods as before")
    parser.add_argument("--tariff", dest="tariff_id", metavar="ID", help="price it by this tariff, as it is now")
    parser.add_argument("--ended-at", type=_time, metavar="TIME", help="when it ended, such as 2026-03-01T12:00:00Z")
    parser.add_argument(
        "--late-facts",
        dest="include_late_facts",
        action="store_true",
        help="compute it anew with the messages that came after it was made",
    )
    parser.add_argument("--remark", help="a text that the partner sees on the new CDR")
    parser.add_argument(
        "--invoice", dest="invoice_reference_id", metavar="ID", help="the invoice that the new CDR is on"
    )
    parser.add_argument("--json", action="store_true", help="the answer of the operator's API")
    parser.add_argument("--config", type=Path, help="TOML file; without it, defaults and GATEWAY_… variables")


def run(args: argparse.Namespace) -> int:
    """Exit code 2 for what cannot be asked so and for settings, 1 where the gateway refuses or does not answer."""
    configure_logs("error", "text")
    said = {name: getattr(args, name) for name in CHANGES}
    changes = {name: value for name, value in said.items() if value is not None and value is not False}
    if args.cancel == bool(changes):
        tell_problem("gateway: say what is to be different on the new CDR, or --cancel for a credit alone")
        return 2
    asked = {"reason": args.reason, **({"cancel": True} if args.cancel else changes)}
    try:
        settings = load_settings(args.config, os.environ)
        made = asyncio.run(call(settings, "POST", f"cdrs/{quote(args.id, safe='')}/corrections", asked))
    except GatewayError as error:
        tell_problem(f"gateway: {error}")
        return 2 if isinstance(error, SettingsError) else 1
    print(made.decode() if args.json else _tell(args.id, json.loads(made, parse_float=Decimal)))
    return 0


def _tell(cdr_id: str, made: dict[str, Any]) -> str:
    credit, cdr = made["credit"], made["cdr"]
    lines = [f"CDR {cdr_id} is taken back.", f"  credit   {_line(credit)}"]
    lines.append(f"  new CDR  {_line(cdr)}" if cdr is not None else "  Nothing is billed in its place.")
    return "\n".join(lines)


def _line(cdr: dict[str, Any]) -> str:
    cost = cdr["total_cost"] or {}
    total = cost.get("with_taxes") if cost.get("with_taxes") is not None else cost.get("before_taxes")
    return f"{cdr['id']}  {cdr['energy_kwh']} kWh  {total} {cdr['currency']}"


def _number(text: str) -> float | int:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number.adjusted() > LARGEST_EXPONENT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of Wh")
    return int(number) if number == number.to_integral_value() else float(number)


def _time(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-03-01T12:00:00Z") from None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).isoformat()
