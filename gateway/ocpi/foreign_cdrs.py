"""CDRs of any OCPI version, ours or a partner's, told apart by shape: what was used and what it is said to cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from gateway.domain.bills import Amount, Range, Stretch
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Tariff
from gateway.errors import WireError
from gateway.ocpi.foreign_json import as_list, as_number, as_object, as_text, as_time, find
from gateway.ocpi.foreign_tariffs import parse_foreign_tariff

SECOND = timedelta(seconds=1)
SECONDS_PER_HOUR = 3600
WH_PER_KWH = 1000
STATED_S = Decimal("1.8")
"""Hours are stated with three or four decimals: a period whose length agrees with them so well is as long as its
times say."""

COSTS = (
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
TIMES = {
    "RESERVATION_TIME": Phase.RESERVATION,
    "TIME": Phase.CHARGING,
    "PARKING_TIME": Phase.PARKING,
}
"""In the order in which a period goes through them."""

QUANTITIES = ("total_energy", "total_time", "total_parking_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCdr:
    """`costs` and `quantities` (kWh, hours) are those that the CDR states, by their OCPI names; the total of a credit
    CDR is negative.  `voltage` and `time_zone`: where the CDR tells them.  `notes`: what in it does not fit together.
    """

    id: str
    currency: str
    stretches: tuple[Stretch, ...]
    tariffs: tuple[Tariff, ...]
    costs: Mapping[str, Amount]
    quantities: Mapping[str, Decimal]
    is_credit: bool = False
    has_energies: bool = False
    time_zone: str | None = None
    voltage: Decimal | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_unused_reservation(self) -> bool:
        return all(stretch.phase is Phase.RESERVATION for stretch in self.stretches)


def parse_foreign_cdr(data: Any, path: str = "$") -> ForeignCdr:
    """Raises WireError naming the member that cannot be understood."""
    body = as_object(data, path)
    end = "end_date_time" if body.get("end_date_time") is not None else "stop_date_time"
    periods = sorted(
        (_parse_period(*item) for item in as_list(body.get("charging_periods"), f"{path}.charging_periods")),
        key=lambda period: period.start_at,
    )
    if not periods:
        raise WireError(f"{path}.charging_periods", "is missing or empty: there is nothing to price")
    ends = [*(period.start_at for period in periods[1:]), as_time(body.get(end), f"{path}.{end}")]
    notes: list[str] = []
    stretches = [one for period, until in zip(periods, ends, strict=True) for one in _cut(period, until, notes)]
    place = _find_place(body, path)
    return ForeignCdr(
        id=as_text(body.get("id"), f"{path}.id"),
        currency=as_text(body.get("currency"), f"{path}.currency"),
        stretches=tuple(stretches),
        tariffs=tuple(parse_foreign_tariff(*item) for item in as_list(body.get("tariffs"), f"{path}.tariffs")),
        costs={name: _parse_price(body[name], f"{path}.{name}") for name in COSTS if body.get(name) is not None},
        quantities={name: as_number(body[name], f"{path}.{name}") for name in QUANTITIES if body.get(name) is not None},
        is_credit=body.get("credit") is True,
        has_energies=any(period.energy_wh is not None for period in periods),
        time_zone=find(as_text, place, "time_zone", path),
        voltage=_find_voltage(place),
        notes=tuple(notes),
    )


# --- periods ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    start_at: datetime
    energy_wh: Decimal | None
    times_s: Mapping[Phase, Decimal]
    power: Range | None
    current: Range | None
    tariff_id: str | None


def _parse_period(data: Any, path: str) -> _Period:
    body = as_object(data, path)
    volumes: dict[str, Decimal] = {}
    for item, place in as_list(body.get("dimensions"), f"{path}.dimensions"):
        dimension = as_object(item, place)
        name = as_text(dimension.get("type"), f"{place}.type").upper()
        volume = as_number(dimension.get("volume"), f"{place}.volume")
        if volume < 0 and name in TIMES:
            raise WireError(f"{place}.volume", f"is {volume}: no time is negative")
        volumes[name] = volumes.get(name, Decimal(0)) + volume
    energy_kwh = volumes.get("ENERGY", volumes.get("ENERGY_IMPORT"))
    return _Period(
        start_at=as_time(body.get("start_date_time"), f"{path}.start_date_time"),
        energy_wh=None if energy_kwh is None else energy_kwh * WH_PER_KWH,
        times_s={phase: volumes[name] * SECONDS_PER_HOUR for name, phase in TIMES.items() if volumes.get(name)},
        power=_find_range(volumes, "POWER"),
        current=_find_range(volumes, "CURRENT"),
        tariff_id=find(as_text, body, "tariff_id", path),
    )


def _find_range(volumes: Mapping[str, Decimal], name: str) -> Range | None:
    least, most, average = volumes.get(f"MIN_{name}"), volumes.get(f"MAX_{name}"), volumes.get(name)
    if least is None and most is None:
        return None if average is None else Range(least=average, most=average)
    return Range(least=least, most=most)


def _cut(period: _Period, until: datetime, notes: list[str]) -> Sequence[Stretch]:
    """The period as stretches of one phase each: reserved, then charging, then parking.

    A period that tells no time is charging for as long as it lasts.  Its times of day count; hours are stated rounded.
    """
    until = max(until, period.start_at)
    whole = Stretch(
        start_at=period.start_at,
        end_at=until,
        phase=next(iter(period.times_s), Phase.CHARGING),
        power=period.power,
        current=period.current,
        tariff_id=period.tariff_id,
    )
    lasts_s = Decimal((until - period.start_at) // timedelta(microseconds=1)) / 1_000_000
    told_s = sum(period.times_s.values(), Decimal(0))
    is_told = bool(period.times_s)
    fits = not is_told or abs(told_s - lasts_s) <= STATED_S * len(period.times_s)
    if not fits:
        notes.append(
            f"the period from {period.start_at:%Y-%m-%d %H:%M:%S} lasts {lasts_s / SECONDS_PER_HOUR:.4f} h by its "
            f"times, but states {told_s / SECONDS_PER_HOUR:.4f} h: what it states is priced"
        )
    stretches = _share_out(whole, period.times_s, fits=fits) if is_told else [whole]
    drawing = next((number for number, one in enumerate(stretches) if one.phase is not Phase.RESERVATION), 0)
    stretches[drawing] = replace(stretches[drawing], energy_wh=period.energy_wh or Decimal(0))
    return stretches


def _share_out(whole: Stretch, times_s: Mapping[Phase, Decimal], *, fits: bool) -> list[Stretch]:
    """Stated hours have seconds as their finest meaning: they are read to the nearest."""
    stretches, at = [], whole.start_at
    for number, (phase, seconds) in enumerate(times_s.items(), start=1):
        time_s = seconds.quantize(Decimal(1), rounding=ROUND_HALF_UP)
        has_rest = number < len(times_s) and time_s < (whole.end_at - at) // SECOND
        end_at = at + int(time_s) * SECOND if has_rest else whole.end_at
        stretches.append(replace(whole, start_at=at, end_at=end_at, phase=phase, time_s=None if fits else time_s))
        at = end_at
    return stretches


# --- what it states -----------------------------------------------------------------------------------------------


def _parse_price(value: Any, path: str) -> Amount:
    """`before_taxes` and `taxes`, `excl_vat` and `incl_vat`, or a plain number before taxes."""
    if not isinstance(value, dict):
        return Amount(before_taxes=as_number(value, path), with_taxes=None)
    if "before_taxes" not in value:
        before = as_number(value.get("excl_vat"), f"{path}.excl_vat")
        return Amount(before_taxes=before, with_taxes=find(as_number, value, "incl_vat", path))
    before = as_number(value["before_taxes"], f"{path}.before_taxes")
    if value.get("taxes") is None:
        return Amount(before_taxes=before, with_taxes=None)
    taxes = as_list(value["taxes"], f"{path}.taxes")
    amounts = [as_number(as_object(tax, place).get("amount"), f"{place}.amount") for tax, place in taxes]
    return Amount(before_taxes=before, with_taxes=sum(amounts, before))


def _find_place(body: Mapping[str, Any], path: str) -> dict[str, Any]:
    name = "location" if body.get("location") is not None else "cdr_location"
    return as_object(body.get(name) or {}, f"{path}.{name}")


def _find_voltage(place: Mapping[str, Any]) -> Decimal | None:
    """The nominal voltage of an AC plug, where the CDR embeds a whole location."""
    for evse, _ in as_list(place.get("evses"), "$.location.evses"):
        for connector, path in as_list(as_object(evse, "evse").get("connectors"), "$.location.evses.connectors"):
            plug = as_object(connector, path)
            if str(plug.get("power_type", "")).startswith("AC") and plug.get("voltage"):
                return as_number(plug["voltage"], f"{path}.voltage")
    return None
