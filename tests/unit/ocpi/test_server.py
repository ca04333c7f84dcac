"""What holds for every request: who may call, the envelope, the status codes, message ids and routing headers."""

import io
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gateway.domain.partners import PartnerRole, PartnerStatus
from gateway.errors import StoreDownError
from gateway.ocpi.server import Listener, OcpiServer
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import EMSP, PARTNER, PARTNER_TOKEN, STRANGER
from tests.unit.ocpi.conftest import Platform

LOCATIONS = "/ocpi/cpo/2.2.1/locations"
TOKENS = "/ocpi/cpo/2.2.1/tokens"
CREDENTIALS = "/ocpi/cpo/2.2.1/credentials"
TOKEN_URL = f"{TOKENS}/DE/EMP/04A2B3C4D5E6F7"
ROUTED = {
    "OCPI-from-country-code": "de",
    "OCPI-from-party-id": "emp",
    "OCPI-to-country-code": "be",
    "OCPI-to-party-id": "gwb",
}
ROUTING_HEADERS = {name.lower() for name in ROUTED}


def routing(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() in ROUTING_HEADERS}


@pytest.mark.parametrize("path", [LOCATIONS, CREDENTIALS, "/ocpi/versions", "/ocpi/2.2.1", TOKEN_URL])
@pytest.mark.parametrize("token", [None, "nobody's-token"])
async def test_without_a_known_token_everything_is_401(platform: Platform, path: str, token: str | None) -> None:
    answer = await platform.ask("GET", path, token=token)

    assert answer.codes == (401, 2000)
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert "data" not in answer.body


async def test_token_a_opens_versions_and_credentials_only(platform: Platform) -> None:
    _, token_a = await platform.registration.invite("New eMSP", "EMSP")

    assert (await platform.ask("GET", "/ocpi/versions", token=token_a)).codes == (200, 1000)
    assert (await platform.ask("GET", "/ocpi/2.2.1", token=token_a)).codes == (200, 1000)
    assert (await platform.ask("GET", CREDENTIALS, token=token_a)).codes == (200, 1000)
    assert (await platform.ask("GET", LOCATIONS, token=token_a)).codes == (401, 2000)
    assert (await platform.ask("PUT", TOKEN_URL, token=token_a, json={})).codes == (401, 2000)


async def test_the_token_of_an_ended_partner_is_unknown(platform: Platform) -> None:
    await platform.change_partner(replace(PARTNER, status=PartnerStatus.ENDED))

    assert (await platform.ask("GET", LOCATIONS)).codes == (401, 2000)


async def test_a_url_that_nothing_is_served_at_is_404_in_an_envelope(platform: Platform) -> None:
    answer = await platform.ask("GET", "/ocpi/cpo/2.2.1/hubclientinfo")

    assert answer.codes == (404, 2000)
    assert answer.headers["Content-Type"].startswith("application/json")


async def test_a_method_that_a_module_does_not_have_is_405_and_names_those_it_has(platform: Platform) -> None:
    answer = await platform.ask("DELETE", TOKEN_URL)

    assert answer.codes == (405, 2000)
    assert answer.headers["Allow"] == "GET, PATCH, PUT"


@pytest.mark.parametrize("body", [b"", b"{", b"{'uid': 1}", b'{"uid": NaN}', b"\xff\xfe"])
async def test_a_body_that_is_no_json_is_400(platform: Platform, body: bytes) -> None:
    assert (await platform.ask("PUT", TOKEN_URL, data=body)).codes == (400, 2001)


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "{}"])
async def test_json_with_wrong_content_is_200_with_2001(platform: Platform, body: str) -> None:
    assert (await platform.ask("PUT", TOKEN_URL, data=body)).codes == (200, 2001)


async def test_a_body_beyond_the_limit_is_413(platform: Platform) -> None:
    answer = await platform.ask("PUT", TOKEN_URL, data=io.BytesIO(b" " * (1024 * 1024 + 1)))

    assert answer.codes == (413, 2001)


async def test_a_store_that_is_down_is_our_own_failure(platform: Platform) -> None:
    platform.store.failures.append(StoreDownError("disk full at /var/lib/gateway"))

    answer = await platform.ask("PUT", TOKEN_URL, json=token_body())

    assert answer.codes == (200, 3000)
    assert "/var/lib" not in answer.body["status_message"]


async def test_a_defect_is_3000_and_logged_and_the_server_goes_on(platform: Platform) -> None:
    platform.store.failures.append(RuntimeError("a defect"))

    with capture_logs() as logs:
        answer = await platform.ask("PUT", TOKEN_URL, json=token_body())

    assert answer.codes == (200, 3000)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["OCPI request broke"]
    assert (await platform.ask("PUT", TOKEN_URL, json=token_body())).codes == (201, 1000)


