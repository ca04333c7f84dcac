"""What falls due when."""

import heapq
from collections.abc import Iterable
from datetime import datetime

SLACK = 100
"""Entries that may be stale: more are cleared away, for those far ahead would never come to the top."""


class Agenda:
    """What falls due when: a heap of (time, key); a key put in anew is due at its newest time only."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        self._due: dict[str, datetime] = {}

    def put(self, key: str, at: datetime) -> None:
        self._due[key] = at
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [(due_at, name) for name, due_at in self._due.items()]
            heapq.heapify(self._heap)

    def drop(self, key: str) -> None:
        self._due.pop(key, None)

    def __contains__(self, key: str) -> bool:
        return key in self._due

    def next_at(self) -> datetime | None:
        self._skip_stale()
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: datetime) -> Iterable[str]:
        """The keys due by `now`, taken off."""
        self._skip_stale()
        while self._heap and self._heap[0][0] <= now:
            _, key = heapq.heappop(self._heap)
            del self._due[key]
            yield key
            self._skip_stale()

    def _skip_stale(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
