"""The story of a bill in lines, fit to be read aloud over the telephone.

Times are those of the site's own clock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from textwrap import wrap
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.bills import AppliedLimit, BillLine, Limit, Part
from gateway.domain.cdrs import Cdr
from gateway.domain.explanations import Explanation, FactStory, LateStory, LeftReading, PeriodStory, TakenReading
from gateway.domain.meters import ENERGY_IMPORT, Reading
from gateway.domain.money import Price
from gateway.domain.sessions import Fact, FactKind, Phase
from gateway.domain.tariffs import DAYS_OF_WEEK, Dimension, Restrictions, Tariff, TaxIncluded
from gateway.domain.tokens import AuthMethod
from gateway.flows.explaining import WAITED
from gateway.flows.masking import mask_uid

WIDTH: Final = 120
HEAD: Final = 10
WH_PER_KWH: Final = Decimal(1000)
KINDS: Final = {
    FactKind.STARTED: "start",
    FactKind.UPDATED: "event",
    FactKind.METERED: "meter values",
    FactKind.STATE_CHANGED: "status of the plug",
    FactKind.ENDED: "end",
    FactKind.ABANDONED: "no end: given up by us",
}
PHASES: Final = {Phase.CHARGING: "charging", Phase.PARKING: "parking", Phase.RESERVATION: "reservation"}
DIMENSIONS: Final = {
    Dimension.FLAT: ("session fee", ""),
    Dimension.ENERGY: ("energy", "kWh"),
    Dimension.TIME: ("charging time", "h"),
    Dimension.PARKING_TIME: ("parking time", "h"),
}
PARTS: Final = {
    Part.FIXED: "session fee",
    Part.ENERGY: "energy",
    Part.TIME: "charging time",
    Part.PARKING: "parking time",
    Part.RESERVATION: "reservation",
}
LIMITS: Final = {Limit.MIN_PRICE: "the least that a session costs", Limit.MAX_PRICE: "the most that a session costs"}
AUTH_METHODS: Final = {
    AuthMethod.WHITELIST: "accepted by the list of cards that the eMSP gave us",
    AuthMethod.AUTH_REQUEST: "accepted by the eMSP when it was asked",
    AuthMethod.COMMAND: "started by the eMSP's own command",
}
FLAGS: Final = {
    "abandoned": "the station never told the end: the session ends with the last that was heard of it",
    "estimated": "readings lie more than an hour apart: the energy between them is shared out evenly over that time",
    "gap": "numbered messages of the station are missing: what they told is not in the bill",
    "leap_ignored": "a register rose by more than any plug can give: that rise is not billed",
    "max_price": "the most that a session costs under the tariff took the place of the sum",
    "min_price": "the least that a session costs under the tariff took the place of the sum",
    "register_fell": "a register fell (a meter was changed or reset): nothing is billed for the fall",
    "source_changed": "another register of the station was read from some time on: it counts from its own beginning",
    "start_register_ignored": "the first register told was 0 and no reading: the session counts from the next one",
    "time_replaced": "a time that the station told cannot be right: the time of receipt stands in its place",
}


def tell_explanation(explanation: Explanation, partner_name: str | None) -> str:
    """The whole story; sections with a heading each."""
    clock = _Clock(explanation)
    sections: Iterable[tuple[str, Iterable[str]]] = (
        ("", _tell_head(explanation, clock, partner_name)),
        ("The periods of the bill: why each begins, and what it costs", _tell_periods(explanation, clock)),
        ("Together", _tell_costs(explanation)),
        (f"The messages that it rests on (times of {clock.name})", _tell_facts(explanation, clock)),
        ("What was odd", _tell_odd(explanation)),
        ("What came after the bill was made", _tell_late(explanation.late, clock)),
        ("Corrections", _tell_corrections(explanation)),
        ("What the partner has had", _tell_shown(explanation, clock, partner_name)),
    )
    lines: list[str] = []
    for heading, told in sections:
        found = [part for line in told for part in _folded(line)]
        if found:
            lines += ["", heading, *found] if heading else found
    return "\n".join(lines)


def _folded(line: str) -> list[str]:
    """A long line goes on below itself, further in; one of the head below its value."""
    if len(line) <= WIDTH or isinstance(line, _Cells):
        return [line]
    inwards = len(line) - len(line.lstrip())
    indent = " " * (inwards + 4 if inwards else HEAD)
    return wrap(line, WIDTH, initial_indent="", subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False)


class _Cells(str):
    """A line of a table: it is never folded."""

    __slots__ = ()


class _Clock:
    """Times as the site's clock shows them; the date only where it is another than at the start."""

    def __init__(self, explanation: Explanation) -> None:
        cdr = explanation.cdr
        self.name = cdr.terms.place.location.time_zone if cdr.terms.place is not None else "UTC"
        self._zone = ZoneInfo(self.name)
        self._begin = cdr.started_at.astimezone(self._zone)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def whole(self, at: datetime) -> str:
        """Date, time and offset from UTC."""
        local = self.local(at)
        return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S}{_fraction(local)} (UTC{_offset(local)})"

    def short(self, at: datetime) -> str:
        local = self.local(at)
        text = f"{local:%H:%M:%S}{_fraction(local)}"
        if local.date() != self._begin.date():
            text = f"{local.day} {local:%b} {text}"
        return text if local.utcoffset() == self._begin.utcoffset() else f"{text} (UTC{_offset(local)})"


