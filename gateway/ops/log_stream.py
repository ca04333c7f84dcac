"""Where log lines go: what reads them may be gone, full or asleep, which is no business of who writes a line."""

import os
import select
import threading
from collections.abc import Callable

PATIENCE_MS = 250


class LogStream:
    """A text stream whose `write` never raises, and never waits for a reader that has stopped reading.

    A line that cannot be written (nobody at the other end of the pipe, no room on the disk, a terminal held by Ctrl-S)
    is lost and counted; the next one that can be written comes after the line that `render_loss` makes of the count.
    A reader that is merely slow gets every line: it is waited for, up to `PATIENCE_MS`, and once that was in vain, not
    again until it has read.
    Signs that `encoding` does not have are written as their numbers.
    """

    def __init__(self, descriptor: int, encoding: str, render_loss: Callable[[int], str]) -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._render_loss = render_loss
        self._lock = threading.Lock()
        # Asked before each write, for O_NONBLOCK would be set for all who share the pipe or the terminal.
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._is_asleep = False
        self._is_torn = False
        self._lost = 0

    def write(self, line: str) -> None:
        """Write a line, which ends in a line feed, or count it as lost."""
        with self._lock:
            if self._lost and self._put(self._render_loss(self._lost)):
                self._lost = 0
            if self._lost or not self._put(line):
                self._lost += 1

    def flush(self) -> None:
        """Nothing is held back."""

    def _put(self, line: str) -> bool:
        data = line.encode(self._encoding, "backslashreplace")
        rest = memoryview(b"\n" + data if self._is_torn else data)
        length = len(rest)
        try:
            # So much a pipe that is ready takes without blocking.
            while rest and self._is_ready():
                rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]
        except OSError:
            pass
        if len(rest) < length:
            self._is_torn = len(rest) > 0
        return not rest

    def _is_ready(self) -> bool:
        """Also where a write will fail: then it fails at once."""
        self._is_asleep = not self._poll.poll(0 if self._is_asleep else PATIENCE_MS)
        return not self._is_asleep
