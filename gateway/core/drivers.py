"""Whose session is it?"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.core.facts import is_same_token
from gateway.domain.ids import PartyId
from gateway.domain.sessions import Fact, FactKind, Session, SessionStatus
from gateway.domain.tokens import AuthMethod, Authorization, AuthStatus, IdToken, Token

DEAUTHORIZED = "DeAuthorized"  # OCPP 1.6 7.35 Reason, 2.0.1 ReasonEnumType


def speaks_for(sender: PartyId | None, token: Token | None) -> bool:
    """May the party that a request names as its sender have a say in what is this token's?

    Who shares a hub or a platform with another eMSP has none in its drivers' sessions.  None: the request left it open.
    """
    return sender is None or token is None or sender == token.party


def takes_over(session: Session, fact: Fact, authorization: Authorization, facts: Sequence[Fact]) -> bool:
    """Does the card that this fact shows become the session's driver?  `facts` are all that are known of it.

    The driver is who showed the first accepted card, or the first refused one where none was accepted.  A card at the
    end stops a session (its own driver's, one of the same group: OCPP 2.0.1 E07.FR.01); it stands for the driver only
    where no other was ever shown.
    """
    if session.id_token is None:
        return True
    if fact.kind is FactKind.ENDED or is_same_token(fact.id_token, session.id_token):
        return False
    shown = _first_with(session.id_token, facts)
    if shown is None:
        return True
    is_accepted, was_accepted = authorization.status is AuthStatus.ACCEPTED, not is_refused(session)
    return _is_before(fact, shown) if is_accepted == was_accepted else is_accepted


def identify(session: Session, id_token: IdToken | None, authorization: Authorization) -> Session:
    """The session of this driver, by the token as it is now.  A refused one goes on as INVALID: it is recorded, nobody
    is told of it."""
    token = authorization.token
    terms = replace(
        session.terms,
        token=token,
        auth_method=authorization.auth_method,
        authorization_reference=authorization.authorization_reference,
    )
    return replace(
        session,
        status=SessionStatus.ACTIVE if authorization.status is AuthStatus.ACCEPTED else SessionStatus.INVALID,
        id_token=id_token,
        partner_id=None if token is None else token.partner_id,
        terms=terms,
    )


def authorization_of(session: Session) -> Authorization:
    """The decision by which an accepted session runs."""
    terms = session.terms
    return Authorization(
        status=AuthStatus.ACCEPTED,
        reason="the driver of the session",
        token=terms.token,
        group_id=None if terms.token is None else terms.token.group_id,
        auth_method=terms.auth_method,
        authorization_reference=terms.authorization_reference,
    )


def was_ordered(session: Session) -> bool:
    """Does it run by an order of its eMSP, so that its driver is not to be judged?"""
    return session.terms.auth_method is AuthMethod.COMMAND and not is_refused(session)


def is_refused(session: Session) -> bool:
    """Was the driver refused?  (Without any driver a session that has ended is INVALID as well.)"""
    return session.status is SessionStatus.INVALID and session.id_token is not None


def is_void(session: Session) -> bool:
    """Did the station take its consent back before anything was drawn?  Then there was no session: it gets no bill."""
    return session.ledger.stop_reason == DEAUTHORIZED and session.ledger.energy_wh == 0


def end_session(session: Session) -> Session:
    """The session with the status that its end gives it: one that never got a driver was none."""
    if session.ledger.ended_at is None or session.status is SessionStatus.INVALID:
        return session
    status = SessionStatus.INVALID if session.id_token is None else SessionStatus.COMPLETED
    return replace(session, status=status)


def _first_with(id_token: IdToken, facts: Sequence[Fact]) -> Fact | None:
    first = None
    for fact in facts:
        if fact.kind is not FactKind.ENDED and is_same_token(fact.id_token, id_token):
            first = fact if first is None or _is_before(fact, first) else first
    return first


def _is_before(fact: Fact, other: Fact) -> bool:
    if fact.seq_no is not None and other.seq_no is not None:
        return fact.seq_no < other.seq_no
    return fact.at < other.at
