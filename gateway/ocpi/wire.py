"""Scalars of OCPI JSON: numbers, times, texts and ids, exactly as the specification bounds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import orjson
import structlog

from gateway.errors import CannotSayError as CannotSayError

log = structlog.get_logger(__name__)

NOT_AVAILABLE: Final = "#NA"  # OCPI 2.2.1 transport_and_format "No data available"

_FOUR_PLACES: Final = Decimal("0.0001")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+\- ])(\d\d):?(\d\d))?",
    re.ASCII,
)
_FRACTION: Final = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+(Z?)"')
_shortened: set[str] = set()
_gaps: ContextVar[list[str] | None] = ContextVar("gaps", default=None)


def dump_json(value: Any) -> bytes:
    """Render rendered data as compact JSON; a Decimal becomes a JSON number with at most four decimals."""
    return orjson.dumps(value, default=_render_unknown)


def without_fractions(body: bytes) -> bytes:
    """The same JSON with times cut to whole seconds, for a version or a partner that knows no fractions.

    Only a value that is a time and nothing else is touched: inside another text its quotes would be escaped.
    """
    return _FRACTION.sub(rb'"\1\2"', body)


def decimal_text(value: Decimal) -> str:
    """Render a Decimal as the shortest plain JSON number with at most four decimals, half rounded up.

    OCPI 2.2.1 types "number": four decimals unless a field says otherwise; never an exponent, never a string.
    """
    text = format(value.quantize(_FOUR_PLACES, rounding=ROUND_HALF_UP), "f").rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def render_time(moment: datetime) -> str:
    """Render an aware time as `2026-01-02T03:04:05Z`, with milliseconds where it has any (at most 24 characters).

    Microseconds are cut, never rounded: a rounded `last_updated` would lie ahead of the object's own.
    """
    naive = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).replace(tzinfo=None)
    return naive.isoformat(timespec="milliseconds" if naive.microsecond >= 1000 else "seconds") + "Z"


def parse_time(text: str) -> datetime:
    """Parse an OCPI DateTime liberally: `Z`, no zone (which is UTC), fractions up to 9 digits, UTC offsets.

    An offset's `+` may have become a blank in a query string.  Raises ValueError.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a date and time like 2026-01-02T03:04:05Z: {text!r}")
    *fields, fraction, sign, hours, minutes = match.groups()
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    year, month, day, hour, minute, second = map(int, fields)
    zone = UTC
    if sign is not None:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(-offset if sign == "-" else offset)
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not a date and time like 2026-01-02T03:04:05Z: {text!r} ({error})") from None


def clip(text: str, length: int, field: str) -> str:
    """Make a display text fit: control characters become blanks, the rest beyond `length` is cut.

    The first cut of each field is logged.  Never use it on an id: what identifies is whole or withheld.
    """
    clean = _CONTROL.sub(" ", text) if _CONTROL.search(text) else text
    if len(clean) <= length:
        return clean
    if field not in _shortened:
        _shortened.add(field)
        log.warning("text shortened for OCPI", field=field, length=len(clean), limit=length)
    return clean[:length]


def without_absent(pairs: dict[str, Any]) -> dict[str, Any]:
    """Drop members that are None or an empty list: OCPI omits what is not there."""
    return {name: value for name, value in pairs.items() if value is not None and value != []}


def withhold(what: str) -> None:
    """Note that a part of the object being rendered is left out, because the version has no words for it."""
    gaps = _gaps.get()
    if gaps is not None and what not in gaps:
        gaps.append(what)


@contextmanager
def noting_gaps() -> Iterator[list[str]]:
    """Collects what `withhold` is told meanwhile."""
    gaps: list[str] = []
    token = _gaps.set(gaps)
    try:
        yield gaps
    finally:
        _gaps.reset(token)


def _render_unknown(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(decimal_text(value))
    raise TypeError(f"cannot be rendered as OCPI JSON: {type(value).__name__}")
