"""What a visit costs under its tariff: exact, and rounded only where a total is stated.

ENERGY is priced per kWh, TIME and PARKING_TIME per hour, FLAT once per session and once per reservation, each by the
component that `core/restrictions.py` chooses for the piece.  `step_size` makes more of the session's energy and of the
time that was billed last (OCPI 2.3.0 mod_cdrs, step_size); min and max price hold at the very end.

Every product is kept as a line, unrounded (28 digits).  The parts of a bill are settled at twelve decimals, which ends
periodic fractions, and add up to its sum.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Context, Decimal

from gateway.core.pieces import (
    PLAIN,
    Circumstances,
    Piece,
    PriceRules,
    cut_pieces,
    find_unknown_restriction,
)
from gateway.core.restrictions import UnpriceableError
from gateway.core.stretches import SECONDS_PER_HOUR, time_s_of
from gateway.domain.bills import (
    Amount,
    AppliedLimit,
    Bill,
    BillLine,
    BillPeriod,
    Limit,
    Part,
    StepRounding,
    Stretch,
    TaxShare,
)
from gateway.domain.cdrs import Totals
from gateway.domain.money import ZERO, Price
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TaxIncluded

STATED_PLACES = 4
SETTLED = Decimal("1e-12")
HUNDRED = Decimal(100)
WIDE = Context(prec=80)
"""Rounding must not fail where an operator's price is beyond all measure."""
ONE = Decimal(1)
_Choice = Callable[[Decimal, Decimal], Decimal]
UNITS_PER_PRICE = {
    Dimension.FLAT: ONE,
    Dimension.ENERGY: Decimal(1000),
    Dimension.TIME: SECONDS_PER_HOUR,
    Dimension.PARKING_TIME: SECONDS_PER_HOUR,
}
PARTS = {
    Dimension.FLAT: Part.FIXED,
    Dimension.ENERGY: Part.ENERGY,
    Dimension.TIME: Part.TIME,
    Dimension.PARKING_TIME: Part.PARKING,
}


def find_pricing_obstacle(tariff: Tariff) -> str | None:
    """Why no bill can be made under this tariff whatever happens, or None.  Such a tariff is never approximated."""
    obstacle = find_unknown_restriction(tariff)
    if obstacle is not None or tariff.tax_included is not TaxIncluded.YES:
        return obstacle
    for number, element in enumerate(tariff.elements):
        if any(component.vat is None and component.price for component in element.components):
            return f"elements[{number}]: with tax_included YES a CDR needs the vat of each price component"
    return None


def price_stretches(
    rules: PriceRules,
    stretches: Sequence[Stretch],
    circumstances: Circumstances = PLAIN,
    *,
    keeps_borders: bool = False,
) -> Bill:
    """The bill of a visit; its periods are the stretches, cut where a price changes and joined where none does.

    `keeps_borders`: nothing is joined.  Needs at least one stretch, in order of time.  Raises UnpriceableError where a
    price cannot be known exactly.
    """
    pieces = cut_pieces(rules, stretches, circumstances, keeps_borders=keeps_borders)
    drafts = _price_pieces(pieces)
    _round_to_steps(drafts)
    lines = [line for draft in drafts for line in draft.lines]
    parts = {part: _sum_part(lines, part) for part in _parts_of(pieces)}
    summed = add_amounts(parts.values())
    min_price, max_price = _find_limits(pieces)
    cost, limits = _apply_limits(summed, min_price, max_price)
    return Bill(
        currency=rules.tariffs[0].currency,
        periods=tuple(BillPeriod(stretch=draft.piece.stretch, lines=tuple(draft.lines)) for draft in drafts),
        parts=parts,
        summed=summed,
        cost=cost,
        limits=limits,
        taxes=tuple(_taxes_of(lines)),
        min_price=min_price,
        max_price=max_price,
    )


def add_amounts(amounts: Iterable[Amount]) -> Amount:
    """The sum; what is not known of one is not known of all."""
    before: Decimal | None = ZERO
    after: Decimal | None = ZERO
    for amount in amounts:
        before = None if before is None or amount.before_taxes is None else before + amount.before_taxes
        after = None if after is None or amount.with_taxes is None else after + amount.with_taxes
    return Amount(before_taxes=before, with_taxes=after)


def state_totals(bill: Bill, places: int = STATED_PLACES) -> Totals:
    """The totals of a CDR: each part rounded half up to `places`, and their sum, within the min and max price.

    So whoever adds up the parts gets the total, unless a min or max price took its place (`bill.limits`).  Raises
    UnpriceableError where the net price is not known, for a CDR must tell it (OCPI types Price).
    """
    stated = {part: round_amount(amount, places) for part, amount in bill.parts.items()}
    cost = limit_amount(bill, add_amounts(stated.values()))
    return Totals(
        cost=_price_of(round_amount(cost, places)),
        fixed=_find_price(stated, Part.FIXED),
        energy=_find_price(stated, Part.ENERGY),
        time=_find_price(stated, Part.TIME),
        parking=_find_price(stated, Part.PARKING),
        reservation=_find_price(stated, Part.RESERVATION),
        taxes=tuple(tax for part, amount in stated.items() for tax in _state_taxes(bill, part, amount, places)),
    )


