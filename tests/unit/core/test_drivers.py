from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from gateway.core.drivers import end_session, identify, is_refused, is_void, takes_over
from gateway.core.sessions import fold_facts
from gateway.domain.ids import PartyId
from gateway.domain.sessions import Fact, FactKind, Session, SessionStatus
from gateway.domain.tokens import AuthMethod, Authorization, AuthStatus, IdToken, Token, Whitelist
from tests.unit.core.test_cdrs import KEY
from tests.unit.core.test_sessions import NOON, START, after, metered, stop

A, B, C = (IdToken(value=name, type="ISO14443") for name in "ABC")
TOKEN = Token(
    partner_id="P1",
    party=PartyId(country_code="NL", party_id="EMS"),
    uid="A",
    type="RFID",
    contract_id="C1",
    issuer="EMS",
    valid=True,
    whitelist=Whitelist.ALWAYS,
    last_updated=NOON,
)
ACCEPTED = Authorization(
    status=AuthStatus.ACCEPTED, reason="", token=TOKEN, auth_method=AuthMethod.COMMAND, authorization_reference="R"
)
REFUSED = Authorization(status=AuthStatus.BLOCKED, reason="")
UNIDENTIFIED = replace(START, id_token=None, seq_no=0)
PENDING = Session(
    id="S",
    key=KEY,
    transaction_id="1",
    start_key="k",
    status=SessionStatus.PENDING,
    ledger=fold_facts([UNIDENTIFIED]),
    last_updated=NOON,
)


def shows(card: IdToken, seq_no: int, *, at_end: bool = False) -> Fact:
    make = stop if at_end else metered
    return make(seq_no, "1000", seq_no=seq_no, id_token=card, key=f"{seq_no}")


def drive(facts: list[Fact], accepted: set[IdToken]) -> Session:
    """The session after its facts were told in this order."""
    session, known = PENDING, [UNIDENTIFIED]
    for fact in facts:
        known.append(fact)
        authorization = ACCEPTED if fact.id_token in accepted else REFUSED
        if takes_over(session, fact, authorization, known):
            session = identify(session, fact.id_token, authorization)
    return session


def test_the_first_card_is_the_driver_and_brings_the_terms() -> None:
    session = drive([shows(A, 1)], {A})

    assert (session.status, session.id_token, session.partner_id) == (SessionStatus.ACTIVE, A, "P1")
    terms = session.terms
    assert (terms.token, terms.auth_method, terms.authorization_reference) == (TOKEN, AuthMethod.COMMAND, "R")


def test_a_refused_driver_makes_the_session_invalid_and_nobodys() -> None:
    session = drive([shows(A, 1)], set())

    assert (session.status, session.id_token, session.partner_id) == (SessionStatus.INVALID, A, None)
    assert is_refused(session)


@pytest.mark.parametrize(
    ("facts", "accepted", "driver"),
    [
        ([shows(A, 1), shows(B, 2)], {A, B}, A),
        ([shows(A, 1), shows(B, 2)], {B}, B),
        ([shows(A, 1), shows(B, 2)], {A}, A),
        ([shows(A, 1), shows(B, 2)], set(), A),
        ([shows(A, 1), shows(B, 2), shows(C, 3)], {B, C}, B),
        ([shows(A, 1), shows(B, 2), shows(A, 3)], {A, B}, A),
        ([shows(A, 1), shows(B, 2, at_end=True)], {A, B}, A),
        ([shows(A, 1), shows(B, 2, at_end=True)], {B}, A),
        ([shows(B, 2, at_end=True)], {B}, B),
        ([shows(A, 1), shows(A, 2, at_end=True)], {A}, A),
    ],
)
def test_the_driver_is_the_same_in_whatever_order_the_cards_are_told(
    facts: list[Fact], accepted: set[IdToken], driver: IdToken
) -> None:
    sessions = [drive(list(order), accepted) for order in permutations(facts)]

    assert {session.id_token for session in sessions} == {driver}
    assert len({session.status for session in sessions}) == 1


def test_the_same_card_again_changes_no_terms() -> None:
    assert not takes_over(drive([shows(A, 2)], {A}), shows(A, 1), ACCEPTED, [shows(A, 2), shows(A, 1)])


def test_cards_without_numbers_are_ordered_by_time() -> None:
    early, late = replace(shows(A, 1), seq_no=None), replace(shows(B, 2), seq_no=None)

    assert drive([late, early], {A, B}).id_token == A
    assert drive([early, late], {A, B}).id_token == A


@pytest.mark.parametrize(
    ("status", "card", "expected"),
    [
        (SessionStatus.ACTIVE, A, SessionStatus.COMPLETED),
        (SessionStatus.PENDING, None, SessionStatus.INVALID),
        (SessionStatus.INVALID, A, SessionStatus.INVALID),
        (SessionStatus.COMPLETED, A, SessionStatus.COMPLETED),
    ],
)
def test_the_end_completes_a_session_that_has_an_accepted_driver(
    status: SessionStatus, card: IdToken | None, expected: SessionStatus
) -> None:
    ended = replace(PENDING, status=status, id_token=card, ledger=replace(PENDING.ledger, ended_at=after(9)))

    assert end_session(ended).status is expected
    assert end_session(replace(ended, ledger=PENDING.ledger)).status is status


@pytest.mark.parametrize(
    ("reason", "energy_wh", "expected"), [("DeAuthorized", 0, True), ("DeAuthorized", 1, False), ("Local", 0, False)]
)
def test_a_session_is_void_that_was_deauthorized_before_anything_was_drawn(
    reason: str, energy_wh: int, expected: bool
) -> None:
    ledger = replace(PENDING.ledger, stop_reason=reason, energy_wh=Decimal(energy_wh))

    assert is_void(replace(PENDING, ledger=ledger)) is expected


def test_a_session_without_a_driver_was_refused_to_nobody() -> None:
    assert not is_refused(replace(PENDING, status=SessionStatus.INVALID))
    assert FactKind.ENDED is shows(A, 1, at_end=True).kind
