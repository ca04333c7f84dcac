"""A station's call becomes an answer: is it known, may it be served, can it be read, what follows."""

from datetime import datetime
from typing import Final

from gateway.domain.events import MessageQuarantined, TransactionReported
from gateway.domain.stations import Admission, Deviation
from gateway.errors import WireError
from gateway.ocpp import frames
from gateway.ocpp.frames import Call, Fault
from gateway.ocpp.message import Message, Render, Seat, Stories, make_receipt
from gateway.ocpp.settings import Settings
from gateway.ocpp.validation import Problem, Unfit, mend
from gateway.ocpp.version import Version
from gateway.ports import Trace

BOOT: Final = "BootNotification"
_ACCEPTED: Final = Admission.ACCEPTED  # see domain.sessions


class Service:
    """Serves the calls of all stations."""

    def __init__(self, stories: Stories, trace: Trace, settings: Settings) -> None:
        self._stories = stories
        self._trace = trace
        self._settings = settings

    async def answer(self, version: Version, seat: Seat, call: Call, text: str, received_at: datetime) -> bytes:
        """The frame to answer with; what it acknowledges is durable.

        Raises StoreDownError (then nothing may be answered) and whatever a story raises.
        """
        action = call.action
        handler = version.handlers.get(action)
        if handler is None:
            known = action in version.schemas.requests
            fault = Fault.UNSUPPORTED_ACTION if known else Fault.UNKNOWN_ACTION
            return self._refuse(version, seat, call.id, action, fault, f"{fault}: {action[:50]}")
        if self._stories.admission_of(seat.station_id) is not Admission.ACCEPTED and not self._may_pass(seat, action):
            return await self._refuse_unaccepted(version, seat, call, text, received_at)
        payload = call.payload
        problems: tuple[Problem, ...] = ()
        if not version.schemas.may_be_served(action, payload):
            mended = mend(version.schemas.requests[action], payload, self._settings.unknown_fields)
            if isinstance(mended, Unfit):
                return await self.answer_unusable(
                    version, seat, call.id, action, mended.fault, str(mended), text, received_at
                )
            payload, problems = mended.payload, mended.problems
        message = Message(seat, received_at, call.id, action, payload, text)
        try:
            result = await handler(message, self._stories)
        except WireError as error:
            return await self.answer_unusable(
                version, seat, call.id, action, Fault.BAD_VALUE, str(error), text, received_at
            )
        for problem in problems:
            await self.note(seat, action, problem, received_at)
        return frames.render_result(call.id, result)

    def read_report(
        self, version: Version, seat: Seat, call: Call, text: str, received_at: datetime
    ) -> tuple[TransactionReported, Render] | None:
        """What a call reports of a transaction, and how to render the answer; None for whatever takes a closer look."""
        report = version.reports.get(call.action)
        if report is None or self._stories.admission_of(seat.station_id) is not _ACCEPTED:
            return None
        if not version.schemas.may_be_served(call.action, call.payload):
            return None
        try:
            event = report.parse(Message(seat, received_at, call.id, call.action, call.payload, text))
        except WireError:
            return None
        return event, report.render

    async def answer_unusable(
        self,
        version: Version,
        seat: Seat,
        call_id: str,
        action: str,
        fault: Fault,
        reason: str,
        text: str,
        received_at: datetime,
    ) -> bytes:
        """Refuse a call, unless it carries a fact: such a one is quarantined and acknowledged where that is possible.

        A CALLERROR to a StopTransaction makes stations send it for ever.
        """
        if action not in version.transaction_actions:
            return self._refuse(version, seat, call_id, action, fault, reason)
        transaction_id = await self._quarantine(seat, call_id, action, reason, text, received_at)
        payload = version.render_quarantined(action, transaction_id)
        if payload is None:
            return self._refuse(version, seat, call_id, action, fault, reason)
        return frames.render_result(call_id, payload)

    async def note(self, seat: Seat, action: str, problem: Problem, at: datetime) -> None:
        """Record a fault that was put up with."""
        await self._stories.on_deviation(
            Deviation(
                station_id=seat.station_id,
                action=action,
                path=problem.path,
                problem=problem.problem,
                example=problem.example,
                first_at=at,
                last_at=at,
            )
        )

    def _may_pass(self, seat: Seat, action: str) -> bool:
        """OCPP 1.6 4.2 and OCPP-J errata 3.10, OCPP 2.0.1 B02.FR.09 and B03.FR.07: what a station may send before it
        is accepted."""
        if action == BOOT or self._settings.is_tolerant:
            return True
        if self._stories.admission_of(seat.station_id) is Admission.REJECTED:
            return False
        return seat.solicited is not None and action in seat.solicited

    async def _refuse_unaccepted(
        self, version: Version, seat: Seat, call: Call, text: str, received_at: datetime
    ) -> bytes:
        reason = f"{call.action} before the station was accepted"
        if call.action in version.transaction_actions:
            await self._quarantine(seat, call.id, call.action, reason, text, received_at)
        return self._refuse(version, seat, call.id, call.action, Fault.NOT_ACCEPTED, reason)

    async def _quarantine(
        self, seat: Seat, call_id: str, action: str, reason: str, text: str, received_at: datetime
    ) -> str | None:
        receipt = make_receipt(seat.station_id, received_at, call_id, action, text)
        transaction_id = await self._stories.on_quarantined(
            MessageQuarantined(receipt=receipt, reason=reason, frame=text)
        )
        self._trace.event(seat.station_id, "quarantined", f"{action} {call_id}: {reason}")
        return transaction_id

    def _refuse(self, version: Version, seat: Seat, call_id: str, action: str, fault: Fault, reason: str) -> bytes:
        code = version.rules.codes[fault]
        self._trace.event(seat.station_id, "refused", f"{action[:50]} {call_id}: {code}: {reason}")
        return frames.render_error(call_id, code, reason)
