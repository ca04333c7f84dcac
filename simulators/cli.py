"""The command line: `simulator charger`, `simulator emsp` and `simulator demo`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from simulators import demo
from simulators.charger import cli as charger
from simulators.emsp import cli as emsp
from simulators.terminal import run_at_terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Run a simulator; returns its exit code."""
    return run_at_terminal(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="simulator", description="Stand-ins for the two ends of a charge point gateway."
    )
    commands = parser.add_subparsers(title="simulators", dest="simulator", required=True, metavar="NAME")
    charger.add_parser(commands)
    emsp.add_parser(commands)
    demo.add_parser(commands)
    args = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.func
    return run(args)


if __name__ == "__main__":
    raise SystemExit(main())
