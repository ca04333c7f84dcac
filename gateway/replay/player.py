"""The lines of a trace, one after the other, through the core: frames in, answers out, time in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from gateway.domain.ids import station_key
from gateway.domain.locations import Location
from gateway.domain.stations import Admission, Station
from gateway.ocpp import frames
from gateway.ocpp.frames import Call, Fault, Send
from gateway.ocpp.message import Seat
from gateway.ocpp.rpc import Connection, FrameRefused
from gateway.ocpp.version import Version
from gateway.ocpp.versions import find_version
from gateway.ports import SaveStation
from gateway.replay.recorded import (
    answers_of,
    find_connected,
    guess_version,
    is_end,
    is_same_answer,
    numbers_in,
    spoken,
    transaction_number_in,
)
from gateway.replay.trace_file import EVENT, IN, TraceLine, UnreadLine
from gateway.replay.world import Timers, World

log = structlog.get_logger(__name__)

_CUT: Final = "the trace kept only the beginning of this frame"
_CUT_REMEDY: Final = "take the whole frame from the station's own log and put it into the line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An answer that is not the one recorded; `now` None: no answer is given."""

    line_no: int
    at: datetime
    station_id: str
    asked: str
    recorded: str
    now: str | None


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of the lines.

    `compared` counts the answers that could be held against a recorded one; `locations` are as they stood at the last
    line: what is not heard of any more becomes UNKNOWN soon after.
    """

    served: int = 0
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    unread: list[UnreadLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    locations: Sequence[Location] = ()


@dataclass(slots=True, kw_only=True)
class _Line:
    """A station on one connection."""

    version: Version
    seat: Seat
    rpc: Connection


class Player:
    """Plays one trace in one world.  `version` is spoken by stations whose connection the trace does not tell of."""

    def __init__(self, world: World, version: Version | None) -> None:
        self._world = world
        self._version = version
        self._timers = Timers(world)
        self._lines: dict[str, _Line] = {}
        self._silent: set[str] = set()
        self._recorded: Mapping[int, TraceLine] = {}
        self._all: Sequence[TraceLine] = ()
        self._played = Played()

    async def play(self, lines: Sequence[TraceLine]) -> Played:
        """Play all lines, then let time pass until nothing is due any more."""
        world, self._all = self._world, lines
        self._recorded = answers_of(lines)
        world.store.expect_numbers(numbers_in(self._recorded.values()))
        for line in lines:
            world.remarks.line_no = line.no
            await self._timers.pass_until(line.at)
            await self._play_line(line)
            await world.mailboxes.drained()
        world.remarks.line_no = 0
        self._played.locations = list(world.memory.locations.values())
        await self._timers.pass_until(None)
        return self._played

    async def _play_line(self, line: TraceLine) -> None:
        if not line.station_id:
            return  # of partners, or of handshakes without an identity
        if line.direction == EVENT:
            await self._on_event(line)
        elif line.is_cut and line.direction == IN:
            self._played.unread.append(UnreadLine(no=line.no, what=_CUT, remedy=_CUT_REMEDY))
        elif line.direction == IN:
            await self._on_frame(line)
        else:
            self._on_own_call(line)

    # --- connections

    async def _on_event(self, line: TraceLine) -> None:
        connected = find_connected(line)
        if connected is not None and connected.version is not None:
            await self._connect(line.station_id, connected.version)
        elif connected is not None:
            what = f"{connected.subprotocol!r} is not spoken here ({spoken()})"
            self._played.unread.append(UnreadLine(no=line.no, what=what, remedy="its frames cannot be replayed"))
        elif is_end(line) and self._lines.pop(station_key(line.station_id), None) is not None:
            self._world.flows.events.on_disconnected(line.station_id)

    async def _connect(self, station_id: str, version: Version) -> _Line:
        events = self._world.flows.events
        station = events.find_station(station_id)
        if station is None:
            station = Station(id=station_id, admission=Admission.ACCEPTED, created_at=self._world.clock.at)
            await self._world.store.commit([SaveStation(station)])
            self._played.notes.append(f"station {station_id} is not in the inventory: taken as accepted")
        line = _Line(version=version, seat=Seat(station.id), rpc=Connection(version.rules))
        self._lines[station_key(station_id)] = line
        self._played.versions[station.id] = version.name
        events.on_connected(station.id)
        return line

    async def _find_line(self, line: TraceLine) -> _Line | None:
        """The connection of a frame; one that began before the trace did is taken to be there."""
        key = station_key(line.station_id)
        known = self._lines.get(key)
        if known is not None or key in self._silent:
            return known
        station = self._world.flows.events.find_station(line.station_id)
        pinned = find_version(station.ocpp_version) if station is not None and station.ocpp_version else None
        version = self._version or pinned or guess_version(self._all, line.station_id)
        if version is None:
            self._silent.add(key)
            what = f"the trace does not tell which version {line.station_id} speaks"
            self._played.unread.append(UnreadLine(no=line.no, what=what, remedy="give it with --ocpp"))
            return None
        if self._version is None and pinned is None:
            note = f"the trace does not tell which version {line.station_id} speaks: its frames fit {version.name}"
            if note not in self._played.notes:
                self._played.notes.append(note)
        return await self._connect(line.station_id, version)

    def _on_own_call(self, line: TraceLine) -> None:
        """A call of the recorded gateway is not placed again, but may let a station in quarantine speak."""
        known = self._lines.get(station_key(line.station_id))
        frame = frames.parse_frame(line.frame)
        if known is None or not isinstance(frame, Call) or not isinstance(frame.payload, dict):
            return
        if self._world.flows.events.admission_of(known.seat.station_id) is Admission.ACCEPTED:
            return
        solicited = known.version.solicited_by(frame.action, frame.payload)
        if solicited is not None:
            known.seat.solicited = (known.seat.solicited or set()) | {solicited}

    # --- frames

    async def _on_frame(self, line: TraceLine) -> None:
        of = await self._find_line(line)
        if of is None:
            return
        seconds = line.at.timestamp()
        received = of.rpc.receive(line.frame, seconds)
        self._world.store.offer_number(transaction_number_in(self._recorded.get(line.no)))
        if isinstance(received, Call | Send):
            call = received if isinstance(received, Call) else Call(received.id, received.action, received.payload)
            answer: bytes | None = of.rpc.find_answer(call.id, line.frame, seconds)
            if answer is None:
                answer = await self._serve(of, call, line)
                of.rpc.keep_answer(call.id, line.frame, answer, seconds)
            self._played.served += 1
            self._compare(line, call.action, answer if isinstance(received, Call) else None)
        elif isinstance(received, FrameRefused) and received.answer is not None:
            answer = await self._refuse(of, received, received.answer, line)
            self._played.served += 1
            self._compare(line, received.action or "", answer)
        # else: an answer to a call of the recorded gateway, or what the rules of the wire pass over

    async def _serve(self, of: _Line, call: Call, line: TraceLine) -> bytes:
        """As on a connection: in the station's mailbox; a fault of ours is quarantined."""
        service, now = self._world.service, self._world.clock.at

        async def serve() -> bytes:
            try:
                return await service.answer(of.version, of.seat, call, line.frame, now)
            except Exception as error:  # root of a task
                log.exception("message failed", station_id=of.seat.station_id, line=line.no)
                reason = f"internal error: {type(error).__name__}"
                return await service.answer_unusable(
                    of.version, of.seat, call.id, call.action, Fault.INTERNAL, reason, line.frame, now
                )

        return await self._world.mailboxes.run(of.seat.station_id, serve)

    async def _refuse(self, of: _Line, refused: FrameRefused, answer: bytes, line: TraceLine) -> bytes:
        """As on a connection: what carries a fact is kept, whatever its form."""
        service, now = self._world.service, self._world.clock.at

        async def refuse() -> bytes:
            if refused.action not in of.version.transaction_actions:
                text = f"{refused.id}: {refused.fault}: {refused.reason}"
                self._world.remarks.event(of.seat.station_id, "refused", text)
                return answer
            salvaged = await service.answer_unusable(
                of.version,
                of.seat,
                refused.id,
                refused.action or "",
                refused.fault,
                refused.reason,
                line.frame,
                now,
            )
            return answer if refused.id == frames.UNREADABLE_ID else salvaged

        return await self._world.mailboxes.run(of.seat.station_id, refuse)

    def _compare(self, line: TraceLine, action: str, answer: bytes | None) -> None:
        recorded = self._recorded.get(line.no)
        if recorded is None or recorded.is_cut:
            return
        self._played.compared += 1
        now = None if answer is None else answer.decode()
        if now is None or not is_same_answer(recorded.frame, now):
            self._played.differences.append(
                Difference(
                    line_no=line.no,
                    at=line.at,
                    station_id=line.station_id,
                    asked=action,
                    recorded=recorded.frame,
                    now=now,
                )
            )
