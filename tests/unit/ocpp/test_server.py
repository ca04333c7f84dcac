"""Connections over real sockets, with OCPP 1.6 and 2.0.1 stations."""

import asyncio
import socket as sockets
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.domain.events import (
    AuthorizeAsked,
    BootReported,
    MessageQuarantined,
    StatusReported,
    TransactionAnswer,
    TransactionReported,
)
from gateway.domain.stations import Admission, Deviation
from gateway.errors import ConflictError, StoreDownError, StoreFullError
from gateway.ocpp.validation import Unknown
from gateway.ocpp.version import Metering
from tests.unit.ocpp.stage import QUIET, Witness, ask, call, receive, stage, until

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_201 = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
START = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": "2026-03-01T09:59:00Z"}
STOP = {"transactionId": 42, "meterStop": 5_000, "timestamp": "2026-03-01T10:00:00Z"}


async def closing(socket: Any) -> tuple[int, str]:
    """How the server closed the connection."""
    async with asyncio.timeout(5):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


async def test_a_station_boots() -> None:
    async with stage() as on, on.station() as socket:
        answer = await call(socket, "BootNotification", BOOT)

    assert answer == [3, "m1", {"status": "Accepted", "currentTime": "2026-03-01T10:00:00.000Z", "interval": 300}]
    assert on.witness.connected == ["CP1"]
    assert on.witness.disconnected == ["CP1"]


async def test_every_frame_is_traced_both_ways() -> None:
    async with stage() as on, on.station() as socket:
        await call(socket, "StatusNotification", STATUS)

    frames = [(direction, text) for _, direction, text in on.trace.frames if direction != "event"]
    assert frames[0][0] == "in"
    assert frames[0][1].startswith('[2,"m1","StatusNotification"')
    assert frames[1] == ("out", '[3,"m1",{}]')


# What cannot be used


@pytest.mark.parametrize(
    ("version", "text", "answer"),
    [
        ("ocpp1.6", "[2,", ["-1", "FormationViolation"]),
        ("ocpp2.0.1", "[2,", ["-1", "RpcFrameworkError"]),
        ("ocpp1.6", '[2,"a","Nonsense",{}]', ["a", "NotImplemented"]),
        ("ocpp1.6", '[2,"a","Reset",{"type":"Hard"}]', ["a", "NotSupported"]),
        ("ocpp2.0.1", '[2,"a","StartTransaction",{}]', ["a", "NotImplemented"]),
        ("ocpp2.0.1", '[2,"a","Reset",{"type":"Immediate"}]', ["a", "NotSupported"]),
        ("ocpp1.6", '[2,"a","BootNotification",[]]', ["a", "FormationViolation"]),
        ("ocpp2.0.1", '[2,"a","BootNotification",[]]', ["a", "FormatViolation"]),
        ("ocpp1.6", '[2,"a","BootNotification",{"chargePointModel":"M"}]', ["a", "ProtocolError"]),
        ("ocpp2.0.1", '[2,"a","BootNotification",{"reason":"PowerUp"}]', ["a", "OccurrenceConstraintViolation"]),
        ("ocpp1.6", '[2,"a","Authorize",{"idTag":[]}]', ["a", "TypeConstraintViolation"]),
        (
            "ocpp1.6",
            '[2,"a","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Sleeping"}]',
            ["a", "PropertyConstraintViolation"],
        ),
        (
            "ocpp2.0.1",
            '[2,"a","NotifyEvent",{"generatedAt":"2026-03-01T10:00:00Z","seqNo":0,"eventData":[]}]',
            ["a", "OccurrenceConstraintViolation"],
        ),
    ],
)
async def test_a_call_that_cannot_be_served_gets_the_exact_error(version: str, text: str, answer: list[str]) -> None:
    async with stage() as on, on.station(version=version) as socket:
        kind, message_id, code, description, details = await ask(socket, text)
        assert await call(socket, "Heartbeat", {}, "after") is not None

    assert (kind, [message_id, code], details) == (4, answer, {})
    assert description
    assert len(on.trace.texts("refused")) == 1


async def test_unknown_fields_are_refused_where_that_is_set() -> None:
    async with stage(replace(QUIET, unknown_fields=Unknown.REFUSE)) as on, on.station() as socket:
        answer = await call(socket, "BootNotification", {**BOOT, "extra": 1})

    assert answer[:3] == [4, "m1", "FormationViolation"]


