"""Our calls to one station: their turn, their deadlines, their outcomes."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, Final
from uuid import uuid4

from gateway.domain.stations import Admission
from gateway.ocpp import frames
from gateway.ocpp.frames import Fault
from gateway.ocpp.message import Seat
from gateway.ocpp.rpc import Connection, OutgoingCall, ReplyReceived
from gateway.ocpp.validation import Problem, Unfit, Unknown, explain, mend
from gateway.ocpp.version import Version
from gateway.ports import CallOutcome

OFFLINE: Final = CallOutcome(outcome="offline", error_description="the station is not connected")


class OutgoingCalls:
    """The calls to one station on one connection.

    They wait while `is_held`: a station that is called before its BootNotification was answered may loop.  `send` puts
    a frame on the wire; `note` records a fault in a reply that was put up with; `on_timeout` is told
    of each call without answer, why, and how many there are in a row.
    """

    __slots__ = ("_note", "_on_timeout", "_rpc", "_seat", "_send", "_timer", "_version", "is_held")

    def __init__(
        self,
        version: Version,
        seat: Seat,
        rpc: Connection,
        send: Callable[[bytes], None],
        note: Callable[[str, Problem], None],
        on_timeout: Callable[[OutgoingCall, str, int], None],
    ) -> None:
        self._version = version
        self._seat = seat
        self._rpc = rpc
        self._send = send
        self._note = note
        self._on_timeout = on_timeout
        self._timer: asyncio.TimerHandle | None = None
        self.is_held = True

    async def call(
        self, action: str, payload: dict[str, Any], *, timeout_s: float, admission: Admission
    ) -> CallOutcome:
        """Place a call when its turn comes, and give its outcome."""
        problem = self._find_hindrance(action, payload, admission)
        if problem is not None:
            return problem
        if admission is not Admission.ACCEPTED:
            self._expect(action, payload)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[CallOutcome] = loop.create_future()
        deadline = monotonic() + timeout_s
        self._rpc.queue(OutgoingCall(str(uuid4()), action, payload, deadline, waiter))
        self.pump()
        return await waiter

    def _find_hindrance(self, action: str, payload: dict[str, Any], admission: Admission) -> CallOutcome | None:
        schema = self._version.schemas.requests.get(action)
        if schema is None:
            return _invalid(f"OCPP {self._version.name} has no action {action!r}")
        if action in self._version.station_actions:
            return _invalid(f"{action} is sent by stations, not to them")
        breach = explain(schema, payload)
        if breach is not None:
            return _invalid(breach)
        if admission is Admission.REJECTED:  # OCPP 1.6 4.2, OCPP 2.0.1 B03.FR.03: nothing is sent to it
            return CallOutcome(outcome="offline", error_description="the station is not accepted (Rejected)")
        if admission is Admission.PENDING and action in self._version.start_stop_actions:
            # OCPP 1.6 4.2, OCPP 2.0.1 B02.FR.01
            return CallOutcome(outcome="offline", error_description="the station is not accepted yet (Pending)")
        return None

    def _expect(self, action: str, payload: dict[str, Any]) -> None:
        solicited = self._version.solicited_by(action, payload)
        if solicited is not None:
            if self._seat.solicited is None:
                self._seat.solicited = set()
            self._seat.solicited.add(solicited)

    def release(self) -> None:
        """Let the waiting calls go."""
        self.is_held = False
        self.pump()

    def pump(self) -> None:
        """Send what may be sent now, and see to the next deadline."""
        if not self.is_held:
            frame = self._rpc.next_frame(monotonic())
            if frame is not None:
                self._send(frame)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._rpc.next_deadline()
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, deadline - monotonic()), self._on_deadline)

    def on_reply(self, received: ReplyReceived) -> None:
        """The station answered the outstanding call."""
        _resolve(received.call, self._read(received))
        self.pump()

    def fail_all(self, reason: str) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for call in self._rpc.close():
            _resolve(call, CallOutcome(outcome="offline", error_description=reason))

    def _on_deadline(self) -> None:
        self._timer = None
        # A timer may fire a little early.
        for call in self._rpc.expire(monotonic() + 0.001):
            reason = "no answer in time" if call.sent_at is not None else "not sent: calls before it took too long"
            _resolve(call, CallOutcome(outcome="timeout", error_description=reason))
            self._on_timeout(call, reason, self._rpc.unanswered)
        self.pump()

    def _read(self, received: ReplyReceived) -> CallOutcome:
        call, reply = received.call, received.reply
        if isinstance(reply, frames.CallError):
            details = reply.details if isinstance(reply.details, dict) else {"details": reply.details}
            return CallOutcome(
                outcome="call_error", payload=details, error_code=reply.code, error_description=reply.description
            )
        if isinstance(reply, frames.BadFrame):
            return self._unusable(call, reply.fault, reply.reason, None)
        schema = self._version.schemas.replies[call.action]
        if not schema.is_valid(reply.payload):
            mended = mend(schema, reply.payload, Unknown.KEEP)
            if isinstance(mended, Unfit):
                return self._unusable(call, mended.fault, str(mended), reply.payload)
            for problem in mended.problems:
                self._note(f"{call.action}Response", problem)
            return CallOutcome(outcome="accepted", payload=mended.payload)
        return CallOutcome(outcome="accepted", payload=reply.payload)

    def _unusable(self, call: OutgoingCall, fault: Fault, reason: str, payload: Any) -> CallOutcome:
        code = self._version.rules.codes[fault]
        if self._version.rules.has_result_error:
            self._send(frames.render_result_error(call.id, code, reason))
        return CallOutcome(
            outcome="call_error",
            payload=payload if isinstance(payload, dict) else None,
            error_code=code,
            error_description=f"the station's answer cannot be used: {reason}",
        )


def _resolve(call: OutgoingCall, outcome: CallOutcome) -> None:
    if not call.waiter.done():
        call.waiter.set_result(outcome)


def _invalid(problem: str) -> CallOutcome:
    return CallOutcome(outcome="invalid", error_description=problem)
