"""The rules of the wire, per version, and the conversation of one connection."""

from dataclasses import replace

import orjson
import pytest

from gateway.ocpp import frames
from gateway.ocpp.frames import Fault
from gateway.ocpp.rpc import (
    Connection,
    FrameRefused,
    LateReply,
    OutgoingCall,
    ReplyReceived,
    WireRules,
)
from gateway.ocpp.v16.version import RULES as V16
from gateway.ocpp.v201.version import RULES as V201

V21 = replace(
    V201, message_types=frozenset({2, 3, 4, 5, 6}), answers_unknown_type=False, has_result_error=True
)  # as OCPP 2.1 part 4 has them


def answer_of(rules: WireRules, text: str) -> list[object] | None:
    """Id and code of the CALLERROR that a text gets, None for silence."""
    received = Connection(rules).receive(text, 0.0)
    assert isinstance(received, FrameRefused)
    if received.answer is None:
        return None
    kind, message_id, code, description, details = orjson.loads(received.answer)
    assert (kind, details) == (4, {})
    assert description
    return [message_id, code]


LONG_ID = "x" * 37


@pytest.mark.parametrize(
    ("text", "in_16", "in_201"),
    [
        ("nonsense", ["-1", "FormationViolation"], ["-1", "RpcFrameworkError"]),
        ('{"a":1}', ["-1", "FormationViolation"], ["-1", "RpcFrameworkError"]),
        ('[2,"a","Heartbeat",{]', ["a", "FormationViolation"], ["a", "RpcFrameworkError"]),
        ('[2,"a","Heartbeat"]', ["a", "FormationViolation"], ["a", "RpcFrameworkError"]),
        (
            f'[2,"{LONG_ID}","Heartbeat",{{}}]',
            [LONG_ID, "FormationViolation"],
            [LONG_ID, "RpcFrameworkError"],
        ),
        ('[9,"a",{}]', None, ["a", "MessageTypeNotSupported"]),
        ("[9]", None, ["-1", "MessageTypeNotSupported"]),
        ('[6,"a","X",{}]', None, ["a", "MessageTypeNotSupported"]),
        ('[5,"a","X","",{}]', None, ["a", "MessageTypeNotSupported"]),
        ('[3,"unknown",{}]', None, None),
        ('[3,"unknown"]', None, None),
        ('[3,"unknown",{', None, None),
        ('[4,"unknown","X","",{}]', None, None),
    ],
)
def test_what_cannot_be_served_is_answered_as_the_version_says(
    text: str, in_16: list[object] | None, in_201: list[object] | None
) -> None:
    assert answer_of(V16, text) == in_16
    assert answer_of(V201, text) == in_201


@pytest.mark.parametrize("text", ['[9,"a",{}]', '[6,"a","X"]', '[5,"a","FormatViolation","",{}]'])
def test_ocpp_21_ignores_what_it_cannot_answer(text: str) -> None:
    assert answer_of(V21, text) is None


def test_ocpp_21_takes_a_send() -> None:
    received = Connection(V21).receive('[6,"a","NotifyPeriodicEventStream",{}]', 0.0)

    assert received == (frames.Send("a", "NotifyPeriodicEventStream", {}))


@pytest.mark.parametrize("rules", [V16, V201])
def test_every_fault_has_a_code(rules: WireRules) -> None:
    assert set(rules.codes) == set(Fault)


def test_a_call_is_handed_on() -> None:
    received = Connection(V16).receive('[2,"a","Heartbeat",{}]', 0.0)

    assert received == (frames.Call("a", "Heartbeat", {}))


def outgoing(number: int, deadline: float = 30.0) -> OutgoingCall:
    return OutgoingCall(f"c{number}", "Reset", {"type": "Soft"}, deadline)


def test_only_one_call_is_outstanding() -> None:
    connection = Connection(V16)
    connection.queue(outgoing(1))
    connection.queue(outgoing(2))

    assert connection.next_frame(0.0) == b'[2,"c1","Reset",{"type":"Soft"}]'
    assert connection.next_frame(0.0) is None

    received = connection.receive('[3,"c1",{"status":"Accepted"}]', 1.0)

    assert isinstance(received, ReplyReceived)
    assert received.call.id == "c1"
    assert connection.next_frame(1.0) == b'[2,"c2","Reset",{"type":"Soft"}]'


def test_the_directions_are_independent() -> None:
    connection = Connection(V16)
    connection.queue(outgoing(1))
    connection.next_frame(0.0)

    assert isinstance(connection.receive('[2,"a","Heartbeat",{}]', 1.0), frames.Call)
    assert isinstance(connection.receive('[2,"b","Heartbeat",{}]', 1.0), frames.Call)
    assert connection.is_waiting