async def test_harmless_faults_are_put_up_with_and_recorded() -> None:
    payload = {**BOOT, "chargePointModel": "M" * 30, "extra": 1, "firmwareVersion": None}
    async with stage() as on, on.station() as socket:
        answer = await call(socket, "BootNotification", payload)

    assert answer[0] == 3
    boot = on.witness.of(BootReported)[0]
    assert boot.model == "M" * 30
    assert {(each.path, each.problem) for each in on.witness.of(Deviation)} == {
        ("$.chargePointModel", "longer than 20 characters"),
        ("$.extra", "not a field of the specification"),
        ("$.firmwareVersion", "null instead of an absent field"),
    }


@pytest.mark.parametrize(
    ("version", "text", "answer"),
    [
        ("ocpp1.6", '[2,"a","StopTransaction",{"meterStop":1}]', [3, "a", {}]),
        ("ocpp1.6", '[2,"a","StopTransaction",{"transactionId":,"meterStop":1}]', [3, "a", {}]),
        ("ocpp1.6", '[2,"a","MeterValues",{"connectorId":1}]', [3, "a", {}]),
        (
            "ocpp1.6",
            '[2,"a","StartTransaction",{"connectorId":1}]',
            [3, "a", {"transactionId": 77, "idTagInfo": {"status": "Invalid"}}],
        ),
        ("ocpp2.0.1", '[2,"a","TransactionEvent",{"eventType":"Ended"}]', [3, "a", {}]),
        ("ocpp2.0.1", '[2,"a","MeterValues",[]]', [3, "a", {}]),
    ],
)
async def test_a_transaction_message_that_cannot_be_used_is_quarantined_and_acknowledged(
    version: str, text: str, answer: list[Any]
) -> None:
    async with stage() as on, on.station(version=version) as socket:
        assert await ask(socket, text) == answer

    kept = on.witness.of(MessageQuarantined)[0]
    assert kept.frame == text
    assert kept.receipt.message_id == "a"
    assert on.trace.texts("quarantined")


async def test_a_start_without_a_transaction_id_to_give_is_kept_and_refused() -> None:
    witness = Witness(quarantined_id=None)
    async with stage(witness=witness) as on, on.station() as socket:
        answer = await call(socket, "StartTransaction", {"connectorId": 1})

    assert answer[:3] == [4, "m1", "ProtocolError"]
    assert len(on.witness.of(MessageQuarantined)) == 1


async def test_a_fault_of_ours_is_no_fault_of_the_connection() -> None:
    def fail(event: Any) -> None:
        if isinstance(event, AuthorizeAsked | TransactionReported):
            raise RuntimeError("a bug")

    async with stage(witness=Witness(before=fail)) as on, on.station() as socket:
        authorized = await call(socket, "Authorize", {"idTag": "TAG"}, "m1")
        stopped = await call(socket, "StopTransaction", STOP, "m2")
        alive = await call(socket, "Heartbeat", {}, "m3")

    assert authorized[:3] == [4, "m1", "InternalError"]
    assert stopped == [3, "m2", {}]
    assert alive[0] == 3
    assert len(on.witness.of(MessageQuarantined)) == 1


async def test_a_binary_frame_closes_the_connection() -> None:
    async with stage() as on, on.station() as socket:
        await socket.send(b"\x02\x03")
        code, reason = await closing(socket)

    assert code == 1003
    assert "text frames" in reason
    assert "0203" in on.trace.texts("refused")[0]


async def test_a_frame_that_is_too_big_closes_the_connection() -> None:
    async with stage(replace(QUIET, max_message_bytes=1_000)) as on, on.station() as socket:
        await socket.send("x" * 1_001)
        code, _ = await closing(socket)
        await until(lambda: on.witness.disconnected)

    assert code == 1009
    assert "1009" in on.trace.texts("closed")[0]


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_text_that_is_not_utf8_is_refused_and_traced_raw(version: str) -> None:
    async with stage() as on, on.station(version=version) as socket:
        await socket.send(b'[2,"a","Heartbeat",{"x":"\xff"}]', text=True)
        refused = await receive(socket)
        await socket.send([b'[2,"a","Heart', b'beat",{"x":"\xff"}]'], text=True)
        torn = await receive(socket)
        alive = await call(socket, "Heartbeat", {})

    assert refused[:2] == torn[:2] == [4, "-1"]
    assert alive[0] == 3
    assert "not UTF-8" in on.trace.texts("refused")[0]
    assert "\\xff" in next(text for _, direction, text in on.trace.frames if direction == "in")


