"""From readings to energy registers in Wh."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.meters import ENERGY_IMPORT, Reading, SampledReadings, find_imports, parse_number

TENS_OF_UNITS = {"Wh": 0, "wh": 0, "kWh": 3, "kwh": 3}
"""Powers of ten from a unit to Wh; other spellings are looked up in lower case."""
MOST_TENS = 12
MOST_WH = Decimal(10) ** 15
"""What no register shows: beyond, a reading is a fault of the meter."""
PHASES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
TOTAL, SUM = "total", "phases"
SOURCES = (TOTAL, f"{TOTAL}@Cable", f"{TOTAL}@EV", f"{TOTAL}@Upstream", f"{TOTAL}@Body", SUM, f"{TOTAL}@Inlet")
"""The registers that tell what a car drew, the best first: a total at the outlet, one elsewhere on the car's side, the
sum of the phases; the grid's side is not the car's, and serves only where nothing else is told."""
_AT_OUTLET = (None, "Outlet")
CONTEXTS = {"Transaction.End": 2, "Transaction.Begin": 1}
"""What was read for the transaction itself beats a sample of the same moment (of the clock, of an interruption)."""


class Sourced(NamedTuple):
    """A register that is not the total at the outlet."""

    source: str
    wh: Decimal


def energy_wh_of(reading: Reading) -> Decimal | None:
    """The reading as Wh if it is a usable import register, else None; its exponent keeps the resolution of the meter.

    Signed blobs carry no number; a negative or non-finite register is a fault of the meter and moves no energy.
    """
    value = reading.value
    if value is None or reading.measurand != ENERGY_IMPORT or not value.is_finite():
        return None
    return _to_wh(value, reading.unit, reading.multiplier)


def _to_wh(value: Decimal, unit: str, multiplier: int) -> Decimal | None:
    """A finite number as Wh, None where it can be no register."""
    if value < 0:
        return None
    tens = TENS_OF_UNITS.get(unit)
    if tens is None:
        tens = TENS_OF_UNITS.get(unit.casefold())
        if tens is None:
            return None
    tens += multiplier
    if tens:
        if abs(tens) > MOST_TENS:
            return None
        value = value.scaleb(tens)
    return value if value <= MOST_WH else None


def registers_of(readings: Sequence[Reading]) -> Sequence[tuple[datetime, Decimal | Sourced]]:
    """One register per moment, in order of time: a number where it is the total at the outlet, else with its source.

    Stations report one register several times over: per phase, at inlet and outlet, at the end of a transaction also as
    a sample.  The best source is taken (`SOURCES`), and of one source what was read for the transaction.
    """
    if isinstance(readings, SampledReadings):
        sole = _find_sole_total(readings)
        if sole is not None:
            return (sole,)
    registers = find_imports(readings)
    if not registers:
        return ()
    if len(registers) == 1 and registers[0].phase is None and registers[0].location in _AT_OUTLET:
        only = energy_wh_of(registers[0])
        return () if only is None else ((registers[0].at, only),)
    moments: dict[datetime, dict[str, tuple[int, Decimal]]] = {}
    for reading in registers:
        value = energy_wh_of(reading)
        if value is not None:
            sources = moments.setdefault(reading.at, {})
            source, weight = _source_of(reading), CONTEXTS.get(reading.context or "", 0)
            if source not in sources or sources[source][0] <= weight:
                sources[source] = (weight, value)
    best = [(at, _best_of(moments[at])) for at in sorted(moments)]
    return [(at, value) for at, value in best if value is not None]


def _find_sole_total(readings: SampledReadings) -> tuple[datetime, Decimal] | None:
    """The register of almost every message: it is told once, as a plain number.  None calls for a closer look."""
    imports = readings.find_import_samples()
    if len(imports) != 1:
        return None
    at, sample = imports[0]
    get = sample.get
    if get("phase") is not None or get("location") not in _AT_OUTLET or get("format") == "SignedData":
        return None
    value, unit = parse_number(get("value")), get("unit")
    if unit is None and (of_measure := get("unitOfMeasure")):
        if of_measure.get("multiplier"):
            return None
        unit = of_measure.get("unit")
    wh = None if value is None else _to_wh(value, unit or "Wh", 0)
    return None if wh is None else (at, wh)


def rank_of(source: str) -> tuple[int, int]:
    """How good a source is, the best first; of sums that over more phases."""
    kind, *phases = source.split()
    return SOURCES.index(kind), -len(phases)


def _source_of(reading: Reading) -> str:
    if reading.phase is None:
        return TOTAL if reading.location in _AT_OUTLET else f"{TOTAL}@{reading.location}"
    if reading.phase in PHASES:
        return f"phase {reading.phase[:2]}{'' if reading.location in (None, 'Outlet') else '@' + str(reading.location)}"
    return f"other {reading.phase}"


def _best_of(sources: dict[str, tuple[int, Decimal]]) -> Decimal | Sourced | None:
    if TOTAL in sources:
        return sources[TOTAL][1]
    for source in SOURCES:
        if source in sources:
            return Sourced(source, sources[source][1])
        if source == SUM:
            phases = sorted(name for name in sources if name.startswith("phase ") and "@" not in name)
            if phases:
                names = " ".join(name.removeprefix("phase ") for name in phases)
                return Sourced(f"{SUM} {names}", sum((sources[name][1] for name in phases), Decimal(0)))
    return None
