"""The story of a bill in lines, fit to be read aloud over the telephone.

Times are those of the site's own clock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Final

from gateway.console.tell_bill import tell_costs, tell_periods
from gateway.console.tell_signatures import tell_signed_values
from gateway.console.words import Cells, Clock, columns, kwh, plain, price, span
from gateway.domain.cdrs import Cdr
from gateway.domain.explanations import Explanation, FactStory, LateStory, LeftReading, TakenReading
from gateway.domain.flags import MEANINGS
from gateway.domain.meters import ENERGY_IMPORT, Reading
from gateway.domain.sessions import Fact, FactKind, Phase
from gateway.domain.tokens import AuthMethod
from gateway.flows.explaining import WAITED
from gateway.flows.masking import mask_uid

WIDTH: Final = 120
HEAD: Final = 10
KINDS: Final = {
    FactKind.STARTED: "start",
    FactKind.UPDATED: "event",
    FactKind.METERED: "meter values",
    FactKind.STATE_CHANGED: "status of the plug",
    FactKind.ENDED: "end",
    FactKind.ABANDONED: "no end: given up by us",
    FactKind.RESERVED: "reservation accepted",
    FactKind.RESERVATION_ENDED: "end of the reservation",
}
AUTH_METHODS: Final = {
    AuthMethod.WHITELIST: "accepted by the list of cards that the eMSP gave us",
    AuthMethod.AUTH_REQUEST: "accepted by the eMSP when it was asked",
    AuthMethod.COMMAND: "started by the eMSP's own command",
}


def tell_explanation(explanation: Explanation, partner_name: str | None) -> str:
    """The whole story; sections with a heading each."""
    clock = Clock(explanation)
    sections: Iterable[tuple[str, Iterable[str]]] = (
        ("", _tell_head(explanation, clock, partner_name)),
        ("The periods of the bill: why each begins, and what it costs", tell_periods(explanation, clock)),
        ("Together", tell_costs(explanation)),
        (f"The messages that it rests on (times of {clock.name})", _tell_facts(explanation, clock)),
        ("What the meter signed", tell_signed_values(explanation.cdr.signed_values, clock)),
        ("What was odd", _tell_odd(explanation)),
        ("What came after the bill was made", _tell_late(explanation.late, clock)),
        ("Corrections", _tell_corrections(explanation)),
        ("What the partner has had", _tell_shown(explanation, clock, partner_name)),
    )
    lines: list[str] = []
    for heading, told in sections:
        found = [part for line in told for part in _folded(_printable(line))]
        if found:
            lines += ["", heading, *found] if heading else found
    return "\n".join(lines)


def _printable(line: str) -> str:
    """Stations choose many of the texts: what steers a terminal is not shown."""
    if line.isprintable():
        return line
    return type(line)("".join(sign if sign.isprintable() else "?" for sign in line))


def _folded(line: str) -> list[str]:
    """A long line goes on below itself, further in; one of the head below its value."""
    if len(line) <= WIDTH or isinstance(line, Cells):
        return [line]
    inwards = len(line) - len(line.lstrip())
    indent = " " * (inwards + 4 if inwards else HEAD)
    return wrap(line, WIDTH, initial_indent="", subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False)


# --- head ---------------------------------------------------------------------------------------------------------


def _tell_head(explanation: Explanation, clock: Clock, partner_name: str | None) -> Iterator[str]:
    cdr, session = explanation.cdr, explanation.session
    what = "Credit" if cdr.credit else "CDR"
    owner = f"number {cdr.ordinal} for {partner_name or cdr.partner_id}" if cdr.partner_id else "of no partner"
    yield f"{what} {cdr.id}, {owner}"
    yield ""
    yield f"Session   {session.id}"
    yield f"Charger   station {session.key.station_id}, transaction {session.transaction_id}"
    yield f"Where     {_where(cdr)}"
    yield f"Who       {_who(explanation, partner_name)}"
    reserved = " (reserved)" if cdr.periods and cdr.periods[0].phase is Phase.RESERVATION else ""
    yield f"When      {clock.whole(cdr.started_at)}{reserved}"
    yield f"     to   {clock.whole(cdr.ended_at)}"
    parked = f", {span(cdr.parking_time_s)} of it parking" if cdr.parking_time_s else ""
    yield f"Time      {span(cdr.time_s)}{parked}"
    yield f"Energy    {kwh(cdr.energy_wh)} kWh{_meters(explanation)}"
    yield f"Costs     {price(cdr.totals.cost, cdr.currency)}"
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
    return f": the meter showed {plain(ledger.start_register_wh)} Wh first and {plain(ledger.register_wh)} Wh last"


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


def _tell_facts(explanation: Explanation, clock: Clock) -> Iterator[str]:
    """A line per message with the register taken from it; below it only what is special."""
    if not explanation.story.facts:
        yield "  none any more: see what was odd"
        return
    rows: list[_Row] = [(_COLUMNS, ())]
    for story in explanation.story.facts:
        rows += _rows_of(story, clock)
    lines = columns([cells for cells, _ in rows], right=_RIGHT)
    for line, (_, remarks) in zip(lines, rows, strict=True):
        yield line
        yield from (f"      {remark}" for remark in remarks)
    yield from (f"  {line}" for line in _tell_in_common(explanation.story.facts))


def _rows_of(story: FactStory, clock: Clock) -> Iterator[_Row]:
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
    return plain(taken.register_wh), "" if taken.drawn_wh is None else plain(taken.drawn_wh)


def _note_of(taken: TakenReading | None) -> list[str]:
    return [] if taken is None or taken.note is None else [taken.note]


def _kind(fact: Fact) -> str:
    """The message in few words; numbered ones with their number and what made the station send them."""
    kind = KINDS[fact.kind] if fact.seq_no is None else f"{KINDS[fact.kind]} {fact.seq_no}"
    reason = f"reason {fact.stop_reason}" if fact.stop_reason and fact.kind is FactKind.ENDED else None
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
    return f"{plain(reading.value)} {reading.unit}{phase}"


# --- the rest -----------------------------------------------------------------------------------------------------


def _tell_odd(explanation: Explanation) -> Iterator[str]:
    for flag in sorted(explanation.cdr.flags):
        yield f"  {MEANINGS.get(flag, flag)}"
    for doubt in explanation.doubts:
        yield f"  {doubt}"


def _tell_late(late: Sequence[LateStory], clock: Clock) -> Iterator[str]:
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
    if (
        said is not None and not cdr.credit
    ):  # a credit repeats the bill that it takes back; what changed is in the other
        if said.energy_wh is not None:
            yield f"  The operator set the energy: {kwh(said.energy_wh)} kWh."
        if said.ended_at is not None:
            yield "  The operator set the end of the session."
        if said.tariff_id is not None:
            yield f"  The operator had it billed by tariff {said.tariff_id}."
    for other in explanation.others:
        if other.credit_reference_id == cdr.id:
            yield f"  This CDR was taken back by credit {other.id}."
        elif other.corrects_id is not None and other.corrects_id in (cdr.id, cdr.credit_reference_id):
            yield f"  CDR {other.id} stands in its place."


def _tell_shown(explanation: Explanation, clock: Clock, partner_name: str | None) -> Iterator[str]:
    cdr = explanation.cdr
    if cdr.partner_id is None:
        yield "  nothing: no eMSP's card was used, so the bill is ours alone"
        return
    name = partner_name or cdr.partner_id
    if not explanation.shown:
        yield f"  nothing yet: {name} has neither pulled nor taken this CDR"
    yield from _tell_pushes(explanation, clock, name)
    has_had = explanation.receipts or not explanation.waiting
    for shown in explanation.shown if has_had else ():
        at = "before the gateway kept the time" if shown.at is None else f"on {clock.whole(shown.at)}"
        yield f"  {name} was first given it in OCPI {shown.version} {at}, and with the same bytes ever since"


def _tell_pushes(explanation: Explanation, clock: Clock, name: str) -> Iterator[str]:
    """What came of pushing the bill."""
    for receipt in explanation.receipts:
        at = f", and keeps it as {receipt.answer.location}" if receipt.answer.location else ""
        yield f"  {name} took it when it was pushed on {clock.whole(receipt.answer.at)}{at}"
    for delivery in explanation.waiting:
        said = delivery.answer
        if said is None:
            yield f"  it waits since {clock.whole(delivery.created_at)} to be pushed to {name}"
        else:
            code = f", OCPI {said.status_code}" if said.status_code is not None else ""
            words = f": {said.message}" if said.message else ""
            yield f"  {name} refused it on {clock.whole(said.at)} with HTTP {said.http_status}{code}{words}"
