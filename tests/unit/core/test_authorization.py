from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.core.authorization import decide_authorization
from gateway.domain.ids import PartyId
from gateway.domain.tokens import AuthStatus, IdToken, LocalStatus, LocalToken, Token, Whitelist

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


def test_a_local_token_beats_an_emsps() -> None:
    decision = decide_authorization(CARD, LOCAL, [TOKEN])

    assert decision.status is AuthStatus.ACCEPTED
    assert decision.token is None


@pytest.mark.parametrize(
    ("local", "status"), [(LocalStatus.BLOCKED, AuthStatus.BLOCKED), (LocalStatus.EXPIRED, AuthStatus.EXPIRED)]
)
def test_a_local_refusal_stands(local: LocalStatus, status: AuthStatus) -> None:
    assert decide_authorization(CARD, replace(LOCAL, status=local), [TOKEN]).status is status


def test_a_valid_token_of_one_emsp_is_accepted_with_its_group() -> None:
    decision = decide_authorization(CARD, None, [TOKEN])

    assert decision.status is AuthStatus.ACCEPTED
    assert decision.token == TOKEN
    assert decision.group_id == "G1"


def test_an_unknown_token_is_refused() -> None:
    assert decide_authorization(CARD, None, []).status is AuthStatus.UNKNOWN


def test_an_invalid_token_is_blocked() -> None:
    assert decide_authorization(CARD, None, [replace(TOKEN, valid=False)]).status is AuthStatus.BLOCKED


def test_a_token_that_needs_its_emsp_each_time_is_refused_without_it() -> None:
    decision = decide_authorization(CARD, None, [replace(TOKEN, whitelist=Whitelist.NEVER)])

    assert decision.status is AuthStatus.INVALID
    assert decision.token is None


def test_two_valid_tokens_of_two_emsps_are_refused_until_one_is_preferred() -> None:
    preference = LocalToken(uid="04AABBCC", last_updated=THEN, preferred_partner_id="P2")

    assert decide_authorization(CARD, None, [TOKEN, OTHER]).status is AuthStatus.AMBIGUOUS
    assert decide_authorization(CARD, preference, [TOKEN, OTHER]).token == OTHER


def test_an_invalid_twin_makes_nothing_ambiguous() -> None:
    assert decide_authorization(CARD, None, [TOKEN, replace(OTHER, valid=False)]).token == TOKEN


def test_a_swiped_card_is_not_an_app_user() -> None:
    assert decide_authorization(CARD, None, [replace(TOKEN, type="APP_USER")]).status is AuthStatus.UNKNOWN
    central = IdToken(value="04AABBCC", type="Central")
    assert decide_authorization(central, None, [replace(TOKEN, type="APP_USER")]).status is AuthStatus.ACCEPTED


def test_a_key_code_is_nobodys_roaming_token() -> None:
    assert decide_authorization(IdToken(value="04AABBCC", type="KeyCode"), None, [TOKEN]).status is AuthStatus.UNKNOWN


def test_two_emsps_behind_one_hub_are_told_apart_too() -> None:
    behind_the_hub = replace(OTHER, partner_id=TOKEN.partner_id)

    decision = decide_authorization(CARD, None, [TOKEN, behind_the_hub])

    assert decision.status is AuthStatus.AMBIGUOUS
    assert "one hub" in decision.reason


def test_two_kinds_of_token_of_one_emsp_with_one_uid_are_one_driver() -> None:
    decision = decide_authorization(CARD, None, [replace(TOKEN, type="OTHER"), TOKEN])

    assert decision.token == TOKEN


def test_a_preferred_emsp_whose_token_is_invalid_leaves_the_other() -> None:
    preference = LocalToken(uid="04AABBCC", last_updated=THEN, preferred_partner_id="P2")

    assert decide_authorization(CARD, preference, [TOKEN, replace(OTHER, valid=False)]).token == TOKEN
