"""`gateway report`: what a month comes to, from the database of a gateway that may be running."""

import argparse
import asyncio
import os
from pathlib import Path

from gateway.commands.reading import opened_to_read
from gateway.config import Settings, load_settings
from gateway.console.render_reports import render_csv, render_table
from gateway.errors import GatewayError, SettingsError
from gateway.flows.reports import load_reconciliation, month_of
from gateway.ops.logs import configure_logs
from gateway.ops.terminal import tell_problem

NAME = "report"
HELP = "reconcile a month: visits, bills, credits, what each partner has pulled, and the totals"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="TOML file; without it, defaults and GATEWAY_… variables")
    parser.add_argument("--month", required=True, help="for example 2026-11; a visit counts where it ended")
    parser.add_argument("--zone", default="UTC", help="the time zone of the month, for example Europe/Berlin (UTC)")
    parser.add_argument("--partner", help="the id of one partner")
    parser.add_argument("--csv", action="store_true", help="comma-separated, for a spreadsheet")


def run(args: argparse.Namespace) -> int:
    """Exit code 2 where the settings or the arguments cannot be used, 1 where the database fails."""
    configure_logs("error", "text")
    try:
        print(asyncio.run(_report(load_settings(args.config, os.environ), args)), end="" if args.csv else "\n")
    except GatewayError as error:
        tell_problem(f"gateway: {error}")
        return 2 if isinstance(error, SettingsError) else 1
    return 0


async def _report(settings: Settings, args: argparse.Namespace) -> str:
    try:
        begin_at, end_at = month_of(args.month, args.zone)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    async with opened_to_read(settings) as store:
        names = {partner.id: partner.name for partner in await store.load_partners()}
        if args.partner is not None and args.partner not in names:
            known = ", ".join(f"{partner_id} ({name})" for partner_id, name in sorted(names.items())) or "none"
            raise SettingsError(f"there is no partner {args.partner!r}; there are: {known}")
        report = await load_reconciliation(store, begin_at, end_at, args.partner)
    if args.csv:
        return render_csv(report, names)
    return render_table(args.month, args.zone, report, names)