async def test_a_refusal_is_in_the_trace_with_its_reason_but_without_token_uid(platform: Platform) -> None:
    await platform.ask("PATCH", TOKEN_URL, json={"valid": False})
    await platform.ask("GET", LOCATIONS, token="wrong")

    (_, kind, text), (_, other_kind, other_text) = platform.trace.events
    assert (kind, other_kind) == ("HTTP 200, OCPI 2001", "HTTP 401, OCPI 2000")
    assert "last_updated" in text
    assert "Emobility Provider" in text
    assert "04A2B3C4D5E6F7" not in text
    assert "unknown caller" in other_text
    assert "wrong" not in other_text


async def test_message_ids_come_back_as_they_were_sent(platform: Platform) -> None:
    ids = {"X-Request-ID": "request-1", "X-Correlation-ID": "correlation-1"}

    for path in (LOCATIONS, "/ocpi/versions", TOKEN_URL, "/ocpi/nowhere"):
        answer = await platform.ask("GET", path, headers=ids)
        assert {name: answer.headers[name] for name in ids} == ids


async def test_message_ids_that_are_missing_or_no_ids_are_made_up(platform: Platform) -> None:
    answer = await platform.ask("GET", LOCATIONS, headers={"X-Request-ID": "x" * 200})

    assert len(answer.headers["X-Request-ID"]) == 36
    assert len(answer.headers["X-Correlation-ID"]) == 36


async def test_routing_headers_come_back_swapped(platform: Platform) -> None:
    answer = await platform.ask("GET", LOCATIONS, headers=ROUTED)

    assert routing(answer.headers) == {
        "ocpi-from-country-code": "BE",
        "ocpi-from-party-id": "GWB",
        "ocpi-to-country-code": "DE",
        "ocpi-to-party-id": "EMP",
    }


@pytest.mark.parametrize(
    ("method", "path", "token", "codes"),
    [
        ("GET", f"{LOCATIONS}/NOWHERE", PARTNER_TOKEN, (404, 2003)),
        ("GET", f"{LOCATIONS}?limit=none", PARTNER_TOKEN, (200, 2001)),
        ("PUT", TOKEN_URL, PARTNER_TOKEN, (400, 2001)),
        ("DELETE", TOKEN_URL, PARTNER_TOKEN, (405, 2000)),
        ("GET", LOCATIONS, "wrong", (401, 2000)),
        ("GET", f"{LOCATIONS}/a/b/c/d", PARTNER_TOKEN, (404, 2000)),
    ],
)
async def test_errors_carry_routing_headers_too(
    platform: Platform, method: str, path: str, token: str, codes: tuple[int, int]
) -> None:
    answer = await platform.ask(method, path, token=token, headers=ROUTED)

    assert answer.codes == codes
    assert routing(answer.headers)["ocpi-from-party-id"] == "GWB"
    assert routing(answer.headers)["ocpi-to-party-id"] == "EMP"


async def test_without_routing_headers_the_first_party_of_each_side_is_meant(platform: Platform) -> None:
    answer = await platform.ask("GET", LOCATIONS)

    assert answer.codes == (200, 1000)
    assert routing(answer.headers) == {
        "ocpi-from-country-code": "NL",
        "ocpi-from-party-id": "GWY",
        "ocpi-to-country-code": "DE",
        "ocpi-to-party-id": "EMP",
    }


@pytest.mark.parametrize("path", ["/ocpi/versions", "/ocpi/2.2.1", CREDENTIALS])
@pytest.mark.parametrize("token", [PARTNER_TOKEN, "wrong"])
async def test_configuration_modules_never_carry_routing_headers(platform: Platform, path: str, token: str) -> None:
    answer = await platform.ask("GET", path, token=token, headers=ROUTED)

    assert routing(answer.headers) == {}


async def test_a_sender_that_is_no_role_of_the_caller_is_refused(platform: Platform) -> None:
    sent = {"OCPI-from-country-code": "FR", "OCPI-from-party-id": "XYZ"}

    assert (await platform.ask("GET", LOCATIONS, headers=sent)).codes == (200, 2001)


async def test_a_hub_may_speak_for_any_sender(platform: Platform) -> None:
    hub = replace(PARTNER, roles=(PartnerRole(party=EMSP, role="HUB", name="Hub"),))
    await platform.change_partner(hub)

    answer = await platform.ask("GET", LOCATIONS, headers={"OCPI-from-country-code": "FR", "OCPI-from-party-id": "XYZ"})

    assert answer.codes == (200, 1000)
    assert routing(answer.headers)["ocpi-to-party-id"] == STRANGER.party_id


async def test_a_receiver_that_is_none_of_our_parties_is_not_here(platform: Platform) -> None:
    answer = await platform.ask("GET", LOCATIONS, headers={"OCPI-to-country-code": "FR", "OCPI-to-party-id": "XYZ"})

    assert answer.codes == (404, 2001)


