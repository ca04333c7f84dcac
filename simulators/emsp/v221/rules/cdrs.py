"""CDR: does it add up? The arithmetic an eMSP does before it pays."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from simulators.emsp.findings import Problem, Rule
from simulators.emsp.v221.common import Price
from simulators.emsp.v221.models import Cdr
from simulators.emsp.v221.rules.periods import ROUNDING, TIME_TOLERANCE_H, check_periods, hours_between, volume_of
from simulators.emsp.v221.rules.pricing import check_prices
from simulators.emsp.v221.rules.sessions import NOT_AVAILABLE, PRICE_ORDER
from simulators.emsp.v221.rules.tariffs import check_tariff

CDR = "OCPI 2.2.1 mod_cdrs 10.3.1 CDR"
CREDITS = "OCPI 2.2.1 mod_cdrs 10.1.1 Credit CDRs"

END_AFTER_START = Rule("cdr.end_after_start", "a session does not end before it starts", CDR)
ENERGY_ADDS_UP = Rule("cdr.energy_adds_up", "the ENERGY of the periods adds up to total_energy", CDR)
TOTAL_TIME = Rule("cdr.total_time", "total_time is the duration from start_date_time to end_date_time", CDR)
TIMES_ADD_UP = Rule("cdr.times_add_up", "TIME and PARKING_TIME of the periods add up to no more than total_time", CDR)
PARKING_TIME = Rule(
    "cdr.parking_time", "total_parking_time covers the PARKING_TIME of the periods and lies within total_time", CDR
)
COSTS_ADD_UP = Rule(
    "cdr.costs_add_up", "total_cost is the sum of the fixed, energy, time, parking and reservation costs", CDR
)
NEGATIVE = Rule("cdr.negative", "totals are not negative, but for the total_cost of a credit CDR", CDR)
SESSION_ONLY = Rule(
    "cdr.session_only_dimension",
    "CURRENT, ENERGY_EXPORT, ENERGY_IMPORT, POWER and STATE_OF_CHARGE are for sessions only",
    "OCPI 2.2.1 mod_cdrs 10.4.3 CdrDimensionType",
)
TARIFF_THERE = Rule("cdr.tariff_there", "the tariff of a period is in the CDR's list of tariffs", CDR)
CURRENCY = Rule("cdr.currency", "the tariffs have the CDR's currency", CDR)
ID_LENGTH = Rule("cdr.id_length", "only a credit CDR's id may have more than 36 characters", CDR)
CREDIT_REFERENCE = Rule("cdr.credit_reference", "credit and credit_reference_id are set together", CDR)
CREDIT_COST = Rule("cdr.credit_cost", "the total_cost of a credit CDR is negative or zero", CREDITS)
NOT_SEALED = Rule("cdr.before_end", "a CDR describes a session that is over when the CDR is made", CDR)
NOT_AVAILABLE_REASON = Rule(
    "cdr.not_available",
    "evse_uid, evse_id and connector_id may be #NA only for a reservation that never became a session",
    "OCPI 2.2.1 mod_cdrs 10.4.4 CdrLocation",
)

MAX_ID = 36
SESSION_ONLY_DIMENSIONS = {"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"}
PARTS = {
    "total_fixed_cost": ("FLAT", False),
    "total_energy_cost": ("ENERGY", False),
    "total_time_cost": ("TIME", False),
    "total_parking_cost": ("PARKING_TIME", False),
    "total_reservation_cost": ("TIME", True),
}
# Rounding is nowhere prescribed (11.3.1): half a cent for each rounded amount.
CENT_HALF = Decimal("0.005")


def check_cdr(cdr: Cdr) -> Iterator[Problem]:
    if cdr.end_date_time < cdr.start_date_time:
        yield Problem(END_AFTER_START, "$.end_date_time", f"{cdr.end_date_time} before {cdr.start_date_time}")
    if cdr.last_updated < cdr.end_date_time:
        yield Problem(NOT_SEALED, "$.last_updated", f"{cdr.last_updated}, the session ends {cdr.end_date_time}")
    yield from check_periods(cdr.charging_periods, cdr.start_date_time, cdr.end_date_time)
    yield from _check_energy(cdr)
    yield from _check_times(cdr)
    yield from _check_costs(cdr)
    yield from _check_credit(cdr)
    yield from _check_tariffs(cdr)
    yield from _check_names(cdr)


def _check_energy(cdr: Cdr) -> Iterator[Problem]:
    energy = volume_of(cdr.charging_periods, "ENERGY") or Decimal(0)
    if abs(energy - cdr.total_energy) > ROUNDING * (len(cdr.charging_periods) + 1):
        yield Problem(ENERGY_ADDS_UP, "$.total_energy", f"{cdr.total_energy} kWh, periods {energy} kWh")


def _check_times(cdr: Cdr) -> Iterator[Problem]:
    lasted = hours_between(cdr.start_date_time, cdr.end_date_time)
    # With a reservation the CDR starts with it; whether total_time does too is not said.
    reserved = volume_of(cdr.charging_periods, "RESERVATION_TIME") or Decimal(0)
    if min(abs(cdr.total_time - lasted), abs(cdr.total_time - (lasted - reserved))) > TIME_TOLERANCE_H:
        yield Problem(TOTAL_TIME, "$.total_time", f"{cdr.total_time} h, start to end {lasted:.4f} h")
    tolerance = TIME_TOLERANCE_H + ROUNDING * len(cdr.charging_periods)
    spent = volume_of(cdr.charging_periods, "TIME", "PARKING_TIME")
    if spent is not None and spent > cdr.total_time + tolerance:
        yield Problem(TIMES_ADD_UP, "$.total_time", f"{cdr.total_time} h, periods {spent} h")
    if cdr.total_parking_time is None:
        return
    parked = volume_of(cdr.charging_periods, "PARKING_TIME") or Decimal(0)
    if parked > cdr.total_parking_time + tolerance or cdr.total_parking_time > cdr.total_time + ROUNDING * 2:
        seen = f"{cdr.total_parking_time} h, periods {parked} h, total_time {cdr.total_time} h"
        yield Problem(PARKING_TIME, "$.total_parking_time", seen)


def _check_costs(cdr: Cdr) -> Iterator[Problem]:
    for name in ("total_cost", *PARTS):
        price: Price | None = getattr(cdr, name)
        if price is None:
            continue
        if price.excl_vat < 0 and not (cdr.credit and name == "total_cost"):
            yield Problem(NEGATIVE, f"$.{name}.excl_vat", f"{price.excl_vat}")
        if price.incl_vat is not None and abs(price.incl_vat) < abs(price.excl_vat):
            yield Problem(PRICE_ORDER, f"$.{name}", f"{price.excl_vat} excluding, {price.incl_vat} including VAT")
    for name in ("total_energy", "total_time", "total_parking_time"):
        total = getattr(cdr, name)
        if total is not None and total < 0 and name != "total_energy":
            yield Problem(NEGATIVE, f"$.{name}", f"{total}")
    yield from _check_sum(cdr, "excl_vat")
    yield from _check_sum(cdr, "incl_vat")
    yield from check_prices(cdr)


def _check_sum(cdr: Cdr, side: str) -> Iterator[Problem]:
    given: dict[str, Price] = {name: price for name in PARTS if (price := getattr(cdr, name)) is not None}
    total: Decimal | None = getattr(cdr.total_cost, side)
    amounts = [getattr(price, side) for price in given.values()]
    if not given or total is None or None in amounts:
        return
    together = sum(amounts, Decimal(0))
    paid = abs(total)
    tolerance = CENT_HALF * (len(given) + 1)
    if abs(together - paid) <= tolerance or _is_capped(cdr, together, paid, side):
        return
    if together < paid and any(_may_cost(cdr, name) for name in PARTS if name not in given):
        return
    parts = ", ".join(f"{name} {getattr(price, side)}" for name, price in given.items())
    yield Problem(COSTS_ADD_UP, f"$.total_cost.{side}", f"{total}, parts {together} ({parts})")


def _is_capped(cdr: Cdr, together: Decimal, paid: Decimal, side: str) -> bool:
    """Whether a tariff's minimum or maximum price explains the difference (OCPI 2.2.1 11.3.1)."""
    for tariff in cdr.tariffs:
        low = getattr(tariff.min_price, side, None)
        high = getattr(tariff.max_price, side, None)
        if (low is not None and together < paid and abs(paid - low) <= CENT_HALF) or (
            high is not None and together > paid and abs(paid - high) <= CENT_HALF
        ):
            return True
    return False


