"""How a bill came about."""

from dataclasses import replace

from gateway.core.explanations import explain_cdr
from gateway.core.provenance import WAITED
from gateway.domain.explanations import Explanation, LateStory
from gateway.errors import NotFoundError
from gateway.ports import Store

__all__ = ["WAITED", "load_explanation"]


async def load_explanation(store: Store, cdr_id: str) -> Explanation:
    """The story of a bill.  Raises NotFoundError."""
    cdr = await store.find_cdr(cdr_id)
    if cdr is None:
        raise NotFoundError(f"there is no CDR {cdr_id!r}")
    facts = await store.load_facts(cdr.session_id)  # before the session, should it be forgotten in between
    session = await store.find_session(cdr.session_id)
    if session is None:
        raise NotFoundError(f"there is no session {cdr.session_id!r}, of which CDR {cdr_id!r} is")
    counted = 0 if cdr.correction is None else cdr.correction.late_facts_to
    late = [
        LateStory(fact=one.fact, reason=one.reason, counts=one.no <= counted)
        for one in await store.load_late_facts(session.id)
    ]
    others = [other for other in await store.load_cdrs_of_session(session.id) if other.id != cdr.id]
    told = explain_cdr(cdr, session, facts, late, others, await store.load_shown_cdr(cdr.id))
    receipts, waiting = await store.load_pushed_cdr(cdr.id)
    return replace(told, receipts=tuple(receipts), waiting=tuple(waiting))
