"""Members of JSON that somebody else wrote, read liberally; what cannot be read is told with its path."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from gateway.errors import WireError
from gateway.ocpi.wire import parse_time

T = TypeVar("T")
MOST = Decimal(10) ** 9
MOST_DIGITS = 28
YEARS = range(1970, 2200)


def load_foreign(text: str) -> dict[str, Any]:
    """One object, bare or as an OCPI answer carries it (`data`); numbers keep their digits.  Raises WireError."""
    try:
        body = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError("$", f"is not JSON: {error}") from None
    if isinstance(body, dict) and "status_code" in body and "data" in body:
        body = body["data"]
    if isinstance(body, list) and len(body) == 1:
        (body,) = body
    if isinstance(body, list):
        raise WireError("$", f"holds {len(body)} objects; put the one you mean into a file of its own")
    return as_object(body, "$")


def as_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireError(path, "must be a JSON object")
    return value


def as_list(value: Any, path: str) -> list[tuple[Any, str]]:
    """Each item with its path; absent or null is empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise WireError(path, "must be a JSON list")
    return [(item, f"{path}[{number}]") for number, item in enumerate(value)]


def as_text(value: Any, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WireError(path, "is missing" if value is None else "must be a text")
    return str(value)


def as_number(value: Any, path: str) -> Decimal:
    """A number, or a text that is one: older samples have prices as texts."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise WireError(path, "is missing" if value is None else "must be a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise WireError(path, f"must be a number, not {value!r}") from None
    if not number.is_finite() or abs(number) > MOST or len(number.as_tuple().digits) > MOST_DIGITS:
        raise WireError(path, f"must be a number of usual size, not {value!r}")
    return number


def as_whole(value: Any, path: str) -> int:
    number = as_number(value, path)
    if number != number.to_integral_value():
        raise WireError(path, f"must be a whole number, not {value!r}")
    return int(number)


def as_time(value: Any, path: str) -> datetime:
    try:
        at = parse_time(as_text(value, path))
    except ValueError as error:
        raise WireError(path, str(error)) from None
    if at.year not in YEARS:
        raise WireError(path, f"{value!r} is no time of our days")
    return at


def find(read: Callable[[Any, str], T], data: dict[str, Any], name: str, path: str) -> T | None:
    """The member read by `read`; absent or null is None."""
    value = data.get(name)
    return None if value is None else read(value, f"{path}.{name}")


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number")
