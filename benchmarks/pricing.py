"""What pricing costs with many readings: as much as the boundaries of the tariff cost, not as the readings do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from statistics import median

from benchmarks.plan import PRICING, Plan
from benchmarks.report import Results, Sample
from gateway.core.pieces import PriceRules, compile_rules
from gateway.core.pricing import price_stretches
from gateway.domain.bills import Stretch
from gateway.domain.ids import PartyId
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import DayOfWeek, Dimension, PriceComponent, Restrictions, Tariff, TariffElement

MANY, FEW = 480, 8
RATIO = f"{PRICING}.readings_{MANY}_vs_{FEW}"
_START = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
_LASTS = timedelta(hours=8)
_ENERGY_WH = Decimal(44_000)
_ZONE = "Europe/Amsterdam"


def run(plan: Plan, results: Results) -> None:
    """A session of eight hours under ten elements, with a reading a minute and with one an hour."""
    if not plan.has(PRICING):
        return
    rules = compile_rules((make_tariff(),), _ZONE)
    visits = {count: make_visit(count) for count in (FEW, MANY)}
    spent: dict[int, list[float]] = {FEW: [], MANY: []}
    for round_no in range(1, plan.rounds + 1):
        for count, visit in visits.items():
            cpu_us, per_s = _measure(rules, visit, plan.window_s)
            spent[count].append(cpu_us)
            name = f"{count} readings"
            results.samples.append(Sample(subject=PRICING, server=name, round_no=round_no, cpu_us=cpu_us, per_s=per_s))
    results.others[RATIO] = median(many / few for many, few in zip(spent[MANY], spent[FEW], strict=True))


def _measure(rules: PriceRules, visit: Sequence[Stretch], window_s: float) -> tuple[float, float]:
    """CPU µs of one bill, and bills in a second."""
    price_stretches(rules, visit)
    began, count, began_cpu = time.perf_counter(), 0, time.process_time()
    while time.perf_counter() - began < window_s:
        price_stretches(rules, visit)
        count += 1
    cpu_s = time.process_time() - began_cpu
    return cpu_s / count * 1_000_000, count / (time.perf_counter() - began)


def make_visit(readings: int) -> list[Stretch]:
    lasts = _LASTS / readings
    return [
        Stretch(
            start_at=_START + lasts * number,
            end_at=_START + lasts * (number + 1),
            phase=Phase.CHARGING,
            energy_wh=(_ENERGY_WH / readings).quantize(Decimal("0.001")),
        )
        for number in range(readings)
    ]


def make_tariff() -> Tariff:
    """Ten elements with restrictions of every kind that readings can tell."""
    weekend = frozenset({DayOfWeek.SATURDAY, DayOfWeek.SUNDAY})
    return Tariff(
        id="BENCH",
        party=PartyId(country_code="NL", party_id="VWK"),
        currency="EUR",
        elements=(
            _element(Dimension.ENERGY, "0.20", Restrictions(day_of_week=weekend)),
            _element(Dimension.ENERGY, "0.25", Restrictions(start_time=clock(7), end_time=clock(9))),
            _element(Dimension.ENERGY, "0.30", Restrictions(max_kwh=Decimal(10))),
            _element(Dimension.ENERGY, "0.35", Restrictions(min_kwh=Decimal(10), max_kwh=Decimal(20))),
            _element(Dimension.ENERGY, "0.40", Restrictions(max_power=Decimal(7))),
            _element(Dimension.TIME, "0.50", Restrictions(min_duration_s=4 * 3600)),
            _element(Dimension.TIME, "0.25", Restrictions(start_time=clock(22), end_time=clock(6))),
            _element(Dimension.PARKING_TIME, "2.00", Restrictions(start_time=clock(8), end_time=clock(20))),
            _element(Dimension.ENERGY, "0.45", None),
            _element(Dimension.FLAT, "1.00", None),
        ),
        last_updated=_START,
    )


def _element(dimension: Dimension, price: str, restrictions: Restrictions | None) -> TariffElement:
    component = PriceComponent(type=dimension, price=Decimal(price), vat=Decimal(21))
    return TariffElement(components=(component,), restrictions=restrictions)
