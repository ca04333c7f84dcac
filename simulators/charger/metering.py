"""From a meter's display to sampled values: quantities, phases, units, and the ways chargers get them wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from .message import Payload
from .station import Reading

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
VOLTAGE = "Voltage"
MEASURANDS = (ENERGY, POWER, CURRENT, VOLTAGE)

PHASES = ("L1", "L2", "L3")
_MAINS_V = 230


@dataclass(frozen=True, slots=True, kw_only=True)
class Metering:
    """How this charger words its readings; the defaults are the polite ones.

    `label`: what stands beside the value: the true unit, none, or the other one (kWh labelled Wh).
    `phases`: the total, each phase without a total, or both.
    `value`: as the schema has it (1.6 text, 2.0.1 number), or always text, or always a number.
    `is_bare`: neither measurand nor context, so the defaults of the specification apply.
    """

    unit: Literal["Wh", "kWh"] = "Wh"
    label: Literal["true", "missing", "wrong"] = "true"
    phases: Literal["total", "each", "both"] = "total"
    value: Literal["schema", "text", "number"] = "schema"
    is_bare: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether the result still obeys the schema of either version."""
        return self.value == "schema"


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of a reading, before a protocol gives it a shape."""

    measurand: str
    value: Decimal
    unit: str
    phase: str | None = None


def measure(reading: Reading, measurands: Sequence[str], metering: Metering) -> list[Sample]:
    """The figures asked for, energy and power split by phase where the charger does so."""
    samples: list[Sample] = []
    for measurand in measurands:
        match measurand:
            case "Energy.Active.Import.Register":
                samples += _energy(reading.energy_wh, metering)
            case "Power.Active.Import":
                samples += _power(int(reading.power_w.to_integral_value(ROUND_HALF_UP)), metering)
            case "Current.Import":
                current_a = (reading.power_w / (3 * _MAINS_V)).quantize(Decimal("0.1"), ROUND_HALF_UP)
                samples += [Sample(CURRENT, current_a, "A", phase) for phase in PHASES]
            case "Voltage":
                samples += [Sample(VOLTAGE, Decimal(_MAINS_V), "V", f"{phase}-N") for phase in PHASES]
    return samples


def render_value(value: Decimal, metering: Metering, *, is_text: bool) -> Any:
    """A JSON number or text; `is_text` is what the schema of the version wants."""
    wants_text = is_text if metering.value == "schema" else metering.value == "text"
    if wants_text:
        return format(value, "f")
    return int(value) if value == value.to_integral_value() else float(value)


def shown_unit(sample: Sample, metering: Metering) -> str | None:
    """The unit to print beside a value, or None for none."""
    if metering.label == "missing":
        return None
    if metering.label == "wrong" and sample.measurand == ENERGY:
        return "Wh" if sample.unit == "kWh" else "kWh"
    return sample.unit


def meter_value(timestamp: str, sampled: list[Payload]) -> Payload:
    """One MeterValue element, the same in both versions."""
    return {"timestamp": timestamp, "sampledValue": sampled}


def _energy(energy_wh: int, metering: Metering) -> list[Sample]:
    parts: list[tuple[int, str | None]] = []
    if metering.phases != "each":
        parts.append((energy_wh, None))
    if metering.phases != "total":
        parts += _thirds(energy_wh)
    if metering.unit == "kWh":
        return [Sample(ENERGY, Decimal(wh).scaleb(-3), "kWh", phase) for wh, phase in parts]
    return [Sample(ENERGY, Decimal(wh), "Wh", phase) for wh, phase in parts]


def _power(power_w: int, metering: Metering) -> list[Sample]:
    parts: list[tuple[int, str | None]] = [(power_w, None)]
    if metering.phases == "each":
        parts = _thirds(power_w)
    elif metering.phases == "both":
        parts += _thirds(power_w)
    return [Sample(POWER, Decimal(w), "W", phase) for w, phase in parts]


def _thirds(total: int) -> list[tuple[int, str | None]]:
    """Three whole parts that add up to the total exactly."""
    third = total // 3
    return [(third, "L1"), (third, "L2"), (total - 2 * third, "L3")]
