"""What a CDR should cost by its own tariff, computed again from its own periods.

Only tariffs that need no clock and no meter curve are computed: one tariff, no restrictions. For the others
the parts are still held against the total (`cdrs.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from simulators.emsp.findings import Problem, Rule
from simulators.emsp.v221.models import Cdr, PriceComponent, Tariff
from simulators.emsp.v221.rules.periods import volume_of

PRICED = Rule(
    "cdr.priced_by_tariff",
    "the costs are those of the CDR's tariff for the CDR's energy and times",
    "OCPI 2.2.1 mod_tariffs 11.3.1 Tariff",
)

# Rounding is nowhere prescribed (11.3.1), so a cent is no fault; neither is the fourth decimal of an hour.
TOLERANCE = Decimal("0.01")

_PARTS = {
    "FLAT": "total_fixed_cost",
    "ENERGY": "total_energy_cost",
    "TIME": "total_time_cost",
    "PARKING_TIME": "total_parking_cost",
}


@dataclass(frozen=True, slots=True)
class Cost:
    excl_vat: Decimal
    incl_vat: Decimal


NOTHING = Cost(Decimal(0), Decimal(0))


def check_prices(cdr: Cdr) -> Iterator[Problem]:
    tariff = _only_tariff(cdr)
    if tariff is None:
        return
    costs = _costs(cdr, tariff)
    for dimension, name in _PARTS.items():
        given = getattr(cdr, name)
        if given is not None and given.excl_vat >= 0:
            yield from _compare(f"$.{name}", given.excl_vat, given.incl_vat, costs.get(dimension, NOTHING))
    excl = sum((cost.excl_vat for cost in costs.values()), Decimal(0))
    incl = sum((cost.incl_vat for cost in costs.values()), Decimal(0))
    total = Cost(_clamp(excl, tariff, "excl_vat"), _clamp(incl, tariff, "incl_vat"))
    incl_given = cdr.total_cost.incl_vat
    yield from _compare(
        "$.total_cost", abs(cdr.total_cost.excl_vat), None if incl_given is None else abs(incl_given), total
    )


def _only_tariff(cdr: Cdr) -> Tariff | None:
    """The tariff of a CDR that can be computed again: one, without restrictions, for all periods."""
    if len(cdr.tariffs) != 1 or volume_of(cdr.charging_periods, "RESERVATION_TIME") is not None:
        return None
    tariff = cdr.tariffs[0]
    restricted = any(element.restrictions is not None for element in tariff.elements)
    applies = all(period.tariff_id == tariff.id for period in cdr.charging_periods)
    return tariff if applies and not restricted and tariff.has_net_prices else None


def _costs(cdr: Cdr, tariff: Tariff) -> dict[str, Cost]:
    components: dict[str, PriceComponent] = {}
    for element in tariff.elements:
        for component in element.price_components:
            components.setdefault(component.type, component)  # the first one of a dimension wins
    volumes = _volumes(cdr, components)
    return {kind: _cost(component, volumes[kind]) for kind, component in components.items() if kind in volumes}


def _volumes(cdr: Cdr, components: dict[str, PriceComponent]) -> dict[str, Decimal]:
    """Billed volumes: `step_size` rounds the energy, and of the two times the one that was billed last (10.3.1)."""
    periods = cdr.charging_periods
    volumes = {"FLAT": Decimal(1), "ENERGY": cdr.total_energy}
    if "ENERGY" in components:
        volumes["ENERGY"] = _round_up(cdr.total_energy, components["ENERGY"].step_size, per_unit=1000)
    volumes |= _times(cdr)
    for period in reversed(periods):
        last = {dim.type for dim in period.dimensions if dim.volume > 0} & {"TIME", "PARKING_TIME"} & components.keys()
        if last:
            kind = "PARKING_TIME" if "PARKING_TIME" in last else "TIME"
            volumes[kind] = _round_up(volumes[kind], components[kind].step_size, per_unit=3600)
            break
    return volumes


def _times(cdr: Cdr) -> dict[str, Decimal]:
    """Charging and parking hours from the periods, or from the totals where the periods do not tell them."""
    charged = volume_of(cdr.charging_periods, "TIME")
    parked = volume_of(cdr.charging_periods, "PARKING_TIME")
    if charged is None and parked is None:
        parked = cdr.total_parking_time
    if charged is None:
        charged = cdr.total_time - (parked or 0)
    return {"TIME": charged, "PARKING_TIME": parked or Decimal(0)}


def _round_up(volume: Decimal, step_size: int, *, per_unit: int) -> Decimal:
    """To the next whole step; what the fourth decimal of a volume cannot tell is not taken for a new step."""
    if step_size <= 1:
        return volume
    steps = volume * per_unit / step_size
    slack = Decimal("0.0002") * per_unit / step_size
    return (steps - slack).to_integral_value(ROUND_CEILING) * step_size / per_unit


def _cost(component: PriceComponent, volume: Decimal) -> Cost:
    excl = component.price * volume
    return Cost(excl, excl * (1 + (component.vat or Decimal(0)) / 100))


def _clamp(amount: Decimal, tariff: Tariff, side: str) -> Decimal:
    low = getattr(tariff.min_price, side, None)
    high = getattr(tariff.max_price, side, None)
    if low is not None:
        amount = max(amount, low)
    return amount if high is None else min(amount, high)


def _compare(path: str, excl: Decimal, incl: Decimal | None, expected: Cost) -> Iterator[Problem]:
    tolerance = TOLERANCE + abs(expected.excl_vat) * Decimal("0.0001")
    if abs(excl - expected.excl_vat) > tolerance:
        yield Problem(PRICED, f"{path}.excl_vat", f"{excl}, by the tariff {expected.excl_vat:.4f}")
    if incl is not None and abs(incl - expected.incl_vat) > tolerance:
        yield Problem(PRICED, f"{path}.incl_vat", f"{incl}, by the tariff {expected.incl_vat:.4f}")
