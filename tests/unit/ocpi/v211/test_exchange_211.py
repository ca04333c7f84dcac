"""Credentials, endpoints and tokens of OCPI 2.1.1."""

from typing import Any

import orjson
import pytest

from gateway.domain.ids import PartyId
from gateway.domain.partners import Endpoint
from gateway.errors import WireError
from gateway.flows.partner_api import Credentials
from gateway.flows.tokens import token_key
from gateway.ocpi import wire
from gateway.ocpi.v211.credentials import parse_credentials, parse_endpoints, render_credentials, render_endpoint
from gateway.ocpi.v211.tokens import parse_token, parse_token_patch, render_token
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import EMSP, NINE, OWN_ROLE, TOKEN

KEY = token_key("DE", "EMP", "04A2B3C4D5E6F7")
BODY: dict[str, Any] = {
    "uid": "04A2B3C4D5E6F7",
    "type": "RFID",
    "auth_id": "DE-EMP-C12345678-X",
    "issuer": "Emobility Provider",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-03-01T09:00:00Z",
}
THEIRS: dict[str, Any] = {
    "token": "their-token",
    "url": "https://emsp.example/ocpi/versions",
    "business_details": {"name": "Emobility Provider", "website": "https://emsp.example"},
    "party_id": "EMP",
    "country_code": "DE",
}


def test_our_credentials_are_flat_and_valid() -> None:
    ours = Credentials(token="a-token", url="https://cpo.example/ocpi/versions", roles=(OWN_ROLE,))

    body = render_credentials(ours)

    assert_valid("credentials", body, version="2.1.1")
    assert (body["country_code"], body["party_id"], body["business_details"]["name"]) == (
        "NL",
        "GWY",
        "Gateway Charging",
    )


def test_a_peer_names_its_one_party_and_no_role() -> None:
    theirs = parse_credentials(THEIRS)

    assert (theirs.token, theirs.url) == ("their-token", "https://emsp.example/ocpi/versions")
    assert [(role.party, role.role, role.name) for role in theirs.roles] == [(EMSP, "", "Emobility Provider")]


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_credentials_without_a_required_member_are_refused(name: str) -> None:
    with pytest.raises(WireError, match=name):
        parse_credentials({key: value for key, value in THEIRS.items() if key != name})


def test_endpoints_have_no_role_on_the_wire_and_the_obvious_one_with_us() -> None:
    read = parse_endpoints(
        {
            "version": "2.1.1",
            "endpoints": [
                {"identifier": "tokens", "url": "https://emsp.example/tokens"},
                {"identifier": "cdrs", "url": "https://emsp.example/cdrs"},
                {"identifier": "sessions", "url": "no address"},
            ],
        }
    )

    assert [(one.identifier, one.role) for one in read] == [("tokens", "SENDER"), ("cdrs", "RECEIVER")]
    ours = Endpoint(identifier="cdrs", role="SENDER", url="https://cpo.example/cdrs")
    assert render_endpoint(ours) == {"identifier": "cdrs", "url": "https://cpo.example/cdrs"}


def test_a_token_is_of_the_party_in_the_url() -> None:
    token = parse_token(BODY, KEY, "P1")

    assert (token.party, token.contract_id) == (PartyId(country_code="DE", party_id="EMP"), "DE-EMP-C12345678-X")
    assert token == TOKEN
    body = orjson.loads(wire.dump_json(render_token(token)))
    assert_valid("token", body, version="2.1.1")
    assert body == BODY


def test_a_patch_need_not_tell_its_time() -> None:
    patch = parse_token_patch({"valid": False, "auth_id": "NEW", "uid": "04A2"})

    assert (patch.last_updated, dict(patch.changes)) == (None, {"valid": False, "contract_id": "NEW"})
    assert dict(patch.identity) == {"uid": "04A2"}
    assert parse_token_patch({"last_updated": "2026-03-01T09:00:00Z"}).last_updated == NINE


@pytest.mark.parametrize("change", [{"type": "APP_USER"}, {"valid": "yes"}, {"auth_id": "X" * 37}])
def test_a_token_that_breaks_the_version_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        parse_token(BODY | change, KEY, "P1")
