"""Tariff: its own fields against each other."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.emsp.findings import Problem, Rule
from simulators.emsp.v221.common import Price
from simulators.emsp.v221.models import Tariff, TariffElement

TARIFF = "OCPI 2.2.1 mod_tariffs 11.3.1 Tariff"
RESTRICTIONS = "OCPI 2.2.1 mod_tariffs 11.4.6 TariffRestrictions"

STEP = Rule(
    "tariff.step_size", "step_size is the size of the blocks that are billed: not negative",
    "OCPI 2.2.1 mod_tariffs 11.4.2 PriceComponent",
)  # fmt: skip
VAT = Rule("tariff.vat", "vat is a percentage", "OCPI 2.2.1 mod_tariffs 11.4.2 PriceComponent")
PRICE = Rule("tariff.price", "a price per unit is not negative", "OCPI 2.2.1 mod_tariffs 11.4.2 PriceComponent")
VALIDITY = Rule("tariff.validity", "a tariff becomes active before it ends", TARIFF)
LIMITS = Rule("tariff.limits", "min_price does not exceed max_price", TARIFF)
ONE_PER_DIMENSION = Rule(
    "tariff.one_per_dimension", "only one price component per dimension can be active at a time", TARIFF
)
RESERVATION = Rule("tariff.reservation", "a reservation has only FLAT and TIME components", RESTRICTIONS)
RANGE = Rule("tariff.restriction_range", "a restriction's minimum is below its maximum", RESTRICTIONS)

_RANGES = ("kwh", "current", "power", "duration")


def check_tariff(tariff: Tariff) -> Iterator[Problem]:
    start, end = tariff.start_date_time, tariff.end_date_time
    if start is not None and end is not None and end <= start:
        yield Problem(VALIDITY, "$.end_date_time", f"{end}, starts {start}")
    yield from _check_limits(tariff.min_price, tariff.max_price)
    for index, element in enumerate(tariff.elements):
        for problem in _check_element(element):
            yield problem.below(f"$.elements[{index}]")


def _check_limits(low: Price | None, high: Price | None) -> Iterator[Problem]:
    if low is None or high is None:
        return
    if low.excl_vat > high.excl_vat:
        yield Problem(LIMITS, "$.min_price", f"{low.excl_vat} above max_price {high.excl_vat}")


def _check_element(element: TariffElement) -> Iterator[Problem]:
    kinds = [component.type for component in element.price_components]
    for index, component in enumerate(element.price_components):
        path = f"$.price_components[{index}]"
        if component.step_size < 0:
            yield Problem(STEP, f"{path}.step_size", f"{component.step_size}")
        if component.price < 0:
            yield Problem(PRICE, f"{path}.price", f"{component.price}")
        if component.vat is not None and not 0 <= component.vat <= 100:
            yield Problem(VAT, f"{path}.vat", f"{component.vat}")
        if component.type in kinds[:index]:
            yield Problem(ONE_PER_DIMENSION, f"{path}.type", f"{component.type} twice in one element")
    limits = element.restrictions
    if limits is None:
        return
    if limits.reservation is not None and not set(kinds) <= {"FLAT", "TIME"}:
        yield Problem(RESERVATION, "$.price_components", f"{', '.join(kinds)} under {limits.reservation}")
    for name in _RANGES:
        low, high = getattr(limits, f"min_{name}"), getattr(limits, f"max_{name}")
        if low is not None and high is not None and low >= high:
            yield Problem(RANGE, f"$.restrictions.min_{name}", f"{low}, max_{name} {high}")
    if limits.start_date is not None and limits.end_date is not None and limits.start_date >= limits.end_date:
        yield Problem(RANGE, "$.restrictions.start_date", f"{limits.start_date}, end_date {limits.end_date}")
