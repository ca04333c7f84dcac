"""What is doubtful about a session, by rules that can be read, and which doubts wait for a person before the bill."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.core.cdrs import Hold
from gateway.core.periods import MICROSECOND
from gateway.domain.cdrs import Cdr
from gateway.domain.flags import MEANINGS
from gateway.domain.locations import Connector
from gateway.domain.sessions import Ledger, Session

SEEN_IN_FACTS = frozenset(
    [
        *("abandoned", "estimated", "leap_ignored", "register_fell", "source_changed"),
        *("start_register_ignored", "time_replaced"),
    ]
)
"""Flags that the fold of the facts raises."""
SEEN_IN_SIGNATURES = frozenset(
    [
        *("signature_broken", "signature_unverified", "signed_energy_differs", "signed_key_differs"),
        *("signed_meter_differs", "signed_values_left_out"),
    ]
)
"""Flags that judging what the meter signed raises."""

GAP = "gap"
NO_READING = "no_energy_reading"
NO_ENERGY = "zero_energy"
BEYOND_PLUG = "energy_beyond_plug"
BEYOND_ENERGY = "energy_beyond_limit"
BEYOND_DURATION = "duration_beyond_limit"
UNIT = "unit_doubtful"
TOLD = SEEN_IN_FACTS | SEEN_IN_SIGNATURES
FLAGS = TOLD | {GAP, NO_READING, NO_ENERGY, BEYOND_PLUG, BEYOND_ENERGY, BEYOND_DURATION, UNIT}
"""Every doubt there is."""
REVIEWED = "reviewed"
"""Said of a bill that a person released."""

WHOLE_KWH = Decimal(1_000)
"""What a register that is shown in whole kWh may be wrong by."""
LEAST_CHARGING = timedelta(minutes=10)
MICROSECONDS_PER_HOUR = 3_600_000_000
PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtRules:
    """`hold_flags`: the doubts that wait for a person; `power_factor`: how much more than its greatest power a plug may
    seem to give; None: no limit."""

    hold_flags: frozenset[str] = frozenset()
    power_factor: Decimal = Decimal("1.1")
    max_energy_wh: Decimal | None = None
    max_duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    flag: str
    reason: str


def find_doubts(session: Session, rules: DoubtRules, flags: frozenset[str] = frozenset()) -> tuple[Doubt, ...]:
    """Everything that is odd about a session that has ended; nothing for one that goes on.

    `flags` are those that judging its signed values raised.
    """
    ledger = session.ledger
    if ledger.ended_at is None:
        return ()
    doubts = [Doubt(flag=flag, reason=MEANINGS[flag]) for flag in sorted((ledger.flags | flags) & TOLD)]
    if ledger.has_gap:
        doubts.append(Doubt(flag=GAP, reason=MEANINGS[GAP]))
    if ledger.is_reservation:
        return tuple(doubts)  # no energy was expected of it
    doubts += _find_energy_doubts(ledger, ledger.ended_at, rules)
    if session.terms.place is not None:
        max_w = find_power_w(session.terms.place.connector)
        if max_w is not None:
            doubts += _find_power_doubts(ledger, ledger.ended_at, max_w * rules.power_factor)
    return tuple(doubts)


def review_cdr(session: Session, cdr: Cdr, rules: DoubtRules, *, is_released: bool) -> Cdr | Hold:
    """The bill with its doubts as flags; held where one of them waits for a person who has not released it."""
    doubts = find_doubts(session, rules, cdr.flags)
    held = [doubt for doubt in doubts if doubt.flag in rules.hold_flags]
    if held and not is_released:
        reasons = "; ".join(f"{doubt.flag}: {doubt.reason}" for doubt in held)
        return Hold(
            reason=f"needs review: {reasons}. Release it as it is (POST sessions/{session.id}/release), then correct "
            "its CDR if need be"
        )
    released = {REVIEWED} if held else set()
    return replace(cdr, flags=cdr.flags | {doubt.flag for doubt in doubts} | released)


def find_power_w(connector: Connector) -> Decimal | None:
    """The greatest power of a plug; without one told it is voltage (line to neutral) times current, per phase.  None
    where nothing is known (OCPI 2.3.0 mod_locations 8.3.3)."""
    if connector.max_electric_power is not None:
        return Decimal(connector.max_electric_power)
    phases = PHASES.get(connector.power_type)
    return None if phases is None else Decimal(connector.max_voltage * connector.max_amperage * phases)


def _find_energy_doubts(ledger: Ledger, ended_at: datetime, rules: DoubtRules) -> Iterator[Doubt]:
    duration = ended_at - ledger.started_at
    if ledger.start_register_wh is None and not ledger.energy_wh:
        yield Doubt(flag=NO_READING, reason=MEANINGS[NO_READING])
    elif not ledger.energy_wh:
        yield Doubt(flag=NO_ENERGY, reason=MEANINGS[NO_ENERGY])
    if rules.max_energy_wh is not None and ledger.energy_wh > rules.max_energy_wh:
        limit = f"{rules.max_energy_wh / 1000:f} kWh"
        yield Doubt(flag=BEYOND_ENERGY, reason=f"{ledger.energy_wh / 1000:f} kWh are more than the limit of {limit}")
    if rules.max_duration is not None and duration > rules.max_duration:
        yield Doubt(flag=BEYOND_DURATION, reason=f"it lasted {duration}, longer than the limit of {rules.max_duration}")


def _find_power_doubts(ledger: Ledger, ended_at: datetime, max_w: Decimal) -> Iterator[Doubt]:
    energy_wh, span = ledger.energy_wh, max(ended_at - ledger.started_at, timedelta(0))
    most_wh = max_w * (span // MICROSECOND) / MICROSECONDS_PER_HOUR
    if energy_wh > most_wh + WHOLE_KWH:
        yield Doubt(
            flag=BEYOND_PLUG,
            reason=f"{energy_wh / 1000:f} kWh are more than the plug can give in that time ({most_wh / 1000:.1f} kWh); "
            "perhaps Wh were told as kWh",
        )
    if span >= LEAST_CHARGING and 0 < energy_wh * 1000 <= most_wh:
        yield Doubt(
            flag=UNIT, reason=f"{energy_wh:f} Wh are next to nothing for that time; perhaps kWh were told as Wh"
        )
