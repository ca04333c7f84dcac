"""How a partner's token is named to a station."""

from gateway.domain.calls import IdTokenRules
from gateway.domain.tokens import IdToken, Token, TokenType

ALIAS_CHARACTERS = 20


def id_token_of(token: Token, rules: IdTokenRules, alias: str) -> IdToken:
    """The token as the station is to show it again.

    It gets the `alias` where its uid is too long, or where it is no card and the version could not tell: a station that
    keeps what it was told must never let somebody charge with such a uid on a card.
    """
    if rules.types is None:
        is_plain = token.type == TokenType.RFID and len(token.uid) <= rules.longest
        return IdToken(value=token.uid if is_plain else alias)
    type_ = rules.types.get(token.type, rules.types[TokenType.OTHER])
    return IdToken(value=token.uid if len(token.uid) <= rules.longest else alias, type=type_)


def alias_of(id_: str) -> str:
    """An opaque name made of a fresh unique id, short enough for every version."""
    return id_.replace("-", "").upper()[:ALIAS_CHARACTERS]
