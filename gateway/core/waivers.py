"""Sessions in which nothing was drawn: which of them get no CDR, and why.

OCPI says of no session that it must have a CDR (2.3.0 mod_cdrs 10.1); a CDR over nothing is work for everybody whom
it reaches.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.cdrs import Hold
from gateway.domain.cdrs import Cdr
from gateway.domain.ids import station_key
from gateway.domain.sessions import Session


class EmptyCdrs(StrEnum):
    """When a session in which nothing was drawn gets a CDR."""

    COSTLY = "costly"
    """When it costs something: parking, a flat fee, a reservation."""
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRules:
    """`never_at`: the keys (`station_key`) of stations at which it is NEVER, whatever `empty_cdrs` says."""

    empty_cdrs: EmptyCdrs = EmptyCdrs.COSTLY
    never_at: frozenset[str] = frozenset()


def find_empty_waiver(session: Session, decision: Cdr | Hold, rules: WaiverRules) -> str | None:
    """Why a session that is over gets no CDR, though `decision` is the one it would have; None where it gets one.

    A session that cannot be priced may cost something: it is waived only where it would be whatever it costs.
    """
    energy_wh = decision.energy_wh if isinstance(decision, Cdr) else session.ledger.energy_wh
    if energy_wh:
        return None
    nothing = "nothing was drawn" if session.ledger.start_register_wh is not None else "no energy was ever told"
    if station_key(session.key.station_id) in rules.never_at:
        return f"{nothing}, and none is made of such a session at this station ([sessions] empty_cdrs_never_at)"
    if rules.empty_cdrs is EmptyCdrs.NEVER:
        return f'{nothing}, and none is made of such a session ([sessions] empty_cdrs = "never")'
    if rules.empty_cdrs is EmptyCdrs.ALWAYS or isinstance(decision, Hold):
        return None
    cost = decision.totals.cost
    if cost.before_taxes or cost.with_taxes:
        return None
    return f'{nothing}, and it costs nothing ([sessions] empty_cdrs = "costly")'
