"""Sampled values become readings, as reported: no conversion, no choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from gateway.domain.meters import ENERGY_IMPORT, Reading
from gateway.ocpp.times import parse_time


@dataclass(frozen=True, slots=True)
class Samples:
    """The readings of one message; `at` and `at_raw` are the time of the first, None if there is none at all."""

    readings: tuple[Reading, ...]
    at: datetime | None
    at_raw: str
    flags: tuple[str, ...]


NO_SAMPLES = Samples((), None, "", ())


def parse_samples(meter_values: Sequence[Any], received_at: datetime) -> Samples:
    """Read a list of MeterValue (OCPP 1.6 7.33, OCPP 2.0.1 MeterValueType).

    A sample without value is skipped; a MeterValue without a time, or with an implausible one, counts at its receipt.
    """
    readings: list[Reading] = []
    first_at: datetime | None = None
    first_raw = ""
    flags: tuple[str, ...] = ()
    for meter_value in meter_values:
        at, raw, replaced = parse_time(meter_value.get("timestamp"), received_at)
        flags = flags or replaced
        if first_at is None:
            first_at, first_raw = at, raw
        for sample in meter_value.get("sampledValue") or ():
            reading = parse_sample(sample, at)
            if reading is not None:
                readings.append(reading)
    return Samples(tuple(readings), first_at, first_raw, flags)


def parse_sample(sample: dict[str, Any], at: datetime) -> Reading | None:
    """One SampledValue of any version, None if it carries no value."""
    written = sample.get("value")
    if written is None or written == "":
        return None
    measurand = sample.get("measurand") or ENERGY_IMPORT
    unit, multiplier = sample.get("unit"), 0
    unit_of_measure = sample.get("unitOfMeasure")
    if unit_of_measure:
        unit, multiplier = unit_of_measure.get("unit"), unit_of_measure.get("multiplier") or 0
    value_format = sample.get("format")
    value = None if value_format == "SignedData" else parse_number(written)
    raw = None if value is not None else _raw(written)
    signed = sample.get("signedMeterValue")
    if signed:
        raw = _raw(signed)
    return Reading(
        at=at,
        value=value,
        measurand=measurand,
        # OCPP 1.6 7.43: Wh is the default unit of energy only; so it is in OCPP 2.0.1 UnitOfMeasureType.
        unit=unit or ("Wh" if measurand.startswith("Energy") else ""),
        context=sample.get("context"),
        phase=sample.get("phase"),
        location=sample.get("location"),
        format=value_format,
        multiplier=multiplier,
        raw=raw,
    )


def parse_number(written: Any) -> Decimal | None:
    """A finite number, None if it is none."""
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        return None
    try:
        number = Decimal(written if isinstance(written, str) else str(written))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _raw(written: Any) -> str:
    return written if isinstance(written, str) else orjson.dumps(written).decode()
