"""Tokens of eMSPs that do not push: their list is pulled, in full once and then what changed (OCPI 2.2.1 mod_tokens
12.1.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.domain.partners import Partner, PartnerStatus
from gateway.domain.tokens import Token
from gateway.errors import ConflictError, RevisionConflictError
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import PartnerBook, offers
from gateway.flows.rounds import Rounds
from gateway.flows.tokens import TokenInbox, TokenKey
from gateway.ports import Clock, SavePartner, Store

log = structlog.get_logger(__name__)

INTERVAL_S = 300.0
OVERLAP = timedelta(minutes=1)
"""Asked for again each time: lists shift while they are read, and clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPage:
    """What could be read of a page; `faulty` counts the rest."""

    tokens: tuple[Token, ...]
    faulty: int = 0


class TokenListApi(Protocol):
    """The eMSPs' lists."""

    def fetch_tokens(self, partner: Partner, access: Access, date_from: datetime | None) -> AsyncIterator[TokenPage]:
        """Page by page; raises PartnerError."""


class TokenPulls:
    """Pulls the list of each partner that wants it so."""

    def __init__(
        self,
        *,
        store: Store,
        partners: PartnerBook,
        inbox: TokenInbox,
        api: TokenListApi,
        access: Callable[[Partner], Access],
        clock: Clock,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """`access` gives how to call a partner (Registration.access)."""
        self._store = store
        self._partners = partners
        self._inbox = inbox
        self._api = api
        self._access = access
        self._clock = clock
        self.rounds = Rounds(
            partners=partners,
            is_wanted=_is_pulled,
            pull=self._pull,
            clock=clock,
            interval_s=interval_s,
            failure="tokens not pulled",
        )

    async def _pull(self, partner: Partner) -> None:
        began_at, until = self._clock.now(), partner.tokens_pulled_until
        date_from = None if until is None else until - OVERLAP
        with self._inbox.noting(partner.id) as noted:
            count, faulty, newest = await self._take_all(partner, date_from, until)
            if date_from is None:
                await self._drop_unlisted(partner, noted, count=count, faulty=faulty)
        # A partner whose clock is ahead must not hide from us what it changes until we are there.
        until = None if newest is None else min(newest, began_at)
        await self._note(partner, until)
        log.info("tokens pulled", partner_id=partner.id, count=count, faulty=faulty, is_full=date_from is None)

    async def _take_all(
        self, partner: Partner, date_from: datetime | None, newest: datetime | None
    ) -> tuple[int, int, datetime | None]:
        """How many were taken and how many could not be read, and the newest time in the list."""
        count = faulty = 0
        async for page in self._api.fetch_tokens(partner, self._access(partner), date_from):
            if not self._is_as_before(partner):
                raise ConflictError("its registration changed meanwhile")
            count += await self._inbox.take(partner, page.tokens)
            faulty += page.faulty
            seen = [token.last_updated for token in page.tokens]
            newest = max(seen if newest is None else [newest, *seen], default=None)
        return count, faulty, newest

    async def _drop_unlisted(self, partner: Partner, noted: set[TokenKey], *, count: int, faulty: int) -> None:
        """What a whole list does not hold is not valid any more.  One that is empty, or that we cannot read, proves
        nothing: all cards of an eMSP are not refused for a fault of its list."""
        if faulty or not count:
            log.warning("tokens that are not listed left valid", partner_id=partner.id, count=count, faulty=faulty)
            return
        gone = await self._inbox.drop_all_but(partner, noted)
        if gone:
            log.info("tokens that are not listed made invalid", partner_id=partner.id, count=gone)

    async def _note(self, partner: Partner, until: datetime | None) -> None:
        """Remember up to where the list is known; the next pull after a new registration is a full one again."""
        for _ in range(2):
            known = self._partners.load(partner.id)
            if until == known.tokens_pulled_until or not self._is_as_before(partner):
                return
            try:
                await self._store.commit([SavePartner(replace(known, tokens_pulled_until=until))])
                return
            except RevisionConflictError:
                continue

    def _is_as_before(self, partner: Partner) -> bool:
        known = self._partners.load(partner.id)
        return known.status is PartnerStatus.REGISTERED and known.outbound_token == partner.outbound_token


def _is_pulled(partner: Partner) -> bool:
    return partner.pulls_tokens and offers(partner, "tokens", "SENDER")
