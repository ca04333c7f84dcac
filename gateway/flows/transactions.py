"""What stations tell of transactions becomes sessions.

Stations repeat, reorder, forget and invent; so a message is matched to its session, made a fact, and the fact folded
in: by one step if it comes in order, else anew over all facts of the store.  Facts and session are saved in one Work.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.core.awaited import adopt, awaited_key, give_up, new_session
from gateway.core.cdrs import price_cuts_of
from gateway.core.drivers import authorization_of, end_session, is_refused, takes_over, was_ordered
from gateway.core.facts import fact_of, is_same_token, start_key_of
from gateway.core.sessions import extend_ledger, fold_facts, is_in_order, is_new
from gateway.domain.events import TransactionAnswer, TransactionReported
from gateway.domain.ids import ConnectorKey
from gateway.domain.quick import copier, quick
from gateway.domain.sessions import Fact, FactKind, Ledger, Session, SessionStatus, Terms
from gateway.domain.tokens import Authorization, AuthStatus
from gateway.errors import ConflictError, RevisionConflictError, StoreDownError
from gateway.flows.authorization import Authorizer
from gateway.flows.expected import AllExpected, Expectations, Expected
from gateway.flows.inquiries import Inquiry, Shown
from gateway.flows.memory import Memory
from gateway.flows.session_terms import SealRules, SessionTerms, tells_place
from gateway.flows.transaction_answers import CostsTold, Saving
from gateway.ports import Change, Clock, Ids, SaveLateFact, SaveSession, Store

log = structlog.get_logger(__name__)

REPLAYED = timedelta(seconds=10)
"""Readings so much older than their receipt come out of a queue: their session may have been billed already."""

_with_ledger = copier(Session, Session, "ledger")
_STARTED, _METERED, _ENDED = FactKind.STARTED, FactKind.METERED, FactKind.ENDED  # see domain.sessions
_save_session = quick(SaveSession)


class Transactions:
    """Turns TransactionReported into facts and sessions.  Call it from the station's mailbox only."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        clock: Clock,
        ids: Ids,
        authorizer: Authorizer,
        rules: SealRules,
        expectations: Expectations | None = None,
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._authorizer = authorizer
        self._expectations = expectations or AllExpected()
        self.terms = SessionTerms(memory, rules)
        self._costs = CostsTold(rules.cost_interval_s)

    async def on_transaction(self, event: TransactionReported) -> TransactionAnswer:
        """Take in one message; returns once it is durable.  Raises StoreDownError."""
        try:
            step = self._find_step(event)
            if step is None:
                return await self._take(event)
            await self._store.commit((step,))
            saved = self._memory.sessions.get(step.session.id, step.session)
            return self._costs.answer(saved, event.seq_no, event.receipt.received_at)
        except (RevisionConflictError, ConflictError):
            # The store knows better than memory, or what a cancelled job had written is stored by now: once more.
            session = await self._find(event)
            if session is not None:
                await self.reload(session.id)
            return await self._take(event)

    def begin(self, event: TransactionReported, then: Callable[[TransactionAnswer | Exception], None]) -> bool:
        """Begin to take in a message that only goes on with its session, as almost all do; False for any other.

        `then` gets what `on_transaction` would return or raise, once the message is durable or it is clear that it is
        not; a conflict among that is for `on_transaction` to solve.
        """
        step = self._find_step(event)
        if step is None:
            return False

        saving = Saving(self._costs, self._memory, step.session, event, then)
        try:
            self._store.commit_then((step,), saving.on_saved)
        except StoreDownError:
            return False
        return True

    async def reload(self, session_id: str) -> None:
        """Bring a session in memory up to what the store has."""
        session = await self._store.find_session(session_id)
        if session is not None:
            self._memory.put_session(session)

    def _find_step(self, event: TransactionReported) -> SaveSession | None:
        """What to save for a message that only goes on with its session, as almost all do; None for any other."""
        session = self._find_in_memory(event)
        kind = event.kind
        if session is None or kind is _STARTED or kind is _ENDED or event.id_token is not None:
            return None
        if tells_place(event, session):
            return None
        ledger, fact = session.ledger, fact_of(event)
        if session.sealed_cdr_id is not None or not is_new(ledger, fact) or not is_in_order(ledger, fact):
            return None
        changed = extend_ledger(ledger, fact, price_cuts_of(session.terms))
        return _save_session(session, fact=fact, ledger=changed)

    async def _take(self, event: TransactionReported) -> TransactionAnswer:
        session = self._find_in_memory(event) or await self._find(event)
        if session is None:
            return await self._begin_or_keep(event)
        if event.kind is FactKind.STARTED and event.seq_no is None:
            # a StartTransaction sent again (1.6): the same answer, no second session
            return await self._answer_again(event, session)
        fact = fact_of(event)
        if session.sealed_cdr_id is not None:
            return await self._keep_late(event, session, fact, "the session was billed already")
        return await self._amend(event, session, fact)

    # --- finding the session -----------------------------------------------------------------------------------

    def _find_in_memory(self, event: TransactionReported) -> Session | None:
        """The session of almost every message: it goes on, and its id is known."""
        if event.transaction_id is None:
            return None
        session = self._memory.find_transaction(event.receipt.station_id, event.transaction_id)
        if session is None or event.seq_no is not None or event.kind is not _METERED:
            return session
        return session if _reaches(session.ledger, event.at) else None

    async def _find(self, event: TransactionReported) -> Session | None:
        station_id, transaction_id = event.receipt.station_id, event.transaction_id
        if event.kind is FactKind.STARTED and transaction_id is None:
            start_key = start_key_of(event)
            return self._memory.find_start(start_key) or await self._store.find_session_by_start(start_key)
        session = None
        if transaction_id is not None:
            session = self._memory.find_transaction(station_id, transaction_id)
            if session is None:
                session = await self._store.find_session_by_transaction(station_id, transaction_id)
        if event.seq_no is not None:
            return session
        if event.kind is FactKind.METERED and not (session is not None and _reaches(session.ledger, event.at)):
            # no id, an unknown one, or that of an earlier session (seen: stations that go on with the old id)
            return await self._find_at_plug(event) or session
        if event.kind is FactKind.ENDED and session is None:
            return self._find_by_driver(event)
        return session

    async def _find_at_plug(self, event: TransactionReported) -> Session | None:
        """The session at that plug at that time, if there is one.  EVSE 0 is the main meter and nobody's."""
        station_id, evse_no = event.receipt.station_id, event.evse_no
        if not evse_no:
            return None
        key = self.terms.find_key(event)
        if event.connector_no is None:
            sessions = self._memory.sessions_at_evse(station_id, evse_no)
        else:
            sessions = self._memory.sessions_at(key)
        found = next((session for session in reversed(sessions) if _spans(session.ledger, event.at)), None)
        if found is None and event.receipt.received_at - event.at > REPLAYED:
            found = await self._store.find_session_by_time(key, event.at)
        return found

    def _find_by_driver(self, event: TransactionReported) -> Session | None:
        """A stop with an unknown id (-1: the station never got one, OCPP 1.6 errata 3.18): the one session of this card
        that fits, never a guess."""
        if event.id_token is None:
            return None
        fitting = [
            session
            for session in self._memory.unsealed_sessions_of(event.receipt.station_id)
            if is_same_token(session.id_token, event.id_token) and _spans(session.ledger, event.at)
        ]
        return fitting[0] if len(fitting) == 1 else None

    # --- beginning -----------------------------------------------------------------------------------------------

    async def _begin_or_keep(self, event: TransactionReported) -> TransactionAnswer:
        if event.kind is FactKind.STARTED or event.seq_no is not None:
            return await self._begin(event)
        if event.transaction_id is None and event.kind is FactKind.METERED:
            return TransactionAnswer(transaction_id=None)  # clock-aligned readings of an idle plug
        reason = f"no session has transaction id {event.transaction_id} and none fits by card and time"
        await self._store.commit([SaveLateFact(event.receipt.station_id, None, fact_of(event), reason)])
        log.warning("fact without session kept", station_id=event.receipt.station_id, transaction=event.transaction_id)
        return await self._answer(event, event.transaction_id)

    async def _begin(self, event: TransactionReported) -> TransactionAnswer:
        transaction_id = event.transaction_id
        if transaction_id is None:
            transaction_id = str(await self._store.next_transaction_no())
        fact = fact_of(event)
        key = self.terms.find_key(event)
        expected, verdict = await self._decide(event, key, None)
        authorization = verdict if isinstance(verdict, Authorization) else None
        awaited = await self._session_of(expected)
        facts = [fact]
        if awaited.ledger.is_reservation:
            facts = [*await self._store.load_facts(awaited.id), fact]
        ledger = fold_facts(facts)
        session = replace(
            adopt(awaited, key=key, transaction_id=transaction_id, start_key=start_key_of(event), ledger=ledger),
            terms=self.terms.begin_terms(awaited, key, ledger.started_at),
            remote_start_id=event.remote_start_id or awaited.remote_start_id,
        )
        if authorization is not None:
            session = self.terms.identify(session, event.id_token, authorization)
        cuts = price_cuts_of(session.terms)
        if not cuts.is_empty:
            session = _with_ledger(session, fold_facts(facts, cuts=cuts))
        session = self.terms.schedule(end_session(session), self._clock.now())
        of_order = self._changes_on_use(expected, session)
        await self._store.commit([SaveSession(session, write_terms=True, fact=fact), *of_order])
        log.info(
            "session started",
            session_id=session.id,
            station_id=key.station_id,
            evse_no=key.evse_no,
            transaction_id=transaction_id,
            status=session.status,
            reason=None if authorization is None else authorization.reason,
        )
        if isinstance(verdict, Inquiry):
            authorization = await self._ask(session.id, event, verdict)
        return TransactionAnswer(transaction_id=transaction_id, authorization=authorization)

    async def _session_of(self, expected: Expected | None) -> Session:
        """The session that awaits the transaction; a new one where none does, also where it was given up by now."""
        known = None if expected is None else await self._store.find_session(expected.session_id)
        if known is not None and known.is_awaited and known.is_open:
            return self._memory.sessions.get(known.id, known)
        id_ = expected.session_id if expected is not None and known is None else self._ids.new()
        return new_session(id_, self._clock.now())

    def _changes_on_use(self, expected: Expected | None, session: Session) -> Sequence[Change]:
        """What was expected has come as this session; others that await it do so no longer."""
        if expected is None:
            return ()
        changes = [*expected.changes_on_use(session.id)]
        for session_id in (expected.session_id, *expected.session_ids):
            awaiting = self._memory.sessions.get(session_id)
            if awaiting is not None and awaiting.is_awaited and awaiting.id != session.id:
                changes.append(SaveSession(give_up(awaiting, self._clock.now()), write_terms=True))
        return changes

    # --- going on ------------------------------------------------------------------------------------------------

    async def _amend(self, event: TransactionReported, session: Session, fact: Fact) -> TransactionAnswer:
        """Add a fact that is late, repeated, without a time of its own, or that tells who charges or where."""
        if not is_new(session.ledger, fact) and await self._store.has_fact(session.id, fact.key):
            return await self._answer_again(event, session)
        if event.kind is FactKind.ENDED and _has_ended(session.ledger):
            return await self._keep_late(event, session, fact, "the session has ended already")
        key = self.terms.find_key(event) if tells_place(event, session) else session.key
        expected, verdict = await self._decide(event, key, session)
        authorization = verdict if isinstance(verdict, Authorization) else None
        if expected is not None and authorization is not None and session.id_token is None:
            awaiting = self._memory.sessions.get(expected.session_id)
            if awaiting is not None and awaiting.is_awaited:
                return await self._take_over(event, session, awaiting, fact, expected, authorization)
        changed = session
        tells_driver = event.id_token is not None and not is_same_token(event.id_token, session.id_token)
        if not tells_driver and is_in_order(session.ledger, fact):
            ledger = extend_ledger(session.ledger, fact, price_cuts_of(session.terms))
        else:
            facts = [*await self._store.load_facts(session.id), fact]
            if authorization is not None and takes_over(session, fact, authorization, facts):
                changed = self.terms.identify(session, fact.id_token, authorization)
            ledger = fold_facts(facts, changed.id_token, price_cuts_of(session.terms))
        changed = _with_ledger(changed, ledger)
        tells_start = event.kind is FactKind.STARTED and not session.ledger.has_started
        if tells_place(event, session) or tells_start or ledger.started_at != session.ledger.started_at:
            changed = self.terms.move(changed, event)
        changed = await self.cut_anew(changed, session.terms, fact)
        saved = await self._save(session, changed, fact, self._changes_on_use(expected, session))
        if isinstance(verdict, Inquiry):
            authorization = await self._ask(session.id, event, verdict)
        return replace(self._costs.answer(saved, event.seq_no, event.receipt.received_at), authorization=authorization)

    async def cut_anew(self, session: Session, before: Terms, *facts: Fact) -> Session:
        """The session under terms other than those `before`: folded anew where its price changes elsewhere now.

        `facts` are those of its facts that are not stored yet.
        """
        cuts = price_cuts_of(session.terms)
        if session.terms is before or cuts == price_cuts_of(before):
            return session
        stored = await self._store.load_facts(session.id)
        return _with_ledger(session, fold_facts([*stored, *facts], session.id_token, cuts))

    async def _save(self, session: Session, changed: Session, fact: Fact, more: Sequence[Change] = ()) -> Session:
        ledger = changed.ledger
        if ledger.ended_at is not None:
            changed = self.terms.schedule(end_session(changed), self._clock.now())
        write_terms = changed.terms is not session.terms or changed.key is not session.key
        await self._store.commit((_save_session(changed, write_terms, fact), *more))
        if ledger.ended_at is not None and session.ledger.ended_at is None:
            log.info("session ended", session_id=session.id, energy_wh=str(ledger.energy_wh), status=changed.status)
        return changed

    async def _keep_late(
        self, event: TransactionReported, session: Session, fact: Fact, reason: str
    ) -> TransactionAnswer:
        """Facts after the seal never alter a CDR: they are kept and listed; a repetition is nothing new."""
        if not await self._store.has_fact(session.id, fact.key):
            await self._store.commit([SaveLateFact(event.receipt.station_id, session.id, fact, reason)])
            log.warning("late fact kept", session_id=session.id, station_id=event.receipt.station_id, reason=reason)
        return await self._answer(event, session.transaction_id)

    async def _answer(self, event: TransactionReported, transaction_id: str | None) -> TransactionAnswer:
        """The answer to a message that changes no session: no eMSP is asked for it."""
        verdict = await self._judge(event, self.terms.find_key(event))
        authorization = verdict.question.fallback if isinstance(verdict, Inquiry) else verdict
        return TransactionAnswer(transaction_id=transaction_id, authorization=authorization)

    async def _take_over(
        self,
        event: TransactionReported,
        session: Session,
        awaiting: Session,
        fact: Fact,
        expected: Expected,
        authorization: Authorization,
    ) -> TransactionAnswer:
        """Whoever plugged in shows now that he has ordered or reserved it: he becomes the session that awaits him.

        Nobody was told of the one that was kept of it so far (OCPP 2.0.1 E03: the cable first).
        """
        told = await self._store.load_facts(session.id)
        facts = [*await self._store.load_facts(awaiting.id), *told, fact]
        now, transaction_id = self._clock.now(), session.transaction_id
        assert transaction_id is not None
        ledger = fold_facts(facts, event.id_token)
        key = self.terms.find_key(event) if tells_place(event, session) else session.key
        adopted = adopt(awaiting, key=key, transaction_id=transaction_id, start_key=session.start_key, ledger=ledger)
        adopted = replace(adopted, terms=self.terms.begin_terms(awaiting, key, ledger.started_at))
        adopted = self.terms.identify(adopted, event.id_token, authorization)
        adopted = _with_ledger(adopted, fold_facts(facts, event.id_token, price_cuts_of(adopted.terms)))
        adopted = self.terms.schedule(end_session(adopted), now)
        left = replace(give_up(session, now), transaction_id=None, start_key=awaited_key(session.id))
        await self._store.commit(
            [
                SaveSession(left, write_terms=True),
                SaveSession(adopted, write_terms=True, fact=fact, more=tuple(told)),
                *self._changes_on_use(expected, adopted),
            ]
        )
        log.info("transaction expected", session_id=adopted.id, transaction_id=transaction_id, taken_over=session.id)
        return replace(
            self._costs.answer(adopted, event.seq_no, event.receipt.received_at), authorization=authorization
        )

    # --- the driver's card ---------------------------------------------------------------------------------------

    async def _decide(
        self, event: TransactionReported, key: ConnectorKey, session: Session | None
    ) -> tuple[Expected | None, Authorization | Inquiry | None]:
        """What was expected of the driver that an event names, if it is he, and the decision on his card."""
        expected = None
        if session is None or event.id_token is not None:
            expected = self._expectations.find_transaction(event, key, session)
        verdict = await self._judge(event, key, session, expected)
        if expected is None or expected.judge is None or event.id_token is None or verdict is None:
            return expected, verdict
        known = verdict.question if isinstance(verdict, Inquiry) else verdict
        decided = expected.judge(event.id_token, known)
        return (None, verdict) if decided is None else (expected, decided)

    async def _judge(
        self,
        event: TransactionReported,
        key: ConnectorKey,
        session: Session | None = None,
        expected: Expected | None = None,
    ) -> Authorization | Inquiry | None:
        """The decision on the card that an event shows, or what to ask once the event is durable.

        About the driver of a session its eMSP is asked once, and about a card that stops another's session not at all.
        Nobody is asked about what the eMSP itself has ordered: the card may be a name that nobody else knows.
        """
        if event.id_token is None:
            return None
        if session is not None and was_ordered(session) and is_same_token(event.id_token, session.id_token):
            return authorization_of(session)
        if expected is not None and expected.judge is None:
            return expected.authorization
        shown = Shown(
            id_token=event.id_token,
            key=key,
            received_at=event.receipt.received_at,
            start_key=start_key_of(event),
        )
        verdict = await self._authorizer.judge(shown)
        if isinstance(verdict, Authorization) or session is None or session.id_token is None:
            return verdict
        if is_same_token(event.id_token, session.id_token) and not is_refused(session):
            return authorization_of(session)
        return verdict.question.fallback if event.kind is FactKind.ENDED else verdict

    async def _ask(self, session_id: str, event: TransactionReported, inquiry: Inquiry) -> Authorization:
        """Ask about the card of an event that is durable, and commit what the answer makes of its session."""
        authorization = await self._authorizer.ask(inquiry)
        session = self._memory.sessions.get(session_id) or await self._store.find_session(session_id)
        if session is None or session.sealed_cdr_id is not None:
            return authorization
        facts = await self._store.load_facts(session_id)
        if takes_over(session, fact_of(event), authorization, facts):
            await self._hand_over(session, event, authorization, facts)
        return authorization

    async def _answer_again(self, event: TransactionReported, session: Session) -> TransactionAnswer:
        """The answer to a message that was taken in before.

        Its card may still be open, because the gateway was stopped while it asked or the eMSP could not be reached:
        the station goes by this answer, and so does the session.
        """
        verdict = await self._judge(event, session.key, session)
        authorization = await self._authorizer.ask(verdict) if isinstance(verdict, Inquiry) else verdict
        if authorization is not None and session.sealed_cdr_id is None:
            is_accepted = authorization.status is AuthStatus.ACCEPTED and event.kind is not FactKind.ENDED
            was_refused = is_refused(session) and is_same_token(event.id_token, session.id_token)
            if session.id_token is None or (was_refused and is_accepted):
                facts = await self._store.load_facts(session.id)
                await self._hand_over(session, event, authorization, facts)
        return TransactionAnswer(transaction_id=session.transaction_id, authorization=authorization)

    async def _hand_over(
        self, session: Session, event: TransactionReported, authorization: Authorization, facts: Sequence[Fact]
    ) -> None:
        """The session becomes that of the driver whose card the event shows; all of its facts are stored."""
        identified = self.terms.identify(session, event.id_token, authorization)
        changed = _with_ledger(identified, fold_facts(facts, event.id_token, price_cuts_of(identified.terms)))
        if changed.ledger.started_at != session.ledger.started_at:
            changed = await self.cut_anew(self.terms.move(changed, event), identified.terms)
        changed = self.terms.schedule(end_session(changed), self._clock.now())
        await self._store.commit([SaveSession(changed, write_terms=True)])
        log.info("session settled", session_id=session.id, status=changed.status, reason=authorization.reason)

    # --- other facts -----------------------------------------------------------------------------------------------

    async def changes_on_fact(self, session: Session, fact: Fact) -> Sequence[Change]:
        """The changes that add a fact known from elsewhere (a plug's status) to a session; none if it is known
        already."""
        if not is_new(session.ledger, fact) and await self._store.has_fact(session.id, fact.key):
            return ()
        cuts = price_cuts_of(session.terms)
        if is_in_order(session.ledger, fact):
            ledger = extend_ledger(session.ledger, fact, cuts)
        else:
            ledger = fold_facts([*await self._store.load_facts(session.id), fact], session.id_token, cuts)
        return (SaveSession(_with_ledger(session, ledger), fact=fact),)

    async def abandon(self, session: Session, now: datetime) -> None:
        """Give up waiting for a stop: the session ends with its last fact, flagged."""
        at = session.ledger.last_at
        fact = Fact(
            kind=FactKind.ABANDONED, key="abandoned", at=at, at_raw="", received_at=now, message_id="", stop_reason=None
        )
        facts = [*await self._store.load_facts(session.id), fact]
        ledger = fold_facts(facts, session.id_token, price_cuts_of(session.terms))
        ended = end_session(_with_ledger(session, ledger))
        if ended.status is SessionStatus.COMPLETED:
            ended = replace(ended, seal_due_at=now)
        await self._store.commit([SaveSession(ended, fact=fact)])
        self._costs.forget(session.id)
        log.warning("session abandoned", session_id=session.id, station_id=session.key.station_id)


def _has_ended(ledger: Ledger) -> bool:
    return ledger.ended_at is not None and "abandoned" not in ledger.flags


def _reaches(ledger: Ledger, at: datetime) -> bool:
    """Was the session not over by then?"""
    return ledger.ended_at is None or at <= ledger.ended_at


def _spans(ledger: Ledger, at: datetime) -> bool:
    return ledger.started_at <= at and _reaches(ledger, at)
