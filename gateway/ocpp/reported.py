"""A report between its commit and its answer."""

from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Protocol

import structlog

from gateway.domain.events import TransactionAnswer
from gateway.flows.mailbox import Step
from gateway.ocpp import frames
from gateway.ocpp.message import Render

log = structlog.get_logger(__name__)

Rest = Coroutine[Any, Any, None] | None


class Link(Protocol):
    """The connection that the report came by."""

    @property
    def station_id(self) -> str: ...

    def answer_report(self, call_id: str, text: str, received_at: datetime, answer: bytes | None) -> Rest:
        """Answer what was saved in a single step (None: it was not); what is left to do, if that does not end it."""


class Reported(Step):
    """A report that is being saved, on its way to its answer.

    It holds no more than that takes: while it waits hundreds of others come in, and whatever they all hold leaves no
    room for the rest in the processor's cache.
    """

    __slots__ = ("_call_id", "_link", "_received_at", "_render", "_text")

    def __init__(self, link: Link, call_id: str, text: str, received_at: datetime, render: Render) -> None:
        self._link = link
        self._call_id = call_id
        self._text = text
        self._received_at = received_at
        self._render = render

    def on_saved(self, answer: TransactionAnswer | Exception) -> None:
        link, call_id, frame = self._link, self._call_id, None
        try:
            if not isinstance(answer, Exception):
                frame = frames.render_result(call_id, self._render(answer))
            rest = link.answer_report(call_id, self._text, self._received_at, frame)
        except Exception:  # root of a task: whatever happens, the station's mailbox goes on
            log.exception("step failed", station_id=link.station_id)
            rest = link.answer_report(call_id, self._text, self._received_at, None)
        self.end(rest)
