"""The things that travel: messages, transaction messages that must arrive, and what came back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """An action and its JSON payload."""

    action: str
    payload: Payload


@dataclass(slots=True, kw_only=True)
class Letter:
    """A transaction message: kept and sent again until it is acknowledged.

    `bind` completes the payload at the first sending (a 1.6 transaction may get its id while the message
    waits); from then on the content stays as it is.
    """

    message: Message
    transaction: object = None
    bind: Callable[[Payload], Payload] | None = None
    on_reply: Callable[[Payload], None] | None = None
    is_bound: bool = False
    refusals: int = 0

    def bound(self) -> Message:
        """The message as it goes out, the same at every attempt."""
        if not self.is_bound:
            if self.bind is not None:
                self.message = Message(self.message.action, self.bind(self.message.payload))
            self.is_bound = True
        return self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call of the charger and the answer it got; `at` is simulated time."""

    message_id: str
    action: str
    payload: Payload
    reply: Payload
    at: datetime
    is_repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedCall:
    """A call of the central system and the charger's answer: a reply, a CALLERROR code, or neither (ignored)."""

    message_id: str
    action: str
    payload: Payload
    reply: Payload | None
    error_code: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What the charger replies, and what it does afterwards."""

    payload: Payload
    then: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class BootReply:
    """The answer to BootNotification."""

    status: str
    interval_s: int
    current_time: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened, for the reader of the run."""

    at: datetime
    kind: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
