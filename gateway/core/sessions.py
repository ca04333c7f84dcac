"""A session is the fold of its facts.

A fact that comes in order is one step (`extend_ledger`); any other makes the caller fold anew from the store
(`fold_facts`).  Both take the same moments in the same order, so both give the same ledger: a property test holds them
equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.core.cuts import NO_CUTS, Cuts
from gateway.core.energy import TOTAL, Sourced, rank_of
from gateway.core.facts import TIME_REPLACED, is_dated
from gateway.core.periods import add_energy, cut_moments, cut_period
from gateway.core.registers import (
    LEAP_WH,
    LONG_GAP,
    NOTABLE_WH,
    PLACEHOLDER_W,
    is_beyond,
    is_leap,
    is_rounding,
)
from gateway.core.reserved_time import fold_reservation, part_reservation, reserved_period
from gateway.core.timeline import (
    Point,
    earliest_of,
    is_of_session,
    latest_of,
    points_of,
    timeline_of,
    told_timeline_of,
)
from gateway.domain.money import ZERO
from gateway.domain.quick import copier, freezer
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Period, Phase, Track
from gateway.domain.tokens import IdToken

_STARTED, _RESERVATION = FactKind.STARTED, Phase.RESERVATION  # see domain.sessions


def is_in_order(ledger: Ledger, fact: Fact) -> bool:
    """May the fact be added by one step?

    Only if nothing that it says of the session lies at or before what was folded, in time or by number.  Readings of
    power, current and the like say nothing of it: stations send them in messages of their own with the same time.
    """
    last_at = ledger.last_at
    if ledger.ended_at is not None or fact.kind is _STARTED or ledger.is_reservation:
        return False
    if fact.seq_no is not None and ledger.seq_max is not None and fact.seq_no <= ledger.seq_max:
        return False
    if earliest_of(fact) > last_at:
        return True
    if fact.id_token is not None or TIME_REPLACED in ledger.flags:
        return False  # its time may move the beginning, or facts without one
    is_within = ledger.has_started or earliest_of(fact) >= ledger.started_at
    return is_within and all(point[0] > last_at for point in points_of(fact))


def is_new(ledger: Ledger, fact: Fact) -> bool:
    """Is the fact surely no repetition?  Its device's own time shows that, if it is later than all that was folded."""
    return fact.at > ledger.last_at and is_dated(fact)


def extend_ledger(ledger: Ledger, fact: Fact, cuts: Cuts = NO_CUTS) -> Ledger:
    """One step; the fact must be in order (`is_in_order`), and name no driver where none was known.

    `cuts` says where the session's price may change; they must be those of the steps before.
    """
    draft = _draft_of(ledger)
    reserved = draft.periods[0] if draft.periods[0].phase is _RESERVATION else None
    if reserved is not None:
        draft.periods = draft.periods[1:]
    for point in points_of(fact):
        _take(draft, point, cuts)
    if reserved is not None:
        draft.periods = (reserved, *draft.periods)
    _count(draft, fact)
    seq_no = fact.seq_no
    if seq_no is not None:
        draft.seq_min = seq_no if draft.seq_min is None else draft.seq_min
        draft.seq_max = seq_no
        draft.seq_count += 1
    return _ledger_of(draft)


