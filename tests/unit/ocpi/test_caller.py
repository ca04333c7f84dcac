import base64

import pytest

from gateway.errors import UnauthorizedError
from gateway.flows.partner_book import Admission, PartnerBook
from gateway.ocpi.caller import authorization_header, identify
from tests.fakes.ocpi_samples import PARTNER, PARTNER_TOKEN
from tests.fakes.ocpi_store import NOON, FakeSecrets

BOOK = PartnerBook([PARTNER])


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        f"Token {encoded(PARTNER_TOKEN)}",
        f"token  {encoded(PARTNER_TOKEN)} ",
        f"TOKEN {encoded(PARTNER_TOKEN).rstrip('=')}",
        f"Token {encoded(PARTNER_TOKEN + chr(10))}",
        f"Token {PARTNER_TOKEN}",
    ],
)
def test_a_token_is_known_encoded_as_the_specification_says_and_as_peers_do(header: str) -> None:
    caller = identify(header, BOOK, FakeSecrets(), NOON)

    assert (caller.partner, caller.admission, caller.token) == (PARTNER, Admission.CURRENT, PARTNER_TOKEN)
    assert caller.may_use_modules


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Token",
        "Token ",
        f"Bearer {PARTNER_TOKEN}",
        f"Token {PARTNER_TOKEN} {PARTNER_TOKEN}",
        f"Token {encoded(PARTNER_TOKEN.upper())}",
        f"Token {PARTNER_TOKEN[:-1]}",
        "Token " + "A" * 600,
        "Token ÿþ",
        f"Token {base64.b64encode(bytes([0xFF, 0xFE])).decode()}",
    ],
)
def test_anything_else_is_unauthorized(header: str | None) -> None:
    with pytest.raises(UnauthorizedError):
        identify(header, BOOK, FakeSecrets(), NOON)


def test_we_encode_unless_a_partner_does_not_decode() -> None:
    assert authorization_header("a-token", raw=False) == "Token YS10b2tlbg=="
    assert authorization_header("a-token", raw=True) == "Token a-token"
