"""The story of a session, told by the very functions that fold it.

Nothing is reckoned here: the facts are walked moment by moment through `core/sessions.py`, and what each of them moved
is seen by comparing the ledger before and after.  Which reading a register came from is found by leaving it out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.core.cuts import NO_CUTS, Cuts
from gateway.core.energy import Sourced, energy_wh_of, registers_of
from gateway.core.facts import is_dated
from gateway.core.sessions import Moment, fold_facts, walk_facts
from gateway.domain.explanations import FactStory, LeftReading, SessionStory, TakenReading
from gateway.domain.meters import ENERGY_IMPORT, Reading
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Phase, ReservationEnd
from gateway.domain.tokens import IdToken

LATE = timedelta(seconds=10)
"""A message that comes so much after its own time waited in the station's queue."""
WAITED = "it waited in the station's queue"
SESSION_BEGINS = "the session begins"
STATES = {
    ChargingState.CHARGING: "the car charges",
    ChargingState.EV_CONNECTED: "the car is connected",
    ChargingState.SUSPENDED_EV: "the car asks for no power",
    ChargingState.SUSPENDED_EVSE: "the station gives no power",
    ChargingState.IDLE: "no car takes part",
}
RESERVATION_BEGINS = "the plug is reserved for the driver"
PHASES = {Phase.CHARGING: "charging time", Phase.PARKING: "parking time"}
RESERVATION_ENDS = {
    ReservationEnd.EXPIRED: "the reservation expires",
    ReservationEnd.CANCELED: "the driver's provider cancels the reservation",
    ReservationEnd.WITHDRAWN: "the reservation is taken back by the operator or the station",
}
NEWS = {
    "register_fell": "lower than before: the register starts anew, no energy is counted",
    "start_register_ignored": "the 0 before it was no reading: the register begins here, no energy is counted",
    "leap_ignored": "more than any plug can give in that time: the register starts anew, no energy is counted",
    "source_changed": "another register than before: it counts from its own first reading on",
    "estimated": "more than an hour after the reading before: the energy is shared out evenly over that time",
}
"""What a reading that raises a flag means."""


def tell_session(facts: Sequence[Fact], driver: IdToken | None, cuts: Cuts = NO_CUTS) -> SessionStory:
    """The story of all facts of a session, in whatever order they came.  Needs at least one.

    `cuts` says where its price may change, as in `fold_facts`.
    """
    moments, settled = walk_facts(facts, driver, cuts)
    told: dict[str, list[Moment]] = {fact.key: [] for fact in settled}
    ledger = fold_facts(facts, driver, cuts)
    begun = {ledger.started_at: SESSION_BEGINS}
    if ledger.reserved_at is not None:
        begun.setdefault(ledger.reserved_at, RESERVATION_BEGINS)
        if ledger.is_reservation:
            begun[ledger.started_at] = RESERVATION_BEGINS
    for moment in moments:
        if moment.fact is not None:
            told[moment.fact.key].append(moment)
        cut = _cut_of(moment)
        if cut is not None:
            begun[moment.point[0]] = cut
    kept = {fact.key: fact for fact in settled}
    stories = [_tell_fact(fact, kept.get(fact.key), told.get(fact.key, [])) for fact in facts]
    return SessionStory(facts=tuple(sorted(stories, key=_order_of)), ledger=ledger, begun=begun)


def _order_of(story: FactStory) -> tuple[datetime, int, int, datetime, str]:
    """A reservation comes first among messages of one time, then a start; an end is last."""
    fact = story.fact
    place = {FactKind.RESERVED: -1, FactKind.STARTED: 0, FactKind.ENDED: 2, FactKind.ABANDONED: 2}.get(fact.kind, 1)
    return story.at, place, fact.seq_no or 0, fact.received_at, fact.key


def _cut_of(moment: Moment) -> str | None:
    """The rule by which a new period begins at this moment."""
    before, after = moment.before, moment.after
    if after is None or after.periods == before.periods or after.periods[-1].start_at != moment.point[0]:
        return None
    if moment.fact is None:
        return "the driver became known: the session begins here, with the energy drawn before"
    said = moment.point[3]
    if not isinstance(said, ChargingState):
        return None
    return f"{STATES[said]}: from here it is {PHASES.get(after.periods[-1].phase, after.periods[-1].phase)}"


# --- a message ----------------------------------------------------------------------------------------------------


def _tell_fact(fact: Fact, settled: Fact | None, moments: Sequence[Moment]) -> FactStory:
    if settled is None:  # the gateway's own end, after which the station's came
        note = "given up by the gateway; it does not count, for the station told the end itself"
        return FactStory(fact=fact, at=fact.at, taken=(), left=(), notes=(note,))
    if fact.kind in (FactKind.RESERVED, FactKind.RESERVATION_ENDED):
        is_made = fact.kind is FactKind.RESERVED
        note = RESERVATION_BEGINS if is_made else RESERVATION_ENDS[ReservationEnd(fact.stop_reason or "")]
        return FactStory(fact=fact, at=fact.at, taken=(), left=(), notes=(note,))
    taken, left = _tell_readings(settled, moments)
    return FactStory(
        fact=fact,
        at=settled.at,
        taken=tuple(taken),
        left=tuple(left),
        notes=(*_notes_on_time(fact, settled), *(note for moment in moments for note in _notes_on(moment))),
    )


