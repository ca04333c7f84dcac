"""The operator's API as its documentation describes it, on a running gateway."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from simulators.demo import LOCATION, TARIFF
from tests.e2e.house import TOKEN, House, until
from tests.e2e.operator import faulty, operate, refused
from tests.e2e.wire import PASSWORD, Visit, charger, equip, now, parse, registered, stamp

UID = "04E2A1B2C3D480"


# --- who may

GUARDED = [
    *(("GET", path) for path in ("stations", "stations/X", "locations", "tariffs", "tokens", "partners", "sessions")),
    *(("GET", path) for path in ("cdrs", "trace", "incidents", "notices", "quarantine", "late-facts", "nothing")),
    *(("PUT", path) for path in ("stations/X", "locations/X", "tariffs/X", "tokens/X")),
    *(("DELETE", path) for path in ("stations/X", "locations/X", "tariffs/X", "tokens/X", "partners/X")),
    ("POST", "partners"),
    ("POST", "stations/X/calls"),
]


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", f"Bearer {TOKEN}x"]
)
async def test_everything_needs_the_operators_token(house: House, authorization: str | None) -> None:
    for method, path in GUARDED:
        answer = await operate(house, method, path, authorization=authorization)

        assert answer.status == 401, (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "Authorization: Bearer" in faulty(answer.body)["remedy"]


async def test_the_scheme_is_read_in_any_case(house: House) -> None:
    assert (await operate(house, "GET", "stations", authorization=f"bearer {TOKEN}")).status == 200


async def test_a_token_is_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    config = House(tmp_path)
    text = config.write_config().read_text().replace(f'token = "{TOKEN}"\n', "")

    class Tokenless(House):
        def write_config(self) -> Path:
            path = self.directory / "config.toml"
            path.write_text(text)
            return path

    async with Tokenless(tmp_path, ports=config.ports) as house:
        file = tmp_path / "data" / "console.token"
        made = file.read_text().strip()
        assert len(made) >= 32
        assert file.stat().st_mode & 0o077 == 0
        assert (await operate(house, "GET", "stations", authorization=f"Bearer {made}")).status == 200
        await house.restart()
        assert file.read_text().strip() == made


# --- health


async def test_health_needs_no_token_and_names_what_is_up(house: House) -> None:
    answer = await operate(house, "GET", "health", authorization=None)

    assert answer.status == 200
    assert (answer.body["status"], answer.body["store"]) == ("up", "up")
    assert answer.body["listeners"] == {"ocpp": "up", "ocpi": "up", "console": "up"}
    assert answer.body["versions"]["ocpi"] == ["2.1.1", "2.2.1", "2.3.0"]
    assert {"1.6", "2.0.1"} <= set(answer.body["versions"]["ocpp"])


async def test_health_is_503_while_the_store_cannot_commit_and_recovers(house: House) -> None:
    """Somebody else holds the database's lock: nothing can be committed, so nothing may be called healthy."""
    intruder = sqlite3.connect(house.directory / "data" / "gateway.sqlite3", isolation_level=None)
    try:
        intruder.execute("BEGIN IMMEDIATE")
        down = await until(lambda: _health_is(house, 503), "health 503")
        status, body = await house.ask("PUT", f"tokens/{UID}", {"status": "accepted"})
        assert status == 503
        assert "database" in faulty(body)["what"]
    finally:
        intruder.close()
    assert (down.body["status"], down.body["store"]) == ("down", "down")
    await until(lambda: _health_is(house, 200), "health 200")
    assert (await house.ask("PUT", f"tokens/{UID}", {"status": "accepted"}))[0] == 201


async def _health_is(house: House, status: int) -> Any:
    answer = await operate(house, "GET", "health", authorization=None)
    return answer if answer.status == status else None


# --- errors in general


@pytest.mark.parametrize(("path", "status"), [("nothing", 404), ("stations/X/nothing", 404), ("sessions/X", 404)])
async def test_an_unknown_path_is_404(house: House, path: str, status: int) -> None:
    await refused(house, status, "GET", path)


