"""CDRs in OCPI 2.2.1 (mod_cdrs 10.3), and the classes that sessions share with them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.domain.bills import Part
from gateway.domain.cdrs import Cdr, CdrPeriod
from gateway.domain.locations import Place
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import Token
from gateway.ocpi.parts import render_coordinates, render_hours, render_kwh
from gateway.ocpi.v221.common import Bills, Words, render_price
from gateway.ocpi.v221.locations import WORDS
from gateway.ocpi.v221.signed_data import render_signed_data
from gateway.ocpi.v221.tariffs import render_tariff
from gateway.ocpi.wire import NOT_AVAILABLE, CannotSayError, clip, render_time, withhold, without_absent

TIME_OF = {Phase.CHARGING: "TIME", Phase.PARKING: "PARKING_TIME", Phase.RESERVATION: "RESERVATION_TIME"}
BILLS = Bills(words=WORDS, render_price=render_price, render_tariff=render_tariff)


def render_cdr(cdr: Cdr, bills: Bills = BILLS) -> dict[str, Any]:
    """The bill.  Its tariff is left out where this version cannot say it exactly: the costs stand for themselves."""
    terms, totals = cdr.terms, cdr.totals
    if terms.token is None or terms.place is None:
        raise CannotSayError(f"CDR {cdr.id} has no token or no location: OCPI requires both")
    prices = {
        "total_fixed_cost": (totals.fixed, Part.FIXED),
        "total_energy_cost": (totals.energy, Part.ENERGY),
        "total_time_cost": (totals.time, Part.TIME),
        "total_parking_cost": (totals.parking, Part.PARKING),
        "total_reservation_cost": (totals.reservation, Part.RESERVATION),
    }
    tariffs = _render_tariffs(terms.tariff, bills)
    tariff_id = tariffs[0]["id"] if tariffs else None
    return without_absent(
        {
            "country_code": cdr.party.country_code,
            "party_id": cdr.party.party_id,
            "id": cdr.id,
            "start_date_time": render_time(cdr.started_at),
            "end_date_time": render_time(cdr.ended_at),
            "session_id": cdr.session_id,
            "cdr_token": render_cdr_token(terms.token, bills.words),
            "auth_method": terms.auth_method.value,
            "authorization_reference": terms.authorization_reference,
            "cdr_location": _render_cdr_location(
                terms.place, bills.words, has_plug=not (_is_unused(cdr) and terms.place.shares_evse)
            ),
            "currency": cdr.currency,
            "tariffs": tariffs,
            "charging_periods": [_render_cdr_period(period, tariff_id) for period in cdr.periods],
            "signed_data": render_signed_data(cdr.id, cdr.signed_values),
            "total_cost": bills.render_price(totals.cost, totals.taxes),
            **{
                name: bills.render_price(price, [tax for tax in totals.taxes if tax.part is part])
                for name, (price, part) in prices.items()
                if price is not None
            },
            "total_energy": render_kwh(cdr.energy_wh),
            "total_time": render_hours(cdr.time_s),
            "total_parking_time": render_hours(cdr.parking_time_s),
            "remark": cdr.remark and clip(cdr.remark, 255, "cdr.remark"),
            "invoice_reference_id": cdr.invoice_reference_id,
            "credit": cdr.credit or None,
            "credit_reference_id": cdr.credit_reference_id,
            "home_charging_compensation": cdr.home_charging_compensation,
            "last_updated": render_time(cdr.last_updated),
        }
    )


def render_cdr_token(token: Token, words: Words = WORDS) -> dict[str, Any]:
    """OCPI 2.2.1 mod_cdrs 10.4.5.  EMAID came with a later version: here such a token is OTHER."""
    return {
        "country_code": token.party.country_code,
        "party_id": token.party.party_id,
        "uid": token.uid,
        "type": token.type if token.type in words.token_types else "OTHER",
        "contract_id": token.contract_id,
    }


def render_period(
    start_at: datetime, phase: Phase, duration_s: Decimal, energy_wh: Decimal, tariff_id: str | None
) -> dict[str, Any]:
    """A period always has its time; its energy only where there was any."""
    dimensions = [{"type": TIME_OF[phase], "volume": render_hours(duration_s)}]
    if energy_wh:
        dimensions.insert(0, {"type": "ENERGY", "volume": render_kwh(energy_wh)})
    return without_absent({"start_date_time": render_time(start_at), "dimensions": dimensions, "tariff_id": tariff_id})


def _render_cdr_period(period: CdrPeriod, tariff_id: str | None) -> dict[str, Any]:
    """Power and current stand beside energy and time where a price depends on them."""
    body = render_period(period.start_at, period.phase, period.duration_s, period.energy_wh, tariff_id)
    flows = (
        ("MIN_CURRENT", period.current and period.current.least),
        ("MAX_CURRENT", period.current and period.current.most),
        ("MIN_POWER", period.power and period.power.least),
        ("MAX_POWER", period.power and period.power.most),
    )
    body["dimensions"] += [{"type": name, "volume": volume} for name, volume in flows if volume is not None]
    return body


def _is_unused(cdr: Cdr) -> bool:
    """Is it the bill of a reservation that never became a session?"""
    return all(period.phase is Phase.RESERVATION for period in cdr.periods)


def _render_cdr_location(place: Place, words: Words, *, has_plug: bool) -> dict[str, Any]:
    """Here address and state are shorter than in the Location object.  OCPI 2.2.1 mod_cdrs 10.4.4

    `has_plug`: which plug it was is known; else the driver of a reservation never chose one.
    """
    location, evse, connector = place.location, place.evse, place.connector
    if connector.standard not in words.connector_types:
        raise CannotSayError(f"connector {connector.id} is {connector.standard}: not a standard of OCPI {words.number}")
    return without_absent(
        {
            "id": location.id,
            "name": location.name and clip(location.name, 255, "cdr_location.name"),
            "address": clip(location.address, 45, "cdr_location.address"),
            "city": clip(location.city, 45, "cdr_location.city"),
            "postal_code": location.postal_code and clip(location.postal_code, 10, "cdr_location.postal_code"),
            "state": location.state and clip(location.state, 20, "cdr_location.state"),
            "country": location.country,
            "coordinates": render_coordinates(location.coordinates),
            "evse_uid": evse.uid,
            "evse_id": evse.evse_id or NOT_AVAILABLE,
            "connector_id": connector.id if has_plug else NOT_AVAILABLE,
            "connector_standard": connector.standard,
            "connector_format": connector.format,
            "connector_power_type": connector.power_type,
        }
    )


def may_name(tariff: Tariff | None, bills: Bills = BILLS) -> bool:
    """A tariff that partners cannot read in this version is not referred to either."""
    return bool(_render_tariffs(tariff, bills))


def _render_tariffs(tariff: Tariff | None, bills: Bills) -> list[dict[str, Any]]:
    try:
        return [bills.render_tariff(tariff)] if tariff else []
    except CannotSayError as error:
        withhold(str(error))
        return []
