"""Who reads what a command prints, or does not."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def nobody_reads() -> Iterator[int]:
    """A pipe whose reader is gone: the descriptor to write to."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def run_module(module: str, *argv: str, buffers: bool = True, **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` to its end; `streams` stand in the place of the pipes that catch what it prints."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    environ = {**os.environ, "PYTHONUNBUFFERED": "" if buffers else "1"}
    return subprocess.run([sys.executable, "-m", module, *argv], env=environ, text=True, check=False, **given)
