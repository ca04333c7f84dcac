"""The technician's window: the last frames of all stations, and why anything was refused."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from gateway.domain.ids import station_key
from gateway.domain.quick import quick
from gateway.ports import Clock, SaveIncident, TraceEntry

FRAMES = 20_000
BYTES = 32 * 1024 * 1024
TEXT_LIMIT = 16_384
QUIET = timedelta(seconds=10)
"""The same station failing in the same way within this time is written to disk once."""
KNOWN_LIMIT = 10_000
INCIDENT_LIMIT = 1_000

_make_entry = quick(TraceEntry)


class TraceRing:
    """Frames in one ring in memory, bounded by number and bytes; events also wait in `take_incidents`, to be kept on
    disk.

    One ring for all stations: a ring each would double the memory of an idle connection.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._incidents: list[SaveIncident] = []
        self._entries: deque[TraceEntry] = deque()
        self._bytes = 0
        self._last: dict[tuple[str, str], TraceEntry] = {}

    def frame(self, station_id: str, direction: str, text: str) -> None:
        """Keep a frame; cheap, for it is called for every one."""
        self._keep(_make_entry(self._clock.now(), station_id, direction, text))

    def event(self, station_id: str, kind: str, text: str) -> None:
        """Keep something a person must see."""
        entry = TraceEntry(self._clock.now(), station_id, "event", text, kind)
        self._keep(entry)
        known = self._last.get((station_id, kind))
        if known is not None and known.text == text and entry.at - known.at < QUIET:
            return
        if len(self._last) >= KNOWN_LIMIT:
            self._last.clear()
        self._last[station_id, kind] = entry
        if len(self._incidents) < INCIDENT_LIMIT:
            self._incidents.append(SaveIncident(station_id, entry.at, kind, text[:TEXT_LIMIT]))

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
        for entry in reversed(self._entries):
            if key is None or station_key(entry.station_id) == key:
                found.append(entry)
                if len(found) >= limit:
                    break
        return found[::-1]

    def _keep(self, entry: TraceEntry) -> None:
        size = len(entry.text)
        if size > TEXT_LIMIT:
            entry = TraceEntry(entry.at, entry.station_id, entry.direction, entry.text[:TEXT_LIMIT] + "…", entry.reason)
        entries = self._entries
        entries.append(entry)
        self._bytes += size if size <= TEXT_LIMIT else len(entry.text)
        while len(entries) > FRAMES or self._bytes > BYTES:
            self._bytes -= len(entries.popleft().text)