async def test_a_method_that_is_not_served_is_405_and_names_those_that_are(house: House) -> None:
    answer = await operate(house, "POST", "tariffs/X")

    assert answer.status == 405
    assert {"GET", "PUT", "DELETE"} <= set(answer.headers["Allow"].replace(" ", "").split(","))
    faulty(answer.body)


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'"text"', b"null", b"\xff", b'{"a": NaN}'])
@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "stations/X"), ("PUT", "locations/X"), ("PUT", "tariffs/X"), ("PUT", "tokens/X"), ("POST", "partners")],
)
async def test_a_body_that_is_no_json_object_is_400(house: House, method: str, path: str, raw: bytes) -> None:
    answer = await operate(house, method, path, raw=raw)

    assert answer.status == 400
    assert faulty(answer.body)["where"] == "$"
    assert "JSON" in answer.body["error"]["what"]


async def test_a_body_that_is_too_large_is_413(house: House) -> None:
    async def chunks() -> Any:
        for _ in range(6):
            yield b" " * 1_000_000

    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"http://127.0.0.1:{house.ports[2]}/api/v1/tariffs/X"
    async with aiohttp.ClientSession(headers=headers) as session, session.put(url, data=chunks()) as response:
        assert response.status == 413
        faulty(await response.json())


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "limit=-1", "limit=1000000", "offset=-1", "offset=x"])
@pytest.mark.parametrize("path", ["sessions", "cdrs", "trace"])
async def test_unusable_limits_are_400_and_named(house: House, path: str, query: str) -> None:
    if path == "trace" and query.startswith("offset"):
        return
    error = await refused(house, 400, "GET", f"{path}?{query}")

    assert query.partition("=")[0] in error["where"]


# --- stations


async def test_a_station_is_put_read_listed_and_deleted(house: House) -> None:
    body = {"security_profile": 1, "password": PASSWORD, "ocpp_version": "1.6"}
    assert (await house.ask("PUT", "stations/CS1", body))[0] == 201
    assert (await house.ask("PUT", "stations/CS1", body))[0] == 200

    station = await house.call("GET", "stations/CS1")

    assert {name: station[name] for name in ("station_id", "security_profile", "ocpp_version", "admission")} == {
        "station_id": "CS1",
        "security_profile": 1,
        "ocpp_version": "1.6",
        "admission": "ACCEPTED",
    }
    assert (station["connection"], station["last_boot"], station["deviations"]) == (None, None, [])
    assert station["has_password"] is True
    assert PASSWORD not in json.dumps(station)
    assert [one["station_id"] for one in await house.call("GET", "stations")] == ["CS1"]
    assert (await house.ask("DELETE", "stations/CS1"))[0] == 204
    await refused(house, 404, "GET", "stations/CS1")
    await refused(house, 404, "DELETE", "stations/CS1")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"security_profile": 9}, "$.security_profile"),
        ({"security_profile": "1"}, "$.security_profile"),
        ({"security_profile": 1}, "$.password"),
        ({"ocpp_version": "1.5"}, "$.ocpp_version"),
        ({"password": ""}, "$.password"),
        ({"pasword": "x"}, "$.pasword"),
    ],
)
async def test_a_wrong_station_is_400(house: House, body: dict[str, Any], where: str) -> None:
    assert (await refused(house, 400, "PUT", "stations/CS1", body))["where"] == where
    await refused(house, 404, "GET", "stations/CS1")


@pytest.mark.parametrize("station_id", ["A%2FB", "A%3AB", "x" * 49, "%C3%A9"])
async def test_an_identity_that_no_station_can_have_is_400(house: House, station_id: str) -> None:
    await refused(house, 400, "PUT", f"stations/{station_id}", {})


