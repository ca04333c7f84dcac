"""Which order does a transaction, or a card, follow?"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from gateway.core.facts import is_same_token
from gateway.domain.ids import ConnectorKey
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.tokens import AuthMethod, Authorization, AuthStatus, IdToken

SLOW_CLOCK = timedelta(minutes=5)


def find_start_of_transaction(
    starts: Iterable[RemoteStart],
    key: ConnectorKey,
    id_token: IdToken | None,
    remote_start_id: str | None,
    moments: Sequence[datetime],
) -> RemoteStart | None:
    """The order that a transaction follows, the newest if several fit; one that the station refused only as the last.

    2.x says it by the id of the order (OCPP 2.0.1 F01.FR.25).  Else it is known by the plug and by what the station was
    told the driver is: a card only around the time of the order, for its owner may come back with it.  `moments` are
    when it began and when we heard of it: the one may be told by a clock that is wrong, the other be late.
    """
    if remote_start_id is not None:
        found = [start for start in starts if str(start.remote_start_id) == remote_start_id]
    else:
        found = [
            start for start in starts if _fits(start, key, id_token) and any(_is_about(start, at) for at in moments)
        ]
    return max(found, key=_likeliest, default=None)


def find_start_of_card(
    starts: Iterable[RemoteStart], evse_no: int, id_token: IdToken, now: datetime
) -> RemoteStart | None:
    """The order for which a station asks about a card before it starts (OCPP 1.6 AuthorizeRemoteTxRequests).

    The card itself may be shown in place of the app for a while longer, and is not to be asked about either
    (OCPI 2.2.1 mod_commands 13.3.3: 15 minutes); a name that we made up is good for the start that was ordered alone.
    Where that was cancelled, the card is as any other once the station waits for its start no longer.
    """
    found = [
        start
        for start in starts
        if is_same_token(start.id_token, id_token)
        and evse_no in (0, start.key.evse_no)
        and start.used_by is None
        and now <= (start.starts_by if start.is_alias else _card_until(start))
    ]
    return max(found, key=_likeliest, default=None)


def authorization_of_order(start: RemoteStart) -> Authorization:
    """The eMSP has decided already.  OCPI 2.2.1 mod_commands 13.3.3: the token is not to be checked."""
    if start.is_cancelled:
        reason = f"{start.token.party} has stopped what it ordered before it began"
        return Authorization(status=AuthStatus.INVALID, reason=reason)
    return Authorization(
        status=AuthStatus.ACCEPTED,
        reason=f"ordered by {start.token.party}",
        token=start.token,
        group_id=start.token.group_id,
        auth_method=AuthMethod.COMMAND,
        authorization_reference=start.authorization_reference,
    )


def _likeliest(start: RemoteStart) -> tuple[bool, datetime, int]:
    return not start.is_refused, start.asked_at, start.remote_start_id


def _fits(start: RemoteStart, key: ConnectorKey, id_token: IdToken | None) -> bool:
    is_there = key.evse_no in (0, start.key.evse_no)
    return is_there and id_token is not None and is_same_token(start.id_token, id_token) and start.used_by is None


def _is_about(start: RemoteStart, at: datetime) -> bool:
    if start.is_alias:
        return at <= start.known_until
    return start.asked_at - SLOW_CLOCK <= at <= _card_until(start)


def _card_until(start: RemoteStart) -> datetime:
    return start.starts_by if start.is_cancelled else start.known_until
