"""Sampled values become readings, as reported: no conversion, no choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.meters import Reading, SampledReadings, SampledValue
from gateway.domain.quick import quick
from gateway.ocpp.times import ReadTime, parse_time


@dataclass(frozen=True, slots=True)
class Samples:
    """The readings of one message; `at` and `at_raw` are the time of the first, None if there is none at all."""

    readings: Sequence[Reading]
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
    sent: list[tuple[datetime, Sequence[SampledValue]]] = []
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
        samples = meter_value.get("sampledValue")
        if samples:
            sent.append((at, samples))
    return make_samples(SampledReadings(sent), first_at, first_raw, flags)
