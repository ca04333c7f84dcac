"""JSON and time as they stand on the wire, with nothing lost: a number keeps every digit it was written with."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson

JsonObject = dict[str, Any]


def parse_json(body: bytes) -> Any:
    """Parse JSON with fractions as `Decimal`; `ValueError` for anything RFC 8259 does not allow."""
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def render_json(value: object) -> bytes:
    return orjson.dumps(value, default=_render_decimal)


def format_datetime(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 24 characters, within the 25 that OCPI allows."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_datetime(text: str) -> datetime:
    """Parse any RFC 3339 time; one without a zone is UTC (OCPI 2.2.1 16.2). `ValueError` if it is no time."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def encode_base64_token(token: str) -> str:
    # OCPI 2.2.1 4.1.2
    return b64encode(token.encode()).decode()


def decode_base64_token(encoded: str) -> str:
    """Undo `encode_base64_token`; `ValueError` if the text is not Base64 of UTF-8."""
    try:
        return b64decode(encoded, validate=True).decode()
    except (Base64Error, UnicodeDecodeError) as error:
        raise ValueError(f"not the Base64 of a UTF-8 text: {error}") from None


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL, with the default port filled in."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def is_absolute_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def shorten(value: object, length: int = 120) -> str:
    """A value as a finding quotes it: one line, not too long."""
    text = value if isinstance(value, str) else render_json(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _render_decimal(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"cannot render {type(value).__name__}")
