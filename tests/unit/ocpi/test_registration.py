"""The handshake over real sockets: our server and client against an eMSP's platform."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.partners import PartnerStatus
from gateway.errors import PartnerError, StoreDownError
from gateway.flows.partner_urls import Fault
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_peer import ROLE, FakePeer, envelope
from tests.fakes.ocpi_samples import EMSP
from tests.unit.ocpi.conftest import Platform

CREDENTIALS = "/ocpi/cpo/2.2.1/credentials"
LOCATIONS = "/ocpi/cpo/2.2.1/locations"


@pytest.fixture
async def gateway() -> AsyncIterator[Platform]:
    """A platform that nobody is registered with yet."""
    platform = Platform()
    await platform.client.start_server()
    yield platform
    await platform.client.close()
    await platform.api.close()


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    peer = FakePeer()
    await peer.start()
    yield peer
    await peer.stop()


def credentials(peer: FakePeer, **changes: Any) -> dict[str, Any]:
    return {"token": peer.token, "url": peer.url(), "roles": [peer.role], **changes}


async def register(gateway: Platform, peer: FakePeer) -> tuple[str, str]:
    """The partner's id and the token it got."""
    partner, token_a = await gateway.registration.invite("Emobility Provider", "EMSP")
    answer = await gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer))
    assert answer.codes == (200, 1000)
    return partner.id, answer.data["token"]


# --- the partner registers with us


async def test_a_partner_registers_with_token_a_and_goes_on_with_its_own(gateway: Platform, peer: FakePeer) -> None:
    partner, token_a = await gateway.registration.invite("Emobility Provider", "EMSP")

    answer = await gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer))

    assert_valid("op:postCredentials", answer.body)
    assert peer.calls == ["GET /versions", "GET /2.2.1"]
    assert (await gateway.ask("GET", LOCATIONS, token=answer.data["token"])).codes == (200, 1000)
    assert (await gateway.ask("GET", "/ocpi/versions", token=token_a)).codes == (401, 2000)
    registered = gateway.store.partners[partner.id]
    assert (registered.status, registered.version) == (PartnerStatus.REGISTERED, "2.2.1")
    assert [role.party for role in registered.roles] == [EMSP]
    assert {endpoint.identifier for endpoint in registered.endpoints} == {"credentials", "tokens", "cdrs"}


async def test_no_credentials_token_is_kept_in_plain(gateway: Platform, peer: FakePeer) -> None:
    partner_id, token = await register(gateway, peer)

    kept = repr(gateway.store.partners[partner_id])
    assert token not in kept
    assert peer.token not in kept


async def test_the_partner_reads_its_credentials_with_the_token_it_used(gateway: Platform, peer: FakePeer) -> None:
    _, token = await register(gateway, peer)

    answer = await gateway.ask("GET", CREDENTIALS, token=token)

    assert_valid("op:getCredentials", answer.body)
    assert (answer.data["token"], answer.data["url"]) == (token, "https://cpo.example/ocpi/versions")


async def test_registering_twice_is_405(gateway: Platform, peer: FakePeer) -> None:
    _, token = await register(gateway, peer)

    assert (await gateway.ask("POST", CREDENTIALS, token=token, json=credentials(peer))).codes == (405, 2000)


async def test_of_two_registrations_with_one_token_a_one_wins(gateway: Platform, peer: FakePeer) -> None:
    _, token_a = await gateway.registration.invite("Emobility Provider", "EMSP")

    answers = await asyncio.gather(
        *(gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer)) for _ in range(2))
    )

    assert sorted(answer.codes for answer in answers) == [(200, 1000), (405, 2000)]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_updating_or_leaving_before_registration_is_405(gateway: Platform, peer: FakePeer, method: str) -> None:
    _, token_a = await gateway.registration.invite("Emobility Provider", "EMSP")

    assert (await gateway.ask(method, CREDENTIALS, token=token_a, json=credentials(peer))).codes == (405, 2000)


async def test_a_peer_that_cannot_be_used_is_3001(gateway: Platform, peer: FakePeer) -> None:
    answer = await failed_post(gateway, peer, credentials(peer, token="a-token-it-does-not-know"))

    assert answer == (200, 3001)


