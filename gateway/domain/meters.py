"""What a meter said, as the station reported it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, overload

from gateway.domain.quick import quick

ENERGY_IMPORT = "Energy.Active.Import.Register"

_MAX_DIGITS: Final = 64
_LEAST_EXPONENT: Final = -20
_MOST_EXPONENT: Final = 13
_MOST_WHOLE: Final = 10**_MOST_EXPONENT
"""Between these powers of ten lies all that meters measure; beyond is noise that no sum survives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One sampled value.  Texts are the station's own (OCPP measurand, context, phase, location, unit);
    absent ones carry the default of the specification (measurand: the energy register, unit: Wh).

    `value` is None where it is no number (signed or broken data: `raw` keeps it untouched).  `multiplier` is
    the power of ten of OCPP 2.x, already *not* applied to `value`.
    """

    at: datetime
    value: Decimal | None
    measurand: str = ENERGY_IMPORT
    unit: str = "Wh"
    context: str | None = None
    phase: str | None = None
    location: str | None = None
    format: str | None = None
    multiplier: int = 0
    raw: str | None = None


make_reading = quick(Reading)

SampledValue = dict[str, Any]
"""One sampled value as JSON, in the words of any OCPP version (1.6 7.43, 2.0.1 SampledValueType)."""


class SampledReadings(Sequence[Reading]):
    """Readings as they were sent: each is parsed when somebody looks at it, and of most that come in nobody does.

    `sent` has the times at which they were taken, each with what was sampled then, read or as JSON text; `imports` what
    `find_import_samples` finds, if that is known.  Neither may be changed.  Equal to any sequence of the same readings.
    """

    __slots__ = ("_imports", "_parsed", "sent")

    def __init__(
        self,
        sent: Sequence[tuple[datetime, Sequence[SampledValue] | bytes]],
        imports: Sequence[tuple[datetime, SampledValue]] | None = None,
    ) -> None:
        self.sent = sent
        self._imports = imports
        self._parsed: tuple[Reading, ...] | None = None

    def find_import_samples(self) -> Sequence[tuple[datetime, SampledValue]]:
        """What was sampled of the energy that was drawn, each with its time."""
        if self._imports is not None:
            return self._imports
        found = []
        for at, samples in self._samples():
            for sample in samples:
                measurand = sample.get("measurand")
                if not measurand or measurand == ENERGY_IMPORT:
                    found.append((at, sample))
        return found

    def find_imports(self) -> list[Reading]:
        """Those of energy that was drawn; no other is parsed."""
        parsed = [parse_sampled_value(sample, at) for at, sample in self.find_import_samples()]
        return [reading for reading in parsed if reading is not None]

    def _parse(self) -> tuple[Reading, ...]:
        if self._parsed is None:
            parsed = (parse_sampled_value(sample, at) for at, samples in self._samples() for sample in samples)
            self._parsed = tuple([reading for reading in parsed if reading is not None])
        return self._parsed

    def _samples(self) -> Iterator[tuple[datetime, Sequence[SampledValue]]]:
        return ((at, json.loads(samples) if isinstance(samples, bytes) else samples) for at, samples in self.sent)

    def __len__(self) -> int:
        return len(self._parse())

    def __bool__(self) -> bool:
        return bool(self.sent)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._parse())

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Reading]: ...
    def __getitem__(self, index: int | slice) -> Reading | Sequence[Reading]:
        return self._parse()[index]

    def __eq__(self, other: object) -> bool:
        return self._parse() == (other._parse() if isinstance(other, SampledReadings) else other)

    def __hash__(self) -> int:
        return hash(self._parse())

    def __repr__(self) -> str:
        return repr(self._parse())


def find_imports(readings: Sequence[Reading]) -> list[Reading]:
    """The readings of energy that was drawn."""
    if isinstance(readings, SampledReadings):
        return readings.find_imports()
    return [reading for reading in readings if reading.measurand == ENERGY_IMPORT]


def span_of(readings: Sequence[Reading]) -> tuple[datetime, datetime] | None:
    """When the first and the last of them was taken; None of no readings."""
    if isinstance(readings, SampledReadings):
        sent = readings.sent
        if len(sent) == 1:
            return sent[0][0], sent[0][0]
        times = [at for at, _ in sent]
    else:
        times = [reading.at for reading in readings]
    return (min(times), max(times)) if times else None


def parse_sampled_value(sample: dict[str, Any], at: datetime) -> Reading | None:
    """One SampledValue of any version, None if it carries no value."""
    get = sample.get
    written = get("value")
    if written is None or written == "":
        return None
    measurand = get("measurand") or ENERGY_IMPORT
    value_format = get("format")
    unit, multiplier, raw = get("unit"), 0, None
    value = None if value_format == "SignedData" else parse_number(written)
    if unit is None:  # OCPP 2.x has an object for it, and one for signed values
        unit_of_measure, signed = get("unitOfMeasure"), get("signedMeterValue")
        if unit_of_measure:
            unit, multiplier = unit_of_measure.get("unit"), unit_of_measure.get("multiplier") or 0
        if multiplier and value is not None and not _is_measurable(value, multiplier):
            value, multiplier, written = None, 0, sample
        if signed:
            raw = _raw(signed)
    if value is None and raw is None:
        raw = _raw(written)
    return make_reading(
        at=at,
        value=value,
        measurand=measurand,
        # OCPP 1.6 7.43: Wh is the default unit of energy only; so it is in OCPP 2.0.1 UnitOfMeasureType.
        unit=unit or ("Wh" if measurand.startswith("Energy") else ""),
        context=get("context"),
        phase=get("phase"),
        location=get("location"),
        format=value_format,
        multiplier=int(multiplier) if multiplier else 0,
        raw=raw,
    )


def parse_number(written: Any) -> Decimal | None:
    """A finite number of a size that can be measured, None if it is none."""
    kind = type(written)
    if kind is int and -_MOST_WHOLE < written < _MOST_WHOLE:
        return Decimal(written)
    if kind is str:
        if len(written) < _MOST_EXPONENT and written.isdecimal():
            return Decimal(written)
        if len(written) > _MAX_DIGITS:
            return None
    try:
        # The shortest text of a number is the one that was sent; what is none has no text that is one.
        number = Decimal(written if kind is str or kind is int else repr(written))
    except InvalidOperation:
        return None
    if not number:
        return number
    return number if number.is_finite() and _LEAST_EXPONENT < number.adjusted() < _MOST_EXPONENT else None


def _is_measurable(number: Decimal, multiplier: int) -> bool:
    return not number or _LEAST_EXPONENT < number.adjusted() + multiplier < _MOST_EXPONENT


def _raw(written: Any) -> str:
    return written if isinstance(written, str) else json.dumps(written, separators=(",", ":"), ensure_ascii=False)
