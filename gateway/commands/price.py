"""`gateway price`: what a CDR should cost, recomputed from its charging periods and a tariff, beside what it says."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from gateway.commands.bill_text import align, four_places, render_bill_lines
from gateway.core.pieces import Circumstances, compile_rules
from gateway.core.pricing import STATED_PLACES, add_amounts, limit_amount, price_stretches, round_amount
from gateway.core.restrictions import UnpriceableError
from gateway.core.stretches import SECONDS_PER_HOUR, time_s_of
from gateway.domain.bills import Amount, Bill, BillLine, BillPeriod, Part
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Tariff
from gateway.errors import WireError
from gateway.ocpi.foreign_cdrs import ForeignCdr, parse_foreign_cdr
from gateway.ocpi.foreign_json import load_foreign
from gateway.ocpi.foreign_tariffs import parse_foreign_tariff
from gateway.ocpi.wire import render_time
from gateway.ops.terminal import tell_problem

NAME = "price"
HELP = "recompute what a CDR costs and compare it with what the CDR says"
AGREES, DIFFERS, USAGE_PROBLEM = 0, 1, 2

TOTALS = {
    "total_fixed_cost": Part.FIXED,
    "total_energy_cost": Part.ENERGY,
    "total_time_cost": Part.TIME,
    "total_parking_cost": Part.PARKING,
    "total_reservation_cost": Part.RESERVATION,
}
COST = "total_cost"
NO_TARIFF = "\0none"
NOTHING = Amount(before_taxes=Decimal(0), with_taxes=Decimal(0))
LEAST_PLACES = 2
SAME_QUANTITY = Decimal("0.0005")
WH_PER_KWH = Decimal(1000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cdr", type=Path, required=True, metavar="CDR.json", help="a CDR of any OCPI version")
    parser.add_argument(
        "--tariff",
        type=Path,
        action="append",
        default=[],
        metavar="TARIFF.json",
        help="price by this tariff; without it, by those inside the CDR. Give several to have periods choose by id",
    )
    parser.add_argument(
        "--time-zone",
        type=_parse_zone,
        metavar="ZONE",
        help="of the location, such as Europe/Amsterdam: prices may depend on its clock",
    )
    parser.add_argument(
        "--voltage", type=_parse_voltage, metavar="V", help="line to neutral: tells the current where the CDR does not"
    )
    parser.add_argument("--round-to", type=int, choices=range(5), help="decimals to which the totals are rounded (4)")
    parser.add_argument("--json", action="store_true", help="print JSON; numbers have four places")


def run(args: argparse.Namespace) -> int:
    """Print the recomputed bill; 0: the CDR says the same, 1: it differs, 2: it cannot be computed."""
    try:
        cdr = _load(args.cdr, parse_foreign_cdr)
        tariffs = [_load(path, parse_foreign_tariff) for path in args.tariff]
        found = _price(cdr, tariffs, time_zone=args.time_zone, voltage=args.voltage)
        reckoning = _reckon(cdr, found, STATED_PLACES if args.round_to is None else args.round_to)
    except (_ProblemError, UnpriceableError) as error:
        tell_problem(f"gateway price: {error}")
        return USAGE_PROBLEM
    if args.json:
        sys.stdout.write(orjson.dumps(_render_json(reckoning)).decode() + "\n")
    else:
        print("\n".join(_render_text(reckoning)))
    return DIFFERS if any(row.differs for row in reckoning.rows) else AGREES


class _ProblemError(Exception):
    """Something in the files or arguments; the text is fit for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A figure of the CDR beside ours; None: it does not state it, or it is not known."""

    name: str
    computed: Decimal | None
    stated: Decimal | None
    differs: bool

    @property
    def difference(self) -> Decimal | None:
        return None if self.computed is None or self.stated is None else self.stated - self.computed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reckoning:
    cdr: ForeignCdr
    bill: Bill
    totals: Mapping[str, Amount | None]
    rows: Sequence[_Row]


# --- computing ----------------------------------------------------------------------------------------------------


def _load(path: Path, parse: Any) -> Any:
    try:
        return parse(load_foreign(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise _ProblemError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _ProblemError(f"{path}: cannot be read ({error}); it must be a JSON file in UTF-8") from None
    except WireError as error:
        raise _ProblemError(f"{path}: {error}") from None


def _price(cdr: ForeignCdr, given: Sequence[Tariff], *, time_zone: str | None, voltage: Decimal | None) -> Bill:
    tariffs, stretches = _assign(cdr, given)
    for tariff in tariffs:
        if tariff.currency.upper() != cdr.currency.upper():
            raise _ProblemError(f"tariff {tariff.id} is in {tariff.currency}, CDR {cdr.id} in {cdr.currency}")
    rules = compile_rules(tariffs, time_zone or cdr.time_zone)
    circumstances = Circumstances(voltage=voltage or cdr.voltage, is_expired=cdr.is_unused_reservation)
    return price_stretches(rules, stretches, circumstances, keeps_borders=True)


def _assign(cdr: ForeignCdr, given: Sequence[Tariff]) -> tuple[Sequence[Tariff], Sequence[Any]]:
    """Which tariff prices which period.

    The only one that is given prices all.  Of several each period names its own; one that names none, where others do,
    has no price (OCPI 2.3.0 mod_cdrs, ChargingPeriod tariff_id).
    """
    tariffs = list(given or cdr.tariffs)
    if not tariffs:
        raise _ProblemError(f"CDR {cdr.id} holds no tariff; name one with --tariff")
    named = any(stretch.tariff_id is not None for stretch in cdr.stretches)
    if len(given) == 1 or (len(tariffs) == 1 and not named):
        return tariffs[:1], [replace(stretch, tariff_id=None) for stretch in cdr.stretches]
    if not named:
        raise _ProblemError(
            f"CDR {cdr.id} holds {len(tariffs)} tariffs and does not say which period has which; name one with --tariff"
        )
    by_id = {tariff.id.casefold(): tariff.id for tariff in tariffs}
    stretches = []
    for stretch in cdr.stretches:
        wanted = NO_TARIFF if stretch.tariff_id is None else by_id.get(stretch.tariff_id.casefold())
        if wanted is None:
            raise _ProblemError(
                f"CDR {cdr.id}: the period from {render_time(stretch.start_at)} has tariff {stretch.tariff_id}, which "
                "is not in the CDR; give it with --tariff"
            )
        stretches.append(replace(stretch, tariff_id=wanted))
    unpriced = replace(tariffs[0], id=NO_TARIFF, elements=(), min_price=None, max_price=None)
    return [*tariffs, unpriced], stretches


def _reckon(cdr: ForeignCdr, bill: Bill, places: int) -> _Reckoning:
    parts = {part: round_amount(amount, places) for part, amount in bill.parts.items()}
    cost = round_amount(limit_amount(bill, add_amounts(parts.values())), places)
    exact: dict[str, Amount | None] = {COST: bill.cost, **{name: bill.parts.get(part) for name, part in TOTALS.items()}}
    totals: dict[str, Amount | None] = {COST: cost, **{name: parts.get(part) for name, part in TOTALS.items()}}
    if cdr.is_credit:  # OCPI 2.3.0 mod_cdrs, credit CDRs: only the total cost is negative
        exact[COST], totals[COST] = _negative(bill.cost), _negative(cost)
    rows = [row for name in totals for row in _compare_costs(cdr, name, totals[name], exact[name])]
    return _Reckoning(cdr=cdr, bill=bill, totals=totals, rows=[*rows, *_compare_quantities(cdr)])


def _compare_costs(cdr: ForeignCdr, name: str, computed: Amount | None, exact: Amount | None) -> Iterator[_Row]:
    stated = cdr.costs.get(name)
    if computed is None and stated is None:
        return
    for field, words in (("before_taxes", "excl. VAT"), ("with_taxes", "incl. VAT")):
        ours = Decimal(0) if computed is None else getattr(computed, field)
        theirs = None if stated is None else getattr(stated, field)
        unrounded = ours if exact is None else getattr(exact, field)
        is_same = ours is None or theirs is None or _is_same(theirs, ours, unrounded)
        if name == COST and stated is None:  # no CDR of any version may leave it out
            is_same = False
        yield _Row(name=f"{name} {words}", computed=ours, stated=theirs, differs=not is_same)


def _is_same(stated: Decimal, *computed: Decimal) -> bool:
    """To as many decimals as are stated (JSON drops zeros at the end, so at least two), half rounded up."""
    exponent = stated.normalize().as_tuple().exponent
    places = max(LEAST_PLACES, -exponent if isinstance(exponent, int) else 0)
    place = Decimal(1).scaleb(-places)
    return any(stated == value.quantize(place, rounding=ROUND_HALF_UP) for value in computed)


def _compare_quantities(cdr: ForeignCdr) -> Iterator[_Row]:
    """What the periods add up to beside the totals that are stated."""
    hours = {phase: Decimal(0) for phase in Phase}
    for stretch in cdr.stretches:
        hours[stretch.phase] += time_s_of(stretch) / SECONDS_PER_HOUR
    energy_wh = sum((stretch.energy_wh for stretch in cdr.stretches), Decimal(0))
    found = {
        "total_energy": energy_wh / WH_PER_KWH if cdr.has_energies else None,
        "total_time": hours[Phase.CHARGING] + hours[Phase.PARKING],
        "total_parking_time": hours[Phase.PARKING],
    }
    units = {"total_energy": "kWh"}
    for name, computed in found.items():
        stated = cdr.quantities.get(name)
        if stated is not None:
            differs = computed is not None and abs(stated - computed) > SAME_QUANTITY
            yield _Row(name=f"{name} {units.get(name, 'h')}", computed=computed, stated=stated, differs=differs)


def _negative(amount: Amount) -> Amount:
    before, after = amount.before_taxes, amount.with_taxes
    return Amount(before_taxes=None if before is None else -before, with_taxes=None if after is None else -after)


def _parse_zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time zone such as Europe/Amsterdam") from None


def _parse_voltage(text: str) -> Decimal:
    try:
        voltage = Decimal(text)
    except InvalidOperation:
        voltage = Decimal(0)
    if not voltage.is_finite() or voltage <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a voltage such as 230")
    return voltage


# --- showing ------------------------------------------------------------------------------------------------------


def _render_text(reckoning: _Reckoning) -> Iterator[str]:
    cdr = reckoning.cdr
    yield f"{'Credit CDR' if cdr.is_credit else 'CDR'} {cdr.id}, amounts in {cdr.currency}, times in UTC"
    yield ""
    yield from render_bill_lines(reckoning.bill)
    yield ""
    rows = [("total", "computed", "CDR", "difference")]
    for row in reckoning.rows:
        stated = "-" if row.stated is None else four_places(row.stated)
        mark = four_places(row.difference) if row.differs else ""
        rows.append((row.name, "-" if row.computed is None else four_places(row.computed), stated, mark))
    yield from align(rows, left=1)
    yield ""
    for note in cdr.notes:
        yield f"Note: {note}."
    found = [row.name for row in reckoning.rows if row.differs]
    yield f"The CDR differs in {', '.join(found)}." if found else "The CDR says the same."


def _render_json(reckoning: _Reckoning) -> dict[str, Any]:
    differing = [row for row in reckoning.rows if row.differs]
    return {
        **{name: _render_amount(amount or NOTHING) for name, amount in reckoning.totals.items()},
        "currency": reckoning.cdr.currency,
        "periods": [_render_period(period) for period in reckoning.bill.periods],
        "limits": [
            {"limit": one.limit, "sum": _render_amount(one.summed), "cost": _render_amount(one.limited)}
            for one in reckoning.bill.limits
        ],
        "cdr": {
            **{name: _render_amount(amount) for name, amount in reckoning.cdr.costs.items()},
            **{name: _number(value) for name, value in reckoning.cdr.quantities.items()},
        },
        "differences": [
            {
                "total": row.name,
                "computed": _number(row.computed),
                "stated": _number(row.stated),
                "difference": _number(row.difference),
            }
            for row in differing
        ],
        "notes": list(reckoning.cdr.notes),
    }


def _render_period(period: BillPeriod) -> dict[str, Any]:
    stretch = period.stretch
    return {
        "start_date_time": render_time(stretch.start_at),
        "end_date_time": render_time(stretch.end_at),
        "phase": stretch.phase,
        "energy_kwh": _number(stretch.energy_wh / WH_PER_KWH),
        "lines": [_render_line(line) for line in period.lines],
    }


def _render_line(line: BillLine) -> dict[str, Any]:
    """`quantity` in kWh or hours; `step`: what the step size added, and the totals (Wh or s) it rounded."""
    step = line.step
    return {
        "dimension": line.dimension,
        "part": line.part,
        "tariff_id": line.tariff_id,
        "element": line.element_no,
        "price": _number(line.component.price),
        "quantity": _number(line.quantity),
        "vat": _number(line.vat),
        "step": None
        if step is None
        else {"step_size": step.step_size, "used": _number(step.used), "billed": _number(step.billed)},
        **_render_amount(line.amount),
    }


def _render_amount(amount: Amount | None) -> Any:
    """What is not known is null."""
    if amount is None:
        return None
    return {"excl_vat": _number(amount.before_taxes), "incl_vat": _number(amount.with_taxes)}


def _number(value: Decimal | None) -> orjson.Fragment | None:
    return None if value is None else orjson.Fragment(four_places(value))
