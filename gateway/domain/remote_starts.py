"""A start that a partner ordered, kept until the transaction that follows is known by it."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.ids import ConnectorKey
from gateway.domain.tokens import IdToken, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStart:
    """`id` is that of its callback, `session_id` of the session that it is to become.

    `id_token` is how the station was told of the `token`, `remote_start_id` what comes back in 2.x.  A card shown is
    taken for the order's until `starts_by`, a transaction that began until `known_until`, even if it is told later, as
    long as the order is kept.  `used_by` is the session of that transaction; one of an order that `is_cancelled` is not
    to go on.  The station will not start what `is_refused`, but its driver is authorised all the same.
    """

    id: str
    session_id: str
    partner_id: str
    key: ConnectorKey
    token: Token
    id_token: IdToken
    remote_start_id: int
    asked_at: datetime
    starts_by: datetime
    known_until: datetime
    kept_until: datetime
    authorization_reference: str | None = None
    used_by: str | None = None
    is_cancelled: bool = False
    is_refused: bool = False

    @property
    def is_alias(self) -> bool:
        """Was the station told a name that nobody else has?"""
        return self.id_token.value != self.token.uid
