"""What every order of a partner needs: it is kept before it is answered, sent, and its result told once.

The station is asked outside of its mailbox, for its own messages must pass meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import structlog

from gateway.core.visibility import find_view
from gateway.domain.callbacks import Callback
from gateway.domain.calls import CallReply, StationCall
from gateway.domain.commands import Asked, Order
from gateway.domain.ids import PartyId
from gateway.domain.locations import Location
from gateway.errors import GatewayError
from gateway.flows.callbacks import Callbacks
from gateway.flows.memory import Memory
from gateway.ports import Change, Clock, Ids, Stations, Store

log = structlog.get_logger(__name__)


class OrderDesk:
    """`timeout_s`: by when a result is promised."""

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        stations: Stations,
        callbacks: Callbacks,
        clock: Clock,
        ids: Ids,
        timeout_s: int,
    ) -> None:
        self.stations = stations
        self.callbacks = callbacks
        self._store = store
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._timeout_s = timeout_s
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Wait for no station any more: what has no result yet gets one after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def callback(
        self, asked: Asked, order: Order, station_id: str, owner: PartyId | None, *, session_id: str | None = None
    ) -> Callback:
        """What is owed to the partner; where it named no parties, its first is told by the `owner` of the site."""
        now, roles = self._clock.now(), asked.partner.roles
        return Callback(
            id=self._ids.new(),
            partner_id=asked.partner.id,
            version=asked.version,
            kind=asked.kind,
            response_url=order.response_url,
            station_id=station_id,
            asked_at=now,
            deadline=now + timedelta(seconds=self._timeout_s),
            sender=asked.sender or (roles[0].party if roles else None),
            receiver=asked.receiver or owner,
            correlation_id=asked.correlation_id,
            session_id=session_id,
        )

    async def open(self, callback: Callback, *more: Change, **details: Any) -> None:
        """Keep the order.  Raises StoreDownError."""
        await self.callbacks.open(callback, *more)
        log.info(
            "command taken in",
            callback_id=callback.id,
            kind=callback.kind,
            partner_id=callback.partner_id,
            station_id=callback.station_id,
            session_id=callback.session_id,
            **details,
        )

    async def send(self, callback: Callback, call: StationCall) -> CallReply:
        """Ask the station, until the result is due."""
        return await self.stations.send(callback.station_id, call, timeout_s=self.left_s(callback))

    def left_s(self, callback: Callback) -> float:
        """How long a station may still take for its answer."""
        return max(0.1, (callback.overdue_at - self._clock.now()).total_seconds())

    async def finish(self, callback: Callback, word: str, reason: str | None, *more: Change) -> None:
        """The result with the changes that belong to it, which hold also where the result came too late."""
        is_first = await self.callbacks.finish(callback.id, word, message=reason, more=more)
        if not is_first and more:
            await self._store.commit(more)

    def spawn(self, work: Coroutine[Any, Any, None], **about: Any) -> None:
        """Go on without the one who ordered; `about` is for the log, should it fail."""
        task = asyncio.get_running_loop().create_task(self._guard(work, about))
        self._tasks.add(task)

        def forget(_: object) -> None:
            self._tasks.discard(task)
            work.close()  # which it is already, unless it was stopped before it began

        task.add_done_callback(forget)

    async def _guard(self, work: Coroutine[Any, Any, None], about: dict[str, Any]) -> None:
        try:
            await work
        except GatewayError as error:
            log.error("command not ended yet", reason=str(error), **about)  # its deadline ends it
        except Exception:  # root of a task
            log.exception("command failed", **about)

    def find_location(self, asked: Asked, location_id: str) -> Location | None:
        """The location, if this partner sees it, and where it named one of our parties, if it is that one's."""
        known = self._memory.locations.get(location_id) or next(
            (one for one in self._memory.locations.values() if one.id.casefold() == location_id.casefold()), None
        )
        view = None if known is None else find_view(known, asked.partner)
        return None if view is None or asked.receiver not in (None, view.party) else view