async def test_a_stop_that_is_not_utf8_is_quarantined_and_acknowledged() -> None:
    async with stage() as on, on.station() as socket:
        await socket.send(b'[2,"a","StopTransaction",{"idTag":"\xff"}]', text=True)
        answer = await receive(socket)

    assert answer == [3, "a", {}]
    assert len(on.witness.of(MessageQuarantined)) == 1


async def test_a_fragmented_binary_message_closes_the_connection() -> None:
    async with stage() as on, on.station() as socket:
        await socket.send([b"\x01", b"\x02"])
        code, _ = await closing(socket)

    assert code == 1003


# Order, repetition, pressure


async def test_calls_are_served_in_order_even_if_the_first_takes_longest() -> None:
    opened = asyncio.Event()

    def wait(event: Any) -> Any:
        return opened.wait() if isinstance(event, BootReported) else None

    async with stage(witness=Witness(before=wait)) as on, on.station() as socket:
        for number, (action, payload) in enumerate([("BootNotification", BOOT), ("Heartbeat", {})]):
            await socket.send(orjson.dumps([2, str(number), action, payload]).decode())
        await until(lambda: len(on.trace.frames) >= 3)
        opened.set()

        assert [(await receive(socket))[1] for _ in range(2)] == ["0", "1"]


async def test_the_same_call_again_gets_the_same_answer_without_effects() -> None:
    async with stage() as on, on.station() as socket:
        first = await call(socket, "StartTransaction", START)
        second = await call(socket, "StartTransaction", START)
        other = await call(socket, "StartTransaction", {**START, "connectorId": 2})

    assert first == second
    assert other[0] == 3
    assert [event.evse_no for event in on.witness.of(TransactionReported)] == [1, 2]


async def test_a_station_that_floods_is_not_read_further() -> None:
    opened = asyncio.Event()
    witness = Witness(before=lambda event: opened.wait())
    async with stage(replace(QUIET, max_backlog=3), witness=witness) as on, on.station() as socket:
        for number in range(10):
            await socket.send(orjson.dumps([2, str(number), "StatusNotification", STATUS]).decode())
        await until(lambda: len([1 for frame in on.trace.frames if frame[1] == "in"]) == 3)
        await asyncio.sleep(0)
        read = len([1 for frame in on.trace.frames if frame[1] == "in"])
        opened.set()
        answers = [await receive(socket) for _ in range(10)]

    assert read == 3
    assert [answer[1] for answer in answers] == [str(number) for number in range(10)]


# A store that fails


async def test_what_could_not_be_stored_is_not_answered() -> None:
    def fail(event: Any) -> None:
        raise StoreDownError("disk full")

    async with stage(witness=Witness(before=fail)) as on, on.station() as socket:
        await socket.send(orjson.dumps([2, "m1", "StopTransaction", STOP]).decode())
        await socket.send(orjson.dumps([2, "m2", "Heartbeat", {}]).decode())
        code, _ = await closing(socket)

        assert code == 1013
        assert not [text for _, direction, text in on.trace.frames if direction == "out"]
        with pytest.raises(Exception, match="503"):
            async with on.station():
                pass


async def test_a_full_store_makes_the_station_wait() -> None:
    failures = [StoreFullError("full"), StoreFullError("full")]

    def fail(event: Any) -> None:
        if failures:
            raise failures.pop()

    async with stage(witness=Witness(before=fail)) as on, on.station() as socket:
        assert await call(socket, "StopTransaction", STOP) == [3, "m1", {}]

    assert len(on.witness.of(TransactionReported)) == 1


# One step


METERED = {"connectorId": 1, "transactionId": 42, "meterValue": [{"timestamp": "2026-03-01T10:00:00Z"}]}
READ = {
    "connectorId": 1,
    "transactionId": 42,
    "meterValue": [{"timestamp": "2026-03-01T10:00:00Z", "sampledValue": [{"value": "7"}]}],
}