async def test_a_connected_station_shows_its_connection_boot_and_plugs(house: House) -> None:
    await equip(house, "CS1")
    async with charger(house) as plug:
        await plug.status("Available", now())
        station = await house.call("GET", "stations/CS1")

        assert station["connection"]["version"] == "1.6"
        assert station["connection"]["is_tls"] is False
        assert (station["last_boot"]["vendor"], station["last_boot"]["model"]) == ("Example", "Wallbox")
        (connector,) = [one for one in station["connectors"] if one["connector_no"] == 1]
        assert (connector["state"], connector["location_id"], connector["evse_uid"]) == (
            "AVAILABLE",
            LOCATION,
            "EVSE-CS1",
        )

    async def is_gone() -> bool:
        return (await house.call("GET", "stations/CS1"))["connection"] is None

    await until(is_gone, "the connection gone")


async def test_a_station_with_an_open_session_cannot_be_deleted(house: House) -> None:
    await equip(house, "CS1")
    await house.call("PUT", f"tokens/{UID}", {"status": "accepted"})
    async with charger(house) as plug:
        visit = Visit(UID, now() - timedelta(minutes=30))
        transaction = await plug.begin(visit)
        assert "session" in (await refused(house, 409, "DELETE", "stations/CS1"))["what"]
        (session,) = await house.items("sessions")
        assert (await house.call("GET", "stations/CS1"))["open_sessions"] == [session["id"]]

        await plug.finish(transaction, visit)

    assert (await house.ask("DELETE", "stations/CS1"))[0] == 204


async def test_a_call_to_a_station_goes_out_and_comes_back(house: House) -> None:
    await equip(house, "CS1")
    async with charger(house) as plug:
        asking = asyncio.create_task(
            house.call("POST", "stations/CS1/calls", {"action": "Reset", "payload": {"type": "Soft"}, "timeout_s": 5})
        )
        while True:
            frame = json.loads(await plug.socket.recv())
            if frame[0] == 2 and frame[2] == "Reset":
                break
            await plug.socket.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
        assert frame[3] == {"type": "Soft"}
        await plug.socket.send(json.dumps([3, frame[1], {"status": "Rejected"}]))

        answer = await asking

    assert (answer["outcome"], answer["payload"]) == ("accepted", {"status": "Rejected"})


async def test_a_call_that_cannot_go_out_says_why(house: House) -> None:
    await equip(house, "CS1")
    reset = {"action": "Reset", "payload": {"type": "Soft"}, "timeout_s": 1}
    assert (await house.call("POST", "stations/CS1/calls", reset))["outcome"] == "offline"
    await refused(house, 404, "POST", "stations/NONE/calls", reset)
    async with charger(house):
        error = await refused(house, 400, "POST", "stations/CS1/calls", {**reset, "payload": {"type": "Gentle"}})
        assert error["where"].startswith("$.payload")
        assert "Gentle" in error["what"] or "type" in error["what"]
        await refused(house, 400, "POST", "stations/CS1/calls", {**reset, "action": "MakeCoffee"})
        await refused(house, 400, "POST", "stations/CS1/calls", {**reset, "timeout_s": 0})
        await refused(house, 400, "POST", "stations/CS1/calls", {"payload": {}})


