"""The story of a bill: what was reported, what was made of it, and the arithmetic."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.domain.bills import Bill, BillLine
from gateway.domain.cdrs import Cdr, CdrPeriod
from gateway.domain.deliveries import CdrReceipt, Delivery
from gateway.domain.meters import Reading
from gateway.domain.sessions import Fact, Ledger, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenReading:
    """A register that was taken, and what it moved.

    `drawn_wh` is the energy since `since` (None: this is where the register begins, or begins anew); `note` says in
    words what was special.
    """

    at: datetime
    register_wh: Decimal
    drawn_wh: Decimal | None
    since: datetime | None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftReading:
    """A reading that moved nothing, and why."""

    reading: Reading
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactStory:
    """One message (or the gateway's own end) and what was made of it.  `at` is the time at which it counts."""

    fact: Fact
    at: datetime
    taken: tuple[TakenReading, ...]
    left: tuple[LeftReading, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStory:
    """The messages in the order in which they count, and the ledger that they end in.

    `begun` says, by the time at which a period begins, which rule began it.
    """

    facts: tuple[FactStory, ...]
    ledger: Ledger
    begun: dict[datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodStory:
    """A period of the bill, the rule that began it, and what it costs."""

    period: CdrPeriod
    end_at: datetime
    begun_by: str
    lines: tuple[BillLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateStory:
    """A message that came after the bill was made.  `counts`: a correction took it in."""

    fact: Fact
    reason: str
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCdr:
    """A bill as its partner was first shown it in a version.  `at` is not known of bills shown long ago."""

    version: str
    at: datetime | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that there is to say of a bill.

    `bill` is the arithmetic anew, from the periods and the terms that the bill holds.  `doubts` say where story or
    arithmetic do not lead to the figures of the bill; `others` are the other bills of the visit.  `receipts` say which
    partner took it when it was pushed, `waiting` what is still to be pushed or was refused.
    """

    cdr: Cdr
    session: Session
    story: SessionStory
    periods: tuple[PeriodStory, ...]
    bill: Bill | None
    late: tuple[LateStory, ...]
    others: tuple[Cdr, ...]
    shown: tuple[ShownCdr, ...]
    doubts: tuple[str, ...]
    receipts: tuple[CdrReceipt, ...] = ()
    waiting: tuple[Delivery, ...] = ()