def limit_amount(bill: Bill, summed: Amount) -> Amount:
    """A sum of the bill's parts within its min and max price."""
    cost, _ = _apply_limits(summed, bill.min_price, bill.max_price)
    return cost


def _apply_limits(
    summed: Amount, min_price: Price | None, max_price: Price | None
) -> tuple[Amount, tuple[AppliedLimit, ...]]:
    """min_price and max_price hold before and with taxes, each by itself (OCPI 2.3.0 mod_tariffs, notes).

    A limit that is told before taxes only moves the price with taxes along in proportion; one of a session that cost
    nothing has no proportion, so its price with taxes is not known.
    """
    cost, applied = summed, []
    bounds: tuple[tuple[Limit, Price | None, _Choice], ...] = (
        (Limit.MIN_PRICE, min_price, max),
        (Limit.MAX_PRICE, max_price, min),
    )
    for limit, price, choose in bounds:
        limited = cost if price is None else _limit_amount(cost, price, choose)
        if limited != cost:
            applied.append(AppliedLimit(limit=limit, summed=cost, limited=limited))
            cost = limited
    return cost, tuple(applied)


def _limit_amount(cost: Amount, limit: Price, choose: _Choice) -> Amount:
    before, after = cost.before_taxes, cost.with_taxes
    net = None if before is None else choose(before, limit.before_taxes)
    if after is not None and limit.with_taxes is not None:
        after = choose(after, limit.with_taxes)
    elif after is not None and net is not None and net != before:
        after = _settled(after * net / before) if before else None
    return Amount(before_taxes=net, with_taxes=after)


# --- lines --------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Draft:
    piece: Piece
    lines: list[BillLine] = field(default_factory=list)


def _price_pieces(pieces: Sequence[Piece]) -> list[_Draft]:
    """What was used, piece by piece; FLAT falls due in the first piece of the session, or reservation, that has it."""
    drafts = []
    flats_due = {True, False}
    for piece in pieces:
        draft = _Draft(piece=piece)
        is_reservation = piece.stretch.phase is Phase.RESERVATION
        for dimension, (number, component) in sorted(piece.chosen.items()):
            if dimension is Dimension.FLAT:
                if is_reservation not in flats_due:
                    continue
                flats_due.remove(is_reservation)
            draft.lines.append(_line_of(piece, dimension, number, component, _units_of(piece.stretch, dimension)))
        drafts.append(draft)
    return drafts


def _units_of(stretch: Stretch, dimension: Dimension) -> Decimal:
    if dimension is Dimension.FLAT:
        return ONE
    return stretch.energy_wh if dimension is Dimension.ENERGY else time_s_of(stretch)


def _line_of(piece: Piece, dimension: Dimension, number: int, component: PriceComponent, units: Decimal) -> BillLine:
    is_reservation = piece.stretch.phase is Phase.RESERVATION
    scale = UNITS_PER_PRICE[dimension]
    vat = None if piece.tariff.tax_included is TaxIncluded.NOT_APPLICABLE else component.vat
    return BillLine(
        part=Part.RESERVATION if is_reservation else PARTS[dimension],
        dimension=dimension,
        tariff_id=piece.tariff.id,
        element_no=number,
        component=component,
        units=units,
        quantity=units / scale,
        vat=vat,
        amount=_tax(component.price * units / scale, vat, piece.tariff.tax_included),
    )


def _tax(amount: Decimal, vat: Decimal | None, included: TaxIncluded) -> Amount:
    """Without `vat` no tax applies (OCPI mod_tariffs, PriceComponent), except to a price that includes taxes: then
    only what is paid is known (OCPI 2.3.0 mod_tariffs, example 20)."""
    if vat is None:
        is_known = included is not TaxIncluded.YES or not amount
        return Amount(before_taxes=amount if is_known else None, with_taxes=amount)
    if included is TaxIncluded.YES:
        return Amount(before_taxes=amount * HUNDRED / (HUNDRED + vat), with_taxes=amount)
    return Amount(before_taxes=amount, with_taxes=amount * (HUNDRED + vat) / HUNDRED)


# --- step_size ----------------------------------------------------------------------------------------------------


def _round_to_steps(drafts: Sequence[_Draft]) -> None:
    """Energy once, time once: charging or parking, whichever was billed last; the time of a reservation by itself."""
    session = [draft for draft in drafts if draft.piece.stretch.phase is not Phase.RESERVATION]
    reservation = [draft for draft in drafts if draft.piece.stretch.phase is Phase.RESERVATION]
    _round_to_step(session, frozenset({Dimension.ENERGY}))
    _round_to_step(session, frozenset({Dimension.TIME, Dimension.PARKING_TIME}))
    _round_to_step(reservation, frozenset({Dimension.TIME}))


