"""May this card charge?"""

import re
from collections.abc import Sequence

from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.tokens import (
    Allowed,
    AuthMethod,
    Authorization,
    AuthStatus,
    IdToken,
    LocalStatus,
    LocalToken,
    Question,
    Token,
    TokenAnswer,
    TokenType,
    Whitelist,
)

# OCPP 2.0.1 IdTokenEnumType to OCPI TokenType; 1.6 knows no types: a card that was held to a reader.  A contract is
# OTHER for versions of OCPI that have no word for it.
TYPES: dict[str | None, frozenset[str]] = {
    None: frozenset({TokenType.RFID, TokenType.OTHER}),
    "ISO14443": frozenset({TokenType.RFID}),
    "ISO15693": frozenset({TokenType.RFID}),
    "eMAID": frozenset({TokenType.EMAID, TokenType.OTHER}),
    "Central": frozenset({TokenType.APP_USER, TokenType.AD_HOC_USER, TokenType.OTHER, TokenType.RFID}),
}

# What an unknown token is asked for as.  APP_USER and AD_HOC_USER ("Central") come by a command, which tells whose
# they are.
ASKED_AS: dict[str | None, TokenType] = {
    None: TokenType.RFID,
    "ISO14443": TokenType.RFID,
    "ISO15693": TokenType.RFID,
    "eMAID": TokenType.EMAID,
}

ASKED = (Whitelist.ALLOWED_OFFLINE, Whitelist.NEVER)
"""The eMSP is asked each time, also about a token that it marked invalid (OCPI 2.2.1 mod_tokens 12.4.5)."""

LOCAL = {
    LocalStatus.ACCEPTED: AuthStatus.ACCEPTED,
    LocalStatus.BLOCKED: AuthStatus.BLOCKED,
    LocalStatus.EXPIRED: AuthStatus.EXPIRED,
}

REFUSALS = {
    Allowed.BLOCKED: AuthStatus.BLOCKED,
    Allowed.EXPIRED: AuthStatus.EXPIRED,
    Allowed.NO_CREDIT: AuthStatus.NO_CREDIT,
    Allowed.NOT_ALLOWED: AuthStatus.NOT_ALLOWED,
}

_UID = re.compile(r"[\x20-\x7e]{1,36}")  # OCPI 2.2.1 mod_tokens 12.3.2: CiString(36)
_CONTRACT = re.compile(r"([A-Za-z]{2})[-*]?([A-Za-z0-9]{3})[-*]?[A-Za-z0-9]")  # ISO 15118-1 C.1: country, provider, …


def decide_authorization(
    id_token: IdToken, local: LocalToken | None, tokens: Sequence[Token]
) -> Authorization | Question:
    """The operator's own word first, else the one token that an eMSP pushed, by its whitelist rule.

    Two good ones of different eMSPs (also of two behind one hub) with one uid cannot be told apart: refused until the
    operator prefers one, for whoever guessed would send a bill to a stranger.
    """
    if local is not None and local.status is not None:
        return Authorization(status=LOCAL[local.status], reason=f"local token, {local.status}", group_id=local.group_id)
    fitting = [token for token in tokens if token.type in TYPES.get(id_token.type, frozenset())]
    if not fitting:
        return _decide_unknown(id_token, tokens)
    live = [token for token in fitting if token.valid] or [token for token in fitting if token.whitelist in ASKED]
    if not live:
        return _blocked(fitting[0])
    preferred = _prefer(live, local)
    if len({(token.partner_id, token.party) for token in preferred}) > 1:
        return Authorization(status=AuthStatus.AMBIGUOUS, reason=_ambiguous_reason(preferred))
    return _by_whitelist(min(preferred, key=lambda token: (token.type != TokenType.RFID, token.type)))


