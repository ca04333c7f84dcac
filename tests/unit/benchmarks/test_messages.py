from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson
import pytest
from ocpp.messages import Call as OcppCall
from ocpp.messages import validate_payload

from benchmarks import messages
from benchmarks.messages import Call

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TIMES = messages.timestamps(START, 5)
TRANSACTION_201 = "3f2a8c1e-0000-4000-8000-000000000001"


def unmasked(call: Call) -> list[Any]:
    frame, _ = call
    payload = frame[frame.index(b"[2,") :]
    message: list[Any] = orjson.loads(payload)
    return message


def read(stream: Iterator[Call]) -> list[list[Any]]:
    return [unmasked(call) for call in islice(stream, 3)]


def streams() -> dict[str, tuple[str, Iterator[Call]]]:
    ids = messages.message_ids(7)
    return {
        "heartbeat": ("1.6", messages.heartbeats(ids)),
        "changing status": ("1.6", messages.changing_statuses_16(ids, TIMES)),
        "unchanged status": ("1.6", messages.unchanged_statuses_16(ids, TIMES)),
        "meter values": ("1.6", messages.meter_values_16(ids, TIMES, 4711)),
        "transaction event": ("2.0.1", messages.updates_201(ids, TIMES, TRANSACTION_201)),
    }


@pytest.mark.parametrize("name", streams())
async def test_every_message_of_a_stream_is_valid_and_unique(name: str) -> None:
    version, stream = streams()[name]

    found = read(stream)

    for _, message_id, action, payload in found:
        await validate_payload(OcppCall(message_id, action, payload), ocpp_version=version)
        assert len(message_id) == 36
    assert len({message[1] for message in found}) == 3


def test_the_register_rises_and_time_advances_from_sample_to_sample() -> None:
    meter_values = [m[3]["meterValue"][0] for m in read(streams()["meter values"][1])]
    updates = [m[3]["meterValue"][0] for m in read(streams()["transaction event"][1])]

    assert [m["sampledValue"][0]["value"] for m in meter_values] == ["1000183", "1000366", "1000549"]
    assert [m["sampledValue"][0]["value"] for m in updates] == [1_000_183, 1_000_366, 1_000_549]
    assert [m["timestamp"] for m in updates] == [
        "2026-03-01T08:00:00.000Z",
        "2026-03-01T08:01:00.000Z",
        "2026-03-01T08:02:00.000Z",
    ]


def test_updates_of_a_transaction_number_themselves_without_a_gap() -> None:
    assert [message[3]["seqNo"] for message in read(streams()["transaction event"][1])] == [1, 2, 3]


def test_changing_statuses_alternate() -> None:
    statuses = [message[3]["status"] for message in read(streams()["changing status"][1])]

    assert statuses == ["Preparing", "Available", "Preparing"]


def test_a_call_names_the_start_of_its_answer() -> None:
    frame, expected = messages.call(b"id-1", "Heartbeat", {})

    assert frame.endswith(b'[2,"id-1","Heartbeat",{}]')
    assert expected == b'[3,"id-1",'


def test_unknown_configuration_keys_are_named_as_such() -> None:
    reply = messages.decide_reply("GetConfiguration", {"key": ["HeartbeatInterval", "Nonsense"]})

    assert reply == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["Nonsense"],
    }


def test_unsupported_calls_have_no_reply() -> None:
    assert messages.decide_reply("SendLocalList", {}) is None
