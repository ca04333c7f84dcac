"""A visit cut where a price changes, and joined where none does.

The walk over the stretches costs a little for each; restrictions are looked at once per piece, so a session with many
readings costs what its boundaries cost.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.core.cuts import Cuts, compile_cuts, energies_between, moments_between, needs_zone
from gateway.core.restrictions import Chosen, Conditions, UnpriceableError, choose_components
from gateway.core.stretches import (
    KW_US_PER_WH,
    MICROSECOND,
    W_PER_KW,
    average_kw_of,
    is_plain,
    join_stretches,
    power_of,
    seconds_between,
    time_s_of,
)
from gateway.domain.bills import Range, Stretch
from gateway.domain.money import ZERO
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Dimension, Tariff

SHARE = Decimal("1e-9")
NOTHING = Range(least=ZERO, most=ZERO)
UNKNOWN = Range()
TIME_DIMENSIONS = {
    Phase.CHARGING: Dimension.TIME,
    Phase.PARKING: Dimension.PARKING_TIME,
    Phase.RESERVATION: Dimension.TIME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRules:
    """Tariffs made ready for one place: compiled once, used for every session that they price."""

    tariffs: tuple[Tariff, ...]
    cuts: Cuts


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What pricing must know beyond the stretches.

    `voltage` (line to neutral, V) tells the current from the power where none is given; `is_expired`: the reservation
    ended without a session.
    """

    voltage: Decimal | None = None
    is_expired: bool = False


