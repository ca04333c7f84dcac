"""The technician's window: the last frames of all stations, and why anything was refused."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.domain.ids import station_key
from gateway.ports import Clock, SaveIncident, TraceEntry

FRAMES = 20_000
BYTES = 32 * 1024 * 1024
TEXT_LIMIT = 16_384
CUT = "…"
"""What ends a text that was longer than the limit."""
QUIET = timedelta(seconds=10)
"""The same station failing in the same way within this time is written to disk once."""
KNOWN_LIMIT = 10_000
INCIDENT_LIMIT = 1_000

_Entry = tuple[datetime, str, str, str, str | None]
"""The fields of a TraceEntry: most entries are never looked at."""


class TraceRing:
    """Frames in one ring in memory, bounded by number and bytes; events also wait in `take_incidents`, to be kept on
    disk.

    One ring for all stations: a ring each would double the memory of an idle connection.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._incidents: list[SaveIncident] = []
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self._last: dict[tuple[str, str], tuple[datetime, str]] = {}

    def frame(self, station_id: str, direction: str, text: str, at: datetime | None = None) -> None:
        """Keep a frame; cheap, for it is called for every one."""
        self._keep(station_id, direction, text, None, at or self._clock.now())

    def event(self, station_id: str, kind: str, text: str) -> None:
        """Keep something a person must see."""
        at = self._clock.now()
        self._keep(station_id, "event", text, kind, at)
        known = self._last.get((station_id, kind))
        if known is not None and known[1] == text and at - known[0] < QUIET:
            return
        if len(self._last) >= KNOWN_LIMIT:
            self._last.clear()
        self._last[station_id, kind] = (at, text)
        if len(self._incidents) < INCIDENT_LIMIT:
            self._incidents.append(SaveIncident(station_id, at, kind, text[:TEXT_LIMIT]))

    def take_incidents(self) -> Sequence[SaveIncident]:
        """The events since the last call that are to be kept on disk."""
        taken, self._incidents = self._incidents, []
        return taken

    def give_back(self, incidents: Sequence[SaveIncident]) -> None:
        """They could not be kept on disk: they are taken again next time, as far as there is room."""
        self._incidents = [*incidents, *self._incidents][:INCIDENT_LIMIT]

    def entries(self, station_id: str | None, *, limit: int) -> Sequence[TraceEntry]:
        """The newest `limit` entries, of one station or of all, oldest first."""
        key = None if station_id is None else station_key(station_id)
        found: list[TraceEntry] = []
        for at, of, direction, text, reason in reversed(self._entries):
            if key is None or station_key(of) == key:
                found.append(TraceEntry(at, of, direction, text, reason))
                if len(found) >= limit:
                    break
        return found[::-1]

    def _keep(self, station_id: str, direction: str, text: str, reason: str | None, at: datetime) -> None:
        if len(text) > TEXT_LIMIT:
            text = text[:TEXT_LIMIT] + CUT
        self._entries.append((at, station_id, direction, text, reason))
        self._bytes += len(text)
        while len(self._entries) > FRAMES or self._bytes > BYTES:
            self._bytes -= len(self._entries.popleft()[3])


def is_cut(text: str) -> bool:
    """Did the ring keep only the beginning of this text?"""
    return len(text) == TEXT_LIMIT + len(CUT) and text.endswith(CUT)
