"""Plugs that are kept for drivers (OCPI mod_commands RESERVE_NOW and CANCEL_RESERVATION).

A reservation is saved before its station is asked; when the station has accepted it, it is a session.  What changes it
passes the station's mailbox.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from gateway.core.aliases import alias_of, id_token_of
from gateway.core.awaited import await_transaction
from gateway.core.commands import (
    ACCEPTED,
    REJECTED,
    TIMEOUT,
    UNKNOWN_RESERVATION,
    Refusal,
    check_owner,
    read_result,
)
from gateway.core.reservation_limits import ReservationLimits, check_limits
from gateway.core.reservations import (
    Choice,
    authorization_of_booking,
    choose_plug,
    decide_renewal,
    find_for_token,
    find_known,
    find_unanswered,
    is_same_driver,
    reserve_call_of,
)
from gateway.core.sessions import fold_facts
from gateway.core.topology import topology_key
from gateway.domain.callbacks import Callback
from gateway.domain.calls import CallOutcomeKind, CallReply, CancelReservationCall
from gateway.domain.commands import Asked, CancelReservationOrder, ReserveOrder
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import EvseStatus, Location
from gateway.domain.reservations import Booking, Reservation, ReservationState
from gateway.domain.sessions import Fact, FactKind, ReservationEnd, Session, SessionStatus
from gateway.domain.stations import ConnectorState
from gateway.domain.tokens import Token
from gateway.errors import RevisionConflictError
from gateway.flows.availability import Availability
from gateway.flows.mailbox import Mailboxes
from gateway.flows.masking import mask_uid
from gateway.flows.memory import Memory
from gateway.flows.order_desk import OrderDesk
from gateway.flows.partner_book import PartnerBook
from gateway.flows.reservation_ends import ReservationEnds
from gateway.flows.session_terms import SessionTerms
from gateway.ports import Change, Clock, Ids, SaveReservation, SaveSession, Store

log = structlog.get_logger(__name__)


class Reservations:
    """Takes orders and has them done; `ends` is who ends what was made of them."""

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        partners: PartnerBook,
        mailboxes: Mailboxes,
        desk: OrderDesk,
        terms: SessionTerms,
        availability: Availability,
        ends: ReservationEnds,
        clock: Clock,
        ids: Ids,
        limits: ReservationLimits,
    ) -> None:
        self._store = store
        self._memory = memory
        self._partners = partners
        self._mailboxes = mailboxes
        self._desk = desk
        self._terms = terms
        self._availability = availability
        self._ends = ends
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._ordering = asyncio.Lock()

    # --- RESERVE_NOW ----------------------------------------------------------------------------------------------

    async def reserve(self, asked: Asked, order: ReserveOrder) -> Refusal | None:
        """Take an order in; None: it is kept, and its result will be told.  Raises StoreDownError."""
        async with self._ordering:  # two orders with one id must not become two reservations
            try:
                return await self._reserve(asked, order)
            except RevisionConflictError:  # it was just used, or ended
                return Refusal(reason=f"reservation {order.reservation_id} has just changed: try again")

    async def _reserve(self, asked: Asked, order: ReserveOrder) -> Refusal | None:
        owner = self._partners.find_by_party(order.token.party)
        refusal = check_owner(order.token, asked.partner, asked.sender, None if owner is None else owner.id)
        if refusal is not None:
            return refusal
        now = self._clock.now()
        if order.expires_at <= now:
            return Refusal(reason=f"expiry_date {order.expires_at.isoformat()} has passed")
        location = self._desk.find_location(asked, order.location_id)
        if location is None:
            return Refusal(reason="there is no such location here", is_location_known=False)
        known = find_known(self._memory.reservations.values(), asked.partner, order.token.party, order.reservation_id)
        choice = self._choose(location, order, known)
        if isinstance(choice, Refusal):
            return choice
        refusal = (None if known is None else decide_renewal(known, location.id, choice)) or check_limits(
            self._limits,
            order,
            asked.partner,
            location,
            choice,
            known=known,
            live=self._memory.reservations.values(),
            now=now,
        )
        if refusal is not None:
            return refusal
        connection = self._desk.stations.find_connection(choice.key.station_id)
        if connection is None:
            return Refusal(reason=f"the station of EVSE {choice.evse.uid} is not connected")
        new_id = self._ids.new()
        id_token = id_token_of(order.token, connection.id_tokens, alias_of(new_id))
        reference = order.authorization_reference
        if known is not None:
            reference = reference or known.booking.authorization_reference
            if is_same_driver(known.booking.token, order.token):
                id_token = known.booking.id_token
        booking = Booking(
            response_url=order.response_url,
            version=asked.version,
            token=order.token,
            id_token=id_token,
            expires_at=order.expires_at,
            evse_uid=choice.evse.uid,
            key=choice.key,
            authorization_reference=reference,
            sender=asked.sender or order.token.party,
            receiver=asked.receiver or location.party,
            correlation_id=asked.correlation_id,
        )
        near = self._memory.reservations_of(choice.key.station_id)
        lost = find_unanswered(near, asked.partner, order.token.party, order.reservation_id)
        if known is not None:
            reservation = replace(known, renewal=booking)
        elif lost is not None:  # under the same number, which replaces what the station may keep
            reservation = replace(
                lost, state=ReservationState.ASKED, booking=booking, location_id=location.id, asked_at=now
            )
        else:
            reservation = Reservation(
                id=new_id,
                no=await self._store.next_transaction_no(),
                partner_id=asked.partner.id,
                reservation_id=order.reservation_id,
                location_id=location.id,
                session_id=self._ids.new(),
                booking=booking,
                asked_at=now,
            )
        callback = self._desk.callback(
            asked, order, choice.key.station_id, location.party, session_id=reservation.session_id
        )
        await self._open(callback, reservation, known or lost)
        self._desk.spawn(self._run_reserve(callback, reservation, booking))
        return None

    async def _open(self, callback: Callback, reservation: Reservation, before: Reservation | None) -> None:
        """Keep the order.  Raises RevisionConflictError if what it is to change is no more as it was `before`."""
        token = mask_uid((reservation.renewal or reservation.booking).token.uid)

        async def keep() -> None:
            if before is not None and self._memory.reservations.get(before.id) != before:
                raise RevisionConflictError(f"reservation {before.id} has changed meanwhile")
            await self._desk.open(callback, SaveReservation(reservation), token=token)

        if before is None:  # nobody else knows it
            await keep()
        else:
            await self._mailboxes.run(before.key.station_id, keep)

    def _choose(self, location: Location, order: ReserveOrder, known: Reservation | None) -> Choice | Refusal:
        """A renewal that names no EVSE is of the one that is kept."""
        evse_uid = order.evse_uid
        if evse_uid is None and known is not None and known.location_id == location.id:
            evse_uid = known.booking.evse_uid
        choice = choose_plug(
            location,
            evse_uid,
            is_connected=lambda station_id: self._desk.stations.find_connection(station_id) is not None,
            is_free=self._is_free,
        )
        if isinstance(choice, Choice) and known is not None and choice.evse.uid == known.booking.evse_uid:
            return replace(choice, key=known.key)
        return choice

    def _is_free(self, key: ConnectorKey) -> bool:
        place, status = self._memory.find_place(key), self._memory.find_status(key)
        if place is None or place.evse.status is not EvseStatus.AVAILABLE:
            return False
        is_plug_free = status is None or status.state is ConnectorState.AVAILABLE
        awaited = self._memory.awaited_sessions_of(key.station_id)
        kept = self._memory.reservations_of(key.station_id)
        is_kept = any(session.key.evse_no == key.evse_no for session in awaited)
        return is_plug_free and not is_kept and not any(one.key.evse_no == key.evse_no for one in kept)

    async def _run_reserve(self, callback: Callback, reservation: Reservation, booking: Booking) -> None:
        try:
            reply = await self._desk.send(callback, reserve_call_of(reservation, booking))
            await self._mailboxes.run(
                booking.key.station_id, lambda: self._on_reserve_reply(callback, reservation.id, booking, reply)
            )
        except Exception:
            self._ends.doubt_soon(reservation.id)
            raise

    async def _on_reserve_reply(
        self, callback: Callback, reservation_id: str, booking: Booking, reply: CallReply
    ) -> None:
        word, reason = read_result(callback.kind, reply)
        current = self._memory.reservations.get(reservation_id)
        if word == ACCEPTED and current is not None and self._desk.callbacks.find_open(callback.id) is None:
            word = TIMEOUT  # that is what the partner was told
        if current is None:  # used, or over, before the reply
            over = await self._store.find_reservation(reservation_id)
            # A renewal that the station took after the use is a reservation of its own there.
            is_its_use = over is not None and over.state is ReservationState.USED and over.booking == booking
            if word == ACCEPTED and over is not None and not is_its_use:
                word, reason = REJECTED, f"the reservation ended meanwhile, it is {over.state}"
                self._desk.spawn(self._ends.let_go(over))
            await self._desk.finish(callback, word, reason)
            return
        is_renewal = current.renewal is not None
        if word == ACCEPTED:
            changes = self._renewed(current, booking) if is_renewal else self._accepted(current, booking)
        elif word == TIMEOUT:
            doubtful = replace(current, renewal=None, is_doubtful=True)
            unanswered = replace(current, state=ReservationState.UNANSWERED)
            changes = [SaveReservation(doubtful if is_renewal else unanswered)]
        else:
            refused = replace(current, state=ReservationState.REFUSED, ended_at=self._clock.now())
            changes = [SaveReservation(replace(current, renewal=None) if is_renewal else refused)]
        await self._desk.finish(callback, word, reason, *changes)
        await self._availability.refresh(booking.key.station_id)
        if word == TIMEOUT and not is_renewal:
            self._desk.spawn(self._ends.free(reservation_id))

    def _accepted(self, current: Reservation, booking: Booking) -> list[Change]:
        """OCPI 2.3.0 mod_sessions 9.1.2: a reservation is a session, from the moment at which the station has it."""
        now = self._clock.now()
        active = replace(current, state=ReservationState.ACTIVE, reserved_at=now)
        fact = Fact(
            kind=FactKind.RESERVED, key="reserved", at=now, at_raw="", received_at=now, message_id="", trigger=None
        )
        session = await_transaction(
            id_=current.session_id,
            key=booking.key,
            status=SessionStatus.RESERVATION,
            terms=self._terms.find_terms(self._plug_of(booking.key), now, booking.token),
            id_token=booking.id_token,
            partner_id=current.partner_id,
            at=now,
            until=booking.expires_at,
        )
        session = self._of_driver(replace(session, seal_due_at=None, ledger=fold_facts([fact])), active)
        log.info(
            "plug reserved",
            reservation_id=current.id,
            session_id=session.id,
            station_id=booking.key.station_id,
            evse_no=booking.key.evse_no,
            until=booking.expires_at.isoformat(),
        )
        return [SaveReservation(active), SaveSession(session, write_terms=True, fact=fact)]

    def _renewed(self, current: Reservation, booking: Booking) -> list[Change]:
        renewed = replace(current, booking=booking, renewal=None, is_doubtful=False)
        changes: list[Change] = [SaveReservation(renewed)]
        session = self._ends.session_of(current)
        if session is not None:
            if session.key != booking.key:
                terms = self._terms.find_terms(self._plug_of(booking.key), session.ledger.started_at, booking.token)
                session = replace(session, key=booking.key, terms=terms)
            changed = replace(self._of_driver(session, renewed), id_token=booking.id_token)
            changes.append(SaveSession(changed, write_terms=True))
        return changes

    def _of_driver(self, session: Session, reservation: Reservation) -> Session:
        identified = self._terms.identify(session, session.id_token, authorization_of_booking(reservation))
        return replace(identified, status=SessionStatus.RESERVATION)

    def _plug_of(self, key: ConnectorKey) -> ConnectorKey:
        """One whose price counts until the driver has chosen his."""
        if key.connector_no:
            return key
        known = self._memory.connector_nos(key.station_id, key.evse_no)
        return topology_key(key.station_id, key.evse_no, known[0] if known else 1)

    def find_booked(self, partner_id: str, token: Token, key: ConnectorKey) -> Reservation | None:
        """The reservation by which a driver has this plug."""
        return find_for_token(self._memory.reservations_of(key.station_id), partner_id, token, key)

    def find_evse_uid(self, partner_id: str, token: Token, location: Location) -> str | None:
        """The EVSE that is kept for a driver at a location."""
        live = [one for one in self._memory.reservations.values() if one.location_id == location.id]
        found = find_for_token(live, partner_id, token)
        return None if found is None else found.booking.evse_uid

    # --- CANCEL_RESERVATION ---------------------------------------------------------------------------------------

    async def cancel(self, asked: Asked, order: CancelReservationOrder) -> Refusal | None:
        """Take an order in, as `reserve` does.  Ids are an eMSP's own: those of others are not known to it."""
        known = find_known(self._memory.reservations.values(), asked.partner, asked.sender, order.reservation_id)
        if known is None:
            callback = self._desk.callback(asked, order, "", None)
            await self._desk.open(callback)
            reason = f"no reservation {order.reservation_id} is kept"
            self._desk.spawn(self._desk.finish(callback, UNKNOWN_RESERVATION, reason))  # after the answer
            return None
        if known.state is ReservationState.ASKED or known.renewal is not None:
            return Refusal(reason=f"the station has not answered yet about reservation {order.reservation_id}")
        station_id = known.key.station_id
        if self._desk.stations.find_connection(station_id) is None:
            return Refusal(reason=f"the station of EVSE {known.booking.evse_uid} is not connected")
        callback = self._desk.callback(asked, order, station_id, known.booking.receiver, session_id=known.session_id)
        await self._desk.open(callback)
        self._desk.spawn(self._run_cancel(callback, known))
        return None

    async def _run_cancel(self, callback: Callback, reservation: Reservation) -> None:
        reply = await self._desk.send(callback, CancelReservationCall(no=reservation.no))
        await self._mailboxes.run(callback.station_id, lambda: self._on_cancel_reply(callback, reservation.id, reply))

    async def _on_cancel_reply(self, callback: Callback, reservation_id: str, reply: CallReply) -> None:
        """A station that does not know it does not keep it either."""
        word, reason = read_result(callback.kind, reply)
        current = self._memory.reservations.get(reservation_id)
        if current is None or reply.outcome is not CallOutcomeKind.ANSWERED:
            await self._desk.finish(callback, word, reason)
            return
        changes = await self._ends.changes_on_end(current, ReservationEnd.CANCELED, self._clock.now())
        await self._desk.finish(callback, word, reason, *changes)
        await self._availability.refresh(callback.station_id)
