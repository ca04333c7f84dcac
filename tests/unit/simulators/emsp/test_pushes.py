"""The eMSP as a strict receiver: what a CPO pushes is judged, stored and answered by the book."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from simulators.emsp import AuthorizeAnswer, Emsp, EmspError, held, lost_answer, ocpi_status, slow, status, wrong_json
from tests.unit.simulators.emsp.fake_cpo import FakeCpo
from tests.unit.simulators.emsp.objects import (
    ACTIVE_SESSION,
    CDR,
    CDR_TOKEN,
    CONNECTOR,
    EVSE,
    LOCATION,
    SESSION,
    TARIFF,
    Json,
    without,
)

LATER = "2026-03-02T11:45:00Z"


@pytest.fixture
def base(registered: Emsp) -> str:
    return registered.versions_url.removesuffix("/versions") + "/2.2.1"


def found(emsp: Emsp) -> list[str]:
    return [finding.rule.id for finding in emsp.findings]


async def test_a_session_is_pushed_patched_and_billed_without_finding(
    cpo: FakeCpo, registered: Emsp, base: str
) -> None:
    url = f"{base}/sessions/NL/GWY/S1"
    more = {"kwh": Decimal("7.25"), "charging_periods": [
        {"start_date_time": "2026-03-02T10:20:00Z", "dimensions": [{"type": "ENERGY", "volume": Decimal("3.75")}]}
    ], "last_updated": "2026-03-02T10:45:00Z"}  # fmt: skip
    over = {"status": "COMPLETED", "end_date_time": SESSION["end_date_time"], "last_updated": SESSION["last_updated"]}

    assert (await cpo.call("PUT", url, ACTIVE_SESSION))[0] == 201
    assert (await cpo.call("PATCH", url, more))[0] == 200
    assert (await cpo.call("PATCH", url, over))[0] == 200
    http_status, _, headers = await cpo.call("POST", f"{base}/cdrs", CDR)

    assert http_status == 201
    assert (await cpo.call("GET", headers["Location"]))[1]["data"] == CDR
    assert [len(s["charging_periods"]) for s in registered.store.sessions] == [2]
    assert (await cpo.call("GET", url))[1]["data"]["status"] == "COMPLETED"
    assert list(registered.check_references()) == []


async def test_an_answer_echoes_ids_and_swaps_routing(cpo: FakeCpo, base: str) -> None:
    sent: dict[str, str | None] = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}

    _, body, headers = await cpo.call("PUT", f"{base}/tariffs/NL/GWY/T1", TARIFF, headers=sent)

    assert (headers["X-Request-ID"], headers["X-Correlation-ID"]) == ("r-1", "c-1")
    assert (headers["OCPI-to-party-id"], headers["OCPI-from-party-id"]) == ("GWY", "EMS")
    assert headers["Content-Type"] == "application/json"
    assert body == {"status_code": 1000, "timestamp": "2026-03-02T12:00:00.000Z"}


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({"X-Request-ID": None}, "headers.ids_sent"),
        ({"X-Correlation-ID": None}, "headers.ids_sent"),
        ({"OCPI-to-party-id": "XXX"}, "headers.routed_to_us"),
        ({"OCPI-from-party-id": "XXX"}, "headers.routed_to_us"),
        (dict.fromkeys(("OCPI-to-party-id", "OCPI-to-country-code", "OCPI-from-party-id", "OCPI-from-country-code")),
         "headers.routed_to_us"),
        ({"Content-Type": "text/plain"}, "http.content_type"),
    ],
)  # fmt: skip
async def test_a_push_with_a_wrong_header_is_found(
    cpo: FakeCpo, registered: Emsp, base: str, headers: dict[str, str | None], rule: str
) -> None:
    http_status, _, _ = await cpo.call("PUT", f"{base}/tariffs/NL/GWY/T1", TARIFF, headers=headers)

    assert http_status == 201
    assert found(registered) == [rule]


async def test_a_request_id_that_is_used_twice_is_found(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    for _ in range(2):
        await cpo.call("PUT", f"{base}/tariffs/NL/GWY/T1", TARIFF, headers={"X-Request-ID": "same"})

    assert found(registered) == ["headers.request_id_new"]


@pytest.mark.parametrize("authorization", [None, "Token", "Token ???", "Token dG9rZW4=", "Bearer x", "Token token-b"])
async def test_a_push_without_the_right_token_gets_401(
    cpo: FakeCpo, registered: Emsp, base: str, authorization: str | None
) -> None:
    http_status, body, _ = await cpo.call(
        "PUT", f"{base}/tariffs/NL/GWY/T1", TARIFF, headers={"Authorization": authorization}
    )

    assert (http_status, body["status_code"]) == (401, 2000)
    assert found(registered) == ["push.authorization"]
    assert registered.store.tariffs == []


async def test_a_body_that_is_not_json_gets_400(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    http_status, body, _ = await cpo.call("PUT", f"{base}/tariffs/NL/GWY/T1", raw=b'{"id": ')

    assert (http_status, body["status_code"]) == (400, 2001)
    assert found(registered) == ["push.json"]


@pytest.mark.parametrize(
    ("method", "path", "body", "http_status", "status_code", "rule"),
    [
        ("PUT", "tariffs/NL/GWY/T1", without(TARIFF, "currency"), 200, 2001, "shape.field"),
        ("PUT", "tariffs/NL/GWY/T2", TARIFF, 200, 2001, "push.url_matches"),
        ("PUT", "tariffs/NL/XXX/T1", {**TARIFF, "party_id": "XXX"}, 200, 2001, "push.own_objects"),
        ("PUT", "tariffs/NL/GWY/T1", [], 200, 2001, "shape.field"),
        ("PATCH", "tariffs/NL/GWY/T1", {"last_updated": LATER}, 404, 2000, "push.known_url"),
        ("PATCH", "sessions/NL/GWY/S1", {"kwh": 1}, 200, 2001, "push.patch_last_updated"),
        ("PATCH", "sessions/NL/GWY/S1", {"kwh": 1, "last_updated": LATER}, 404, 2000, "push.patch_known"),
        ("PATCH", "locations/NL/GWY/L1/E1", {"status": "CHARGING"}, 200, 2001, "push.patch_last_updated"),
        ("PUT", "cdrs/NL/GWY/C1", CDR, 404, 2000, "push.known_url"),
        ("POST", "cdrs", {**CDR, "total_energy": "7.25"}, 200, 2001, "shape.field"),
        ("DELETE", "sessions/NL/GWY/S1", None, 404, 2000, "push.known_url"),
    ],
)
async def test_a_push_that_breaks_the_rules_is_refused_and_found(
    cpo: FakeCpo, registered: Emsp, base: str, method: str, path: str, body: Any, http_status: int, status_code: int,
    rule: str,
) -> None:  # fmt: skip
    answered, envelope, _ = await cpo.call(method, f"{base}/{path}", body)

    assert (answered, envelope["status_code"]) == (http_status, status_code)
    assert set(found(registered)) == {rule}


async def test_a_cdr_that_does_not_add_up_is_taken_but_found(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    http_status, _, _ = await cpo.call("POST", f"{base}/cdrs", {**CDR, "total_energy": 8})

    assert http_status == 201
    assert "cdr.energy_adds_up" in found(registered)


async def test_a_cdr_that_comes_again_is_stored_once(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    _, _, first = await cpo.call("POST", f"{base}/cdrs", CDR)
    http_status, body, second = await cpo.call("POST", f"{base}/cdrs", CDR)

    assert (http_status, body["status_code"], second["Location"]) == (200, 1000, first["Location"])
    assert registered.store.cdrs == [CDR]
    assert found(registered) == []


async def test_another_cdr_with_the_same_id_is_refused(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    await cpo.call("POST", f"{base}/cdrs", CDR)

    _, body, _ = await cpo.call("POST", f"{base}/cdrs", {**CDR, "remark": "other"})

    assert body["status_code"] == 2001
    assert registered.store.cdrs == [CDR]
    assert found(registered) == ["history.cdr_sealed"]


async def test_a_cdr_before_its_session_is_completed_is_found(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    await cpo.call("PUT", f"{base}/sessions/NL/GWY/S1", ACTIVE_SESSION)

    await cpo.call("POST", f"{base}/cdrs", CDR)

    assert found(registered) == ["push.session_completed_first"]


@pytest.mark.parametrize(
    ("after", "rule"),
    [
        ({**ACTIVE_SESSION, "kwh": 4}, "history.last_updated"),
        ({**ACTIVE_SESSION, "kwh": 4, "last_updated": "2026-03-02T10:19:00Z"}, "history.backwards"),
        ({**ACTIVE_SESSION, "kwh": 3, "charging_periods": [], "last_updated": LATER}, "history.kwh_falls"),
    ],
)
async def test_a_push_that_goes_backwards_is_found(
    cpo: FakeCpo, registered: Emsp, base: str, after: Json, rule: str
) -> None:
    await cpo.call("PUT", f"{base}/sessions/NL/GWY/S1", ACTIVE_SESSION)

    await cpo.call("PUT", f"{base}/sessions/NL/GWY/S1", after)

    assert found(registered) == [rule]


async def test_a_push_after_completion_is_found(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    await cpo.call("PUT", f"{base}/sessions/NL/GWY/S1", SESSION)

    await cpo.call("PATCH", f"{base}/sessions/NL/GWY/S1", {"meter_id": "M1", "last_updated": LATER})

    assert found(registered) == ["history.session_over"]


async def test_evse_and_connector_pushes_change_their_location(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    url = f"{base}/locations/NL/GWY/L1"
    await cpo.call("PUT", url, LOCATION)

    await cpo.call("PATCH", f"{url}/E1", {"status": "CHARGING", "last_updated": "2026-03-02T11:30:00Z"})
    await cpo.call("PUT", f"{url}/E1/1", {**CONNECTOR, "max_amperage": 32, "last_updated": LATER})
    created, _, _ = await cpo.call(
        "PUT", f"{url}/E2", {**EVSE, "uid": "E2", "evse_id": "NL*GWY*E2", "last_updated": LATER}
    )

    stored = (await cpo.call("GET", url))[1]["data"]
    assert created == 201
    assert [evse["status"] for evse in stored["evses"]] == ["CHARGING", "AVAILABLE"]
    assert stored["evses"][0]["connectors"][0]["max_amperage"] == 32
    assert (stored["last_updated"], stored["evses"][0]["last_updated"]) == (LATER, LATER)
    assert (await cpo.call("GET", f"{url}/E1/1"))[1]["data"]["max_amperage"] == 32
    assert (await cpo.call("GET", f"{url}/E9"))[0] == 404
    assert found(registered) == []


async def test_a_part_of_an_unknown_location_gets_404(cpo: FakeCpo, base: str) -> None:
    assert (await cpo.call("PUT", f"{base}/locations/NL/GWY/L1/E1", EVSE))[0] == 404


async def test_a_deleted_tariff_is_gone(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    url = f"{base}/tariffs/NL/GWY/T1"
    await cpo.call("PUT", url, TARIFF)

    assert (await cpo.call("DELETE", url))[0] == 200
    assert (await cpo.call("DELETE", url))[0] == 404
    assert (await cpo.call("GET", url))[0] == 404


# Tokens, authorisation, commands


async def test_tokens_are_listed_page_by_page(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    registered.know_token("SECOND", type="APP_USER")

    _, body, headers = await cpo.call("GET", f"{base}/tokens?limit=1")
    _, last, last_headers = await cpo.call("GET", headers["Link"].split(">")[0].removeprefix("<"))

    assert [token["uid"] for token in (*body["data"], *last["data"])] == [CDR_TOKEN["uid"], "SECOND"]
    assert (headers["X-Total-Count"], headers["X-Limit"]) == ("2", "100")
    assert "Link" not in last_headers
    assert (await cpo.call("GET", f"{base}/tokens?date_from=2026-03-03T00:00:00Z"))[1]["data"] == []
    assert (await cpo.call("GET", f"{base}/tokens?date_to=soon"))[1]["status_code"] == 2001
    assert found(registered) == ["query.value"]


async def test_a_token_decides_its_authorisation_unless_an_answer_is_scripted(
    cpo: FakeCpo, registered: Emsp, base: str
) -> None:
    url = f"{base}/tokens/{CDR_TOKEN['uid']}/authorize"
    references = {"location_id": "L1", "evse_uids": ["E1"]}

    _, by_itself, _ = await cpo.call("POST", url, references)
    registered.authorizations.answer(
        CDR_TOKEN["uid"], AuthorizeAnswer(status_code=2002), AuthorizeAnswer("NO_CREDIT", "ref-1", "top up, please")
    )
    _, first, _ = await cpo.call("POST", url)
    _, second, _ = await cpo.call("POST", url, references)

    assert by_itself["data"]["allowed"] == "ALLOWED"
    assert by_itself["data"]["location"] == references
    assert by_itself["data"]["token"]["contract_id"] == CDR_TOKEN["contract_id"]
    assert (first["status_code"], "data" in first) == (2002, False)
    assert (second["data"]["allowed"], second["data"]["authorization_reference"]) == ("NO_CREDIT", "ref-1")
    assert "location" not in second["data"]


async def test_an_unknown_token_is_not_authorised(cpo: FakeCpo, base: str) -> None:
    for path in ("NOBODY/authorize", f"{CDR_TOKEN['uid']}/authorize?type=APP_USER"):
        http_status, body, _ = await cpo.call("POST", f"{base}/tokens/{path}")
        assert (http_status, body["status_code"], "data" in body) == (404, 2004, False)


async def test_a_command_has_a_response_and_then_a_result(cpo: FakeCpo, registered: Emsp) -> None:
    sent = await registered.send_command("STOP_SESSION", session_id="S1")
    await cpo.call("POST", cpo.last_command["response_url"], {"result": "ACCEPTED"})

    assert sent.is_accepted
    assert await sent.result(timeout_s=5) == {"result": "ACCEPTED"}
    assert found(registered) == []


async def test_wrong_results_of_commands_are_found(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    cpo.command_result = "REJECTED"
    rejected = await registered.send_command("UNLOCK_CONNECTOR", location_id="L1", evse_uid="E1", connector_id="1")
    await cpo.call("POST", cpo.last_command["response_url"], {"result": "FAILED"})
    await rejected.result(timeout_s=5)
    await cpo.call("POST", cpo.last_command["response_url"], {"result": "FAILED"})
    await cpo.call("POST", f"{base}/commands/STOP_SESSION/nothing", {"result": "FAILED"})
    await cpo.call("POST", cpo.last_command["response_url"], {"result": "MAYBE"})

    assert set(found(registered)) == {
        "commands.no_result",
        "commands.one_result",
        "commands.result_expected",
        "shape.field",
    }


async def test_a_result_that_never_comes_is_found(registered: Emsp) -> None:
    sent = await registered.send_command("STOP_SESSION", session_id="S1")

    assert await sent.result(timeout_s=0) is None
    assert found(registered) == ["commands.in_time"]


# Faults on purpose, and waiting


async def test_faults_are_played_once_each_on_the_requests_they_fit(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    url = f"{base}/tariffs/NL/GWY/T1"
    registered.faults.add(status(500, path_contains="cdrs"))
    registered.faults.add(status(429, retry_after_s=7), times=2)
    registered.faults.add(ocpi_status(3000, method="PUT"))

    answers = [await cpo.call("PUT", url, TARIFF) for _ in range(4)]

    assert [http_status for http_status, _, _ in answers] == [429, 429, 200, 201]
    assert answers[0][2]["Retry-After"] == "7"
    assert answers[2][1]["status_code"] == 3000
    assert (await cpo.call("POST", f"{base}/cdrs", CDR))[0] == 500
    assert registered.faults.played == 4
    assert found(registered) == []


async def test_wrong_json_is_played(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    registered.faults.add(wrong_json())

    with pytest.raises(ValueError, match="Expecting value"):
        await cpo.call("GET", f"{base}/tokens")


async def test_a_lost_answer_has_done_its_work(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    registered.faults.add(lost_answer(path_contains="cdrs"))

    with pytest.raises(aiohttp.ClientError):
        await cpo.call("POST", f"{base}/cdrs", CDR)

    assert registered.store.cdrs == [CDR]


async def test_a_held_request_is_answered_when_it_is_released(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    release = asyncio.Event()
    registered.faults.add(held(release, path_contains="tariffs"))
    registered.faults.add(slow(0, path_contains="tokens"))

    waiting = asyncio.create_task(cpo.call("PUT", f"{base}/tariffs/NL/GWY/T1", TARIFF))
    await cpo.call("GET", f"{base}/tokens")
    assert registered.store.tariffs == []
    release.set()

    assert (await waiting)[0] == 201


async def test_a_push_can_be_waited_for(cpo: FakeCpo, registered: Emsp, base: str) -> None:
    waiting = asyncio.create_task(registered.wait_for(lambda: bool(registered.store.cdrs), 5))
    await cpo.call("POST", f"{base}/cdrs", CDR)
    await waiting

    last = registered.received[-1]
    assert (last.method, last.path, last.body, last.http_status) == ("POST", "/ocpi/2.2.1/cdrs", CDR, 201)
    with pytest.raises(EmspError, match="no session within 0 s"):
        await registered.wait_for(lambda: bool(registered.store.sessions), 0, "no session")


# Charging profiles and preferences

PROFILE: Json = {
    "charging_rate_unit": "A",
    "charging_profile_period": [{"start_period": 0, "limit": Decimal("8.1")}],
}
ACTIVE_PROFILE: Json = {"start_date_time": "2026-03-02T12:00:00Z", "charging_profile": PROFILE}


async def test_charging_profiles_are_set_read_and_cleared_with_their_results(cpo: FakeCpo, registered: Emsp) -> None:
    for send, result in (
        (registered.set_profile("S1", PROFILE), {"result": "ACCEPTED"}),
        (registered.get_profile("S1", 600), {"result": "ACCEPTED", "profile": ACTIVE_PROFILE}),
        (registered.clear_profile("S1"), {"result": "UNKNOWN"}),
    ):
        sent = await send
        await cpo.call("POST", cpo.last_response_url, result)

        assert sent.is_accepted
        assert await sent.result(timeout_s=5) == result
    assert found(registered) == []


async def test_an_active_profile_is_taken_only_for_a_session_that_has_one_of_ours(
    cpo: FakeCpo, registered: Emsp, base: str
) -> None:
    url = f"{base}/chargingprofiles/S1"
    await cpo.call("PUT", url, ACTIVE_PROFILE)
    await registered.set_profile("S1", PROFILE)
    await cpo.call("PUT", url, ACTIVE_PROFILE)
    _, refused, _ = await cpo.call("PUT", url, PROFILE)

    assert registered.store.objects("chargingprofiles") == {("S1",): ACTIVE_PROFILE}
    assert refused["status_code"] == 2001
    assert set(found(registered)) == {"chargingprofiles.expected", "shape.field"}


async def test_a_result_with_a_profile_that_was_not_granted_is_found(cpo: FakeCpo, registered: Emsp) -> None:
    await registered.get_profile("S1")
    await cpo.call("POST", cpo.last_response_url, {"result": "REJECTED", "profile": ACTIVE_PROFILE})

    assert found(registered) == ["chargingprofiles.profile"]


async def test_preferences_are_answered_with_a_word(cpo: FakeCpo, registered: Emsp) -> None:
    assert await registered.set_preferences("S1", {"profile_type": "FAST"}) == "ACCEPTED"
    cpo.preferences_answer = "SURE"
    await registered.set_preferences("S1", {"profile_type": "FAST"})

    assert found(registered) == ["sessions.preferences_answer"]


async def test_a_response_that_came_with_an_error_is_handed_on(cpo: FakeCpo, registered: Emsp) -> None:
    def unknown_location(module: str, _headers: dict[str, str], envelope: Json) -> None:
        if module == "commands":
            envelope |= {"status_code": 2003, "data": {"result": "REJECTED", "timeout": 0}}

    cpo.stray = unknown_location
    sent = await registered.start_session("A-NEW-ONE", "NOWHERE", evse_uid="E1")

    assert (sent.status_code, sent.is_accepted) == (2003, False)
    assert cpo.last_command["token"]["type"] == "APP_USER"
    assert cpo.last_command["evse_uid"] == "E1"


async def test_a_command_without_a_response_is_refused(cpo: FakeCpo, registered: Emsp) -> None:
    def refuse(module: str, _headers: dict[str, str], envelope: Json) -> None:
        if module == "commands":
            envelope |= {"status_code": 2001, "data": None}

    cpo.stray = refuse
    with pytest.raises(EmspError, match="STOP_SESSION was not understood"):
        await registered.stop_session("S1")
