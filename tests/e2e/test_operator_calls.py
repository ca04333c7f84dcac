"""What the operator asks of a station, and what the operator is told: outcomes, the trace, start and stop."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.house import GatewayProcess, House, until
from tests.e2e.raw import Raw, at

QUIET = {"GATEWAY_OCPP__CONFIGURE_METERING": "false"}
CARD = {"idToken": "CARD", "type": "ISO14443"}

# The keys stand in an order that no schema, alphabet or dataclass has: it must be the one on the wire.
CALLS: dict[str, dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "1.6": {
        "RemoteStartTransaction": ({"idTag": "CARD", "connectorId": 1}, {"status": "Accepted"}),
        "RemoteStopTransaction": ({"transactionId": 7}, {"status": "Rejected"}),
        "Reset": ({"type": "Soft"}, {"status": "Accepted"}),
        "UnlockConnector": ({"connectorId": 1}, {"status": "UnlockFailed"}),
        "ChangeAvailability": ({"type": "Inoperative", "connectorId": 0}, {"status": "Scheduled"}),
        "ChangeConfiguration": ({"value": "60", "key": "HeartbeatInterval"}, {"status": "RebootRequired"}),
        "GetConfiguration": (
            {"key": ["Zeta", "Alpha"]},
            {"unknownKey": ["Zeta"], "configurationKey": [{"key": "Alpha", "readonly": False, "value": "1"}]},
        ),
        "TriggerMessage": ({"requestedMessage": "MeterValues", "connectorId": 1}, {"status": "NotImplemented"}),
        "ClearCache": ({}, {"status": "Accepted"}),
        "DataTransfer": (
            {"vendorId": "acme", "data": '{"b": 1, "a": 2}', "messageId": "m"},
            {"status": "Accepted", "data": "é"},
        ),
        # not a story of its own, yet in the schemas
        "SendLocalList": ({"updateType": "Full", "listVersion": 3}, {"status": "Accepted"}),
        "GetDiagnostics": ({"location": "ftp://example.com/"}, {"fileName": "diag.zip"}),
        "ReserveNow": (
            {"reservationId": 1, "idTag": "CARD", "expiryDate": at(30), "connectorId": 1},
            {"status": "Occupied"},
        ),
        "SetChargingProfile": (
            {
                "csChargingProfiles": {
                    "stackLevel": 0,
                    "chargingProfileId": 1,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": {
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}],
                        "chargingRateUnit": "A",
                    },
                },
                "connectorId": 1,
            },
            {"status": "Accepted"},
        ),
    },
    "2.0.1": {
        "RequestStartTransaction": (
            {"remoteStartId": 5, "idToken": {"type": "ISO14443", "idToken": "CARD"}, "evseId": 1},
            {"status": "Accepted"},
        ),
        "RequestStopTransaction": ({"transactionId": "TX1"}, {"status": "Rejected"}),
        "Reset": ({"type": "OnIdle", "evseId": 1}, {"status": "Scheduled"}),
        "UnlockConnector": ({"evseId": 1, "connectorId": 1}, {"status": "Unlocked"}),
        "ChangeAvailability": ({"operationalStatus": "Inoperative", "evse": {"id": 1}}, {"status": "Accepted"}),
        "GetVariables": (
            {"getVariableData": [{"variable": {"name": "Interval"}, "component": {"name": "SampledDataCtrlr"}}]},
            {
                "getVariableResult": [
                    {
                        "component": {"name": "SampledDataCtrlr"},
                        "attributeStatus": "UnknownVariable",
                        "variable": {"name": "Interval"},
                    }
                ]
            },
        ),
        "SetVariables": (
            {
                "setVariableData": [
                    {
                        "variable": {"name": "HeartbeatInterval"},
                        "attributeValue": "60",
                        "component": {"name": "OCPPCommCtrlr"},
                    }
                ]
            },
            {
                "setVariableResult": [
                    {
                        "variable": {"name": "HeartbeatInterval"},
                        "component": {"name": "OCPPCommCtrlr"},
                        "attributeStatus": "Accepted",
                    }
                ]
            },
        ),
        "GetBaseReport": ({"requestId": 1, "reportBase": "FullInventory"}, {"status": "Accepted"}),
        "TriggerMessage": ({"requestedMessage": "Heartbeat", "evse": {"id": 1}}, {"status": "NotImplemented"}),
        "ClearCache": ({}, {"status": "Rejected"}),
        "DataTransfer": (
            {"vendorId": "acme", "data": {"z": 1, "a": [1.50, None]}, "messageId": "m"},
            {"status": "Accepted"},
        ),
        # not a story of its own, yet in the schemas
        "GetTransactionStatus": ({"transactionId": "TX1"}, {"messagesInQueue": False}),
        "GetLocalListVersion": ({}, {"versionNumber": 0}),
        "CostUpdated": ({"transactionId": "TX1", "totalCost": 1.25}, {}),
    },
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, env=QUIET) as running:
        await running.provision("CS1")
        yield running


def ask(house: House, action: str, payload: Any = None, **more: Any) -> "asyncio.Task[tuple[int, Any]]":
    body = {"action": action, "payload": {} if payload is None else payload, **more}
    return asyncio.create_task(house.ask("POST", "stations/CS1/calls", body))


def url(house: House) -> str:
    return f"{house.ocpp_url}/CS1"


async def traced(house: House, *words: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        entries = await house.items("trace?station_id=CS1&limit=500")
        return next((one for one in entries if all(word in f"{one['text']} {one['reason']}" for word in words)), None)

    found: dict[str, Any] = await until(look, f"a trace entry with {words}", 5)
    return found


# --- outcomes


@pytest.mark.parametrize("version", CALLS)
async def test_every_call_goes_out_as_given_and_its_answer_comes_back(house: House, version: str) -> None:
    ids = set()
    async with Raw(url(house), version=version) as station:
        await station.boot()
        for action, (payload, reply) in CALLS[version].items():
            asking = ask(house, action, payload, timeout_s=10)
            text = await station.raw()
            frame = json.loads(text)
            await station.reply(frame, reply)
            status, answer = await asking

            compact = json.dumps([2, frame[1], action, payload], separators=(",", ":"), ensure_ascii=False)
            assert text == compact, "compact, keys in the order given"
            assert 0 < len(frame[1]) <= 36
            ids.add(frame[1])
            assert (status, answer["outcome"]) == (200, "accepted"), (action, answer)
            assert answer["payload"] == reply, action

    assert len(ids) == len(CALLS[version])


@pytest.mark.parametrize(
    ("error", "code", "description"),
    [
        (["NotSupported", "no such lock", {"a": 1}], "NotSupported", "no such lock"),
        (["GenericError", "", {}], "GenericError", ""),
        (["MadeUpCode", "x" * 300, {}], "MadeUpCode", "x" * 255),
        (["NotImplemented", None, None], "NotImplemented", ""),
        (["NotImplemented"], "NotImplemented", ""),
    ],
)
async def test_a_call_error_is_told_with_code_and_description(
    house: House, error: list[Any], code: str, description: str
) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        asking = ask(house, "UnlockConnector", {"connectorId": 1}, timeout_s=10)
        call = await station.asked("UnlockConnector")
        await station.say([4, call[1], *error])
        status, answer = await asking
        await station.hears_nothing()

    assert (status, answer["outcome"]) == (200, "call_error"), answer
    assert answer["error_code"] == code
    assert (answer["error_description"] or "").startswith(description)


async def test_an_answer_that_breaks_its_schema_fails_the_call_and_says_where(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        asking = ask(house, "UnlockConnector", {"connectorId": 1}, timeout_s=10)
        call = await station.asked("UnlockConnector")
        await station.reply(call, {"state": "Unlocked"})
        status, answer = await asking
        await station.hears_nothing()

    assert status == 200, answer
    assert answer["outcome"] != "accepted", answer
    assert "status" in json.dumps(answer), answer


@pytest.mark.parametrize("reply", [[], "Accepted", 5])
async def test_an_answer_that_is_no_object_fails_the_call(house: House, reply: Any) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        asking = ask(house, "ClearCache", timeout_s=10)
        await station.reply(await station.asked("ClearCache"), reply)
        status, answer = await asking
        await station.hears_nothing()

    assert status == 200
    assert answer["outcome"] != "accepted", answer


async def test_no_answer_is_a_timeout_and_a_late_one_harms_nothing(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        asking = ask(house, "ClearCache", timeout_s=0.2)
        late = await station.asked("ClearCache")
        status, answer = await asking
        second = ask(house, "Reset", {"type": "Hard"}, timeout_s=10)
        reset = await station.asked("Reset")
        await station.reply(late, {"status": "Rejected"})
        await station.reply(reset, {"status": "Accepted"})
        _, reset_answer = await second
        await station.hears_nothing()

    assert (status, answer["outcome"]) == (200, "timeout")
    assert reset_answer["payload"] == {"status": "Accepted"}
    await traced(house, "late")


async def test_a_timeout_can_be_found_in_the_trace(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        status, answer = await ask(house, "ClearCache", timeout_s=0.1)

        assert (status, answer["outcome"]) == (200, "timeout")
        await traced(house, "ClearCache", "no answer")


async def test_a_station_that_is_away_is_offline_and_keeps_nothing_for_later(house: House) -> None:
    status, answer = await ask(house, "RemoteStartTransaction", {"idTag": "CARD"}, timeout_s=5)
    async with Raw(url(house)) as station:
        await station.boot()
        await station.hears_nothing()

    assert (status, answer["outcome"]) == (200, "offline")


async def test_a_connection_lost_in_mid_call_fails_it_at_once(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        asking = ask(house, "ClearCache", timeout_s=60)
        await station.asked("ClearCache")
    async with asyncio.timeout(5):
        status, answer = await asking

    assert status == 200
    assert answer["outcome"] in ("offline", "timeout")


async def test_calls_wait_for_one_another_and_the_station_is_served_meanwhile(house: House) -> None:
    # OCPP-J 1.6 4.1.1
    async with Raw(url(house)) as station:
        await station.boot()
        asked = [ask(house, "ChangeConfiguration", {"key": f"K{n}", "value": "1"}, timeout_s=20) for n in range(3)]
        seen = []
        for _ in range(3):
            call = await station.asked("ChangeConfiguration")
            await station.hears_nothing()
            seen.append(call[3]["key"])
            await station.reply(call, {"status": "Accepted"})
        outcomes = {(await one)[1]["outcome"] for one in asked}

    assert sorted(seen) == ["K0", "K1", "K2"]
    assert outcomes == {"accepted"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"action": "Reset", "payload": {"type": "Warm"}}, "type"),
        ({"action": "Reset", "payload": {}}, "type"),
        ({"action": "Reset", "payload": {"type": "Soft", "when": "now"}}, "when"),
        ({"action": "Reset", "payload": {"type": 5}}, "type"),
        ({"action": "Reset", "payload": ["Soft"]}, "payload"),
        ({"action": "Fly", "payload": {}}, "Fly"),
        ({"action": "reset", "payload": {"type": "Soft"}}, "reset"),
        ({"action": "GetVariables", "payload": {"getVariableData": []}}, "GetVariables"),
        (
            {"action": "BootNotification", "payload": {"chargePointVendor": "A", "chargePointModel": "B"}},
            "BootNotification",
        ),
        ({"payload": {}}, "action"),
        ({"action": "ClearCache", "payload": {}, "timeout_s": 0}, "timeout_s"),
        ({"action": "ClearCache", "payload": {}, "timeout_s": 601}, "timeout_s"),
        ({"action": "ClearCache", "payload": {}, "timeout_s": "soon"}, "timeout_s"),
        ({"action": "ClearCache", "payload": {}, "timeout": 5}, "timeout"),
        ({"action": "RemoteStartTransaction", "payload": {"idTag": "x" * 21}}, "idTag"),
        (["ClearCache"], ""),
    ],
)
async def test_a_call_that_breaks_the_schema_is_400_and_never_sent(house: House, body: Any, word: str) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        status, answer = await house.ask("POST", "stations/CS1/calls", body)
        await station.hears_nothing()

    assert status == 400, answer
    assert word in json.dumps(answer), answer
    assert answer["error"]["what"]
    assert not answer["error"]["what"].startswith("$"), "the place stands apart"


async def test_a_call_to_a_station_that_there_is_not_is_404(house: House) -> None:
    status, answer = await house.ask("POST", "stations/NOBODY/calls", {"action": "ClearCache", "payload": {}})

    assert status == 404
    assert "NOBODY" in json.dumps(answer)


async def test_a_payload_left_out_is_an_empty_one(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        asking = asyncio.create_task(house.ask("POST", "stations/CS1/calls", {"action": "ClearCache"}))
        call = await station.asked("ClearCache")
        await station.reply(call, {"status": "Accepted"})

        assert call[3] == {}
        assert (await asking)[1]["outcome"] == "accepted"


# --- metering after the boot


@pytest.fixture
async def metering(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, env={"GATEWAY_OCPP__METERING_INTERVAL_S": "60"}) as running:
        await running.provision("CS1")
        yield running


def setting(key: str, value: Any, readonly: bool = False) -> dict[str, Any]:
    return {"key": key, "value": value, "readonly": readonly}


async def configure_16(station: Raw, entries: list[dict[str, Any]], unknown: tuple[str, ...] = ()) -> list[Any]:
    """Boot, answer GetConfiguration, accept every change; the changes."""
    await station.boot()
    call = await station.asked("GetConfiguration")
    await station.reply(call, {"configurationKey": entries, "unknownKey": list(unknown)})
    return await changes_of(station, "ChangeConfiguration", {"status": "Accepted"})


async def changes_of(station: Raw, action: str, reply: Any) -> list[Any]:
    """The payloads of this action until the gateway has nothing more to say."""
    changes = []
    while True:
        try:
            async with asyncio.timeout(0.3):
                call = json.loads(await station.socket.recv())
        except TimeoutError:
            return changes
        if call[2] == action:
            changes.append(call[3])
            answer = reply(call[3]) if callable(reply) else reply
        else:
            answer = {"status": "Rejected"} if call[2] == "TriggerMessage" else {}
        await station.reply(call, answer)


REGISTER = "Energy.Active.Import.Register"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([setting("MeterValuesSampledData", REGISTER), setting("MeterValueSampleInterval", "60")], []),
        (
            [setting("MeterValuesSampledData", REGISTER), setting("MeterValueSampleInterval", "900")],
            [{"key": "MeterValueSampleInterval", "value": "60"}],
        ),
        ([setting("MeterValuesSampledData", REGISTER), setting("MeterValueSampleInterval", "900", readonly=True)], []),
        # a number where text belongs, and a key in the station's own spelling
        ([setting("metervaluessampleddata", REGISTER), setting("METERVALUESAMPLEINTERVAL", 60)], []),
        ([], []),
    ],
    ids=["same", "differs", "read-only", "odd spelling", "unknown"],
)
async def test_metering_of_1_6_is_set_only_where_it_differs_and_is_writable(
    metering: House, entries: list[dict[str, Any]], expected: list[Any]
) -> None:
    async with Raw(url(metering)) as station:
        assert await configure_16(station, entries) == expected


async def test_the_energy_register_is_added_to_what_1_6_samples(metering: House) -> None:
    entries = [setting("MeterValuesSampledData", "Voltage,SoC"), setting("MeterValueSampleInterval", "60")]
    async with Raw(url(metering)) as station:
        (change,) = await configure_16(station, entries)

    assert change["key"] == "MeterValuesSampledData"
    assert set(change["value"].split(",")) >= {"Voltage", "SoC", REGISTER}


async def test_metering_of_1_6_is_tried_once_per_boot(metering: House) -> None:
    async with Raw(url(metering)) as station:
        await station.boot()
        call = await station.asked("GetConfiguration")
        await station.reply(call, {"configurationKey": [setting("MeterValueSampleInterval", "900")]})
        rejected = await changes_of(station, "ChangeConfiguration", {"status": "Rejected"})

    assert rejected == [{"key": "MeterValueSampleInterval", "value": "60"}]


async def test_metering_of_2_0_1_is_set_only_where_it_differs_and_is_writable(metering: House) -> None:
    values = {
        "TxStartedMeasurands": (REGISTER, "ReadWrite"),
        "TxUpdatedMeasurands": ("Voltage", "ReadWrite"),
        "TxEndedMeasurands": ("Voltage", "ReadOnly"),
        "TxUpdatedInterval": ("900", "ReadWrite"),
    }

    def result(data: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"component": data["component"], "variable": data["variable"], "attributeStatus": "Accepted", **more}

    async with Raw(url(metering), version="2.0.1") as station:
        await station.boot()
        call = await station.asked("GetVariables")
        results = [
            result(data, attributeValue=values[data["variable"]["name"]][0]) for data in call[3]["getVariableData"]
        ]
        await station.reply(call, {"getVariableResult": results})
        changes = await changes_of(
            station,
            "SetVariables",
            lambda payload: {
                "setVariableResult": [
                    {**result(data), "attributeStatus": "Rejected"}
                    if values[data["variable"]["name"]][1] == "ReadOnly"
                    else result(data)
                    for data in payload["setVariableData"]
                ]
            },
        )

    written = [data for change in changes for data in change["setVariableData"]]
    by_name = {data["variable"]["name"]: data["attributeValue"] for data in written}
    assert len(written) == len(by_name), "each variable is set once"
    assert "TxStartedMeasurands" not in by_name
    assert by_name["TxUpdatedInterval"] == "60"
    assert set(by_name["TxUpdatedMeasurands"].split(",")) >= {"Voltage", REGISTER}


# --- the trace


async def test_the_trace_has_both_directions_in_their_order(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.say('[2,"b1","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"Ü"}]')
        booted = await station.raw()
        asking = ask(house, "ClearCache", timeout_s=10)
        text = await station.raw()
        await station.say([3, json.loads(text)[1], {"status": "Accepted"}])
        await asking
    entries = await house.items("trace?station_id=CS1&limit=100")
    frames = [(one["direction"], one["text"]) for one in entries if one["direction"] != "event"]

    assert frames[:3] == [
        ("in", '[2,"b1","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"Ü"}]'),
        ("out", booted),
        ("out", text),
    ]
    assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
    assert all(one["station_id"] == "CS1" for one in entries)


async def test_the_trace_can_be_limited_and_refuses_nonsense(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        for _ in range(5):
            await station.ask("Heartbeat", {})
    entries = await house.items("trace?limit=2")
    status, answer = await house.ask("GET", "trace?limit=many")

    assert len(entries) == 2
    assert status == 400
    assert "limit" in json.dumps(answer)


async def test_refusals_outlive_a_restart(house: House) -> None:
    async with Raw(url(house), subprotocols=["ocpp1.5"]) as station:
        await station.closed_with()

    async def kept() -> bool:
        return any(one["station_id"] == "CS1" for one in await house.items("incidents"))

    await until(kept, "an incident", 5)
    await house.restart()

    assert await kept()


async def test_the_operators_api_wants_its_token(house: House) -> None:
    base = f"http://127.0.0.1:{house.ports[2]}/api/v1"
    async with aiohttp.ClientSession() as stranger:
        async with stranger.get(f"{base}/stations") as response:
            nobody = response.status
        async with stranger.get(f"{base}/trace", headers={"Authorization": "Bearer guess"}) as response:
            guess = response.status
        async with stranger.get(f"{base}/health") as response:
            health = response.status

    assert (nobody, guess, health) == (401, 401, 200)


# --- start and stop of the process


async def test_sigterm_drains_closes_with_1001_and_exits_with_0(process: GatewayProcess) -> None:
    await process.start()
    await process.house.provision("CS1", "CS2")
    async with (
        Raw(f"{process.house.ocpp_url}/CS1") as one,
        Raw(f"{process.house.ocpp_url}/CS2", version="2.0.1") as two,
    ):
        await one.boot()
        await two.boot()
        started = await one.ask(
            "StartTransaction", {"connectorId": 1, "idTag": "CARD", "meterStart": 5, "timestamp": at(-5)}
        )
        stopping = asyncio.create_task(process.terminate())
        codes = [(await one.closed_with())[0], (await two.closed_with())[0]]
        code = await stopping

    assert codes == [1001, 1001]
    assert code == 0, process.log()
    assert "Traceback" not in process.log()
    await process.start()
    (session,) = await process.house.items("sessions")
    assert session["transaction_id"] == str(started["transactionId"])


async def test_sigterm_does_not_wait_for_a_call_that_nobody_answers(process: GatewayProcess) -> None:
    await process.start()
    await process.house.provision("CS1")
    async with Raw(f"{process.house.ocpp_url}/CS1") as station:
        await station.boot()
        asking = ask(process.house, "ClearCache", timeout_s=600)
        await station.asked("ClearCache")
        code = await process.terminate()
        (answer,) = await asyncio.gather(asking, return_exceptions=True)

    assert code == 0, process.log()
    # The operator hears that it failed, or loses the connection; never that it was accepted.
    assert isinstance(answer, aiohttp.ClientError) or answer[1].get("outcome") != "accepted"
    assert "Traceback" not in process.log()


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    gateway = GatewayProcess(House(tmp_path, env=QUIET))
    yield gateway
    await gateway.close()


def run_gateway(config: Path, house: House) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "run", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def test_a_second_process_on_the_same_data_is_refused_with_the_reason(process: GatewayProcess) -> None:
    await process.start()
    other = House(process.house.directory)
    config = process.house.directory / "second.toml"
    text = process.house.write_config().read_text()
    for mine, theirs in zip(process.house.ports, other.ports, strict=True):
        text = text.replace(f":{mine}", f":{theirs}")
    config.write_text(text)

    second = await asyncio.to_thread(run_gateway, config, other)

    assert second.returncode != 0
    last = second.stderr.strip().splitlines()[-1]
    assert str(process.house.directory / "data") in last
    assert "another" in last or "already" in last or "in use" in last
    assert "Traceback" not in second.stderr
    assert (await process.house.ask("GET", "health"))[0] == 200


async def test_a_database_newer_than_the_program_is_refused_and_left_alone(process: GatewayProcess) -> None:
    await process.start()
    assert await process.terminate() == 0
    path = process.house.directory / "data" / "gateway.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = path.read_bytes()

    refused = await asyncio.to_thread(run_gateway, process.house.write_config(), process.house)

    assert refused.returncode != 0
    last = refused.stderr.strip().splitlines()[-1]
    assert "newer" in last
    assert "9999" in last
    assert "Traceback" not in refused.stderr
    assert path.read_bytes() == before


async def test_a_port_in_use_is_named(process: GatewayProcess) -> None:
    blocker = await asyncio.start_server(lambda *_: None, "127.0.0.1", process.house.ports[0])
    try:
        refused = await asyncio.to_thread(run_gateway, process.house.write_config(), process.house)
    finally:
        blocker.close()
        await blocker.wait_closed()

    assert refused.returncode != 0
    last = refused.stderr.strip().splitlines()[-1]
    assert str(process.house.ports[0]) in last
    assert "Traceback" not in refused.stderr


async def test_sigint_stops_like_sigterm(process: GatewayProcess) -> None:
    await process.start()
    assert process._process is not None
    process._process.send_signal(signal.SIGINT)

    assert await asyncio.to_thread(process._process.wait, 30) in (0, 130)
    assert "Traceback" not in process.log()


@pytest.mark.parametrize(
    ("call", "where"),
    [
        ({"action": "Fly", "payload": {}}, "$.action"),
        ({"action": "Reset", "payload": {}}, "$.payload"),
        ({"action": "Reset", "payload": {"type": "Warm"}}, "$.payload.type"),
    ],
)
async def test_a_refused_call_names_the_place(house: House, call: dict[str, Any], where: str) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        _, answer = await house.ask("POST", "stations/CS1/calls", call)

    assert answer["error"]["where"] == where
