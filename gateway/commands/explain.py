"""`gateway explain cdr ID`: the story of a bill, from the database of a gateway that may be running."""

import argparse
import asyncio
import os
from pathlib import Path

from gateway.commands.reading import opened_to_read
from gateway.config import Settings, load_settings
from gateway.console.answers import render_body
from gateway.console.render_explanation import render_explanation
from gateway.console.tell_explanation import tell_explanation
from gateway.errors import GatewayError, NotFoundError, SettingsError
from gateway.flows.explaining import load_explanation
from gateway.ops.logs import configure_logs
from gateway.ops.terminal import tell_problem

NAME = "explain"
HELP = "tell how a CDR came about: the messages, the readings, the periods, the arithmetic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=["cdr"], help="what to explain")
    parser.add_argument("id", help="its id")
    parser.add_argument("--config", type=Path, help="TOML file; without it, defaults and GATEWAY_… variables")
    parser.add_argument("--json", action="store_true", help="JSON for machines instead of text for a person")


def run(args: argparse.Namespace) -> int:
    """Exit code 2 where the settings cannot be used, 1 where there is no such CDR or the database fails."""
    configure_logs("error", "text")
    try:
        print(asyncio.run(_explain(load_settings(args.config, os.environ), args.id, is_json=args.json)))
    except GatewayError as error:
        tell_problem(f"gateway: {error}")
        return 2 if isinstance(error, SettingsError) else 1
    return 0


async def _explain(settings: Settings, cdr_id: str, *, is_json: bool) -> str:
    async with opened_to_read(settings) as store:
        try:
            explanation = await load_explanation(store, cdr_id)
        except NotFoundError as error:
            raise NotFoundError(f"{error} in {settings.store_url}: GET cdrs of the operator's API lists them") from None
        if is_json:
            return render_body(render_explanation(explanation)).decode()
        names = {partner.id: partner.name for partner in await store.load_partners()}
        return tell_explanation(explanation, names.get(explanation.cdr.partner_id or ""))
