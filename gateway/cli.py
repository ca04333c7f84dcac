"""The command line: `gateway run` and the commands beside it."""

import argparse
import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway import __version__
from gateway.app import Gateway
from gateway.commands import COMMANDS
from gateway.config import Settings, load_settings
from gateway.errors import GatewayError
from gateway.ops.logs import configure_logs
from gateway.ops.terminal import FAILED, GOOD, run_at_terminal, tell_problem

USAGE_PROBLEM = 2
_BESIDE = {command.NAME: command for command in COMMANDS}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 good, 1 failed, 2 a usage or settings problem."""
    return run_at_terminal("gateway", lambda: _run_command(_parser().parse_args(argv)))


def _run_command(args: argparse.Namespace) -> int:
    if args.command in _BESIDE:
        return _BESIDE[args.command].run(args)
    try:
        settings = load_settings(args.config, os.environ)
    except GatewayError as error:
        tell_problem(f"gateway: {error}")
        return USAGE_PROBLEM
    if args.command == "check":
        print("the settings are good")
        return GOOD
    configure_logs(settings.log.level, settings.log.format)
    try:
        _run(settings)
    except GatewayError as error:
        tell_problem(f"gateway: {error}")
        return FAILED
    except OSError as error:
        tell_problem(f"gateway: cannot start: {error}; is a port in use, or data_dir not writable?")
        return FAILED
    return GOOD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway", description="OCPP-to-OCPI charge point gateway.")
    parser.add_argument("--version", action="version", version=f"gateway {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (("run", "run the gateway until SIGTERM"), ("check", "read the settings and say what is wrong")):
        command = commands.add_parser(name, help=text, description=_sentence(text))
        command.add_argument("--config", type=Path, help="TOML file; without it, defaults and GATEWAY_… variables")
    for beside in COMMANDS:
        beside.add_arguments(commands.add_parser(beside.NAME, help=beside.HELP, description=_sentence(beside.HELP)))
    return parser


def _sentence(text: str) -> str:
    """Not `capitalize`, which writes the rest small: a CDR is no cdr."""
    return f"{text[0].upper()}{text[1:]}."


def _run(settings: Settings) -> None:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it installs; asyncio's own works as well, slower and with more memory per TLS connection."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    gateway = Gateway(settings)
    await gateway.start()
    _spare_the_collector()
    with contextlib.suppress(asyncio.CancelledError):
        await stopped.wait()
    await gateway.stop()


def _spare_the_collector() -> None:
    """What is loaded now stays: looking at it again and again, every 700 objects, is work for nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
