"""Facts and ledgers to compact JSON and back: what every message writes, so by hand.

Both are JSON lists in a fixed order.  A list may end early: what is missing has its default, so a field that is added
later goes to the end.  Decimals are text and come back with the same digits; times are µs since 1970 in UTC.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from gateway.domain.meters import ENERGY_IMPORT, Reading
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Period, Phase
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


# --- facts --------------------------------------------------------------------------------------------------------


def render_fact(fact: Fact, at_us: int) -> str:
    """Render a fact without its key and time, which are columns; `at_us` is that time: readings count from it."""
    token = fact.id_token
    state = fact.charging_state
    parts: list[Any] = [
        fact.kind.value,
        fact.at_raw,
        to_us(fact.received_at),
        fact.message_id,
        [_render_reading(reading, at_us) for reading in fact.readings],
        fact.seq_no,
        None if state is None else state.value,
        fact.trigger,
        1 if fact.offline else None,
        fact.stop_reason,
        None if token is None else [token.value, token.type],
        fact.flags or None,
    ]
    return orjson.dumps(_trimmed(parts)).decode()


def parse_fact(key: str, at_us: int, text: str) -> Fact:
    """The fact whose columns are these."""
    kind, at_raw, received_us, message_id, readings, *rest = orjson.loads(text)
    seq_no, state, trigger, offline, stop_reason, token, flags = _padded(rest, 7)
    return Fact(
        kind=FactKind(kind),
        key=key,
        at=from_us(at_us),
        at_raw=at_raw,
        received_at=from_us(received_us),
        message_id=message_id,
        readings=tuple([_parse_reading(reading, at_us) for reading in readings]),
        seq_no=seq_no,
        charging_state=None if state is None else ChargingState(state),
        trigger=trigger,
        offline=bool(offline),
        stop_reason=stop_reason,
        id_token=None if token is None else IdToken(value=token[0], type=token[1]),
        flags=tuple(flags or ()),
    )


def _render_reading(reading: Reading, fact_us: int) -> list[Any]:
    value = reading.value
    unit = reading.unit
    measurand = reading.measurand
    return _trimmed(
        [
            to_us(reading.at) - fact_us,
            None if value is None else str(value),
            None if measurand == ENERGY_IMPORT else measurand,
            None if unit == "Wh" else unit,
            reading.context,
            reading.phase,
            reading.location,
            reading.format,
            reading.multiplier or None,
            reading.raw,
        ]
    )


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
    register, start_register, state = ledger.register_wh, ledger.start_register_wh, ledger.charging_state
    parts: list[Any] = [
        to_us(ledger.started_at),
        [(to_us(period.start_at), period.phase.value, str(period.energy_wh)) for period in ledger.periods],
        to_us(ledger.last_at),
        str(ledger.energy_wh),
        ledger.segments,
        ledger.fact_count,
        None if register is None else str(register),
        to_us_or_none(ledger.register_at),
        None if start_register is None else str(start_register),
        None if state is None else state.value,
        1 if ledger.has_started else None,
        ledger.seq_min,
        ledger.seq_max,
        ledger.seq_count or None,
        to_us_or_none(ledger.ended_at),
        ledger.stop_reason,
        sorted(ledger.flags) if ledger.flags else None,
    ]
    return orjson.dumps(_trimmed(parts)).decode()


def parse_ledger(text: str) -> Ledger:
    started_us, periods, last_us, energy, segments, fact_count, *rest = orjson.loads(text)
    (
        register,
        register_us,
        start_register,
        state,
        has_started,
        seq_min,
        seq_max,
        seq_count,
        ended_us,
        stop_reason,
        flags,
    ) = _padded(rest, 11)
    return Ledger(
        started_at=from_us(started_us),
        periods=tuple(
            [
                Period(start_at=from_us(start_us), phase=Phase(phase), energy_wh=Decimal(energy_wh))
                for start_us, phase, energy_wh in periods
            ]
        ),
        last_at=from_us(last_us),
        energy_wh=Decimal(energy),
        segments=segments,
        fact_count=fact_count,
        register_wh=None if register is None else Decimal(register),
        register_at=from_us_or_none(register_us),
        start_register_wh=None if start_register is None else Decimal(start_register),
        charging_state=None if state is None else ChargingState(state),
        has_started=bool(has_started),
        seq_min=seq_min,
        seq_max=seq_max,
        seq_count=seq_count or 0,
        ended_at=from_us_or_none(ended_us),
        stop_reason=stop_reason,
        flags=frozenset(flags or ()),
    )


# --- tokens as a station sends them -------------------------------------------------------------------------------


def render_id_token(token: IdToken | None) -> str | None:
    return None if token is None else orjson.dumps([token.value, token.type]).decode()


def parse_id_token(text: str | None) -> IdToken | None:
    if text is None:
        return None
    value, type_ = orjson.loads(text)
    return IdToken(value=value, type=type_)


def _trimmed(parts: list[Any]) -> list[Any]:
    """Drop the None at the end, in place."""
    while parts[-1] is None:
        parts.pop()
    return parts


def _padded(parts: list[Any], length: int) -> list[Any]:
    """Put back what `_trimmed` dropped; what a later program added is left out."""
    return parts[:length] + [None] * (length - len(parts))