async def test_a_peer_that_is_not_there_is_3001(gateway: Platform, peer: FakePeer, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/versions"

    assert await failed_post(gateway, peer, credentials(peer, url=url)) == (200, 3001)


async def test_a_peer_without_our_version_is_3002(gateway: Platform, peer: FakePeer) -> None:
    peer.versions = ["2.0"]

    assert await failed_post(gateway, peer, credentials(peer)) == (200, 3002)


async def test_a_peer_without_a_credentials_endpoint_is_3003(gateway: Platform, peer: FakePeer) -> None:
    peer.modules = [("tokens", "SENDER")]

    assert await failed_post(gateway, peer, credentials(peer)) == (200, 3003)


async def test_credentials_that_cannot_be_read_are_2001(gateway: Platform, peer: FakePeer) -> None:
    assert await failed_post(gateway, peer, credentials(peer, roles=[])) == (200, 2001)


async def failed_post(gateway: Platform, peer: FakePeer, body: dict[str, Any]) -> tuple[int, int]:
    """The codes of a registration that fails, after which token A still works."""
    _, token_a = await gateway.registration.invite("Emobility Provider", "EMSP")
    failed = await gateway.ask("POST", CREDENTIALS, token=token_a, json=body)
    assert "data" not in failed.body
    peer.versions, peer.modules = ["2.2.1"], [("credentials", "SENDER")]
    again = await gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer))
    assert again.codes == (200, 1000)
    return failed.codes


async def test_a_registration_that_is_not_durable_leaves_token_a_valid(gateway: Platform, peer: FakePeer) -> None:
    _, token_a = await gateway.registration.invite("Emobility Provider", "EMSP")
    gateway.store.failures.append(StoreDownError("the disk is full"))

    assert (await gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer))).codes == (200, 3000)
    assert (await gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer))).codes == (200, 1000)


async def test_a_party_that_another_platform_holds_is_refused(gateway: Platform, peer: FakePeer) -> None:
    await register(gateway, peer)
    _, token_a = await gateway.registration.invite("Impostor", "EMSP")

    answer = await gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer))

    assert answer.codes == (200, 2001)
    assert "DE/EMP" in answer.body["status_message"]


async def test_a_peer_that_does_not_decode_tokens_is_called_with_the_plain_one(gateway: Platform) -> None:
    peer = FakePeer(raw=True)
    await peer.start()
    partner_id, _ = await register(gateway, peer)

    assert gateway.store.partners[partner_id].raw_token is True
    assert peer.calls == ["GET /versions", "GET /versions", "GET /2.2.1"]
    await peer.stop()


# --- updates and the end


async def test_put_rotates_and_the_old_token_lives_until_the_new_one_is_used(gateway: Platform, peer: FakePeer) -> None:
    _, old = await register(gateway, peer)
    peer.token = "peer-token-2"

    answer = await gateway.ask("PUT", CREDENTIALS, token=old, json=credentials(peer))
    new = answer.data["token"]

    assert_valid("op:putCredentials", answer.body)
    assert new != old
    assert (await gateway.ask("GET", LOCATIONS, token=old)).codes == (200, 1000)
    assert (await gateway.ask("GET", LOCATIONS, token=new)).codes == (200, 1000)
    assert (await gateway.ask("GET", LOCATIONS, token=old)).codes == (401, 2000)


async def test_a_partner_that_lost_the_answer_to_put_puts_again(gateway: Platform, peer: FakePeer) -> None:
    _, old = await register(gateway, peer)
    await gateway.ask("PUT", CREDENTIALS, token=old, json=credentials(peer))

    again = await gateway.ask("PUT", CREDENTIALS, token=old, json=credentials(peer))

    assert again.codes == (200, 1000)
    assert (await gateway.ask("GET", LOCATIONS, token=again.data["token"])).codes == (200, 1000)


async def test_an_old_token_ends_with_its_time_even_if_the_new_one_is_never_used(
    gateway: Platform, peer: FakePeer
) -> None:
    _, old = await register(gateway, peer)
    await gateway.ask("PUT", CREDENTIALS, token=old, json=credentials(peer))

    gateway.clock.pass_s(86_401)

    assert (await gateway.ask("GET", LOCATIONS, token=old)).codes == (401, 2000)


async def test_a_put_that_fails_changes_nothing(gateway: Platform, peer: FakePeer) -> None:
    partner_id, token = await register(gateway, peer)
    before = gateway.store.partners[partner_id]

    answer = await gateway.ask("PUT", CREDENTIALS, token=token, json=credentials(peer, token="wrong"))

    assert answer.codes == (200, 3001)
    assert gateway.store.partners[partner_id] == before