def _fraction(at: datetime) -> str:
    return f".{at.microsecond // 1000:03}" if at.microsecond >= 1000 else ""


def _offset(at: datetime) -> str:
    text = f"{at:%z}"
    return f"{text[:3]}:{text[3:5]}"


# --- head ---------------------------------------------------------------------------------------------------------


def _tell_head(explanation: Explanation, clock: _Clock, partner_name: str | None) -> Iterator[str]:
    cdr, session = explanation.cdr, explanation.session
    what = "Credit" if cdr.credit else "CDR"
    owner = f"number {cdr.ordinal} for {partner_name or cdr.partner_id}" if cdr.partner_id else "of no partner"
    yield f"{what} {cdr.id}, {owner}"
    yield ""
    yield f"Session   {session.id}"
    yield f"Charger   station {session.key.station_id}, transaction {session.transaction_id}"
    yield f"Where     {_where(cdr)}"
    yield f"Who       {_who(explanation, partner_name)}"
    yield f"When      {clock.whole(cdr.started_at)}"
    yield f"     to   {clock.whole(cdr.ended_at)}"
    parked = f", {_span(cdr.parking_time_s)} of it parking" if cdr.parking_time_s else ""
    yield f"Time      {_span(cdr.time_s)}{parked}"
    yield f"Energy    {_kwh(cdr.energy_wh)} kWh{_meters(explanation)}"
    yield f"Costs     {_price(cdr.totals.cost, cdr.currency)}"
    tariff = cdr.terms.tariff
    if tariff is not None:
        yield f"Tariff    {tariff.id}, as it was when the session began"


def _meters(explanation: Explanation) -> str:
    """The registers between which it was drawn, where they are of one piece."""
    ledger = explanation.story.ledger
    if ledger.start_register_wh is None or ledger.register_wh is None:
        return ""
    if ledger.segments > 1:
        return f", in {ledger.segments} pieces: the register broke off (see the messages)"
    return f": the meter showed {_plain(ledger.start_register_wh)} Wh first and {_plain(ledger.register_wh)} Wh last"


def _where(cdr: Cdr) -> str:
    place = cdr.terms.place
    if place is None:
        return "not known"
    location, evse = place.location, place.evse
    city = f"{location.postal_code} {location.city}" if location.postal_code else location.city
    name = f"{location.name}, " if location.name else ""
    evse_name = f"{evse.evse_id} ({evse.uid})" if evse.evse_id else evse.uid
    return (
        f"{name}{location.address}, {city} (location {location.id}); EVSE {evse_name}, connector {place.connector.id}"
    )


def _who(explanation: Explanation, partner_name: str | None) -> str:
    token, shown = explanation.cdr.terms.token, explanation.session.id_token
    if token is None:
        return "no eMSP's card" if shown is None else f"card {mask_uid(shown.value)}, of no eMSP"
    of = f"{token.party}{f' ({partner_name})' if partner_name else ''}"
    method = AUTH_METHODS[explanation.cdr.terms.auth_method]
    return f"card {mask_uid(token.uid)}, contract {token.contract_id}, of {of}; {method}"


# --- facts --------------------------------------------------------------------------------------------------------

_COLUMNS: Final = ("TIME", "WHAT THE STATION TOLD", "METER Wh", "DRAWN Wh", "RECEIVED", "MESSAGE")
_RIGHT: Final = frozenset({2, 3})

