"""Bills."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.domain.bills import Range, TaxShare
from gateway.domain.ids import PartyId
from gateway.domain.money import Price
from gateway.domain.sessions import Phase, Terms
from gateway.domain.signatures import SignedValue


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrPeriod:
    """A charging period; its time is `duration_s`, billed as TIME or PARKING_TIME by its phase.

    `power` (kW) and `current` (A, all phases) are told where a price depends on them.
    """

    start_at: datetime
    phase: Phase
    duration_s: Decimal
    energy_wh: Decimal
    power: Range | None = None
    current: Range | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a session costs, in parts that add up to `cost` unless a min or max price took the place of their sum (the
    CDR's flags say so); None: no component of that kind.  `taxes`: those of the parts by rate, as OCPI 2.3.0 tells
    them."""

    cost: Price
    fixed: Price | None = None
    energy: Price | None = None
    time: Price | None = None
    parking: Price | None = None
    reservation: Price | None = None
    taxes: tuple[TaxShare, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What the operator said when he had a bill corrected, and why.  None: as it was.

    A bill that is corrected again keeps what was said before, unless it is said anew.  `late_facts_to` is the number of
    the last fact that counts of those which came after the seal (0: none).
    """

    reason: str
    late_facts_to: int = 0
    tariff_id: str | None = None
    energy_wh: Decimal | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """A sealed bill: made once, never changed.

    `ordinal` counts without gaps per owner (the partner it is for; None: nobody's but ours); the store gives it.
    `signed_values` are what the meter signed, with the verdicts of the day the bill was made.
    `credit` takes back the bill `credit_reference_id`; `corrects_id` is the bill that this one replaces; `correction`
    says what the operator wanted of both.  Of a credit only `totals.cost` is negative (OCPI 2.2.1 mod_cdrs 10.1.1).
    """

    id: str
    session_id: str
    party: PartyId
    partner_id: str | None
    terms: Terms
    started_at: datetime
    ended_at: datetime
    currency: str
    periods: tuple[CdrPeriod, ...]
    totals: Totals
    energy_wh: Decimal
    time_s: Decimal
    parking_time_s: Decimal
    flags: frozenset[str] = frozenset()
    remark: str | None = None
    signed_values: tuple[SignedValue, ...] = ()
    credit: bool = False
    credit_reference_id: str | None = None
    corrects_id: str | None = None
    correction: Correction | None = None
    home_charging_compensation: bool | None = None
    invoice_reference_id: str | None = None
    ordinal: int = 0
    last_updated: datetime
