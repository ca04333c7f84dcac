"""The operator's own word about cards."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from gateway.domain.tokens import LocalToken
from gateway.errors import NotFoundError, WireError
from gateway.flows.masking import mask_uid
from gateway.ports import DeleteLocalToken, SaveLocalToken, Store

log = structlog.get_logger(__name__)


class LocalTokens:
    """Local tokens, and which eMSP's token counts where several pushed the same uid."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def list(self) -> Sequence[LocalToken]:
        return await self._store.list_local_tokens()

    async def list_ambiguous_uids(self) -> Sequence[str]:
        """Uids with valid tokens of several eMSPs, none of them preferred: refused until one is."""
        return await self._store.list_ambiguous_uids()

    async def load(self, uid: str) -> LocalToken:
        token = await self._store.find_local_token(uid)
        if token is None:
            raise NotFoundError("there is no local token with this uid")
        return token

    async def put(self, given: LocalToken) -> tuple[LocalToken, bool]:
        """Create or replace; True if it is new.  A uid keeps the spelling it was first put with."""
        if given.preferred_partner_id is not None:
            await self._check_preference(given.uid, given.preferred_partner_id)
        known = await self._store.find_local_token(given.uid)
        token = given if known is None else replace(given, uid=known.uid)
        changes = await self._store.commit([SaveLocalToken(token)])
        log.info("local token put", token_uid=mask_uid(token.uid), status=token.status)
        stored = next((change.token for change in changes if isinstance(change, SaveLocalToken)), token)
        return stored, known is None

    async def delete(self, uid: str) -> None:
        token = await self.load(uid)
        await self._store.commit([DeleteLocalToken(token.uid)])
        log.info("local token deleted", token_uid=mask_uid(uid))

    async def _check_preference(self, uid: str, partner_id: str) -> None:
        owners = {token.partner_id for token in await self._store.find_tokens(uid) if token.valid}
        if partner_id not in owners:
            named = ", ".join(sorted(owners)) or "no partner has one"
            raise WireError("$.preferred_partner", f"{partner_id!r} has no valid token with this uid ({named})")
