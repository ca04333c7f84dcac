"""How reservations end: used (`flows/transactions.py`), by our own clock, by the station, by the operator; and what a
station that has booted still keeps.

What changes them passes the station's mailbox; what is asked of a station is asked outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.core.cdrs import find_waiver
from gateway.core.commands import ACCEPTED, CANCELED_RESERVATION, read_result
from gateway.core.reservations import NOT_KEPT_AGAIN, WAIT_FOR_STATION, reserve_call_of
from gateway.core.sessions import fold_facts
from gateway.domain.callbacks import Callback, CallbackKind
from gateway.domain.calls import CallOutcomeKind, CallReply, CancelReservationCall
from gateway.domain.events import ReservationEnded
from gateway.domain.ids import ConnectorKey
from gateway.domain.reservations import ENDS, Reservation, ReservationState
from gateway.domain.sessions import Fact, FactKind, ReservationEnd, Session, SessionStatus
from gateway.errors import ConflictError, NotFoundError, StoreDownError
from gateway.flows.agenda import Agenda
from gateway.flows.availability import Availability
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.order_desk import OrderDesk
from gateway.ports import Change, Clock, Ids, SaveReservation, SaveSession, Store

log = structlog.get_logger(__name__)

RETRY = timedelta(seconds=5)
CALL_TIMEOUT_S = 20.0


class ReservationApi(Protocol):
    """What the operator's API needs."""

    async def withdraw(self, reservation_id: str) -> Reservation:
        """Take a reservation back.  Raises NotFoundError, ConflictError (it is over) and StoreDownError."""