async def test_a_report_takes_one_step_and_others_follow_in_order() -> None:
    calls = (("MeterValues", READ), ("StatusNotification", STATUS), ("MeterValues", READ))
    async with stage(witness=Witness(at_once=[])) as on, on.station() as socket:
        for number, (action, payload) in enumerate(calls, 1):
            await socket.send(orjson.dumps([2, str(number), action, payload]).decode())
        answers = [await receive(socket) for _ in range(3)]

    assert answers == [[3, "1", {}], [3, "2", {}], [3, "3", {}]]
    assert [type(told) for told in on.witness.told] == [TransactionReported, StatusReported, TransactionReported]
    assert on.witness.begun == 2


async def test_a_step_that_fails_is_gone_through_with_patience() -> None:
    async with stage(witness=Witness(at_once=[ConflictError("changed meanwhile")])) as on, on.station() as socket:
        assert await call(socket, "MeterValues", READ) == [3, "m1", {}]
        assert await call(socket, "Heartbeat", {}, "m2") == [3, "m2", {"currentTime": "2026-03-01T10:00:00.000Z"}]

    assert len(on.witness.of(TransactionReported)) == 2


async def test_a_report_that_is_sent_again_is_not_taken_in_again() -> None:
    async with stage(witness=Witness(at_once=[])) as on, on.station() as socket:
        first, second = [await call(socket, "MeterValues", READ) for _ in range(2)]

    assert first == second == [3, "m1", {}]
    assert on.witness.begun == 1


async def test_a_report_with_faults_is_put_up_with_all_the_same() -> None:
    async with stage(witness=Witness(at_once=[])) as on, on.station() as socket:
        assert await call(socket, "MeterValues", METERED) == [3, "m1", {}]

    assert on.witness.begun == 0
    assert [deviation.path for deviation in on.witness.of(Deviation)] == ["$.meterValue[*].sampledValue"]


UPDATED = {
    "eventType": "Updated",
    "timestamp": "2026-03-01T10:00:00Z",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "t1"},
}


async def test_the_running_cost_is_told_in_the_answer_of_a_step() -> None:
    witness = Witness(at_once=[], cost=Decimal("1.239"))
    async with stage(witness=witness) as on, on.station(version="ocpp2.0.1") as socket:
        assert await call(socket, "TransactionEvent", UPDATED) == [3, "m1", {"totalCost": 1.24}]

    assert on.witness.begun == 1


class Clumsy(Witness):
    """Fails before it has begun anything."""

    def begin_transaction(
        self, event: TransactionReported, then: Callable[[TransactionAnswer | Exception], None]
    ) -> bool:
        raise ZeroDivisionError


@pytest.mark.parametrize("witness", [Clumsy(), Witness(at_once=[], cost=Decimal("1E+30"))])
async def test_a_fault_of_ours_in_a_step_holds_up_nothing(witness: Witness) -> None:
    settings = replace(QUIET, max_backlog=1)
    async with stage(settings, witness=witness) as on, on.station(version="ocpp2.0.1") as socket:
        answer = await call(socket, "TransactionEvent", UPDATED)
        after = await call(socket, "Heartbeat", {}, "m2")

    assert answer[1] == "m1"
    assert after == [3, "m2", {"currentTime": "2026-03-01T10:00:00.000Z"}]


# Several connections of one station


async def test_the_newest_connection_wins() -> None:
    async with stage() as on, on.station("CP1") as old, on.station("cp1") as new:
        code, reason = await closing(old)
        await call(new, "Heartbeat", {})

        assert code == 1001
        assert "newer connection" in reason
        assert on.witness.disconnected == []
        assert on.server.stations.find_connection("CP1") is not None


async def test_calls_on_a_replaced_connection_fail_at_once() -> None:
    async with stage() as on, on.station() as old:
        pending = asyncio.create_task(on.server.stations.call("CP1", "Reset", {"type": "Soft"}, timeout_s=30))
        await receive(old)
        async with on.station() as new:
            outcome = await pending
            await call(new, "Heartbeat", {})

    assert outcome.outcome == "offline"


# Our calls


