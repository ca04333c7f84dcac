"""Sessions, facts and CDRs as the operator sees them."""

from decimal import Decimal
from typing import Any

from gateway.domain.cdrs import Cdr, CdrPeriod, Correction
from gateway.domain.locations import Place
from gateway.domain.meters import Reading
from gateway.domain.money import Price
from gateway.domain.profiles import ChargingPreferences, ChargingProfile, SessionProfile
from gateway.domain.sessions import Fact, Session
from gateway.domain.tokens import Token

WH_PER_KWH = Decimal(1000)


def render_session(session: Session) -> dict[str, Any]:
    """`fact_count` counts its messages; `hold` says why it has no CDR yet, `waiver` why none at all."""
    ledger, terms = session.ledger, session.terms
    return {
        "id": session.id,
        "station_id": session.key.station_id,
        "evse_no": session.key.evse_no,
        "connector_no": session.key.connector_no,
        "transaction_id": session.transaction_id,
        "token_uid": session.id_token.value if session.id_token else None,
        "status": session.status,
        "started_at": ledger.started_at,
        "ended_at": ledger.ended_at,
        "stop_reason": ledger.stop_reason,
        "charging_state": ledger.charging_state,
        "energy_wh": ledger.energy_wh,
        "energy_kwh": ledger.energy_wh / WH_PER_KWH,
        "flags": ledger.flags,
        "fact_count": ledger.fact_count,
        "hold": session.hold,
        "waiver": session.waiver,
        "seal_due_at": session.seal_due_at,
        "cdr_id": session.sealed_cdr_id,
        "partner_id": session.partner_id,
        "auth_method": terms.auth_method,
        "authorization_reference": terms.authorization_reference,
        "tariff_id": terms.tariff.id if terms.tariff else None,
        "preferences": _render_preferences(terms.preferences),
        **_render_place(terms.place),
        "last_updated": session.last_updated,
    }


def _render_preferences(wishes: ChargingPreferences | None) -> dict[str, Any] | None:
    if wishes is None:
        return None
    return {
        "profile_type": wishes.profile_type,
        "departure_at": wishes.departure_at,
        "energy_need_kwh": wishes.energy_need_kwh,
        "discharge_allowed": wishes.discharge_allowed,
    }


def render_profile(profile: SessionProfile | None) -> dict[str, Any] | None:
    """What a partner has set on a running session; `profile` None: it was cleared again."""
    if profile is None:
        return None
    return {
        "partner_id": profile.partner_id,
        "set_at": profile.set_at,
        "profile": None if profile.profile is None else _render_limits(profile.profile),
    }


def _render_limits(profile: ChargingProfile) -> dict[str, Any]:
    return {
        "unit": profile.unit,
        "start_at": profile.start_at,
        "duration_s": profile.duration_s,
        "min_rate": profile.min_rate,
        "periods": [{"start_s": period.start_s, "limit": period.limit} for period in profile.periods],
    }


def render_fact(fact: Fact) -> dict[str, Any]:
    """`at` is the device's time (that of the receipt where it was implausible), `at_raw` its own text."""
    return {
        "kind": fact.kind,
        "at": fact.at,
        "at_raw": fact.at_raw,
        "received_at": fact.received_at,
        "message_id": fact.message_id,
        "seq_no": fact.seq_no,
        "charging_state": fact.charging_state,
        "token_uid": fact.id_token.value if fact.id_token else None,
        "trigger": fact.trigger,
        "stop_reason": fact.stop_reason,
        "offline": fact.offline,
        "flags": fact.flags,
        "readings": [render_reading(reading) for reading in fact.readings],
    }


def render_cdr(cdr: Cdr) -> dict[str, Any]:
    """A bill; `costs` add up to `total_cost`, None where the tariff has no such component."""
    totals = cdr.totals
    return {
        "id": cdr.id,
        "ordinal": cdr.ordinal,
        "session_id": cdr.session_id,
        "partner_id": cdr.partner_id,
        "country_code": cdr.party.country_code,
        "party_id": cdr.party.party_id,
        "started_at": cdr.started_at,
        "ended_at": cdr.ended_at,
        "energy_wh": cdr.energy_wh,
        "energy_kwh": cdr.energy_wh / WH_PER_KWH,
        "time_s": cdr.time_s,
        "charging_time_s": cdr.time_s - cdr.parking_time_s,
        "parking_time_s": cdr.parking_time_s,
        "currency": cdr.currency,
        "total_cost": _render_price(totals.cost),
        "costs": {
            "fixed": _render_price(totals.fixed),
            "energy": _render_price(totals.energy),
            "time": _render_price(totals.time),
            "parking": _render_price(totals.parking),
            "reservation": _render_price(totals.reservation),
        },
        "periods": [_render_period(period) for period in cdr.periods],
        "token_uid": _uid_of(cdr.terms.token),
        "station_id": _station_of(cdr.terms.place),
        "tariff_id": cdr.terms.tariff.id if cdr.terms.tariff else None,
        **_render_place(cdr.terms.place),
        "flags": cdr.flags,
        "remark": cdr.remark,
        "credit": cdr.credit,
        "credit_reference_id": cdr.credit_reference_id,
        "corrects_id": cdr.corrects_id,
        "correction": _render_correction(cdr.correction),
        "home_charging_compensation": cdr.home_charging_compensation,
        "invoice_reference_id": cdr.invoice_reference_id,
        "last_updated": cdr.last_updated,
    }


def _render_correction(correction: Correction | None) -> dict[str, Any] | None:
    if correction is None:
        return None
    return {
        "reason": correction.reason,
        "late_facts_to": correction.late_facts_to or None,
        "tariff_id": correction.tariff_id,
        "energy_wh": correction.energy_wh,
        "ended_at": correction.ended_at,
    }


def _render_place(place: Place | None) -> dict[str, Any]:
    return {
        "location_id": place.location.id if place else None,
        "evse_uid": place.evse.uid if place else None,
        "connector_id": place.connector.id if place else None,
    }


def render_reading(reading: Reading) -> dict[str, Any]:
    return {
        "at": reading.at,
        "measurand": reading.measurand,
        "value": reading.value,
        "unit": reading.unit,
        "multiplier": reading.multiplier,
        "context": reading.context,
        "phase": reading.phase,
        "location": reading.location,
        "raw": reading.raw,
    }


def _render_period(period: CdrPeriod) -> dict[str, Any]:
    return {
        "start_at": period.start_at,
        "phase": period.phase,
        "duration_s": period.duration_s,
        "energy_wh": period.energy_wh,
    }


def _render_price(price: Price | None) -> dict[str, Any] | None:
    return None if price is None else {"before_taxes": price.before_taxes, "with_taxes": price.with_taxes}


def _uid_of(token: Token | None) -> str | None:
    return None if token is None else token.uid


def _station_of(place: Place | None) -> str | None:
    return place.connector.key.station_id if place and place.connector.key else None
