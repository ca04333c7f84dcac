"""What eMSPs tell us about their drivers' tokens: durable before they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

import structlog

from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.partners import Partner
from gateway.domain.tokens import Token
from gateway.errors import ForbiddenError, NotFoundError, WireError
from gateway.flows.masking import mask_uid
from gateway.flows.partner_book import PartnerBook
from gateway.ports import InvalidateToken, SaveToken, Store

log = structlog.get_logger(__name__)

DEFAULT_TYPE = "RFID"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A token as a URL names it; `type` is None where the caller left it out."""

    party: PartyId
    uid: str
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPatch:
    """`changes` are fields of Token with their new values; `identity` what the body repeats of the key, as texts.

    `last_updated` None: not told, so it counts as newer than what we have.
    """

    last_updated: datetime | None
    changes: Mapping[str, Any]
    identity: Mapping[str, str] = field(default_factory=dict)


class TokenInbox:
    """The receiver of tokens.  Changes to one token happen one after the other."""

    def __init__(self, store: Store, partners: PartnerBook) -> None:
        self._store = store
        self._partners = partners
        self._locks: WeakValueDictionary[TokenKey, asyncio.Lock] = WeakValueDictionary()
        self._noted: dict[str, set[TokenKey]] = {}

    async def load(self, partner: Partner, key: TokenKey) -> Token:
        """The token as we hold it.  Raises NotFoundError, also for another partner's."""
        self._check_owner(partner, key.party)
        return await self._load(partner, key)

    async def put(self, partner: Partner, key: TokenKey, token: Token) -> bool:
        """Store a whole token; True if it is new.  One older than ours changes nothing, and is no error."""
        self._check_owner(partner, key.party)
        _check_identity(
            key,
            {
                "country_code": token.party.country_code,
                "party_id": token.party.party_id,
                "uid": token.uid,
                "type": token.type,
            },
        )
        key = replace(key, type=token.type)
        async with self._lock(key):
            self._note(token)
            stored = await self._find(key)
            if not _is_stale(token, stored):
                await self._save(token)
        return stored is None or stored.partner_id != partner.id

    async def patch(self, partner: Partner, key: TokenKey, patch: TokenPatch) -> None:
        """Change some fields of a token.  Raises NotFoundError: the eMSP then sends the whole of it."""
        self._check_owner(partner, key.party)
        key = replace(key, type=key.type or patch.identity.get("type") or DEFAULT_TYPE)
        _check_identity(key, patch.identity)
        async with self._lock(key):
            stored = await self._load(partner, key)
            token = replace(stored, **patch.changes, last_updated=patch.last_updated or stored.last_updated)
            self._note(token)
            if not _is_stale(token, stored):
                await self._save(token)

    async def take(self, partner: Partner, tokens: Sequence[Token]) -> int:
        """Store what was pulled of a partner's list; gives how many there are of its own parties.

        The store keeps the newer of two versions of a token, so what is pushed meanwhile stands.
        """
        own = [token for token in tokens if self._owns(partner, token.party)]
        if len(own) < len(tokens):
            log.warning("tokens of others' parties ignored", partner_id=partner.id, count=len(tokens) - len(own))
        for token in own:
            self._note(token)
        if own:
            await self._store.commit([SaveToken(token) for token in own], bulk=True)
        return len(own)

    @contextmanager
    def noting(self, partner_id: str) -> Iterator[set[TokenKey]]:
        """Collects the keys of the tokens of a partner that come in meanwhile, pushed or taken; uids without case."""
        noted = self._noted[partner_id] = set()
        try:
            yield noted
        finally:
            self._noted.pop(partner_id, None)

    async def drop_all_but(self, partner: Partner, kept: set[TokenKey]) -> int:
        """Make the partner's tokens invalid that are not among those collected; gives how many.

        OCPI 2.2.1 mod_tokens 12.2.2.1: what a list does not hold is not valid any more.
        """
        gone = [
            InvalidateToken(partner.id, stamp)
            for stamp in await self._store.list_token_stamps(partner.id)
            if TokenKey(party=stamp.party, uid=stamp.uid_key, type=stamp.type) not in kept
        ]
        if gone:
            await self._store.commit(gone, bulk=True)
        return len(gone)

    def _note(self, token: Token) -> None:
        noted = self._noted.get(token.partner_id)
        if noted is not None:
            noted.add(TokenKey(party=token.party, uid=token.uid.casefold(), type=token.type))

    async def _load(self, partner: Partner, key: TokenKey) -> Token:
        token = await self._find(key)
        if token is None or token.partner_id != partner.id:
            raise NotFoundError(f"no token of type {key.type or DEFAULT_TYPE} with this uid; send it with PUT")
        return token

    async def _find(self, key: TokenKey) -> Token | None:
        party = key.party
        return await self._store.find_token(party.country_code, party.party_id, key.uid, key.type or DEFAULT_TYPE)

    async def _save(self, token: Token) -> None:
        """The store keeps the newer of two versions of a token."""
        await self._store.commit([SaveToken(token)])
        log.info("token received", partner_id=token.partner_id, token_uid=mask_uid(token.uid), valid=token.valid)

    def _check_owner(self, partner: Partner, party: PartyId) -> None:
        if not self._owns(partner, party):
            raise ForbiddenError(f"{party.country_code}/{party.party_id} is not one of your parties")

    def _owns(self, partner: Partner, party: PartyId) -> bool:
        """A partner speaks for its own parties; a hub for any that is not connected to us directly."""
        owner = self._partners.find_by_party(party)
        return owner.id == partner.id if owner is not None else partner.is_hub

    def _lock(self, key: TokenKey) -> asyncio.Lock:
        return self._locks.setdefault(replace(key, uid=key.uid.casefold()), asyncio.Lock())


def _is_stale(token: Token, stored: Token | None) -> bool:
    """Is this an old message, overtaken by a newer one of the same partner?"""
    if stored is None or stored.partner_id != token.partner_id or token.last_updated >= stored.last_updated:
        return False
    log.warning(
        "stale token ignored",
        partner_id=token.partner_id,
        token_uid=mask_uid(token.uid),
        last_updated=token.last_updated.isoformat(),
        newest=stored.last_updated.isoformat(),
    )
    return True


def _check_identity(key: TokenKey, body: Mapping[str, str]) -> None:
    """What the body repeats of the URL must agree with it.  OCPI 2.2.1 transport_and_format "Errors" """
    said = {
        "country_code": key.party.country_code,
        "party_id": key.party.party_id,
        "uid": key.uid,
        "type": key.type,
    }
    for name, value in body.items():
        expected = said[name]
        if expected is not None and value.casefold() != expected.casefold():
            raise WireError(f"$.{name}", f"is {value!r} in the body but {expected!r} in the URL")


def token_key(country_code: str, party_id: str, uid: str, type_: str = "") -> TokenKey:
    return TokenKey(party=party_id_of(country_code, party_id), uid=uid, type=type_ or None)
