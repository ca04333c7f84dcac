"""What makes a module a command."""

import argparse
from typing import Protocol


class Command(Protocol):
    """`run` prints what was asked for and returns the exit code: 0 good, 1 failed, 2 a usage or settings problem."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...
