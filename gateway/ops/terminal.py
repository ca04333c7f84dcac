"""The standard streams of the command line: what is at their other end may be gone, full, or never have been there."""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

GOOD, FAILED = 0, 1


def run_at_terminal(name: str, run: Callable[[], int]) -> int:
    """The exit code of `run`, which prints.  A reader that stops early (`| head`) is no fault of it.

    0 where the reader left before the end; 1, and a word on stderr that begins with `name`, where it cannot print.
    """
    _stand_in_for_closed_streams()
    _write_whatever_the_terminal()
    code = GOOD
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        tell_problem(f"{name}: {error}")
        code = FAILED
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush_or_give_up(stream)
    return code


def tell_problem(text: str) -> None:
    """A line on stderr.  Where nobody is there to read it, the exit code must do."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")


def _stand_in_for_closed_streams() -> None:
    """Started with `2>&-`, the next file that is opened, a database, were standard error."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 for good


def _write_whatever_the_terminal() -> None:
    """A sign that the terminal's encoding does not have is written as its number, and ends nothing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _flush_or_give_up(stream: TextIO) -> None:
    """Or else the interpreter tries at its end, complains, and exits with 120."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
