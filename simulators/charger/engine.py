"""From what happens at the station to what is said about it: transactions, states, samples, time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from .clock import SimulatedClock
from .dialect import Dialect, StartPoint, Trigger
from .line import Line
from .message import Letter, Message, Payload
from .smart import SmartCharging
from .station import Authorization, Evse, Station, StopCause, Token, Transaction

NoteFn = Callable[..., None]


class Engine:
    """Applies one event after the other; whoever calls it sees to it that they do not overlap."""

    def __init__(self, station: Station, clock: SimulatedClock, dialect: Dialect, line: Line, note: NoteFn) -> None:
        self.station = station
        self.clock = clock
        self.dialect = dialect
        self.line = line
        self.sessions: list[Transaction] = []
        self.smart = SmartCharging()
        self.is_registered = False
        self._note = note
        self._reported: dict[tuple[int, int], Payload] = {}
        self._last_contact = clock.now

    async def say(self, message: Message) -> Payload:
        """A call that is not about a transaction."""
        self._last_contact = self.clock.now
        return await self.line.call(message)

    async def post(self, letter: Letter) -> None:
        """A transaction message: queued while offline, else waited for until acknowledged."""
        if self.line.is_offline:
            letter.message = self.dialect.mark_offline(letter.message)
        else:
            self._last_contact = self.clock.now
        await self.line.post(letter)

    # --- tokens and transactions

    async def authorize(self, token: Token) -> Authorization:
        """Ask; offline the configuration decides."""
        if self.line.is_offline:
            return Authorization("Accepted" if self.dialect.settings.starts_offline else "Invalid")
        reply = await self.say(self.dialect.authorize(token))
        return self.dialect.parse_authorize(reply)

    async def begin(self, evse: Evse, trigger: Trigger) -> None:
        """Start a transaction, or authorise the one that runs, if all it takes is there."""
        tx, authorized = evse.transaction, evse.authorized
        if tx is not None and tx.token is None and authorized is not None:
            tx.token, tx.remote_start_id = authorized.token, authorized.remote_start_id
            _use_reservation(evse, tx)
            await self._update(evse, tx, trigger)
        elif tx is None and self._may_start(evse):
            tx = self.dialect.open_transaction(evse, self.clock.now)
            evse.transaction, evse.is_finishing = tx, False
            if tx.token is not None:
                _use_reservation(evse, tx)
            self.sessions.append(tx)
            self._schedule(tx)
            await self.post(self.dialect.start(evse, tx, evse.read(self.clock.now)))
            self._note("transaction", "transaction started", evse=evse.no, id=tx.transaction_id, wh=tx.meter_start_wh)
        elif tx is not None:
            await self._update(evse, tx, trigger)
        await self.report(evse)
        await self.settle_invalid()

    async def swipe_out(self, evse: Evse, card: Token) -> Authorization:
        """A card during a transaction: the same card or its group ends it (OCPP 2.0.1 C01.FR.03)."""
        tx = evse.transaction
        if tx is None or card.is_same(tx.token):
            authorization = Authorization("Accepted")
        else:
            authorization = await self.authorize(card)
            group = tx.authorization.group if tx.authorization is not None else None
            if not authorization.is_accepted or group is None or authorization.group != group:
                self._note("step", "card may not stop this transaction", evse=evse.no)
                return authorization
        self._note("step", "card shown to stop", evse=evse.no)
        await self.deauthorize(evse, StopCause.LOCAL, card)
        return authorization

    async def deauthorize(self, evse: Evse, cause: StopCause, token: Token | None) -> None:
        """End the authorisation, and the transaction with it unless it lasts until the cable is out."""
        tx = evse.transaction
        if tx is not None and self.dialect.settings.ends_when_unplugged and evse.plugged is not None:
            tx.is_deauthorized = True
            evse.authorized = None
            letter = self.dialect.deauthorize(evse, tx, evse.read(self.clock.now), token)
            if letter is not None:
                await self.post(letter)
            await self.report(evse)
        else:
            await self.stop(evse, cause, token)

    async def stop(self, evse: Evse, cause: StopCause, token: Token | None = None) -> None:
        """End the transaction of an EVSE, if there is one."""
        tx = evse.transaction
        if tx is None:
            return
        reading = evse.read(self.clock.now)
        letter = self.dialect.stop(evse, tx, reading, cause, token)
        self._close(evse, tx, cause)
        await self.post(letter)
        self._note(
            "transaction",
            "transaction ended",
            evse=evse.no,
            id=tx.transaction_id,
            wh=reading.energy_wh,
            cause=cause.value,
        )
        await self.report(evse)

    def forget(self, evse: Evse) -> None:
        """The transaction is gone without a trace, as after a reboot of a bad charger; the car left."""
        if evse.transaction is not None:
            evse.transaction.is_ghost = True
            self._close(evse, evse.transaction, None)
        evse.plugged, evse.is_finishing = None, False

    async def settle_invalid(self) -> None:
        """Stop what the central system did not authorise (OCPP 1.6 4.8, 2.0.1 E05.FR.10)."""
        for evse in self.station.evses:
            tx = evse.transaction
            if tx is None or tx.authorization is None or tx.authorization.is_accepted:
                continue
            if self.dialect.settings.stops_on_invalid_token:
                await self.stop(evse, StopCause.DEAUTHORIZED)

    # --- reservations

    async def end_reservation(self, evse: Evse, why: str) -> None:
        """The EVSE is kept for nobody any more: "Expired", or "Removed" because it cannot be used."""
        reservation, evse.reservation = evse.reservation, None
        if reservation is None:
            return
        self._note("reservation", f"reservation {why.lower()}", evse=evse.no, no=reservation.no)
        message = self.dialect.reservation_ended(reservation.no, why)
        if message is not None and not self.line.is_offline:
            await self.say(message)
        await self.report(evse)

    # --- states

    async def changed(self, evse: Evse, trigger: Trigger = Trigger.CHARGING_STATE_CHANGED) -> None:
        """Tell what changed: the transaction first, then the connectors."""
        if evse.transaction is not None:
            await self._update(evse, evse.transaction, trigger)
        await self.report(evse)

    async def report(self, evse: Evse, *, is_forced: bool = False) -> None:
        """StatusNotification of each connector that would say something new; later if offline."""
        if self.line.is_offline:
            return
        for connector_no in range(1, evse.connectors + 1):
            message = self.dialect.status(evse, connector_no, self.clock.now)
            said = {key: value for key, value in message.payload.items() if key != "timestamp"}
            if is_forced or self._reported.get((evse.no, connector_no)) != said:
                await self.say(message)
                self._reported[evse.no, connector_no] = said

    async def report_all(self) -> None:
        """What a charger tells after a boot: itself, then every connector."""
        message = self.dialect.station_status(self.clock.now)
        if message is not None:
            await self.say(message)
        for evse in self.station.evses:
            await self.report(evse, is_forced=True)

    async def deliver_queue(self) -> None:
        """After a time without network: what queued up, and what follows from its answers."""
        await self.line.flush()
        await self.settle_invalid()

    async def catch_up(self) -> None:
        """Deliver the queue, then the states that changed meanwhile."""
        await self.deliver_queue()
        for evse in self.station.evses:
            await self.report(evse)

    # --- time

    def next_due(self) -> datetime | None:
        """When something has to be sent, if nothing else happens."""
        dues = [tx.next_sample_at for tx in self._running() if tx.next_sample_at is not None]
        dues += [evse.reservation.expires_at for evse in self.station.evses if evse.reservation is not None]
        limit_at = self.smart.next_change(self.clock.now)
        if limit_at is not None:
            dues.append(limit_at)
        heartbeat_at = self._heartbeat_due()
        if heartbeat_at is not None:
            dues.append(heartbeat_at)
        return min(dues, default=None)

    def _heartbeat_due(self) -> datetime | None:
        interval_s = self.dialect.settings.heartbeat_interval_s
        if not self.is_registered or not interval_s or self.line.is_offline:
            return None
        return self._last_contact + timedelta(seconds=interval_s)

    async def move_to(self, at: datetime) -> None:
        """Let time pass until then, and send what is due."""
        self.station.run(self.clock.move_to(at))
        await self.follow_limits()
        for evse in self.station.evses:
            tx = evse.transaction
            if tx is not None and tx.next_sample_at is not None and tx.next_sample_at <= self.clock.now:
                self._schedule(tx)
                await self.sample(evse, "Sample.Periodic")
        for evse in self.station.evses:
            if evse.reservation is not None and evse.reservation.expires_at <= self.clock.now:
                await self.end_reservation(evse, "Expired")
        due = self._heartbeat_due()
        if due is not None and due <= self.clock.now:
            await self.say(self.dialect.heartbeat())

    async def follow_limits(self) -> None:
        """Give what the charging profiles allow now; who gets nothing any more, or something again, is told of."""
        for evse in self.station.evses:
            before = evse.charging_state
            tx = evse.transaction
            evse.limit_w = None if tx is None else self.smart.limit_w(evse.no, tx.transaction_id, self.clock.now)
            if evse.charging_state is not before:
                await self.changed(evse)

    async def sample(self, evse: Evse, context: str) -> None:
        """Send the meter's reading within the transaction."""
        if evse.transaction is not None:
            reading = evse.read(self.clock.now)
            await self.post(self.dialect.sample(evse, evse.transaction, reading, context))
            self._note("meter", "meter read", evse=evse.no, wh=reading.energy_wh, w=reading.power_w)

    def _running(self) -> Iterable[Transaction]:
        return [evse.transaction for evse in self.station.evses if evse.transaction is not None]

    def _may_start(self, evse: Evse) -> bool:
        is_plugged, is_authorized = evse.plugged is not None, evse.authorized is not None
        if evse.fault is not None or not evse.is_operative:
            return False
        match self.dialect.settings.start_point:
            case StartPoint.EV_CONNECTED:
                return is_plugged and (is_authorized or not evse.is_finishing)
            case StartPoint.AUTHORIZED:
                return is_authorized
            case StartPoint.POWER_PATH_CLOSED:
                return is_plugged and is_authorized

    async def _update(self, evse: Evse, tx: Transaction, trigger: Trigger) -> None:
        letter = self.dialect.update(evse, tx, evse.read(self.clock.now), trigger)
        if letter is not None:
            await self.post(letter)

    def _schedule(self, tx: Transaction) -> None:
        """The next sample: an interval after the last one due, whatever the interval is by now."""
        interval_s = self.dialect.settings.sample_interval_s
        if not interval_s:
            tx.next_sample_at = None
            return
        due = (tx.next_sample_at or self.clock.now) + timedelta(seconds=interval_s)
        tx.next_sample_at = max(due, self.clock.now)

    def _close(self, evse: Evse, tx: Transaction, cause: StopCause | None) -> None:
        tx.ended_at, tx.stop_cause = self.clock.now, cause
        tx.meter_stop_wh = evse.meter.energy_wh
        self.smart.end(tx.transaction_id)
        evse.transaction = evse.authorized = evse.suspended = evse.limit_w = None
        evse.draw_w *= 0
        evse.is_finishing = evse.plugged is not None
        if evse.becomes_operative is not None:
            evse.is_operative, evse.becomes_operative = evse.becomes_operative, None


def _use_reservation(evse: Evse, tx: Transaction) -> None:
    """Whom it was kept for is there (OCPP 1.6 5.13, 2.0.1 H03.FR.09)."""
    if evse.reservation is not None:
        tx.reservation_no, evse.reservation = evse.reservation.no, None