def decide_by_answer(
    question: Question, answer: TokenAnswer | None, *, evse_uid: str | None, owner: str
) -> Authorization:
    """What an eMSP's answer means at one EVSE (None: wherever the driver plugs in); None: it knows no such token.

    `owner` is the name of who answered.  Who allows a token without saying whose it is allows nothing: there would be
    nobody to bill.
    """
    if answer is None:
        return Authorization(status=AuthStatus.UNKNOWN, reason=f"{owner} does not know the token")
    token = answer.token or question.token
    group_id = None if token is None else token.group_id
    if answer.allowed is not Allowed.ALLOWED:
        status = REFUSALS[answer.allowed]
        return Authorization(status=status, reason=f"{owner} answered {answer.allowed}", group_id=group_id)
    if token is None:
        return Authorization(status=AuthStatus.INVALID, reason=f"{owner} answered ALLOWED, but not whose token it is")
    if not _is_allowed_at(answer, evse_uid):
        reason = f"{owner} allows the token at other EVSEs of the location only"
        return Authorization(status=AuthStatus.NOT_ALLOWED, reason=reason, group_id=group_id)
    return Authorization(
        status=AuthStatus.ACCEPTED,
        reason=f"{owner} answered ALLOWED",
        token=token,
        group_id=group_id,
        auth_method=AuthMethod.AUTH_REQUEST,
        authorization_reference=answer.authorization_reference,
    )


def find_issuer(contract: str) -> PartyId | None:
    """The eMSP that a contract id (EMAID) names: its first two characters and the three after them."""
    match = _CONTRACT.match(contract)
    return None if match is None else party_id_of(*match.groups())


def _is_allowed_at(answer: TokenAnswer, evse_uid: str | None) -> bool:
    """Only the EVSEs at which the driver may charge are in the answer.  OCPI 2.2.1 mod_tokens 12.3.1

    Many eMSPs leave the location out, or send no EVSEs: then they have nothing against any.
    """
    if answer.place is None or not answer.place.evse_uids or evse_uid is None:
        return True
    return evse_uid.casefold() in {uid.casefold() for uid in answer.place.evse_uids}


def _decide_unknown(id_token: IdToken, tokens: Sequence[Token]) -> Authorization | Question:
    fallback = Authorization(status=AuthStatus.UNKNOWN, reason=_unknown_reason(id_token, tokens))
    type_ = ASKED_AS.get(id_token.type)
    if type_ is None or not _UID.fullmatch(id_token.value):
        return fallback
    if type_ is not TokenType.EMAID:
        return Question(uid=id_token.value, type=type_, fallback=fallback)
    issuer = find_issuer(id_token.value)
    return fallback if issuer is None else Question(uid=id_token.value, type=type_, fallback=fallback, issuer=issuer)


def _by_whitelist(token: Token) -> Authorization | Question:
    """OCPI 2.2.1 mod_tokens 12.4.5.  ALLOWED leaves it to us: a driver should not wait for what we know."""
    accepted = Authorization(
        status=AuthStatus.ACCEPTED,
        reason=f"token of {_owner(token)}, whitelist {token.whitelist}",
        token=token,
        group_id=token.group_id,
    )
    if token.whitelist not in ASKED:
        return accepted
    if token.whitelist is Whitelist.ALLOWED_OFFLINE:
        fallback = accepted if token.valid else _blocked(token)
    else:
        fallback = Authorization(
            status=AuthStatus.INVALID,
            reason=f"whitelist NEVER: {_owner(token)} must be asked each time, and could not be asked",
            group_id=token.group_id,
        )
    return Question(uid=token.uid, type=token.type, fallback=fallback, token=token)


def _blocked(token: Token) -> Authorization:
    return Authorization(status=AuthStatus.BLOCKED, reason=f"{_owner(token)} has marked the token invalid")


def _prefer(live: list[Token], local: LocalToken | None) -> list[Token]:
    if local is None or local.preferred_partner_id is None:
        return live
    return [token for token in live if token.partner_id == local.preferred_partner_id] or live


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