async def test_a_call_is_placed_and_answered() -> None:
    async with stage() as on, on.station() as socket:
        pending = asyncio.create_task(on.server.stations.call("cp1", "Reset", {"type": "Soft"}, timeout_s=30))
        kind, message_id, action, payload = await receive(socket)
        await socket.send(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
        outcome = await pending

    assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
    assert len(message_id) == 36
    assert (outcome.outcome, outcome.payload) == ("accepted", {"status": "Accepted"})


async def test_an_error_is_an_outcome() -> None:
    async with stage() as on, on.station() as socket:
        pending = asyncio.create_task(on.server.stations.call("CP1", "ClearCache", {}, timeout_s=30))
        message_id = (await receive(socket))[1]
        await socket.send(orjson.dumps([4, message_id, "NotSupported", "no cache", {"a": 1}]).decode())
        outcome = await pending

    assert outcome.outcome == "call_error"
    assert (outcome.error_code, outcome.error_description, outcome.payload) == ("NotSupported", "no cache", {"a": 1})


async def test_an_answer_that_breaks_the_schema_is_an_error() -> None:
    async with stage() as on, on.station() as socket:
        pending = asyncio.create_task(on.server.stations.call("CP1", "Reset", {"type": "Soft"}, timeout_s=30))
        message_id = (await receive(socket))[1]
        await socket.send(orjson.dumps([3, message_id, {}]).decode())
        outcome = await pending

    assert (outcome.outcome, outcome.error_code) == ("call_error", "ProtocolError")
    assert "$.status" in str(outcome.error_description)


async def test_a_sloppy_answer_is_used_and_recorded() -> None:
    async with stage() as on, on.station() as socket:
        pending = asyncio.create_task(on.server.stations.call("CP1", "GetConfiguration", {}, timeout_s=30))
        message_id = (await receive(socket))[1]
        entry = {"key": "Interval", "readonly": "false", "value": 60, "vendor": "x"}
        await socket.send(orjson.dumps([3, message_id, {"configurationKey": [entry]}]).decode())
        outcome = await pending
        await until(lambda: len(on.witness.of(Deviation)) == 3)

    assert outcome.payload == {
        "configurationKey": [{"key": "Interval", "readonly": False, "value": "60", "vendor": "x"}]
    }


async def test_a_call_without_answer_times_out() -> None:
    async with stage() as on, on.station() as socket:
        outcome = await on.server.stations.call("CP1", "ClearCache", {}, timeout_s=0.05)
        message_id = (await receive(socket))[1]
        await socket.send(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
        await until(lambda: on.trace.texts("late"))

    assert "ClearCache" in on.trace.texts("timeout")[0]

    assert outcome.outcome == "timeout"
    assert "ClearCache" in on.trace.texts("late")[0]


async def test_a_station_that_answers_nothing_is_disconnected() -> None:
    async with stage(replace(QUIET, unanswered_limit=2)) as on, on.station() as socket:
        for _ in range(2):
            await on.server.stations.call("CP1", "ClearCache", {}, timeout_s=0.02)
        code, _ = await closing(socket)

    assert code == 1001
    assert "2 calls in a row" in on.trace.texts("closed")[0]


async def test_a_station_that_is_not_there_is_offline() -> None:
    async with stage() as on:
        outcome = await on.server.stations.call("CP1", "ClearCache", {}, timeout_s=1)

    assert outcome.outcome == "offline"


@pytest.mark.parametrize(
    ("action", "payload", "problem"),
    [
        ("Reset", {"type": "Gently"}, "$.type"),
        ("Reset", {}, '"type"'),
        ("GetVariables", {}, "no action"),
        ("BootNotification", BOOT, "sent by stations"),
    ],
)
async def test_an_invalid_call_is_not_sent(action: str, payload: dict[str, Any], problem: str) -> None:
    async with stage() as on, on.station() as socket:
        await call(socket, "Heartbeat", {})
        outcome = await on.server.stations.call("CP1", action, payload, timeout_s=1)

    assert outcome.outcome == "invalid"
    assert problem in str(outcome.error_description)
    assert len([1 for frame in on.trace.frames if frame[1] == "out"]) == 1


async def test_a_story_may_call_the_station_back() -> None:
    outcomes = []

    async def call_back() -> None:
        outcomes.append(await on.server.stations.call("CP1", "ClearCache", {}, timeout_s=5))

    witness = Witness(before=lambda event: call_back() if isinstance(event, StatusReported) else None)
    async with stage(witness=witness) as on, on.station() as socket:
        await socket.send(orjson.dumps([2, "m1", "StatusNotification", STATUS]).decode())
        message_id = (await receive(socket))[1]
        await socket.send(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())

        assert await receive(socket) == [3, "m1", {}]

    assert outcomes[0].outcome == "accepted"


async def test_calls_wait_until_the_boot_was_answered() -> None:
    async with stage(replace(QUIET, boot_wait_s=60.0)) as on, on.station() as socket:
        pending = asyncio.create_task(on.server.stations.call("CP1", "ClearCache", {}, timeout_s=30))
        await asyncio.sleep(0)
        boot = await call(socket, "BootNotification", BOOT)
        ours = await receive(socket)
        await socket.send(orjson.dumps([3, ours[1], {"status": "Accepted"}]).decode())
        await pending

    assert boot[0] == 3
    assert ours[2] == "ClearCache"


# Before a station is accepted


@pytest.mark.parametrize(("version", "boot"), [("ocpp1.6", BOOT), ("ocpp2.0.1", BOOT_201)])
async def test_a_pending_station_may_only_boot(version: str, boot: dict[str, Any]) -> None:
    async with stage(witness=Witness(admission=Admission.PENDING)) as on, on.station(version=version) as socket:
        booted = await call(socket, "BootNotification", boot)
        refused = await call(socket, "Heartbeat", {}, "m2")

    assert booted[2]["status"] == "Pending"
    assert refused[:3] == [4, "m2", "SecurityError"]


async def test_transaction_messages_of_a_pending_station_are_kept() -> None:
    async with stage(witness=Witness(admission=Admission.PENDING)) as on, on.station() as socket:
        answer = await call(socket, "StopTransaction", STOP)

    assert answer[:3] == [4, "m1", "SecurityError"]
    assert on.witness.of(MessageQuarantined)[0].receipt.action == "StopTransaction"


async def test_a_tolerant_gateway_serves_a_pending_station() -> None:
    settings = replace(QUIET, is_tolerant=True)
    async with stage(settings, witness=Witness(admission=Admission.PENDING)) as on, on.station() as socket:
        assert (await call(socket, "Heartbeat", {}))[0] == 3


async def test_a_message_that_was_asked_for_passes_while_pending() -> None:
    payload = {"requestedMessage": "StatusNotification", "connectorId": 1}
    async with stage(witness=Witness(admission=Admission.PENDING)) as on, on.station() as socket:
        pending = asyncio.create_task(on.server.stations.call("CP1", "TriggerMessage", payload, timeout_s=5))
        message_id = (await receive(socket))[1]
        await socket.send(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
        await pending

        assert await call(socket, "StatusNotification", STATUS) == [3, "m1", {}]
        assert (await call(socket, "Heartbeat", {}, "m2"))[2] == "SecurityError"


@pytest.mark.parametrize(
    ("admission", "action", "payload"),
    [
        (Admission.PENDING, "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1}),
        (Admission.REJECTED, "ClearCache", {}),
    ],
)
async def test_what_a_station_is_not_to_be_asked_yet_is_not_sent(
    admission: Admission, action: str, payload: dict[str, Any]
) -> None:
    async with stage(witness=Witness(admission=admission)) as on, on.station():
        outcome = await on.server.stations.call("CP1", action, payload, timeout_s=1)

    assert outcome.outcome == "offline"
    assert "not accepted" in str(outcome.error_description)


# Signs of life, the end


async def test_a_silent_station_is_pinged_from_one_timer() -> None:
    async with stage() as on, on.station() as socket:
        await call(socket, "Heartbeat", {})
        link = next(iter(on.server.stations.links()))
        heard = link.socket.heard_at

        on.server.tick(heard + 30.0)
        assert link.socket.heard_at == heard
        on.server.tick(heard + 56.0)
        await until(lambda: link.socket.heard_at > heard)


async def test_a_station_that_is_gone_is_disconnected() -> None:
    async with stage() as on, on.station() as socket:
        await call(socket, "Heartbeat", {})
        link = next(iter(on.server.stations.links()))
        link.socket.data_received = lambda data: None  # type: ignore[method-assign]
        for minute in range(1, 20):
            on.server.tick(link.socket.heard_at + 60.0 * minute)
        await until(lambda: on.trace.texts("closed"))

    assert "silent for" in on.trace.texts("closed")[0]


async def test_states_that_were_not_sent_are_asked_for_once() -> None:
    async with stage(replace(QUIET, status_wait_s=30.0)) as on, on.station() as socket:
        await call(socket, "Heartbeat", {})
        opened = next(iter(on.server.stations.links())).opened_at
        on.server.tick(opened + 31.0)
        configuration = await receive(socket)
        keys = [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}]
        await socket.send(orjson.dumps([3, configuration[1], {"configurationKey": keys}]).decode())
        trigger = await receive(socket)
        await socket.send(orjson.dumps([3, trigger[1], {"status": "Accepted"}]).decode())
        on.server.tick(opened + 62.0)
        assert (await call(socket, "StatusNotification", STATUS))[0] == 3

    assert configuration[2] == "GetConfiguration"
    assert trigger[2:] == ["TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}]


async def test_metering_is_set_after_a_boot() -> None:
    async with stage(replace(QUIET, metering=Metering(interval_s=60))) as on, on.station() as socket:
        await call(socket, "BootNotification", BOOT)
        asked = await receive(socket)
        keys = [{"key": "MeterValueSampleInterval", "readonly": False, "value": "0"}]
        await socket.send(orjson.dumps([3, asked[1], {"configurationKey": keys}]).decode())
        change = await receive(socket)
        await socket.send(orjson.dumps([3, change[1], {"status": "RebootRequired"}]).decode())
        await until(lambda: on.trace.texts("metering"))

    assert change[2:] == ["ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"}]
    assert "RebootRequired" in on.trace.texts("metering")[0]


async def test_a_report_that_was_asked_for_may_be_long() -> None:
    data = [{"component": {"name": "x" * 50}, "variable": {"name": "v"}, "variableAttribute": [{"value": "y"}]}]
    report = {"requestId": 1, "generatedAt": "2026-03-01T10:00:00Z", "seqNo": 0, "reportData": data * 200}
    settings = replace(QUIET, max_message_bytes=5_000, max_large_message_bytes=100_000)
    async with stage(settings) as on, on.station(version="ocpp2.0.1") as socket:
        payload = {"requestId": 1, "reportBase": "FullInventory"}
        pending = asyncio.create_task(on.server.stations.call("CP1", "GetBaseReport", payload, timeout_s=5))
        await socket.send(orjson.dumps([3, (await receive(socket))[1], {"status": "Accepted"}]).decode())
        await pending

        assert await call(socket, "NotifyReport", report) == [3, "m1", {}]


async def test_a_station_may_be_disconnected_by_the_operator() -> None:
    async with stage() as on, on.station() as socket:
        await call(socket, "Heartbeat", {})
        disconnecting = asyncio.create_task(on.server.stations.disconnect("CP1", "password changed"))
        code, reason = await closing(socket)
        await disconnecting

    assert (code, reason) == (1001, "password changed")


async def test_draining_answers_what_came_in_and_closes_with_1001() -> None:
    opened = asyncio.Event()
    witness = Witness(before=lambda event: opened.wait())
    async with stage(witness=witness) as on, on.station() as socket:
        await socket.send(orjson.dumps([2, "m1", "StopTransaction", STOP]).decode())
        await until(lambda: len(on.trace.frames) >= 2)
        draining = asyncio.create_task(on.server.drain(within_s=0.1))
        await asyncio.sleep(0)
        opened.set()

        assert await receive(socket) == [3, "m1", {}]
        assert (await closing(socket))[0] == 1001
        await draining
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", on.port)


async def test_a_connection_that_breaks_off_is_noticed() -> None:
    async with stage() as on, on.station() as socket:
        await call(socket, "Heartbeat", {})
        socket.transport.get_extra_info("socket").shutdown(sockets.SHUT_RDWR)
        await until(lambda: on.witness.disconnected == ["CP1"])

        assert on.server.stations.list_connections() == []
