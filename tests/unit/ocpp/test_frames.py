import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ocpp import frames
from gateway.ocpp.frames import (
    BadFrame,
    Call,
    CallError,
    CallResult,
    CallResultError,
    Fault,
    Send,
    UnknownType,
    parse_frame,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner, max_size=6)
)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"a","Heartbeat",{}]', Call("a", "Heartbeat", {})),
        ('[2,"a","Heartbeat",null]', Call("a", "Heartbeat", {})),
        ('[2,"a","Heartbeat",[1]]', Call("a", "Heartbeat", [1])),
        (' [ 2 , "a" , "X" , {"k":"v"} ] ', Call("a", "X", {"k": "v"})),
        ('[3,"a",{"status":"Accepted"}]', CallResult("a", {"status": "Accepted"})),
        ('[3,"a",null]', CallResult("a", {})),
        ('[4,"a","NotSupported","no",{"x":1}]', CallError("a", "NotSupported", "no", {"x": 1})),
        ('[4,"a","NotSupported"]', CallError("a", "NotSupported", "", {})),
        ('[4,"a","NotSupported",null,{}]', CallError("a", "NotSupported", "", {})),
        ('[5,"a","FormatViolation","no",{}]', CallResultError("a", "FormatViolation", "no", {})),
        ('[6,"a","NotifyPeriodicEventStream",{}]', Send("a", "NotifyPeriodicEventStream", {})),
        ('[7,"a",{}]', UnknownType("a", 7)),
        ("[7]", UnknownType("-1", 7)),
    ],
)
def test_parse_frame_reads_messages(text: str, frame: frames.Frame) -> None:
    assert parse_frame(text) == frame


@pytest.mark.parametrize(
    ("text", "message_id", "fault", "action", "message_type"),
    [
        ("", "-1", Fault.NOT_JSON, None, None),
        ("hello", "-1", Fault.NOT_JSON, None, None),
        ("[,{", "-1", Fault.NOT_JSON, None, None),
        ("[2", "-1", Fault.NOT_JSON, None, 2),
        ('[2,"a","StopTransaction",{"transactionId":,}]', "a", Fault.NOT_JSON, "StopTransaction", 2),
        ('[2,"a","Heartbeat",{}', "a", Fault.NOT_JSON, "Heartbeat", 2),
        ('[2,"a","Heartb', "a", Fault.NOT_JSON, None, 2),
        ('[2,"a', "-1", Fault.NOT_JSON, None, 2),
        ('[3,"a",{', "a", Fault.NOT_JSON, None, 3),
        ("{}", "-1", Fault.NOT_A_CALL, None, None),
        ('"text"', "-1", Fault.NOT_A_CALL, None, None),
        ("[]", "-1", Fault.NOT_A_CALL, None, None),
        ("[null]", "-1", Fault.NOT_A_CALL, None, None),
        ('["2","a","Heartbeat",{}]', "a", Fault.NOT_A_CALL, None, None),
        ('[true,"a","Heartbeat",{}]', "a", Fault.NOT_A_CALL, None, None),
        ('[2,"a","Heartbeat"]', "a", Fault.NOT_A_CALL, "Heartbeat", 2),
        ('[2,"a","Heartbeat",{},1]', "a", Fault.NOT_A_CALL, "Heartbeat", 2),
        ('[2,"a"]', "a", Fault.NOT_A_CALL, None, 2),
        ('[2,"a",{},{}]', "a", Fault.NOT_A_CALL, None, 2),
        ('[2,17,"Heartbeat",{}]', "-1", Fault.NOT_A_CALL, "Heartbeat", 2),
        ('[2,"","Heartbeat",{}]', "-1", Fault.NOT_A_CALL, "Heartbeat", 2),
        ('[3,"a"]', "a", Fault.NOT_A_CALL, None, 3),
        ('[4,"a"]', "a", Fault.NOT_A_CALL, None, 4),
        ('[6,"a","X"]', "a", Fault.NOT_A_CALL, None, 6),
    ],
)
def test_parse_frame_says_what_is_wrong(
    text: str, message_id: str, fault: Fault, action: str | None, message_type: int | None
) -> None:
    frame = parse_frame(text)

    assert isinstance(frame, BadFrame)
    assert (frame.id, frame.fault, frame.action, frame.message_type) == (message_id, fault, action, message_type)
    assert frame.reason


def test_an_id_too_long_to_be_echoed_counts_as_unreadable() -> None:
    frame = parse_frame(f'[2,"{"x" * 1000}","Heartbeat",{{}}]')

    assert isinstance(frame, BadFrame)
    assert frame.id == "-1"


@given(st.text())
def test_no_text_makes_parse_frame_raise(text: str) -> None:
    parse_frame(text)


@given(st.lists(JSON, max_size=6))
def test_no_json_array_makes_parse_frame_raise(message: list[object]) -> None:
    parse_frame(orjson.dumps(message).decode())


@given(st.lists(JSON, min_size=1, max_size=5), st.integers(0, 60))
def test_no_torn_message_makes_parse_frame_raise(message: list[object], length: int) -> None:
    parse_frame(orjson.dumps([2, *message]).decode()[:length])


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=36), st.text(max_size=20))
def test_a_rendered_call_is_read_back(message_id: str, value: str) -> None:
    try:
        text = frames.render_call(message_id, "DataTransfer", {"vendorId": value}).decode()
    except TypeError:  # a lone surrogate is no text
        return

    assert parse_frame(text) == Call(message_id, "DataTransfer", {"vendorId": value})


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=36))
def test_the_empty_result_carries_any_id(message_id: str) -> None:
    assert parse_frame(frames.render_result(message_id, None).decode()) == CallResult(message_id, {})


def test_calls_are_compact_and_keep_the_order_of_keys() -> None:
    payload = {"type": "Hard", "a": 1, "B": None}

    assert frames.render_call("id", "Reset", payload) == b'[2,"id","Reset",{"type":"Hard","a":1,"B":null}]'


def test_error_descriptions_are_cut_to_what_ocpp_allows() -> None:
    error = orjson.loads(frames.render_error("id", "GenericError", "x" * 300))

    assert error == [4, "id", "GenericError", "x" * 255, {}]
