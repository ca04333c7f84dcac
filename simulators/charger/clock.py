"""Simulated time: it moves only when told."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal


class SimulatedClock:
    """A clock that stands still between moves.

    With `speed` N a move of N simulated seconds takes one real second; without it, none.  Paced time makes up for
    what its moves cost, but not for a `rest`.  One that starts at (real now - planned duration) can never get ahead
    of the real clock.
    """

    def __init__(self, start: datetime | None = None, *, speed: Decimal | None = None) -> None:
        if speed is not None and speed <= 0:
            raise ValueError("speed must be above 0; leave it out for no waiting at all")
        if start is not None and start.tzinfo is None:
            raise ValueError("the start of a simulated clock needs a time zone")
        self.start = (start or datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0)
        self.speed = speed
        self._now = self.start
        self._pace: tuple[float, datetime] | None = None

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._now

    @property
    def step(self) -> timedelta | None:
        """The longest move that keeps a paced clock responsive (a quarter of a real second), or None."""
        if self.speed is None:
            return None
        return timedelta(seconds=max(0.25 * float(self.speed), 0.05))

    async def wait_for(self, at: datetime) -> None:
        """Sleep for real until a paced clock may show `at`; a free clock returns at once."""
        if self.speed is None:
            return
        if self._pace is None:
            self._pace = (time.monotonic(), self._now)
        real, simulated = self._pace
        due = real + (at - simulated).total_seconds() / float(self.speed)
        await asyncio.sleep(max(0.0, due - time.monotonic()))

    def rest(self) -> None:
        """Simulated time stood still up to now, while somebody was waited for: the next move begins here."""
        self._pace = None

    def move_to(self, at: datetime) -> timedelta:
        """Set the time and return how far it moved; it never goes back."""
        moved = max(at - self._now, timedelta(0))
        self._now += moved
        return moved


def render_time(at: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds only where there are some."""
    utc = at.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def seconds_of(duration: timedelta) -> Decimal:
    """An exact number of seconds, for arithmetic with energy."""
    return Decimal(duration // timedelta(microseconds=1)) / 1_000_000
