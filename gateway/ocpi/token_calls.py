"""What we ask eMSPs about tokens: may this one charge, and which are there (OCPI 2.2.1 mod_tokens 12.2.2)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from yarl import URL

from gateway.domain.ids import PartyId
from gateway.domain.partners import Partner
from gateway.domain.tokens import Token, TokenAnswer
from gateway.errors import PartnerError, WireError
from gateway.flows.inquiries import TokenAsk
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import find_endpoint
from gateway.flows.partner_urls import Fault, check_host
from gateway.flows.token_pulls import TokenPage
from gateway.flows.tokens import TokenKey
from gateway.ocpi import wire
from gateway.ocpi.addresses import is_same_origin
from gateway.ocpi.caller import request_headers
from gateway.ocpi.client import Answer, OcpiClient, expect_success
from gateway.ocpi.version import Version
from gateway.ocpi.versions import VERSIONS

log = structlog.get_logger(__name__)

UNKNOWN_TOKEN = 2004
MOST_PAGES = 20_000
"""A list without end is given up."""

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_IS_NEXT = re.compile(r'\brel\s*=\s*"?next\b', re.IGNORECASE)


class TokenCalls:
    """The ports AuthorizeApi and TokenListApi; `party` is ours for requests that no site of ours is about."""

    def __init__(self, client: OcpiClient, party: PartyId) -> None:
        self._client = client
        self._party = party

    async def authorize(self, partner: Partner, access: Access, ask: TokenAsk) -> TokenAnswer | None:
        """None: the eMSP knows no such token (404 or 2004, many send only one of them)."""
        version = _version(partner)
        query = urlencode({"type": version.render_token_type(ask.type)})
        url = f"{_endpoint(partner).rstrip('/')}/{quote(ask.uid, safe='')}/authorize?{query}"
        check_host(partner, url)
        body = None if ask.place is None else wire.dump_json(version.render_location_references(ask.place))
        headers = request_headers(ask.sender or self._party, ask.receiver) if version.is_routed else {}
        answer = await self._client.request("POST", url, access, body=body, headers=headers)
        if answer.http_status == 404 or answer.status_code == UNKNOWN_TOKEN:
            return None
        try:
            return version.parse_authorization(expect_success("POST", url, answer).data, partner.id)
        except WireError as error:
            raise PartnerError(Fault.UNUSABLE, f"POST {url} was answered with what we cannot read: {error}") from None

    async def fetch_tokens(
        self, partner: Partner, access: Access, date_from: datetime | None
    ) -> AsyncIterator[TokenPage]:
        """The partner's list page by page; what cannot be read of it is left out and counted.  Raises PartnerError."""
        start = _endpoint(partner)
        url: str | None = start
        if date_from is not None:
            joint = "&" if "?" in start else "?"
            url = f"{start}{joint}date_from={wire.render_time(date_from)}"
        receiver = next((role.party for role in partner.roles if role.role == "EMSP"), None)
        headers = request_headers(self._party, receiver) if _version(partner).is_routed else {}
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= MOST_PAGES:
                raise PartnerError(Fault.UNUSABLE, f"the pages of {start} do not end: {url} after {len(seen)} of them")
            seen.add(url)
            check_host(partner, url)
            answer = expect_success("GET", url, await self._client.request("GET", url, access, headers=headers))
            yield _read_page(partner, url, answer)
            url = _next_url(start, url, answer)


def _read_page(partner: Partner, url: str, answer: Answer) -> TokenPage:
    if not isinstance(answer.data, list):
        raise PartnerError(Fault.UNUSABLE, f"GET {url} was answered with no list of tokens")
    key = TokenKey(party=_owner_of(partner), uid="")
    tokens: list[Token] = []
    faults: list[str] = []
    for entry in answer.data:
        try:
            tokens.append(_version(partner).parse_token(entry, key, partner.id))
        except WireError as error:
            faults.append(str(error))
    if faults:
        log.warning("tokens of a partner not read", partner_id=partner.id, count=len(faults), first=faults[0])
    return TokenPage(tokens=tuple(tokens), faulty=len(faults))


def _owner_of(partner: Partner) -> PartyId:
    """Whose the tokens of a list are where they do not say so themselves: a version without routing names one party."""
    roles = sorted(partner.roles, key=lambda role: role.role != "EMSP")
    if not roles:
        raise PartnerError(Fault.UNUSABLE, f"{partner.name} has named no party in its credentials")
    return roles[0].party


def _next_url(start: str, url: str, answer: Answer) -> str | None:
    """Where the next page is, on the same origin only: the link comes from outside, and our token would go with it."""
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


def _endpoint(partner: Partner) -> str:
    url = find_endpoint(partner, "tokens", "SENDER")
    if url is None:
        raise PartnerError(Fault.NO_ENDPOINTS, f"{partner.name} has no list of tokens in its version details")
    return url


def _version(partner: Partner) -> Version:
    version = VERSIONS.get(partner.version or "")
    if version is None:
        raise PartnerError(Fault.NO_VERSION, f"{partner.name} speaks version {partner.version}, which we do not")
    return version
