"""A card is shown: may it charge?"""

from dataclasses import replace

from gateway.core.authorization import decide_authorization
from gateway.domain.tokens import Authorization
from gateway.flows.inquiries import Inquiries, Inquiry, Shown
from gateway.ports import Store


class Authorizer:
    """Decides on tokens.  They are read from the store each time: a block must work at once and they are many.

    A token that only its eMSP can decide on is asked about; without `inquiries` nobody is, as in a replay.
    """

    def __init__(self, store: Store, inquiries: Inquiries | None = None) -> None:
        self._store = store
        self._inquiries = inquiries

    async def decide(self, shown: Shown) -> Authorization:
        """The decision and its reason, after an eMSP was asked where that is needed; raises StoreDownError."""
        verdict = await self.judge(shown)
        return verdict if isinstance(verdict, Authorization) else await self.ask(verdict)

    async def judge(self, shown: Shown) -> Authorization | Inquiry:
        """The decision where it can be made without asking, else what to ask; raises StoreDownError."""
        id_token, inquiries = shown.id_token, self._inquiries
        local = await self._store.find_local_token(id_token.value)
        tokens = () if local is not None and local.status is not None else await self._store.find_tokens(id_token.value)
        if inquiries is not None:
            tokens = [token if inquiries.is_live(token) else replace(token, valid=False) for token in tokens]
        verdict = decide_authorization(id_token, local, tokens)
        if isinstance(verdict, Authorization):
            return verdict
        return verdict.fallback if inquiries is None else inquiries.prepare(verdict, shown)

    async def ask(self, inquiry: Inquiry) -> Authorization:
        """Ask as `judge` said; what the inquiry came from is durable by now."""
        if self._inquiries is None:
            return inquiry.question.fallback
        return await self._inquiries.ask(inquiry)
