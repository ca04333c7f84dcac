"""CDRs in OCPI 2.1.1 (mod_cdrs 3): one total before taxes, the location within, and no way to take a bill back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from gateway.domain.cdrs import Cdr, CdrPeriod, Totals
from gateway.domain.sessions import Period, Phase
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import AuthMethod
from gateway.ocpi.parts import render_hours, render_kwh
from gateway.ocpi.v211.common import plain_text
from gateway.ocpi.v211.locations import render_place
from gateway.ocpi.v211.tariffs import render_tariff
from gateway.ocpi.wire import CannotSayError, render_time, withhold, without_absent

P = TypeVar("P", CdrPeriod, Period)
TIME_OF = {Phase.CHARGING: "TIME", Phase.PARKING: "PARKING_TIME"}


def render_cdr(cdr: Cdr) -> dict[str, Any]:
    """The bill.  Raises CannotSayError for what this version has no words for.

    That is a credit, and with it the bill that takes the place of the credited one: without the credit it would be
    paid beside it.
    """
    terms = cdr.terms
    if terms.token is None or terms.place is None:
        raise CannotSayError(f"CDR {cdr.id} has no token or no location: OCPI requires both")
    if cdr.credit or cdr.corrects_id is not None:
        what = f"takes back CDR {cdr.credit_reference_id}" if cdr.credit else f"replaces CDR {cdr.corrects_id}"
        raise CannotSayError(f"CDR {cdr.id} {what}, which OCPI 2.1.1 cannot say: settle it with the partner yourself")
    if cdr.signed_values:
        withhold("signed_data")
    periods = without_reservation(cdr.periods, cdr.totals, f"CDR {cdr.id}")
    tariffs = render_tariffs(terms.tariff)
    return without_absent(
        {
            "id": cdr.id,
            "start_date_time": render_time(cdr.started_at if periods is cdr.periods else periods[0].start_at),
            "stop_date_time": render_time(cdr.ended_at),
            "auth_id": terms.token.contract_id,
            "auth_method": auth_method_of(terms.auth_method),
            "location": render_place(terms.place, tariffs[0]["id"] if tariffs else None),
            "currency": cdr.currency,
            "tariffs": tariffs,
            "charging_periods": with_start_fee([_render_cdr_period(period) for period in periods], cdr.totals),
            "total_cost": cdr.totals.cost.before_taxes,
            "total_energy": render_kwh(cdr.energy_wh),
            "total_time": render_hours(cdr.time_s),
            "total_parking_time": render_hours(cdr.parking_time_s),
            "remark": cdr.remark and plain_text(cdr.remark, 255, "cdr.remark"),
            "last_updated": render_time(cdr.last_updated),
        }
    )


def auth_method_of(method: AuthMethod) -> str:
    """A command of the eMSP was its request.  OCPI 2.1.1 mod_cdrs 4.1"""
    return AuthMethod.AUTH_REQUEST.value if method is AuthMethod.COMMAND else method.value


def without_reservation(periods: Sequence[P], totals: Totals | None, what: str) -> Sequence[P]:
    """The periods of the charging alone: a reservation is no session here, and has no price.

    Raises CannotSayError where it was all there was, or is to be paid.
    """
    rest = [period for period in periods if period.phase is not Phase.RESERVATION]
    if len(rest) == len(periods):
        return periods
    if not rest:
        raise CannotSayError(f"{what} is of a reservation that was not used, which is no session in OCPI 2.1.1")
    if totals is not None and totals.reservation is not None and totals.reservation.before_taxes:
        raise CannotSayError(f"{what} has a price for a reservation, and OCPI 2.1.1 has no reservation time")
    return rest


def render_period(start_at: datetime, phase: Phase, duration_s: Decimal, energy_wh: Decimal) -> dict[str, Any]:
    """A period always has its time; its energy only where there was any."""
    dimensions = [{"type": TIME_OF[phase], "volume": render_hours(duration_s)}]
    if energy_wh:
        dimensions.insert(0, {"type": "ENERGY", "volume": render_kwh(energy_wh)})
    return {"start_date_time": render_time(start_at), "dimensions": dimensions}


def with_start_fee(periods: list[dict[str, Any]], totals: Totals | None) -> list[dict[str, Any]]:
    """A fee per session is a dimension of its first period.  OCPI 2.1.1 mod_cdrs 4.3 FLAT"""
    if periods and totals is not None and totals.fixed is not None and totals.fixed.before_taxes:
        first = periods[0]
        periods[0] = {**first, "dimensions": [*first["dimensions"], {"type": "FLAT", "volume": 1}]}
    return periods


def _render_cdr_period(period: CdrPeriod) -> dict[str, Any]:
    body = render_period(period.start_at, period.phase, period.duration_s, period.energy_wh)
    if period.current is not None:
        flows = (("MIN_CURRENT", period.current.least), ("MAX_CURRENT", period.current.most))
        body["dimensions"] += [{"type": name, "volume": volume} for name, volume in flows if volume is not None]
    return body


def render_tariffs(tariff: Tariff | None) -> list[dict[str, Any]]:
    """Left out where this version cannot say it exactly: the costs stand for themselves."""
    try:
        return [render_tariff(tariff)] if tariff else []
    except CannotSayError as error:
        withhold(str(error))
        return []
