"""What the meter signed in lines: each record with what it shows, whether it holds, and who told the key."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import Final

from gateway.console.words import Clock, columns, plain
from gateway.domain.signatures import KeySource, Nature, SignedValue, StatedReading, Verdict

_COLUMNS: Final = ("MOMENT", "TIME", "REGISTER", "SIGNED Wh", "VERDICT", "KEY")
_RIGHT: Final = frozenset({3})
MOMENTS: Final = {Nature.START: "start", Nature.INTERMEDIATE: "between", Nature.END: "end"}
VERDICTS: Final = {Verdict.VERIFIED: "it holds", Verdict.BROKEN: "BROKEN", Verdict.UNVERIFIED: "not checked"}
KEYS: Final = {
    KeySource.OPERATOR: "the operator's",
    KeySource.STATION: "the station's",
    KeySource.VALUE: "from a value",
}
NOT_TELLING_WHOSE: Final = (
    "A key that the operator did not give (meter_public_keys) shows that nothing was changed on the way, not whose "
    "meter it was."
)
MAY_NOT_BE_BILLED: Final = {"E": "energy", "t": "time"}

_Row = tuple[tuple[str, ...], Sequence[str]]
"""The cells, and what is to be said below them."""


def tell_signed_values(values: Sequence[SignedValue], clock: Clock) -> Iterator[str]:
    """A line per register inside each record, with the verdict of the day the bill was made.

    The reason stands below it, or once for all records that have the same.
    """
    if not values:
        return
    common = {reason: count for reason, count in Counter(value.reason for value in values).items() if count > 1}
    rows: list[_Row] = [(_COLUMNS, ()), *(row for value in values for row in _rows_of(value, clock, common))]
    for line, (_, remarks) in zip(columns([cells for cells, _ in rows], right=_RIGHT), rows, strict=True):
        yield line
        yield from (f"      {remark}" for remark in remarks)
    yield from (f"  {count} records: {reason}." for reason, count in common.items() if reason is not None)
    serials = sorted({value.meter_serial for value in values if value.meter_serial})
    if serials:
        yield f"  Signed by {'meter' if len(serials) == 1 else 'meters'} {', '.join(serials)}."
    if any(value.has_other_key for value in values):
        yield "  Another key was told as well; the most trusted one is used."
    if any(value.key_source not in (None, KeySource.OPERATOR) for value in values):
        yield f"  {NOT_TELLING_WHOSE}"


def _rows_of(value: SignedValue, clock: Clock, common: Container[str | None]) -> Iterator[_Row]:
    """The reason of the verdict stands below the last register of the record, unless it is one that many have."""
    key = "none" if value.key_source is None else KEYS[value.key_source]
    reasons = [] if value.reason is None or value.reason in common else [value.reason]
    whole = (MOMENTS[value.nature], VERDICTS[value.verdict], key)
    readings = value.readings or (StatedReading(),)
    for number, reading in enumerate(readings, 1):
        moment, verdict, whose = whole if number == 1 else ("", "", "")
        cells = (moment, *_stated(reading, value, clock), verdict, whose)
        yield cells, [*_warnings(reading), *(reasons if number == len(readings) else ())]


def _warnings(reading: StatedReading) -> Iterator[str]:
    """What the meter signed against its own reading (OCMF table 7, ST and EF)."""
    if reading.status not in (None, "G"):
        yield f"the meter tells of its own state {reading.status!r}, not G (good)"
    for letter in reading.error_flags or "":
        yield f"by the meter's own word its {MAY_NOT_BE_BILLED.get(letter, letter)} may not be billed"


def _stated(reading: StatedReading, value: SignedValue, clock: Clock) -> tuple[str, str, str]:
    """The meter's own time where it signed one; a number only where the record tells energy."""
    shown = "" if reading.energy_wh is None else plain(reading.energy_wh)
    return clock.short(reading.at or value.at), reading.register or "", shown
