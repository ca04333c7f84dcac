"""What the recorded gateway answered, beside what was asked, and the version each connection spoke."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.domain.ids import station_key
from gateway.ocpp import frames
from gateway.ocpp.frames import Call, CallError, CallResult
from gateway.ocpp.version import Version
from gateway.ocpp.versions import SUBPROTOCOLS, VERSIONS
from gateway.replay.trace_file import EVENT, IN, OUT, TraceLine

_CONNECTED: Final = re.compile(r"connected: (\S+)")
_ENDED: Final = re.compile(r"connection (closed|lost)")
_OF_THE_MOMENT: Final = frozenset({"currentTime"})
"""Fields of an answer that tell when it was given: they differ between any two runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A connection began; `version` None: it spoke none that is spoken here."""

    subprotocol: str
    version: Version | None


def find_connected(line: TraceLine) -> Connected | None:
    """The beginning of a connection, if the line tells of one."""
    match = _CONNECTED.match(line.frame) if line.direction == EVENT else None
    if match is None:
        return None
    found = next((version for version in VERSIONS if version.subprotocol == match[1]), None)
    return Connected(subprotocol=match[1], version=found)


def is_end(line: TraceLine) -> bool:
    """Does the line tell of the end of a connection?"""
    return line.direction == EVENT and _ENDED.match(line.frame) is not None


def guess_version(lines: Sequence[TraceLine], station_id: str) -> Version | None:
    """The one version in which most calls of a station are valid; None where two fit alike."""
    key = station_key(station_id)
    calls = []
    for line in lines:
        if line.direction == IN and station_key(line.station_id) == key:
            frame = frames.parse_frame(line.frame)
            if isinstance(frame, Call):
                calls.append(frame)
    counts = [(_count_valid(version, calls), version) for version in VERSIONS]
    most = max(count for count, _ in counts)
    best = [version for count, version in counts if count == most]
    return best[0] if most and len(best) == 1 else None


def _count_valid(version: Version, calls: Sequence[Call]) -> int:
    schemas = version.schemas.requests
    return sum(call.action in schemas and schemas[call.action].is_valid(call.payload) for call in calls)


def answers_of(lines: Sequence[TraceLine]) -> Mapping[int, TraceLine]:
    """The recorded answer to each frame of a station, by the number of the frame's line."""
    asked: dict[tuple[str, str], deque[int]] = defaultdict(deque)
    answers: dict[int, TraceLine] = {}
    for line in lines:
        if line.direction == EVENT:
            continue
        frame = frames.parse_frame(line.frame)
        key = (station_key(line.station_id), getattr(frame, "id", ""))
        if line.direction == IN and not isinstance(frame, CallResult | CallError):
            asked[key].append(line.no)
        elif line.direction == OUT and not isinstance(frame, Call) and asked[key]:
            answers[asked[key].popleft()] = line
    return answers


def transaction_number_in(answer: TraceLine | None) -> int | None:
    """The transaction id that an OCPP 1.6 start was given."""
    frame = None if answer is None else frames.parse_frame(answer.frame)
    number = frame.payload.get("transactionId") if isinstance(frame, CallResult) and _is_object(frame) else None
    return number if type(number) is int and number > 0 else None


def numbers_in(answers: Iterable[TraceLine]) -> list[int]:
    """Every transaction id that was given."""
    found = (transaction_number_in(answer) for answer in answers)
    return [number for number in found if number is not None]


def is_same_answer(one: str, other: str) -> bool:
    """The same but for what tells of the moment."""
    return bool(_content_of(frames.parse_frame(one)) == _content_of(frames.parse_frame(other)))


def _content_of(frame: frames.Frame) -> Any:
    if isinstance(frame, CallResult):
        return "result", _without_moment(frame.payload)
    if isinstance(frame, CallError):
        return "error", frame.code, frame.description
    return frame


def _without_moment(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_moment(inner) for key, inner in value.items() if key not in _OF_THE_MOMENT}
    return value


def _is_object(frame: CallResult) -> bool:
    return isinstance(frame.payload, dict)


def spoken() -> str:
    """The subprotocols spoken here, for an error's remedy."""
    return SUBPROTOCOLS
