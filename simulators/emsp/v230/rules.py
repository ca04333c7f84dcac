"""What OCPI 2.3.0 added that joins several fields."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from simulators.emsp.findings import Problem, Rule
from simulators.emsp.v230.models import Cdr, Location, Price

PARKING_KNOWN = Rule(
    "evse.parking_known",
    "parking_id names one of the location's parking_places",
    "OCPI 2.3.0 mod_locations 8.4.11 EVSEParking",
)
PARKING_UNIQUE = Rule(
    "location.parking_unique", "a parking place has an id of its own", "OCPI 2.3.0 mod_locations 8.3.4 Parking"
)
TAX_RATE = Rule(
    "price.tax_rate", "a tax with a percentage is that much of (a part of) the price", "OCPI 2.3.0 types TaxAmount"
)
ONE_PER_RATE = Rule("price.one_per_rate", "a tax of one name and rate is told once", "OCPI 2.3.0 types Price")

_PRICES = (
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
TOLERANCE = Decimal("0.01")


def check_parking(location: Location) -> Iterator[Problem]:
    ids = [place.id.upper() for place in location.parking_places]
    for index, one in enumerate(ids):
        if one in ids[:index]:
            yield Problem(PARKING_UNIQUE, f"$.parking_places[{index}].id", one)
    for number, evse in enumerate(location.evses):
        for index, link in enumerate(evse.parking):
            if link.parking_id.upper() not in ids:
                yield Problem(PARKING_KNOWN, f"$.evses[{number}].parking[{index}].parking_id", link.parking_id)


def check_taxes(cdr: Cdr) -> Iterator[Problem]:
    for name in _PRICES:
        price: Price | None = getattr(cdr, name)
        if price is None:
            continue
        named = [(tax.name, tax.percentage) for tax in price.taxes]
        for index, tax in enumerate(price.taxes):
            path = f"$.{name}.taxes[{index}]"
            if named[index] in named[:index]:
                yield Problem(ONE_PER_RATE, path, f"{tax.name} {tax.percentage} %")
            if tax.percentage is None:
                continue
            most = abs(price.before_taxes) * tax.percentage / 100 + TOLERANCE
            if abs(tax.amount) > most:
                yield Problem(TAX_RATE, f"{path}.amount", f"{tax.amount}, more than {tax.percentage} % of the price")
