"""Tariffs and visits in few words, for tests of prices."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.bills import Range, Stretch
from gateway.domain.ids import PartyId
from gateway.domain.money import Price
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import (
    DayOfWeek,
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffElement,
)

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PARTY = PartyId(country_code="NL", party_id="GWY")
LONG_AGO = datetime(2020, 1, 1, tzinfo=AMSTERDAM)
DECIMALS = ("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power")
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY")


def part(dimension: str, price: str, step: int = 1, vat: str | None = None) -> PriceComponent:
    return PriceComponent(
        type=Dimension(dimension), price=Decimal(price), step_size=step, vat=None if vat is None else Decimal(vat)
    )


def when(**limits: Any) -> Restrictions:
    """Restrictions as they are written in JSON: times and dates as text, numbers as text."""
    made = {name: Decimal(value) if name in DECIMALS else value for name, value in limits.items()}
    for name in ("start_time", "end_time"):
        if name in made:
            made[name] = time.fromisoformat(made[name])
    for name in ("start_date", "end_date"):
        if name in made:
            made[name] = date.fromisoformat(made[name])
    if "day_of_week" in made:
        made["day_of_week"] = frozenset(map(DayOfWeek, made["day_of_week"]))
    if "reservation" in made:
        made["reservation"] = ReservationRestriction(made["reservation"])
    return Restrictions(**made)


def element(*components: PriceComponent, **limits: Any) -> TariffElement:
    return TariffElement(components=components, restrictions=when(**limits) if limits else None)


def tariff(*elements: TariffElement | PriceComponent, **changes: Any) -> Tariff:
    """A component is an element without restrictions."""
    made = Tariff(
        id="T",
        party=PARTY,
        currency="EUR",
        elements=tuple(one if isinstance(one, TariffElement) else element(one) for one in elements),
        last_updated=LONG_AGO,
    )
    return replace(made, **changes)


def price(before: str, after: str | None = None) -> Price:
    return Price(before_taxes=Decimal(before), with_taxes=None if after is None else Decimal(after))


def visit(start: datetime, *parts: tuple[Any, ...]) -> list[Stretch]:
    """Stretches in a row: phase, minutes, kWh, and what else is known of each."""
    at = start.astimezone(UTC)
    made: list[Stretch] = []
    for phase, minutes, kwh, known in parts:
        until = at + timedelta(minutes=minutes)
        made.append(Stretch(start_at=at, end_at=until, phase=phase, energy_wh=Decimal(kwh) * 1000, **known))
        at = until
    return made


def charging(minutes: float, kwh: str = "0", **known: Any) -> tuple[Any, ...]:
    return Phase.CHARGING, minutes, kwh, known


def parking(minutes: float) -> tuple[Any, ...]:
    return Phase.PARKING, minutes, "0", {}


def reserved(minutes: float) -> tuple[Any, ...]:
    return Phase.RESERVATION, minutes, "0", {}


def exactly(value: str) -> Range:
    return Range(least=Decimal(value), most=Decimal(value))


def local(text: str, zone: ZoneInfo = AMSTERDAM) -> datetime:
    """A moment by the clock of the location."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)
