"""The charger's line to its central system: reconnects, keeps transaction messages until they are acknowledged."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import (
    CallRefusedError,
    ConnectError,
    DisconnectedError,
    OfflineError,
    ReplyTimeoutError,
    StepError,
)
from .link import Address, Link, OnCall, OnFrame, open_link
from .message import Exchange, Letter, Message, Payload
from .mischief import Mischief, Order, RepeatId, arrange


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Real seconds; none of them is simulated time.

    A message is tried across reconnects for `give_up_after_s`.  `refused_pause_s` stands for the retry
    interval after a CALLERROR, `boot_pause_s` for the interval of a Pending or Rejected boot.
    """

    reply_timeout_s: float = 10
    backoff_min_s: float = 0.05
    backoff_max_s: float = 1
    give_up_after_s: float = 30
    refused_pause_s: float = 0
    boot_pause_s: float = 0.05
    boot_attempts: int = 20


class Line:
    """Calls over a connection that may break at any time.

    `acknowledged` lists every call that got its CALLRESULT, in order; `outbox` the transaction messages
    still waiting for theirs; `refused` those given up after as many CALLERRORs as the configuration allows.
    """

    def __init__(
        self,
        address: Address,
        *,
        patience: Patience,
        on_call: OnCall,
        on_frame: OnFrame,
        on_link: Callable[[str], None],
        mark_offline: Callable[[Message], Message],
        check_reply: Callable[[str, Payload], None],
        attempts: Callable[[], int],
        now: Callable[[], datetime],
    ) -> None:
        self.address = address
        self.patience = patience
        self.mischief = Mischief()
        self.acknowledged: list[Exchange] = []
        self.outbox: list[Letter] = []
        self.refused: list[tuple[Letter, CallRefusedError]] = []
        self.lost: list[Letter] = []
        self.is_held = False
        self.on_reconnected: Callable[[Link], Awaitable[None]] | None = None
        self._on_call, self._on_frame, self._on_link = on_call, on_frame, on_link
        self._mark_offline = mark_offline
        self._check_reply = check_reply
        self._attempts = attempts
        self._now = now
        self._link: Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._is_up = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._last_fault: BaseException | None = None

    @property
    def is_offline(self) -> bool:
        """Offline on purpose, as opposed to broken for the moment."""
        return self._keeper is None

    @property
    def is_connected(self) -> bool:
        return self._link is not None and self._link.is_open

    @property
    def subprotocol(self) -> str | None:
        return self._link.subprotocol if self._link is not None else None

    async def up(self) -> None:
        """Connect, and from now on reconnect whenever the connection breaks; the first attempt must succeed."""
        if self._keeper is not None:
            return
        self._take(await open_link(self.address, self._on_call, self._on_frame))
        self._keeper = asyncio.create_task(self._keep(), name="charger line")

    async def up_again(self) -> None:
        """Connect again after `down`, as patiently as after an accident."""
        if self._keeper is None:
            self._is_up.clear()
            self._keeper = asyncio.create_task(self._keep(), name="charger line")
        await self._connected(self._deadline())

    async def down(self, *, is_abrupt: bool = False) -> None:
        """Go offline and stay so until told otherwise."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        await self._hang_up(is_abrupt=is_abrupt)
        self._is_up.set()  # wakes those who wait for a connection; they find the charger offline

    async def drop(self, *, is_abrupt: bool = True) -> None:
        """Lose the connection once; it comes back by itself."""
        if self._link is None:
            raise StepError("there is no connection to drop: the charger is offline")
        await self._hang_up(is_abrupt=is_abrupt)

    async def call(self, message: Message) -> Payload:
        """A call whose answer is needed, tried again when the connection breaks."""
        deadline = self._deadline()
        while True:
            link = await self._connected(deadline)
            try:
                return await self.call_on(link, message)
            except (DisconnectedError, ReplyTimeoutError) as fault:
                await self._lose(link, fault)

    async def call_on(self, link: Link, message: Message) -> Payload:
        """One attempt on a given connection."""
        return await self._exchange(link, str(uuid.uuid4()), message)

    async def post(self, letter: Letter) -> None:
        """Queue a transaction message and, unless held or offline, wait until it is acknowledged."""
        if self.mischief.loses(letter.message.action):
            self.lost.append(letter)
            return
        self.outbox.append(letter)
        await self.flush()

    async def flush(self) -> None:
        """Deliver the queue in its order; returns at once while held or offline."""
        async with self._flushing:
            with suppress(OfflineError):
                while self.outbox and not self.is_held and not self.is_offline:
                    await self._deliver(self.outbox[0])

    def arrange(self, order: Order, seed: int = 1) -> None:
        """Reorder what waits in the queue."""
        arrange(self.outbox, order, seed)

    async def repeat(self, action: str | None, ids: RepeatId) -> Exchange:
        """Send an acknowledged message once more (the last one of that action), id and all or with a new id."""
        for exchange in reversed(self.acknowledged):
            if action in (None, exchange.action) and not exchange.is_repeat:
                return await self._send_again(exchange, ids)
        raise StepError(f"nothing to repeat: no {action or 'message'} was acknowledged yet")

    async def send_raw(self, text: str | bytes, *, timeout_s: float) -> list[Any]:
        link = await self._connected(self._deadline())
        return await link.send_raw(text, timeout_s=timeout_s)

    async def _deliver(self, letter: Letter) -> None:
        deadline = self._deadline()
        while letter in self.outbox and not self.is_offline:
            link = await self._connected(deadline)
            try:
                reply = await self._exchange(link, str(uuid.uuid4()), letter.bound())
            except (DisconnectedError, ReplyTimeoutError) as fault:
                letter.message = self._mark_offline(letter.message)
                await self._lose(link, fault)
            except CallRefusedError as refusal:
                await self._on_refused(letter, refusal)
            else:
                self.outbox.remove(letter)
                if letter.on_reply is not None:
                    letter.on_reply(reply)
                if self.mischief.repeat is not None:
                    await self._send_again(self.acknowledged[-1], self.mischief.repeat)

    async def _on_refused(self, letter: Letter, refusal: CallRefusedError) -> None:
        """Try again as often as the configuration says, then discard (OCPP 1.6 4.8, 2.0.1 E13.FR.04)."""
        letter.refusals += 1
        if letter.refusals >= self._attempts():
            self.outbox.remove(letter)
            self.refused.append((letter, refusal))
        else:
            await asyncio.sleep(self.patience.refused_pause_s)

    async def _exchange(self, link: Link, message_id: str, message: Message) -> Payload:
        action = message.action
        if self.mischief.cuts(action):
            await link.send(_frame(message_id, message))
            await link.abort()
            raise DisconnectedError(None, "cut on purpose")
        reply = await link.call(message_id, action, message.payload, timeout_s=self.patience.reply_timeout_s)
        if self.mischief.is_deaf(action):
            await link.abort()
            raise DisconnectedError(None, "reply ignored on purpose")
        self._acknowledge(message_id, message, reply)
        return reply

    async def _send_again(self, exchange: Exchange, ids: RepeatId) -> Exchange:
        message_id = exchange.message_id if ids == "same" else str(uuid.uuid4())
        message = Message(exchange.action, exchange.payload)
        deadline = self._deadline()
        while True:
            link = await self._connected(deadline)
            try:
                reply = await link.call(
                    message_id, message.action, message.payload, timeout_s=self.patience.reply_timeout_s
                )
            except (DisconnectedError, ReplyTimeoutError) as fault:
                await self._lose(link, fault)
            else:
                return self._acknowledge(message_id, message, reply, is_repeat=True)

    def _acknowledge(self, message_id: str, message: Message, reply: Payload, *, is_repeat: bool = False) -> Exchange:
        exchange = Exchange(
            message_id=message_id,
            action=message.action,
            payload=message.payload,
            reply=reply,
            at=self._now(),
            is_repeat=is_repeat,
        )
        self.acknowledged.append(exchange)
        self._check_reply(message.action, reply)
        return exchange

    async def _keep(self) -> None:
        """Hold a connection for as long as the charger wants to be online."""
        pause_s = self.patience.backoff_min_s
        while True:
            known = len(self.acknowledged)
            if (link := self._link) is not None:
                await link.wait_closed()
                self._forget(link)
            if len(self.acknowledged) > known:
                pause_s = self.patience.backoff_min_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self.patience.backoff_max_s)
            with suppress(ConnectError, DisconnectedError, ReplyTimeoutError, CallRefusedError):
                self._take(await self._reopen())

    async def _reopen(self) -> Link:
        try:
            link = await open_link(self.address, self._on_call, self._on_frame)
        except ConnectError as fault:
            self._last_fault = fault
            raise
        try:
            if self.on_reconnected is not None:
                await self.on_reconnected(link)
        except BaseException as fault:
            self._last_fault = fault
            await link.abort()
            raise
        return link

    async def _connected(self, deadline: float) -> Link:
        loop = asyncio.get_running_loop()
        while self._link is None or not self._link.is_open:
            if self.is_offline:
                raise OfflineError("the charger is offline on purpose: bring it online first")
            if self._link is not None:
                self._forget(self._link)
            try:
                async with asyncio.timeout(max(0.0, deadline - loop.time())):
                    await self._is_up.wait()
            except TimeoutError:
                raise ConnectError(
                    f"the connection did not come back within {self.patience.give_up_after_s:g} s, "
                    f"{len(self.outbox)} transaction messages wait; last fault: {self._last_fault}"
                ) from None
        return self._link

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self.patience.give_up_after_s

    def _take(self, link: Link) -> None:
        self._link = link
        self._is_up.set()
        self._on_link("connected")

    def _forget(self, link: Link, why: str = "connection lost") -> None:
        if self._link is link:
            self._link = None
            self._is_up.clear()
            self._on_link(why)

    async def _lose(self, link: Link, fault: Exception) -> None:
        self._last_fault = fault
        self._forget(link)
        await link.abort()

    async def _hang_up(self, *, is_abrupt: bool) -> None:
        link = self._link
        if link is not None:
            self._forget(link, "disconnected")
            await (link.abort() if is_abrupt else link.close())


def _frame(message_id: str, message: Message) -> str:
    return json.dumps([2, message_id, message.action, message.payload], separators=(",", ":"))