def _round_to_step(drafts: Sequence[_Draft], dimensions: frozenset[Dimension]) -> None:
    """The step of the last component that was used makes more of the total of its dimension, at that last price.

    What another tariff priced stays out of it (OCPI 2.3.0 mod_cdrs: not taken into account between two tariffs).
    """
    for draft in reversed(drafts):
        last = next((line for line in draft.lines if line.dimension in dimensions), None)
        if last is None:
            continue
        lines = [line for one in drafts for line in one.lines]
        used = sum(
            (one.units for one in lines if one.dimension is last.dimension and one.tariff_id == last.tariff_id), ZERO
        )
        step_size = last.component.step_size
        billed = round_up_to_step(used, step_size)
        if billed != used:
            more = _line_of(draft.piece, last.dimension, last.element_no, last.component, billed - used)
            draft.lines.append(replace(more, step=StepRounding(step_size=step_size, used=used, billed=billed)))
        return


def round_up_to_step(quantity: Decimal, step_size: int) -> Decimal:
    """The next multiple; exact multiples stay, and a step of 0 (seen with free tariffs) rounds nothing."""
    if step_size < 1 or quantity <= 0:
        return quantity
    whole, rest = divmod(quantity, step_size)
    return quantity if not rest else (whole + 1) * step_size


# --- totals -------------------------------------------------------------------------------------------------------


def _parts_of(pieces: Sequence[Piece]) -> list[Part]:
    """The parts that the tariffs price at all, in the order of a CDR."""
    tariffs = {piece.tariff.id: piece.tariff for piece in pieces}.values()
    priced = {
        PARTS[component.type]
        if element.restrictions is None or element.restrictions.reservation is None
        else Part.RESERVATION
        for tariff in tariffs
        for element in tariff.elements
        for component in element.components
    }
    if not any(piece.stretch.phase is Phase.RESERVATION for piece in pieces):
        priced.discard(Part.RESERVATION)
    return [part for part in Part if part in priced]


def _sum_part(lines: Iterable[BillLine], part: Part) -> Amount:
    summed = add_amounts(line.amount for line in lines if line.part is part)
    return Amount(before_taxes=_settled(summed.before_taxes), with_taxes=_settled(summed.with_taxes))


def _settled(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(SETTLED, rounding=ROUND_HALF_UP, context=WIDE)


def _find_limits(pieces: Sequence[Piece]) -> tuple[Price | None, Price | None]:
    tariffs = {piece.tariff.id: piece.tariff for piece in pieces if piece.tariff.elements}
    if len(tariffs) == 1:
        (tariff,) = tariffs.values()
        return tariff.min_price, tariff.max_price
    if any(tariff.min_price is not None or tariff.max_price is not None for tariff in tariffs.values()):
        raise UnpriceableError(
            f"the tariffs {', '.join(sorted(tariffs))} price one session and have a min_price or max_price: OCPI does "
            "not say what these then apply to"
        )
    return None, None


def _taxes_of(lines: Sequence[BillLine]) -> Iterable[TaxShare]:
    """By part and rate, as OCPI 2.3.0 groups them; before a min or max price."""
    taxed = [line for line in lines if line.vat is not None]
    for part in Part:
        for vat in sorted({line.vat for line in taxed if line.part is part and line.vat is not None}):
            share = add_amounts(line.amount for line in taxed if line.part is part and line.vat == vat)
            if share.before_taxes is not None and share.with_taxes is not None:
                tax = share.with_taxes - share.before_taxes
                yield TaxShare(part=part, vat=vat, before_taxes=share.before_taxes, tax=tax)


def _state_taxes(bill: Bill, part: Part, stated: Amount, places: int) -> list[TaxShare]:
    """The taxes of a part by rate, rounded; the last takes what is missing to what the part states."""
    shares = [share for share in bill.taxes if share.part is part]
    if stated.before_taxes is None or stated.with_taxes is None or not shares:
        return []
    left, found = stated.with_taxes - stated.before_taxes, []
    for number, share in enumerate(shares, start=1):
        taxed = round_amount(Amount(before_taxes=share.before_taxes, with_taxes=share.tax), places)
        tax = left if number == len(shares) or taxed.with_taxes is None else taxed.with_taxes
        found.append(replace(share, before_taxes=taxed.before_taxes or ZERO, tax=tax))
        left -= tax
    return found


def round_amount(amount: Amount, places: int) -> Amount:
    """Half up."""
    place = ONE.scaleb(-places)
    before, after = (
        None if value is None else value.quantize(place, rounding=ROUND_HALF_UP, context=WIDE)
        for value in (amount.before_taxes, amount.with_taxes)
    )
    return Amount(before_taxes=before, with_taxes=after)


def _find_price(stated: dict[Part, Amount], part: Part) -> Price | None:
    amount = stated.get(part)
    return None if amount is None else _price_of(amount)


def _price_of(amount: Amount) -> Price:
    if amount.before_taxes is None:
        raise UnpriceableError("prices include taxes whose rate is not known: the price before taxes cannot be told")
    return Price(before_taxes=amount.before_taxes, with_taxes=amount.with_taxes)
