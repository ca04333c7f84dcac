"""What the central system may ask about a charger and make it do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from .dialect import BootReason, Trigger
from .engine import Engine
from .message import Message, Payload
from .registration import Registration
from .smart import SmartCharging, Unit
from .station import Authorization, Authorized, Evse, Reservation, StopCause, Token, Transaction

if TYPE_CHECKING:
    from .charger import Charger


class Remote:
    """Questions are answered at once; deeds wait for their turn."""

    def __init__(self, charger: Charger, engine: Engine, registration: Registration, turn: asyncio.Lock) -> None:
        self._charger = charger
        self._engine = engine
        self._turn = turn
        self.boot_triggered = registration.boot_triggered

    # --- questions

    @property
    def vendor(self) -> str:
        return self._engine.station.identity.vendor

    @property
    def now(self) -> datetime:
        return self._engine.clock.now

    @property
    def evse_nos(self) -> list[int]:
        return [evse.no for evse in self._engine.station.evses]

    def evse(self, evse_no: int) -> Evse:
        return self._engine.station.evse(evse_no)

    def has_evse(self, evse_no: int) -> bool:
        return evse_no in self.evse_nos

    def is_busy(self, evse_no: int) -> bool:
        return self.evse(evse_no).is_busy

    def is_any_busy(self, evse_nos: Iterable[int]) -> bool:
        return any(self.is_busy(evse_no) for evse_no in evse_nos)

    def find_transaction(self, transaction_id: int | str) -> int | None:
        """The EVSE whose running transaction has this id."""
        for evse in self._engine.station.evses:
            if evse.transaction is not None and evse.transaction.transaction_id == transaction_id:
                return evse.no
        return None

    @property
    def smart(self) -> SmartCharging:
        return self._engine.smart

    def transaction_at(self, evse_no: int) -> Transaction | None:
        """What runs on an EVSE; 0 is none."""
        return self.evse(evse_no).transaction if self.has_evse(evse_no) else None

    def compose(self, evse_no: int, duration_s: int, unit: Unit) -> list[tuple[int, Decimal]]:
        """What an EVSE may give for the next while."""
        tx = self.transaction_at(evse_no)
        return self.smart.compose(evse_no, None if tx is None else tx.transaction_id, self.now, duration_s, unit)

    def has_messages_waiting(self, transaction_id: int | str | None = None) -> bool:
        """Whether transaction messages are undelivered, of one transaction or of any."""
        return any(
            transaction_id is None
            or (isinstance(letter.transaction, Transaction) and letter.transaction.transaction_id == transaction_id)
            for letter in self._engine.line.outbox
        )

    def choose_evse(self, evse_no: int | None, token: Token) -> int | None:
        """An EVSE for a start: the one asked for, or any, a plugged one first; None if none is free for this card."""
        free = [
            evse
            for evse in self._engine.station.evses
            if evse_no in (None, evse.no)
            and not evse.is_busy
            and evse.is_operative
            and evse.fault is None
            and evse.may_use(token)
        ]
        free.sort(key=lambda evse: evse.plugged is None)
        return free[0].no if free else None

    def reserve(self, evse_no: int | None, reservation: Reservation) -> str:
        """Keep an EVSE, in the place of what is kept under the same number; the status to answer.

        Whoever names no EVSE is rejected: this station keeps particular ones only.
        """
        if evse_no is None or not self.has_evse(evse_no):
            return "Rejected"
        evse = self.evse(evse_no)
        if evse.fault is not None:
            return "Faulted"
        if not evse.is_operative:
            return "Unavailable"
        kept = evse.reservation
        is_other = kept is not None and kept.no != reservation.no
        if evse.is_busy or evse.plugged is not None or is_other or evse.transaction is not None:
            return "Occupied"
        self.cancel_reservation(reservation.no)
        evse.reservation = reservation
        return "Accepted"

    def cancel_reservation(self, no: int) -> list[int]:
        """Keep an EVSE no longer; those that were."""
        kept = [
            evse for evse in self._engine.station.evses if evse.reservation is not None and evse.reservation.no == no
        ]
        for evse in kept:
            evse.reservation = None
        return [evse.no for evse in kept]

    # --- deeds

    async def report_changes(self) -> None:
        """StatusNotification of the connectors whose state is another now."""
        async with self._turn:
            for evse in self._engine.station.evses:
                await self._engine.report(evse)

    async def say(self, message: Message) -> Payload:
        return await self._engine.say(message)

    async def start(self, evse_no: int, token: Token, *, asks: bool, remote_start_id: int | None = None) -> None:
        """What follows an accepted remote start: at once if a car is there, else when it is plugged in."""
        async with self._turn:
            evse = self.evse(evse_no)
            authorization = await self._engine.authorize(token) if asks else Authorization("Accepted")
            self._charger.note("step", "remote start", evse=evse_no, status=authorization.status)
            if authorization.is_accepted and not evse.is_busy:
                evse.authorized = Authorized(token, authorization, remote_start_id)
                await self._engine.begin(evse, Trigger.REMOTE_START)

    async def follow_limits(self) -> None:
        """Charging profiles have changed."""
        async with self._turn:
            await self._engine.follow_limits()

    async def stop(self, evse_no: int) -> None:
        """What follows an accepted remote stop; nothing if the driver was quicker."""
        if self.evse(evse_no).transaction is not None:
            await self._charger.stop(evse_no, cause=StopCause.REMOTE)

    async def unlock(self, evse_no: int) -> None:
        """Release the cable; a running transaction ends first."""
        if self.evse(evse_no).transaction is not None:
            await self._charger.stop(evse_no, cause=StopCause.UNLOCK)

    async def reset(self, cause: StopCause) -> None:
        await self._charger.reboot(cause=cause, reason=BootReason.REMOTE_RESET)

    async def reset_when_idle(self) -> None:
        self._charger.reboots_when_idle = True

    async def set_operative(self, evse_nos: Iterable[int], *, is_operative: bool) -> None:
        """Take EVSEs out of service or back; one that is in use follows when its transaction ended."""
        async with self._turn:
            for evse_no in evse_nos:
                evse = self.evse(evse_no)
                if evse.transaction is not None and not is_operative:
                    evse.becomes_operative = False
                else:
                    evse.is_operative, evse.becomes_operative = is_operative, None
                    if not is_operative:
                        await self._engine.end_reservation(evse, "Removed")
                    await self._engine.report(evse)

    async def report_status(self, evse_nos: Iterable[int]) -> None:
        """StatusNotification of the connectors, changed or not."""
        async with self._turn:
            for evse_no in evse_nos:
                await self._engine.report(self.evse(evse_no), is_forced=True)

    async def report_meters(self, evse_nos: Iterable[int]) -> None:
        """MeterValues outside of any schedule."""
        async with self._turn:
            for evse_no in evse_nos:
                evse = self.evse(evse_no)
                message = self._engine.dialect.meter_values(evse, evse.read(self.now), "Trigger")
                await self._engine.say(message)

    async def sample_transactions(self, evse_nos: Iterable[int]) -> None:
        """A reading within each running transaction."""
        async with self._turn:
            for evse_no in evse_nos:
                await self._engine.sample(self.evse(evse_no), "Trigger")

    async def heartbeat(self) -> None:
        await self._charger.heartbeat()

    async def firmware_status(self, status: str) -> None:
        await self._charger.firmware_status(status)

    async def log_status(self, status: str) -> None:
        await self._charger.log_status(status)

    async def change_password(self, password: str | bytes) -> None:
        """Come back with another password."""
        line = self._engine.line
        line.address = replace(line.address, password=password)
        if line.is_connected:
            await line.drop(is_abrupt=False)
