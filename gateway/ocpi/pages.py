"""Lists of partners, page by page along their Link headers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from yarl import URL

from gateway.domain.partners import Partner
from gateway.errors import PartnerError
from gateway.flows.partner_api import Access
from gateway.flows.partner_urls import Fault, check_host
from gateway.ocpi.addresses import is_same_origin
from gateway.ocpi.client import Answer, OcpiClient, expect_success

MOST_PAGES = 20_000
"""A list without end is given up."""

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_IS_NEXT = re.compile(r'\brel\s*=\s*"?next\b', re.IGNORECASE)


async def fetch_pages(
    client: OcpiClient, partner: Partner, access: Access, start: str, *, query: str = "", headers: Mapping[str, str]
) -> AsyncIterator[tuple[str, list[Any]]]:
    """Each page of the list at `start`, with its URL.  Raises PartnerError.

    The next page is on the same origin only: its link comes from outside, and our token would go with it.
    """
    joint = "&" if "?" in start else "?"
    url: str | None = f"{start}{joint}{query}" if query else start
    seen: set[str] = set()
    while url is not None:
        if url in seen or len(seen) >= MOST_PAGES:
            raise PartnerError(Fault.UNUSABLE, f"the pages of {start} do not end: {url} after {len(seen)} of them")
        seen.add(url)
        check_host(partner, url)
        answer = expect_success("GET", url, await client.request("GET", url, access, headers=headers))
        if not isinstance(answer.data, list):
            raise PartnerError(Fault.UNUSABLE, f"GET {url} was answered with no list")
        yield url, answer.data
        url = _next_url(start, url, answer)


def _next_url(start: str, url: str, answer: Answer) -> str | None:
    found = _find_next(answer.headers.get("Link", ""))
    if found is None:
        return None
    try:
        target = URL(url).join(URL(found))
    except ValueError as error:
        raise PartnerError(Fault.UNUSABLE, f"the next page after {url} is no URL: {error}") from None
    if not is_same_origin(URL(start), target):
        raise PartnerError(Fault.UNUSABLE, f"the next page after {url} is elsewhere: {found[:255]}; it is not followed")
    return str(target)


def _find_next(header: Any) -> str | None:
    for target, parameters in _LINK.findall(str(header)):
        if _IS_NEXT.search(parameters):
            return str(target)
    return None
