"""Tokens over HTTP: what an eMSP pushes to us."""

from typing import Any

import pytest

from tests.contract_schemas import assert_valid
from tests.unit.ocpi.conftest import Platform

URL = "/ocpi/cpo/2.2.1/tokens/DE/EMP/04A2B3C4D5E6F7"
BODY: dict[str, Any] = {
    "country_code": "DE",
    "party_id": "EMP",
    "uid": "04A2B3C4D5E6F7",
    "type": "RFID",
    "contract_id": "DE-EMP-C12345678-X",
    "issuer": "Emobility Provider",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-03-01T09:00:00Z",
}


async def test_a_new_token_is_201_and_an_update_200(platform: Platform) -> None:
    created = await platform.ask("PUT", URL, json=BODY)
    updated = await platform.ask("PUT", URL, json=BODY | {"valid": False, "last_updated": "2026-03-01T10:00:00Z"})

    assert (created.codes, updated.codes) == ((201, 1000), (200, 1000))
    assert "data" not in created.body
    assert (await platform.ask("GET", URL)).data["valid"] is False


async def test_a_token_is_read_back_as_it_was_pushed(platform: Platform) -> None:
    await platform.ask("PUT", URL, json=BODY)

    answer = await platform.ask("GET", "/ocpi/cpo/2.2.1/tokens/de/emp/04a2b3c4d5e6f7?type=RFID")

    assert_valid("op:receiverGetToken", answer.body)
    assert answer.data == BODY


async def test_the_same_uid_of_another_type_is_another_token(platform: Platform) -> None:
    await platform.ask("PUT", URL, json=BODY)
    app = await platform.ask("PUT", f"{URL}?type=APP_USER", json=BODY | {"type": "APP_USER", "issuer": "App"})

    assert app.codes == (201, 1000)
    assert (await platform.ask("GET", URL)).data["issuer"] == "Emobility Provider"
    assert (await platform.ask("GET", f"{URL}?type=APP_USER")).data["issuer"] == "App"


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ("", {"uid": "ANOTHER"}),
        ("", {"party_id": "XYZ"}),
        ("", {"country_code": "FR"}),
        ("?type=APP_USER", {}),
        ("?type=%27", {}),
    ],
)
async def test_a_body_that_differs_from_the_url_is_2001(platform: Platform, query: str, change: dict[str, Any]) -> None:
    assert (await platform.ask("PUT", URL + query, json=BODY | change)).codes == (200, 2001)


async def test_a_party_that_is_not_the_callers_is_404(platform: Platform) -> None:
    url = "/ocpi/cpo/2.2.1/tokens/FR/XYZ/04A2"
    body = BODY | {"country_code": "FR", "party_id": "XYZ", "uid": "04A2"}

    assert (await platform.ask("PUT", url, json=body)).codes == (404, 2001)
    assert (await platform.ask("GET", url)).codes == (404, 2001)
    assert (await platform.ask("PATCH", url, json={"last_updated": BODY["last_updated"]})).codes == (404, 2001)


async def test_a_missing_token_is_404(platform: Platform) -> None:
    patch = {"valid": False, "last_updated": "2026-03-01T10:00:00Z"}

    assert (await platform.ask("GET", URL)).codes == (404, 2000)
    assert (await platform.ask("PATCH", URL, json=patch)).codes == (404, 2000)


async def test_a_patch_changes_a_token(platform: Platform) -> None:
    await platform.ask("PUT", URL, json=BODY)

    answer = await platform.ask("PATCH", URL, json={"valid": False, "last_updated": "2026-03-01T10:00:00Z"})

    assert answer.codes == (200, 1000)
    changed = BODY | {"valid": False, "last_updated": "2026-03-01T10:00:00Z"}
    assert (await platform.ask("GET", URL)).data == changed


async def test_a_patch_without_last_updated_is_2001(platform: Platform) -> None:
    await platform.ask("PUT", URL, json=BODY)

    answer = await platform.ask("PATCH", URL, json={"valid": False})

    assert answer.codes == (200, 2001)
    assert "last_updated" in answer.body["status_message"]
