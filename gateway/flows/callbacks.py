"""What partners asked for and are told the result of later: each exactly one result, made once, told at least once.

The result and its delivery are one Work.  What has none by its deadline becomes a TIMEOUT, also across a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from gateway.domain.callbacks import Callback, CallbackState
from gateway.domain.deliveries import Delivery, result_subject
from gateway.domain.partners import Partner
from gateway.errors import PartnerError, RevisionConflictError, StoreDownError, WireError
from gateway.flows.agenda import Agenda
from gateway.flows.partner_book import PartnerBook
from gateway.flows.partner_urls import check_host
from gateway.ops.failpoints import failpoint
from gateway.ports import Change, Clock, Enqueue, SaveCallback, Store

log = structlog.get_logger(__name__)

RETRY = timedelta(seconds=5)


class ResultWriter(Protocol):
    """Puts results into the words of a version."""

    def render_result(self, callback: Callback, word: str, message: str | None, content: Any) -> bytes:
        """The JSON to post; `content` is what a result carries beside its word, None where it is nothing."""

    def has_word(self, callback: Callback, word: str) -> bool:
        """Can the version say this, or would it become something else?"""

    def timeout_word(self, callback: Callback) -> str:
        """The result of what the station did not do in time."""


class Callbacks:
    """Keeps what is open and ends it.  `check_url` raises PartnerError for a URL to which we send nothing."""

    def __init__(
        self,
        *,
        store: Store,
        partners: PartnerBook,
        writer: ResultWriter,
        clock: Clock,
        check_url: Callable[[str], object],
    ) -> None:
        self._store = store
        self._partners = partners
        self._writer = writer
        self._clock = clock
        self._check_url = check_url
        self._open: dict[str, Callback] = {}
        self._agenda = Agenda()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_running = False

    async def begin(self) -> None:
        """Take up what a stop of the program left; what is overdue by now becomes a TIMEOUT."""
        self._is_running = True
        for callback in await self._store.load_open_callbacks():
            self._put(callback, callback.overdue_at)
        await self.end_overdue()

    async def stop(self) -> None:
        """End nothing more: what is open is taken up after the next start."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check_response_url(self, partner: Partner, url: str) -> None:
        """Raises WireError for a URL that is not the partner's own, or that we would not call.

        Whoever holds a credentials token of a partner must not make us send requests anywhere else.
        """
        try:
            check_host(partner, url)
            self._check_url(url)
        except PartnerError as error:
            raise WireError("$.response_url", str(error)) from None

    def find_open(self, callback_id: str) -> Callback | None:
        return self._open.get(callback_id)

    async def open(self, callback: Callback, *more: Change) -> None:
        """Save what was asked, with the changes that belong to it, before it is answered.  Raises StoreDownError."""
        await self._store.commit([SaveCallback(callback), *more])
        failpoint("command-saved")

    async def finish(
        self,
        callback_id: str,
        word: str,
        *,
        message: str | None = None,
        content: Any = None,
        more: Sequence[Change] = (),
    ) -> bool:
        """Fix the result and queue it for delivery, in one Work with `more`; False if it had a result already, and
        nothing was done.  Raises what `commit` raises; it is open still then."""
        callback = self._open.pop(callback_id, None)
        if callback is None:
            return False
        try:
            await self._store.commit([*self._changes(callback, word, message, content), *more])
        except BaseException:
            self._put(callback, max(callback.overdue_at, self._clock.now() + RETRY))
            self._set_timer()
            raise
        self._agenda.drop(callback_id)
        failpoint("command-answered")
        log.info(
            "result fixed",
            callback_id=callback_id,
            kind=callback.kind,
            partner_id=callback.partner_id,
            station_id=callback.station_id,
            result=word,
            reason=message,
        )
        return True

    async def announce(
        self, callback: Callback, word: str, *, message: str | None = None, more: Sequence[Change] = ()
    ) -> None:
        """Tell a result that nobody waits for, where the version has the word: a reservation cancelled by us.

        OCPI 2.2.1 mod_commands 13.1
        """
        if not self._writer.has_word(callback, word):
            await self._store.commit(more)
            return
        await self._store.commit([*self._changes(callback, word, message, None), *more])

    def on_changes(self, changes: Sequence[Change]) -> None:
        """What was committed."""
        for change in changes:
            if isinstance(change, SaveCallback) and change.callback.state is CallbackState.OPEN:
                self._put(change.callback, change.callback.overdue_at)
                self._set_timer()

    async def end_overdue(self) -> None:
        """What has reached its deadline without a result is a TIMEOUT."""
        overdue = list(self._agenda.take_due(self._clock.now()))
        self._set_timer()
        await asyncio.gather(*(self._time_out(callback_id) for callback_id in overdue))

    # --- parts ----------------------------------------------------------------------------------------------------

    def _changes(self, callback: Callback, word: str, message: str | None, content: Any) -> list[Change]:
        now = self._clock.now()
        answered = replace(
            callback,
            state=CallbackState.ANSWERED,
            result=word,
            message=message,
            answered_at=now,
            body=self._writer.render_result(callback, word, message, content),
        )
        if not self._partners.is_registered(callback.partner_id):
            return [SaveCallback(replace(answered, state=CallbackState.REFUSED))]
        subject = result_subject(callback.id)
        delivery = Delivery(partner_id=callback.partner_id, subject=subject, due_at=now, created_at=now)
        return [SaveCallback(answered), Enqueue(delivery)]

    def _put(self, callback: Callback, due_at: datetime) -> None:
        self._open[callback.id] = callback
        self._agenda.put(callback.id, due_at)

    def _on_timer(self) -> None:
        self._timer = None
        task = asyncio.create_task(self.end_overdue(), name="overdue results")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        next_at = self._agenda.next_at()
        if next_at is not None and self._is_running:
            wait_s = max(0.0, (next_at - self._clock.now()).total_seconds())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._on_timer)

    async def _time_out(self, callback_id: str) -> None:
        callback = self._open.get(callback_id)
        if callback is None:
            return
        try:
            await self.finish(
                callback_id, self._writer.timeout_word(callback), message="the station did not answer in time"
            )
        except RevisionConflictError:
            self._open.pop(callback_id, None)  # the store has its result
            self._agenda.drop(callback_id)
        except StoreDownError as error:
            log.error("result not fixed yet", callback_id=callback_id, reason=str(error))
        except Exception:  # root of a task
            log.exception("timeout failed", callback_id=callback_id)
