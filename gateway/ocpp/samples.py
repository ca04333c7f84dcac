"""Sampled values become readings, as reported: no conversion, no choice among them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import to_builtins

from gateway.domain.meters import ENERGY_IMPORT, Reading, SampledReadings, SampledValue
from gateway.ocpp.times import ReadTime, parse_time
from gateway.ocpp.typed import fields_of

Samples = tuple[Sequence[Reading], datetime | None, str, tuple[str, ...]]
"""The readings of one message; the time of the first, None if there is none at all, and its text; flags."""

NO_SAMPLES: Final[Samples] = ((), None, "", ())


def parse_samples(meter_values: Sequence[Any], received_at: datetime, known: ReadTime | None = None) -> Samples:
    """Read a list of MeterValue (OCPP 1.6 7.33, OCPP 2.0.1 MeterValueType), typed or not; `known` is a time of the
    message that was read already, mostly the very same.

    A sample without value is skipped; a MeterValue without a time, or with an implausible one, counts at its receipt.
    """
    sent: list[tuple[datetime, Sequence[SampledValue] | bytes]] = []
    imports: list[tuple[datetime, SampledValue]] | None = None
    first_at: datetime | None = None
    first_raw = ""
    flags: tuple[str, ...] = ()
    for each in meter_values:
        meter_value = fields_of(each)
        timestamp = meter_value.timestamp
        if known is not None and timestamp == known[1]:
            at, raw, replaced = known
        else:
            at, raw, replaced = parse_time(timestamp, received_at)
        flags = flags or replaced
        if first_at is None:
            first_at, first_raw = at, raw
        samples = meter_value.sampledValue
        if type(samples) is tuple:
            text, values = samples
            if imports is None:
                imports = []
            for value in values:
                measurand = value.measurand
                if measurand is None or measurand == ENERGY_IMPORT:
                    imports.append((at, to_builtins(value)))
            sent.append((at, text))
        elif samples:
            sent.append((at, samples))
    return SampledReadings(sent, imports), first_at, first_raw, flags
