"""Sealing a session into its CDR."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from gateway.core.cuts import NO_CUTS, Cuts
from gateway.core.pieces import Circumstances, PriceRules, compile_rules, cut_stretches
from gateway.core.pricing import STATED_PLACES, find_pricing_obstacle, price_stretches, state_totals
from gateway.core.restrictions import UnpriceableError
from gateway.core.stretches import W_PER_KW, time_s_of
from gateway.domain.bills import Bill, Stretch
from gateway.domain.cdrs import Cdr, CdrPeriod
from gateway.domain.flags import RESERVATION_EXPIRED, RESERVATION_WITHDRAWN
from gateway.domain.locations import Place
from gateway.domain.money import ZERO
from gateway.domain.sessions import Ledger, Period, Phase, Session, SessionStatus, Terms
from gateway.domain.tariffs import Tariff

STATED_WH = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """No CDR can be made yet; `reason` says why and what to do."""

    reason: str


def decide_cdr(session: Session, *, cdr_id: str, now: datetime) -> Cdr | Hold:
    """The CDR of a completed session, or what stands in its way.  Nothing is ever priced by a guess."""
    ledger, terms = session.ledger, session.terms
    if session.status is not SessionStatus.COMPLETED or ledger.ended_at is None:
        return Hold(reason="the session has not ended")
    if terms.place is None:
        return Hold(
            reason=f"no location has connector {session.key.connector_no} of EVSE {session.key.evse_no} of station "
            f"{session.key.station_id}: put it into a location"
        )
    if terms.tariff is None:
        return Hold(
            reason=f"connector {terms.place.connector.id} of EVSE {terms.place.evse.uid} has no tariff: give it one "
            "(a tariff with FLAT 0.00 if charging is free)"
        )
    obstacle = find_pricing_obstacle(terms.tariff)
    if obstacle is not None:
        return Hold(reason=f"tariff {terms.tariff.id}: {obstacle}")
    try:
        stretches, bill = bill_session(terms.place, terms.tariff, ledger, ledger.ended_at)
        totals = state_totals(bill, places_of(terms))
    except UnpriceableError as error:
        return Hold(reason=str(error))
    periods = tuple(map(_cdr_period_of, stretches))
    parking_s = _time_in(periods, Phase.PARKING)
    return Cdr(
        id=cdr_id,
        session_id=session.id,
        party=terms.place.location.party,
        partner_id=session.partner_id,
        terms=terms,
        started_at=ledger.reserved_at or ledger.started_at,  # OCPI 2.3.0 mod_cdrs 10.3.1 start_date_time
        ended_at=ledger.ended_at,
        currency=terms.tariff.currency,
        periods=periods,
        totals=totals,
        energy_wh=sum((period.energy_wh for period in periods), ZERO),
        time_s=_time_in(periods, Phase.CHARGING) + parking_s,
        parking_time_s=parking_s,
        flags=ledger.flags
        | ({"gap"} if ledger.has_gap else frozenset())
        | {applied.limit.value for applied in bill.limits},
        home_charging_compensation=terms.place.evse.home_charging_compensation or None,
        last_updated=now,
    )


def find_waiver(session: Session) -> str | None:
    """Why a reservation that was not used needs no CDR; None for one that costs something, and for any session.

    OCPI 2.3.0 mod_sessions 9.1.2: a CDR might be created just for the costs of the reservation.
    """
    ledger, terms = session.ledger, session.terms
    if not ledger.is_reservation or ledger.ended_at is None:
        return None
    if RESERVATION_WITHDRAWN in ledger.flags:
        return "nobody pays for a reservation that was taken back"
    if terms.tariff is None or terms.place is None or not _prices_reservations(terms.tariff):
        return "its tariff has no price for a reservation"
    try:
        _, bill = bill_session(terms.place, terms.tariff, ledger, ledger.ended_at)
    except UnpriceableError:
        return None
    return None if bill.summed.with_taxes else "it costs nothing under its tariff"


def _prices_reservations(tariff: Tariff) -> bool:
    return any(one.restrictions is not None and one.restrictions.reservation is not None for one in tariff.elements)


def bill_session(place: Place, tariff: Tariff, ledger: Ledger, until: datetime) -> tuple[tuple[Stretch, ...], Bill]:
    """The periods of the session as its CDR states them, and what they cost.  Raises UnpriceableError."""
    rules = compile_rules((tariff,), place.location.time_zone)
    circumstances = circumstances_of(place, is_expired=RESERVATION_EXPIRED in ledger.flags)
    stretches = state_stretches(rules, stretches_of(ledger, until), circumstances)
    return stretches, price_stretches(rules, stretches, circumstances, keeps_borders=True)


def price_cuts_of(terms: Terms) -> Cuts:
    """Where the price of a session under these terms may change; the fold of its facts is cut there.

    None where nothing can be priced yet, or for good: then the session is held anyhow, and says why.
    """
    cuts = _tariff_cuts_of(terms)
    if not terms.parks_when_curtailed:
        return cuts
    return _PARKS_WHEN_CURTAILED if cuts is NO_CUTS else replace(cuts, parks_when_curtailed=True)


_PARKS_WHEN_CURTAILED = replace(NO_CUTS, parks_when_curtailed=True)


def _tariff_cuts_of(terms: Terms) -> Cuts:
    tariff, place = terms.tariff, terms.place
    if tariff is None or place is None or not tariff.has_restrictions:
        return NO_CUTS
    return _compile_session_cuts(tariff, place.location.time_zone, circumstances_of(place).voltage)


@lru_cache(maxsize=256)
def _compile_session_cuts(tariff: Tariff, time_zone: str | None, voltage: Decimal | None) -> Cuts:
    try:
        cuts = compile_rules((tariff,), time_zone).cuts
    except UnpriceableError:
        return NO_CUTS
    if voltage is None or not cuts.currents_a:
        return cuts
    currents_kw = {limit * voltage / W_PER_KW for limit in cuts.currents_a}
    return replace(cuts, powers_kw=tuple(sorted({*cuts.powers_kw, *currents_kw})))


def places_of(terms: Terms) -> int:
    """How many decimals the totals of a bill have."""
    return STATED_PLACES if terms.round_to is None else terms.round_to


def circumstances_of(place: Place, *, is_expired: bool = False) -> Circumstances:
    """The nominal voltage of an AC plug tells the current from the power; a DC plug's is that of the car.

    `is_expired`: it was reserved, and no session followed.
    """
    is_ac = place.connector.power_type.startswith("AC")
    return Circumstances(voltage=Decimal(place.connector.max_voltage) if is_ac else None, is_expired=is_expired)


def stretches_of(ledger: Ledger, until: datetime) -> list[Stretch]:
    """The periods of a session as stretches that tile it.

    Periods without time fall away, their energy goes to the one before them.
    """
    return [
        Stretch(start_at=period.start_at, end_at=end_at, phase=period.phase, energy_wh=period.energy_wh)
        for period, end_at in _spans_of(ledger.periods, until)
    ]


def state_stretches(
    rules: PriceRules, stretches: Sequence[Stretch], circumstances: Circumstances
) -> tuple[Stretch, ...]:
    """The periods of a CDR: cut where a price changes, with energies in tenths of a Wh (a CDR has four decimals of a
    kWh), so that whoever prices them again gets the same.

    The running sum is rounded, not each share, so the energies add up to the rounded total.
    """
    stated_wh = drawn_wh = ZERO
    stated = []
    for stretch in cut_stretches(rules, stretches, circumstances):
        drawn_wh += stretch.energy_wh
        reached_wh = drawn_wh.quantize(STATED_WH, rounding=ROUND_HALF_UP)
        stated.append(replace(stretch, energy_wh=reached_wh - stated_wh))
        stated_wh = reached_wh
    return tuple(stated)


def _cdr_period_of(stretch: Stretch) -> CdrPeriod:
    return CdrPeriod(
        start_at=stretch.start_at,
        phase=stretch.phase,
        duration_s=time_s_of(stretch),
        energy_wh=stretch.energy_wh,
        power=stretch.power,
        current=stretch.current,
    )


def _time_in(periods: Sequence[CdrPeriod], phase: Phase) -> Decimal:
    return sum((period.duration_s for period in periods if period.phase is phase), ZERO)


def _spans_of(periods: tuple[Period, ...], ended_at: datetime) -> Iterator[tuple[Period, datetime]]:
    """Each period with its end."""
    kept: list[Period] = []
    for period in periods:
        if kept and period.start_at >= ended_at:
            last = kept[-1]
            kept[-1] = Period(start_at=last.start_at, phase=last.phase, energy_wh=last.energy_wh + period.energy_wh)
        else:
            kept.append(period)
    ends = [period.start_at for period in kept[1:]] + [max(ended_at, kept[-1].start_at)]
    yield from zip(kept, ends, strict=True)
