"""Paging of OCPI lists: parameters in, `Link`, `X-Total-Count` and `X-Limit` out.

OCPI 2.2.1 transport_and_format "Pagination".  A `Link` carries, besides offset and limit, an opaque `after`:
where the last page ended.  Who follows the link is served from there; who counts offsets on his own is served too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from gateway.errors import WireError
from gateway.ocpi import wire
from gateway.ports import Page, PageAsked

_MAX_OFFSET = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What a client asked for; `date_from` is inclusive, `date_to` exclusive, both on `last_updated`."""

    asked: PageAsked
    max_limit: int
    filters: tuple[tuple[str, str], ...]
    """The filters as the client wrote them, to be repeated in `Link`."""


def parse_page_request(query: Mapping[str, str], *, max_limit: int, needs_date_from: bool = False) -> PageRequest:
    """Parse the query of a list.  A limit above `max_limit` is lowered; any unusable value is a WireError."""
    offset = _whole_number(query, "offset", least=0, default=0)
    limit = _whole_number(query, "limit", least=1, default=max_limit)
    date_from, date_to = _time(query, "date_from"), _time(query, "date_to")
    if needs_date_from and date_from is None:
        raise WireError("date_from", "required for this list, for example date_from=2026-01-01T00:00:00Z")
    filters = tuple((name, query[name]) for name in ("date_from", "date_to") if query.get(name))
    asked = PageAsked(
        offset=offset,
        limit=min(limit, max_limit),
        date_from=date_from,
        date_to=date_to,
        after=_parse_after(query.get("after", ""), offset),
    )
    return PageRequest(asked=asked, max_limit=max_limit, filters=filters)


def page_headers(request: PageRequest, *, url: str, page: Page[Any]) -> dict[str, str]:
    """Headers of one page; `url` is the list's absolute URL.

    `X-Limit` is what the server allows at most, never what it returned; both counts are there for empty lists too.
    """
    headers = {"X-Total-Count": str(page.total), "X-Limit": str(request.max_limit)}
    if page.next_after is not None:
        offset = request.asked.offset + request.asked.limit  # a page that another follows is full
        pairs = [
            *request.filters,
            ("offset", str(offset)),
            ("limit", str(request.asked.limit)),
            ("after", _render_after(page.next_after, offset)),
        ]
        text = "&".join(f"{name}={quote(value, safe=':')}" for name, value in pairs)
        headers["Link"] = f'<{url}?{text}>; rel="next"'
    return headers


def _whole_number(query: Mapping[str, str], name: str, *, least: int, default: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 16:
        raise WireError(name, f"must be a whole number of at least {least}, not {text[:40]!r}")
    number = int(text)
    if not least <= number <= _MAX_OFFSET:
        raise WireError(name, f"must be a whole number of at least {least}, not {number}")
    return number


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        return wire.parse_time(text)
    except ValueError as error:
        raise WireError(name, str(error)) from None


def _render_after(mark: int, offset: int) -> str:
    """Tie a mark to its offset: a client that keeps `after` but changes `offset` must not get the wrong page."""
    return base64.urlsafe_b64encode(f"{offset}:{mark}".encode()).decode().rstrip("=")


def _parse_after(text: str, offset: int) -> int | None:
    if not text:
        return None
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
        tied_to, mark = (int(part) for part in plain.split(":"))
    except (binascii.Error, ValueError):
        raise WireError("after", "not a value this server gave; follow the Link of the last page") from None
    return mark if tied_to == offset and 0 <= mark < 2**63 else None
