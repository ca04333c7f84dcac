"""Session: its own fields against each other."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.v221.models import Session
from simulators.emsp.v221.rules.periods import MAX_PLAUSIBLE_KWH, ROUNDING, check_periods, volume_of

SESSION = "OCPI 2.2.1 mod_sessions 9.3.1 Session"

END_AFTER_START = Rule("session.end_after_start", "a session does not end before it starts", SESSION)
COMPLETED_HAS_END = Rule("session.completed_has_end", "a COMPLETED session says when it was completed", SESSION)
OPEN_HAS_NO_END = Rule("session.open_has_no_end", "a session that goes on has no end_date_time", SESSION, Severity.NOTE)
KWH_NOT_NEGATIVE = Rule("session.kwh_not_negative", "kwh is how many kWh were charged", SESSION)
KWH_PLAUSIBLE = Rule("session.kwh_plausible", "kwh above 1000 is probably Wh", SESSION, Severity.NOTE)
ENERGY_ADDS_UP = Rule(
    "session.energy_adds_up",
    "the ENERGY of the periods is at most kwh, and exactly kwh once the session is COMPLETED",
    SESSION,
)
ASSIGNED = Rule(
    "session.assigned", "evse_uid and connector_id may be #NA only for a reservation that has none yet", SESSION
)
PRICE_ORDER = Rule("price.vat_order", "a price with VAT is not below the price without", "OCPI 2.2.1 types 16.5 Price")

NOT_AVAILABLE = "#NA"


def check_session(session: Session) -> Iterator[Problem]:
    end = session.end_date_time
    if end is not None and end < session.start_date_time:
        yield Problem(END_AFTER_START, "$.end_date_time", f"{end} before {session.start_date_time}")
    if session.status == "COMPLETED" and end is None:
        yield Problem(COMPLETED_HAS_END, "$.end_date_time", "not there")
    if session.status in ("ACTIVE", "PENDING", "RESERVATION") and end is not None:
        yield Problem(OPEN_HAS_NO_END, "$.end_date_time", f"{end} while {session.status}")
    if session.status == "ACTIVE":
        for name in ("evse_uid", "connector_id"):
            if getattr(session, name) == NOT_AVAILABLE:
                yield Problem(ASSIGNED, f"$.{name}", f"{NOT_AVAILABLE} in an ACTIVE session")
    yield from _check_energy(session)
    yield from check_periods(session.charging_periods, session.start_date_time, end)
    cost = session.total_cost
    if cost is not None and cost.incl_vat is not None and 0 <= cost.excl_vat > cost.incl_vat:
        yield Problem(PRICE_ORDER, "$.total_cost", f"{cost.excl_vat} excluding, {cost.incl_vat} including VAT")


def _check_energy(session: Session) -> Iterator[Problem]:
    if session.kwh < 0:
        yield Problem(KWH_NOT_NEGATIVE, "$.kwh", f"{session.kwh}")
    if session.kwh > MAX_PLAUSIBLE_KWH:
        yield Problem(KWH_PLAUSIBLE, "$.kwh", f"{session.kwh}")
    energy = volume_of(session.charging_periods, "ENERGY")
    if energy is None:
        return
    tolerance = ROUNDING * (len(session.charging_periods) + 1)
    too_much = energy > session.kwh + tolerance
    too_little = session.status == "COMPLETED" and energy < session.kwh - tolerance
    if too_much or too_little:
        yield Problem(ENERGY_ADDS_UP, "$.charging_periods", f"periods {energy} kWh, session {session.kwh} kWh")
