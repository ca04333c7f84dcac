"""What was used, stretch by stretch, and the arithmetic that makes a price of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.money import ZERO, Price
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Dimension, PriceComponent


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is known of a value that may have varied: its least and its most (None: not known)."""

    least: Decimal | None = None
    most: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a visit in one phase, with the energy drawn in it, evenly.

    `power` (kW): None is the average of the stretch.  `current` (A, summed over the phases): None is not known.
    `time_s`: how much of the stretch is billed, where that is not all of it.  `tariff_id`: None is the first tariff.
    """

    start_at: datetime
    end_at: datetime
    phase: Phase
    energy_wh: Decimal = ZERO
    power: Range | None = None
    current: Range | None = None
    time_s: Decimal | None = None
    tariff_id: str | None = None


class Part(StrEnum):
    """Which total of a CDR an amount belongs to."""

    FIXED = "fixed"
    ENERGY = "energy"
    TIME = "time"
    PARKING = "parking"
    RESERVATION = "reservation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Money before and with taxes, unrounded.  None: not known (a price that includes taxes nobody told)."""

    before_taxes: Decimal | None
    with_taxes: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRounding:
    """How `step_size` made more of what was used: session totals of one dimension, in Wh or seconds."""

    step_size: int
    used: Decimal
    billed: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One product: `quantity` of what `component` prices.

    `units` are Wh or seconds (FLAT: 1), `quantity` the same in kWh or hours, as the price is given; both are
    unrounded.  `element_no` counts from 0.  `vat`: percent, None where no tax applies or its rate is not known.
    `step`: this line is what the step size added, at the price of the last period billed.
    """

    part: Part
    dimension: Dimension
    tariff_id: str
    element_no: int
    component: PriceComponent
    units: Decimal
    quantity: Decimal
    vat: Decimal | None
    amount: Amount
    step: StepRounding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPeriod:
    """A stretch under one set of prices, and what it costs."""

    stretch: Stretch
    lines: tuple[BillLine, ...]


class Limit(StrEnum):
    MIN_PRICE = "min_price"
    MAX_PRICE = "max_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedLimit:
    """A min or max price took the place of what the lines add up to (before taxes, with taxes or both)."""

    limit: Limit
    summed: Amount
    limited: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxShare:
    """What is taxed at one rate in one part of a bill."""

    part: Part
    vat: Decimal
    before_taxes: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a visit costs, unrounded, with every product that it is made of.

    `parts` holds the parts that the tariff prices, 0 where nothing of it was used; they add up to `summed`.  `cost` is
    that within `min_price` and `max_price`; `limits` says which of them took the place of the sum.  `taxes` are those
    of the lines.
    """

    currency: str
    periods: tuple[BillPeriod, ...]
    parts: dict[Part, Amount]
    summed: Amount
    cost: Amount
    limits: tuple[AppliedLimit, ...] = ()
    taxes: tuple[TaxShare, ...] = ()
    min_price: Price | None = None
    max_price: Price | None = None
