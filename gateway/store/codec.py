"""Facts and ledgers to compact JSON and back: what every message writes, so by hand.

Both are JSON lists in a fixed order.  A list may end early: what is missing has its default, so a field that is added
later goes to the end.  Decimals are text and come back with the same digits; times are left to orjson, which renders
them ten times as fast as arithmetic would.  Columns hold times as µs since 1970 in UTC.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from gateway.domain.meters import ENERGY_IMPORT, Reading, SampledReadings
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Period, Phase, Track
from gateway.domain.tokens import IdToken

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(at: datetime) -> int:
    """Render an aware time as µs since 1970."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_us(at_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_us)


def to_us_or_none(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)


def from_us_or_none(at_us: int | None) -> datetime | None:
    return None if at_us is None else from_us(at_us)


_ENDED_AT = 14
"""Where `ended_at` stands in a ledger, if that is so long."""

_SAME = 0
"""In the place of a time: it is that of the start, or for a register that of the latest fact."""

_NO_FACT_REST = (None,) * 7
_NO_LEDGER_REST = (None,) * 8
"""The ends of lists that say nothing; they are not written then."""

# --- facts --------------------------------------------------------------------------------------------------------


def render_fact(fact: Fact, at_us: int) -> str:
    """Render a fact without its key and time, which are columns; `at_us` is that time: readings count from it."""
    at, token, state = fact.at, fact.id_token, fact.charging_state
    parts: list[Any] = [
        fact.kind._value_,
        fact.at_raw,
        fact.received_at,
        fact.message_id,
        _render_readings(fact.readings, at, at_us),
    ]
    rest = (
        fact.seq_no,
        None if state is None else state._value_,
        fact.trigger,
        1 if fact.offline else None,
        fact.stop_reason,
        None if token is None else (token.value, token.type),
        fact.flags or None,
    )
    if rest != _NO_FACT_REST:
        parts += rest
    return orjson.dumps(parts).decode()


def parse_fact(key: str, at_us: int, text: str) -> Fact:
    """The fact whose columns are these."""
    kind, at_raw, received_at, message_id, readings, *rest = orjson.loads(text)
    seq_no, state, trigger, offline, stop_reason, token, flags = _padded(rest, 7)
    return Fact(
        kind=FactKind(kind),
        key=key,
        at=from_us(at_us),
        at_raw=at_raw,
        received_at=datetime.fromisoformat(received_at),
        message_id=message_id,
        readings=_parse_readings(readings, at_us),
        seq_no=seq_no,
        charging_state=None if state is None else ChargingState(state),
        trigger=trigger,
        offline=bool(offline),
        stop_reason=stop_reason,
        id_token=None if token is None else IdToken(value=token[0], type=token[1]),
        flags=tuple(flags or ()),
    )


def _render_readings(readings: Sequence[Reading], fact_at: datetime, fact_us: int) -> list[Any]:
    """What was sampled as it was sent, by its times; of other readings their fields."""
    if isinstance(readings, SampledReadings):
        parts: list[Any] = []
        for at, samples in readings.sent:
            since_us = 0 if at == fact_at else to_us(at) - fact_us
            parts.append((since_us, orjson.Fragment(samples) if isinstance(samples, bytes) else samples))
        return parts
    return [_render_reading(reading, fact_at, fact_us) for reading in readings]


def _parse_readings(parts: list[Any], fact_us: int) -> Sequence[Reading]:
    if parts and isinstance(parts[0][1], list):
        return SampledReadings([(from_us(fact_us + since_us), samples) for since_us, samples in parts])
    return tuple([_parse_reading(reading, fact_us) for reading in parts])


def _render_reading(reading: Reading, fact_at: datetime, fact_us: int) -> tuple[Any, ...]:
    value, measurand, unit = reading.value, reading.measurand, reading.unit
    parts = (
        0 if reading.at == fact_at else to_us(reading.at) - fact_us,
        None if value is None else str(value),
        None if measurand == ENERGY_IMPORT else measurand,
        None if unit == "Wh" else unit,
        reading.context,
        reading.phase,
        reading.location,
    )
    if reading.multiplier or reading.raw is not None or reading.format is not None:
        return (*parts, reading.format, reading.multiplier, reading.raw)
    return parts


