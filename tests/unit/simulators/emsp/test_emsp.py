"""The eMSP against a CPO that does everything right, and the handshake when it does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulators.emsp import MODULES, Emsp, EmspError, NotRegisteredError, PeerRefusedError, PeerUnreachableError
from tests.unit.simulators.emsp.fake_cpo import FakeCpo, encoded
from tests.unit.simulators.emsp.objects import CDR, CDR_TOKEN, NOW, TOKEN_A, Json, numbered


async def test_a_cpo_that_does_everything_right_gives_no_finding(cpo: FakeCpo) -> None:
    told: list[str] = []
    cpo.objects["cdrs"] = [CDR]
    async with Emsp(versions_url=cpo.versions_url, token_a=TOKEN_A, now=lambda: NOW, story=told.append) as emsp:
        await emsp.register()
        await emsp.push_token(CDR_TOKEN["uid"], contract_id=CDR_TOKEN["contract_id"])
        await emsp.get_token(CDR_TOKEN["uid"])
        for module in MODULES:
            await emsp.pull(module)
        await emsp.get_location("L1")
        await emsp.probe()
        await emsp.rotate()
        await emsp.pull("cdrs", date_from=datetime(2026, 3, 2, tzinfo=UTC), date_to=NOW)
        emsp.check_references()
        await emsp.unregister()

    assert list(emsp.findings) == []
    assert emsp.store.cdrs == [CDR]
    assert emsp.findings.checked["cdrs"] == 2
    assert told[0] == "registered with CPO NL*GWY (Gateway), version 2.2.1"
    assert told[1] == "pushed RFID token …C3D4: HTTP 201"
    assert told[-1] == "ended the registration"


async def test_pull_follows_the_links_to_the_last_page(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["tariffs"] = numbered(cpo.objects["tariffs"][0], 5)

    pulled = await registered.pull("tariffs", limit=2)

    assert [tariff["id"] for tariff in pulled] == ["T1-0", "T1-1", "T1-2", "T1-3", "T1-4"]
    assert [request.query.get("offset") for request in cpo.seen if request.path == "/tariffs"] == [None, "2", "4"]
    assert list(registered.findings) == []


async def test_sessions_are_asked_for_with_a_date(cpo: FakeCpo, registered: Emsp) -> None:
    await registered.pull("sessions")

    assert cpo.seen[-1].query["date_from"] == "2014-01-01T00:00:00.000Z"


async def test_requests_carry_base64_token_ids_and_routing(cpo: FakeCpo, registered: Emsp) -> None:
    await registered.pull("cdrs")

    headers = cpo.seen[-1].headers
    assert headers["Authorization"] == encoded(cpo.token_c)
    assert headers["X-Request-ID"] != headers["X-Correlation-ID"]
    assert (headers["OCPI-to-country-code"], headers["OCPI-to-party-id"]) == ("NL", "GWY")
    assert (headers["OCPI-from-country-code"], headers["OCPI-from-party-id"]) == ("NL", "EMS")
    assert not any(name.lower().startswith("ocpi-") for name in cpo.seen[0].headers)


async def test_rotation_makes_the_old_tokens_useless(cpo: FakeCpo, registered: Emsp) -> None:
    old = cpo.token_out

    await registered.rotate()

    assert old != cpo.token_out
    status, body, _ = await cpo.call("GET", registered.versions_url, headers={"Authorization": encoded(old)})
    assert (status, body["status_code"]) == (401, 2000)
    status, _, _ = await cpo.call("GET", registered.versions_url)
    assert status == 200


async def test_after_the_end_nothing_can_be_asked(registered: Emsp) -> None:
    await registered.unregister()

    with pytest.raises(NotRegisteredError, match="Register first"):
        await registered.pull("cdrs")


async def test_a_cpo_registers_with_the_token_a_we_gave_out(cpo: FakeCpo) -> None:
    async with Emsp(give_token_a="for-the-cpo", now=lambda: NOW) as emsp:
        cpo.valid, cpo.busy_answers = {"token-of-the-cpo"}, 2
        with_token_a = {"Authorization": encoded("for-the-cpo")}
        url = f"{emsp.versions_url.removesuffix('versions')}2.2.1/credentials"

        status, body, _ = await cpo.call("POST", url, cpo.credentials("token-of-the-cpo"), headers=with_token_a)
        partner = await emsp.wait_until_registered(timeout_s=5)

        assert (status, body["status_code"]) == (200, 1000)
        assert str(partner.party()) == "NL*GWY"
        cpo.token_out = body["data"]["token"]
        assert body["data"]["roles"][0]["role"] == "EMSP"
        assert (await cpo.call("GET", emsp.versions_url, headers=with_token_a))[0] == 401
        assert (await cpo.call("POST", url, cpo.credentials("token-of-the-cpo")))[0] == 405
        assert await emsp.pull("tariffs") == cpo.objects["tariffs"]
        assert [finding.rule.id for finding in emsp.findings] == ["push.authorization"]


async def test_a_renewal_by_the_cpo_keeps_its_old_token_until_the_new_one_is_used(
    cpo: FakeCpo, registered: Emsp
) -> None:
    url = f"{registered.versions_url.removesuffix('versions')}2.2.1/credentials"
    old, cpo.valid = cpo.token_out, {cpo.token_c, "fresh"}

    _, body, _ = await cpo.call("PUT", url, cpo.credentials("fresh"))

    assert (await cpo.call("GET", registered.versions_url))[0] == 200
    cpo.token_out = body["data"]["token"]
    assert (await cpo.call("GET", registered.versions_url))[0] == 200
    cpo.token_out = old
    assert (await cpo.call("GET", registered.versions_url))[0] == 401


async def test_a_cpo_whose_api_cannot_be_used_gets_3001_and_may_try_again(cpo: FakeCpo) -> None:
    async with Emsp(give_token_a="for-the-cpo", now=lambda: NOW) as emsp:
        with_token_a = {"Authorization": encoded("for-the-cpo")}
        url = f"{emsp.versions_url.removesuffix('versions')}2.2.1/credentials"

        status, body, _ = await cpo.call("POST", url, cpo.credentials("not-valid-there"), headers=with_token_a)

        assert (status, body["status_code"]) == (200, 3001)
        assert emsp.partner is None
        assert (await cpo.call("GET", emsp.versions_url, headers=with_token_a))[0] == 200


async def test_token_a_on_a_functional_module_is_refused(cpo: FakeCpo) -> None:
    async with Emsp(give_token_a="for-the-cpo", now=lambda: NOW) as emsp:
        url = f"{emsp.versions_url.removesuffix('versions')}2.2.1/tokens"

        status, _, _ = await cpo.call("GET", url, headers={"Authorization": encoded("for-the-cpo")})

        assert status == 401


async def test_a_used_up_token_a_is_explained(cpo: FakeCpo, emsp: Emsp) -> None:
    cpo.valid = set()

    with pytest.raises(PeerRefusedError, match="token A works for one registration only") as caught:
        await emsp.register()

    assert caught.value.http_status == 401


async def test_a_failed_handshake_leaves_no_token_behind(cpo: FakeCpo, emsp: Emsp) -> None:
    def refuse(module: str, headers: dict[str, str], envelope: Json) -> None:
        if module == "credentials":
            envelope.clear()
            envelope |= {"status_code": 3001, "timestamp": "2026-03-02T12:00:00Z"}

    cpo.stray = refuse
    with pytest.raises(PeerRefusedError, match="OCPI status 3001"):
        await emsp.register()

    assert emsp.partner is None
    assert (await cpo.call("GET", emsp.versions_url))[0] == 401


async def test_a_cpo_that_is_not_there_is_explained(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/versions"
    async with Emsp(versions_url=url, token_a=TOKEN_A) as emsp:
        with pytest.raises(PeerUnreachableError, match="Is the CPO running"):
            await emsp.register()


async def test_a_cpo_without_our_version_is_refused(cpo: FakeCpo, emsp: Emsp) -> None:
    def older(module: str, headers: dict[str, str], envelope: Json) -> None:
        envelope["data"] = [{"version": "2.1.1", "url": "http://127.0.0.1/2.1.1"}]

    cpo.stray = older

    with pytest.raises(PeerRefusedError, match=r"offers 2\.1\.1, not 2\.2\.1"):
        await emsp.register()


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1", ":80"])
def test_a_wrong_listen_address_is_explained(listen: str) -> None:
    with pytest.raises(EmspError, match="host:port"):
        Emsp(listen=listen)


async def test_a_port_that_is_taken_is_explained(emsp: Emsp) -> None:
    port = emsp.versions_url.split(":")[2].split("/")[0]

    with pytest.raises(EmspError, match="Choose another"):
        async with Emsp(listen=f"127.0.0.1:{port}"):
            pass


def test_an_unknown_version_is_explained() -> None:
    with pytest.raises(EmspError, match=r"There are: 2\.1\.1, 2\.2\.1, 2\.3\.0"):
        Emsp(version="1.0")
