"""What all connections share."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from gateway.flows.mailbox import Mailboxes
from gateway.ocpp.message import Stories
from gateway.ocpp.service import Service
from gateway.ocpp.settings import Settings
from gateway.ports import Clock, Trace


@dataclass(slots=True, kw_only=True)
class House:
    """What all connections share.  Until `shut_until` (monotonic) the store is taken to be down: nobody is let in."""

    service: Service
    stories: Stories
    mailboxes: Mailboxes
    clock: Clock
    trace: Trace
    settings: Settings
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    shut_until: float = 0.0

    def shut(self) -> None:
        self.shut_until = monotonic() + self.settings.shut_s

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that outlives the connection it is about."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