_Row = tuple[tuple[str, ...], Sequence[str]]
"""The cells, and what is to be said below them."""


def _tell_facts(explanation: Explanation, clock: _Clock) -> Iterator[str]:
    """A line per message with the register taken from it; below it only what is special."""
    rows: list[_Row] = [(_COLUMNS, ())]
    for story in explanation.story.facts:
        rows += _rows_of(story, clock)
    widths = [max(len(cells[column]) for cells, _ in rows) for column in range(len(_COLUMNS))]
    for cells, remarks in rows:
        yield _Cells("  " + "  ".join(_aligned(cells, widths)).rstrip())
        yield from (f"      {remark}" for remark in remarks)
    yield from (f"  {line}" for line in _tell_in_common(explanation.story.facts))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def _rows_of(story: FactStory, clock: _Clock) -> Iterator[_Row]:
    fact = story.fact
    remarks = [*_left_lines(story.left), *dict.fromkeys(note for note in story.notes if note != WAITED)]
    first, *rest = story.taken or (None,)
    received = clock.short(fact.received_at.replace(microsecond=0))
    message = "" if fact.kind is FactKind.ABANDONED else fact.message_id
    below = [] if rest else remarks
    yield (clock.short(story.at), _kind(fact), *_meter(first), received, message), [*_note_of(first), *below]
    for number, taken in enumerate(rest, 1):
        below = remarks if number == len(rest) else []
        yield (clock.short(taken.at), "  read then, told with it", *_meter(taken), "", ""), [*_note_of(taken), *below]


def _meter(taken: TakenReading | None) -> tuple[str, str]:
    if taken is None:
        return "", ""
    return _plain(taken.register_wh), "" if taken.drawn_wh is None else _plain(taken.drawn_wh)


def _note_of(taken: TakenReading | None) -> list[str]:
    return [] if taken is None or taken.note is None else [taken.note]


def _kind(fact: Fact) -> str:
    """The message in few words; numbered ones with their number and what made the station send them."""
    kind = KINDS[fact.kind] if fact.seq_no is None else f"{KINDS[fact.kind]} {fact.seq_no}"
    reason = f"reason {fact.stop_reason}" if fact.stop_reason else None
    return ", ".join([kind, *(detail for detail in (fact.trigger, reason) if detail)])


def _left_lines(left: Sequence[LeftReading]) -> Iterator[str]:
    """Readings of energy that are left out, those for one reason together; all others are told of in common."""
    energy = [one for one in left if one.reading.measurand == ENERGY_IMPORT]
    for reason, group in groupby(sorted(energy, key=lambda one: one.reason), key=lambda one: one.reason):
        shown = [_reading(one.reading) for one in group]
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        yield f"not counted: {', '.join(shown[:3])}{more}: {reason}"


def _tell_in_common(stories: Sequence[FactStory]) -> Iterator[str]:
    """What holds for many messages is said once."""
    others = Counter(one.reason for story in stories for one in story.left if one.reading.measurand != ENERGY_IMPORT)
    for reason, count in sorted(others.items()):
        yield f"Not counted: {count} {'reading' if count == 1 else 'readings'}: {reason}."
    waited = sum(WAITED in story.notes for story in stories)
    if waited:
        messages = "message was" if waited == 1 else "messages were"
        yield f"{waited} {messages} received more than 10 s after their own time: out of the station's queue."


def _reading(reading: Reading) -> str:
    if reading.value is None:
        return "a signed value" if reading.format == "SignedData" else "a value"
    phase = f" {reading.phase}" if reading.phase else ""
    return f"{_plain(reading.value)} {reading.unit}{phase}"


# --- periods and costs --------------------------------------------------------------------------------------------


def _tell_periods(explanation: Explanation, clock: _Clock) -> Iterator[str]:
    tariff = explanation.cdr.terms.tariff
    before: PeriodStory | None = None
    for number, story in enumerate(explanation.periods, 1):
        period = story.period
        yield (
            f"  {number}. {clock.short(period.start_at)} to {clock.short(story.end_at)}  {PHASES[period.phase]}, "
            f"{_span(period.duration_s)}, {_kwh(period.energy_wh)} kWh"
        )
        yield f"     because {story.begun_by}"
        for line in story.lines:
            yield f"     {_line(line, explanation.cdr.currency, tariff)}"
            if before is None or line.element_no not in {one.element_no for one in before.lines}:
                condition = _condition_of(line, tariff)
                if condition:
                    yield f"       holds {condition}"
        if not story.lines:
            yield "     no price of the tariff holds here: nothing is charged"
        before = story
    if _is_shared(explanation):
        yield "  What the meter rose by across the border of two periods goes to the charging time of both, evenly."


