"""Sessions in OCPI 2.2.1 (mod_sessions 9.3)."""

from __future__ import annotations

from typing import Any

from gateway.domain.cdrs import Totals
from gateway.domain.sessions import Ledger, Session
from gateway.ocpi.parts import NO_CURRENCY, period_ends, render_kwh, seconds_between
from gateway.ocpi.v221.cdrs import BILLS, may_name, render_cdr_token, render_period
from gateway.ocpi.v221.common import Bills
from gateway.ocpi.wire import NOT_AVAILABLE, CannotSayError, render_time, without_absent


def render_session(session: Session, totals: Totals | None = None, bills: Bills = BILLS) -> dict[str, Any]:
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
            "cdr_token": render_cdr_token(terms.token, bills.words),
            "auth_method": terms.auth_method.value,
            "authorization_reference": terms.authorization_reference,
            "location_id": terms.place.location.id,
            "evse_uid": terms.place.evse.uid,
            # 9.3.1: which plug of a reserved EVSE it will be is the driver's choice
            "connector_id": NOT_AVAILABLE
            if ledger.is_reservation and terms.place.shares_evse
            else terms.place.connector.id,
            "currency": terms.tariff.currency if terms.tariff else NO_CURRENCY,
            "charging_periods": _render_periods(
                ledger, terms.tariff.id if terms.tariff and may_name(terms.tariff, bills) else None
            ),
            "total_cost": bills.render_price(totals.cost, totals.taxes) if totals else None,
            "status": session.status.value,
            "last_updated": render_time(session.last_updated),
        }
    )


def _render_periods(ledger: Ledger, tariff_id: str | None) -> list[dict[str, Any]]:
    return [
        render_period(period.start_at, period.phase, seconds_between(period.start_at, end), period.energy_wh, tariff_id)
        for period, end in zip(ledger.periods, period_ends(ledger), strict=True)
    ]
