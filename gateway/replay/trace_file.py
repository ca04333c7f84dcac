"""From a trace on disk to its lines: JSON lines (`GET trace?format=jsonl`), or the array that `GET trace` answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from gateway.flows.trace import is_cut

IN, OUT, EVENT = "in", "out", "event"
DIRECTIONS: Final = (IN, OUT, EVENT)
YEARS: Final = range(1970, 2200)
"""Of other years no gateway has a trace, and timers could not run on from them."""
_NAMES: Final = {"station": ("station", "station_id"), "frame": ("frame", "text")}
_SHAPE: Final = '{"at": …, "direction": "in|out|event", "station": …, "frame": …}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One line; `no` counts from 1.  `is_cut`: the trace kept only the beginning of the frame."""

    no: int
    at: datetime
    direction: str
    station_id: str
    frame: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadLine:
    """A line that was left out: what is wrong with it, and what to do."""

    no: int
    what: str
    remedy: str


def parse_trace(data: bytes) -> tuple[list[TraceLine], list[UnreadLine]]:
    """What can be read, in the order of the file, and what cannot."""
    lines: list[TraceLine] = []
    unread: list[UnreadLine] = []
    for no, entry in _entries_of(data):
        line = _parse_line(no, entry)
        if isinstance(line, TraceLine):
            lines.append(line)
        else:
            unread.append(line)
    return lines, unread


def _entries_of(data: bytes) -> Iterator[tuple[int, Any]]:
    """Each entry with its number; one that is no JSON is given as the error."""
    entries = _whole_array(data)
    if entries is not None:
        yield from enumerate(entries, 1)
        return
    for no, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield no, orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield no, error


def _whole_array(data: bytes) -> Sequence[Any] | None:
    if not data.lstrip().startswith(b"["):
        return None
    try:
        entries = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return entries if isinstance(entries, list) else None


def _parse_line(no: int, entry: Any) -> TraceLine | UnreadLine:
    if isinstance(entry, orjson.JSONDecodeError):
        return UnreadLine(no=no, what=f"is not JSON: {entry}", remedy=f"write one object a line: {_SHAPE}")
    if not isinstance(entry, dict):
        return UnreadLine(no=no, what="is not a JSON object", remedy=f"write one object a line: {_SHAPE}")
    at = _parse_time(entry.get("at"))
    if at is None:
        what = f"at: {entry.get('at')!r} is no time of our days with a zone"
        return UnreadLine(no=no, what=what, remedy='give the time of receipt, for example "2026-01-02T03:04:05.678Z"')
    direction = entry.get("direction")
    if direction not in DIRECTIONS:
        what = f"direction: {direction!r} is not one of in, out, event"
        return UnreadLine(no=no, what=what, remedy="in: from the station, out: from the gateway, event: a remark")
    station_id, frame = _text_of(entry, "station"), _text_of(entry, "frame")
    if not station_id or frame is None:
        what = f"{'frame' if station_id else 'station'} is missing"
        return UnreadLine(no=no, what=what, remedy=f"write one object a line: {_SHAPE}")
    return TraceLine(
        no=no,
        at=at,
        direction=direction,
        station_id=station_id,
        frame=frame,
        is_cut=entry.get("is_cut") is True or is_cut(frame),
    )


def _text_of(entry: dict[str, Any], name: str) -> str | None:
    """A text; a frame may also stand there as JSON."""
    value = next((entry[key] for key in _NAMES[name] if entry.get(key) is not None), None)
    if name == "frame" and isinstance(value, list):
        return orjson.dumps(value).decode()
    return value if isinstance(value, str) else None


def _parse_time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return None
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in YEARS else None
