"""What goes around each answer of OCPI: envelopes, headers, routes, addresses, and garbage."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from tests.contract_schemas import assert_valid
from tests.e2e.house import House
from tests.e2e.wire import (
    ROUTING,
    Platform,
    encode,
    next_link,
    now,
    parse,
    put_sites,
    registered,
    send,
)

SINCE = "date_from=2020-01-01T00:00:00Z"
LISTS = ("locations", f"sessions?{SINCE}", "cdrs", "tariffs")
OPERATIONS = {
    "locations": "op:senderGetLocations",
    f"sessions?{SINCE}": "op:senderGetSessions",
    "cdrs": "op:senderGetCdrs",
    "tariffs": "op:senderGetTariffs",
}


@pytest.fixture
async def emsp(house: House) -> AsyncIterator[Platform]:
    async with registered(house) as platform:
        yield platform


# --- envelopes and headers


@pytest.mark.parametrize("path", LISTS)
async def test_an_empty_list_is_a_list_with_all_its_headers(emsp: Platform, path: str) -> None:
    answer = await emsp.get(path)

    assert answer.codes == (200, 1000)
    assert answer.data == []
    assert answer.headers["Content-Type"].startswith("application/json")
    assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ("0", "100")
    assert "Link" not in answer.headers
    assert_valid(OPERATIONS[path], answer.body)


async def test_timestamps_are_now_and_fit_their_field(emsp: Platform) -> None:
    for path in ("locations", "locations/NONE"):
        text = (await emsp.get(path)).body["timestamp"]
        assert text.endswith("Z")
        assert len(text) <= 25
        assert abs(parse(text) - now()) < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "locations", {}),
        ("GET", "locations/NONE", {}),
        ("GET", "sessions", {}),
        ("GET", "nothing/here", {}),
        ("POST", "locations", {}),
        ("PUT", "tokens/DE/EMP/1", {"raw": b"{"}),
        ("GET", "cdrs", {"token": "wrong"}),
        ("GET", "credentials", {"token": "wrong"}),
    ],
)
async def test_the_message_ids_come_back_whatever_happens(
    emsp: Platform, method: str, path: str, options: dict[str, Any]
) -> None:
    ids = {"X-Request-ID": "request-1", "X-Correlation-ID": "correlation-1"}

    answer = await emsp.ask(method, path, headers=ids, **options)

    assert {name: answer.headers[name] for name in ids} == ids
    assert answer.body["status_code"]


async def test_a_request_without_message_ids_is_served(house: House, emsp: Platform) -> None:
    headers = {"Authorization": f"Token {encode(emsp.token)}"}
    async with aiohttp.ClientSession() as session, session.get(emsp.url("locations"), headers=headers) as response:
        assert response.status == 200
        assert response.headers["X-Request-ID"]
        assert response.headers["X-Correlation-ID"]


@pytest.mark.parametrize("header", ["token {raw}", "Token {raw}", "TOKEN {base64}", "Token {line_feed}"])
async def test_the_token_is_understood_in_the_spellings_of_the_field(emsp: Platform, header: str) -> None:
    text = header.format(raw=emsp.token, base64=encode(emsp.token), line_feed=encode(emsp.token + "\n"))

    answer = await send("GET", emsp.url("locations"), headers={"Authorization": text})

    assert answer.codes == (200, 1000)


@pytest.mark.parametrize("header", ["", "Token", "Token ", "Basic dTpw", "Bearer x", "Token " + "A" * 5000])
async def test_other_authorization_headers_are_401(emsp: Platform, header: str) -> None:
    answer = await send("GET", emsp.url("locations"), headers={"Authorization": header})

    assert answer.codes == (401, 2000)


# --- routing


FROM_US = dict(zip(ROUTING, ("NL", "GWY", "DE", "EMP"), strict=True))
SWAPPED = dict(zip(ROUTING, ("DE", "EMP", "NL", "GWY"), strict=True))


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "locations", {}, 200),
        ("GET", f"sessions?{SINCE}", {}, 200),
        ("GET", "sessions", {}, 200),
        ("GET", "cdrs?limit=many", {}, 200),
        ("GET", "locations/NONE", {}, 404),
        ("PUT", "tokens/DE/EMP/1", {"raw": b"{"}, 400),
        ("PUT", "tokens/DE/EMP/1", {"raw": b"{}"}, 200),
        ("GET", "tokens/DE/EMP/1", {}, 404),
        ("PUT", "tokens/DE/XXX/1", {"raw": b"{}"}, 200),
        ("POST", "locations", {}, 405),
        ("GET", "cdrs", {"token": "wrong"}, 401),
    ],
)
async def test_answers_are_routed_back_also_when_they_are_errors(
    emsp: Platform, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = await emsp.ask(method, path, headers=FROM_US, **options)

    assert answer.status == status
    assert answer.routing == SWAPPED


async def test_a_single_party_may_leave_routing_headers_out(emsp: Platform) -> None:
    assert (await emsp.get("locations")).routing == SWAPPED


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**FROM_US, "OCPI-from-party-id": "XXX"}, 200),
        ({**FROM_US, "OCPI-to-party-id": "XXX"}, 404),
        ({"OCPI-to-country-code": "NL"}, 200),
        ({**FROM_US, "OCPI-to-party-id": "TOOLONG"}, 200),
    ],
)
async def test_a_route_that_leads_nowhere_is_refused(emsp: Platform, headers: dict[str, str], status: int) -> None:
    answer = await emsp.get("locations", headers=headers)

    assert answer.codes == (status, 2001)
    assert "OCPI-" in answer.message
    assert set(answer.routing) == set(ROUTING)


async def test_routing_headers_ignore_case_as_ids_do(emsp: Platform) -> None:
    answer = await emsp.get("locations", headers={name: value.lower() for name, value in FROM_US.items()})

    assert answer.codes == (200, 1000)


# --- where we are


async def test_every_url_begins_with_the_public_url(tmp_path: Path) -> None:
    public = "https://ocpi.example.com/platform"
    async with House(tmp_path, env={"GATEWAY_OCPI__PUBLIC_URL": public}) as house, registered(house) as emsp:
        await put_sites(house, 3)
        versions = await emsp.load(house.versions_url)
        details = await emsp.load(f"{house.ocpi_url}/2.2.1")
        page = await emsp.get("locations?limit=1")

        assert (await emsp.load("credentials"))["url"] == f"{public}/ocpi/versions"
        urls = [versions[0]["url"], next_link(page), *(one["url"] for one in details["endpoints"])]
        assert all(url.startswith(f"{public}/ocpi/") for url in urls)


async def test_partners_may_come_by_tls_too(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    env = {
        "GATEWAY_OCPI__TLS__LISTEN": "127.0.0.1:0",
        "GATEWAY_OCPI__TLS__CERTIFICATE": str(tmp_path / "certificate.pem"),
        "GATEWAY_OCPI__TLS__KEY": str(tmp_path / "key.pem"),
    }
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with House(tmp_path, env=env) as house, aiohttp.ClientSession() as session:
        url = f"https://127.0.0.1:{house.bound['ocpi_tls']}/ocpi/versions"
        async with session.get(url, ssl=trust) as response:
            assert (response.status, (await response.json())["status_code"]) == (401, 2000)
        assert (await send("GET", house.versions_url)).codes == (401, 2000)


# --- URLs and methods that are not there


@pytest.mark.parametrize("path", ["nothing", "locations/A/B/C/D", "sessions/1", "cdrs/1", "tokens", "tokens/DE/EMP"])
async def test_an_unknown_url_is_404_with_an_envelope(emsp: Platform, path: str) -> None:
    answer = await emsp.get(path)

    assert answer.codes == (404, 2000)
    assert answer.message
    assert "data" not in answer.body


@pytest.mark.parametrize("path", ["/", "/ocpi", "/ocpi/2.0", "/ocpi/cpo/2.0/locations", "/favicon.ico", "/%2e%2e"])
async def test_urls_outside_the_modules_are_404_with_an_envelope(house: House, path: str) -> None:
    answer = await send("GET", house.ocpi_url.removesuffix("/ocpi") + path)

    assert answer.codes == (404, 2000)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "locations", "GET"),
        ("DELETE", "tokens/DE/EMP/1", "PATCH"),
        ("PUT", "sessions", "GET"),
        ("PATCH", "credentials", "PUT"),
    ],
)
async def test_a_method_that_is_not_served_is_405(emsp: Platform, method: str, path: str, allowed: str) -> None:
    answer = await emsp.ask(method, path)

    assert answer.codes == (405, 2000)
    assert allowed in answer.headers["Allow"]
    assert allowed in answer.message


async def test_a_slash_at_the_end_makes_no_difference(emsp: Platform) -> None:
    for path in ("locations/", "cdrs/", "credentials/"):
        assert (await emsp.get(path)).codes == (200, 1000)


async def test_a_body_beyond_the_limit_is_413(tmp_path: Path) -> None:
    async with House(tmp_path, env={"GATEWAY_OCPI__MAX_BODY_BYTES": "8192"}) as house, registered(house) as emsp:
        for size, codes in ((8000, (200, 2001)), (9000, (413, 2001))):
            answer = await emsp.ask("PUT", "tokens/DE/EMP/1", raw=b'"' + b"x" * size + b'"')
            assert answer.codes == codes
            assert ("8192" in answer.message) is (size == 9000)


# --- what is no OCPI, and no HTTP


GARBAGE = {
    "bytes in the token": (b"GET", b"locations", b"Authorization: Token \xff\xfe\r\n", b"", b"401"),
    "bytes in the path": (b"GET", b"locations/\xff", b"", b"", b"400"),
    "an escape that is no UTF-8": (b"GET", b"locations/%FF", b"", b"", b"404"),
    "a line feed in the id": (b"GET", b"locations/a%0d%0ab", b"", b"", b"404"),
    "a URL without end": (b"GET", b"cdrs?limit=" + b"9" * 20_000, b"", b"", b"400"),
    "a number without end": (b"GET", b"cdrs?offset=" + b"9" * 5_000, b"", b"", b"200"),
    "a page after a page that was not": (b"GET", b"cdrs?after=MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", b"", b"", b"200"),
    "no gzip": (b"PUT", b"tokens/DE/EMP/1", b"Content-Encoding: gzip\r\n", b"no gzip", b"400"),
    "a bomb": (b"PUT", b"tokens/DE/EMP/1", b"Content-Encoding: gzip\r\n", gzip.compress(b" " * 9_000_000), b"413"),
    "an abyss": (b"PUT", b"tokens/DE/EMP/1", b"", b"[" * 100_000, b"400"),
    "bytes in a header": (b"GET", b"locations", b"OCPI-to-party-id: \xff\r\nX-Request-ID: \xff\r\n", b"", b"200"),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_is_answered_and_leaves_no_traceback(
    emsp: Platform, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    method, path, headers, body, status = GARBAGE[name]
    if b"Authorization" not in headers:
        headers += f"Authorization: Token {encode(emsp.token)}\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", emsp.house.ports[1])
    writer.write(
        method + b" /ocpi/cpo/2.2.1/" + path + b" HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n" + headers
    )
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    answer = await asyncio.wait_for(reader.read(4_000), 10)
    writer.close()

    assert answer.split(b" ")[1] == status
    if b"application/json" in answer:
        assert b'"status_code":' in answer
        assert b'"status_code":3' not in answer
    assert "Traceback" not in "".join(capfd.readouterr())
    assert (await emsp.get("locations")).codes == (200, 1000)
