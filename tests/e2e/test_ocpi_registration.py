"""Registration that a partner starts with us, as its integration engineer would try it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract_schemas import assert_valid
from tests.e2e.handshake import broken, can_read, elsewhere, invite, module, not_ocpi, nothing, post, wrong_json
from tests.e2e.house import House, pick_ports
from tests.e2e.wire import VERSION, credentials_of, peer_platform, registered, send
from tests.fakes.ocpi_peer import FakePeer

OUR_MODULES = {
    ("credentials", "SENDER"),
    ("locations", "SENDER"),
    ("sessions", "SENDER"),
    ("cdrs", "SENDER"),
    ("tariffs", "SENDER"),
    ("tokens", "RECEIVER"),
    ("commands", "RECEIVER"),
    ("chargingprofiles", "RECEIVER"),
}
SINCE = "date_from=2020-01-01T00:00:00Z"


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    async with peer_platform() as platform:
        yield platform


# --- a partner registers with us


async def test_token_a_opens_versions_details_and_credentials(house: House) -> None:
    token_a = await invite(house)

    versions = await send("GET", house.versions_url, token=token_a)
    assert_valid("op:getVersions", versions.body, version="2.3.0")
    (ours,) = [entry for entry in versions.data if entry["version"] == VERSION]
    details = await send("GET", ours["url"], token=token_a)
    assert_valid("op:getVersionDetails", details.body)
    assert {(one["identifier"], one["role"]) for one in details.data["endpoints"]} == OUR_MODULES
    assert all(one["url"].startswith(house.ocpi_url) for one in details.data["endpoints"])
    card = await send("GET", module(house, "credentials"), token=token_a)
    assert_valid("op:getCredentials", card.body)
    assert card.data["url"] == house.versions_url
    assert [(role["role"], role["country_code"], role["party_id"]) for role in card.data["roles"]] == [
        ("CPO", "NL", "GWY")
    ]


async def test_nothing_is_there_without_a_token(house: House) -> None:
    for url in (house.versions_url, f"{house.ocpi_url}/{VERSION}", module(house, "credentials")):
        for token in (None, "a-token-nobody-gave-out"):
            answer = await send("GET", url, token=token)
            assert answer.codes == (401, 2000)
            assert "data" not in answer.body
            assert "Authorization" in answer.message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "locations"),
        ("GET", f"sessions?{SINCE}"),
        ("GET", "cdrs"),
        ("GET", "tariffs"),
        ("GET", "tokens/DE/EMP/1"),
        ("PUT", "tokens/DE/EMP/1"),
    ],
)
async def test_token_a_opens_no_functional_module(house: House, method: str, path: str) -> None:
    token_a = await invite(house)

    answer = await send(method, module(house, path), token=token_a, body={} if method == "PUT" else None)

    assert answer.codes == (401, 2000)
    assert "register" in answer.message


async def test_the_answer_to_post_carries_the_token_that_counts_from_now_on(house: House, peer: FakePeer) -> None:
    token_a = await invite(house)

    answer = await post(house, token_a, credentials_of(peer))

    assert answer.codes == (200, 1000)
    assert_valid("op:postCredentials", answer.body)
    token = answer.data["token"]
    assert token not in (token_a, peer.token)
    assert await can_read(house, token)
    assert (await send("GET", house.versions_url, token=token_a)).codes == (401, 2000)
    assert (await post(house, token_a, credentials_of(peer))).codes == (401, 2000)
    assert peer.calls == ["GET /versions", "GET /2.2.1"]
    for _, _, headers in peer.requests:
        assert headers["X-Request-ID"]
        assert headers["X-Correlation-ID"]
        assert not any(name.lower().startswith("ocpi-") for name in headers)


async def test_get_credentials_gives_back_the_token_that_was_used(house: House) -> None:
    async with registered(house) as emsp:
        assert (await emsp.load("credentials"))["token"] == emsp.token


async def test_no_routing_headers_go_with_versions_and_credentials(house: House) -> None:
    async with registered(house) as emsp:
        for url in (house.versions_url, f"{house.ocpi_url}/{VERSION}", emsp.url("credentials")):
            assert (await emsp.get(url)).routing == {}
        refused = await send("GET", house.versions_url, token="wrong")
        assert refused.routing == {}


async def test_posting_twice_is_405_and_changes_nothing(house: House) -> None:
    async with registered(house) as emsp:
        answer = await emsp.ask("POST", "credentials", body=credentials_of(emsp.peer))

        assert answer.codes == (405, 2000)
        assert "PUT" in answer.message
        assert await can_read(house, emsp.token)


async def test_posting_twice_is_405_whatever_the_body_says(house: House) -> None:
    async with registered(house) as emsp:
        for raw in (b"{}", b"no JSON", b""):
            assert (await emsp.ask("POST", "credentials", raw=raw)).codes == (405, 2000)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_updating_or_leaving_before_registration_is_405(house: House, peer: FakePeer, method: str) -> None:
    token_a = await invite(house)

    for body in (credentials_of(peer), {}):
        answer = await send(method, module(house, "credentials"), token=token_a, body=body)
        assert answer.codes == (405, 2000)
        assert "POST" in answer.message

    assert (await post(house, token_a, credentials_of(peer))).codes == (200, 1000)


# --- a handshake that fails leaves token A valid


@pytest.mark.parametrize(
    ("path", "handler", "status_code"),
    [
        ("GET /versions", wrong_json, 3001),
        ("GET /versions", not_ocpi, 3001),
        ("GET /versions", broken, 3001),
        ("GET /versions", elsewhere, 3001),
        ("GET /2.2.1", wrong_json, 3001),
        ("GET /2.2.1", broken, 3001),
        ("GET /2.2.1", nothing, 3003),
    ],
)
async def test_a_peer_whose_answers_cannot_be_used_fails_the_handshake(
    house: House, peer: FakePeer, path: str, handler: Any, status_code: int
) -> None:
    token_a = await invite(house)
    peer.override[path] = handler

    failed = await post(house, token_a, credentials_of(peer))

    assert failed.codes == (200, status_code)
    assert "data" not in failed.body
    assert peer.url(path.removeprefix("GET ")) in failed.message
    peer.override.clear()
    assert (await post(house, token_a, credentials_of(peer))).codes == (200, 1000)


async def test_a_peer_that_is_down_fails_the_handshake(house: House, peer: FakePeer) -> None:
    token_a = await invite(house)
    (port,) = pick_ports(1)

    failed = await post(house, token_a, credentials_of(peer, url=f"http://127.0.0.1:{port}/versions"))

    assert failed.codes == (200, 3001)
    assert f":{port}/versions" in failed.message
    assert (await post(house, token_a, credentials_of(peer))).codes == (200, 1000)


async def test_a_peer_without_a_mutual_version_gets_3002(house: House, peer: FakePeer) -> None:
    token_a = await invite(house)
    peer.versions = ["2.0", "2.1"]

    failed = await post(house, token_a, credentials_of(peer))

    assert failed.codes == (200, 3002)
    assert VERSION in failed.message
    peer.versions = [VERSION]
    assert (await post(house, token_a, credentials_of(peer))).codes == (200, 1000)


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": []},
        {"roles": None},
        {"token": ""},
        {"token": "with a blank"},
        {"token": "x" * 65},
        {"url": "not a url"},
        {"roles": [{"role": "EMSP", "party_id": "EMP", "country_code": "DE"}]},
    ],
)
async def test_credentials_with_bad_content_are_2001(house: House, peer: FakePeer, changes: dict[str, Any]) -> None:
    token_a = await invite(house)

    failed = await post(house, token_a, credentials_of(peer, **changes))

    assert failed.codes == (200, 2001)
    assert f"$.{next(iter(changes))}" in failed.message
    assert peer.calls == []
    assert (await post(house, token_a, credentials_of(peer))).codes == (200, 1000)


async def test_credentials_that_are_not_json_are_400(house: House, peer: FakePeer) -> None:
    token_a = await invite(house)

    failed = await send("POST", module(house, "credentials"), token=token_a, raw=b'{"token": ')

    assert failed.codes == (400, 2001)
    assert (await post(house, token_a, credentials_of(peer))).codes == (200, 1000)


async def test_of_two_registrations_at_once_with_one_token_a_one_wins(house: House, peer: FakePeer) -> None:
    token_a = await invite(house)

    answers = await asyncio.gather(*(post(house, token_a, credentials_of(peer)) for _ in range(2)))

    won = [answer for answer in answers if answer.codes == (200, 1000)]
    assert len(won) == 1
    assert {answer.status for answer in answers} <= {200, 401, 405}
    assert await can_read(house, won[0].data["token"])


async def test_one_party_cannot_be_connected_by_two_platforms(house: House) -> None:
    async with registered(house, "DE", "EMP") as first, peer_platform("DE", "EMP") as second:
        token_a = await invite(house)

        failed = await post(house, token_a, credentials_of(second))

        assert failed.status == 200
        assert failed.body["status_code"] in range(2000, 4000)
        assert "DE" in failed.message
        assert await can_read(house, first.token)


# --- rotation and end


async def test_put_gives_a_new_token_and_the_old_one_holds_until_it_is_used(house: House) -> None:
    async with registered(house) as emsp:
        answer = await emsp.ask("PUT", "credentials", body=credentials_of(emsp.peer))

        assert answer.codes == (200, 1000)
        assert_valid("op:putCredentials", answer.body)
        new = answer.data["token"]
        assert new != emsp.token
        assert await can_read(house, emsp.token)
        assert await can_read(house, emsp.token)
        assert await can_read(house, new)
        assert not await can_read(house, emsp.token)
        assert await can_read(house, new)


async def test_put_takes_over_a_new_token_and_new_endpoints_of_the_peer(house: House) -> None:
    async with registered(house) as emsp:
        emsp.peer.token = "another-token"
        emsp.peer.modules = [("credentials", "SENDER"), ("sessions", "RECEIVER")]

        answer = await emsp.ask("PUT", "credentials", body=credentials_of(emsp.peer))

        assert answer.codes == (200, 1000)
        partner = await house.call("GET", f"partners/{emsp.partner_id}")
        assert {one["identifier"] for one in partner["endpoints"]} == {"credentials", "sessions"}


async def test_a_put_that_fails_leaves_the_registration_as_it_was(house: House) -> None:
    async with registered(house) as emsp:
        before = await house.call("GET", f"partners/{emsp.partner_id}")
        emsp.peer.override["GET /versions"] = broken

        failed = await emsp.ask("PUT", "credentials", body=credentials_of(emsp.peer))

        assert failed.codes == (200, 3001)
        assert await can_read(house, emsp.token)
        assert await house.call("GET", f"partners/{emsp.partner_id}") == before


async def test_an_answer_to_put_that_was_lost_can_be_asked_for_again(house: House) -> None:
    async with registered(house) as emsp:
        lost = await emsp.ask("PUT", "credentials", body=credentials_of(emsp.peer))
        again = await emsp.ask("PUT", "credentials", body=credentials_of(emsp.peer))

        assert (lost.codes, again.codes) == ((200, 1000), (200, 1000))
        assert await can_read(house, again.data["token"])
        assert not await can_read(house, lost.data["token"])


async def test_delete_ends_it_and_both_tokens_are_worth_nothing(house: House) -> None:
    async with registered(house) as emsp:
        await emsp.push("CARD-1")

        answer = await emsp.ask("DELETE", "credentials")

        assert answer.codes == (200, 1000)
        assert_valid("op:deleteCredentials", answer.body)
        for method, url in (("GET", house.versions_url), ("GET", emsp.url("locations")), ("DELETE", "credentials")):
            assert (await emsp.ask(method, url)).codes == (401, 2000)
        partner = await house.call("GET", f"partners/{emsp.partner_id}")
        assert (partner["status"], partner["endpoints"]) == ("ENDED", [])


async def test_a_partner_that_left_can_be_invited_again(house: House) -> None:
    async with registered(house) as emsp:
        await emsp.ask("DELETE", "credentials")
        invited = await house.call("POST", f"partners/{emsp.partner_id}/invitations")

        answer = await post(house, invited["token_a"], credentials_of(emsp.peer))

        assert answer.codes == (200, 1000)
        assert await can_read(house, answer.data["token"])


async def test_a_registered_partner_can_start_over_with_a_fresh_token_a(house: House) -> None:
    """It lost its token: what it has works until it has registered anew."""
    async with registered(house) as emsp:
        invited = await house.call("POST", f"partners/{emsp.partner_id}/invitations")
        assert await can_read(house, emsp.token)

        answer = await post(house, invited["token_a"], credentials_of(emsp.peer))

        assert answer.codes == (200, 1000)
        assert await can_read(house, answer.data["token"])
        assert not await can_read(house, emsp.token)


# --- restarts in between


async def test_every_step_survives_a_restart(house: House, peer: FakePeer) -> None:
    token_a = await invite(house)
    await house.restart()
    registration = await post(house, token_a, credentials_of(peer))
    assert registration.codes == (200, 1000)
    first = registration.data["token"]
    await house.restart()
    assert await can_read(house, first)
    assert (await send("GET", house.versions_url, token=token_a)).codes == (401, 2000)
    rotation = await send("PUT", module(house, "credentials"), token=first, body=credentials_of(peer))
    second = rotation.data["token"]
    await house.restart()
    assert await can_read(house, first)
    assert await can_read(house, second)
    await house.restart()
    assert not await can_read(house, first)
    assert (await send("DELETE", module(house, "credentials"), token=second)).codes == (200, 1000)
    await house.restart()
    assert not await can_read(house, second)
