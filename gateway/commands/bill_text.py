"""A bill in words and columns, for people who add up: every product, every step, every limit."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from gateway.domain.bills import AppliedLimit, Bill, BillLine, BillPeriod, Limit
from gateway.domain.tariffs import Dimension

FOUR_PLACES = Decimal("0.0001")
UNITS = {
    Dimension.ENERGY: "kWh",
    Dimension.TIME: "h",
    Dimension.PARKING_TIME: "h",
    Dimension.FLAT: "",
}
STEP_UNITS = {Dimension.ENERGY: "Wh"}
LIMITS = {Limit.MIN_PRICE: "at least the min_price", Limit.MAX_PRICE: "at most the max_price"}


def four_places(value: Decimal | None) -> str:
    """As a CDR has it; unknown is a question mark."""
    return "?" if value is None else f"{value.quantize(FOUR_PLACES, rounding=ROUND_HALF_UP):f}"


def render_bill_lines(bill: Bill) -> Sequence[str]:
    """The periods with what priced them, and the limits that took the place of their sum."""
    rows: list[tuple[str, ...]] = [("period", "", "quantity", "price", "step", "vat", "excl. VAT", "incl. VAT")]
    for number, period in enumerate(bill.periods, start=1):
        rows += _rows_of(number, period)
    return [*align(rows, left=2), *_limit_lines(bill.limits, bill.currency)]


def align(rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Columns, the first `left` of them flush left, under a rule."""
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return lines


def _rows_of(number: int, period: BillPeriod) -> Iterable[tuple[str, ...]]:
    stretch = period.stretch
    span = f"{number}  {stretch.start_at:%Y-%m-%d %H:%M:%S} - {stretch.end_at:%H:%M:%S} {stretch.phase.lower()}"
    if not period.lines:
        yield (span, "no price holds", "", "", "", "", "", "")
    for line in period.lines:
        yield (span, *_cells_of(line))
        span = ""


def _cells_of(line: BillLine) -> tuple[str, ...]:
    unit = UNITS[line.dimension]
    name = f"{line.dimension} of elements[{line.element_no}]"
    step = ""
    if line.step is not None:
        unit_of_step = STEP_UNITS.get(line.dimension, "s")
        name = f"  {_short(line.step.used)} {unit_of_step} billed as {_short(line.step.billed)}"
        step = f"{line.step.step_size} {unit_of_step}"
    return (
        name,
        f"{four_places(line.quantity)} {unit}".rstrip(),
        f"{line.component.price:f}{f' / {unit}' if unit else ''}",
        step,
        "" if line.vat is None else f"{_short(line.vat)} %",
        four_places(line.amount.before_taxes),
        four_places(line.amount.with_taxes),
    )


def _short(value: Decimal) -> str:
    """Without zeros at the end."""
    return f"{value.normalize():f}"


def _limit_lines(limits: Iterable[AppliedLimit], currency: str) -> Iterable[str]:
    for applied in limits:
        summed, limited = applied.summed, applied.limited
        yield (
            f"A session costs {LIMITS[applied.limit]}: {four_places(limited.before_taxes)} excl. and "
            f"{four_places(limited.with_taxes)} incl. VAT in place of {four_places(summed.before_taxes)} and "
            f"{four_places(summed.with_taxes)} {currency}."
        )
