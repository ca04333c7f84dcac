"""May this card charge?"""

from collections.abc import Sequence

from gateway.domain.tokens import (
    Authorization,
    AuthStatus,
    IdToken,
    LocalStatus,
    LocalToken,
    Token,
    TokenType,
    Whitelist,
)

# OCPP 2.0.1 IdTokenEnumType to OCPI TokenType; 1.6 knows no types: a card that was held to a reader.
TYPES: dict[str | None, frozenset[str]] = {
    None: frozenset({TokenType.RFID, TokenType.OTHER}),
    "ISO14443": frozenset({TokenType.RFID}),
    "ISO15693": frozenset({TokenType.RFID}),
    "eMAID": frozenset({TokenType.EMAID}),
    "Central": frozenset({TokenType.APP_USER, TokenType.AD_HOC_USER, TokenType.OTHER, TokenType.RFID}),
}

LOCAL = {
    LocalStatus.ACCEPTED: AuthStatus.ACCEPTED,
    LocalStatus.BLOCKED: AuthStatus.BLOCKED,
    LocalStatus.EXPIRED: AuthStatus.EXPIRED,
}


def decide_authorization(id_token: IdToken, local: LocalToken | None, tokens: Sequence[Token]) -> Authorization:
    """The operator's own word first, else the one valid token that an eMSP pushed.

    Two valid ones of different eMSPs (also of two behind one hub) with one uid cannot be told apart: refused until the
    operator prefers one, for whoever guessed would send a bill to a stranger.
    """
    if local is not None and local.status is not None:
        return Authorization(status=LOCAL[local.status], reason=f"local token, {local.status}", group_id=local.group_id)
    fitting = [token for token in tokens if token.type in TYPES.get(id_token.type, frozenset())]
    if not fitting:
        return Authorization(status=AuthStatus.UNKNOWN, reason=_unknown_reason(id_token, tokens))
    valid = [token for token in fitting if token.valid]
    if not valid:
        return Authorization(status=AuthStatus.BLOCKED, reason=f"{_owner(fitting[0])} has marked the token invalid")
    preferred = _prefer(valid, local)
    if len({(token.partner_id, token.party) for token in preferred}) > 1:
        return Authorization(status=AuthStatus.AMBIGUOUS, reason=_ambiguous_reason(preferred))
    return _by_whitelist(min(preferred, key=lambda token: (token.type != TokenType.RFID, token.type)))


def _by_whitelist(token: Token) -> Authorization:
    if token.whitelist is Whitelist.NEVER:
        return Authorization(
            status=AuthStatus.INVALID,
            reason=f"whitelist NEVER: {_owner(token)} must be asked each time, and cannot be asked",
            group_id=token.group_id,
        )
    return Authorization(
        status=AuthStatus.ACCEPTED,
        reason=f"token of {_owner(token)}, whitelist {token.whitelist}",
        token=token,
        group_id=token.group_id,
    )


def _prefer(valid: list[Token], local: LocalToken | None) -> list[Token]:
    if local is None or local.preferred_partner_id is None:
        return valid
    return [token for token in valid if token.partner_id == local.preferred_partner_id] or valid


def _ambiguous_reason(tokens: Sequence[Token]) -> str:
    owners = ", ".join(sorted({_owner(token) for token in tokens}))
    if len({token.partner_id for token in tokens}) > 1:
        return f"valid tokens of {owners} have this uid: prefer one by PUT tokens/{{uid}}"
    return f"valid tokens of {owners} have this uid and come through one hub: have one of them withdraw it"


def _unknown_reason(id_token: IdToken, tokens: Sequence[Token]) -> str:
    if not tokens:
        return "no local token and no eMSP's token has this uid"
    types = ", ".join(sorted({token.type for token in tokens}))
    return f"the tokens with this uid are of type {types}, which a {id_token.type or 'swiped card'} does not stand for"


def _owner(token: Token) -> str:
    return str(token.party)
