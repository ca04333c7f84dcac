"""A simulated charger: what a driver, a technician and bad luck can do to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .answering import Answering
from .clock import SimulatedClock
from .dialect import BootReason, Trigger, choose_dialect
from .engine import Engine
from .errors import StepError
from .line import Line, Patience
from .link import Address, Direction
from .message import Exchange, Message, Note, Payload, ReceivedCall
from .metering import Metering
from .mischief import Moment, Order, Quota, RepeatId
from .polite import check_payload
from .registration import Registration
from .remote import Remote
from .signing import Signing, SigningMeter
from .station import (
    Authorization,
    Authorized,
    Evse,
    Identity,
    Meter,
    Station,
    StopCause,
    Suspension,
    Token,
    Transaction,
)

if TYPE_CHECKING:
    from .runner import Cue, Outcome
    from .scenario import Scenario

Observer = Callable[[Note], None]


class Charger:
    """A charger that dials in on entering `async with` and hangs up on leaving it.

    EVSEs are numbered from 1; in OCPP 1.6 they are the connectors.  Simulated time moves only in `wait`,
    `charge` and the other verbs that take minutes, and costs no real time unless the clock has a speed.
    A verb returns when the central system has acknowledged what it caused, or when that waits in the queue
    of a charger that was put offline.  Transaction messages survive broken connections.
    """

    def __init__(
        self,
        url: str,
        identity: str,
        *,
        version: str = "1.6",
        clock: SimulatedClock | None = None,
        password: str | bytes | None = None,
        user: str | None = None,
        tls: ssl.SSLContext | None = None,
        subprotocols: Sequence[str] | None = None,
        evses: int = 1,
        connectors: int = 1,
        meter_start_wh: int = 0,
        sample_interval_s: int = 60,
        nameplate: Identity | None = None,
        patience: Patience | None = None,
        boots_on_reconnect: bool = False,
        observer: Observer | None = None,
    ) -> None:
        self.identity = identity
        self.clock = clock if clock is not None else SimulatedClock()
        self.patience = patience if patience is not None else Patience()
        self.station = Station(
            nameplate if nameplate is not None else Identity(),
            [Evse(no=no, meter=Meter.from_wh(meter_start_wh), connectors=connectors) for no in range(1, evses + 1)],
        )
        self.dialect = choose_dialect(
            version,
            evses=self.station.evses,
            identity=self.station.identity,
            sample_interval_s=sample_interval_s,
        )
        self._observer = observer
        self._answering = Answering(lambda: self.remote, self.dialect, lambda: self.clock.now, self.note)
        self.line: Line = Line(
            Address(
                url=url,
                identity=identity,
                password=password,
                user=user,
                tls=tls,
                subprotocols=[self.dialect.subprotocol] if subprotocols is None else subprotocols,
            ),
            patience=self.patience,
            on_call=self._answering.on_call,
            on_frame=self._on_frame,
            on_link=lambda text: self.note("link", text),
            mark_offline=self.dialect.mark_offline,
            check_reply=lambda action, reply: check_payload(version, action, reply, is_reply=True),
            attempts=lambda: self.dialect.settings.transaction_attempts,
            now=lambda: self.clock.now,
        )
        self._engine = Engine(self.station, self.clock, self.dialect, self.line, self.note)
        self._turn = asyncio.Lock()
        self._registration = Registration(self._engine, identity, self.patience, self.note)
        if boots_on_reconnect:
            self.line.on_reconnected = self._registration.boot_on
        self.remote: Remote = Remote(self, self._engine, self._registration, self._turn)
        self.reboots_when_idle = False

    async def __aenter__(self) -> Self:
        self._answering.start()
        try:
            await self.line.up()
        except BaseException:
            await self._answering.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._answering.stop()
        await self.line.down()

    # --- what it knows

    @property
    def acknowledged(self) -> list[Exchange]:
        """Every call that the central system answered with a CALLRESULT, in order."""
        return self.line.acknowledged

    @property
    def received(self) -> list[ReceivedCall]:
        """Every call of the central system."""
        return self._answering.received

    @property
    def sessions(self) -> list[Transaction]:
        """Every transaction so far, running ones too."""
        return self._engine.sessions

    @property
    def metering(self) -> Metering:
        """How readings are worded; assign another to word them badly."""
        return self.dialect.metering

    @metering.setter
    def metering(self, metering: Metering) -> None:
        self.dialect.metering = metering

    @property
    def is_terse(self) -> bool:
        """2.0.1: whether evse and idToken are left out after the first event of a transaction."""
        return self.dialect.is_terse

    @is_terse.setter
    def is_terse(self, is_terse: bool) -> None:
        self.dialect.is_terse = is_terse

    def sign_with(self, signing: Signing) -> None:
        """Have every EVSE's meter sign from now on, each with a fresh key."""
        for evse in self.station.evses:
            meter = SigningMeter(evse.no, signing)
            self.dialect.signing_meters[evse.no] = meter
            if signing.key == "configuration":
                self.dialect.settings.tell_meter_key(evse.no, meter.public_key)

    def meter_key(self, evse_no: int = 1) -> str:
        """The public key on the nameplate of a meter that signs."""
        return self.dialect.signing_meters[evse_no].public_key

    # --- starting up

    async def boot(self, reason: BootReason = BootReason.POWER_UP) -> None:
        """Register, as often as it takes (RegistrationError after that), and tell every connector's state."""
        async with self._turn:
            await self._registration.boot(reason)

    async def reboot(
        self,
        *,
        cause: StopCause = StopCause.REBOOT,
        reason: BootReason = BootReason.POWER_UP,
        minutes: Decimal | int = 0,
    ) -> None:
        """Restart in good order: stop transactions (told before it goes), hang up, come back, boot."""
        async with self._turn:
            for evse in self.station.evses:
                await self._engine.stop(evse, cause)
            await self._restart(reason, minutes)

    async def lose_power(self, minutes: Decimal | int = 0, *, is_ghost: bool = False) -> None:
        """Power goes and comes back.

        A good charger then reports the stop of its transactions (reason PowerLoss); as a ghost it has
        forgotten them, the car is gone and the connectors are told Available.
        """
        async with self._turn:
            await self.line.down(is_abrupt=True)
            for evse in self.station.evses:
                if is_ghost:
                    self._engine.forget(evse)
                else:
                    await self._engine.stop(evse, StopCause.POWER_LOSS)
            await self._restart(BootReason.POWER_UP, minutes)

    # --- driver and car

    async def plug(self, evse_no: int = 1, connector_no: int = 1) -> None:
        """Put the cable in."""
        async with self._turn:
            evse = self.station.evse(evse_no)
            if evse.plugged is not None:
                raise StepError(f"EVSE {evse_no} has a car already: unplug first")
            if not 1 <= connector_no <= evse.connectors:
                raise StepError(f"EVSE {evse_no} has no connector {connector_no}")
            evse.plugged = connector_no
            self.note("step", "plugged in", evse=evse_no)
            await self._engine.report(evse)
            await self._engine.begin(evse, Trigger.CABLE_PLUGGED_IN)

    async def unplug(self, evse_no: int = 1) -> None:
        """Pull the cable out; a transaction still running ends."""
        async with self._turn:
            evse = self.station.evse(evse_no)
            if evse.plugged is None:
                raise StepError(f"EVSE {evse_no} has no car: plug first")
            connector_no, evse.plugged = evse.plugged, None
            self.note("step", "unplugged", evse=evse_no, connector=connector_no)
            await self._engine.stop(evse, StopCause.EV_DISCONNECTED)
            evse.is_finishing = False
            await self._engine.report(evse)
            await self._after_stop()

    async def swipe(self, evse_no: int, token: str | Token, *, asks: bool = True) -> str:
        """Show a card; returns the status it got, "Reserved" where it is accepted and the EVSE kept for another.

        It starts a transaction, or stops the one that the same card (or its group) started.  Without
        `asks` the charger does not Authorize first, as with a token from its cache.
        """
        async with self._turn:
            evse = self.station.evse(evse_no)
            card = token if isinstance(token, Token) else Token(token)
            if evse.is_busy:
                authorization = await self._engine.swipe_out(evse, card)
                await self._after_stop()
                return authorization.status
            authorization = await self._engine.authorize(card) if asks else Authorization("Accepted")
            self.note("step", "card shown", evse=evse_no, status=authorization.status)
            if authorization.is_accepted and not evse.may_use(card, authorization.group):
                self.note("step", "the EVSE is reserved for another card", evse=evse_no)
                return "Reserved"
            if authorization.is_accepted:
                evse.authorized = Authorized(card, authorization)
                await self._engine.begin(evse, Trigger.AUTHORIZED)
            return authorization.status

    async def stop(
        self,
        evse_no: int = 1,
        *,
        cause: StopCause = StopCause.LOCAL,
        transaction_id: int | str | None = None,
    ) -> None:
        """End the transaction without a card; `transaction_id` forges the id that the message carries."""
        async with self._turn:
            evse = self.station.evse(evse_no)
            if evse.transaction is None:
                raise StepError(f"EVSE {evse_no} has no transaction to stop")
            if transaction_id is not None:
                evse.transaction.transaction_id = transaction_id
            await self._engine.deauthorize(evse, cause, None)
            await self._after_stop()

    # --- energy and time

    async def wait(self, minutes: Decimal | int = 0, *, seconds: int = 0) -> None:
        """Let simulated time pass; samples and heartbeats go out when they are due."""
        end = self.clock.now + _minutes(minutes) + timedelta(seconds=seconds)
        while self.clock.now < end:
            due = min(end, self._engine.next_due() or end)
            if self.clock.step is not None:
                due = min(due, self.clock.now + self.clock.step)
            await self.clock.wait_for(due)
            async with self._turn:
                await self._engine.move_to(due)

    async def charge(self, evse_no: int = 1, *, minutes: Decimal | int, kw: Decimal | str | int) -> None:
        """Draw this power for so long; the car goes on drawing it afterwards until something stops it."""
        async with self._turn:
            evse = self._evse_in_use(evse_no)
            evse.draw_w = Decimal(str(kw)) * 1000
            evse.suspended = None
            self.note("step", "charging", evse=evse_no, kw=kw, minutes=minutes)
            await self._engine.changed(evse)
        await self.wait(minutes)

    async def suspend_ev(self, evse_no: int = 1, *, minutes: Decimal | int = 0) -> None:
        """The car takes no more energy for so long."""
        await self._suspend(evse_no, Suspension.EV, minutes)

    async def suspend_evse(self, evse_no: int = 1, *, minutes: Decimal | int = 0) -> None:
        """The charger offers no energy for so long."""
        await self._suspend(evse_no, Suspension.EVSE, minutes)

    async def resume(self, evse_no: int = 1) -> None:
        """Energy flows again, at the power of before."""
        async with self._turn:
            evse = self._evse_in_use(evse_no)
            evse.suspended = None
            await self._engine.changed(evse)

    async def fault(self, evse_no: int = 1, code: str = "GroundFailure", *, stops: bool = False) -> None:
        """Something broke (a 1.6 errorCode; 2.0.1 says Faulted alone); no energy flows until `recover`."""
        async with self._turn:
            evse = self.station.evse(evse_no)
            evse.fault = code
            self.note("step", "fault", evse=evse_no, code=code)
            await self._engine.end_reservation(evse, "Removed")
            if stops:
                await self._engine.stop(evse, StopCause.FAULT)
            await self._engine.changed(evse)

    async def recover(self, evse_no: int = 1) -> None:
        """The fault is gone."""
        async with self._turn:
            evse = self.station.evse(evse_no)
            evse.fault = None
            await self._engine.changed(evse)

    async def swap_register(self, evse_no: int = 1, to_wh: int = 0) -> None:
        """The energy register falls (or jumps); a running transaction samples it at once."""
        async with self._turn:
            evse = self.station.evse(evse_no)
            evse.meter.swap(to_wh)
            self.note("step", "register swapped", evse=evse_no, wh=to_wh)
            await self._engine.sample(evse, "Other")

    # --- reports

    async def say(self, message: Message) -> Payload:
        """A rendered message of the dialect."""
        return await self._engine.say(message)

    async def send(self, action: str, payload: Any) -> Payload:
        """Any call with any payload, unchecked; CallRefusedError if it is answered with a CALLERROR."""
        return await self._engine.say(Message(action, payload))

    async def heartbeat(self) -> None:
        await self._engine.say(self.dialect.heartbeat())

    async def firmware_status(self, status: str) -> None:
        await self._engine.say(self.dialect.firmware_status(status))

    async def log_status(self, status: str) -> None:
        """DiagnosticsStatusNotification in 1.6, LogStatusNotification in 2.0.1."""
        await self._engine.say(self.dialect.log_status(status))

    async def data_transfer(self, vendor_id: str, message_id: str | None = None, data: str | None = None) -> str:
        """Returns the status it was answered."""
        reply = await self._engine.say(self.dialect.data_transfer(vendor_id, message_id, data))
        return str(reply["status"])

    # --- calls of the central system

    async def wait_for_call(self, action: str, *, timeout_s: float = 10) -> ReceivedCall:
        """The next call of this action (real seconds), and everything it set off done."""
        call = await self._answering.wait_for(action, timeout_s)
        await self.settle()
        self.clock.rest()
        return call

    async def settle(self) -> None:
        """Wait until everything that calls of the central system set off has been done."""
        await self._answering.settle()

    def answer_with(self, action: str, payload: Payload | None) -> None:
        """From now on answer this action with that, without following it; None: do not answer at all."""
        self._answering.overrides[action] = payload

    # --- bad manners

    async def go_offline(self) -> None:
        """Lose the network until `go_online`; life goes on and transaction messages queue up."""
        async with self._turn:
            self.note("step", "offline")
            await self.line.down(is_abrupt=True)

    async def go_online(self, *, order: Order = "in_order", seed: int = 1) -> None:
        """Come back and deliver the queue in this order, then tell the states that changed."""
        async with self._turn:
            self.line.arrange(order, seed)
            await self.line.up_again()
            self.note("step", "online", waiting=len(self.line.outbox), order=order)
            await self._engine.catch_up()

    def hold_messages(self) -> None:
        """Keep transaction messages back although the connection stands."""
        self.line.is_held = True

    async def release_messages(self, *, order: Order = "in_order", seed: int = 1) -> None:
        """Deliver what was held back, in this order."""
        async with self._turn:
            self.line.arrange(order, seed)
            self.line.is_held = False
            await self._engine.catch_up()

    def lose_messages(self, count: int = 1, action: str | None = None) -> None:
        """The next transaction messages (of an action) are never sent: a gap in seqNo, a start unknown."""
        self.line.mischief.lost.append(Quota(count, action))

    def lose_replies(self, count: int = 1, action: str | None = None, *, moment: Moment = "after_reply") -> None:
        """The connection breaks before or after the reply to the next calls; they are sent again."""
        quotas = self.line.mischief.cut if moment == "before_reply" else self.line.mischief.deaf
        quotas.append(Quota(count, action))

    def repeat_all(self, ids: RepeatId | None) -> None:
        """From now on send each transaction message twice, with the same or a new message id; None ends it."""
        self.line.mischief.repeat = ids

    async def repeat(self, action: str | None = None, *, ids: RepeatId = "new") -> Exchange:
        """Send the last acknowledged message (of an action) once more."""
        return await self.line.repeat(action, ids)

    async def drop_connection(self) -> None:
        """Cut the connection now; it comes back by itself."""
        await self.line.drop()

    async def stop_unknown(self, evse_no: int = 1, *, transaction_id: int | str = -1, token: str | None = None) -> None:
        """The end of a transaction that nobody heard the start of."""
        async with self._turn:
            evse = self.station.evse(evse_no)
            tx = self.dialect.open_transaction(evse, self.clock.now)
            tx.transaction_id = transaction_id
            card = Token(token) if token is not None else None
            reading = evse.read(self.clock.now)
            await self._engine.post(self.dialect.stop(evse, tx, reading, StopCause.LOCAL, card))

    async def send_raw(self, text: str | bytes, *, timeout_s: float = 5) -> list[Any]:
        """Send any frame; returns the answer as parsed JSON.

        DisconnectedError (with the close code) if the connection was closed instead, ReplyTimeoutError on silence.
        """
        return await self.line.send_raw(text, timeout_s=timeout_s)

    async def run_scenario(self, scenario: Scenario, cue: Cue | None = None) -> Outcome:
        """Go through the steps of a scenario and hold its expectations against the own meter."""
        from .runner import run_scenario

        return await run_scenario(self, scenario, cue)

    def note(self, kind: str, text: str, **fields: Any) -> None:
        """Tell the observer."""
        if self._observer is not None:
            self._observer(Note(self.clock.now, kind, text, fields))

    # --- inside

    async def _restart(self, reason: BootReason, minutes: Decimal | int) -> None:
        await self.line.down()
        self._engine.is_registered = False
        self.clock.move_to(self.clock.now + _minutes(minutes))  # no energy flows meanwhile
        self.dialect.settings.on_reboot()
        self.note("step", "rebooted")
        await self.line.up_again()
        await self._registration.boot(reason)

    async def _suspend(self, evse_no: int, by: Suspension, minutes: Decimal | int) -> None:
        async with self._turn:
            evse = self._evse_in_use(evse_no)
            evse.suspended = by
            self.note("step", f"suspended by {by.name}", evse=evse_no, minutes=minutes)
            await self._engine.changed(evse)
        await self.wait(minutes)

    async def _after_stop(self) -> None:
        if self.reboots_when_idle and not any(evse.is_busy for evse in self.station.evses):
            self.reboots_when_idle = False
            await self._restart(BootReason.REMOTE_RESET, 0)

    def _evse_in_use(self, evse_no: int) -> Evse:
        evse = self.station.evse(evse_no)
        if evse.transaction is None:
            raise StepError(f"EVSE {evse_no} has no transaction: plug and swipe an accepted card first")
        return evse

    def _on_frame(self, direction: Direction, text: str | bytes) -> None:
        self.note("frame", direction, frame=text if isinstance(text, str) else text.hex())


def _minutes(minutes: Decimal | int) -> timedelta:
    return timedelta(microseconds=int(Decimal(minutes) * 60_000_000))
