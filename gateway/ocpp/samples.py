"""Sampled values become readings, as reported: no conversion, no choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from gateway.domain.meters import ENERGY_IMPORT, Reading
from gateway.domain.quick import quick
from gateway.ocpp.times import ReadTime, parse_time

make_reading = quick(Reading)

_MAX_DIGITS: Final = 64
_LEAST_EXPONENT: Final = -20
_MOST_EXPONENT: Final = 13
"""Between these powers of ten lies all that meters measure; beyond is noise that no sum survives."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The readings of one message; `at` and `at_raw` are the time of the first, None if there is none at all."""

    readings: tuple[Reading, ...]
    at: datetime | None
    at_raw: str
    flags: tuple[str, ...]


make_samples = quick(Samples)

NO_SAMPLES = Samples((), None, "", ())


def parse_samples(meter_values: Sequence[Any], received_at: datetime, known: ReadTime | None = None) -> Samples:
    """Read a list of MeterValue (OCPP 1.6 7.33, OCPP 2.0.1 MeterValueType); `known` is a time of the message that was
    read already, mostly the very same.

    A sample without value is skipped; a MeterValue without a time, or with an implausible one, counts at its receipt.
    """
    readings: list[Reading] = []
    first_at: datetime | None = None
    first_raw = ""
    flags: tuple[str, ...] = ()
    for meter_value in meter_values:
        timestamp = meter_value.get("timestamp")
        if known is not None and timestamp == known[1]:
            at, raw, replaced = known
        else:
            at, raw, replaced = parse_time(timestamp, received_at)
        flags = flags or replaced
        if first_at is None:
            first_at, first_raw = at, raw
        for sample in meter_value.get("sampledValue") or ():
            reading = parse_sample(sample, at)
            if reading is not None:
                readings.append(reading)
    return make_samples(tuple(readings), first_at, first_raw, flags)


def parse_sample(sample: dict[str, Any], at: datetime) -> Reading | None:
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
    try:
        if kind is str or kind is int:
            if kind is str and len(written) > _MAX_DIGITS:
                return None
            number = Decimal(written)
        elif kind is float:
            number = Decimal(repr(written))
        else:
            return None
    except InvalidOperation:
        return None
    if not number:
        return number
    return number if number.is_finite() and _LEAST_EXPONENT < number.adjusted() < _MOST_EXPONENT else None


def _is_measurable(number: Decimal, multiplier: int) -> bool:
    return not number or _LEAST_EXPONENT < number.adjusted() + multiplier < _MOST_EXPONENT


def _raw(written: Any) -> str:
    return written if isinstance(written, str) else orjson.dumps(written).decode()
