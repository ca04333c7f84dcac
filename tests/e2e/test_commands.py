"""Commands of partners, from their POST to the station and back to their response_url, and the sessions that follow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulators.charger import Patience, build_charger, load_scenario
from simulators.demo import LOCATION
from simulators.emsp.emsp import Emsp
from simulators.emsp.faults import ocpi_status, status
from simulators.emsp.tokens import new_token
from tests.contract_schemas import assert_valid
from tests.e2e.house import House, until
from tests.e2e.raw import Raw, at

STATION = {"1.6": "CS16", "2.0.1": "CS201"}
LONG_UID = "0123456789ABCDEF0123456789ABCDEF0123"
WAIT_S = 10


@pytest.fixture
async def emsp(house: House) -> AsyncIterator[Emsp]:
    async with provider(house) as emsp:
        yield emsp


@asynccontextmanager
async def provider(house: House, version: str = "2.2.1", party_id: str = "EMS") -> AsyncIterator[Emsp]:
    await house.provision(*STATION.values())
    async with await house.invite(f"eMSP {party_id}", version=version, party_id=party_id) as emsp:
        await emsp.register()
        yield emsp


@asynccontextmanager
async def plugged(house: House, version: str, state: str = "Available") -> AsyncIterator[Raw]:
    """A station that is connected, booted and has told of its plug."""
    async with Raw(f"{house.ocpp_url}/{STATION[version]}", version=version) as raw:
        await raw.boot()
        if version == "1.6":
            told = {"connectorId": 1, "errorCode": "NoError", "status": state, "timestamp": at(0)}
        else:
            told = {"evseId": 1, "connectorId": 1, "connectorStatus": state, "timestamp": at(0)}
        await raw.ask("StatusNotification", told)
        yield raw


async def heard(raw: Raw, action: str) -> list[Any]:
    """The next call of this action; what configures the meter is answered as not implemented meanwhile."""
    while True:
        call = await raw.asked()
        if call[2] == action:
            return call
        await raw.say([4, call[1], "NotImplemented", "", {}])


def token(emsp: Emsp, uid: str = "04A1B2C3", **fields: Any) -> dict[str, Any]:
    body = new_token(emsp.party, uid, emsp._desk.now(), **fields)
    if emsp._version.number == "2.1.1":
        body = {name: body[name] for name in ("uid", "type", "issuer", "valid", "whitelist", "last_updated")}
        body["auth_id"] = "NL-EMS-C1"
    return body


def evse(version: str) -> str:
    return f"EVSE-{STATION[version]}"


def word_of(result: dict[str, Any] | None) -> str | None:
    return None if result is None else result["result"]


async def pushed(emsp: Emsp, status: str) -> dict[str, Any]:
    """The newest session that was pushed (pulled, where the eMSP takes no pushes), once it has this status."""

    async def found() -> dict[str, Any] | None:
        if emsp._version.number == "2.1.1":
            await emsp.pull("sessions")
        bodies = emsp.store.sessions
        return bodies[-1] if bodies and bodies[-1]["status"] == status else None

    session: dict[str, Any] = await until(found, f"a session is {status}", WAIT_S)
    return session


# --- the stories of a start


@pytest.mark.parametrize("ocpi", ["2.1.1", "2.2.1", "2.3.0"])
@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_an_ordered_session_runs_from_the_command_to_the_bill(house: House, ocpi: str, ocpp: str) -> None:
    """The token was never pushed and nobody is asked about it: the order is its authorisation."""
    async with provider(house, ocpi) as emsp, plugged(house, ocpp) as raw:
        more = {} if ocpi == "2.1.1" else {"authorization_reference": "REF-7"}
        asked = await emsp.send_command(
            "START_SESSION", token=token(emsp), location_id=LOCATION, evse_uid=evse(ocpp), **more
        )
        assert asked.is_accepted, asked.response
        call = await heard(raw, "RemoteStartTransaction" if ocpp == "1.6" else "RequestStartTransaction")
        await raw.reply(call, {"status": "Accepted"})
        result = await asked.result(WAIT_S)
        assert word_of(result) == "ACCEPTED"
        pending = await pushed(emsp, "PENDING")

        started = await begin(raw, call)
        active = await pushed(emsp, "ACTIVE")
        await end(raw, started)
        await house.wait_for_cdrs(1)

        assert active["id"] == pending["id"]
        (cdr,) = await emsp.pull("cdrs")
        assert cdr["auth_method"] == ("AUTH_REQUEST" if ocpi == "2.1.1" else "COMMAND")
        assert cdr.get("authorization_reference") == more.get("authorization_reference")
        assert len(await house.items("sessions")) == 1
        assert [each for each in emsp.received if "/authorize" in each.path] == []
        # Whole seconds: a session that is pulled twice within one shows no later last_updated.
        too_fast = {"history.last_updated"} if ocpi == "2.1.1" else set()
        assert [each for each in emsp.violations if each.rule.id not in too_fast] == []


async def begin(raw: Raw, call: list[Any]) -> str:
    """The transaction that an accepted start brings, with what the station was told; its id."""
    payload = call[3]
    if raw.version == "1.6":
        start = {"connectorId": 1, "idTag": payload["idTag"], "meterStart": 1000, "timestamp": at(-1)}
        answer = await raw.ask("StartTransaction", start)
        assert answer["idTagInfo"]["status"] == "Accepted"
        return str(answer["transactionId"])
    event = {
        "eventType": "Started",
        "triggerReason": "RemoteStart",
        "seqNo": 0,
        "timestamp": at(-1),
        "transactionInfo": {"transactionId": "tx-1", "remoteStartId": payload["remoteStartId"]},
        "idToken": payload["idToken"],
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [reading(1000, -1)],
    }
    answer = await raw.ask("TransactionEvent", event)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    return "tx-1"


async def end(raw: Raw, transaction_id: str) -> None:
    if raw.version == "1.6":
        stop = {"transactionId": int(transaction_id), "meterStop": 6000, "timestamp": at(0), "reason": "Remote"}
        await raw.ask("StopTransaction", stop)
        return
    event = {
        "eventType": "Ended",
        "triggerReason": "RemoteStop",
        "seqNo": 1,
        "timestamp": at(0),
        "transactionInfo": {"transactionId": transaction_id, "stoppedReason": "Remote"},
        "meterValue": [reading(6000, 0)],
    }
    await raw.ask("TransactionEvent", event)


def reading(wh: int, minutes: float) -> dict[str, Any]:
    return {"timestamp": at(minutes), "sampledValue": [{"value": wh}]}


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_a_transaction_that_comes_before_the_reply_is_the_ordered_session(
    house: House, emsp: Emsp, ocpp: str
) -> None:
    async with plugged(house, ocpp) as raw:
        asked = await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION, evse_uid=evse(ocpp))
        call = await heard(raw, "RemoteStartTransaction" if ocpp == "1.6" else "RequestStartTransaction")
        await begin(raw, call)
        await raw.reply(call, {"status": "Accepted"})

        assert await asked.result(WAIT_S) == {"result": "ACCEPTED"}
        active = await pushed(emsp, "ACTIVE")
        (session,) = await house.items("sessions")
        (command,) = await house.items("commands")
        assert session["id"] == active["id"] == command["session_id"]
        assert emsp.violations == []


async def test_a_long_uid_has_an_alias_that_nobody_else_may_use(house: House, emsp: Emsp) -> None:
    async with plugged(house, "1.6") as raw:
        await emsp.send_command(
            "START_SESSION",
            token=token(emsp, LONG_UID, type="APP_USER"),
            location_id=LOCATION,
            evse_uid=evse("1.6"),
        )
        call = await heard(raw, "RemoteStartTransaction")
        alias = call[3]["idTag"]
        await raw.reply(call, {"status": "Accepted"})
        await pushed(emsp, "PENDING")

        answer = await raw.ask("Authorize", {"idTag": alias})
        assert answer["idTagInfo"]["status"] == "Accepted"
        await end(raw, await begin(raw, call))
        await house.wait_for_cdrs(1)

        assert len(alias) == 20
        (cdr,) = await emsp.pull("cdrs")
        assert cdr["cdr_token"]["uid"] == LONG_UID
        refused = await raw.ask("Authorize", {"idTag": alias})
        assert refused["idTagInfo"]["status"] != "Accepted"


async def test_a_session_that_never_starts_is_invalid_when_its_window_is_over(tmp_path: Path) -> None:
    env = {"GATEWAY_OCPI__COMMAND_TIMEOUT_S": "5", "GATEWAY_OCPI__START_WINDOW_S": "0"}
    async with House(tmp_path, env) as house, provider(house) as emsp, plugged(house, "1.6") as raw:
        await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION, evse_uid=evse("1.6"))
        call = await heard(raw, "RemoteStartTransaction")
        await raw.reply(call, {"status": "Accepted"})
        pending = await pushed(emsp, "PENDING")

        invalid = await pushed(emsp, "INVALID")
        await begin(raw, call)
        active = await pushed(emsp, "ACTIVE")

        assert invalid["id"] == pending["id"]
        assert active["id"] != pending["id"], "what was told to be over does not come back"
        assert active["auth_method"] == "COMMAND"
        assert emsp.violations == []


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_a_station_that_does_not_answer_is_a_timeout_within_the_time_promised(tmp_path: Path, ocpp: str) -> None:
    async with (
        House(tmp_path, {"GATEWAY_OCPI__COMMAND_TIMEOUT_S": "5"}) as house,
        provider(house) as emsp,
        plugged(house, ocpp) as raw,
    ):
        asked = await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION, evse_uid=evse(ocpp))
        call = await heard(raw, "RemoteStartTransaction" if ocpp == "1.6" else "RequestStartTransaction")

        result = await asked.result()
        await begin(raw, call)
        active = await pushed(emsp, "ACTIVE")

        assert asked.response["timeout"] == 5
        assert word_of(result) == "TIMEOUT"
        assert active["auth_method"] == "COMMAND", "the start happened after all, and is the partner's"
        assert emsp.violations == []


async def test_where_only_the_location_is_given_a_free_evse_is_chosen(house: House, emsp: Emsp) -> None:
    async with plugged(house, "1.6", "Faulted"), plugged(house, "2.0.1") as raw:
        asked = await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION)
        call = await heard(raw, "RequestStartTransaction")
        await raw.reply(call, {"status": "Rejected", "statusInfo": {"reasonCode": "NotReady"}})

        result = await asked.result(WAIT_S)
        assert result is not None
        assert result["result"] == "FAILED"
        assert "NotReady" in result["message"][0]["text"]
        assert_valid("command_result", result)


# --- stop and unlock


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_only_the_owner_stops_a_session(house: House, emsp: Emsp, ocpp: str) -> None:
    async with plugged(house, ocpp) as raw, provider(house, party_id="OTH") as other:
        await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION, evse_uid=evse(ocpp))
        call = await heard(raw, "RemoteStartTransaction" if ocpp == "1.6" else "RequestStartTransaction")
        await raw.reply(call, {"status": "Accepted"})
        transaction_id = await begin(raw, call)
        session = await pushed(emsp, "ACTIVE")

        foreign = await other.send_command("STOP_SESSION", session_id=session["id"])
        unknown = await emsp.send_command("STOP_SESSION", session_id="nobody-knows")
        own = await emsp.send_command("STOP_SESSION", session_id=session["id"])
        stop = await heard(raw, "RemoteStopTransaction" if ocpp == "1.6" else "RequestStopTransaction")
        await raw.reply(stop, {"status": "Accepted"})
        result = await own.result(WAIT_S)
        await end(raw, transaction_id)
        await house.wait_for_cdrs(1)
        late = await emsp.send_command("STOP_SESSION", session_id=session["id"])

        assert foreign.response["result"] == "REJECTED"
        assert unknown.response["result"] == "UNKNOWN_SESSION"
        assert str(stop[3]["transactionId"]) == transaction_id
        assert result == {"result": "ACCEPTED"}
        assert late.response["result"] == "REJECTED"
        assert emsp.violations == other.violations == []


async def test_a_session_that_is_pending_is_stopped_before_it_starts(house: House, emsp: Emsp) -> None:
    async with plugged(house, "1.6") as raw:
        await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION, evse_uid=evse("1.6"))
        call = await heard(raw, "RemoteStartTransaction")
        await raw.reply(call, {"status": "Accepted"})
        pending = await pushed(emsp, "PENDING")

        asked = await emsp.send_command("STOP_SESSION", session_id=pending["id"])
        result = await asked.result(WAIT_S)
        invalid = await pushed(emsp, "INVALID")
        start = {"connectorId": 1, "idTag": call[3]["idTag"], "meterStart": 0, "timestamp": at(0)}
        answer = await raw.ask("StartTransaction", start)

        assert result == {"result": "ACCEPTED"}
        assert invalid["id"] == pending["id"]
        assert answer["idTagInfo"]["status"] == "Invalid"


@pytest.mark.parametrize(
    ("ocpp", "status", "result"),
    [
        ("1.6", "Unlocked", "ACCEPTED"),
        ("1.6", "NotSupported", "NOT_SUPPORTED"),
        ("2.0.1", "Unlocked", "ACCEPTED"),
        ("2.0.1", "OngoingAuthorizedTransaction", "REJECTED"),
    ],
)
async def test_a_connector_is_unlocked(house: House, emsp: Emsp, ocpp: str, status: str, result: str) -> None:
    async with plugged(house, ocpp) as raw:
        connector = (await emsp.pull("locations"))[0]["evses"][0]["connectors"][0]["id"]
        asked = await emsp.send_command(
            "UNLOCK_CONNECTOR", location_id=LOCATION, evse_uid=evse(ocpp), connector_id=connector
        )
        await raw.reply(await heard(raw, "UnlockConnector"), {"status": status})

        answer = await asked.result(WAIT_S)

        assert word_of(answer) == result
        assert_valid("command_result", answer)
        (command,) = await house.items(f"commands?station_id={STATION[ocpp]}")
        assert (command["kind"], command["result"]) == ("UNLOCK_CONNECTOR", result)


async def test_what_cannot_be_done_is_refused_at_once(house: House, emsp: Emsp) -> None:
    start = {"token": token(emsp), "location_id": LOCATION, "evse_uid": evse("1.6")}

    offline = await emsp.send_command("START_SESSION", **start)
    strange = await emsp.send_command("START_SESSION", **start | {"token": token(emsp) | {"party_id": "XXX"}})
    lone_plug = await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION, connector_id="1")

    assert "not connected" in offline.response["message"][0]["text"]
    assert "not yours" in strange.response["message"][0]["text"]
    assert [each.response["result"] for each in (offline, strange, lone_plug)] == ["REJECTED"] * 3
    assert_valid("command_response", offline.response)
    assert emsp.violations == []


# --- telling the result


async def test_a_result_is_told_though_the_partner_fails_on_all_else(house: House, emsp: Emsp) -> None:
    emsp.faults.add(status(503, method="PUT"), times=1000)
    async with plugged(house, "1.6") as raw:
        await house.call("POST", f"partners/{await partner_of(house)}/resync", {})
        await until(lambda: failing(house), "the partner fails")

        result = await unlock(emsp, raw)

        assert word_of(result) == "ACCEPTED"
        assert await failing(house), "and it fails on all else still"


async def test_a_result_is_tried_again_and_one_that_is_refused_is_a_dead_letter(tmp_path: Path) -> None:
    async with (
        House(tmp_path, {"GATEWAY_OCPI__PUSH_RETRY_S": "0.1"}) as house,
        provider(house) as emsp,
        plugged(house, "1.6") as raw,
    ):
        emsp.faults.add(status(503, path_contains="/commands/"), times=2)
        assert word_of(await unlock(emsp, raw)) == "ACCEPTED"
        emsp.faults.add(ocpi_status(2001, path_contains="/commands/"))
        await unlock(emsp, raw, waits=False)

        async def refused() -> list[dict[str, Any]]:
            found = await house.call("GET", f"partners/{await partner_of(house)}/deliveries")
            rows: list[dict[str, Any]] = found["refused"]
            return rows

        (row,) = await until(refused, "the result is refused")
        commands = await house.items("commands")
        assert [each["state"] for each in commands] == ["REFUSED", "DELIVERED"]
        await house.call("POST", f"partners/{await partner_of(house)}/deliveries/{row['no']}/retry")

        async def delivered() -> bool:
            return [each["state"] for each in await house.items("commands")] == ["DELIVERED"] * 2

        await until(delivered, "the dead letter is delivered")


async def test_a_result_has_the_routing_of_the_command_turned_around(house: House, emsp: Emsp) -> None:
    async with plugged(house, "1.6") as raw:
        await unlock(emsp, raw)

        (post,) = [each for each in emsp.received if "/commands/" in each.path]
        names = ("OCPI-from-country-code", "OCPI-from-party-id", "OCPI-to-country-code", "OCPI-to-party-id")
        headers = {name.lower(): value for name, value in post.headers.items()}
        assert [headers[name.lower()] for name in names] == ["NL", "GWY", "NL", "EMS"]


async def unlock(emsp: Emsp, raw: Raw, *, waits: bool = True) -> dict[str, Any] | None:
    connector = (await emsp.pull("locations"))[0]["evses"][0]["connectors"][0]["id"]
    asked = await emsp.send_command(
        "UNLOCK_CONNECTOR", location_id=LOCATION, evse_uid=evse(raw.version), connector_id=connector
    )
    await raw.reply(await heard(raw, "UnlockConnector"), {"status": "Unlocked"})
    return await asked.result(WAIT_S) if waits else None


async def partner_of(house: House) -> str:
    (partner,) = await house.items("partners")
    return str(partner["id"])


async def failing(house: House) -> bool:
    found = await house.call("GET", f"partners/{await partner_of(house)}/deliveries")
    return bool(found["state"] == "FAILING")


# --- with the simulated charger


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_the_simulated_charger_obeys(house: House, emsp: Emsp, ocpp: str) -> None:
    scenario = load_scenario("16-simple" if ocpp == "1.6" else "201-simple")
    charger = build_charger(
        scenario, house.ocpp_url, STATION[ocpp], version=ocpp, speed=None, patience=Patience(boot_pause_s=0.1)
    )
    async with charger:
        await charger.boot()
        await charger.plug(1)
        asked = await emsp.send_command("START_SESSION", token=token(emsp), location_id=LOCATION, evse_uid=evse(ocpp))
        assert await asked.result(WAIT_S) == {"result": "ACCEPTED"}
        session = await pushed(emsp, "ACTIVE")
        stop = await emsp.send_command("STOP_SESSION", session_id=session["id"])
        assert await stop.result(WAIT_S) == {"result": "ACCEPTED"}
        await house.wait_for_cdrs(1)
    (cdr,) = await emsp.pull("cdrs")
    assert cdr["session_id"] == session["id"]
    assert emsp.violations == []
