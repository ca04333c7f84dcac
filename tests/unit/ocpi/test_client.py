import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.errors import PartnerError
from gateway.flows.partner_api import Access
from gateway.flows.partner_urls import Fault
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


class RecordedResolver(AbstractResolver):
    """Names mean what the test says; who asked for which is noted."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("host", ["rebind.example", "2130706433", "0x7f.1", "127.1"])
async def test_a_name_that_means_our_own_network_is_not_called_however_it_is_written(host: str) -> None:
    resolver = RecordedResolver("127.0.0.1", "10.0.0.1")
    client = OcpiClient(resolver=resolver)

    with pytest.raises(PartnerError, match="private network"):
        await client.fetch_versions(f"https://{host}/versions", ACCESS)
    await client.close()


async def test_the_connection_is_made_to_the_address_that_was_looked_at(peer: FakePeer) -> None:
    """The name itself leads nowhere: only what the resolver gave can have been called, once looked up."""
    resolver = RecordedResolver("127.0.0.1")
    client = OcpiClient(allow_insecure=True, resolver=resolver)

    versions = await client.fetch_versions(f"http://emsp.invalid:{URL(peer.url()).port}/versions", ACCESS)
    await client.close()

    assert [link.number for link in versions] == ["2.2.1"]
    assert resolver.asked == ["emsp.invalid"]
    assert peer.requests[0][2]["Host"].startswith("emsp.invalid")


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
