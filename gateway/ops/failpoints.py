"""Places where a test lets the program die as if the power had failed.

`GATEWAY_FAILPOINT=name` kills the process (SIGKILL) when it first passes that point, `name:3` at the third passage.
The names: `before-commit`, `after-commit`, `after-answer`, `cdr-made`, `sending-committed` (a bill or a result is about
to go to a partner), `after-post` (it went, and is not marked yet), `command-saved` (what a partner asked for is kept,
and not answered yet), `command-sent` (it went to the station), `command-answered` (its result is fixed).  Unset, a
point costs one comparison.
"""

import os
import signal

_NAME, _, _passage = os.environ.get("GATEWAY_FAILPOINT", "").partition(":")
_left = int(_passage or 1)


def failpoint(name: str) -> None:
    """Die here if the environment names this point and this is the passage it asks for."""
    if name == _NAME:
        _count_down()


def _count_down() -> None:
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
