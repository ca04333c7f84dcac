from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.partners import Endpoint
from gateway.errors import WireError
from gateway.flows.partner_api import Credentials
from gateway.ocpi.v221.credentials import parse_credentials, parse_endpoints, render_credentials
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import EMSP, OWN_ROLE

ROLE = {
    "role": "EMSP",
    "business_details": {"name": "Emobility Provider", "website": "https://emsp.example"},
    "party_id": "emp",
    "country_code": "de",
}
BODY = {"token": "their-token", "url": "https://emsp.example/ocpi/versions", "roles": [ROLE]}


def test_our_credentials_are_valid() -> None:
    ours = Credentials(token="a-token", url="https://cpo.example/ocpi/versions", roles=(OWN_ROLE,))

    assert_valid("credentials", render_credentials(ours))


def test_a_partners_credentials_are_read() -> None:
    theirs = parse_credentials(BODY)

    assert (theirs.token, theirs.url) == ("their-token", "https://emsp.example/ocpi/versions")
    assert [(role.role, role.party, role.name) for role in theirs.roles] == [("EMSP", EMSP, "Emobility Provider")]
    assert render_credentials(theirs)["roles"][0]["business_details"] == ROLE["business_details"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"token": "t" * 65}, "$.token"),
        ({"token": "two words"}, "$.token"),
        ({"token": ""}, "$.token"),
        ({"url": "emsp.example/versions"}, "$.url"),
        ({"url": "ftp://emsp.example/versions"}, "$.url"),
        ({"roles": []}, "$.roles"),
        ({"roles": [ROLE, ROLE]}, "$.roles"),
        ({"roles": [ROLE | {"party_id": "TOOLONG"}]}, "$.roles[0].party_id"),
        ({"roles": [ROLE | {"business_details": {}}]}, "$.roles[0].business_details.name"),
    ],
)
def test_credentials_that_break_the_specification_name_the_member(change: dict[str, Any], path: str) -> None:
    with pytest.raises(WireError) as error:
        parse_credentials(BODY | change)

    assert error.value.path == path


def test_an_endpoint_that_cannot_be_read_is_left_out_and_the_others_count() -> None:
    with capture_logs() as logs:
        endpoints = parse_endpoints(
            {
                "version": "2.2.1",
                "endpoints": [
                    {"identifier": "credentials", "url": "https://emsp.example/c"},
                    {"identifier": "tokens", "role": "sender", "url": "https://emsp.example/t"},
                    {"identifier": "cdrs", "role": "RECEIVER"},
                    "nonsense",
                ],
            }
        )

    assert endpoints == [
        Endpoint(identifier="credentials", role="SENDER", url="https://emsp.example/c"),
        Endpoint(identifier="tokens", role="SENDER", url="https://emsp.example/t"),
    ]
    assert [entry["event"] for entry in logs] == ["partner endpoint ignored"] * 2


@pytest.mark.parametrize("body", [None, [], {}, {"endpoints": {}}])
def test_details_without_a_list_of_endpoints_are_refused(body: Any) -> None:
    with pytest.raises(WireError):
        parse_endpoints(body)
