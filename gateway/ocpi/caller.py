"""Who calls, and for whom: the Authorization header and the routing headers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.partners import Partner
from gateway.errors import ForbiddenError, UnauthorizedError, WireError
from gateway.flows.partner_book import Admission, PartnerBook, main_party
from gateway.ports import Secrets

TO_COUNTRY, TO_PARTY = "OCPI-to-country-code", "OCPI-to-party-id"
FROM_COUNTRY, FROM_PARTY = "OCPI-from-country-code", "OCPI-from-party-id"
MAX_HEADER = 512

_SCHEME = re.compile(r"token +(\S+)\s*", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PARTY = re.compile(r"[A-Za-z0-9]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A partner on the line.  `token` is what it called with, in plain; `token_hash` its keyed hash."""

    partner: Partner
    admission: Admission
    token: str
    token_hash: str

    @property
    def may_use_modules(self) -> bool:
        """Registration tokens open versions and credentials only.  OCPI 2.2.1 transport_and_format 4.1.1"""
        return self.admission in (Admission.CURRENT, Admission.OLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """From which of the partner's parties to which of ours; None where a request leaves it open."""

    sender: PartyId | None = None
    receiver: PartyId | None = None


def identify(header: str | None, partners: PartnerBook, secrets: Secrets, now: datetime) -> Caller:
    """The caller whose credentials token this is.  Raises UnauthorizedError, always with the same words.

    Found by keyed hash, so the time it takes tells nothing.  Many peers do not encode: what is Base64 of a known token
    wins, then the text itself.
    """
    for token in _candidates(header or ""):
        token_hash = secrets.keyed_hash(token.encode())
        found = partners.find_by_hash(token_hash, now)
        if found is not None:
            return Caller(partner=found[0], admission=found[1], token=token, token_hash=token_hash)
    raise UnauthorizedError("send `Authorization: Token <Base64 of a credentials token that is valid here>`")


def parse_route(headers: Mapping[str, str]) -> Route:
    """The routing headers of a request; half a pair, or what is no party, is a WireError."""
    return Route(sender=_party(headers, FROM_COUNTRY, FROM_PARTY), receiver=_party(headers, TO_COUNTRY, TO_PARTY))


def check_route(route: Route, partner: Partner, ours: tuple[PartyId, ...]) -> None:
    """A partner speaks for its own roles (a hub for anyone), and to parties that are ours."""
    parties = {role.party for role in partner.roles}
    if route.sender is not None and route.sender not in parties and not partner.is_hub:
        raise WireError(FROM_PARTY, f"{route.sender} is not one of the roles in your credentials")
    if route.receiver is not None and route.receiver not in ours:
        raise ForbiddenError(f"{TO_PARTY}: {route.receiver} is not a party of this platform")


def response_headers(route: Route, partner: Partner | None, ours: tuple[PartyId, ...]) -> dict[str, str]:
    """The routing headers of the answer: the request's, swapped; what it left open is the main party of each side."""
    receiver = route.sender or (main_party(partner) if partner else None)
    sender = route.receiver or ours[0]
    headers = {FROM_COUNTRY: sender.country_code, FROM_PARTY: sender.party_id}
    if receiver is not None:
        headers |= {TO_COUNTRY: receiver.country_code, TO_PARTY: receiver.party_id}
    return headers


def request_headers(sender: PartyId, receiver: PartyId | None) -> dict[str, str]:
    """The routing headers of a request of ours; `receiver` None where a hub is to find it."""
    headers = {FROM_COUNTRY: sender.country_code, FROM_PARTY: sender.party_id}
    if receiver is not None:
        headers |= {TO_COUNTRY: receiver.country_code, TO_PARTY: receiver.party_id}
    return headers


def authorization_header(token: str, *, raw: bool) -> str:
    """How we present a credentials token.  OCPI 2.2.1 transport_and_format "Authorization header" """
    return f"Token {token if raw else base64.b64encode(token.encode()).decode()}"


def _candidates(header: str) -> list[str]:
    match = _SCHEME.fullmatch(header) if header.isascii() and len(header) <= MAX_HEADER else None
    if match is None:
        return []
    text = match.group(1)
    try:
        padded = text + "=" * (-len(text) % 4)
        # Even the samples of the specification were encoded with a line feed at the end.
        decoded = base64.b64decode(padded, validate=True).decode().strip()
    except (binascii.Error, ValueError):
        return [text]
    return [decoded, text]


def _party(headers: Mapping[str, str], country_header: str, party_header: str) -> PartyId | None:
    country, party = headers.get(country_header, "").strip(), headers.get(party_header, "").strip()
    if not country and not party:
        return None
    if not _COUNTRY.fullmatch(country):
        raise WireError(country_header, "must be a country code of two letters, beside " + party_header)
    if not _PARTY.fullmatch(party):
        raise WireError(party_header, "must be a party id of three characters, beside " + country_header)
    return party_id_of(country, party)
