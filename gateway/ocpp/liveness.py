"""Is a station that says nothing still there?"""

from enum import Enum
from typing import Final

_PINGS_MISSED: Final = 3
_HEARTBEATS_MISSED: Final = 3


class Sign(Enum):
    """What a silent connection is given."""

    NONE = "none"
    PING = "ping"
    PONG = "pong"
    """Keeps the path open without an answer to wait for: the ping before is still unanswered."""
    DEAD = "dead"


class Liveness:
    """When to ping one station, and when to give it up.  Times are of the monotonic clock.

    Anything heard is a sign of life.  A station that has answered a ping is dead once it missed three; some never
    answer any (a habit, not a fault), those are dead after three of their heartbeats.
    """

    __slots__ = ("_after_s", "_answers_pings", "_heartbeat_s", "_missed", "_pinged_at")

    def __init__(self, after_s: float, heartbeat_s: float) -> None:
        self._after_s = after_s
        self._heartbeat_s = heartbeat_s
        self._pinged_at: float | None = None
        self._missed = 0
        self._answers_pings = False

    def decide(self, now: float, heard_at: float) -> Sign:
        """What to do now about a connection on which something was last heard at `heard_at`."""
        silent_s = now - heard_at
        if silent_s < self._after_s:
            return Sign.NONE
        if self._pinged_at is None or self._pinged_at < heard_at:
            self._answers_pings |= self._pinged_at is not None and heard_at - self._pinged_at < self._after_s
            self._missed = 0
            self._pinged_at = now
            return Sign.PING
        if now - self._pinged_at < self._after_s:
            return Sign.NONE
        self._missed += 1
        self._pinged_at = now
        is_dead = self._missed >= _PINGS_MISSED if self._answers_pings else self._is_long_gone(silent_s)
        return Sign.DEAD if is_dead else Sign.PONG

    def _is_long_gone(self, silent_s: float) -> bool:
        return silent_s > _HEARTBEATS_MISSED * self._heartbeat_s
