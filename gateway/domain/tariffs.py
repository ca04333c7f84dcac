"""Price rules, in the nouns of OCPI 2.3.0 (2.2.1 is its subset)."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum

from gateway.domain.ids import PartyId
from gateway.domain.money import Price


class Dimension(StrEnum):
    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TaxIncluded(StrEnum):
    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """`price` per kWh (ENERGY), per hour (TIME, PARKING_TIME) or once (FLAT); `step_size` in Wh or seconds;
    `vat` in percent, None: not applicable."""

    type: Dimension
    price: Decimal
    step_size: int = 1
    vat: Decimal | None = None


class DayOfWeek(StrEnum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


DAYS_OF_WEEK = tuple(DayOfWeek)
"""As `date.weekday()` counts them."""


class ReservationRestriction(StrEnum):
    """`RESERVATION_EXPIRES` prices a reservation that no session followed."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TariffType(StrEnum):
    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """When an element holds: all that is given must (None, and no day of the week: not restricted).

    Times and dates are those of the location's clock; `end_date` and every max are exclusive.  Currents are A summed
    over the phases, powers kW, both of the moment; kWh and durations (s) are those of the session so far.  `extra` is
    JSON text: restrictions that this program does not know, under which nothing can be priced.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration_s: int | None = None
    max_duration_s: int | None = None
    day_of_week: frozenset[DayOfWeek] = frozenset()
    reservation: ReservationRestriction | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffElement:
    """Components and the restrictions under which they hold (None: always)."""

    components: tuple[PriceComponent, ...]
    restrictions: Restrictions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One tariff of one of our parties.  `alt_text` and `extra` (energy mix, future fields) are JSON text.

    `is_tax_stated`: the operator said `tax_included`; without it prices are before taxes, and so it is shown to him.
    """

    id: str
    party: PartyId
    currency: str
    elements: tuple[TariffElement, ...]
    last_updated: datetime
    type: str | None = None
    alt_text: str | None = None
    alt_url: str | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    tax_included: TaxIncluded = TaxIncluded.NO
    is_tax_stated: bool = True
    start_at: datetime | None = None
    end_at: datetime | None = None
    extra: str | None = None

    def __hash__(self) -> int:
        """By its name and age, which tell tariffs apart as well as all they say: one is looked up for every message."""
        return hash((self.id, self.party, self.last_updated))

    @property
    def has_restrictions(self) -> bool:
        for element in self.elements:  # noqa: SIM110 asked for every message
            if element.restrictions is not None:
                return True
        return False
