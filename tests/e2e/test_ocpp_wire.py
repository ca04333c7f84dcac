"""The rules of the wire, judged by what a station hears: codes, ids, closes, and what the trace tells about them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.house import House, until
from tests.e2e.raw import Raw, at

VERSIONS = ["1.6", "2.0.1"]
QUIET = {"GATEWAY_OCPP__CONFIGURE_METERING": "false"}
START = {"connectorId": 1, "idTag": "CARD", "meterStart": 100, "timestamp": at(-10)}
STARTED = {
    "eventType": "Started",
    "timestamp": at(-10),
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "TX1"},
    "evse": {"id": 1, "connectorId": 1},
}
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "a",
    "issuerKeyHash": "b",
    "serialNumber": "1",
    "responderURL": "",
}
CARD = {"idToken": "CARD", "type": "ISO14443"}

# OCPP-J 1.6 4.2.3 and its errata 2.1; OCPP 2.0.1 part 4 4.2.3, 4.3, 4.4
NOT_A_CALL: dict[str, tuple[Any, str]] = {
    "no JSON": ("nonsense", "-1"),
    "no id": ("[2,", "-1"),
    "no end": ('[2,"m1","Heartbeat",{', "m1"),
    "no text": ("", "-1"),
    "two messages": ('[2,"m1","Heartbeat",{}][2,"m2","Heartbeat",{}]', "m1"),
    "a hole": ('[2,"m1","DataTransfer",{"vendorId":,"data":"1"}]', "m1"),
    "not a number": ('[2,"m1","DataTransfer",{"vendorId":"v","data":NaN}]', "m1"),
    "too deep": ("[" * 100_000 + "]" * 100_000, "-1"),
    "an object": ({"a": 1}, "-1"),
    "a number": ("42", "-1"),
    "null": ("null", "-1"),
    "nothing in it": ([], "-1"),
    "a type alone": ([2], "-1"),
    "id is null": ([2, None, "Heartbeat", {}], "-1"),
    "no action": ([2, "a1"], "a1"),
    "no payload": ([2, "a2", "Heartbeat"], "a2"),
    "too many parts": ([2, "a3", "Heartbeat", {}, {}], "a3"),
    "action is a number": ([2, "a4", 7, {}], "a4"),
}
NOT_A_CALL_CODES = {"1.6": "FormationViolation", "2.0.1": "RpcFrameworkError"}

WRONG_PAYLOAD: dict[str, list[tuple[str, str, Any, str]]] = {
    "1.6": [
        ("unknown action", "Fly", {}, "NotImplemented"),
        ("wrong case", "heartbeat", {}, "NotImplemented"),
        ("an action of 2.0.1", "TransactionEvent", STARTED, "NotImplemented"),
        ("a call for stations", "Reset", {"type": "Soft"}, "NotSupported"),
        ("payload is a list", "Heartbeat", [], "FormationViolation"),
        ("payload is a text", "Authorize", "CARD", "FormationViolation"),
        ("field missing", "Authorize", {}, "ProtocolError"),
        ("one of the fields missing", "BootNotification", {"chargePointVendor": "Acme"}, "ProtocolError"),
        ("wrong type", "Authorize", {"idTag": ["CARD"]}, "TypeConstraintViolation"),
        (
            "bad enum",
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Flying"},
            "PropertyConstraintViolation",
        ),
        (
            "bad value",
            "StatusNotification",
            {"connectorId": -1, "errorCode": "NoError", "status": "Available"},
            "PropertyConstraintViolation",
        ),
    ],
    "2.0.1": [
        ("unknown action", "Fly", {}, "NotImplemented"),
        ("wrong case", "heartbeat", {}, "NotImplemented"),
        ("an action of 1.6", "StartTransaction", START, "NotImplemented"),
        ("a call for stations", "Reset", {"type": "Immediate"}, "NotSupported"),
        ("payload is a list", "Heartbeat", [], "FormatViolation"),
        ("payload is a text", "Authorize", "CARD", "FormatViolation"),
        ("field missing", "Authorize", {}, "OccurrenceConstraintViolation"),
        (
            "field missing inside",
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"model": "One"}},
            "OccurrenceConstraintViolation",
        ),
        (
            "list too short",
            "NotifyEvent",
            {"generatedAt": at(0), "seqNo": 0, "eventData": []},
            "OccurrenceConstraintViolation",
        ),
        (
            "list too long",
            "Authorize",
            {"idToken": CARD, "iso15118CertificateHashData": [HASHES] * 5},
            "OccurrenceConstraintViolation",
        ),
        ("wrong type", "Authorize", {"idToken": {"idToken": ["CARD"], "type": "ISO14443"}}, "TypeConstraintViolation"),
        (
            "bad enum",
            "StatusNotification",
            {"timestamp": at(0), "connectorStatus": "Flying", "evseId": 1, "connectorId": 1},
            "PropertyConstraintViolation",
        ),
    ],
}


@pytest.fixture(autouse=True)
def no_traceback(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever a station does, the log stays free of tracebacks."""
    yield
    logged = "".join(capfd.readouterr())
    print(logged)
    assert "Traceback" not in logged


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, env=QUIET) as running:
        await running.provision("CS1")
        yield running


