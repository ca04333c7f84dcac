"""A station is named a card by its uid, and anything else by what it cannot mistake for a card."""

from datetime import UTC, datetime

import pytest

from gateway.core.aliases import alias_of, id_token_of
from gateway.domain.calls import PLAIN_TOKENS, IdTokenRules
from gateway.domain.ids import PartyId
from gateway.domain.tokens import IdToken, Token, Whitelist

TYPED = IdTokenRules(longest=36, types={"RFID": "ISO14443", "EMAID": "eMAID", "OTHER": "Central"})
LONG = "0123456789ABCDEF01234"


def token(uid: str, type_: str) -> Token:
    return Token(
        partner_id="p",
        party=PartyId(country_code="NL", party_id="MSP"),
        uid=uid,
        type=type_,
        contract_id="C",
        issuer="I",
        valid=True,
        whitelist=Whitelist.NEVER,
        last_updated=datetime(2026, 3, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("uid", "type_", "rules", "named"),
    [
        ("04AA", "RFID", PLAIN_TOKENS, IdToken(value="04AA")),
        (LONG, "RFID", PLAIN_TOKENS, IdToken(value="ALIAS")),
        ("04AA", "APP_USER", PLAIN_TOKENS, IdToken(value="ALIAS")),
        ("04AA", "RFID", TYPED, IdToken(value="04AA", type="ISO14443")),
        (LONG, "APP_USER", TYPED, IdToken(value=LONG, type="Central")),
        ("NLMSPC1", "EMAID", TYPED, IdToken(value="NLMSPC1", type="eMAID")),
        ("x" * 37, "AD_HOC_USER", TYPED, IdToken(value="ALIAS", type="Central")),
    ],
)
def test_how_a_token_is_named(uid: str, type_: str, rules: IdTokenRules, named: IdToken) -> None:
    assert id_token_of(token(uid, type_), rules, "ALIAS") == named


def test_an_alias_is_short_and_made_of_letters_and_digits() -> None:
    assert alias_of("0b5c1e4e-6a0e-4d0f-9d57-7a1f00c0ffee") == "0B5C1E4E6A0E4D0F9D57"
