from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.core.authorization import decide_authorization, decide_by_answer
from gateway.domain.ids import PartyId
from gateway.domain.tokens import (
    Allowed,
    AuthMethod,
    Authorization,
    AuthStatus,
    IdToken,
    LocalStatus,
    LocalToken,
    LocationReferences,
    Question,
    Token,
    TokenAnswer,
    Whitelist,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)
CARD = IdToken(value="04AABBCC")
TOKEN = Token(
    partner_id="P1",
    party=PartyId(country_code="NL", party_id="EMS"),
    uid="04AABBCC",
    type="RFID",
    contract_id="NL-EMS-C1",
    issuer="EMS",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=THEN,
    group_id="G1",
)
OTHER = replace(TOKEN, partner_id="P2", party=PartyId(country_code="BE", party_id="BEM"))
LOCAL = LocalToken(uid="04AABBCC", last_updated=THEN, status=LocalStatus.ACCEPTED)


def decided(id_token: IdToken, local: LocalToken | None, tokens: list[Token]) -> Authorization:
    """The decision where nobody has to be asked, else what holds without."""
    verdict = decide_authorization(id_token, local, tokens)
    return verdict.fallback if isinstance(verdict, Question) else verdict


def test_a_local_token_beats_an_emsps() -> None:
    decision = decided(CARD, LOCAL, [TOKEN])

    assert decision.status is AuthStatus.ACCEPTED
    assert decision.token is None


@pytest.mark.parametrize(
    ("local", "status"), [(LocalStatus.BLOCKED, AuthStatus.BLOCKED), (LocalStatus.EXPIRED, AuthStatus.EXPIRED)]
)
def test_a_local_refusal_stands(local: LocalStatus, status: AuthStatus) -> None:
    assert decided(CARD, replace(LOCAL, status=local), [TOKEN]).status is status


def test_a_valid_token_of_one_emsp_is_accepted_with_its_group() -> None:
    decision = decided(CARD, None, [TOKEN])

    assert decision.status is AuthStatus.ACCEPTED
    assert decision.token == TOKEN
    assert decision.group_id == "G1"


def test_an_unknown_card_is_a_question_to_any_emsp() -> None:
    question = decide_authorization(CARD, None, [])

    assert isinstance(question, Question)
    assert (question.uid, question.type, question.token, question.issuer) == ("04AABBCC", "RFID", None, None)
    assert question.fallback.status is AuthStatus.UNKNOWN


@pytest.mark.parametrize("contract", ["DEEMSC12345678X", "de-ems-C12345678-X", "DE*EMS*C12345678"])
def test_an_unknown_contract_is_a_question_to_its_issuer(contract: str) -> None:
    question = decide_authorization(IdToken(value=contract, type="eMAID"), None, [])

    assert isinstance(question, Question)
    assert (question.type, str(question.issuer)) == ("EMAID", "DE*EMS")


@pytest.mark.parametrize(
    "id_token",
    [
        IdToken(value="123", type="eMAID"),
        IdToken(value="04AABBCC", type="KeyCode"),
        IdToken(value="04AABBCC", type="Central"),
        IdToken(value="", type="NoAuthorization"),
        IdToken(value="X" * 37),
        IdToken(value="04ÄÖ"),
    ],
)
def test_what_no_emsp_could_know_is_refused_unasked(id_token: IdToken) -> None:
    assert decided(id_token, None, []).status is AuthStatus.UNKNOWN


def test_an_invalid_token_is_blocked() -> None:
    assert decided(CARD, None, [replace(TOKEN, valid=False)]).status is AuthStatus.BLOCKED


@pytest.mark.parametrize(
    ("whitelist", "valid", "fallback"),
    [
        (Whitelist.NEVER, True, AuthStatus.INVALID),
        (Whitelist.NEVER, False, AuthStatus.INVALID),
        (Whitelist.ALLOWED_OFFLINE, True, AuthStatus.ACCEPTED),
        (Whitelist.ALLOWED_OFFLINE, False, AuthStatus.BLOCKED),
    ],
)
def test_an_emsp_that_must_be_asked_is_also_about_a_token_it_marked_invalid(
    whitelist: Whitelist, valid: bool, fallback: AuthStatus
) -> None:
    token = replace(TOKEN, whitelist=whitelist, valid=valid)

    question = decide_authorization(CARD, None, [token])

    assert isinstance(question, Question)
    assert question.token == token
    assert (question.fallback.status, question.fallback.token) == (
        fallback,
        token if fallback is AuthStatus.ACCEPTED else None,
    )


@pytest.mark.parametrize("whitelist", [Whitelist.ALWAYS, Whitelist.ALLOWED])
def test_no_emsp_is_asked_about_a_token_that_we_may_decide_on(whitelist: Whitelist) -> None:
    assert decided(CARD, None, [replace(TOKEN, whitelist=whitelist)]).auth_method is AuthMethod.WHITELIST
    assert decided(CARD, None, [replace(TOKEN, whitelist=whitelist, valid=False)]).status is AuthStatus.BLOCKED


def test_a_local_refusal_is_not_asked_about() -> None:
    blocked = replace(LOCAL, status=LocalStatus.BLOCKED)

    assert decided(CARD, blocked, [replace(TOKEN, whitelist=Whitelist.NEVER)]).status is AuthStatus.BLOCKED


def test_a_valid_token_counts_before_an_invalid_one_that_is_asked_about() -> None:
    asked = replace(OTHER, valid=False, whitelist=Whitelist.NEVER)

    assert decided(CARD, None, [TOKEN, asked]).token == TOKEN


