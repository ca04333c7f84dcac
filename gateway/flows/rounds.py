"""Lists of partners that are pulled at intervals, each partner on its own: none delays another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from gateway.domain.partners import Partner
from gateway.errors import ConflictError, PartnerError, StoreDownError
from gateway.flows.partner_book import PartnerBook
from gateway.ports import Clock

log = structlog.get_logger(__name__)


class Rounds:
    """Calls `pull` for each partner that `is_wanted` says, at once when it is new and then at intervals.

    `failure` is what the log says where it could not be done.
    """

    def __init__(
        self,
        *,
        partners: PartnerBook,
        is_wanted: Callable[[Partner], bool],
        pull: Callable[[Partner], Awaitable[None]],
        clock: Clock,
        interval_s: float,
        failure: str,
    ) -> None:
        self._partners = partners
        self._is_wanted = is_wanted
        self._pull = pull
        self._clock = clock
        self._interval = timedelta(seconds=interval_s)
        self._failure = failure
        self._due_at: dict[str, datetime] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def on_due(self, now: datetime) -> None:
        """Begin the pulls that are due; a partner that has just registered is at once."""
        for partner in self._partners.all():
            if not self._is_wanted(partner):
                self._due_at.pop(partner.id, None)
            elif partner.id not in self._running and self._due_at.get(partner.id, now) <= now:
                self._begin(partner.id)

    async def settled(self) -> None:
        """Return once no pull is under way."""
        await asyncio.gather(*self._running.values())

    async def close(self) -> None:
        """Give up what is under way; it goes on from there after a restart."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, partner_id: str) -> None:
        task = self._running[partner_id] = asyncio.get_running_loop().create_task(self._run(partner_id))
        task.add_done_callback(lambda _: self._running.pop(partner_id, None))

    async def _run(self, partner_id: str) -> None:
        try:
            await self._pull(self._partners.load(partner_id))
        except (PartnerError, ConflictError, StoreDownError) as error:
            log.warning(self._failure, partner_id=partner_id, reason=str(error))
        except Exception:  # root of a task
            log.exception(self._failure, partner_id=partner_id)
        finally:
            self._due_at[partner_id] = self._clock.now() + self._interval
