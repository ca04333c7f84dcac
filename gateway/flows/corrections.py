"""The operator corrects a bill: a credit takes it back, and another one stands in its place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import structlog

from gateway.core.cdrs import Hold
from gateway.core.corrections import correct_cdr, correct_session, credit_of, merge_corrections
from gateway.core.doubts import DoubtRules
from gateway.domain.cdrs import Cdr, Correction
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.errors import ConflictError, NotFoundError, WireError
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.signatures import Signatures
from gateway.ports import Clock, Ids, SaveCdr, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionAsked:
    """What the operator wants of a bill.  `cancel`: take it back and make no other; then nothing else is said."""

    reason: str
    cancel: bool = False
    include_late_facts: bool = False
    tariff_id: str | None = None
    energy_wh: Decimal | None = None
    ended_at: datetime | None = None
    remark: str | None = None
    invoice_reference_id: str | None = None

    @property
    def says_more(self) -> bool:
        said = (self.tariff_id, self.energy_wh, self.ended_at, self.remark, self.invoice_reference_id)
        return self.include_late_facts or any(one is not None for one in said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The credit, and the bill that stands now (None: it was cancelled)."""

    credit: Cdr
    cdr: Cdr | None


class Corrections:
    """Makes credits and the bills in their place, both in one Work.

    In the mailbox of the station: what comes late meanwhile counts wholly or not at all.
    """

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        clock: Clock,
        ids: Ids,
        mailboxes: Mailboxes,
        signatures: Signatures,
        doubt_rules: DoubtRules | None = None,
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._mailboxes = mailboxes
        self._signatures = signatures
        self._doubt_rules = doubt_rules or DoubtRules()

    async def correct(self, cdr_id: str, asked: CorrectionAsked) -> Corrected:
        """Credit a bill and make the one in its place.

        Raises NotFoundError, ConflictError (a credit, credited already, or its messages are deleted), WireError (what
        is asked for makes no sense) and StoreDownError; then nothing was made.
        """
        cdr = await self._store.find_cdr(cdr_id)
        if cdr is None:
            raise NotFoundError(f"there is no CDR {cdr_id!r}")
        if asked.cancel and asked.says_more:
            raise WireError("$.cancel", "makes no other bill, so nothing else can be said of it")
        if not asked.cancel and not asked.says_more:
            raise WireError(
                "$",
                "says nothing to correct: give include_late_facts, tariff_id, energy_wh, ended_at, remark, "
                "invoice_reference_id, or cancel",
            )
        session = await self._store.find_session(cdr.session_id)
        if session is None:
            raise ConflictError(f"session {cdr.session_id!r} of CDR {cdr.id!r} is not known")
        return await self._mailboxes.run(session.key.station_id, lambda: self._correct(cdr, session, asked))

    async def _correct(self, cdr: Cdr, session: Session, asked: CorrectionAsked) -> Corrected:
        self._check_stands(cdr, await self._store.load_cdrs_of_session(session.id))
        now = self._clock.now()
        correction = Correction(reason=asked.reason)
        work = []
        if not asked.cancel:
            made, correction = await self._make(cdr, session, asked, now)
            work.append(SaveCdr(made))
        credit = credit_of(cdr, cdr_id=self._ids.new(), now=now, correction=correction)
        saved = await self._store.commit([SaveCdr(credit), *work])
        bills = [change.cdr for change in saved if isinstance(change, SaveCdr)]
        log.info(
            "cdr corrected",
            cdr_id=cdr.id,
            session_id=session.id,
            credit_id=credit.id,
            corrected_id=None if asked.cancel else bills[-1].id,
            reason=asked.reason,
        )
        return Corrected(credit=bills[0], cdr=None if asked.cancel else bills[-1])

    @staticmethod
    def _check_stands(cdr: Cdr, bills: Sequence[Cdr]) -> None:
        if cdr.credit:
            raise ConflictError(f"CDR {cdr.id!r} is a credit itself; correct the bill that stands")
        credit = next((bill for bill in bills if bill.credit_reference_id == cdr.id), None)
        if credit is not None:
            last = bills[-1]
            rest = "nothing stands in its place" if last.credit else f"correct {last.id!r}, which stands in its place"
            raise ConflictError(f"CDR {cdr.id!r} was credited already by {credit.id!r}; {rest}")

    async def _make(self, cdr: Cdr, session: Session, asked: CorrectionAsked, now: datetime) -> tuple[Cdr, Correction]:
        facts = [*await self._store.load_facts(session.id)]
        if session.is_forgotten or not facts:
            raise ConflictError(
                f"the messages of session {session.id!r} are deleted ([retention] facts_days), so no other bill can be "
                "made of it: take this one back (cancel)"
            )
        late = await self._store.load_late_facts(session.id)
        if asked.include_late_facts and not late:
            raise WireError("$.include_late_facts", "nothing came after the seal of this session")
        if asked.ended_at is not None and not cdr.started_at < asked.ended_at <= now:
            raise WireError(
                "$.ended_at", f"must be after the start, {cdr.started_at.isoformat()}, and not in the future"
            )
        tariff = None if asked.tariff_id is None else self._find_tariff(asked.tariff_id, cdr)
        correction = merge_corrections(
            cdr.correction,
            Correction(
                reason=asked.reason,
                late_facts_to=late[-1].no if asked.include_late_facts else 0,
                tariff_id=asked.tariff_id,
                energy_wh=asked.energy_wh,
                ended_at=asked.ended_at,
            ),
        )
        facts += [one.fact for one in late if one.no <= correction.late_facts_to]
        corrected = correct_session(session, cdr, facts, correction, tariff)
        made = correct_cdr(cdr, corrected, correction, self._doubt_rules, cdr_id=self._ids.new(), now=now)
        if isinstance(made, Hold):
            raise WireError("$.tariff_id" if tariff is not None else "$", made.reason)
        signed = await self._signatures.judge(corrected, facts)
        return (
            replace(
                made,
                signed_values=signed.values,
                flags=made.flags | signed.flags,
                remark=asked.remark or cdr.remark,
                invoice_reference_id=asked.invoice_reference_id or cdr.invoice_reference_id,
            ),
            correction,
        )

    def _find_tariff(self, tariff_id: str, cdr: Cdr) -> Tariff:
        tariff = self._memory.tariffs.get(tariff_id)
        if tariff is None:
            raise WireError("$.tariff_id", f"there is no tariff {tariff_id!r}; put it first (PUT tariffs/{tariff_id})")
        if tariff.party != cdr.party:
            raise WireError("$.tariff_id", f"tariff {tariff_id!r} belongs to {tariff.party}, the bill to {cdr.party}")
        return tariff