def _may_cost(cdr: Cdr, part: str) -> bool:
    """Whether a part that the CDR leaves out can be other than zero under its tariffs."""
    dimension, for_reservation = PARTS[part]
    if not cdr.tariffs:
        return True
    return any(
        component.price != 0 and (component.type == dimension or (for_reservation and component.type == "FLAT"))
        for tariff in cdr.tariffs
        for element in tariff.elements
        for component in element.price_components
        if for_reservation == bool(element.restrictions and element.restrictions.reservation)
    )


def _check_credit(cdr: Cdr) -> Iterator[Problem]:
    if bool(cdr.credit) != (cdr.credit_reference_id is not None):
        seen = f"credit {cdr.credit}, credit_reference_id {cdr.credit_reference_id}"
        yield Problem(CREDIT_REFERENCE, "$.credit_reference_id", seen)
    if cdr.credit and cdr.total_cost.excl_vat > 0:
        yield Problem(CREDIT_COST, "$.total_cost.excl_vat", f"{cdr.total_cost.excl_vat}")
    if not cdr.credit and len(cdr.id) > MAX_ID:
        yield Problem(ID_LENGTH, "$.id", f"{len(cdr.id)} characters")


def _check_tariffs(cdr: Cdr) -> Iterator[Problem]:
    known = {tariff.id.upper() for tariff in cdr.tariffs}
    for index, period in enumerate(cdr.charging_periods):
        if period.tariff_id is not None and period.tariff_id.upper() not in known:
            yield Problem(TARIFF_THERE, f"$.charging_periods[{index}].tariff_id", repr(period.tariff_id))
    for index, tariff in enumerate(cdr.tariffs):
        if tariff.currency != cdr.currency:
            yield Problem(CURRENCY, f"$.tariffs[{index}].currency", f"{tariff.currency}, CDR {cdr.currency}")
        for problem in check_tariff(tariff):
            yield problem.below(f"$.tariffs[{index}]")


def _check_names(cdr: Cdr) -> Iterator[Problem]:
    for index, period in enumerate(cdr.charging_periods):
        for kind in sorted({dim.type for dim in period.dimensions} & SESSION_ONLY_DIMENSIONS):
            yield Problem(SESSION_ONLY, f"$.charging_periods[{index}].dimensions", kind)
    if cdr.session_id is not None and volume_of(cdr.charging_periods, "RESERVATION_TIME") is None:
        for name in ("evse_uid", "evse_id", "connector_id"):
            if getattr(cdr.cdr_location, name) == NOT_AVAILABLE:
                yield Problem(NOT_AVAILABLE_REASON, f"$.cdr_location.{name}", NOT_AVAILABLE)