def _is_shared(explanation: Explanation) -> bool:
    """Does a period begin where the meter was not read?"""
    read = {taken.at for story in explanation.story.facts for taken in story.taken}
    return any(story.period.start_at not in read for story in explanation.periods[1:])


def _line(line: BillLine, currency: str, tariff: Tariff | None) -> str:
    name, unit = DIMENSIONS[line.dimension]
    price = f"{_unit_price(line.component.price)} {currency}"
    if line.step is not None:
        small = "Wh" if line.dimension is Dimension.ENERGY else "s"
        what = (
            f"rounded up to steps of {line.step.step_size} {small}: {_plain(line.step.used)} {small} are billed as "
            f"{_plain(line.step.billed)}, that is {_quantity(line.quantity)} {unit} more"
        )
    else:
        what = f"{_quantity(line.quantity)} {unit}".strip() if unit else ""
    product = f"{what} × {price} per {unit} = " if unit else ""
    where = f"price {line.element_no + 1} of {line.tariff_id}"
    return f"{name} ({where}): {product}{_amount(line, tariff)} {currency}{_tax(line, tariff)}"


def _amount(line: BillLine, tariff: Tariff | None) -> str:
    """The product as it is multiplied: prices with tax give an amount with tax."""
    amount = line.amount.with_taxes if _is_gross(tariff) else line.amount.before_taxes
    return _money(amount)


def _tax(line: BillLine, tariff: Tariff | None) -> str:
    if line.vat is None:
        return ", no VAT applies"
    if _is_gross(tariff):
        return f" with {_plain(line.vat)} % VAT, {_money(line.amount.before_taxes)} without"
    return f", with {_plain(line.vat)} % VAT {_money(line.amount.with_taxes)}"


def _is_gross(tariff: Tariff | None) -> bool:
    return tariff is not None and tariff.tax_included is TaxIncluded.YES


def _condition_of(line: BillLine, tariff: Tariff | None) -> str:
    if tariff is None or line.element_no >= len(tariff.elements):
        return ""
    restrictions = tariff.elements[line.element_no].restrictions
    return "" if restrictions is None else ", ".join(_conditions(restrictions))


def _conditions(rule: Restrictions) -> Iterator[str]:
    """When an element holds, in words; all of them must."""
    ranges = (
        ("time of day", rule.start_time, rule.end_time, ""),
        ("date", rule.start_date, rule.end_date, ""),
        ("energy of the session", rule.min_kwh, rule.max_kwh, " kWh"),
        ("current", rule.min_current, rule.max_current, " A"),
        ("power", rule.min_power, rule.max_power, " kW"),
        ("time of the session", rule.min_duration_s, rule.max_duration_s, " s"),
    )
    for what, least, most, unit in ranges:
        bounds = [
            f"{word} {_bound(value)}{unit}" for word, value in (("from", least), ("below", most)) if value is not None
        ]
        if bounds:
            yield f"{what} {' and '.join(bounds)}"
    if rule.day_of_week:
        yield f"on {', '.join(day.capitalize() for day in DAYS_OF_WEEK if day in rule.day_of_week)}"
    if rule.reservation is not None:
        yield "for a reservation"


def _bound(value: object) -> str:
    return _plain(value) if isinstance(value, Decimal) else str(value)


def _tell_costs(explanation: Explanation) -> Iterator[str]:
    cdr = explanation.cdr
    totals = cdr.totals
    parts = [
        (PARTS[part], price)
        for part, price in (
            (Part.FIXED, totals.fixed),
            (Part.ENERGY, totals.energy),
            (Part.TIME, totals.time),
            (Part.PARKING, totals.parking),
            (Part.RESERVATION, totals.reservation),
        )
        if price is not None
    ]
    width = max([len(name) for name, _ in parts] + [len("together")])
    for name, price in parts:
        yield f"  {name:<{width}}  {_price(price, cdr.currency)}"
    if explanation.bill is not None:
        yield from (f"  {_limit(applied, cdr.currency)}" for applied in explanation.bill.limits)
    yield f"  {'together':<{width}}  {_price(totals.cost, cdr.currency)}"
    if cdr.terms.round_to is not None:
        yield f"  each amount is rounded to {cdr.terms.round_to} decimals, half up, and they are then added"