async def test_delete_drops_the_tokens_both_ways(gateway: Platform, peer: FakePeer) -> None:
    partner_id, token = await register(gateway, peer)

    answer = await gateway.ask("DELETE", CREDENTIALS, token=token)

    assert answer.codes == (200, 1000)
    assert (await gateway.ask("GET", "/ocpi/versions", token=token)).codes == (401, 2000)
    ended = gateway.store.partners[partner_id]
    assert (ended.status, ended.token_hash, ended.outbound_token) == (PartnerStatus.ENDED, None, None)


async def test_the_tokens_that_an_ended_partner_pushed_are_no_longer_valid(gateway: Platform, peer: FakePeer) -> None:
    _, token = await register(gateway, peer)
    body = {
        "country_code": "DE",
        "party_id": "EMP",
        "uid": "04A2",
        "type": "RFID",
        "contract_id": "DE-EMP-C1",
        "issuer": "EMP",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-03-01T09:00:00Z",
    }
    await gateway.ask("PUT", "/ocpi/cpo/2.2.1/tokens/DE/EMP/04A2", token=token, json=body)

    await gateway.ask("DELETE", CREDENTIALS, token=token)

    assert [kept.valid for kept in gateway.store.tokens.values()] == [False]


async def test_the_operator_ends_a_partner_and_it_is_told(gateway: Platform, peer: FakePeer) -> None:
    partner_id, token = await register(gateway, peer)

    await gateway.registration.end(partner_id)

    assert peer.calls[-1] == "DELETE /2.2.1/credentials"
    assert (await gateway.ask("GET", LOCATIONS, token=token)).codes == (401, 2000)


async def test_the_operator_ends_a_partner_that_is_not_there(gateway: Platform, peer: FakePeer) -> None:
    partner_id, _ = await register(gateway, peer)
    await peer.stop()

    await gateway.registration.end(partner_id)

    assert gateway.store.partners[partner_id].status is PartnerStatus.ENDED


async def test_a_partner_that_lost_its_tokens_registers_again_when_invited_again(
    gateway: Platform, peer: FakePeer
) -> None:
    partner_id, token = await register(gateway, peer)
    _, token_a = await gateway.registration.invite_again(partner_id)
    assert (await gateway.ask("GET", LOCATIONS, token=token)).codes == (200, 1000)

    answer = await gateway.ask("POST", CREDENTIALS, token=token_a, json=credentials(peer))

    assert answer.codes == (200, 1000)
    assert (await gateway.ask("GET", LOCATIONS, token=token)).codes == (401, 2000)
    assert (await gateway.ask("GET", LOCATIONS, token=answer.data["token"])).codes == (200, 1000)


# --- we register with the partner


async def test_we_register_and_the_partner_calls_back_inside_our_request(gateway: Platform, peer: FakePeer) -> None:
    peer.token = "token-a-from-them"
    inside: dict[str, tuple[int, int]] = {}

    async def call_back(given: dict[str, Any]) -> None:
        for path in ("/ocpi/versions", "/ocpi/2.2.1", CREDENTIALS, LOCATIONS):
            inside[path] = (await gateway.ask("GET", path, token=given["token"])).codes

    peer.during_post = call_back
    partner = await gateway.registration.register_with(
        name="Emobility Provider", role="EMSP", versions_url=peer.url(), token="token-a-from-them"
    )

    assert inside == {
        "/ocpi/versions": (200, 1000),
        "/ocpi/2.2.1": (200, 1000),
        CREDENTIALS: (200, 1000),
        LOCATIONS: (401, 2000),
    }
    assert_valid("op:postCredentials", peer.given, request=True)
    assert (partner.status, partner.version) == (PartnerStatus.REGISTERED, "2.2.1")
    assert gateway.registration.access(partner).token == "peer-token-c"
    assert (await gateway.ask("GET", LOCATIONS, token=peer.given["token"])).codes == (200, 1000)


async def test_our_requests_carry_message_ids(gateway: Platform, peer: FakePeer) -> None:
    await gateway.registration.register_with(name="eMSP", role="EMSP", versions_url=peer.url(), token=peer.token)

    ids = [headers["X-Request-ID"] for _, _, headers in peer.requests]
    assert len(set(ids)) == len(ids) == 3
    assert all(headers["X-Correlation-ID"] for _, _, headers in peer.requests)


async def refuse(request: web.Request) -> web.Response:
    return envelope(code=2000, http=405, message="you are registered already")


async def redirect(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "http://169.254.169.254/"})


