"""What we ask eMSPs about tokens: may this one charge, and which are there (OCPI 2.2.1 mod_tokens 12.2.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import structlog

from gateway.domain.ids import PartyId
from gateway.domain.partners import Partner
from gateway.domain.tokens import Token, TokenAnswer
from gateway.errors import PartnerError, WireError
from gateway.flows.inquiries import TokenAsk
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import find_endpoint, main_party
from gateway.flows.partner_urls import Fault, check_host
from gateway.flows.token_pulls import TokenPage
from gateway.flows.tokens import TokenKey
from gateway.ocpi import wire
from gateway.ocpi.caller import request_headers
from gateway.ocpi.client import OcpiClient, expect_success
from gateway.ocpi.pages import fetch_pages
from gateway.ocpi.version import Version
from gateway.ocpi.versions import VERSIONS

log = structlog.get_logger(__name__)

UNKNOWN_TOKEN = 2004


class TokenCalls:
    """The ports AuthorizeApi and TokenListApi; `party` is ours for requests that no site of ours is about."""

    def __init__(self, client: OcpiClient, party: PartyId) -> None:
        self._client = client
        self._party = party

    async def authorize(self, partner: Partner, access: Access, ask: TokenAsk) -> TokenAnswer | None:
        """None: the eMSP knows no such token (404 or 2004, many send only one of them).

        A 404 that is no OCPI is said by what stands before the eMSP: nothing is there, and nothing said of the token.
        """
        version = _version(partner)
        query = urlencode({"type": version.render_token_type(ask.type)})
        url = f"{_endpoint(partner).rstrip('/')}/{quote(ask.uid, safe='')}/authorize?{query}"
        check_host(partner, url)
        body = None if ask.place is None else wire.dump_json(version.render_location_references(ask.place))
        headers = request_headers(ask.sender or self._party, ask.receiver) if version.is_routed else {}
        answer = await self._client.request("POST", url, access, body=body, headers=headers)
        is_not_found = answer.http_status == 404 and answer.status_code is not None
        if is_not_found or answer.status_code == UNKNOWN_TOKEN:
            return None
        try:
            return version.parse_authorization(expect_success("POST", url, answer).data, partner.id)
        except WireError as error:
            raise PartnerError(Fault.UNUSABLE, f"POST {url} was answered with what we cannot read: {error}") from None

    async def fetch_tokens(
        self, partner: Partner, access: Access, date_from: datetime | None
    ) -> AsyncIterator[TokenPage]:
        """The partner's list page by page; what cannot be read of it is left out and counted.  Raises PartnerError."""
        query = "" if date_from is None else f"date_from={wire.render_time(date_from)}"
        start = _endpoint(partner)
        for receiver in _owners_of(partner):
            headers = request_headers(self._party, receiver) if _version(partner).is_routed else {}
            async for _, entries in fetch_pages(self._client, partner, access, start, query=query, headers=headers):
                yield _read_page(partner, entries)


def _read_page(partner: Partner, entries: list[Any]) -> TokenPage:
    key = TokenKey(party=_owner_of(partner), uid="")
    tokens: list[Token] = []
    faults: list[str] = []
    for entry in entries:
        try:
            tokens.append(_version(partner).parse_token(entry, key, partner.id))
        except WireError as error:
            faults.append(str(error))
    if faults:
        log.warning("tokens of a partner not read", partner_id=partner.id, count=len(faults), first=faults[0])
    return TokenPage(tokens=tuple(tokens), faulty=len(faults))


def _owners_of(partner: Partner) -> Sequence[PartyId | None]:
    """Whose tokens are asked for: those of each eMSP of the platform, of all behind a hub (where the hub is addressed:
    OCPI 2.2.1 transport_and_format "GET All via Hubs"); a version without routing knows one party."""
    if partner.is_hub or not _version(partner).is_routed:
        return [main_party(partner)]
    emsps = [role.party for role in partner.roles if role.role == "EMSP"]
    return list(dict.fromkeys(emsps)) or [main_party(partner)]


def _owner_of(partner: Partner) -> PartyId:
    """Whose the tokens of a list are where they do not say so themselves: a version without routing names one party."""
    roles = sorted(partner.roles, key=lambda role: role.role != "EMSP")
    if not roles:
        raise PartnerError(Fault.UNUSABLE, f"{partner.name} has named no party in its credentials")
    return roles[0].party


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
