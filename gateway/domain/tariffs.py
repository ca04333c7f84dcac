"""Price rules, in the nouns of OCPI 2.3.0 (2.2.1 is its subset)."""

from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffElement:
    """Components and, as JSON text, the restrictions under which they hold (None: always)."""

    components: tuple[PriceComponent, ...]
    restrictions: str | None = None


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