def _notes_on_time(fact: Fact, settled: Fact) -> list[str]:
    notes = []
    if not is_dated(fact):
        told = f"{fact.at_raw!r}" if fact.at_raw else "none"
        notes.append(f"the station's own time ({told}) cannot be right: the time of receipt is taken")
    if settled.at != fact.at:
        notes.append("its time does not agree with the other messages and was moved: see the time at which it counts")
    if fact.offline:
        notes.append("the station was offline then and told it later")
    elif is_dated(fact) and fact.received_at - fact.at > LATE:
        notes.append(WAITED)
    return notes


def _notes_on(moment: Moment) -> list[str]:
    said, before, after = moment.point[3], moment.before, moment.after
    if isinstance(said, ChargingState):
        if after is None:
            return [f"{STATES[said]}; it counts no more, the session is over"]
        if after.charging_state is before.charging_state:
            return []
        cut = _cut_of(moment)
        return [cut if cut is not None else f"{STATES[said]}: {_phase_goes_on(after)}"]
    if isinstance(said, Fact):
        return ["the session ends"] if after is not None else ["the session had ended already"]
    return []


def _phase_goes_on(ledger: Ledger) -> str:
    phase = ledger.periods[-1].phase
    return f"it stays {PHASES.get(phase, phase)}"


# --- readings -----------------------------------------------------------------------------------------------------


def _tell_readings(fact: Fact, moments: Sequence[Moment]) -> tuple[list[TakenReading], list[LeftReading]]:
    """What became of each reading of a message."""
    chosen = dict(registers_of(fact.readings))
    needed = _find_needed(fact.readings)
    left = [
        LeftReading(reading=reading, reason=_reason_of(reading, needed))
        for reading in fact.readings
        if not _is_in(reading, needed)
    ]
    taken = []
    registers = [moment for moment in moments if _register_in(moment) is not None]
    # In the order of time, as `registers_of` gives them: the time of a moment may have been moved into the session.
    for (read_at, _), moment in zip(sorted(chosen.items()), registers, strict=False):
        if moment.after is None:
            left += [
                LeftReading(reading=reading, reason=_outside(moment)) for reading in needed if reading.at == read_at
            ]
        else:
            taken.append(_tell_register(moment, moment.after))
    return taken, left


def _register_in(moment: Moment) -> Decimal | None:
    """The register that a moment tells; with its source where it is not the total."""
    said = moment.point[3]
    if isinstance(said, Sourced):
        return said.wh
    return said if isinstance(said, Decimal) else None


def _outside(moment: Moment) -> str:
    return "read before the session began" if moment.before.ended_at is None else "read after the session had ended"


def _tell_register(moment: Moment, after: Ledger) -> TakenReading:
    at, before = moment.point[0], moment.before
    wh = (_register_in(moment) or Decimal(0)) + Decimal(0)
    drawn_wh = after.energy_wh - before.energy_wh
    is_first = before.start_register_wh is None
    is_break = after.segments > before.segments
    return TakenReading(
        at=at,
        register_wh=wh,
        drawn_wh=None if is_first or is_break else drawn_wh,
        since=before.register_at or (before.tracks[-1].at if before.tracks else None),
        note="the register begins here" if is_first else _note_on(before, after, wh),
    )


def _note_on(before: Ledger, after: Ledger, wh: Decimal) -> str | None:
    """What was special about a register that was taken."""
    new = sorted(flag for flag in after.flags - before.flags if flag in NEWS)
    if new:
        return NEWS[new[0]]
    fell = before.register_wh is not None and wh < before.register_wh
    if after.segments > before.segments:
        return NEWS["register_fell" if fell else "leap_ignored"]
    if fell and after.energy_wh == before.energy_wh:
        return "the same register with other digits: nothing is counted"
    return None


def _find_needed(readings: Sequence[Reading]) -> list[Reading]:
    """The readings that the registers come from: without any other they would be the same."""
    moments: dict[datetime, list[Reading]] = {}
    for reading in readings:
        if reading.measurand == ENERGY_IMPORT and energy_wh_of(reading) is not None:
            moments.setdefault(reading.at, []).append(reading)
    needed = []
    for same in moments.values():
        whole, rest = list(registers_of(same)), same
        # Of readings that agree a total is the last to go.
        for reading in sorted(same, key=lambda one: (one.phase is None, one.location is None)):
            fewer = [one for one in rest if one is not reading]
            if list(registers_of(fewer)) == whole:
                rest = fewer
        needed += rest if whole else []
    return needed


def _is_in(reading: Reading, readings: Sequence[Reading]) -> bool:
    return any(one is reading for one in readings)


def _reason_of(reading: Reading, needed: Sequence[Reading]) -> str:
    """Why a reading plays no part among those of its message."""
    if reading.measurand != ENERGY_IMPORT:
        return f"{reading.measurand} is not the energy that was drawn"
    if energy_wh_of(reading) is None:
        return _unusable(reading)
    if reading in needed:
        return "the same reading twice"
    if reading.phase is not None:
        return f"of phase {reading.phase} alone: the total of the same moment counts"
    return "another register of the same moment counts"


def _unusable(reading: Reading) -> str:
    if reading.value is None:
        return "it holds no number (signed or broken data)"
    if not reading.value.is_finite() or reading.value < 0:
        return f"no register can show {reading.value}"
    return f"{reading.value} {reading.unit} is no energy that a register can show"
