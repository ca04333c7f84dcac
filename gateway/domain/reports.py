"""What a month comes to, for those who settle accounts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.domain.money import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledCdr:
    """Of a bill what a reconciliation needs.

    `is_shown`: the partner has pulled it or taken it; None: it is nobody's to see.  `is_refused`: it was pushed, and
    the partner would not take it.
    """

    cdr_id: str
    session_id: str
    partner_id: str | None
    currency: str
    energy_wh: Decimal
    cost: Price
    is_credit: bool
    is_shown: bool | None
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbilledSession:
    """A visit that is over and has no bill, and why."""

    session_id: str
    station_id: str
    partner_id: str | None
    currency: str | None
    ended_at: datetime
    energy_wh: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRow:
    """One partner (None: our own and refused cards) in one currency (None: no tariff was known).

    `sessions` are those that ended in the month, `unbilled` those among them without a CDR.  `cdrs` and `credits` count
    bills and what took bills back; energy and cost are bills less credits.  `shown` and `not_shown` count what a
    partner has pulled or taken and what not, credits too; `refused` those among the latter that it would not take.
    """

    partner_id: str | None
    currency: str | None
    sessions: int
    unbilled: int
    cdrs: int
    credits: int
    shown: int
    not_shown: int
    refused: int
    energy_wh: Decimal
    cost: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """A month from `begin_at` to before `end_at`, by the end of each visit; `not_shown` are ids of CDRs."""

    begin_at: datetime
    end_at: datetime
    rows: tuple[ReconciliationRow, ...]
    unbilled: tuple[UnbilledSession, ...]
    not_shown: tuple[str, ...]
