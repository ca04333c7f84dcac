"""Sessions in OCPI 2.2.1 (mod_sessions 9.3)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from gateway.domain.money import Price
from gateway.domain.sessions import Ledger, Session
from gateway.ocpi.v221.cdrs import may_name, render_cdr_token, render_period
from gateway.ocpi.v221.common import render_kwh, render_price
from gateway.ocpi.wire import CannotSayError, render_time, without_absent

NO_CURRENCY = "XXX"  # ISO 4217: no currency involved; the field is required, and no tariff applies


def render_session(session: Session, cost: Price | None = None) -> dict[str, Any]:
    """`total_cost` is left out where it is not known: 0 would mean free of charge."""
    terms, ledger = session.terms, session.ledger
    if terms.token is None or terms.place is None:
        raise CannotSayError(f"session {session.id} has no eMSP token or its plug has no location")
    party = terms.place.location.party
    return without_absent(
        {
            "country_code": party.country_code,
            "party_id": party.party_id,
            "id": session.id,
            "start_date_time": render_time(ledger.started_at),
            "end_date_time": render_time(ledger.ended_at) if ledger.ended_at else None,
            "kwh": render_kwh(ledger.energy_wh),
            "cdr_token": render_cdr_token(terms.token),
            "auth_method": terms.auth_method.value,
            "authorization_reference": terms.authorization_reference,
            "location_id": terms.place.location.id,
            "evse_uid": terms.place.evse.uid,
            "connector_id": terms.place.connector.id,
            "currency": terms.tariff.currency if terms.tariff else NO_CURRENCY,
            "charging_periods": _render_periods(
                ledger, terms.tariff.id if terms.tariff and may_name(terms.tariff) else None
            ),
            "total_cost": render_price(cost) if cost else None,
            "status": session.status.value,
            "last_updated": render_time(session.last_updated),
        }
    )


def _render_periods(ledger: Ledger, tariff_id: str | None) -> list[dict[str, Any]]:
    """A period lasts until the next begins; the last one until the end, or until the latest fact."""
    if not ledger.periods:
        return []
    ends = [later.start_at for _, later in pairwise(ledger.periods)]
    ends.append(ledger.ended_at or max(ledger.last_at, ledger.periods[-1].start_at))
    return [
        render_period(period.start_at, period.phase, _seconds(period.start_at, end), period.energy_wh, tariff_id)
        for period, end in zip(ledger.periods, ends, strict=True)
    ]


def _seconds(start: datetime, end: datetime) -> Decimal:
    span = max(end, start) - start
    return Decimal(span.days * 86_400 + span.seconds) + Decimal(span.microseconds) / 1_000_000
