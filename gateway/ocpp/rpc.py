"""The conversation on one connection, without a socket: what a text means, what may be sent now.

One outstanding call per direction, the two independent of each other (OCPP-J 1.6 4.1.1, OCPP 2.0.1 part 4 4.1.1).
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from gateway.ocpp import frames
from gateway.ocpp.frames import Fault

GRACE_S: Final = 600.0
_GRACE_CALLS: Final = 8
_KEPT_ANSWERS: Final = 3
_FRESH_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class WireRules:
    """What a version's RPC layer knows.

    `codes` gives the error code for each fault; a type outside `message_types` is answered if `answers_unknown_type`,
    else only ignored; a reply of ours that cannot be used is told to the station if `has_result_error`.
    """

    codes: dict[Fault, str]
    message_types: frozenset[int]
    answers_unknown_type: bool
    has_result_error: bool = False


@dataclass(slots=True, eq=False)
class OutgoingCall:
    """A call of ours.  Times are of the monotonic clock; `waiter` is whatever the driver resolves with the outcome."""

    id: str
    action: str
    payload: Any
    deadline: float
    waiter: Any = None
    sent_at: float | None = None


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """The answer to our outstanding call; `BadFrame` if it carries its id but has not the form of a reply."""

    call: OutgoingCall
    reply: frames.CallResult | frames.CallError | frames.BadFrame


@dataclass(frozen=True, slots=True)
class LateReply:
    """The answer to a call of ours that had timed out."""

    call: OutgoingCall
    reply: frames.CallResult | frames.CallError


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """`answer` is the CALLERROR to send, None where the rules of the wire demand silence."""

    id: str
    fault: Fault
    reason: str
    action: str | None
    answer: bytes | None


Received = frames.Call | frames.Send | ReplyReceived | LateReply | FrameRefused


class Connection:
    """The RPC state of one WebSocket connection.

    Its containers are made when first needed and dropped when empty: most connections are idle.
    """

    __slots__ = ("_answers", "_grace", "_outstanding", "_queue", "_rules", "unanswered")

    def __init__(self, rules: WireRules) -> None:
        self._rules = rules
        self._outstanding: OutgoingCall | None = None
        self._queue: deque[OutgoingCall] | None = None
        self._grace: dict[str, OutgoingCall] | None = None
        self._answers: dict[str, tuple[str, bytes, float]] | None = None
        self.unanswered = 0

    # Inbound

    def receive(self, text: str, now: float) -> Received:
        """Tell what a text of the station is; never raises."""
        frame = frames.parse_frame(text)
        if type(frame) is frames.Call:
            if len(frame.id) > frames.MAX_ID_LENGTH:
                # OCPP-J 1.6 and OCPP 2.0.1 part 4 4.2.3 name it among the reasons of a CALLERROR.
                reason = f"messageId is longer than {frames.MAX_ID_LENGTH} characters"
                return self.refuse(frame.id, Fault.NOT_A_CALL, reason, frame.action)
            return frame
        if isinstance(frame, frames.CallResult | frames.CallError):
            return self._match(frame, now)
        return self._receive_odd(frame)

    def _receive_odd(self, frame: frames.Frame) -> Received:
        known = self._rules.message_types
        if isinstance(frame, frames.Send) and frames.SEND in known:
            return frame
        if isinstance(frame, frames.CallResultError) and frames.CALL_RESULT_ERROR in known:
            reason = f"the station could not use our answer: {frame.code} {frame.description}"
            return FrameRefused(frame.id, Fault.INTERNAL, reason, None, None)
        if isinstance(frame, frames.BadFrame):
            return self._receive_bad(frame)
        kind = {frames.Send: frames.SEND, frames.CallResultError: frames.CALL_RESULT_ERROR}.get(type(frame))
        if isinstance(frame, frames.UnknownType):
            kind = frame.message_type
        reason = f"message type {kind} is not known in this version"
        # OCPP-J 1.6 4.1.3 and OCPP 2.1: ignore; OCPP 2.0.1 part 4 4.4: SHALL answer.
        answer = None
        if self._rules.answers_unknown_type:
            answer = self._error(frame.id, Fault.UNKNOWN_MESSAGE_TYPE, reason)
        return FrameRefused(frame.id, Fault.UNKNOWN_MESSAGE_TYPE, reason, None, answer)

    def _receive_bad(self, frame: frames.BadFrame) -> Received:
        call = self._outstanding
        if frame.message_type in _REPLIES:
            if call is not None and call.id == frame.id:
                self._outstanding = None
                self.unanswered = 0
                return ReplyReceived(call, frame)
            return FrameRefused(frame.id, frame.fault, frame.reason, None, None)
        if frame.message_type == frames.SEND and frames.SEND in self._rules.message_types:
            return FrameRefused(frame.id, frame.fault, frame.reason, None, None)
        return self.refuse(frame.id, frame.fault, frame.reason, frame.action)

    def refuse(self, call_id: str, fault: Fault, reason: str, action: str | None = None) -> FrameRefused:
        """Refuse a call with the error code that this version has for the fault."""
        return FrameRefused(call_id, fault, reason, action, self._error(call_id, fault, reason))

    def _error(self, call_id: str, fault: Fault, reason: str) -> bytes:
        return frames.render_error(call_id, self._rules.codes[fault], reason)

    def receive_undecodable(self, text: str) -> FrameRefused:
        """A text that was not UTF-8 (`text` stands for it, lossily).

        The id in the answer is "-1", for what was sent cannot be read; what can be guessed of id and action is told.
        """
        frame = frames.parse_frame(text)
        guess = frame if isinstance(frame, frames.Call | frames.BadFrame) else None
        reason = "the message is not UTF-8"
        answer = self._error(frames.UNREADABLE_ID, Fault.NOT_JSON, reason)
        return FrameRefused(frame.id, Fault.NOT_JSON, reason, guess.action if guess else None, answer)

    def _match(self, reply: frames.CallResult | frames.CallError, now: float) -> Received:
        call = self._outstanding
        if call is not None and call.id == reply.id:
            self._outstanding = None
            self.unanswered = 0
            return ReplyReceived(call, reply)
        late = self._grace.pop(reply.id, None) if self._grace else None
        if late is not None and now <= late.deadline + GRACE_S:
            self.unanswered = 0
            return LateReply(late, reply)
        # A reply is never answered with a CALLERROR.
        return FrameRefused(reply.id, Fault.NOT_A_CALL, "a reply to no call of ours", None, None)

    # Answers already given

    def find_answer(self, call_id: str, text: str, now: float) -> bytes | None:
        """The answer this connection gave to the same call, if it is one of the last few and fresh.

        There are stations that give every heartbeat the same id: an old answer would stop their clock.
        """
        kept = None if self._answers is None else self._answers.get(call_id)
        if kept is None:
            return None
        kept_text, answer, at = kept
        return answer if kept_text == text and now - at < _FRESH_S else None

    def keep_answer(self, call_id: str, text: str, answer: bytes, now: float) -> None:
        """Keep an answer for a call that comes again."""
        answers = self._answers
        if answers is None:
            answers = self._answers = {}
        elif answers.pop(call_id, None) is None and len(answers) >= _KEPT_ANSWERS:
            del answers[next(iter(answers))]
        answers[call_id] = (text, answer, now)

    def forget_answers(self) -> None:
        """Drop the kept answers of a connection that has been idle: a retry comes soon or never."""
        self._answers = None

    # Outbound

    def queue(self, call: OutgoingCall) -> None:
        """Let a call wait for its turn; next_frame() sends it."""
        if self._queue is None:
            self._queue = deque()
        self._queue.append(call)

    @property
    def is_waiting(self) -> bool:
        """Is the answer to a call of ours due?"""
        return self._outstanding is not None

    def next_frame(self, now: float) -> bytes | None:
        """The frame to send now, if a call waits and none is outstanding.  Calls past their deadline are expire()'s."""
        if self._queue is None or self._outstanding is not None:
            return None
        for call in self._queue:
            if call.deadline > now:
                self._queue.remove(call)
                if not self._queue:
                    self._queue = None
                call.sent_at = now
                self._outstanding = call
                return frames.render_call(call.id, call.action, call.payload)
        return None

    def expire(self, now: float) -> list[OutgoingCall]:
        """Take out the calls whose deadline has passed; a late answer to a sent one can still be matched."""
        expired = []
        if self._outstanding is not None and self._outstanding.deadline <= now:
            call, self._outstanding = self._outstanding, None
            self.unanswered += 1
            self._remember(call)
            expired.append(call)
        if self._queue:
            expired += [call for call in self._queue if call.deadline <= now]
            self._queue = deque(call for call in self._queue if call.deadline > now) or None
        return expired

    def _remember(self, call: OutgoingCall) -> None:
        if self._grace is None:
            self._grace = {}
        elif len(self._grace) >= _GRACE_CALLS:
            del self._grace[next(iter(self._grace))]
        self._grace[call.id] = call

    def next_deadline(self) -> float | None:
        """When expire() has something to do, None: never."""
        deadlines = [call.deadline for call in self._queue or ()]
        if self._outstanding is not None:
            deadlines.append(self._outstanding.deadline)
        return min(deadlines, default=None)

    def close(self) -> list[OutgoingCall]:
        """Take out all calls: the connection is gone and none of them will be answered."""
        calls = [self._outstanding] if self._outstanding is not None else []
        calls += self._queue or ()
        self._outstanding = self._queue = self._grace = self._answers = None
        return calls


_REPLIES: Final = (frames.CALL_RESULT, frames.CALL_ERROR, frames.CALL_RESULT_ERROR)
