"""What a session costs so far, for those who watch it run."""

from decimal import Decimal

from gateway.core.cdrs import bill_session, find_waiver, places_of
from gateway.core.pricing import state_totals
from gateway.core.restrictions import UnpriceableError
from gateway.domain.cdrs import Totals
from gateway.domain.money import ZERO, Price
from gateway.domain.sessions import Session, SessionStatus


def find_cost(session: Session) -> Totals | None:
    """The cost as if the session had ended with its latest fact; for one that has ended that of its CDR.

    None where nothing can be said: without a tariff that can be priced, and as long as a running session costs
    nothing, for a cost of 0 means that it is free of charge (OCPI 2.2.1 mod_sessions 9.3.1 total_cost).
    """
    ledger, terms = session.ledger, session.terms
    if terms.tariff is None or terms.place is None or session.status is SessionStatus.INVALID or not ledger.periods:
        return None
    if session.waiver is not None or find_waiver(session) is not None:
        return Totals(cost=Price(before_taxes=ZERO, with_taxes=ZERO))
    try:
        _, bill = bill_session(terms.place, terms.tariff, ledger, ledger.ended_at or ledger.last_at)
        totals = state_totals(bill, places_of(terms))
    except UnpriceableError:
        return None
    return None if session.is_open and totals.cost.before_taxes == Decimal(0) else totals