def test_an_error_is_a_reply_too() -> None:
    connection = Connection(V16)
    connection.queue(outgoing(1))
    connection.next_frame(0.0)

    received = connection.receive('[4,"c1","NotSupported","no",{}]', 1.0)

    assert isinstance(received, ReplyReceived)
    assert received.reply == frames.CallError("c1", "NotSupported", "no", {})


def test_a_misshapen_reply_ends_its_call() -> None:
    connection = Connection(V16)
    connection.queue(outgoing(1))
    connection.next_frame(0.0)

    received = connection.receive('[3,"c1"]', 1.0)

    assert isinstance(received, ReplyReceived)
    assert isinstance(received.reply, frames.BadFrame)
    assert not connection.is_waiting


def test_a_late_reply_is_matched_and_disturbs_nothing() -> None:
    connection = Connection(V16)
    connection.queue(outgoing(1, deadline=30.0))
    connection.queue(outgoing(2, deadline=90.0))
    connection.next_frame(0.0)

    assert [call.id for call in connection.expire(30.0)] == ["c1"]
    assert connection.next_frame(30.0) is not None

    late = connection.receive('[3,"c1",{"status":"Accepted"}]', 40.0)
    on_time = connection.receive('[3,"c2",{"status":"Accepted"}]', 41.0)

    assert isinstance(late, LateReply)
    assert late.call.id == "c1"
    assert isinstance(on_time, ReplyReceived)
    assert on_time.call.id == "c2"


def test_a_reply_is_late_only_once_and_not_for_ever() -> None:
    connection = Connection(V16)
    for number in (1, 2):
        connection.queue(outgoing(number, deadline=10.0 * number))
        connection.next_frame(0.0)
        connection.expire(10.0 * number)

    assert isinstance(connection.receive('[3,"c1",{}]', 30.0), LateReply)
    assert isinstance(connection.receive('[3,"c1",{}]', 30.0), FrameRefused)
    assert isinstance(connection.receive('[3,"c2",{}]', 10_000.0), FrameRefused)


def test_a_call_past_its_deadline_is_never_sent() -> None:
    connection = Connection(V16)
    connection.queue(outgoing(1, deadline=100.0))
    connection.queue(outgoing(2, deadline=5.0))
    connection.next_frame(0.0)

    assert connection.next_deadline() == 5.0
    assert [call.id for call in connection.expire(6.0)] == ["c2"]
    connection.receive('[3,"c1",{}]', 7.0)
    assert connection.next_frame(7.0) is None
    assert connection.next_deadline() is None


def test_calls_without_answer_are_counted_in_a_row() -> None:
    connection = Connection(V16)
    for number in (1, 2):
        connection.queue(outgoing(number, deadline=number))
        connection.next_frame(0.0)
        connection.expire(number)
    assert connection.unanswered == 2

    connection.receive('[3,"c1",{}]', 3.0)

    assert connection.unanswered == 0


def test_closing_gives_back_every_call() -> None:
    connection = Connection(V16)
    for number in (1, 2, 3):
        connection.queue(outgoing(number))
    connection.next_frame(0.0)

    assert [call.id for call in connection.close()] == ["c1", "c2", "c3"]
    assert connection.close() == []


HEARTBEAT = '[2,"1","Heartbeat",{}]'


def test_the_same_call_again_finds_its_answer() -> None:
    connection = Connection(V16)
    connection.keep_answer("1", HEARTBEAT, b"answer", 0.0)

    assert connection.find_answer("1", HEARTBEAT, 1.0) == b"answer"
    assert connection.find_answer("1", '[2,"1","StopTransaction",{}]', 1.0) is None
    assert connection.find_answer("2", '[2,"2","Heartbeat",{}]', 1.0) is None


def test_an_old_answer_is_not_given_again() -> None:
    connection = Connection(V16)
    connection.keep_answer("1", HEARTBEAT, b"answer", 0.0)

    assert connection.find_answer("1", HEARTBEAT, 300.0) is None


def test_only_the_last_few_answers_are_kept() -> None:
    connection = Connection(V16)
    for number in range(10):
        connection.keep_answer(str(number), "text", b"answer", 0.0)

    found = [number for number in range(10) if connection.find_answer(str(number), "text", 0.0)]

    assert found == [7, 8, 9]


def test_an_id_that_is_used_again_takes_no_other_answers_place() -> None:
    connection = Connection(V16)
    for call_id in ("1", "2", "3", "2"):
        connection.keep_answer(call_id, "text", b"answer", 0.0)
    connection.keep_answer("2", "another", b"later", 1.0)

    assert connection.find_answer("1", "text", 1.0) == b"answer"
    assert connection.find_answer("2", "text", 1.0) is None
    assert connection.find_answer("2", "another", 1.0) == b"later"
