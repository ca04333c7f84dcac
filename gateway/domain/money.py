"""Money: exact decimals, never rounded before a total is shown."""

from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """An amount before taxes, and with them where the taxes are known (None: not applicable or not known)."""

    before_taxes: Decimal
    with_taxes: Decimal | None = None


def add_prices(left: Price, right: Price) -> Price:
    """The sum; the sum with taxes is known only where both are."""
    with_taxes = None if left.with_taxes is None or right.with_taxes is None else left.with_taxes + right.with_taxes
    return Price(before_taxes=left.before_taxes + right.before_taxes, with_taxes=with_taxes)
