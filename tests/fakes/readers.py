"""Who reads what a command prints, or does not."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@contextlib.contextmanager
def nobody_reads() -> Iterator[int]:
    """A pipe whose reader is gone: the descriptor to write to."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def printed_in_ascii(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> bytes:
    """What a command prints that is run in this process, at a terminal without any sign beyond ASCII, until it exits
    well."""
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(SystemExit) as stopped:
        run()
    terminal.flush()
    assert stopped.value.code == 0
    printed: bytes = terminal.buffer.getvalue()  # type: ignore[attr-defined]
    return printed


def run_module(module: str, *argv: str, buffers: bool = True, **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` to its end; `streams` stand in the place of the pipes that catch what it prints."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    environ = {**os.environ, "PYTHONUNBUFFERED": "" if buffers else "1"}
    return subprocess.run([sys.executable, "-m", module, *argv], env=environ, text=True, check=False, **given)
