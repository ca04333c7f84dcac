import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from gateway.errors import PartnerError
from gateway.flows.registration import Access, Fault
from gateway.ocpi import client as module
from gateway.ocpi.client import OcpiClient
from tests.fakes.ocpi_peer import FakePeer, envelope

ACCESS = Access(token="peer-token")


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    peer = FakePeer()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def client() -> AsyncIterator[OcpiClient]:
    client = OcpiClient(allow_insecure=True)
    yield client
    await client.close()


async def test_an_answer_is_given_with_both_codes_whatever_they_are(client: OcpiClient, peer: FakePeer) -> None:
    answer = await client.request("GET", peer.url("/elsewhere"), ACCESS)

    assert (answer.http_status, answer.status_code, answer.message) == (404, 2000, "nothing here")


async def test_routing_headers_and_body_are_sent(client: OcpiClient, peer: FakePeer) -> None:
    sent = {"OCPI-from-country-code": "NL", "OCPI-from-party-id": "GWY"}

    await client.request("PUT", peer.url("/2.2.1/sessions"), ACCESS, body=b"{}", headers=sent)

    _, _, headers = peer.requests[0]
    assert headers["OCPI-from-party-id"] == "GWY"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Request-ID"]


async def test_a_redirect_is_not_followed(client: OcpiClient, peer: FakePeer) -> None:
    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": peer.url("/2.2.1")})

    peer.override["GET /versions"] = redirect

    with pytest.raises(PartnerError, match="HTTP 307"):
        await client.fetch_versions(peer.url(), ACCESS)
    assert peer.calls == ["GET /versions"]


async def test_an_endless_answer_is_cut_off(
    client: OcpiClient, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 1000)

    async def flood(request: web.Request) -> web.Response:
        return web.Response(body=b" " * 2000)

    peer.override["GET /versions"] = flood

    with pytest.raises(PartnerError, match="more than 1000 bytes"):
        await client.fetch_versions(peer.url(), ACCESS)


async def test_a_partner_that_does_not_answer_is_given_up(peer: FakePeer) -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    peer.override["GET /versions"] = hang
    client = OcpiClient(allow_insecure=True, timeout_s=0.05)

    with pytest.raises(PartnerError, match="was not answered in time"):
        await client.fetch_versions(peer.url(), ACCESS)
    await client.close()


async def test_without_the_setting_this_machine_is_never_called(peer: FakePeer) -> None:
    client = OcpiClient()

    with pytest.raises(PartnerError, match="not https"):
        await client.fetch_versions(peer.url(), ACCESS)
    with pytest.raises(PartnerError, match="private network"):
        await client.fetch_versions(f"https://127.0.0.1:{peer.url().split(':')[2]}", ACCESS)
    with pytest.raises(PartnerError, match="private network"):
        await client.fetch_versions("https://localhost:1/versions", ACCESS)
    await client.close()
    assert peer.calls == []


async def test_versions_that_cannot_be_read_are_left_out(client: OcpiClient, peer: FakePeer) -> None:
    async def mixed(request: web.Request) -> web.Response:
        return envelope([{"version": 2.2, "url": "x"}, "2.2.1", {"version": "2.2.1", "url": "https://e.example"}])

    peer.override["GET /versions"] = mixed

    assert [link.number for link in await client.fetch_versions(peer.url(), ACCESS)] == ["2.2.1"]


@pytest.mark.parametrize(
    ("http", "code", "kind"),
    [
        (200, 2001, Fault.REFUSED),
        (404, 2000, Fault.REFUSED),
        (401, 2000, Fault.UNAUTHORIZED),
        (403, 2000, Fault.UNAUTHORIZED),
        (200, 3000, Fault.REFUSED),
        (500, 3000, Fault.UNUSABLE),
    ],
)
async def test_a_failure_in_either_layer_is_a_failure(
    client: OcpiClient, peer: FakePeer, http: int, code: int, kind: Fault
) -> None:
    async def fail(request: web.Request) -> web.Response:
        return envelope(code=code, http=http, message="because")

    peer.override["GET /versions"] = fail

    with pytest.raises(PartnerError, match=f"HTTP {http}, OCPI {code}: because") as error:
        await client.fetch_versions(peer.url(), ACCESS)
    assert error.value.kind == kind


def test_the_highest_mutual_version_is_chosen() -> None:
    client = OcpiClient()

    assert client.choose_version(["2.1.1", "2.2.1", "3.0"]) == "2.2.1"
    assert client.choose_version(["2.0"]) is None
