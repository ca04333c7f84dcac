"""eMSPs that are asked about tokens and answer what the test says, when the test says."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from gateway.domain.ids import PartyId
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerStatus
from gateway.domain.tokens import Allowed, Token, TokenAnswer, Whitelist
from gateway.errors import PartnerError
from gateway.flows.inquiries import Inquiries, TokenAsk
from gateway.flows.memory import Memory
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import PartnerBook
from gateway.ports import Clock
from tests.unit.flows.words import EMSP, THEN, TOKEN

NEVER = replace(TOKEN, whitelist=Whitelist.NEVER)
BEMSP = PartyId(country_code="BE", party_id="BEM")


def make_partner(partner_id: str = "P1", party: PartyId = EMSP, *, role: str = "EMSP") -> Partner:
    return Partner(
        id=partner_id,
        name=f"eMSP {partner_id}",
        role=role,
        status=PartnerStatus.REGISTERED,
        created_at=THEN,
        last_updated=THEN,
        versions_url="https://emsp.example/versions",
        version="2.2.1",
        outbound_token="encrypted",
        roles=(PartnerRole(party=party, role=role, name="eMSP"),),
        endpoints=(Endpoint(identifier="tokens", role="SENDER", url="https://emsp.example/tokens"),),
    )


def allowed(token: Token | None = NEVER, reference: str | None = "REF-1") -> TokenAnswer:
    return TokenAnswer(allowed=Allowed.ALLOWED, token=token, authorization_reference=reference)


def refused(word: Allowed) -> TokenAnswer:
    return TokenAnswer(allowed=word)


UNREACHABLE = PartnerError("unusable", "no connection")


class Emsps:
    """`answers` by partner: an answer, None (unknown token), or what it fails with; `held` ones wait for their event.

    `meanwhile` is called when an ask comes in.
    """

    def __init__(self) -> None:
        self.answers: dict[str, TokenAnswer | PartnerError | None] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.asks: list[tuple[str, TokenAsk]] = []
        self.is_asked = asyncio.Event()
        self.cancelled: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.deadline_s = 30.0

    def inquiries(self, memory: Memory, partners: PartnerBook, clock: Clock) -> Inquiries:
        return Inquiries(
            memory=memory,
            partners=partners,
            api=self,
            access=lambda partner: Access(token=partner.id),
            clock=clock,
            deadline_s=self.deadline_s,
        )

    async def authorize(self, partner: Partner, access: Access, ask: TokenAsk) -> TokenAnswer | None:
        assert access.token == partner.id
        self.asks.append((partner.id, ask))
        self.is_asked.set()
        self.meanwhile()
        if partner.id in self.held:
            try:
                await self.held[partner.id].wait()
            except asyncio.CancelledError:
                self.cancelled.append(partner.id)
                raise
        answer = self.answers.get(partner.id)
        if isinstance(answer, PartnerError):
            raise answer
        return answer
