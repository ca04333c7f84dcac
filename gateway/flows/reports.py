"""Reports for those who settle accounts."""

from datetime import datetime

from gateway.core.reports import month_of, reconcile, unbilled_of
from gateway.domain.reports import Reconciliation
from gateway.ports import Store

__all__ = ["load_reconciliation", "month_of"]


async def load_reconciliation(
    store: Store, begin_at: datetime, end_at: datetime, partner_id: str | None
) -> Reconciliation:
    """What ended in that time and what came of it, of one partner or (None) of all and of our own cards."""
    cdrs = await store.list_billed(begin_at, end_at)
    over = [unbilled_of(session) for session in await store.list_unbilled(begin_at, end_at)]
    unbilled = [session for session in over if session is not None and begin_at <= session.ended_at < end_at]
    if partner_id is not None:
        cdrs = [cdr for cdr in cdrs if cdr.partner_id == partner_id]
        unbilled = [session for session in unbilled if session.partner_id == partner_id]
    return reconcile(begin_at, end_at, cdrs, unbilled)
