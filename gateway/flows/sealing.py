"""Completed sessions become CDRs; sessions that never end are given up."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.core.awaited import give_up
from gateway.core.cdrs import Hold, decide_cdr, price_cuts_of
from gateway.core.doubts import Doubt, DoubtRules, find_doubts, review_cdr
from gateway.core.drivers import is_void
from gateway.core.sessions import fold_facts
from gateway.core.waivers import WaiverRules, find_empty_waiver
from gateway.domain.cdrs import Cdr
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Location
from gateway.domain.sessions import Fact, Session, SessionStatus
from gateway.domain.stations import ConnectorState
from gateway.errors import ConflictError, GatewayError, NotFoundError, RevisionConflictError, StoreDownError
from gateway.flows.agenda import Agenda
from gateway.flows.availability import Availability
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.session_terms import SealRules
from gateway.flows.signatures import Signatures
from gateway.flows.transactions import Transactions
from gateway.ports import Clock, Ids, SaveCdr, SaveSession, Store

log = structlog.get_logger(__name__)

GHOST_SWEEP = timedelta(minutes=1)
RETRY = timedelta(seconds=5)
FAULT = "the gateway failed on it"
FAULT_RETRY = timedelta(minutes=10)
"""A fault of ours is seldom mended by itself, but what it came from may be."""


class Sealing:
    """Makes each CDR exactly once: the sealed session and its CDR are one Work, and the store refuses a second CDR."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        clock: Clock,
        ids: Ids,
        mailboxes: Mailboxes,
        transactions: Transactions,
        availability: Availability,
        rules: SealRules,
        signatures: Signatures,
        doubt_rules: DoubtRules | None = None,
        waiver_rules: WaiverRules | None = None,
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._mailboxes = mailboxes
        self._transactions = transactions
        self._availability = availability
        self._rules = rules
        self._signatures = signatures
        self._doubt_rules = doubt_rules or DoubtRules()
        self._waiver_rules = waiver_rules or WaiverRules()
        self.agenda = Agenda()
        self.changed = asyncio.Event()
        memory.on_due = self.on_due_set

    def on_due_set(self, session: Session) -> None:
        """A session has got a time to be sealed; one that was held before a restart is looked at now."""
        self.agenda.put(session.id, session.seal_due_at or self._clock.now())
        self.changed.set()

    def on_due(self, now: datetime) -> None:
        """Seal what is due."""
        for session_id in list(self.agenda.take_due(now)):
            self._post(session_id)

    def on_placed(self, location: Location) -> None:
        """A location or its tariffs changed: sessions that were held may be billed now."""
        for session in list(self._memory.sessions.values()):
            if session.hold is not None and self._stands_in(session.key, location):
                self._post(session.id)

    def sweep_ghosts(self, now: datetime) -> None:
        """Give up sessions without a stop whose station is idle or gone for long."""
        limit = timedelta(seconds=self._rules.ghost_after_s)
        for session in list(self._memory.sessions.values()):
            if (
                session.ledger.ended_at is None
                and not session.is_awaited
                and now - session.last_updated >= limit
                and self._is_ghost(session)
            ):
                self._mailboxes.post(session.key.station_id, lambda session=session: self._abandon(session.id, limit))  # type: ignore[misc]

    async def list_review(self) -> list[tuple[Session, tuple[Doubt, ...]]]:
        """The sessions that wait for a person, with what is doubtful about them, those that ended first."""
        found = []
        for session in list(self._memory.sessions.values()):
            is_held = session.hold is not None and not session.hold.startswith(FAULT)
            if is_held and session.status is SessionStatus.COMPLETED:
                judged = await self._signatures.judge(session)
                doubts = find_doubts(self._transactions.terms.complete(session), self._doubt_rules, judged.flags)
                if any(doubt.flag in self._doubt_rules.hold_flags for doubt in doubts):
                    found.append((session, doubts))
        return sorted(found, key=lambda one: one[0].ledger.ended_at or one[0].last_updated)

    async def release(self, session_id: str) -> Cdr:
        """Make the CDR of a session that waits for a person, as it is, or of one that got none as nothing was drawn.

        Raises NotFoundError, ConflictError (neither, or something else stands in the way) and StoreDownError.
        """
        session = await self._store.find_session(session_id)
        if session is None:
            raise NotFoundError(f"there is no session {session_id!r}")
        return await self._mailboxes.run(session.key.station_id, lambda: self._release(session_id))

    async def _release(self, session_id: str) -> Cdr:
        session = self._memory.sessions.get(session_id)
        if session is None:
            waived = await self._store.find_session(session_id)
            if waived is not None and waived.waiver is not None and not waived.ledger.is_reservation:
                made = await self._seal_completed(waived, is_released=True)
                return self._released(made, session_id)
        if session is None or session.hold is None:
            raise ConflictError(f"session {session_id!r} is not held: GET review lists those that are")
        return self._released(await self.seal(session_id, is_released=True), session_id)

    @staticmethod
    def _released(made: Cdr | Hold | None, session_id: str) -> Cdr:
        if isinstance(made, Cdr):
            return made
        raise ConflictError(made.reason if made is not None else f"session {session_id!r} has not ended")

    async def seal(self, session_id: str, *, is_released: bool = False) -> Cdr | Hold | None:
        """Make the CDR of a completed session, or note what stands in its way (None: it is none, has one, or gets
        none).

        Raises StoreDownError.
        """
        try:
            return await self._seal(session_id, is_released=is_released)
        except (RevisionConflictError, ConflictError):  # the store knows better than memory
            await self._transactions.reload(session_id)
            return await self._seal(session_id, is_released=is_released)

    async def _seal(self, session_id: str, *, is_released: bool) -> Cdr | Hold | None:
        session = self._memory.sessions.get(session_id)
        if session is not None and session.is_awaited and session.status is SessionStatus.PENDING:
            await self._give_up(session)
            return None
        if session is None or session.status is not SessionStatus.COMPLETED:
            return None
        return await self._seal_completed(session, is_released=is_released)

    async def _seal_completed(self, session: Session, *, is_released: bool) -> Cdr | Hold | None:
        completed = self._transactions.terms.complete(session)
        if completed.waiver is not None:
            completed = replace(completed, waiver=None)
        facts = await self._store.load_facts(session.id)
        cuts = price_cuts_of(completed.terms)
        if not cuts.is_empty:  # by all facts at once: an older program may have kept the session
            completed = replace(completed, ledger=fold_facts(facts, completed.id_token, cuts))
        if is_void(completed):
            voided = replace(completed, status=SessionStatus.INVALID, seal_due_at=None, hold=None)
            await self._store.commit([SaveSession(voided, write_terms=completed is not session)])
            log.info("session is void", session_id=session.id, reason="deauthorized before anything was drawn")
            return None
        decision = decide_cdr(completed, cdr_id=self._ids.new(), now=self._clock.now())
        waiver = None if is_released else find_empty_waiver(completed, decision, self._waiver_rules)
        needs_review = False
        if isinstance(decision, Cdr):
            decision = await self._with_signed_values(completed, facts, decision)
            decision = review_cdr(completed, decision, self._doubt_rules, is_released=is_released)
            needs_review = isinstance(decision, Hold)
        if waiver is not None and not needs_review:
            waived = replace(completed, waiver=waiver, seal_due_at=None, hold=None)
            await self._store.commit([SaveSession(waived, write_terms=completed.terms is not session.terms)])
            log.info("no cdr made", session_id=session.id, reason=waiver)
            return None
        if isinstance(decision, Hold):
            if session.hold != decision.reason or session.seal_due_at is not None:
                held = replace(session, hold=decision.reason, seal_due_at=None, waiver=None)
                await self._store.commit([SaveSession(held)])
                log.warning("cdr held", session_id=session.id, reason=decision.reason)
            return decision
        sealed = replace(completed, sealed_cdr_id=decision.id, seal_due_at=None, hold=None)
        await self._store.commit([SaveSession(sealed, write_terms=completed is not session), SaveCdr(decision)])
        log.info(
            "cdr made",
            cdr_id=decision.id,
            session_id=session.id,
            energy_wh=str(decision.energy_wh),
            cost=str(decision.totals.cost.before_taxes),
            currency=decision.currency,
        )
        return decision

    async def _give_up(self, session: Session) -> None:
        """The start that was ordered was accepted, but nobody plugged in while the station waited."""
        await self._store.commit([SaveSession(give_up(session, self._clock.now()), write_terms=True)])
        log.info("session given up, no transaction came", session_id=session.id, station_id=session.key.station_id)

    async def _with_signed_values(self, session: Session, facts: Sequence[Fact], cdr: Cdr) -> Cdr:
        """The bill with what the meter signed.  Nothing in it changes energy or cost: what is odd is flagged."""
        found = await self._signatures.judge(session, facts)
        if not found.values:
            return cdr
        if found.flags:
            log.warning("signed values not in order", session_id=session.id, flags=sorted(found.flags))
        return replace(cdr, signed_values=found.values, flags=cdr.flags | found.flags)

    def _post(self, session_id: str) -> None:
        session = self._memory.sessions.get(session_id)
        if session is not None:
            self._mailboxes.post(session.key.station_id, lambda: self._seal_or_retry(session_id))

    async def _seal_or_retry(self, session_id: str) -> None:
        try:
            await self.seal(session_id)
        except StoreDownError as error:
            log.error("cdr not made yet", session_id=session_id, reason=str(error))
            self._look_again(session_id, RETRY)
        except Exception as error:  # root of a task
            log.exception("cdr not made", session_id=session_id)
            self._look_again(session_id, FAULT_RETRY)
            await self._hold_for_fault(session_id, error)

    async def _hold_for_fault(self, session_id: str, error: Exception) -> None:
        """Say on the session that we failed on it: nobody is to wonder why there is no bill."""
        session = self._memory.sessions.get(session_id)
        said = str(error).partition("\n")[0][:200]
        reason = f"{FAULT} ({type(error).__name__}: {said}); it tries again by itself, see the log"
        if session is None or session.hold == reason:
            return
        try:
            await self._store.commit([SaveSession(replace(session, hold=reason, seal_due_at=None))])
        except GatewayError as fault:
            log.error("hold not noted", session_id=session_id, reason=str(fault))

    def _look_again(self, session_id: str, pause: timedelta) -> None:
        self.agenda.put(session_id, self._clock.now() + pause)
        self.changed.set()

    async def _abandon(self, session_id: str, limit: timedelta) -> None:
        session = self._memory.sessions.get(session_id)
        now = self._clock.now()
        if session is None or session.ledger.ended_at is not None or now - session.last_updated < limit:
            return
        try:
            await self._transactions.abandon(session, now)
            await self._availability.refresh(session.key.station_id)
        except StoreDownError as error:
            log.error("session not abandoned yet", session_id=session_id, reason=str(error))
        except (RevisionConflictError, ConflictError):  # the next sweep decides by what the store knows
            await self._transactions.reload(session_id)

    def _is_ghost(self, session: Session) -> bool:
        """Is the session's station gone, its plug free, or did a later session begin there?"""
        if not self._availability.is_connected(session.key.station_id):
            return self._availability.is_gone(session.key.station_id)
        if session.key.evse_no == 0:  # it never came to a plug
            return True
        status = self._memory.find_status(session.key)
        if status is not None and status.state is ConnectorState.AVAILABLE:
            return True
        return self._memory.sessions_at(session.key)[-1].id != session.id

    def _stands_in(self, key: ConnectorKey, location: Location) -> bool:
        place = self._memory.find_place(key)
        return place is not None and place.location.id == location.id