async def test_an_unknown_station_waits_in_quarantine_until_it_is_put(house: House) -> None:
    boot = [2, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]
    async with connect(f"{house.ocpp_url}/NEW1", subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        await socket.send(json.dumps(boot))
        assert json.loads(await socket.recv())[2]["status"] == "Pending"
        (station,) = await house.call("GET", "stations")
        assert (station["station_id"], station["admission"]) == ("NEW1", "PENDING")
        await house.call("PUT", "stations/NEW1", {})
        asked = json.loads(await socket.recv())
        assert asked[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        await socket.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        await socket.send(json.dumps([2, "2", *boot[2:]]))
        answers = [json.loads(await socket.recv())]
        while answers[-1][1] != "2":
            answers.append(json.loads(await socket.recv()))
        assert answers[-1][2]["status"] == "Accepted"


# --- sessions, CDRs and the trace


async def test_sessions_and_cdrs_have_what_an_operator_asks_for(house: House) -> None:
    await equip(house, "CS1")
    async with registered(house) as emsp:
        await emsp.push(UID)
        visit = Visit(UID, now() - timedelta(hours=1), parking=timedelta(minutes=15))
        async with charger(house) as plug:
            transaction = await plug.begin(visit)
            (open_session,) = await house.items("sessions")
            await plug.finish(transaction, visit)
        (cdr,) = await house.wait_for_cdrs(1)
        (session,) = await house.items("sessions")

    assert (open_session["ended_at"], open_session["stop_reason"], open_session["cdr_id"]) == (None, None, None)
    assert session["transaction_id"] == str(transaction)
    assert session["token_uid"] == UID
    assert parse(session["started_at"]) == parse(stamp(visit.start))
    assert parse(session["ended_at"]) == parse(stamp(visit.end))
    assert (session["stop_reason"], session["status"], session["energy_wh"]) == ("Local", "COMPLETED", 10_000)
    assert (session["station_id"], session["evse_no"], session["connector_no"]) == ("CS1", 1, 1)
    assert (session["location_id"], session["evse_uid"], session["hold"]) == (LOCATION, "EVSE-CS1", None)
    assert (session["cdr_id"], session["partner_id"], session["tariff_id"]) == (cdr["id"], emsp.partner_id, TARIFF)
    assert (cdr["session_id"], cdr["ordinal"], cdr["currency"], cdr["token_uid"]) == (session["id"], 1, "EUR", UID)
    assert (cdr["energy_wh"], cdr["time_s"], cdr["charging_time_s"], cdr["parking_time_s"]) == (10_000, 2700, 1800, 900)
    # 0.50 + 10 kWh x 0.25 + 0.25 h x 2.00 = 3.50, and 20 % on it
    assert cdr["total_cost"] == {"before_taxes": 3.5, "with_taxes": 4.2}
    assert cdr["costs"]["energy"] == {"before_taxes": 2.5, "with_taxes": 3}
    assert cdr["costs"]["time"] is None
    detail = await house.call("GET", f"sessions/{session['id']}")
    kinds = [fact["kind"] for fact in detail["facts"]]
    assert (kinds[0], kinds.count("ENDED")) == ("STARTED", 1)
    assert await house.call("GET", f"cdrs/{cdr['id']}") == {**cdr, "signed_values": []}
    await refused(house, 404, "GET", "cdrs/NONE")


async def test_lists_are_newest_first_and_may_be_narrowed(house: House) -> None:
    await equip(house, "CS1", "CS2")
    await house.call("PUT", f"tokens/{UID}", {"status": "accepted"})
    for station_id, hours in (("CS1", 3), ("CS2", 2), ("CS1", 1)):
        async with charger(house, station_id) as plug:
            await plug.live(Visit(UID, now() - timedelta(hours=hours)))
    await house.wait_for_cdrs(3)

    sessions = await house.items("sessions")

    assert [one["station_id"] for one in sessions] == ["CS1", "CS2", "CS1"]
    assert await house.items("sessions?limit=1&offset=1") == sessions[1:2]
    assert await house.items("sessions?station_id=cs1") == [sessions[0], sessions[2]]
    cdrs = await house.items("cdrs")
    assert len(cdrs) == 3
    assert await house.items("cdrs?limit=2") == cdrs[:2]


async def test_the_trace_shows_frames_both_ways_and_failed_handshakes(house: House) -> None:
    await equip(house, "CS1")
    async with charger(house) as plug:
        await plug.authorize("STRANGER")
    with pytest.raises(InvalidStatus):
        async with charger(house, password="wrong"):
            pass

    entries = await house.call("GET", "trace?station_id=CS1&limit=100")

    assert {entry["direction"] for entry in entries} == {"in", "out", "event"}
    assert any('"Authorize"' in entry["text"] for entry in entries if entry["direction"] == "in")
    assert any("password" in entry["text"] for entry in entries if entry["direction"] == "event")
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert len(await house.call("GET", "trace?limit=1")) == 1
    assert await house.call("GET", "trace?station_id=NONE") == []
    assert "secret-of-the-station" not in json.dumps(entries)

    async def kept() -> Any:
        return await house.call("GET", "incidents?station_id=CS1")

    incidents = await until(kept, "the incident on disk")
    await house.restart()
    assert await house.call("GET", "incidents?station_id=CS1") == incidents