async def traced(house: House, *words: str) -> dict[str, Any]:
    """The latest entry of the trace that has all these words."""

    async def look() -> dict[str, Any] | None:
        entries = await house.items("trace?station_id=CS1&limit=500")
        fitting = [one for one in entries if all(word in f"{one['text']} {one['reason']}" for word in words)]
        return fitting[-1] if fitting else None

    found: dict[str, Any] = await until(look, f"a trace entry with {words}", 5)
    return found


def url(house: House) -> str:
    return f"{house.ocpp_url}/CS1"


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_no_call_is_answered_with_the_code_and_the_id_of_the_version(house: House, version: str) -> None:
    heard = {}
    async with Raw(url(house), version=version) as station:
        await station.boot()
        for name, (frame, _) in NOT_A_CALL.items():
            await station.say(frame)
            heard[name] = await station.hear()
        await station.hears_nothing()

    assert {name: answer[:3] for name, answer in heard.items()} == {
        name: [4, message_id, NOT_A_CALL_CODES[version]] for name, (_, message_id) in NOT_A_CALL.items()
    }
    for name, answer in heard.items():
        assert len(answer) == 5, name
        assert answer[3], f"{name}: no description"
        assert len(answer[3]) <= 255, name
        assert isinstance(answer[4], dict), name
    assert (await traced(house, "refused", "not JSON"))["direction"] == "event"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wrong_payload_is_answered_with_the_code_of_its_fault(house: House, version: str) -> None:
    rows = WRONG_PAYLOAD[version]
    async with Raw(url(house), version=version) as station:
        await station.boot()
        heard = {name: await station.call(action, payload) for name, action, payload, _ in rows}

    assert {name: answer[0::2][:2] for name, answer in heard.items()} == {name: [4, code] for name, _, _, code in rows}
    for name, answer in heard.items():
        assert len(answer) == 5, name
        assert 0 < len(answer[3]) <= 255, name
    assert "idTag" in heard["field missing"][3] or "idToken" in heard["field missing"][3]
    assert "Flying" in (await traced(house, "refused", "Flying"))["text"]


async def test_raw_bytes_of_a_broken_frame_are_traced_and_not_sent_back(house: House) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await station.say('[2,"m1","Heartbeat",{"wr0ng": }]')
        answer = await station.hear()

    assert "wr0ng" not in json.dumps(answer)
    assert (await traced(house, "wr0ng"))["direction"] == "in"


