"""What a month comes to, per partner and currency."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.domain.money import ZERO, Price, add_prices
from gateway.domain.reports import BilledCdr, Reconciliation, ReconciliationRow, UnbilledSession
from gateway.domain.sessions import Session, SessionStatus

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)

Key = tuple[str | None, str | None]
"""Partner and currency."""


def month_of(text: str, zone: str = "UTC") -> tuple[datetime, datetime]:
    """The first moment of a month ("2026-11") and of the next one, in UTC.  Raises ValueError with the remedy."""
    match = _MONTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no month; write for example 2026-11")
    try:
        tz = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is no time zone; write for example Europe/Amsterdam") from None
    year, month = int(match[1]), int(match[2])
    begin = datetime(year, month, 1, tzinfo=tz)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=tz)
    return begin.astimezone(UTC), end.astimezone(UTC)


def unbilled_of(session: Session) -> UnbilledSession | None:
    """Why a visit that is over has no bill; None: it goes on, or has one."""
    ended_at = session.ledger.ended_at
    if ended_at is None or session.sealed_cdr_id is not None:
        return None
    if session.waiver is not None and session.ledger.is_reservation:
        return None  # nobody came
    tariff = session.terms.tariff
    return UnbilledSession(
        session_id=session.id,
        station_id=session.key.station_id,
        partner_id=session.partner_id,
        currency=None if tariff is None else tariff.currency,
        ended_at=ended_at,
        energy_wh=session.ledger.energy_wh,
        reason=_reason_of(session),
    )


def _reason_of(session: Session) -> str:
    words = session.hold or session.waiver
    if words is not None:
        return words
    if session.is_awaited:
        return "the transaction that was ordered or reserved never came"
    if session.status is SessionStatus.INVALID:
        return "the card was refused" if session.id_token is not None else "no card was ever shown"
    return "the CDR is about to be made: late messages are awaited"


def reconcile(
    begin_at: datetime, end_at: datetime, cdrs: Sequence[BilledCdr], unbilled: Sequence[UnbilledSession]
) -> Reconciliation:
    """Put bills and visits without bill together; partners in the order of their ids, ours last."""
    keys: set[Key] = {(cdr.partner_id, cdr.currency) for cdr in cdrs}
    keys |= {(session.partner_id, session.currency) for session in unbilled}
    return Reconciliation(
        begin_at=begin_at,
        end_at=end_at,
        rows=tuple(_row_of(key, cdrs, unbilled) for key in sorted(keys, key=_order_of)),
        unbilled=tuple(sorted(unbilled, key=lambda session: (session.ended_at, session.session_id))),
        not_shown=tuple(cdr.cdr_id for cdr in cdrs if cdr.is_shown is False),
    )


def _row_of(key: Key, cdrs: Sequence[BilledCdr], unbilled: Sequence[UnbilledSession]) -> ReconciliationRow:
    own = [cdr for cdr in cdrs if (cdr.partner_id, cdr.currency) == key]
    bills, credits_ = [cdr for cdr in own if not cdr.is_credit], [cdr for cdr in own if cdr.is_credit]
    without = sum((session.partner_id, session.currency) == key for session in unbilled)
    return ReconciliationRow(
        partner_id=key[0],
        currency=key[1],
        sessions=len({cdr.session_id for cdr in own}) + without,
        unbilled=without,
        cdrs=len(bills),
        credits=len(credits_),
        shown=sum(cdr.is_shown is True for cdr in own),
        not_shown=sum(cdr.is_shown is False for cdr in own),
        refused=sum(cdr.is_refused for cdr in own),
        # OCPI 2.2.1 mod_cdrs 10.1.1: of a credit the cost alone is negative
        energy_wh=sum((cdr.energy_wh for cdr in bills), ZERO) - sum((cdr.energy_wh for cdr in credits_), ZERO),
        cost=_sum_of(cdr.cost for cdr in own),
    )


def _sum_of(prices: Iterable[Price]) -> Price:
    total = Price(before_taxes=ZERO, with_taxes=ZERO)
    for price in prices:
        total = add_prices(total, price)
    return total


def _order_of(key: Key) -> tuple[bool, str, bool, str]:
    partner_id, currency = key
    return partner_id is None, partner_id or "", currency is None, currency or ""
