"""What stations tell of transactions becomes sessions.

Stations repeat, reorder, forget and invent; so a message is matched to its session, made a fact, and the fact folded
in:
by one step if it comes in order, else anew over all facts of the store.  Facts and session are saved in one Work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.core.sessions import begin_ledger, extend_ledger, fold_facts, is_in_order
from gateway.domain.events import TransactionAnswer, TransactionReported
from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.locations import Connector
from gateway.domain.sessions import Fact, FactKind, Ledger, Session, SessionStatus, Terms
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import Authorization, AuthStatus
from gateway.errors import RevisionConflictError
from gateway.flows.authorization import Authorizer
from gateway.flows.memory import Memory
from gateway.ports import AppendFact, Change, Clock, Ids, SaveLateFact, SaveSession, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRules:
    """Seconds between the end of a session and its CDR, and until a session that never ends is given up."""

    seal_after_s: float = 5
    gap_wait_s: float = 3_600
    ghost_after_s: float = 86_400


class Transactions:
    """Turns TransactionReported into facts and sessions.  Call it from the station's mailbox only."""

    def __init__(
        self, store: Store, memory: Memory, clock: Clock, ids: Ids, authorizer: Authorizer, rules: SealRules
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._authorizer = authorizer
        self._rules = rules

    async def on_transaction(self, event: TransactionReported) -> TransactionAnswer:
        """Take in one message; returns once it is durable.  Raises StoreDownError."""
        try:
            return await self._take(event)
        except RevisionConflictError:
            # the store knows better: load_session refreshed memory, run once more (design: Conflict reloads and runs
            # once)
            await self._reload(event)
            return await self._take(event)

    async def _take(self, event: TransactionReported) -> TransactionAnswer:
        session = await self._find(event)
        if session is None:
            return await self._begin_or_keep(event)
        if event.kind is FactKind.STARTED and event.seq_no is None:
            # a StartTransaction sent again (1.6): the same answer, no second session
            return await self._answer(event, session.transaction_id)
        if session.sealed_cdr_id is not None:
            return await self._keep_late(event, session, "the session was billed already")
        return await self._add(event, session)

    # --- finding the session -----------------------------------------------------------------------------------

    async def _find(self, event: TransactionReported) -> Session | None:
        station_id, transaction_id = event.receipt.station_id, event.transaction_id
        if event.kind is FactKind.STARTED and transaction_id is None:
            start_key = start_key_of(event)
            return self._memory.find_start(start_key) or await self._store.find_session_by_start(start_key)
        if transaction_id is not None:
            session = self._memory.find_transaction(station_id, transaction_id)
            if session is None:
                session = await self._store.find_session_by_transaction(station_id, transaction_id)
            if session is not None or event.seq_no is not None:
                return session
        if event.kind is FactKind.METERED:
            return self._find_at_plug(event)
        return self._find_by_driver(event) if event.kind is FactKind.ENDED else None

    def _find_at_plug(self, event: TransactionReported) -> Session | None:
        """Readings without a usable transaction id belong to the session at that plug at that time, if there is one."""
        if event.evse_no is None:
            return None
        sessions = self._memory.sessions_at(self._key_of(event))
        return next((session for session in reversed(sessions) if _spans(session.ledger, event.at)), None)

    def _find_by_driver(self, event: TransactionReported) -> Session | None:
        """A stop with an unknown id (-1: the station never got one): the one session of this card that fits, never a
        guess."""
        if event.id_token is None:
            return None
        uid = event.id_token.value.casefold()
        fitting = [
            session
            for session in self._memory.open_sessions_of_station(event.receipt.station_id)
            if session.id_token is not None
            and session.id_token.value.casefold() == uid
            and _spans(session.ledger, event.at)
        ]
        return fitting[0] if len(fitting) == 1 else None

    # --- beginning -----------------------------------------------------------------------------------------------

    async def _begin_or_keep(self, event: TransactionReported) -> TransactionAnswer:
        if event.kind is FactKind.STARTED or event.seq_no is not None:
            return await self._begin(event)
        if event.transaction_id is None and event.kind is FactKind.METERED:
            return TransactionAnswer(transaction_id=None)  # clock-aligned readings of an idle plug
        fact = fact_of(event)
        reason = f"no session has transaction id {event.transaction_id} and none fits by card and time"
        await self._store.commit([SaveLateFact(event.receipt.station_id, None, fact, reason)])
        log.warning("fact without session kept", station_id=event.receipt.station_id, transaction=event.transaction_id)
        return await self._answer(event, event.transaction_id)

    async def _begin(self, event: TransactionReported) -> TransactionAnswer:
        transaction_id = event.transaction_id
        if transaction_id is None:
            transaction_id = str(await self._store.next_transaction_no())
        authorization = None if event.id_token is None else await self._authorizer.decide(event.id_token)
        fact = fact_of(event)
        key = self._key_of(event)
        session = Session(
            id=self._ids.new(),
            key=key,
            transaction_id=transaction_id,
            start_key=start_key_of(event),
            status=SessionStatus.PENDING,
            ledger=begin_ledger(fact),
            terms=self._terms_at(key, fact.at),
            remote_start_id=event.remote_start_id,
            last_updated=self._clock.now(),
        )
        session = _identify(session, event, authorization)
        session = self._schedule(_end(session), self._clock.now())
        await self._store.commit([SaveSession(session, write_terms=True), AppendFact(session.id, fact)])
        log.info(
            "session started",
            session_id=session.id,
            station_id=key.station_id,
            evse_no=key.evse_no,
            transaction_id=transaction_id,
            status=session.status,
            reason=None if authorization is None else authorization.reason,
        )
        return TransactionAnswer(transaction_id=transaction_id, authorization=authorization)

    def _key_of(self, event: TransactionReported) -> ConnectorKey:
        """The plug; where an event names the EVSE alone it is the EVSE's only plug, or its first."""
        evse_no = event.evse_no or 0
        connector_no = event.connector_no
        if connector_no is None:
            known = self._memory.connector_nos(event.receipt.station_id, evse_no)
            connector_no = known[0] if known else 1 if evse_no else 0
        return ConnectorKey(station_id=event.receipt.station_id, evse_no=evse_no, connector_no=connector_no)

    def _terms_at(self, key: ConnectorKey, at: datetime) -> Terms:
        place = self._memory.find_place(key)
        tariff = None if place is None else self.find_tariff(place.connector, at)
        return Terms(place=place, tariff=tariff)

    def find_tariff(self, connector: Connector, at: datetime) -> Tariff | None:
        """The tariff of a plug for a driver with a contract, valid at that time; the first that is."""
        tariffs = [
            self._memory.tariffs[tariff_id] for tariff_id in connector.tariff_ids if tariff_id in self._memory.tariffs
        ]
        for tariff in tariffs:
            is_valid = (tariff.start_at is None or tariff.start_at <= at) and (
                tariff.end_at is None or at < tariff.end_at
            )
            if is_valid and tariff.type in (None, "REGULAR"):
                return tariff
        return None

    # --- going on ------------------------------------------------------------------------------------------------

    async def _add(self, event: TransactionReported, session: Session) -> TransactionAnswer:
        fact = fact_of(event)
        is_new_driver = event.id_token is not None and session.id_token is None
        moves = event.kind is FactKind.STARTED or (session.key.evse_no == 0 and event.evse_no is not None)
        if not is_new_driver and not moves and is_in_order(session.ledger, fact):
            ledger = extend_ledger(session.ledger, fact)
        else:
            if await self._store.has_fact(session.id, fact.key):
                return await self._answer(event, session.transaction_id)
            if event.kind is FactKind.ENDED and _has_ended(session.ledger):
                return await self._keep_late(event, session, "the session has ended already")
            facts = await self._store.load_facts(session.id)
            ledger = fold_facts([*facts, fact])
        authorization = await self._authorizer.decide(event.id_token) if event.id_token is not None else None
        changed = replace(session, ledger=ledger)
        if is_new_driver:
            changed = _identify(changed, event, authorization)
        if moves and event.evse_no is not None:
            changed = self._move(changed, self._key_of(event))
        if ledger.ended_at is not None:
            changed = self._schedule(_end(changed), self._clock.now())
        write_terms = is_new_driver or moves
        await self._store.commit([SaveSession(changed, write_terms=write_terms), AppendFact(session.id, fact)])
        if ledger.ended_at is not None and session.ledger.ended_at is None:
            log.info("session ended", session_id=session.id, energy_wh=str(ledger.energy_wh), status=changed.status)
        return TransactionAnswer(transaction_id=session.transaction_id, authorization=authorization)

    def _move(self, session: Session, key: ConnectorKey) -> Session:
        """The first events did not say where: now it is known."""
        if session.key == key:
            return session
        terms = self._terms_at(key, session.ledger.started_at)
        return replace(session, key=key, terms=replace(session.terms, place=terms.place, tariff=terms.tariff))

    def _schedule(self, session: Session, now: datetime) -> Session:
        """When to make the CDR: a moment after a 1.6 stop, at once where numbered events have no gap, else later."""
        ledger = session.ledger
        if ledger.ended_at is None or session.status is not SessionStatus.COMPLETED:
            return session
        wait_s = self._rules.seal_after_s
        if ledger.seq_min is not None:
            wait_s = self._rules.gap_wait_s if ledger.has_gap else 0
        return replace(session, seal_due_at=now + timedelta(seconds=wait_s))

    async def _keep_late(self, event: TransactionReported, session: Session, reason: str) -> TransactionAnswer:
        """Facts after the seal never alter a CDR: they are kept and listed; a repetition is nothing new."""
        fact = fact_of(event)
        if not await self._store.has_fact(session.id, fact.key):
            await self._store.commit([SaveLateFact(event.receipt.station_id, session.id, fact, reason)])
            log.warning("late fact kept", session_id=session.id, station_id=event.receipt.station_id, reason=reason)
        return await self._answer(event, session.transaction_id)

    async def _answer(self, event: TransactionReported, transaction_id: str | None) -> TransactionAnswer:
        authorization = None if event.id_token is None else await self._authorizer.decide(event.id_token)
        return TransactionAnswer(transaction_id=transaction_id, authorization=authorization)

    async def _reload(self, event: TransactionReported) -> None:
        session = await self._find(event)
        fresh = None if session is None else await self._store.find_session(session.id)
        if fresh is not None:
            self._memory.put_session(fresh)

    # --- other facts -----------------------------------------------------------------------------------------------

    async def changes_on_fact(self, session: Session, fact: Fact) -> Sequence[Change]:
        """The changes that add a fact known from elsewhere (a plug's status) to a session; none if it is known
        already."""
        if is_in_order(session.ledger, fact):
            ledger = extend_ledger(session.ledger, fact)
        else:
            if await self._store.has_fact(session.id, fact.key):
                return ()
            ledger = fold_facts([*await self._store.load_facts(session.id), fact])
        return SaveSession(replace(session, ledger=ledger)), AppendFact(session.id, fact)

    async def abandon(self, session: Session, now: datetime) -> None:
        """Give up waiting for a stop: the session ends with its last fact, flagged."""
        at = session.ledger.last_at
        fact = Fact(
            kind=FactKind.ABANDONED, key="abandoned", at=at, at_raw="", received_at=now, message_id="", stop_reason=None
        )
        ledger = fold_facts([*await self._store.load_facts(session.id), fact])
        ended = _end(replace(session, ledger=ledger))
        if ended.status is SessionStatus.COMPLETED:
            ended = replace(ended, seal_due_at=now)
        await self._store.commit([SaveSession(ended), AppendFact(session.id, fact)])
        log.warning("session abandoned", session_id=session.id, station_id=session.key.station_id)


def fact_of(event: TransactionReported) -> Fact:
    """The event as a fact.  The key is by number and time in OCPP 2.x, by content in 1.6: a repetition has the same."""
    receipt = event.receipt
    return Fact(
        kind=event.kind,
        key=receipt.digest if event.seq_no is None else f"{event.seq_no}:{event.kind}:{event.at_raw}",
        at=event.at,
        at_raw=event.at_raw,
        received_at=receipt.received_at,
        message_id=receipt.message_id,
        seq_no=event.seq_no,
        readings=event.readings,
        charging_state=event.charging_state,
        id_token=event.id_token,
        trigger=event.trigger,
        stop_reason=event.stop_reason,
        offline=event.offline,
        flags=event.flags,
    )


def start_key_of(event: TransactionReported) -> str:
    """By which a start that is sent again is known: all that a station repeats, nothing that it may change."""
    station = station_key(event.receipt.station_id)
    if event.transaction_id is not None:
        return f"{station}|{event.transaction_id}"
    meter_start = next((reading.value for reading in event.readings), None)
    uid = "" if event.id_token is None else event.id_token.value.casefold()
    return f"{station}|{event.evse_no}|{event.connector_no}|{uid}|{event.at_raw}|{meter_start}"


def _identify(session: Session, event: TransactionReported, authorization: Authorization | None) -> Session:
    """The session of this driver.  A refused one goes on as INVALID: it is recorded, nobody is told of it."""
    if authorization is None:
        return session
    is_accepted = authorization.status is AuthStatus.ACCEPTED
    token = authorization.token
    terms = replace(
        session.terms,
        token=token,
        auth_method=authorization.auth_method,
        authorization_reference=authorization.authorization_reference,
    )
    return replace(
        session,
        status=SessionStatus.ACTIVE if is_accepted else SessionStatus.INVALID,
        id_token=event.id_token,
        partner_id=None if token is None else token.partner_id,
        terms=terms,
    )


def _end(session: Session) -> Session:
    if session.ledger.ended_at is None or session.status is SessionStatus.INVALID:
        return session
    if session.id_token is None:  # it never got a driver
        return replace(session, status=SessionStatus.INVALID)
    return replace(session, status=SessionStatus.COMPLETED)


def _has_ended(ledger: Ledger) -> bool:
    return ledger.ended_at is not None and "abandoned" not in ledger.flags


def _spans(ledger: Ledger, at: datetime) -> bool:
    return ledger.started_at <= at and (ledger.ended_at is None or at <= ledger.ended_at)