@pytest.mark.parametrize("version", VERSIONS)
async def test_text_that_is_not_utf8_is_answered_and_traced(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        await station.boot()
        await station.socket.send(b'[2,"m1","Authorize",{"idTag":"\xff\xfe"}]', text=True)
        answer = await station.hear()
        await station.hears_nothing()

    assert answer[0::2][:2] == [4, NOT_A_CALL_CODES[version]]
    assert answer[1] in ("m1", "-1")
    await traced(house, "refused", "UTF-8")
    assert "xff" in (await traced(house, "xff"))["text"], "the raw bytes are there"


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_error_description_never_exceeds_255_characters(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        await station.boot()
        action = await station.call("F" * 5_000, {})
        value = await station.call("Authorize", {"idTag": ["x" * 5_000], "idToken": ["x" * 5_000]})

    assert action[2] == "NotImplemented"
    assert len(action[3]) <= 255
    assert len(value[3]) <= 255


@pytest.mark.parametrize("version", VERSIONS)
async def test_null_stands_for_an_empty_payload(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        await station.boot()

        assert "currentTime" in await station.ask("Heartbeat", None)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_field_too_many_and_a_text_too_long_are_deviations_and_no_errors(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        if version == "1.6":
            await station.boot(chargePointSerialNumber="9" * 60, colour="red")
        else:
            station_data = {"vendorName": "Acme", "model": "One", "serialNumber": "9" * 60, "colour": "red"}
            await station.boot(chargingStation=station_data)
        await station.ask("Heartbeat", {"uptime": 12})
        paths = await _deviations(house)

    assert any(path.endswith("erialNumber") for path in paths), paths
    assert any("colour" in path for path in paths), paths
    assert any("uptime" in path for path in paths), paths


async def _deviations(house: House) -> list[str]:
    station = await house.call("GET", "stations/CS1")
    return [f"{one['path']} {one['problem']} {one['example']}".split(" ", 1)[0] for one in station["deviations"]] + [
        f"{one['path']}{one['problem']}{one['example']}" for one in station["deviations"]
    ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_id_of_36_characters_is_fine_and_a_longer_one_is_named(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        await station.boot()
        longest = await station.call("Heartbeat", {}, "i" * 36)
        await station.say([2, "j" * 37, "Heartbeat", {}])
        too_long = await station.hear()

    assert longest[0] == 3
    # Either served and recorded or refused; never silence, and never without a word about it.
    if too_long[0] == 3:
        assert too_long[1] == "j" * 37
        assert any("36" in one for one in await _deviations(house))
    else:
        assert too_long[2] == NOT_A_CALL_CODES[version]
        assert "36" in too_long[3]


async def test_a_call_repeated_with_its_id_gets_the_same_answer_without_effects(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        first = await station.call("StartTransaction", START, "one-id")
        again = await station.call("StartTransaction", START, "one-id")
        beat = await station.call("Heartbeat", {}, "beat")
        same_beat = await station.call("Heartbeat", {}, "beat")

    assert first[0] == 3
    assert again == first
    assert same_beat == beat
    (session,) = await house.items("sessions")
    assert session["fact_count"] == 1


async def test_an_event_repeated_with_its_id_is_answered_alike_and_kept_once(house: House) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        payload = {**STARTED, "idToken": CARD}
        first = await station.call("TransactionEvent", payload, "one-id")
        again = await station.call("TransactionEvent", payload, "one-id")

    assert again == first
    (session,) = await house.items("sessions")
    assert session["fact_count"] == 1


async def test_an_id_used_again_for_something_else_is_a_new_call(house: House) -> None:
    """Some stations count their ids from one after every boot, or never change them."""
    async with Raw(url(house)) as station:
        await station.boot()
        first = await station.ask("StartTransaction", START, "1")
        second = await station.ask("StartTransaction", {**START, "timestamp": at(-5), "meterStart": 900}, "1")

    assert first["transactionId"] != second["transactionId"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_answer_to_nothing_is_never_answered(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        await station.boot()
        for frame in (
            [3, "nothing", {}],
            [4, "nothing", "GenericError", "", {}],
            [3],
            [3, "x"],
            [4, "x"],
            [4, "-1", "RpcFrameworkError", "", {}],
            [3, 5, None],
            [4, "x", None, None, None],
        ):
            await station.say(frame)
        await station.hears_nothing()

    await traced(house, "nothing")


@pytest.mark.parametrize("number", [0, 6, 7, -1, 2_000_000])
async def test_a_message_type_that_1_6_does_not_know_is_ignored_and_traced(house: House, number: int) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        await station.say([number, "odd", "Heartbeat", {}])
        await station.hears_nothing()

    await traced(house, "odd")


@pytest.mark.parametrize("number", [0, 6, 7, -1, 2_000_000])
async def test_a_message_type_that_2_0_1_does_not_know_is_named_not_supported(house: House, number: int) -> None:
    # OCPP 2.0.1 part 4 4.4
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await station.say([number, "odd", "Heartbeat", {}])
        answer = await station.hear()
        await station.hears_nothing()

    assert answer[:3] == [4, "odd", "MessageTypeNotSupported"]


async def test_a_message_of_almost_one_mebibyte_is_served_and_a_larger_one_closes_with_1009(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        head, tail = '[2,"big","DataTransfer",{"vendorId":"v","data":"', '"}]'
        await station.say(head + "d" * (1_048_576 - len(head) - len(tail)) + tail)
        served = await station.hear()
        with suppress(ConnectionClosed):
            await station.say(head + "d" * 1_048_577 + tail)
        code, reason = await station.closed_with()

    assert served[:2] == [3, "big"]
    assert code == 1009
    entry = await traced(house, "1009")
    assert "1048576" in entry["text"] + str(entry["reason"]) + reason
    async with Raw(url(house)) as station:
        await station.hears_nothing()


async def test_a_fragmented_message_that_grows_too_large_closes_with_1009(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        with suppress(ConnectionClosed):
            await station.socket.send(["[" * 300_000] * 4)

        assert (await station.closed_with())[0] == 1009


async def test_a_message_in_fragments_is_one_message(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        await station.socket.send(['[2,"parts",', '"Heart', 'beat",{}]'])

        assert (await station.hear())[:2] == [3, "parts"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_binary_frame_gets_a_protocol_answer_and_a_trace_entry(house: House, version: str) -> None:
    """No specification of OCPP-J has binary messages; RFC 6455 7.4.1 names 1003 for a type that cannot be accepted."""
    async with Raw(url(house), version=version) as station:
        await station.boot()
        await station.say(b'[2,"m9","Heartbeat",{}]')
        try:
            heard: Any = (await station.hear())[:3]
        except ConnectionClosed as closed:
            heard = closed.rcvd.code if closed.rcvd else None

    assert heard in (1003, [4, "-1", NOT_A_CALL_CODES[version]])
    assert "binary" in str(await traced(house, "binary"))
    async with Raw(url(house), version=version) as station:
        await station.hears_nothing()


@pytest.mark.parametrize("version", VERSIONS)
async def test_calls_sent_at_once_are_all_answered_in_their_order(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        await station.boot()
        for number in range(50):
            await station.say([2, f"n{number}", "Heartbeat", {}])
        heard = [await station.hear() for _ in range(50)]

    assert [one[:2] for one in heard] == [[3, f"n{number}"] for number in range(50)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_answers_are_compact_json(house: House, version: str) -> None:
    async with Raw(url(house), version=version) as station:
        await station.boot()
        await station.say([2, "beat", "Heartbeat", {}])
        text = await station.raw()

    assert text == json.dumps(json.loads(text), separators=(",", ":"))


async def test_a_text_with_a_null_character_or_half_a_character_harms_nothing(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        await station.say('[2,"nul","Authorize",{"idTag":"A\\u0000B"}]')
        nul = await station.hear()
        await station.say('[2,"half","Authorize",{"idTag":"A\\ud800"}]')
        half = await station.hear()
        await station.say([2, "start", "StartTransaction", {**START, "idTag": "A\x00B"}])
        start = await station.hear()

    assert nul[:2] == [3, "nul"]
    assert half[0] in (3, 4)
    assert half[1] in ("half", "-1")
    assert start[:2] == [3, "start"]


async def test_bursts_of_thousands_are_answered_in_full_and_in_order(house: House) -> None:
    expected = [f"n{number}" for number in range(2_000)]
    for _ in range(5):
        async with Raw(url(house)) as station:
            await station.boot()
            for message_id in expected:
                await station.say([2, message_id, "Heartbeat", {}])
            heard = [(await station.hear())[1] for _ in expected]

        assert heard == expected


async def test_a_station_that_was_asked_for_a_report_may_send_more_at_once(house: House) -> None:
    entry = {
        "component": {"name": "ConnectedEV"},
        "variable": {"name": "Notes"},
        "variableAttribute": [{"value": "v" * 2_000}],
    }
    report = {"requestId": 1, "generatedAt": at(0), "seqNo": 0, "reportData": [entry] * 1_500}
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        body = {"action": "GetBaseReport", "payload": {"requestId": 1, "reportBase": "FullInventory"}}
        asking = asyncio.create_task(house.call("POST", "stations/CS1/calls", body))
        await station.reply(await station.asked("GetBaseReport"), {"status": "Accepted"})
        await asking
        answer = await station.ask("NotifyReport", report)

    assert answer == {}