@pytest.mark.parametrize(
    "sent",
    [
        {"OCPI-from-country-code": "DE"},
        {"OCPI-to-party-id": "GWY"},
        {"OCPI-to-country-code": "NLD", "OCPI-to-party-id": "GWY"},
    ],
)
async def test_half_a_routing_header_is_refused_but_answered_with_whole_ones(
    platform: Platform, sent: dict[str, str]
) -> None:
    answer = await platform.ask("GET", LOCATIONS, headers=sent)

    assert answer.codes == (200, 2001)
    assert set(routing(answer.headers)) == ROUTING_HEADERS


async def test_a_slash_at_the_end_changes_nothing(platform: Platform) -> None:
    for path in ("/ocpi/versions/", "/ocpi/2.2.1/", LOCATIONS + "/", CREDENTIALS + "/", LOCATIONS + "/LOC1/"):
        assert (await platform.ask("GET", path)).codes == (200, 1000)


async def test_versions_and_details_list_absolute_urls_that_are_served(platform: Platform) -> None:
    versions = await platform.ask("GET", "/ocpi/versions")
    details = await platform.ask("GET", "/ocpi/2.2.1")

    assert_valid("versions", versions.body, version="2.3.0")
    assert_valid("version_details", details.body)
    assert versions.data == [
        {"version": number, "url": f"https://cpo.example/ocpi/{number}"} for number in ("2.1.1", "2.2.1", "2.3.0")
    ]
    assert {(entry["identifier"], entry["role"]) for entry in details.data["endpoints"]} == {
        ("credentials", "SENDER"),
        ("locations", "SENDER"),
        ("sessions", "SENDER"),
        ("cdrs", "SENDER"),
        ("tariffs", "SENDER"),
        ("tokens", "RECEIVER"),
        ("commands", "RECEIVER"),
        ("chargingprofiles", "RECEIVER"),
    }
    suffixes = {
        "tokens": "/DE/EMP/1",
        "sessions": "?date_from=2026-01-01T00:00:00Z",
        "commands": "/START_SESSION",
        "chargingprofiles": "/S",
    }
    for entry in details.data["endpoints"]:
        path, module = entry["url"].removeprefix("https://cpo.example"), entry["identifier"]
        answer = await platform.ask("GET", path + suffixes.get(module, ""))
        assert answer.http == {"tokens": 404, "commands": 405}.get(module, 200)


async def test_the_first_use_of_a_new_token_ends_the_old_one(platform: Platform) -> None:
    old = platform.secrets.keyed_hash(b"old-token")
    rotated = replace(PARTNER, old_token_hash=old, old_token_until=platform.clock.now().replace(year=2027))
    await platform.change_partner(rotated)

    assert (await platform.ask("GET", LOCATIONS, token="old-token")).codes == (200, 1000)
    assert (await platform.ask("GET", LOCATIONS)).codes == (200, 1000)
    assert (await platform.ask("GET", LOCATIONS, token="old-token")).codes == (401, 2000)


async def test_an_old_token_ends_with_its_time(platform: Platform) -> None:
    old = platform.secrets.keyed_hash(b"old-token")
    await platform.change_partner(replace(PARTNER, old_token_hash=old, old_token_until=platform.clock.now()))

    assert (await platform.ask("GET", LOCATIONS, token="old-token")).codes == (401, 2000)


async def test_the_server_listens_on_several_ports_and_stops() -> None:
    platform = Platform(PARTNER)
    server = OcpiServer(platform.edge)
    ports = await server.start(Listener("127.0.0.1", 0), Listener("127.0.0.1", 0))

    assert len(set(ports)) == 2
    await server.stop()
    await platform.client.close()


def token_body() -> dict[str, object]:
    return {
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


@pytest.mark.parametrize("role", ["NAP", "NSP"])
async def test_who_shows_charging_places_is_offered_and_given_locations_and_tariffs_alone(
    platform: Platform, role: str
) -> None:
    await platform.change_partner(replace(PARTNER, roles=(PartnerRole(party=EMSP, role=role, name="Guide"),)))

    details = await platform.ask("GET", "/ocpi/2.2.1")

    assert {entry["identifier"] for entry in details.data["endpoints"]} == {"credentials", "locations", "tariffs"}
    assert (await platform.ask("GET", LOCATIONS)).codes == (200, 1000)
    assert (await platform.ask("GET", "/ocpi/cpo/2.2.1/tariffs")).codes == (200, 1000)
    for path in ("sessions?date_from=2026-01-01T00:00:00Z", "cdrs", "tokens/DE/EMP/1"):
        refused = await platform.ask("GET", f"/ocpi/cpo/2.2.1/{path}")
        assert refused.codes == (404, 2001)
        assert routing(refused.headers)["ocpi-to-party-id"] == "EMP"
    assert (await platform.ask("PUT", TOKEN_URL, json=token_body())).codes == (404, 2001)
