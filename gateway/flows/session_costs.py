"""What a session costs so far, for those who watch it run."""

from datetime import datetime, timedelta
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


class CostsTold:
    """What stations that show the cost to the driver are told of it, in the answers to their transaction's events.

    OCPP 2.0.1 I02.FR.01, I03.FR.02: the running cost at intervals, the final one at the end, with taxes.
    """

    def __init__(self, interval_s: int) -> None:
        """`interval_s` between two running costs of a session; 0: the final cost only; negative: none."""
        self._interval = None if interval_s < 0 else timedelta(seconds=interval_s)
        self._due: dict[str, datetime] = {}

    def find_due(self, session: Session, now: datetime) -> Decimal | None:
        """The cost to tell now; None where it is too early, or not known with its taxes.

        A transaction of which messages are missing has no final cost yet.
        """
        if self._interval is None:
            return None
        if session.ledger.ended_at is not None:
            self.forget(session.id)
            return None if session.ledger.has_gap else _with_taxes(find_cost(session))
        due_at = self._due.get(session.id)
        if not self._interval or (due_at is not None and now < due_at):
            return None
        self._due[session.id] = now + self._interval
        return _with_taxes(find_cost(session))

    def forget(self, session_id: str) -> None:
        self._due.pop(session_id, None)


def _with_taxes(totals: Totals | None) -> Decimal | None:
    return None if totals is None else totals.cost.with_taxes
