"""Times as stations write them, read liberally."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
LATEST_AHEAD: Final = timedelta(minutes=5)
TIME_REPLACED: Final = "time_replaced"

_NO_FLAGS: Final[tuple[str, ...]] = ()
_REPLACED: Final = (TIME_REPLACED,)

ReadTime = tuple[datetime, str, tuple[str, ...]]


def parse_time(text: Any, received_at: datetime) -> ReadTime:
    """The time to work with, the station's own text, and flags.

    A text without zone is UTC.  A time before 2020 (clock never set) or over five minutes ahead of its receipt, or one
    that cannot be read, is replaced by the time of receipt and flagged; a past time is never shifted.
    """
    try:
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        at_or_none = _parse_odd(text)
        if at_or_none is None:
            return received_at, text if isinstance(text, str) else "", _REPLACED
        at = at_or_none
    if at.tzinfo is not UTC:
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else _to_utc(at)
    if EARLIEST <= at <= received_at + LATEST_AHEAD:
        return at, text, _NO_FLAGS
    return received_at, text, _REPLACED


def parse_optional_time(text: Any, received_at: datetime) -> ReadTime:
    """As parse_time, but a time left out is the time of receipt, and no fault."""
    return (received_at, "", _NO_FLAGS) if text is None else parse_time(text, received_at)


def parse_moment(text: Any) -> datetime | None:
    """A time that may lie ahead, a schedule's: UTC where no zone is named.  None where it cannot be read."""
    at = _parse_odd(text)
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else _to_utc(at)


def render_time(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as both OCPP generations ask for (OCPP 1.6 3.15, OCPP 2.0.1 part 2 2.1)."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # year 1 or 9999 with an offset
        return datetime.min.replace(tzinfo=UTC)


def _parse_odd(text: Any) -> datetime | None:
    """Spaces around, a lone dot before Z, and both Z and offset: seen in the field."""
    if not isinstance(text, str):
        return None
    tidy = text.strip().replace(".Z", "Z").replace(" ", "T", 1)
    if tidy.endswith(("Z", "z")) and tidy[:-1] and "+" in tidy:
        tidy = tidy[:-1]
    try:
        return datetime.fromisoformat(tidy)
    except ValueError:
        return None
