"""What a meter said, as the station reported it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

ENERGY_IMPORT = "Energy.Active.Import.Register"
POWER_IMPORT = "Power.Active.Import"


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
