"""Everything that there is to say of a bill, put together from what it holds and from the facts it rests on."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from gateway.core.cdrs import STATED_WH, circumstances_of, places_of, price_cuts_of
from gateway.core.cuts import Cuts, moments_between
from gateway.core.pieces import compile_rules
from gateway.core.pricing import price_stretches, state_totals
from gateway.core.provenance import RESERVATION_BEGINS, SESSION_BEGINS, tell_session
from gateway.core.restrictions import UnpriceableError
from gateway.core.stretches import MICROSECOND
from gateway.domain.bills import Bill, BillLine, Stretch
from gateway.domain.cdrs import Cdr, CdrPeriod
from gateway.domain.explanations import Explanation, LateStory, PeriodStory, SessionStory, ShownCdr
from gateway.domain.flags import RESERVATION_EXPIRED
from gateway.domain.money import ZERO
from gateway.domain.sessions import Fact, Ledger, Phase, Session

PRICE_CHANGES = "a price of the tariff changes here"
POWER_CHANGES = "the power passes a limit of the tariff"
STATE_CHANGES = "the state of the car changes here"
FORGOTTEN = "its messages are deleted by now ([retention] facts_days): what is left is what the bill itself holds"


def explain_cdr(
    cdr: Cdr,
    session: Session,
    facts: Sequence[Fact],
    late: Sequence[LateStory],
    others: Sequence[Cdr],
    shown: Sequence[ShownCdr],
) -> Explanation:
    """The story of a bill; `facts` are those of its session as sealed, `late` those after it."""
    counted = [*facts, *(one.fact for one in late if one.counts)]
    bill, obstacle = _find_bill(cdr)
    if session.is_forgotten:
        story = SessionStory(facts=(), ledger=session.ledger, begun={})
    else:
        story = tell_session(counted, session.id_token, price_cuts_of(cdr.terms))
    doubts = [obstacle] if obstacle is not None else []
    return Explanation(
        cdr=cdr,
        session=session,
        story=story,
        periods=tuple(_tell_periods(cdr, story, bill)),
        bill=bill,
        late=tuple(late),
        others=tuple(others),
        shown=tuple(shown),
        doubts=(*doubts, *([FORGOTTEN] if session.is_forgotten else ()), *_find_doubts(cdr, story, bill)),
    )


def end_of(period: CdrPeriod) -> datetime:
    return period.start_at + timedelta(microseconds=int(period.duration_s * 1_000_000))


def _find_bill(cdr: Cdr) -> tuple[Bill | None, str | None]:
    """The arithmetic from the bill's own periods and terms, or why there is none."""
    terms = cdr.terms
    if terms.place is None or terms.tariff is None or not cdr.periods:
        return None, "the bill holds no place, no tariff or no period: its amounts cannot be reckoned again"
    stretches = [
        Stretch(
            start_at=period.start_at,
            end_at=end_of(period),
            phase=period.phase,
            energy_wh=period.energy_wh,
            power=period.power,
            current=period.current,
        )
        for period in cdr.periods
    ]
    try:
        rules = compile_rules((terms.tariff,), terms.place.location.time_zone)
        circumstances = circumstances_of(terms.place, is_expired=RESERVATION_EXPIRED in cdr.flags)
        return price_stretches(rules, stretches, circumstances, keeps_borders=True), None
    except UnpriceableError as error:
        return None, f"the amounts cannot be reckoned again: {error}"


def _tell_periods(cdr: Cdr, story: SessionStory, bill: Bill | None) -> Iterator[PeriodStory]:
    before: CdrPeriod | None = None
    drawn_wh = ZERO
    cuts = price_cuts_of(cdr.terms)
    started_at = cdr.started_at
    for period in cdr.periods:
        if before is not None and before.phase is Phase.RESERVATION is not period.phase:
            started_at = period.start_at  # durations of the session count from here
        if before is None:
            begun_by = RESERVATION_BEGINS if period.phase is Phase.RESERVATION else SESSION_BEGINS
        elif period.phase is not before.phase:
            begun_by = story.begun.get(period.start_at, STATE_CHANGES)
        else:
            begun_by = _price_rule_of(cuts, started_at, period.start_at, drawn_wh)
        yield PeriodStory(period=period, end_at=end_of(period), begun_by=begun_by, lines=_lines_within(bill, period))
        drawn_wh += period.energy_wh
        before = period


def _price_rule_of(cuts: Cuts, started_at: datetime, at: datetime, drawn_wh: Decimal) -> str:
    """Which boundary of the tariff lies at this moment, where so much was drawn since the start."""
    lasted = at - started_at
    if lasted in (timedelta(seconds=limit) for limit in cuts.durations_s):
        return f"{PRICE_CHANGES}: {lasted} since the start"
    if cuts.zone is not None and at in moments_between(cuts, at - MICROSECOND, at + MICROSECOND, started_at):
        return f"{PRICE_CHANGES}: it is {at.astimezone(cuts.zone):%H:%M} there"
    reached = [limit for limit in cuts.energies_wh if abs(limit - drawn_wh) <= STATED_WH]
    if reached:
        return f"{PRICE_CHANGES}: {_kwh(reached[0])} kWh are reached"
    return POWER_CHANGES if cuts.powers_kw else PRICE_CHANGES


def _lines_within(bill: Bill | None, period: CdrPeriod) -> tuple[BillLine, ...]:
    if bill is None:
        return ()
    end_at = end_of(period)
    pieces = [
        piece
        for piece in bill.periods
        if piece.stretch.start_at == period.start_at or period.start_at <= piece.stretch.start_at < end_at
    ]
    return tuple(line for piece in pieces for line in piece.lines)


def _find_doubts(cdr: Cdr, story: SessionStory, bill: Bill | None) -> Iterable[str]:
    """Where story and arithmetic do not lead to what the bill says: told, never glossed over."""
    if cdr.credit:
        return  # a credit repeats the bill that it takes back, with its cost negative
    if story.facts:
        yield from _find_differences(cdr, story.ledger)
    if bill is None:
        return
    try:
        totals = state_totals(bill, places_of(cdr.terms))
    except UnpriceableError as error:
        yield f"the amounts cannot be reckoned again: {error}"
        return
    if totals.cost != cdr.totals.cost:
        yield (
            f"reckoned anew the bill comes to {totals.cost.before_taxes:f} {cdr.currency} before taxes, and says "
            f"{cdr.totals.cost.before_taxes:f}: the bill stands"
        )


def _find_differences(cdr: Cdr, ledger: Ledger) -> Iterable[str]:
    """Where the bill says something else than its messages, and the operator has not said so."""
    correction = cdr.correction
    told_wh = ledger.energy_wh.quantize(STATED_WH, rounding=ROUND_HALF_UP)
    if told_wh != cdr.energy_wh and (correction is None or correction.energy_wh is None):
        yield f"the messages come to {_kwh(told_wh)} kWh, the bill says {_kwh(cdr.energy_wh)} kWh: the bill stands"
    if ledger.ended_at != cdr.ended_at and (correction is None or correction.ended_at is None):
        yield "by the messages the session ended at another time than the bill says: the bill stands"


def _kwh(wh: Decimal) -> str:
    return f"{(wh / 1000).normalize():f}"