PLAIN = Circumstances()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch under one set of prices."""

    stretch: Stretch
    tariff: Tariff
    chosen: Chosen


def compile_rules(tariffs: Sequence[Tariff], time_zone: str | None) -> PriceRules:
    """Raises UnpriceableError for restrictions that nobody knows, and for those of a clock that is not known."""
    for tariff in tariffs:
        obstacle = find_unknown_restriction(tariff)
        if obstacle is not None:
            raise UnpriceableError(f"tariff {tariff.id} {obstacle}")
        if time_zone is None and needs_zone(tariff):
            raise UnpriceableError(f"tariff {tariff.id} depends on local time: name the time zone of the location")
    zone = _load_zone(time_zone) if time_zone is not None and any(map(needs_zone, tariffs)) else None
    return PriceRules(tariffs=tuple(tariffs), cuts=compile_cuts(tariffs, zone))


def find_unknown_restriction(tariff: Tariff) -> str | None:
    for number, element in enumerate(tariff.elements):
        if element.restrictions is not None and element.restrictions.extra is not None:
            return f"elements[{number}].restrictions: cannot be priced: {element.restrictions.extra} is not known"
    return None


def _load_zone(time_zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnpriceableError(
            f"{time_zone!r} is no time zone; use a name of the IANA database such as Europe/Amsterdam"
        ) from None


def cut_pieces(
    rules: PriceRules, stretches: Sequence[Stretch], circumstances: Circumstances, *, keeps_borders: bool
) -> list[Piece]:
    """The pieces of a visit, in order; `keeps_borders`: no two stretches are joined.  Raises UnpriceableError."""
    walk = _Walk(rules, stretches, circumstances)
    pieces: list[Piece] = []
    current: _Open | None = None
    for stretch in stretches:
        if current is not None and not keeps_borders and walk.goes_on(current, stretch):
            walk.grow(current, stretch)
            continue
        for part, key, may_join in walk.parts(stretch):
            joins = may_join and not keeps_borders and current is not None and key == current.key
            if current is not None and joins and current.end_at == part.start_at:
                current.take(join_stretches(current.stretch, part))
                continue
            if current is not None:
                pieces.append(walk.close(current))
            current = walk.begin(part, key)
    if current is not None:
        pieces.append(walk.close(current))
    return pieces


def cut_stretches(
    rules: PriceRules, stretches: Sequence[Stretch], circumstances: Circumstances = PLAIN
) -> tuple[Stretch, ...]:
    """The stretches of a visit as a CDR needs them: cut where a price changes, joined where none does.

    Whoever prices them again must find the same.  So a boundary that changes no price stays where energies and moments
    both count (joined, the energy would seem to flow evenly and reach a threshold at another moment), or powers; and
    powers are told where a price depends on them, for the averages of joined and rounded periods no longer would.
    """
    cuts = rules.cuts
    may_join = not cuts.has_flow and not (cuts.energies_wh and (cuts.has_clock or cuts.durations_s))
    joined: list[Piece] = []
    for piece in cut_pieces(rules, stretches, circumstances, keeps_borders=False):
        last = joined[-1] if joined else None
        if may_join and last is not None and _are_alike(last, piece):
            joined[-1] = replace(last, stretch=join_stretches(last.stretch, piece.stretch))
        else:
            joined.append(piece)
    if not cuts.has_flow:
        return tuple(piece.stretch for piece in joined)
    return tuple(replace(piece.stretch, power=power_of(piece.stretch)) for piece in joined)


def _are_alike(left: Piece, right: Piece) -> bool:
    """Have both the same prices?  That of energy is looked at only where some was drawn: so one with energy is never
    joined with one without, in which it would seem to flow at another price."""
    one, other = left.stretch, right.stretch
    is_same_kind = one.phase is other.phase and left.tariff is right.tariff and one.end_at == other.start_at
    return is_same_kind and bool(one.energy_wh) is bool(other.energy_wh) and dict(left.chosen) == dict(right.chosen)


_Key = tuple[object, ...]


class _Open:
    """A piece that may still grow; its conditions are those of its beginning.

    The prices stay the same as long as the energy is below `below_wh` (None: for ever) and the average power from
    `least_kw` to below `below_kw`; `is_plain`: nothing is told of it but time and energy.
    """

    __slots__ = (
        "_first",
        "below_kw",
        "below_wh",
        "conditions",
        "end_at",
        "energy_wh",
        "is_plain",
        "key",
        "least_kw",
        "tariff",
    )

    def __init__(self, first: Stretch, key: _Key, tariff: Tariff, conditions: Conditions) -> None:
        self.key, self.tariff, self.conditions = key, tariff, conditions
        self.below_wh: Decimal | None = None
        self.least_kw: Decimal | None = None
        self.below_kw: Decimal | None = None
        self.take(first)

    def take(self, stretch: Stretch) -> None:
        self._first, self.end_at, self.energy_wh = stretch, stretch.end_at, stretch.energy_wh
        self.is_plain = is_plain(stretch)

    @property
    def stretch(self) -> Stretch:
        first = self._first
        if self.end_at == first.end_at and self.energy_wh == first.energy_wh:
            return first
        return replace(first, end_at=self.end_at, energy_wh=self.energy_wh)

    @property
    def phase(self) -> Phase:
        return self._first.phase

    @property
    def tariff_id(self) -> str | None:
        return self._first.tariff_id


class _Walk:
    def __init__(self, rules: PriceRules, stretches: Sequence[Stretch], circumstances: Circumstances) -> None:
        self._cuts = rules.cuts
        self._stretches = stretches
        self._circumstances = circumstances
        self._tariffs: dict[str | None, Tariff] = {tariff.id: tariff for tariff in rules.tariffs}
        self._tariffs[None] = rules.tariffs[0]
        self._energy_wh = ZERO
        self._reserved_at = next((one.start_at for one in stretches if one.phase is Phase.RESERVATION), None)
        self._started_at = next((one.start_at for one in stretches if one.phase is not Phase.RESERVATION), None)
        self._moments = self._find_moments()
        self._next = 0
        voltage = circumstances.voltage
        self._hides_current = bool(self._cuts.currents_a) and voltage is None
        currents = () if voltage is None else (limit * voltage / W_PER_KW for limit in self._cuts.currents_a)
        self._flows_kw = sorted({*self._cuts.powers_kw, *currents})

    def _find_moments(self) -> list[datetime]:
        cuts, stretches = self._cuts, self._stretches
        if not stretches or not (cuts.has_clock or cuts.durations_s):
            return []
        since, until = stretches[0].start_at, max(stretch.end_at for stretch in stretches)
        starts = {start for start in (self._reserved_at, self._started_at) if start is not None}
        return sorted({moment for start in starts for moment in moments_between(cuts, since, until, start)})

    def goes_on(self, piece: _Open, stretch: Stretch) -> bool:
        """Does the stretch surely have the prices of the piece before it, so that it need not be looked at closely?"""
        start_at, end_at, energy_wh = stretch.start_at, stretch.end_at, stretch.energy_wh
        if start_at != piece.end_at or stretch.phase is not piece.phase or stretch.tariff_id != piece.tariff_id:
            return False
        if not piece.is_plain or not is_plain(stretch) or energy_wh < 0 or self._hides_current:
            return False
        if self._next < len(self._moments):
            moment = self._moments[self._next]
            if moment <= start_at or moment < end_at:
                return False
        if piece.below_wh is not None and not (
            self._energy_wh < piece.below_wh and self._energy_wh + energy_wh <= piece.below_wh
        ):
            return False
        if not self._flows_kw:
            return True
        kw_us, lasts_us = energy_wh * KW_US_PER_WH, (end_at - start_at) // MICROSECOND
        return (piece.least_kw is None or kw_us >= piece.least_kw * lasts_us) and (
            piece.below_kw is None or kw_us < piece.below_kw * lasts_us
        )

    def grow(self, piece: _Open, stretch: Stretch) -> None:
        piece.end_at = stretch.end_at
        piece.energy_wh += stretch.energy_wh
        self._energy_wh += stretch.energy_wh

    def parts(self, stretch: Stretch) -> Iterator[tuple[Stretch, _Key, bool]]:
        """Each part with the key of its prices, and whether it may be joined with the part before it."""
        is_cut = self._pass(stretch.start_at)
        for number, part in enumerate(self._cut(stretch)):
            yield part, self._key_of(part), number == 0 and not is_cut
            self._energy_wh += part.energy_wh

    def _pass(self, at: datetime) -> bool:
        first = self._next
        while self._next < len(self._moments) and self._moments[self._next] <= at:
            self._next += 1
        return self._next > first

    def _cut(self, stretch: Stretch) -> Iterator[Stretch]:
        """The stretch cut at moments and energies; energy flows evenly, and no Wh is lost."""
        marks = list(self._marks(stretch))
        if not marks:
            yield stretch
            return
        whole_us = (stretch.end_at - stretch.start_at) // MICROSECOND
        time_s = stretch.time_s if whole_us else None
        at_us, drawn_wh = 0, ZERO
        for mark_us, mark_wh in [*marks, (whole_us, stretch.energy_wh)]:
            share_s = None if time_s is None else _share(time_s, mark_us - at_us, whole_us)
            yield replace(
                stretch,
                start_at=stretch.start_at + at_us * MICROSECOND,
                end_at=stretch.start_at + mark_us * MICROSECOND,
                energy_wh=mark_wh - drawn_wh,
                power=power_of(stretch) if self._cuts.has_flow else stretch.power,
                time_s=share_s,
            )
            at_us, drawn_wh = mark_us, mark_wh

    def _marks(self, stretch: Stretch) -> Iterator[tuple[int, Decimal]]:
        """Where to cut: µs after the start and Wh drawn until then, in order."""
        energy_wh, before_wh = stretch.energy_wh, self._energy_wh
        whole_us = (stretch.end_at - stretch.start_at) // MICROSECOND
        moments: list[tuple[int, Decimal]] = []
        while self._next < len(self._moments) and self._moments[self._next] < stretch.end_at:
            mark_us = (self._moments[self._next] - stretch.start_at) // MICROSECOND
            moments.append((mark_us, _share(energy_wh, mark_us, whole_us)))
            self._next += 1
        thresholds = (
            energies_between(self._cuts, before_wh, before_wh + energy_wh)
            if self._cuts.energies_wh and energy_wh
            else ()
        )
        if not thresholds or not whole_us:
            yield from moments
            return
        energies = [(_ceiling((at - before_wh) * whole_us / energy_wh), at - before_wh) for at in thresholds]
        reached: dict[int, Decimal] = {}
        so_far_wh = ZERO
        for mark_us, mark_wh in sorted(moments + energies, key=lambda mark: (mark[0], abs(mark[1]))):
            so_far_wh = max(so_far_wh, mark_wh) if energy_wh > 0 else min(so_far_wh, mark_wh)
            if mark_us < whole_us:  # two marks in one microsecond are one
                reached[mark_us] = so_far_wh
        yield from reached.items()

    def _key_of(self, part: Stretch) -> _Key:
        """Two parts in a row with the same key have the same prices, unless a moment lies between them."""
        cuts = self._cuts
        key: _Key = (part.phase, part.tariff_id)
        if cuts.energies_wh:
            key += (bisect_right(cuts.energies_wh, self._energy_in(part)),)
        if cuts.powers_kw:
            key += (_band(cuts.powers_kw, power_of(part)), bisect_right(cuts.powers_kw, average_kw_of(part)))
        if cuts.currents_a:
            key += (_band(cuts.currents_a, self._current_of(part)),)
        return key

    def begin(self, part: Stretch, key: _Key) -> _Open:
        tariff = self._tariffs.get(part.tariff_id)
        if tariff is None:
            raise UnpriceableError(
                f"the period from {part.start_at.isoformat()} has tariff {part.tariff_id}: not given"
            )
        piece = _Open(part, key, tariff, self._conditions_of(part))
        energies, flows = self._cuts.energies_wh, self._flows_kw
        above = bisect_right(energies, self._energy_in(part))
        piece.below_wh = energies[above] if above < len(energies) else None
        if flows and piece.is_plain:
            above = bisect_right(flows, piece.conditions.average_kw)
            piece.least_kw = flows[above - 1] if above else None
            piece.below_kw = flows[above] if above < len(flows) else None
        return piece

    def close(self, piece: _Open) -> Piece:
        stretch = piece.stretch
        wanted = {Dimension.FLAT}
        if stretch.energy_wh and stretch.phase is not Phase.RESERVATION:
            wanted.add(Dimension.ENERGY)
        if time_s_of(stretch):
            wanted.add(TIME_DIMENSIONS[stretch.phase])
        chosen = choose_components(
            piece.tariff,
            piece.conditions,
            frozenset(wanted),
            stretch.phase,
            is_expired=self._circumstances.is_expired,
        )
        return Piece(stretch=stretch, tariff=piece.tariff, chosen=chosen)

    def _conditions_of(self, part: Stretch) -> Conditions:
        is_reservation = part.phase is Phase.RESERVATION
        start = (self._reserved_at if is_reservation else self._started_at) or part.start_at
        zone = self._cuts.zone
        return Conditions(
            local=part.start_at.astimezone(zone) if zone is not None and self._cuts.has_clock else None,
            duration_s=seconds_between(start, part.start_at),
            energy_wh=ZERO if is_reservation else self._energy_in(part),
            power=power_of(part),
            average_kw=average_kw_of(part),
            current=self._current_of(part),
        )

    def _energy_in(self, part: Stretch) -> Decimal:
        """The energy of the session that tells between which thresholds a part lies: as a rule that at its beginning;
        one that energy falls from lies behind."""
        return self._energy_wh + part.energy_wh / 2 if part.energy_wh < 0 else self._energy_wh

    def _current_of(self, part: Stretch) -> Range:
        """A current that nobody told is known where nothing flows, and where power and voltage tell it."""
        if part.current is not None:
            return part.current
        power, voltage = power_of(part), self._circumstances.voltage
        if power == NOTHING:
            return NOTHING
        if voltage is None:
            return UNKNOWN
        least, most = power.least, power.most
        return Range(
            least=None if least is None else least * W_PER_KW / voltage,
            most=None if most is None else most * W_PER_KW / voltage,
        )


def _share(of: Decimal, part: int, whole: int) -> Decimal:
    """In whole parts of a size that adds up without rounding."""
    return (of * part / whole).quantize(SHARE) if whole else ZERO


def _ceiling(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def _band(limits: Sequence[Decimal], value: Range) -> tuple[int | None, int | None]:
    least = None if value.least is None else bisect_right(limits, value.least)
    return least, None if value.most is None else bisect_right(limits, value.most)
