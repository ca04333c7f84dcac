"""Sessions in OCPI 2.1.1 (mod_sessions 3): the location stands within."""

from __future__ import annotations

from typing import Any

from gateway.domain.cdrs import Totals
from gateway.domain.sessions import Session
from gateway.ocpi.parts import NO_CURRENCY, period_ends, render_kwh, seconds_between
from gateway.ocpi.v211.cdrs import auth_method_of, render_period, render_tariffs, with_start_fee, without_reservation
from gateway.ocpi.v211.locations import render_place
from gateway.ocpi.wire import CannotSayError, render_time, without_absent


def render_session(session: Session, totals: Totals | None = None) -> dict[str, Any]:
    """`total_cost` (before taxes) is left out where it is not known: 0 would mean free of charge."""
    terms, ledger = session.terms, session.ledger
    if terms.token is None or terms.place is None:
        raise CannotSayError(f"session {session.id} has no eMSP token or its plug has no location")
    if ledger.is_reservation:
        raise CannotSayError(f"session {session.id} is a reservation, which is no session in OCPI 2.1.1")
    told = without_reservation(ledger.periods, totals, f"session {session.id}")
    ends = period_ends(ledger)[len(ledger.periods) - len(told) :]
    periods = [
        render_period(period.start_at, period.phase, seconds_between(period.start_at, end), period.energy_wh)
        for period, end in zip(told, ends, strict=True)
    ]
    tariffs = render_tariffs(terms.tariff)
    return without_absent(
        {
            "id": session.id,
            "start_datetime": render_time(ledger.started_at),
            "end_datetime": render_time(ledger.ended_at) if ledger.ended_at else None,
            "kwh": render_kwh(ledger.energy_wh),
            "auth_id": terms.token.contract_id,
            "auth_method": auth_method_of(terms.auth_method),
            "location": render_place(terms.place, tariffs[0]["id"] if tariffs else None),
            "currency": terms.tariff.currency if terms.tariff else NO_CURRENCY,
            "charging_periods": with_start_fee(periods, totals),
            "total_cost": totals.cost.before_taxes if totals else None,
            "status": session.status.value,
            "last_updated": render_time(session.last_updated),
        }
    )
