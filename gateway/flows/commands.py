"""What partners order of our stations (OCPI 2.2.1 mod_commands): kept, answered, done, and its result told once.

An order is saved before it is answered.  The station is asked outside of its mailbox, for its own messages must pass
meanwhile: the transaction that was ordered may come before the reply.  What the reply changes goes through the mailbox.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.core.aliases import alias_of, id_token_of
from gateway.core.awaited import await_transaction, give_up
from gateway.core.commands import (
    ACCEPTED,
    CONNECTOR_REQUIRED,
    EVSE_OCCUPIED,
    REJECTED,
    TIMEOUT,
    Refusal,
    Standing,
    check_owner,
    choose_evse,
    decide_stop,
    explain_failed_start,
    find_place,
    is_own_session,
    read_result,
)
from gateway.core.reservations import is_same_driver
from gateway.domain.callbacks import Callback
from gateway.domain.calls import CallReply, StartCall, StopCall, UnlockCall
from gateway.domain.commands import Asked, CommandAnswer, Order, ReserveOrder, StartOrder, StopOrder, UnlockOrder
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Connector, Evse, Place
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.sessions import Session, SessionStatus
from gateway.domain.tokens import AuthMethod
from gateway.errors import ConflictError, RevisionConflictError
from gateway.flows.mailbox import Mailboxes
from gateway.flows.masking import mask_uid
from gateway.flows.memory import Memory
from gateway.flows.order_desk import OrderDesk
from gateway.flows.partner_book import PartnerBook
from gateway.flows.remote_starts import RemoteStarts
from gateway.flows.reservations import Reservations
from gateway.flows.session_terms import SessionTerms
from gateway.ports import Change, Clock, Ids, SaveRemoteStart, SaveSession, Store

log = structlog.get_logger(__name__)

CARD_GOOD_FOR = timedelta(minutes=15)  # OCPI 2.2.1 mod_commands 13.3.3
KEPT_FOR = timedelta(days=7)
"""A transaction that began in time may be told late, by a station that was offline for a long weekend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRules:
    """`timeout_s`: by when a result is promised; `start_window_s`: how long after that a start may still happen."""

    timeout_s: int = 30
    start_window_s: int = 120


class CommandApi(Protocol):
    """What the edge to the partners needs."""

    async def order(self, asked: Asked, order: Order) -> CommandAnswer:
        """Take an order in: the answer given at once.  Raises WireError and StoreDownError."""


