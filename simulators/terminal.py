"""The terminal that a simulator tells its story to: whoever reads it may leave before the end (`| head`)."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO

STOPPED = 2

_reader_left = threading.Event()


def run_at_terminal(run: Callable[[], int]) -> int:
    """The exit code of `run`; 2 where it was stopped, by Ctrl-C or for want of a reader."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a sign that the terminal does not have ends nothing
    try:
        return run()
    except KeyboardInterrupt:
        if not _reader_left.is_set():
            print("stopped by Ctrl-C", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        return STOPPED
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush_or_give_up(stream)


def tell_line(line: str) -> None:
    """Print it at once.  Where nobody reads any more, all is brought to its end as by Ctrl-C.

    Raising here would fail whatever the line tells of: the answer to a push, for one.
    """
    try:
        print(line, flush=True)
    except BrokenPipeError:
        _give_up(sys.stdout)
        _reader_left.set()
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so shells start what runs in the background
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)


def _flush_or_give_up(stream: TextIO) -> None:
    """Or else the interpreter tries at its end, and complains."""
    try:
        stream.flush()
    except OSError:
        _give_up(stream)


def _give_up(stream: TextIO) -> None:
    """What is held for a reader who has left, and what comes, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