def fold_facts(facts: Sequence[Fact], driver: IdToken | None = None, cuts: Cuts = NO_CUTS) -> Ledger:
    """The ledger of all facts of a session, in whatever order they came.  Needs at least one.

    The session begins with its start, or, where the start did not name the `driver` (None: whoever is named first),
    with the fact that did (OCPI: a session is active once connected *and* authorised).  Its periods are cut where its
    price may change (`cuts`).  A reservation lasts until the session begins, and draws no energy.
    """
    of_reservation, facts = part_reservation(facts)
    if not facts:
        return fold_reservation(of_reservation)
    began_at, points = timeline_of(facts, driver)
    draft = _Draft(started_at=began_at, periods=(Period(start_at=began_at, phase=Phase.CHARGING),), last_at=facts[0].at)
    for point in points:
        if draft.ended_at is not None:
            break  # what is told of the time after the end is no part of the session
        _take(draft, point, cuts)
    for fact in facts:
        _count(draft, fact)
    draft.has_started = any(fact.kind is FactKind.STARTED for fact in facts)
    numbers = {fact.seq_no for fact in facts if fact.seq_no is not None}
    if numbers:
        draft.seq_min, draft.seq_max, draft.seq_count = min(numbers), max(numbers), len(numbers)
    if of_reservation:
        draft.periods = (reserved_period(of_reservation, draft.started_at), *draft.periods)
        draft.fact_count += len(of_reservation)
    return _ledger_of(draft)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment of a session, told by `fact` (None: the driver became known), and the ledger before and after it.

    `after` is None where the moment is no part of the session, which had not begun or was over.
    """

    point: Point
    fact: Fact | None
    before: Ledger
    after: Ledger | None


def walk_facts(
    facts: Sequence[Fact], driver: IdToken | None = None, cuts: Cuts = NO_CUTS
) -> tuple[Sequence[Moment], Sequence[Fact]]:
    """The fold of `fold_facts`, moment by moment, for whoever tells its story; and the facts, each at the time at which
    it counts.  A reservation is no moment of the session."""
    of_reservation, facts = part_reservation(facts)
    if not facts:
        return (), of_reservation
    began_at, told, settled = told_timeline_of(facts, driver)
    draft = _Draft(started_at=began_at, periods=(Period(start_at=began_at, phase=Phase.CHARGING),), last_at=facts[0].at)
    moments = []
    for point, fact in told:
        before = _snapshot_of(draft)
        is_part = draft.ended_at is None and is_of_session(point, began_at)
        if is_part:
            _take(draft, point, cuts)
        moments.append(Moment(point=point, fact=fact, before=before, after=_snapshot_of(draft) if is_part else None))
    return moments, [*of_reservation, *settled]


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A ledger that is being written: the fields are those of `Ledger`."""

    started_at: datetime
    periods: tuple[Period, ...]
    last_at: datetime
    energy_wh: Decimal = ZERO
    register_wh: Decimal | None = None
    register_at: datetime | None = None
    start_register_wh: Decimal | None = None
    segments: int = 1
    charging_state: ChargingState | None = None
    has_started: bool = False
    ended_at: datetime | None = None
    stop_reason: str | None = None
    seq_min: int | None = None
    seq_max: int | None = None
    seq_count: int = 0
    fact_count: int = 0
    flags: frozenset[str] = frozenset()
    tracks: tuple[Track, ...] = ()
    broken_off: Track | None = None


_draft_of = copier(Ledger, _Draft)
_ledger_of = freezer(_Draft, Ledger)


def _take(draft: _Draft, point: Point, cuts: Cuts) -> None:
    at, _, _, said = point
    if cuts is not NO_CUTS and cuts.has_moments:
        draft.periods = cut_moments(draft.periods, at, draft.started_at, cuts)
    if isinstance(said, Decimal):
        _take_register(draft, at, said, cuts)
    elif isinstance(said, ChargingState):
        _take_state(draft, at, said, cuts)
    elif said is None:
        _take_driver(draft, at)
    elif isinstance(said, Sourced):
        _take_sourced(draft, at, said, cuts)
    else:
        _take_end(draft, said)


def _take_driver(draft: _Draft, at: datetime) -> None:
    """The session begins now.  Energy that was drawn before stays in it: it was drawn, and nothing is lost."""
    draft.started_at = at
    draft.periods = (Period(start_at=at, phase=draft.periods[-1].phase, energy_wh=draft.energy_wh),)


def _take_end(draft: _Draft, fact: Fact) -> None:
    draft.ended_at = fact.at
    draft.stop_reason = fact.stop_reason
    if fact.kind is FactKind.ABANDONED:
        draft.flags |= {"abandoned"}


def _take_state(draft: _Draft, at: datetime, state: ChargingState, cuts: Cuts) -> None:
    if state is draft.charging_state:
        return
    has_charged = draft.energy_wh > 0 or draft.charging_state in _AFTER_CHARGE
    draft.periods = cut_period(draft.periods, at, _phase_of(state, cuts, has_charged=has_charged))
    draft.charging_state = state


_AFTER_CHARGE = (ChargingState.CHARGING, ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE)


def _phase_of(state: ChargingState, cuts: Cuts, *, has_charged: bool) -> Phase:
    """OCPI PARKING_TIME is time in which the *vehicle* asks for no power; our own curtailment is TIME (mod_cdrs,
    2026-05), unless the partner reads it as older editions had it: time without charging.

    A car that is connected and has not charged yet is about to: TIME.
    """
    if state in (ChargingState.SUSPENDED_EV, ChargingState.IDLE):
        return Phase.PARKING
    if state is ChargingState.EV_CONNECTED and has_charged:
        return Phase.PARKING
    if state is ChargingState.SUSPENDED_EVSE and cuts.parks_when_curtailed:
        return Phase.PARKING
    return Phase.CHARGING


def _take_register(draft: _Draft, at: datetime, wh: Decimal, cuts: Cuts) -> None:
    told_wh, wh = wh, wh + ZERO  # as a number without a positive exponent
    last_wh, last_at = draft.register_wh, draft.register_at
    if last_wh is None or last_at is None:
        if draft.tracks:
            _take_sourced(draft, at, Sourced(TOTAL, told_wh), cuts)
        else:
            draft.register_wh, draft.register_at, draft.start_register_wh = wh, at, wh
        return
    drawn_wh = wh - last_wh
    if drawn_wh < 0:
        if not is_rounding(-drawn_wh, told_wh) and not _comes_back(draft, at, wh, cuts):
            _open_segment(draft, at, wh, "register_fell")
        return
    if drawn_wh > NOTABLE_WH and _is_break(draft, last_at, at, wh, drawn_wh, cuts):
        return
    draft.register_wh, draft.register_at = wh, at
    if drawn_wh or cuts.powers_kw:
        draft.periods = add_energy(draft.periods, last_at, at, drawn_wh, before_wh=draft.energy_wh, cuts=cuts)
        draft.energy_wh += drawn_wh


