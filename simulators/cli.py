"""The command line: `simulator charger`, `simulator emsp` and `simulator demo`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from simulators import demo
from simulators.charger import cli as charger
from simulators.emsp import cli as emsp

USAGE_PROBLEM = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a simulator; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="simulator", description="Stand-ins for the two ends of a charge point gateway."
    )
    commands = parser.add_subparsers(title="simulators", dest="simulator", required=True, metavar="NAME")
    charger.add_parser(commands)
    emsp.add_parser(commands)
    demo.add_parser(commands)
    args = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.func
    try:
        return run(args)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return USAGE_PROBLEM


if __name__ == "__main__":
    raise SystemExit(main())
