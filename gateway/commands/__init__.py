"""The commands beside `gateway run`, one module each; `cli.py` goes over the list."""

from typing import Final

from gateway.commands import correct, explain, price, replay, report
from gateway.commands.command import Command

COMMANDS: Final[tuple[Command, ...]] = (correct, explain, price, replay, report)
