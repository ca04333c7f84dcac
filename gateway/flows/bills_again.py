"""Bills that a partner is to be told again."""

from datetime import datetime

from gateway.domain.deliveries import Delivery, bill_subject
from gateway.domain.partners import Partner
from gateway.ports import Enqueue, PageAsked, Store

PAGE = 100


async def list_bills(store: Store, partner: Partner, bills_from: datetime, now: datetime) -> list[Enqueue]:
    """A delivery, due now, for each bill of the partner's since then."""
    after, rows = 0, []
    next_after: int | None = None
    while after == 0 or next_after is not None:
        asked = PageAsked(offset=0, limit=PAGE, date_from=bills_from, after=next_after)
        page = await store.page_cdrs(partner.id, None, partner.version or "", asked)
        for row in page.items:
            cdr = row.cdr or await store.find_cdr(row.cdr_id)
            if cdr is not None:
                subject = bill_subject(cdr.session_id, cdr.id)
                rows.append(Enqueue(Delivery(partner_id=partner.id, subject=subject, due_at=now, created_at=now)))
        after, next_after = after + 1, page.next_after
    return rows
