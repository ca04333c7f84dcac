"""Registration that we start with a partner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulators.emsp.emsp import Emsp
from tests.contract_schemas import assert_valid
from tests.e2e.handshake import broken, can_read, invite, module, not_ocpi, nothing, post, wrong_json
from tests.e2e.house import House
from tests.e2e.operator import operate
from tests.e2e.wire import VERSION, Platform, credentials_of, peer_platform, send
from tests.fakes.ocpi_peer import FakePeer


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    async with peer_platform() as platform:
        yield platform


async def register_with(house: House, peer: FakePeer, **changes: Any) -> tuple[int, Any]:
    body = {"name": "Provider", "role": "EMSP", "versions_url": peer.url(), "token": peer.token, **changes}
    return await house.ask("POST", "partners", body)


async def test_we_register_with_a_partner(house: House, peer: FakePeer) -> None:
    token_a = peer.token

    status, partner = await register_with(house, peer)

    assert status == 201
    assert (partner["status"], partner["version"]) == ("REGISTERED", VERSION)
    assert peer.calls == ["GET /versions", "GET /2.2.1", "POST /2.2.1/credentials"]
    assert_valid("credentials", peer.given)
    assert peer.given["url"] == house.versions_url
    assert token_a not in str(partner)
    assert peer.given["token"] not in str(partner)
    assert await can_read(house, peer.given["token"])


async def test_the_partner_may_call_back_inside_our_registration(house: House, peer: FakePeer) -> None:
    """Our token is valid before our request leaves, but opens no functional module until the partner has answered."""
    seen: list[tuple[str, tuple[int, int]]] = []

    async def call_back(given: dict[str, Any]) -> None:
        for url in (given["url"], f"{house.ocpi_url}/{VERSION}", module(house, "credentials")):
            answer = await send("GET", url, token=given["token"])
            seen.append((url.rpartition("/")[2], answer.codes))

    peer.during_post = call_back

    status, partner = await register_with(house, peer)

    assert (status, partner["status"]) == (201, "REGISTERED")
    assert seen == [("versions", (200, 1000)), (VERSION, (200, 1000)), ("credentials", (200, 1000))]


async def test_the_simulated_emsp_is_registered_with_by_us(house: House) -> None:
    async with Emsp(give_token_a="their-token-a") as emsp:
        body = {"name": "eMSP", "role": "EMSP", "versions_url": emsp.versions_url, "token": "their-token-a"}
        await house.call("POST", "partners", body)
        await emsp.wait_until_registered(10)
        await emsp.push_token("04AABBCC")
        await emsp.pull("locations")
        await emsp.rotate()
        await emsp.pull("locations")
        await emsp.unregister()

        assert [str(finding) for finding in emsp.violations] == []


@pytest.mark.parametrize(
    ("path", "handler", "word"),
    [
        ("GET /versions", wrong_json, "OCPI"),
        ("GET /versions", broken, "500"),
        ("GET /2.2.1", nothing, "credentials"),
        ("POST /2.2.1/credentials", broken, "500"),
        ("POST /2.2.1/credentials", wrong_json, "OCPI"),
        ("POST /2.2.1/credentials", not_ocpi, "OCPI"),
    ],
)
async def test_our_registration_that_fails_says_where_and_leaves_nothing_valid(
    house: House, peer: FakePeer, path: str, handler: Any, word: str
) -> None:
    given: list[str] = []

    async def remember(request: web.Request) -> web.Response:
        if request.method == "POST":
            given.append((await request.json())["token"])
        response: web.Response = await handler(request)
        return response

    peer.override[path] = remember

    status, body = await register_with(house, peer)

    assert status == 502
    assert peer.url(path.partition(" ")[2]) in body["error"]["what"]
    assert word in body["error"]["what"]
    assert body["error"]["remedy"]
    for token in given:
        assert (await send("GET", house.versions_url, token=token)).codes == (401, 2000)
    peer.override.clear()
    assert (await register_with(house, peer))[0] == 201


async def test_our_registration_needs_a_mutual_version(house: House, peer: FakePeer) -> None:
    peer.versions = ["2.0"]

    status, body = await register_with(house, peer)

    assert status == 502
    assert "2.0" in body["error"]["what"]


async def test_our_registration_with_a_wrong_token_a_says_so(house: House, peer: FakePeer) -> None:
    status, body = await register_with(house, peer, token="not-this-one")

    assert status == 502
    assert "401" in body["error"]["what"]


async def test_a_partner_that_does_not_decode_base64_is_registered_with_too(house: House) -> None:
    raw = FakePeer(raw=True)
    await raw.start()
    try:
        status, partner = await register_with(house, raw)
        assert (status, partner["status"]) == (201, "REGISTERED")
    finally:
        await raw.stop()


async def test_ending_from_our_side_tells_the_partner_and_closes_the_door(house: House, peer: FakePeer) -> None:
    _, partner = await register_with(house, peer)
    token = peer.given["token"]

    await house.call("DELETE", f"partners/{partner['id']}")

    assert peer.calls[-1] == "DELETE /2.2.1/credentials"
    assert not await can_read(house, token)
    status, ended = await house.ask("GET", f"partners/{partner['id']}")
    assert status == 404 or ended["status"] == "ENDED"


async def test_ending_works_though_the_partner_is_gone(house: House) -> None:
    async with peer_platform() as peer:
        _, partner = await register_with(house, peer)
        token = peer.given["token"]

    await house.call("DELETE", f"partners/{partner['id']}")

    assert not await can_read(house, token)


async def test_a_rotation_after_our_registration_works(house: House, peer: FakePeer) -> None:
    _, partner = await register_with(house, peer)
    emsp = Platform(house, peer, partner["id"], peer.given["token"])

    answer = await emsp.ask("PUT", "credentials", body=credentials_of(peer))

    assert answer.codes == (200, 1000)
    assert await can_read(house, answer.data["token"])
    assert not await can_read(house, emsp.token)


async def test_what_we_registered_survives_a_restart(house: House, peer: FakePeer) -> None:
    _, partner = await register_with(house, peer)
    await house.restart()

    assert await can_read(house, peer.given["token"])
    await house.call("DELETE", f"partners/{partner['id']}")
    assert peer.calls[-1] == "DELETE /2.2.1/credentials"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/versions", "http://emsp.example/versions", "https://10.0.0.1/v"])
async def test_without_the_developers_switch_only_public_https_partners_are_called(tmp_path: Path, url: str) -> None:
    async with House(tmp_path, env={"GATEWAY_OCPI__ALLOW_INSECURE_PARTNERS": "false"}) as house:
        status, body = await house.ask("POST", "partners", {"name": "P", "versions_url": url, "token": "t"})

        assert status == 502
        assert url in body["error"]["what"]


async def test_a_partner_that_does_not_answer_is_not_waited_for_long(tmp_path: Path) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    env = {"GATEWAY_OCPI__REQUEST_TIMEOUT_S": "0.2"}
    async with House(tmp_path, env=env) as house, peer_platform() as peer:
        peer.override["GET /versions"] = hang
        token_a = await invite(house)

        failed = await post(house, token_a, credentials_of(peer))
        status, body = await register_with(house, peer)

        assert failed.codes == (200, 3001)
        assert "in time" in failed.message
        assert status == 502
        assert "0.2 s" in body["error"]["what"]
        peer.override.clear()
        assert (await post(house, token_a, credentials_of(peer))).codes == (200, 1000)


async def test_what_the_operator_knows_of_a_partners_manners_is_tried_first(house: House) -> None:
    raw = FakePeer(raw=True)
    await raw.start()
    try:
        status, partner = await register_with(house, raw, raw_token=True)
        assert (status, partner["raw_token"]) == (201, True)
        assert raw.calls == ["GET /versions", "GET /2.2.1", "POST /2.2.1/credentials"]
    finally:
        await raw.stop()


async def test_a_failed_handshake_is_in_the_trace(house: House, peer: FakePeer) -> None:
    token_a = await invite(house)
    peer.versions = ["2.0"]
    await post(house, token_a, credentials_of(peer))
    await send("GET", module(house, "cdrs"), token="a-wrong-token")

    entries = (await operate(house, "GET", "trace?limit=50")).body

    texts = [f"{entry['reason']} {entry['text']}" for entry in entries]
    assert any("3002" in text and "credentials" in text for text in texts)
    assert any("401" in text and "cdrs" in text for text in texts)
    assert not any("a-wrong-token" in text or token_a in text for text in texts)
