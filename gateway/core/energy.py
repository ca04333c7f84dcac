"""From readings to energy registers in Wh."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from gateway.domain.meters import ENERGY_IMPORT, Reading

TENS_OF_UNITS = {"Wh": 0, "wh": 0, "kWh": 3, "kwh": 3}
"""Powers of ten from a unit to Wh; other spellings are looked up in lower case."""
MOST_TENS = 12
MOST_WH = Decimal(10) ** 15
"""What no register shows: beyond, a reading is a fault of the meter."""
PHASES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})


def energy_wh_of(reading: Reading) -> Decimal | None:
    """The reading as Wh if it is a usable import register, else None; its exponent keeps the resolution of the meter.

    Signed blobs carry no number; a negative or non-finite register is a fault of the meter and moves no energy.
    """
    value = reading.value
    if value is None or reading.measurand != ENERGY_IMPORT or not value.is_finite() or value < 0:
        return None
    tens = TENS_OF_UNITS.get(reading.unit)
    if tens is None:
        tens = TENS_OF_UNITS.get(reading.unit.casefold())
        if tens is None:
            return None
    tens += reading.multiplier
    if tens:
        if abs(tens) > MOST_TENS:
            return None
        value = value.scaleb(tens)
    return value if value <= MOST_WH else None


def registers_of(readings: Iterable[Reading]) -> Sequence[tuple[datetime, Decimal]]:
    """One register per moment, in order of time.

    Stations report one register several times over: per phase, at inlet and outlet.  A total at the outlet is best,
    then a total elsewhere on the car's side; phases are summed only where there is no total.  The grid's side is not
    the car's.
    """
    registers = [reading for reading in readings if reading.measurand == ENERGY_IMPORT]
    if len(registers) == 1 and registers[0].phase is None and registers[0].location in (None, "Outlet"):
        only = energy_wh_of(registers[0])
        return () if only is None else ((registers[0].at, only),)
    moments: dict[datetime, dict[str, Decimal]] = {}
    for reading in registers:
        value = energy_wh_of(reading)
        if value is not None:
            moments.setdefault(reading.at, {})[_source_of(reading)] = value
    best = [(at, _best_of(moments[at])) for at in sorted(moments)]
    return [(at, value) for at, value in best if value is not None]


def _source_of(reading: Reading) -> str:
    if reading.phase is None:
        return "total" if reading.location in (None, "Outlet") else f"total@{reading.location}"
    if reading.phase in PHASES:
        return f"phase {reading.phase[:2]}{'' if reading.location in (None, 'Outlet') else '@' + str(reading.location)}"
    return f"other {reading.phase}"


def _best_of(sources: dict[str, Decimal]) -> Decimal | None:
    if "total" in sources:
        return sources["total"]
    for location in ("Cable", "EV", "Upstream", "Body"):
        if f"total@{location}" in sources:
            return sources[f"total@{location}"]
    phases = [value for source, value in sources.items() if source.startswith("phase") and "@" not in source]
    if phases:
        return sum(phases, Decimal(0))
    return sources.get("total@Inlet")