class Commands:
    """Takes orders, has them done, and says what became of them.  Implements CommandApi."""

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        partners: PartnerBook,
        mailboxes: Mailboxes,
        desk: OrderDesk,
        starts: RemoteStarts,
        reservations: Reservations,
        terms: SessionTerms,
        clock: Clock,
        ids: Ids,
        rules: CommandRules,
    ) -> None:
        self._store = store
        self._memory = memory
        self._partners = partners
        self._mailboxes = mailboxes
        self._desk = desk
        self._stations = desk.stations
        self._starts = starts
        self._reservations = reservations
        self._terms = terms
        self._clock = clock
        self._ids = ids
        self._rules = rules

    async def order(self, asked: Asked, order: Order) -> CommandAnswer:
        """Take an order in, see CommandApi."""
        self._desk.callbacks.check_response_url(asked.partner, order.response_url)
        if isinstance(order, StartOrder):
            refusal = await self._start(asked, order)
        elif isinstance(order, StopOrder):
            refusal = await self._stop(asked, order)
        elif isinstance(order, UnlockOrder):
            refusal = await self._unlock(asked, order)
        elif isinstance(order, ReserveOrder):
            refusal = await self._reservations.reserve(asked, order)
        else:
            refusal = await self._reservations.cancel(asked, order)
        return self._answer(asked, refusal)

    def _answer(self, asked: Asked, refusal: Refusal | None) -> CommandAnswer:
        if refusal is None:
            return CommandAnswer(result=ACCEPTED, timeout_s=self._rules.timeout_s)
        log.info("command refused", kind=asked.kind, partner_id=asked.partner.id, reason=refusal.reason)
        return CommandAnswer(
            result=refusal.result,
            timeout_s=self._rules.timeout_s,
            message=refusal.reason,
            is_location_known=refusal.is_location_known,
        )

    # --- START_SESSION --------------------------------------------------------------------------------------------

    async def _start(self, asked: Asked, order: StartOrder) -> Refusal | None:
        place = self._decide_start(asked, order)
        if isinstance(place, Refusal):
            return place
        assert place.connector.key is not None
        connection = self._stations.find_connection(place.connector.key.station_id)
        if connection is None:
            return Refusal(reason=f"the station of EVSE {place.evse.uid} is not connected")
        now, key = self._clock.now(), place.connector.key
        # The station lets start whom it keeps the plug for, under the name that it was told then.
        booked = self._reservations.find_booked(asked.partner.id, order.token, key)
        session_id = self._ids.new() if booked is None else booked.session_id
        callback = self._desk.callback(asked, order, key.station_id, place.location.party, session_id=session_id)
        starts_by = callback.deadline + timedelta(seconds=self._rules.start_window_s)
        known_until = max(starts_by, now + CARD_GOOD_FOR)
        start = RemoteStart(
            id=callback.id,
            session_id=session_id,
            partner_id=asked.partner.id,
            key=key,
            token=order.token,
            id_token=booked.booking.id_token
            if booked is not None and is_same_driver(booked.booking.token, order.token)
            else id_token_of(order.token, connection.id_tokens, alias_of(callback.id)),
            remote_start_id=await self._store.next_transaction_no(),
            asked_at=now,
            starts_by=starts_by,
            known_until=known_until,
            kept_until=known_until + KEPT_FOR,
            authorization_reference=order.authorization_reference
            or (None if booked is None else booked.booking.authorization_reference),
        )
        await self._desk.open(callback, SaveRemoteStart(start), token=mask_uid(order.token.uid))
        self._desk.spawn(self._run_start(callback, start))
        return None

    def _decide_start(self, asked: Asked, order: StartOrder) -> Place | Refusal:
        owner = self._partners.find_by_party(order.token.party)
        refusal = check_owner(order.token, asked.partner, asked.sender, None if owner is None else owner.id)
        if refusal is not None:
            return refusal
        location = self._desk.find_location(asked, order.location_id)
        evse_uid = order.evse_uid
        if location is not None and evse_uid is None and order.connector_id is None:
            evse_uid = self._reservations.find_evse_uid(asked.partner.id, order.token, location)
        if location is not None and evse_uid is None and order.connector_id is None:
            chosen = choose_evse(location, self._look)
            if chosen is None:
                return Refusal(reason=f"no EVSE of location {location.id} is free for a remote start now")
            evse_uid = chosen.uid
        place = find_place(location, evse_uid, order.connector_id, self._state_of)
        if isinstance(place, Place) and order.connector_id is None and CONNECTOR_REQUIRED in place.evse.capabilities:
            return Refusal(reason=f"EVSE {place.evse.uid} needs a connector_id to start")
        return place

    async def _run_start(self, callback: Callback, start: RemoteStart) -> None:
        if self._is_taken(start.key):
            reason = "another session goes on at this EVSE"
            await self._mailboxes.run(
                start.key.station_id, lambda: self._refuse(callback, start, EVSE_OCCUPIED, reason)
            )
            return
        call = StartCall(
            id_token=start.id_token,
            remote_start_id=start.remote_start_id,
            evse_no=start.key.evse_no,
            connector_no=start.key.connector_no,
            group_id=start.token.group_id,
        )
        reply = await self._desk.send(callback, call)
        await self._mailboxes.run(start.key.station_id, lambda: self._on_start_reply(callback, start, reply))

    async def _on_start_reply(self, callback: Callback, start: RemoteStart, reply: CallReply) -> None:
        """Fix the result; an accepted start is a session from now on, unless its transaction has come already.

        OCPI 2.2.1 mod_sessions 9.4.2 PENDING
        """
        word, reason = read_result(callback.kind, reply)
        if word != ACCEPTED:
            place = self._memory.find_place(start.key)
            evse = None if place is None else place.evse
            word = explain_failed_start(word, evse, is_taken=self._is_taken(start.key))
            if word == TIMEOUT:  # it may start yet
                await self._desk.finish(callback, word, reason)
            else:
                await self._refuse(callback, start, word, reason)
            return
        try:
            await self._desk.finish(callback, word, reason, *self._changes_on_accepted(start, reply))
        except (ConflictError, RevisionConflictError):  # the session has come by another way
            await self._desk.finish(callback, word, reason)

    async def _refuse(self, callback: Callback, start: RemoteStart, word: str, reason: str | None) -> None:
        """No transaction follows: one that comes belongs to another order of this driver, if there is one."""
        refused = replace(self._starts.find(start), is_refused=True)
        await self._desk.finish(callback, word, reason, SaveRemoteStart(refused))

    def _changes_on_accepted(self, start: RemoteStart, reply: CallReply) -> list[Change]:
        known = self._starts.find(start)
        has_come = known.used_by is not None or known.is_cancelled
        # A car that was plugged in first has its transaction already (OCPP 2.0.1 F01): that one becomes the session.
        runs_already = reply.transaction_id is not None or any(
            session.ledger.ended_at is None and session.id_token is None
            for session in self._memory.sessions_at_evse(start.key.station_id, start.key.evse_no)
        )
        if has_come or runs_already or start.session_id in self._memory.sessions:
            return []
        now = self._clock.now()
        superseded = [
            SaveSession(give_up(session, now), write_terms=True)
            for session in self._memory.awaited_sessions_of(start.key.station_id)
            if session.status is SessionStatus.PENDING and session.key.evse_no == start.key.evse_no
        ]
        return [*superseded, SaveSession(self._await(start, now), write_terms=True)]

    def _await(self, start: RemoteStart, now: datetime) -> Session:
        terms = replace(
            self._terms.find_terms(start.key, now, start.token),
            token=start.token,
            auth_method=AuthMethod.COMMAND,
            authorization_reference=start.authorization_reference,
        )
        return await_transaction(
            id_=start.session_id,
            key=start.key,
            status=SessionStatus.PENDING,
            terms=terms,
            id_token=start.id_token,
            partner_id=start.partner_id,
            at=now,
            until=start.starts_by,
            remote_start_id=str(start.remote_start_id),
        )

    # --- STOP_SESSION ---------------------------------------------------------------------------------------------

    async def _stop(self, asked: Asked, order: StopOrder) -> Refusal | None:
        known = self._memory.sessions.get(order.session_id) or await self._store.find_session(order.session_id)
        session = decide_stop(known, asked.partner, asked.sender)
        if isinstance(session, Refusal):
            return session
        station_id = session.key.station_id
        if not session.is_awaited and self._stations.find_connection(station_id) is None:
            return Refusal(reason="the station of this session is not connected")
        place = session.terms.place
        owner = None if place is None else place.location.party
        callback = self._desk.callback(asked, order, station_id, owner, session_id=session.id)
        await self._desk.open(callback)
        self._desk.spawn(self._run_stop(callback, session.id))
        return None

    async def _run_stop(self, callback: Callback, session_id: str) -> None:
        is_cancelled = await self._mailboxes.run(callback.station_id, lambda: self._cancel(callback, session_id))
        session = self._memory.sessions.get(session_id)
        if is_cancelled:
            return
        if session is None or session.transaction_id is None or session.ledger.ended_at is not None:
            await self._desk.finish(callback, REJECTED, "the session ended meanwhile")
            return
        reply = await self._desk.send(callback, StopCall(transaction_id=session.transaction_id))
        await self._desk.finish(callback, *read_result(callback.kind, reply))

    async def _cancel(self, callback: Callback, session_id: str) -> bool:
        """End a session whose transaction has not come; should it come yet, its driver is not let in."""
        session = self._memory.sessions.get(session_id)
        if session is None or not session.is_awaited:
            return False
        more: list[Change] = [SaveSession(give_up(session, self._clock.now()), write_terms=True)]
        start = self._starts.find_of_session(callback.station_id, session_id)
        if start is not None:
            more.append(SaveRemoteStart(replace(start, is_cancelled=True)))
        await self._desk.finish(callback, ACCEPTED, None, *more)
        return True

    # --- UNLOCK_CONNECTOR -----------------------------------------------------------------------------------------

    async def _unlock(self, asked: Asked, order: UnlockOrder) -> Refusal | None:
        location = self._desk.find_location(asked, order.location_id)
        place = find_place(location, order.evse_uid, order.connector_id, self._state_of)
        if isinstance(place, Refusal):
            return place
        assert place.connector.key is not None
        key = place.connector.key
        if self._stations.find_connection(key.station_id) is None:
            return Refusal(reason=f"the station of EVSE {place.evse.uid} is not connected")
        if not all(is_own_session(one, asked.partner, asked.sender) for one in self._open_sessions_at(key)):
            return Refusal(reason="somebody else's driver charges at this EVSE")
        callback = self._desk.callback(asked, order, key.station_id, place.location.party)
        await self._desk.open(callback)
        self._desk.spawn(self._run_unlock(callback, key))
        return None

    async def _run_unlock(self, callback: Callback, key: ConnectorKey) -> None:
        reply = await self._desk.send(callback, UnlockCall(evse_no=key.evse_no, connector_no=key.connector_no))
        await self._desk.finish(callback, *read_result(callback.kind, reply))

    # --- parts ----------------------------------------------------------------------------------------------------

    def _look(self, evse: Evse) -> Standing:
        keys = [plug.key for plug in evse.connectors if plug.key is not None]
        return Standing(
            is_connected=any(self._stations.find_connection(key.station_id) is not None for key in keys),
            is_taken=any(self._is_taken(key) or self._is_awaited(key) for key in keys),
        )

    def _state_of(self, plug: Connector) -> object:
        status = None if plug.key is None else self._memory.find_status(plug.key)
        return None if status is None else status.state

    def _is_taken(self, key: ConnectorKey) -> bool:
        return any(session.id_token is not None for session in self._open_sessions_at(key))

    def _is_awaited(self, key: ConnectorKey) -> bool:
        awaited = self._memory.awaited_sessions_of(key.station_id)
        return any(session.key.evse_no == key.evse_no for session in awaited)

    def _open_sessions_at(self, key: ConnectorKey) -> list[Session]:
        """An EVSE serves one car at a time."""
        sessions = self._memory.sessions_at_evse(key.station_id, key.evse_no)
        return [session for session in sessions if session.ledger.ended_at is None]