class ReservationEnds:
    """Implements ReservationApi.  Follows what the store publishes (`on_changes`) and the clock (`on_due`)."""

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        mailboxes: Mailboxes,
        desk: OrderDesk,
        availability: Availability,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._memory = memory
        self._mailboxes = mailboxes
        self._desk = desk
        self._availability = availability
        self._clock = clock
        self._ids = ids
        self._agenda = Agenda()
        self._unsaved: set[str] = set()

    async def begin(self) -> None:
        """Take up what a stop of the program left.  Whether a station took what it was asked for is not known then."""
        for reservation in list(self._memory.reservations.values()):
            self._agenda.put(reservation.id, reservation.booking.expires_at)
            await self._doubt(reservation)

    def doubt_soon(self, reservation_id: str) -> None:
        """What the station answered could not be saved: then it is not known."""
        self._unsaved.add(reservation_id)
        self._agenda.put(reservation_id, self._clock.now() + RETRY)

    async def _doubt(self, reservation: Reservation) -> None:
        """No answer is to come any more."""
        if reservation.state is ReservationState.ASKED:
            await self._store.commit([SaveReservation(replace(reservation, state=ReservationState.UNANSWERED))])
        elif reservation.renewal is not None:
            await self._store.commit([SaveReservation(replace(reservation, renewal=None, is_doubtful=True))])

    def on_changes(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, SaveReservation):
                self._follow(change.reservation)

    def _follow(self, reservation: Reservation) -> None:
        if reservation.is_live:
            self._agenda.put(reservation.id, reservation.booking.expires_at)
        else:
            self._agenda.drop(reservation.id)
            self._unsaved.discard(reservation.id)

    def session_of(self, reservation: Reservation) -> Session | None:
        """Its session, as long as no transaction has come; a start that was ordered has one with the same id, where the
        station does not keep the plug."""
        session = self._memory.sessions.get(reservation.session_id)
        if session is None or not session.is_awaited or session.status is not SessionStatus.RESERVATION:
            return None
        return session

    def on_due(self, now: datetime) -> None:
        """End what has expired by our own clock."""
        for reservation_id in list(self._agenda.take_due(now)):
            reservation = self._memory.reservations.get(reservation_id)
            if reservation is not None:
                station_id = reservation.key.station_id
                self._mailboxes.post(station_id, lambda name=reservation_id: self._expire_or_retry(name))  # type: ignore[misc]

    async def on_reservation_ended(self, event: ReservationEnded) -> None:
        """The station says so (OCPP 2.0.1 H04).  Call it from the mailbox."""
        live = self._memory.reservations_of(event.receipt.station_id)
        current = next((one for one in live if one.no == event.reservation_no), None)
        if current is None:
            log.info("end of a reservation not needed", station_id=event.receipt.station_id, no=event.reservation_no)
            return
        received_at = event.receipt.received_at
        if event.ended is ReservationEnd.EXPIRED:
            await self._end(current, event.ended, min(received_at, current.booking.expires_at))
        else:
            await self._withdraw(current, received_at, "the station does not keep the plug any longer")

    async def on_plug_lost(self, key: ConnectorKey) -> None:
        """A plug is out of order or of use: its station keeps it for nobody (OCPP 1.6 5.13, 2.0.1 H01.FR.16, .17).

        Call it from the mailbox; `connector_no` 0 is the whole EVSE, `evse_no` 0 the whole station.
        """
        for current in self._memory.reservations_of(key.station_id):
            is_of_plug = key.connector_no == 0 or current.key.connector_no in (0, key.connector_no)
            if key.evse_no in (0, current.key.evse_no) and is_of_plug and current.state is ReservationState.ACTIVE:
                await self._withdraw(current, self._clock.now(), "the EVSE is out of order")
                self._desk.spawn(self.let_go(current))

    def on_connected(self, station_id: str) -> None:
        """A station that never answered is told that it need not keep the plug."""
        for reservation in self._memory.reservations_of(station_id):
            if reservation.state is ReservationState.UNANSWERED:
                self._desk.spawn(self.free(reservation.id))

    def on_booted(self, station_id: str) -> None:
        """A station that has booted may have forgotten what it kept: it is asked for it again.

        OCPP 2.0.1 B11.FR.05 wants it remembered, 1.6 says nothing of it.  The same number again replaces what is kept
        under it (1.6 5.13, 2.0.1 H01.FR.02), so a good station notices nothing.
        """
        now = self._clock.now()
        for kept in self._memory.reservations_of(station_id):
            if kept.state is ReservationState.ACTIVE and kept.renewal is None and now < kept.booking.expires_at:
                self._desk.spawn(self._keep_again(kept), reservation_id=kept.id)

    async def _keep_again(self, kept: Reservation) -> None:
        call = reserve_call_of(kept, kept.booking)
        reply = await self._desk.stations.send(kept.key.station_id, call, timeout_s=CALL_TIMEOUT_S)
        await self._mailboxes.run(kept.key.station_id, lambda: self._on_kept_again(kept, reply))

    async def _on_kept_again(self, asked: Reservation, reply: CallReply) -> None:
        """One that is over meanwhile is not to be kept; what the reply leaves open stays as it was."""
        word, reason = read_result(CallbackKind.RESERVE_NOW, reply)
        current = self._memory.reservations.get(asked.id)
        if current is None:
            if word == ACCEPTED:
                self._desk.spawn(self.let_go(asked))
        elif current.booking != asked.booking:
            return  # renewed meanwhile: that reply counts
        elif word in NOT_KEPT_AGAIN:
            await self._withdraw(current, self._clock.now(), f"after its restart {reason}")
        elif word == ACCEPTED and current.is_doubtful and current.renewal is None:
            await self._store.commit([SaveReservation(replace(current, is_doubtful=False))])

    async def withdraw(self, reservation_id: str) -> Reservation:
        """Take a reservation back by the operator's word, and tell its eMSP so, whatever the station says.

        OCPI 2.3.0 mod_commands 13.1.  Raises NotFoundError, ConflictError (it is over) and StoreDownError.
        """
        known = await self._store.find_reservation(reservation_id)
        if known is None:
            raise NotFoundError(f"there is no reservation {reservation_id!r}")
        if not known.is_live:
            raise ConflictError(f"reservation {reservation_id!r} is over: it is {known.state}")
        await self._tell_free(known)

        async def end() -> Reservation:
            current = self._memory.reservations.get(reservation_id)
            if current is None:
                raise ConflictError(f"reservation {reservation_id!r} ended meanwhile")
            await self._withdraw(current, self._clock.now(), "the operator cancelled the reservation")
            return current

        await self._mailboxes.run(known.key.station_id, end)
        return await self._store.find_reservation(reservation_id) or known

    async def _expire_or_retry(self, reservation_id: str) -> None:
        now = self._clock.now()
        current = self._memory.reservations.get(reservation_id)
        if current is None:
            return
        expires_at = current.booking.expires_at
        if now < expires_at and reservation_id in self._unsaved:
            await self._doubt_or_retry(current)
            return
        if now < expires_at:
            self._agenda.put(reservation_id, expires_at)
            return
        is_away = self._desk.stations.find_connection(current.key.station_id) is None
        if is_away and current.state is ReservationState.ACTIVE and now < expires_at + WAIT_FOR_STATION:
            self._agenda.put(reservation_id, now + RETRY)  # it may have been used, and be told when the station is back
            return
        try:
            await self._end(current, ReservationEnd.EXPIRED, expires_at)
        except StoreDownError as error:
            log.error("reservation not ended yet", reservation_id=reservation_id, reason=str(error))
            self._agenda.put(reservation_id, now + RETRY)
            return
        if current.is_doubtful:
            self._desk.spawn(self.let_go(current))

    async def _doubt_or_retry(self, current: Reservation) -> None:
        try:
            await self._doubt(current)
        except StoreDownError as error:
            log.error("reservation not settled yet", reservation_id=current.id, reason=str(error))
            self.doubt_soon(current.id)
            return
        self._unsaved.discard(current.id)
        self._agenda.put(current.id, current.booking.expires_at)
        self._desk.spawn(self.free(current.id))

    async def _withdraw(self, current: Reservation, at: datetime, reason: str) -> None:
        changes = await self.changes_on_end(current, ReservationEnd.WITHDRAWN, at)
        booking = current.booking
        if current.state is ReservationState.ACTIVE:
            callback = Callback(
                id=self._ids.new(),
                partner_id=current.partner_id,
                version=booking.version,
                kind=CallbackKind.RESERVE_NOW,
                response_url=booking.response_url,
                station_id=current.key.station_id,
                asked_at=at,
                deadline=at,
                sender=booking.sender,
                receiver=booking.receiver,
                correlation_id=booking.correlation_id,
                session_id=current.session_id,
            )
            await self._desk.callbacks.announce(callback, CANCELED_RESERVATION, message=reason, more=changes)
        else:
            await self._store.commit(changes)
        await self._on_ended(current, reason)

    async def _end(self, current: Reservation, how: ReservationEnd, at: datetime) -> None:
        await self._store.commit(await self.changes_on_end(current, how, at))
        await self._on_ended(current, how.value)

    async def _on_ended(self, current: Reservation, reason: str) -> None:
        log.info("reservation ended", reservation_id=current.id, session_id=current.session_id, reason=reason)
        await self._availability.refresh(current.key.station_id)

    async def changes_on_end(self, current: Reservation, how: ReservationEnd, at: datetime) -> list[Change]:
        """OCPI 2.3.0 mod_sessions 9.1.2: it becomes COMPLETED; a bill is made of it where it costs something."""
        over = replace(current, state=ENDS[how], ended_at=at, renewal=None)
        session = self.session_of(current)
        if session is None:
            return [SaveReservation(over)]
        now = self._clock.now()
        fact = Fact(
            kind=FactKind.RESERVATION_ENDED,
            key="reservation ended",
            at=max(at, session.ledger.started_at),
            at_raw="",
            received_at=now,
            message_id="",
            stop_reason=how.value,
        )
        ledger = fold_facts([*await self._store.load_facts(session.id), fact])
        ended = replace(session, status=SessionStatus.COMPLETED, ledger=ledger)
        waiver = find_waiver(ended)
        ended = replace(ended, seal_due_at=now if waiver is None else None, waiver=waiver)
        return [SaveReservation(over), SaveSession(ended, fact=fact)]

    # --- telling stations -----------------------------------------------------------------------------------------

    async def free(self, reservation_id: str) -> None:
        """Have a station let go of what it may keep without our knowing."""
        current = self._memory.reservations.get(reservation_id)
        if current is None or current.state is not ReservationState.UNANSWERED:
            return  # over, or asked for again meanwhile
        if not await self._tell_free(current):
            return

        async def settle() -> None:
            known = self._memory.reservations.get(reservation_id)
            if known is not None and known.state is ReservationState.UNANSWERED:
                await self._end(known, ReservationEnd.WITHDRAWN, self._clock.now())

        await self._mailboxes.run(current.key.station_id, settle)

    async def let_go(self, reservation: Reservation) -> None:
        """Have a station let go of what is over for us."""
        await self._tell_free(reservation)

    async def _tell_free(self, reservation: Reservation) -> bool:
        """Tell the station that a plug need not be kept; has it answered?"""
        if self._desk.stations.find_connection(reservation.key.station_id) is None:
            return False
        call = CancelReservationCall(no=reservation.no)
        reply = await self._desk.stations.send(reservation.key.station_id, call, timeout_s=CALL_TIMEOUT_S)
        return reply.outcome in (CallOutcomeKind.ANSWERED, CallOutcomeKind.CALL_ERROR)