def _limit(applied: AppliedLimit, currency: str) -> str:
    return (
        f"{LIMITS[applied.limit]}: {_money(applied.limited.before_taxes)} {currency} without VAT in place of "
        f"{_money(applied.summed.before_taxes)}"
    )


# --- the rest -----------------------------------------------------------------------------------------------------


def _tell_odd(explanation: Explanation) -> Iterator[str]:
    for flag in sorted(explanation.cdr.flags):
        yield f"  {FLAGS.get(flag, flag)}"
    for doubt in explanation.doubts:
        yield f"  {doubt}"


def _tell_late(late: Sequence[LateStory], clock: _Clock) -> Iterator[str]:
    for one in late:
        fact = one.fact
        fate = "a correction counts it" if one.counts else f"it is not in the bill: {one.reason}"
        readings = ", ".join(_reading(reading) for reading in fact.readings[:3])
        told = f" with {readings}" if readings else ""
        yield (
            f"  {clock.short(fact.at)}  {_kind(fact)}{told}; received {clock.short(fact.received_at)}, message "
            f"{fact.message_id}: {fate}"
        )


def _tell_corrections(explanation: Explanation) -> Iterator[str]:
    cdr, said = explanation.cdr, explanation.cdr.correction
    if cdr.credit_reference_id is not None:
        yield f"  This takes back CDR {cdr.credit_reference_id}: it is the same with its cost negative."
    if cdr.corrects_id is not None:
        yield f"  This stands in the place of CDR {cdr.corrects_id}."
    if said is not None:
        yield f"  The operator's reason: {said.reason}"
        if said.energy_wh is not None:
            yield f"  The operator set the energy: {_kwh(said.energy_wh)} kWh."
        if said.ended_at is not None:
            yield "  The operator set the end of the session."
        if said.tariff_id is not None:
            yield f"  The operator had it billed by tariff {said.tariff_id}."
    for other in explanation.others:
        if other.credit_reference_id == cdr.id:
            yield f"  This CDR was taken back by credit {other.id}."
        elif other.corrects_id == cdr.id:
            yield f"  CDR {other.id} stands in its place."


def _tell_shown(explanation: Explanation, clock: _Clock, partner_name: str | None) -> Iterator[str]:
    cdr = explanation.cdr
    if cdr.partner_id is None:
        yield "  nothing: no eMSP's card was used, so the bill is ours alone"
        return
    name = partner_name or cdr.partner_id
    if not explanation.shown:
        yield f"  nothing yet: {name} has not pulled this CDR"
    for shown in explanation.shown:
        at = "before the gateway kept the time" if shown.at is None else f"on {clock.whole(shown.at)}"
        yield f"  {name} was first given it in OCPI {shown.version} {at}, and with the same bytes ever since"


# --- numbers ------------------------------------------------------------------------------------------------------


def _plain(value: Decimal) -> str:
    """All its digits, without zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _kwh(wh: Decimal) -> str:
    return _plain(wh / WH_PER_KWH)


def _quantity(quantity: Decimal) -> str:
    """Six decimals at most: enough to multiply along."""
    return _plain(quantity.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP))


def _money(amount: Decimal | None) -> str:
    """Four decimals, as a CDR has them; two at least."""
    if amount is None:
        return "not known"
    text = _plain(amount.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP))
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"


def _unit_price(price: Decimal) -> str:
    """All its digits; two decimals at least."""
    whole, _, cents = _plain(price).partition(".")
    return f"{whole}.{cents:0<2}"


def _price(price: Price, currency: str) -> str:
    after = "" if price.with_taxes is None else f", {_money(price.with_taxes)} with"
    return f"{_money(price.before_taxes)} {currency} without VAT{after}"


def _span(seconds: Decimal) -> str:
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    words = [f"{hours} h"] if hours else []
    words += [f"{minutes} min"] if minutes or hours else []
    fraction = seconds - whole
    words += [f"{_plain(rest + fraction)} s"] if rest or fraction or not words else []
    return " ".join(words)
