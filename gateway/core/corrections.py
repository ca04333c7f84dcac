"""A bill is never changed: it is taken back by a credit, and another made in its place.

OCPI 2.2.1 and 2.3.0 mod_cdrs 10.1.1 (Credit CDRs).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from gateway.core.cdrs import Hold, decide_cdr, price_cuts_of
from gateway.core.doubts import DoubtRules, find_doubts
from gateway.core.sessions import fold_facts
from gateway.domain.cdrs import Cdr, Correction
from gateway.domain.money import ZERO, Price
from gateway.domain.sessions import Fact, Ledger, Phase, Session
from gateway.domain.tariffs import Tariff

STATED_WH = Decimal("0.1")
ENERGY_CORRECTED = "energy_corrected"
CORRECTED = "corrected"


def credit_of(cdr: Cdr, *, cdr_id: str, now: datetime, correction: Correction) -> Cdr:
    """The credit that takes a bill back: all of its data under a new id, the total cost negative and nothing else."""
    return replace(
        cdr,
        id=cdr_id,
        credit=True,
        credit_reference_id=cdr.id,
        corrects_id=None,
        correction=correction,
        totals=replace(cdr.totals, cost=_negative(cdr.totals.cost)),
        ordinal=0,
        last_updated=now,
    )


def correct_session(
    session: Session, cdr: Cdr, facts: Sequence[Fact], correction: Correction, tariff: Tariff | None
) -> Session:
    """The session as it is billed now.

    `facts` are those of the session and those late ones that count now; `tariff` is the one that `correction` names,
    None: that of `cdr`.  What the operator says wins over what the facts say: the energy is shared over the periods as
    the measured energy was, and another end moves no energy.
    """
    terms = replace(cdr.terms, tariff=tariff or cdr.terms.tariff)
    ledger, cuts = session.ledger, price_cuts_of(terms)
    if correction.late_facts_to or cuts != price_cuts_of(session.terms):
        ledger = fold_facts(facts, session.id_token, cuts)
    if correction.ended_at is not None:
        ledger = replace(ledger, ended_at=correction.ended_at)
    if correction.energy_wh is not None:
        ledger = with_energy(ledger, correction.energy_wh)
    return replace(session, ledger=ledger, terms=terms)


def correct_cdr(
    cdr: Cdr, corrected: Session, correction: Correction, rules: DoubtRules, *, cdr_id: str, now: datetime
) -> Cdr | Hold:
    """The bill in the place of `cdr`, of the corrected session by the same rules as the first one."""
    made = decide_cdr(corrected, cdr_id=cdr_id, now=now)
    if isinstance(made, Hold):
        return made
    return replace(
        made,
        corrects_id=cdr.id,
        correction=correction,
        flags=made.flags | {doubt.flag for doubt in find_doubts(corrected, rules)} | {CORRECTED},
    )


def merge_corrections(before: Correction | None, asked: Correction) -> Correction:
    """What is said now, and of what was said before all that is not said anew."""
    if before is None:
        return asked
    return Correction(
        reason=asked.reason,
        late_facts_to=asked.late_facts_to or before.late_facts_to,
        tariff_id=asked.tariff_id or before.tariff_id,
        energy_wh=before.energy_wh if asked.energy_wh is None else asked.energy_wh,
        ended_at=asked.ended_at or before.ended_at,
    )


def with_energy(ledger: Ledger, energy_wh: Decimal) -> Ledger:
    """The ledger with this energy instead of the measured one, in the same shares over its periods.

    Where nothing was measured all of it goes to the first period of charging (else the first of all).  The running sum
    is rounded to tenths of a Wh, not each share, so the shares add up to `energy_wh`.
    """
    weights = [period.energy_wh for period in ledger.periods]
    if not any(weights):
        first = next((no for no, period in enumerate(ledger.periods) if period.phase is Phase.CHARGING), 0)
        weights[first] = Decimal(1)
    whole, reached, stated_wh = sum(weights, ZERO), ZERO, ZERO
    periods = []
    for period, weight in zip(ledger.periods, weights, strict=True):
        reached += weight
        reached_wh = (energy_wh * reached / whole).quantize(STATED_WH, rounding=ROUND_HALF_UP)
        periods.append(replace(period, energy_wh=reached_wh - stated_wh))
        stated_wh = reached_wh
    return replace(ledger, periods=tuple(periods), energy_wh=stated_wh, flags=ledger.flags | {ENERGY_CORRECTED})


def _negative(price: Price) -> Price:
    with_taxes = price.with_taxes
    return Price(before_taxes=ZERO - price.before_taxes, with_taxes=None if with_taxes is None else ZERO - with_taxes)