def _is_break(draft: _Draft, last_at: datetime, at: datetime, wh: Decimal, drawn_wh: Decimal, cuts: Cuts) -> bool:
    """Look closely at a great rise: one that no plug can give moves no energy."""
    is_beyond_most = is_beyond(drawn_wh, last_at, at, PLACEHOLDER_W)
    if is_beyond_most and _comes_back(draft, at, wh, cuts):
        return True
    if is_beyond_most and drawn_wh > LEAP_WH and draft.register_wh == 0 and not draft.energy_wh:
        draft.start_register_wh = wh
        _open_segment(draft, at, wh, "start_register_ignored")
        return True
    if is_leap(drawn_wh, last_at, at):
        _open_segment(draft, at, wh, "leap_ignored")
        return True
    if at - last_at > LONG_GAP:
        draft.flags |= {"estimated"}
    return False


def _open_segment(draft: _Draft, at: datetime, wh: Decimal, flag: str) -> None:
    """The register starts anew (meter swapped, station rebooted): energy never falls."""
    if draft.register_wh is not None and draft.register_at is not None:
        draft.broken_off = _track(draft, TOTAL, draft.register_wh, draft.register_at)
    draft.register_wh, draft.register_at = wh, at
    draft.segments += 1
    draft.flags |= {flag}


def _comes_back(draft: _Draft, at: datetime, wh: Decimal, cuts: Cuts) -> bool:
    """Does the register go on where it broke off?  Then what lay between was a fault of the meter, and the rise since
    that reading counts, less what was counted meanwhile."""
    before = draft.broken_off
    if before is None or wh < before.wh or is_leap(wh - before.wh, before.at, at):
        return False
    draft.register_wh, draft.register_at, draft.broken_off = wh, at, None
    draft.segments -= 1
    _add_rest(draft, before, at, wh, cuts)
    return True


def _take_sourced(draft: _Draft, at: datetime, register: Sourced, cuts: Cuts) -> None:
    """A reading while another register than the total is, or was, read.

    Each register has a beginning of its own, so that a change from one to another never jumps.  A worse one counts from
    its first reading on while the better ones are silent; when a better one is back its rise counts, less what the
    worse ones counted meanwhile, and they begin anew.
    """
    source, told_wh = register
    wh, rank = told_wh + ZERO, rank_of(source)
    if draft.register_wh is not None and draft.register_at is not None:
        draft.tracks = (_track(draft, TOTAL, draft.register_wh, draft.register_at),)
        draft.register_wh = draft.register_at = None
    own = next((track for track in draft.tracks if track.source == source), None)
    if own is not None and wh < own.wh and is_rounding(own.wh - wh, told_wh):
        wh = own.wh
    if own is None and draft.tracks:
        draft.flags |= {"source_changed"}
    elif own is None:
        draft.start_register_wh = wh
    elif wh < own.wh or is_leap(wh - own.wh, own.at, at):
        draft.segments += 1
        draft.flags |= {"register_fell" if wh < own.wh else "leap_ignored"}
    else:
        _add_rest(draft, own, at, wh, cuts)
    if source == TOTAL:
        draft.register_wh, draft.register_at, draft.tracks = wh, at, ()
    else:
        better = tuple([track for track in draft.tracks if rank_of(track.source) < rank])
        draft.tracks = (*better, _track(draft, source, wh, at))


def _add_rest(draft: _Draft, before: Track, at: datetime, wh: Decimal, cuts: Cuts) -> None:
    """Count the rise of a register since `before`, less what others counted since."""
    rest_wh = wh - before.wh - (draft.energy_wh - before.energy_wh)
    if rest_wh > 0:
        draft.periods = add_energy(draft.periods, before.at, at, rest_wh, before_wh=draft.energy_wh, cuts=cuts)
        draft.energy_wh += rest_wh
    if rest_wh > NOTABLE_WH and at - before.at > LONG_GAP:
        draft.flags |= {"estimated"}


def _track(draft: _Draft, source: str, wh: Decimal, at: datetime) -> Track:
    return Track(source=source, wh=wh, at=at, energy_wh=draft.energy_wh)


def _count(draft: _Draft, fact: Fact) -> None:
    """Keep count of the facts, and of how far time has come."""
    latest = latest_of(fact)
    if latest > draft.last_at:
        draft.last_at = latest
    draft.fact_count += 1
    if fact.flags:
        draft.flags = draft.flags.union(fact.flags)


_snapshot_of = copier(_Draft, Ledger)
"""The ledger as it stands; the draft goes on."""