async def talk_html(request: web.Request) -> web.Response:
    return web.Response(text="<html>", content_type="text/html")


async def answer_nothing(request: web.Request) -> web.Response:
    return envelope()


@pytest.mark.parametrize(
    ("call", "handler", "kind", "words"),
    [
        ("GET /versions", redirect, Fault.UNUSABLE, "GET .*/versions was answered with HTTP 302"),
        ("GET /versions", talk_html, Fault.UNUSABLE, "no OCPI envelope"),
        ("GET /versions", answer_nothing, Fault.UNUSABLE, "no list of versions"),
        ("GET /2.2.1", answer_nothing, Fault.UNUSABLE, "details we cannot read"),
        ("POST /2.2.1/credentials", refuse, Fault.REFUSED, "HTTP 405, OCPI 2000: you are registered already"),
        ("POST /2.2.1/credentials", answer_nothing, Fault.UNUSABLE, "credentials we cannot read"),
    ],
)
async def test_a_registration_that_fails_says_where_and_withdraws_our_token(
    gateway: Platform, peer: FakePeer, call: str, handler: Any, kind: Fault, words: str
) -> None:
    given: list[str] = []

    async def note(request: web.Request) -> web.Response:
        if request.method == "POST":
            given.append((await request.json())["token"])
        response: web.Response = await handler(request)
        return response

    peer.override[call] = note

    with pytest.raises(PartnerError, match=words) as error:
        await gateway.registration.register_with(name="eMSP", role="EMSP", versions_url=peer.url(), token=peer.token)

    assert error.value.kind == kind
    (partner,) = gateway.store.partners.values()
    assert (partner.status, partner.token_hash, partner.outbound_token) == (PartnerStatus.ENDED, None, None)
    for token in given:
        assert (await gateway.ask("GET", "/ocpi/versions", token=token)).codes == (401, 2000)


async def test_a_wrong_token_for_registration_is_said_to_be_one(gateway: Platform, peer: FakePeer) -> None:
    with pytest.raises(PartnerError, match="HTTP 401") as error:
        await gateway.registration.register_with(name="eMSP", role="EMSP", versions_url=peer.url(), token="wrong")

    assert error.value.kind == Fault.UNAUTHORIZED


async def test_a_partner_without_a_mutual_version_is_told_apart(gateway: Platform, peer: FakePeer) -> None:
    peer.versions = ["2.1", "2.0"]

    with pytest.raises(PartnerError, match=r"it offers 2\.1, 2\.0") as error:
        await gateway.registration.register_with(name="eMSP", role="EMSP", versions_url=peer.url(), token=peer.token)

    assert error.value.kind == Fault.NO_VERSION


async def test_our_token_is_durable_before_the_partner_hears_of_it(gateway: Platform, peer: FakePeer) -> None:
    gateway.store.failures.append(StoreDownError("the disk is full"))

    with pytest.raises(StoreDownError):
        await gateway.registration.register_with(name="eMSP", role="EMSP", versions_url=peer.url(), token=peer.token)

    assert peer.calls == []


async def test_a_registration_that_is_cancelled_is_withdrawn(gateway: Platform, peer: FakePeer) -> None:
    waiting = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    peer.override["GET /versions"] = hang
    task = asyncio.create_task(
        gateway.registration.register_with(name="eMSP", role="EMSP", versions_url=peer.url(), token=peer.token)
    )
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (partner,) = gateway.store.partners.values()
    assert partner.status is PartnerStatus.ENDED


async def test_a_role_of_the_peer_that_another_holds_ends_the_registration_on_both_sides(
    gateway: Platform, peer: FakePeer
) -> None:
    await register(gateway, peer)
    second = FakePeer(token="second-a")
    await second.start()

    with pytest.raises(Exception, match="DE/EMP"):
        await gateway.registration.register_with(
            name="Second", role="EMSP", versions_url=second.url(), token="second-a"
        )

    assert second.calls[-1] == "DELETE /2.2.1/credentials"
    assert second.role == ROLE
    await second.stop()


async def test_endpoints_that_have_moved_are_found_and_kept(gateway: Platform, peer: FakePeer) -> None:
    partner_id, _ = await register(gateway, peer)
    known = gateway.store.partners[partner_id]
    assert await gateway.registration.look_up(known) == known
    peer.modules.append(("sessions", "RECEIVER"))

    found = await gateway.registration.look_up(known)

    assert "sessions" in {endpoint.identifier for endpoint in found.endpoints}
    assert gateway.store.partners[partner_id] == found
