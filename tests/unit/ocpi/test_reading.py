"""What partners may add without being refused: members and values that came, or will come, with other versions."""

from typing import Any

import pytest

from gateway.flows.tokens import token_key
from gateway.ocpi.versions import VERSIONS
from tests.fakes.ocpi_samples import EMSP

MORE: dict[str, Any] = {"x_of_a_partner": {"deep": [1]}, "of_a_later_version": "text"}
TOKEN = {
    "country_code": "DE",
    "party_id": "EMP",
    "uid": "04A2",
    "type": "RFID",
    "contract_id": "DE-EMP-C1",
    "auth_id": "DE-EMP-C1",
    "issuer": "EMP",
    "valid": True,
    "whitelist": "ALWAYS",
    "last_updated": "2026-03-01T09:00:00Z",
}
BUSINESS = {"name": "Emobility Provider", **MORE}
CREDENTIALS = {
    "token": "their-token",
    "url": "https://emsp.example/ocpi/versions",
    "business_details": BUSINESS,
    "party_id": "EMP",
    "country_code": "DE",
    "roles": [
        {"role": "EMSP", "business_details": BUSINESS, "party_id": "EMP", "country_code": "DE", **MORE},
        {"role": "A_ROLE_TO_COME", "business_details": BUSINESS, "party_id": "EMP", "country_code": "DE"},
    ],
}
KEY = token_key("DE", "EMP", "04A2", "RFID")


@pytest.mark.parametrize("number", list(VERSIONS))
def test_members_that_nobody_knows_are_ignored_in_every_version(number: str) -> None:
    version = VERSIONS[number]

    assert version.parse_token({**TOKEN, **MORE}, KEY, "P1").contract_id == "DE-EMP-C1"
    assert version.parse_token_patch({"valid": False, "last_updated": TOKEN["last_updated"], **MORE}).changes == {
        "valid": False
    }
    assert version.parse_authorization({"allowed": "BLOCKED", "token": None, **MORE}, "P1").allowed == "BLOCKED"
    assert version.parse_credentials({**CREDENTIALS, **MORE}).roles[0].party == EMSP


@pytest.mark.parametrize("number", list(VERSIONS))
def test_modules_and_roles_that_nobody_knows_do_no_harm(number: str) -> None:
    """OCPI 2.3.0 types OpenEnum; a module of another version is simply not used."""
    entry = {"role": "SENDER", "url": "https://emsp.example/x"}
    details = {
        "version": number,
        "endpoints": [{**entry, "identifier": "payments"}, {**entry, "identifier": "tokens", **MORE}],
    }

    endpoints = VERSIONS[number].parse_endpoints(details)

    assert [endpoint.identifier for endpoint in endpoints] == ["payments", "tokens"]
    assert VERSIONS[number].parse_credentials(CREDENTIALS).roles[0].party == EMSP
