"""Calls of the central system: checked, answered at once, acted upon one after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .dialect import Dialect
from .engine import NoteFn
from .errors import InvalidMessageError, ReplyTimeoutError, SimulatorError
from .link import Link
from .message import Answer, Payload, ReceivedCall
from .polite import check_payload

if TYPE_CHECKING:
    from .remote import Remote

_RESULT, _ERROR = 3, 4


class Answering:
    """The charger's ear: `received` lists every call and what it was answered.

    `overrides` maps an action to the payload to answer instead, or to None for no answer at all.
    """

    def __init__(
        self, remote: Callable[[], Remote], dialect: Dialect, now: Callable[[], datetime], note: NoteFn
    ) -> None:
        self.received: list[ReceivedCall] = []
        self.overrides: dict[str, Payload | None] = {}
        self._remote = remote
        self._note = note
        self._dialect = dialect
        self._now = now
        self._chores: asyncio.Queue[Callable[[], Awaitable[Any]]] = asyncio.Queue()
        self._failures: list[SimulatorError] = []
        self._arrived = asyncio.Condition()
        self._taken: set[str] = set()
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work(), name="charger chores")

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def settle(self) -> None:
        """Wait until everything that calls set off has been done; raises the first thing that went wrong."""
        await self._chores.join()
        if self._failures:
            failures, self._failures = self._failures, []
            raise failures[0]

    async def wait_for(self, action: str, timeout_s: float) -> ReceivedCall:
        """The next call of an action that nobody waited for yet."""
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                while True:
                    for call in self.received:
                        if call.action == action and call.message_id not in self._taken:
                            self._taken.add(call.message_id)
                            return call
                    await self._arrived.wait()
        except TimeoutError:
            raise ReplyTimeoutError(f"no {action} came from the central system within {timeout_s:g} s") from None

    async def on_call(self, link: Link, frame: list[Any]) -> None:
        """Answer one CALL frame."""
        message_id, action, payload = str(frame[1]), str(frame[2]), frame[3]
        then: Callable[[], Awaitable[Any]] | None = None
        reply: Payload | None = None
        error: tuple[str, str] | None = None
        if action in self.overrides:
            reply = self.overrides[action]
        else:
            answer = self._decide(action, payload)
            if isinstance(answer, Answer):
                reply, then = answer.payload, answer.then
            else:
                error = answer
        self.received.append(
            ReceivedCall(
                message_id=message_id,
                action=action,
                payload=payload,
                reply=reply,
                error_code=error[0] if error is not None else None,
                at=self._now(),
            )
        )
        if error is not None:
            await link.send(_compact([_ERROR, message_id, *error, {}]))
        elif reply is not None:
            await link.send(_compact([_RESULT, message_id, reply]))
        if then is not None:
            self._chores.put_nowait(then)
        async with self._arrived:
            self._arrived.notify_all()

    def _decide(self, action: str, payload: Any) -> Answer | tuple[str, str]:
        if not self._dialect.is_known(action):
            return "NotImplemented", f"{action} is no action of OCPP {self._dialect.version}"
        try:
            check_payload(self._dialect.version, action, payload)
        except InvalidMessageError as fault:
            return fault.code, fault.description
        answer = self._dialect.answer(self._remote(), action, payload)
        if answer is None:
            return "NotSupported", f"{action} is not supported by this charger"
        check_payload(self._dialect.version, action, answer.payload, is_reply=True)
        return answer

    async def _work(self) -> None:
        while True:
            chore = await self._chores.get()
            try:
                await chore()
            except SimulatorError as fault:
                self._failures.append(fault)
                self._note("fault", "could not follow a call", reason=str(fault))
            finally:
                self._chores.task_done()


def _compact(frame: list[Any]) -> str:
    return json.dumps(frame, separators=(",", ":"))
