"""A card is shown: may it charge?"""

from gateway.core.authorization import decide_authorization
from gateway.domain.tokens import Authorization, IdToken
from gateway.ports import Store


class Authorizer:
    """Decides on tokens.  They are read from the store each time: a block must work at once and they are many.

    A token that only its eMSP can decide on (unknown here, or whitelist NEVER) is refused: asking the eMSP belongs
    between the two reads and the answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def decide(self, id_token: IdToken) -> Authorization:
        """The decision and its reason; raises StoreDownError."""
        local = await self._store.find_local_token(id_token.value)
        tokens = () if local is not None and local.status is not None else await self._store.find_tokens(id_token.value)
        return decide_authorization(id_token, local, tokens)
