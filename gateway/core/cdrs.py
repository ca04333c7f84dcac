"""Sealing a session into its CDR."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from gateway.core.pricing import Usage, find_pricing_obstacle, price_usage
from gateway.domain.cdrs import Cdr, CdrPeriod
from gateway.domain.sessions import Ledger, Period, Phase, Session, SessionStatus

STATED_WH = Decimal("0.1")
MICROSECOND = timedelta(microseconds=1)


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
    periods = tuple(_bill_periods(ledger, ledger.ended_at))
    usage = usage_of(periods)
    return Cdr(
        id=cdr_id,
        session_id=session.id,
        party=terms.place.location.party,
        partner_id=session.partner_id,
        terms=terms,
        started_at=ledger.started_at,
        ended_at=ledger.ended_at,
        currency=terms.tariff.currency,
        periods=periods,
        totals=price_usage(terms.tariff, usage),
        energy_wh=usage.energy_wh,
        time_s=usage.charging_s + usage.parking_s,
        parking_time_s=usage.parking_s,
        flags=ledger.flags | ({"gap"} if ledger.has_gap else frozenset()),
        home_charging_compensation=terms.place.evse.home_charging_compensation or None,
        last_updated=now,
    )


def usage_of(periods: tuple[CdrPeriod, ...]) -> Usage:
    """What the periods add up to."""
    sums = {Phase.CHARGING: Decimal(0), Phase.PARKING: Decimal(0)}
    for period in periods:
        sums[period.phase] += period.duration_s
    return Usage(
        energy_wh=sum((period.energy_wh for period in periods), Decimal(0)),
        charging_s=sums[Phase.CHARGING],
        parking_s=sums[Phase.PARKING],
        last_phase=periods[-1].phase,
    )


def bill_periods_until(ledger: Ledger, until: datetime) -> tuple[CdrPeriod, ...]:
    """The periods so far, for a session that goes on."""
    return tuple(_bill_periods(ledger, until))


def _bill_periods(ledger: Ledger, ended_at: datetime) -> Iterator[CdrPeriod]:
    """Periods that tile the session, with energies in tenths of a Wh (a CDR has four decimals of a kWh).

    The running sum is rounded, not each share, so the energies add up to the rounded total.
    """
    stated_wh = drawn_wh = Decimal(0)
    for period, until in _spans_of(ledger.periods, ended_at):
        drawn_wh += period.energy_wh
        reached_wh = drawn_wh.quantize(STATED_WH, rounding=ROUND_HALF_UP)
        yield CdrPeriod(
            start_at=period.start_at,
            phase=period.phase,
            duration_s=Decimal((until - period.start_at) // MICROSECOND) / 1_000_000,
            energy_wh=reached_wh - stated_wh,
        )
        stated_wh = reached_wh


def _spans_of(periods: tuple[Period, ...], ended_at: datetime) -> Iterator[tuple[Period, datetime]]:
    """Each period with its end.  Stretches without time fall away, their energy goes to the one before them."""
    kept: list[Period] = []
    for period in periods:
        if kept and period.start_at >= ended_at:
            last = kept[-1]
            kept[-1] = Period(start_at=last.start_at, phase=last.phase, energy_wh=last.energy_wh + period.energy_wh)
        else:
            kept.append(period)
    ends = [period.start_at for period in kept[1:]] + [max(ended_at, kept[-1].start_at)]
    yield from zip(kept, ends, strict=True)