def test_two_emsps_that_must_be_asked_are_told_apart_by_the_operator_only() -> None:
    asked = [replace(token, whitelist=Whitelist.NEVER) for token in (TOKEN, OTHER)]
    preference = LocalToken(uid="04AABBCC", last_updated=THEN, preferred_partner_id="P2")

    assert decided(CARD, None, asked).status is AuthStatus.AMBIGUOUS
    question = decide_authorization(CARD, preference, asked)
    assert isinstance(question, Question)
    assert question.token == asked[1]


# --- answers

NEVER = replace(TOKEN, whitelist=Whitelist.NEVER)
ALLOWED = TokenAnswer(allowed=Allowed.ALLOWED, token=NEVER, authorization_reference="R1")


def asked(token: Token | None = NEVER) -> Question:
    fallback = Authorization(status=AuthStatus.INVALID, reason="test")
    return Question(uid="04AABBCC", type="RFID", fallback=fallback, token=token)


def test_an_answer_is_an_authorization_with_its_reference() -> None:
    decision = decide_by_answer(asked(), ALLOWED, evse_uid="E1", owner="EMS")

    assert (decision.status, decision.auth_method) == (AuthStatus.ACCEPTED, AuthMethod.AUTH_REQUEST)
    assert (decision.token, decision.authorization_reference, decision.group_id) == (NEVER, "R1", "G1")


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        (Allowed.BLOCKED, AuthStatus.BLOCKED),
        (Allowed.EXPIRED, AuthStatus.EXPIRED),
        (Allowed.NO_CREDIT, AuthStatus.NO_CREDIT),
        (Allowed.NOT_ALLOWED, AuthStatus.NOT_ALLOWED),
    ],
)
def test_a_refusal_is_told_as_it_is(allowed: Allowed, status: AuthStatus) -> None:
    decision = decide_by_answer(asked(), replace(ALLOWED, allowed=allowed), evse_uid="E1", owner="EMS")

    assert (decision.status, decision.token) == (status, None)


def test_an_emsp_that_does_not_know_the_token_makes_it_unknown() -> None:
    assert decide_by_answer(asked(), None, evse_uid=None, owner="EMS").status is AuthStatus.UNKNOWN


def test_the_known_token_stands_in_where_the_answer_has_none() -> None:
    bare = replace(ALLOWED, token=None)

    assert decide_by_answer(asked(), bare, evse_uid=None, owner="EMS").token == NEVER
    assert decide_by_answer(asked(None), bare, evse_uid=None, owner="EMS").status is AuthStatus.INVALID


@pytest.mark.parametrize(
    ("evse_uids", "evse_uid", "status"),
    [
        (("E1", "E2"), "e1", AuthStatus.ACCEPTED),
        (("E2",), "E1", AuthStatus.NOT_ALLOWED),
        ((), "E1", AuthStatus.ACCEPTED),
        (("E2",), None, AuthStatus.ACCEPTED),
    ],
)
def test_a_token_is_allowed_at_the_evses_of_the_answer(
    evse_uids: tuple[str, ...], evse_uid: str | None, status: AuthStatus
) -> None:
    answer = replace(ALLOWED, place=LocationReferences(location_id="L", evse_uids=evse_uids))

    assert decide_by_answer(asked(), answer, evse_uid=evse_uid, owner="EMS").status is status


def test_two_valid_tokens_of_two_emsps_are_refused_until_one_is_preferred() -> None:
    preference = LocalToken(uid="04AABBCC", last_updated=THEN, preferred_partner_id="P2")

    assert decided(CARD, None, [TOKEN, OTHER]).status is AuthStatus.AMBIGUOUS
    assert decided(CARD, preference, [TOKEN, OTHER]).token == OTHER


def test_an_invalid_twin_makes_nothing_ambiguous() -> None:
    assert decided(CARD, None, [TOKEN, replace(OTHER, valid=False)]).token == TOKEN


def test_a_swiped_card_is_not_an_app_user() -> None:
    assert decided(CARD, None, [replace(TOKEN, type="APP_USER")]).status is AuthStatus.UNKNOWN
    central = IdToken(value="04AABBCC", type="Central")
    assert decided(central, None, [replace(TOKEN, type="APP_USER")]).status is AuthStatus.ACCEPTED


def test_a_key_code_is_nobodys_roaming_token() -> None:
    assert decided(IdToken(value="04AABBCC", type="KeyCode"), None, [TOKEN]).status is AuthStatus.UNKNOWN


def test_two_emsps_behind_one_hub_are_told_apart_too() -> None:
    behind_the_hub = replace(OTHER, partner_id=TOKEN.partner_id)

    decision = decided(CARD, None, [TOKEN, behind_the_hub])

    assert decision.status is AuthStatus.AMBIGUOUS
    assert "one hub" in decision.reason


def test_two_kinds_of_token_of_one_emsp_with_one_uid_are_one_driver() -> None:
    decision = decided(CARD, None, [replace(TOKEN, type="OTHER"), TOKEN])

    assert decision.token == TOKEN


def test_a_preferred_emsp_whose_token_is_invalid_leaves_the_other() -> None:
    preference = LocalToken(uid="04AABBCC", last_updated=THEN, preferred_partner_id="P2")

    assert decided(CARD, preference, [TOKEN, replace(OTHER, valid=False)]).token == TOKEN