def _parse_reading(parts: list[Any], fact_us: int) -> Reading:
    since_us, value, measurand, unit, context, phase, location, format_, multiplier, raw = _padded(parts, 10)
    return Reading(
        at=from_us(fact_us + since_us),
        value=None if value is None else Decimal(value),
        measurand=ENERGY_IMPORT if measurand is None else measurand,
        unit="Wh" if unit is None else unit,
        context=context,
        phase=phase,
        location=location,
        format=format_,
        multiplier=multiplier or 0,
        raw=raw,
    )


# --- ledgers ------------------------------------------------------------------------------------------------------


def render_ledger(ledger: Ledger) -> str:
    """Times that are told twice are written once (`_SAME`): they are what is dear about it."""
    register, start_register, state = ledger.register_wh, ledger.start_register_wh, ledger.charging_state
    started_at, last_at, register_at = ledger.started_at, ledger.last_at, ledger.register_at
    periods = []
    for period in ledger.periods:
        start_at = period.start_at
        periods.append((_SAME if start_at == started_at else start_at, period.phase._value_, str(period.energy_wh)))
    parts: list[Any] = [
        started_at,
        periods,
        last_at,
        str(ledger.energy_wh),
        ledger.segments,
        ledger.fact_count,
        None if register is None else str(register),
        _SAME if register_at == last_at else register_at,
        None if start_register is None else str(start_register),
        None if state is None else state._value_,
        ledger.has_started,
    ]
    rest = (
        ledger.seq_min,
        ledger.seq_max,
        ledger.seq_count or None,
        ledger.ended_at,
        ledger.stop_reason,
        sorted(ledger.flags) if ledger.flags else None,
        [_render_track(track) for track in ledger.tracks] if ledger.tracks else None,
        None if ledger.broken_off is None else _render_track(ledger.broken_off),
    )
    if rest != _NO_LEDGER_REST:
        parts += rest
    return orjson.dumps(parts).decode()


def has_end(text: str) -> bool:
    """Has the session of a rendered ledger ended?"""
    parts = orjson.loads(text)
    return len(parts) > _ENDED_AT and parts[_ENDED_AT] is not None


def parse_ledger(text: str) -> Ledger:
    started_at, periods, last_at, energy, segments, fact_count, *more = orjson.loads(text)
    register, register_at, start_register, state, has_started, *rest = more
    seq_min, seq_max, seq_count, ended_at, stop_reason, flags, tracks, broken_off = _padded(rest, 8)
    began_at, latest_at = datetime.fromisoformat(started_at), datetime.fromisoformat(last_at)
    return Ledger(
        started_at=began_at,
        periods=tuple(
            [
                Period(start_at=_parse_time(start_at, began_at), phase=Phase(phase), energy_wh=Decimal(energy_wh))
                for start_at, phase, energy_wh in periods
            ]
        ),
        last_at=latest_at,
        energy_wh=Decimal(energy),
        segments=segments,
        fact_count=fact_count,
        register_wh=None if register is None else Decimal(register),
        register_at=None if register_at is None else _parse_time(register_at, latest_at),
        start_register_wh=None if start_register is None else Decimal(start_register),
        charging_state=None if state is None else ChargingState(state),
        has_started=has_started,
        seq_min=seq_min,
        seq_max=seq_max,
        seq_count=seq_count or 0,
        ended_at=None if ended_at is None else datetime.fromisoformat(ended_at),
        stop_reason=stop_reason,
        flags=frozenset(flags or ()),
        tracks=tuple([_parse_track(track) for track in tracks or ()]),
        broken_off=None if broken_off is None else _parse_track(broken_off),
    )


def _parse_time(part: Any, same: datetime) -> datetime:
    return same if part == _SAME else datetime.fromisoformat(part)


def _render_track(track: Track) -> tuple[Any, ...]:
    return track.source, str(track.wh), track.at, str(track.energy_wh)


def _parse_track(parts: list[Any]) -> Track:
    source, wh, at, energy_wh = parts
    return Track(source=source, wh=Decimal(wh), at=datetime.fromisoformat(at), energy_wh=Decimal(energy_wh))


# --- tokens as a station sends them -------------------------------------------------------------------------------


def render_id_token(token: IdToken | None) -> str | None:
    return None if token is None else orjson.dumps([token.value, token.type]).decode()


def parse_id_token(text: str | None) -> IdToken | None:
    if text is None:
        return None
    value, type_ = orjson.loads(text)
    return IdToken(value=value, type=type_)


def _padded(parts: list[Any], length: int) -> list[Any]:
    """Put back the None that were not written; what a later program added is left out."""
    return parts[:length] + [None] * (length - len(parts))
