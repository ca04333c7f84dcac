"""OCPP-J messages: text in, typed objects out, and back.

OCPP-J 1.6 4.2, OCPP 2.0.1 part 4 4.2, OCPP 2.1 part 4 4.2.
"""

from dataclasses import dataclass
from enum import StrEnum
from json import JSONDecoder
from typing import Any, Final

import orjson

from gateway.domain.quick import quick

CALL: Final = 2
CALL_RESULT: Final = 3
CALL_ERROR: Final = 4
CALL_RESULT_ERROR: Final = 5  # OCPP 2.1
SEND: Final = 6  # OCPP 2.1

MAX_ID_LENGTH: Final = 36
UNREADABLE_ID: Final = "-1"  # OCPP 2.0.1 part 4 4.2.3
MAX_DESCRIPTION_LENGTH: Final = 255
_LONGEST_ECHOED_ID: Final = 255


class Fault(StrEnum):
    """What can be wrong with a message; each OCPP version has its own error code for it."""

    NOT_JSON = "not JSON"
    NOT_A_CALL = "not a valid call"
    UNKNOWN_ACTION = "unknown action"
    UNSUPPORTED_ACTION = "unsupported action"
    BAD_PAYLOAD = "payload not of the action's form"
    MISSING_FIELD = "required field missing"
    BAD_COUNT = "too many or too few elements"
    BAD_TYPE = "wrong type"
    BAD_VALUE = "invalid value"
    UNKNOWN_MESSAGE_TYPE = "unknown message type"
    NOT_ACCEPTED = "station not accepted"
    INTERNAL = "internal error"


@dataclass(frozen=True, slots=True)
class Call:
    """A request; `payload` is whatever JSON came (null became {}): its form is the validator's business."""

    id: str
    action: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Send:
    """A request that is never answered (OCPP 2.1 part 4 4.2.4)."""

    id: str
    action: str
    payload: Any


@dataclass(frozen=True, slots=True)
class CallResult:
    id: str
    payload: Any


@dataclass(frozen=True, slots=True)
class CallError:
    id: str
    code: str
    description: str
    details: Any


@dataclass(frozen=True, slots=True)
class CallResultError:
    """The station could not use our answer (OCPP 2.1 part 4 4.2.3)."""

    id: str
    code: str
    description: str
    details: Any


@dataclass(frozen=True, slots=True)
class UnknownType:
    """A message whose type number is none of 2 to 6."""

    id: str
    message_type: int


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Text that is no message.

    `id` is "-1" where it could not be read; `action` is known if the text broke only after it; `message_type` is
    None where it could not be read.
    """

    id: str
    fault: Fault
    reason: str
    action: str | None = None
    message_type: int | None = None


make_call = quick(Call)

Frame = Call | Send | CallResult | CallError | CallResultError | UnknownType | BadFrame


def parse_frame(text: str) -> Frame:
    """Read one message; never raises."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _salvage(text, str(error))
    if type(message) is not list or not message:
        return BadFrame(UNREADABLE_ID, Fault.NOT_A_CALL, "the message is not a JSON array with elements")
    kind = message[0]
    if kind == CALL and type(kind) is int:
        if len(message) == 4:
            _, call_id, action, payload = message
            if type(call_id) is str and type(action) is str and call_id and len(call_id) <= _LONGEST_ECHOED_ID:
                return make_call(call_id, action, {} if payload is None else payload)
        return _bad(message, "a CALL is [2, messageId, action, payload]")
    return _parse_other(message, kind)


def _parse_other(message: list[Any], kind: Any) -> Frame:
    if type(kind) is not int:
        return BadFrame(_id_of(message), Fault.NOT_A_CALL, "the first element is not a message type number")
    if kind == CALL_RESULT:
        if len(message) == 3 and type(message[1]) is str:
            return CallResult(message[1], {} if message[2] is None else message[2])
        return _bad(message, "a CALLRESULT is [3, messageId, payload]")
    if kind in (CALL_ERROR, CALL_RESULT_ERROR):
        return _parse_error(message, kind)
    if kind == SEND:
        if len(message) == 4 and type(message[1]) is str and type(message[2]) is str:
            return Send(message[1], message[2], {} if message[3] is None else message[3])
        return _bad(message, "a SEND is [6, messageId, action, payload]")
    return UnknownType(_id_of(message), kind)


def _parse_error(message: list[Any], kind: int) -> Frame:
    """Stations leave the last elements out although five are required; the code alone says enough."""
    if not 3 <= len(message) <= 5 or type(message[1]) is not str or type(message[2]) is not str:
        return _bad(message, f"an error is [{kind}, messageId, errorCode, errorDescription, errorDetails]")
    description = message[3] if len(message) > 3 and type(message[3]) is str else ""
    details = message[4] if len(message) > 4 else {}
    made = CallError if kind == CALL_ERROR else CallResultError
    return made(message[1], message[2], description, details)


def _bad(message: list[Any], reason: str) -> BadFrame:
    action = message[2] if message[0] == CALL and len(message) > 2 and type(message[2]) is str else None
    return BadFrame(_id_of(message), Fault.NOT_A_CALL, reason, action, message[0])


def _id_of(message: list[Any]) -> str:
    if len(message) > 1 and type(message[1]) is str and 0 < len(message[1]) <= _LONGEST_ECHOED_ID:
        return message[1]
    return UNREADABLE_ID


def _salvage(text: str, reason: str) -> BadFrame:
    """Read type, id and action from the head of broken JSON: a broken payload still belongs to a known call."""
    elements, position = _read_head(text)
    action = None
    # A text that ends inside or right after its action has no payload to speak of.
    if len(elements) == 3 and elements[0] == CALL and text.startswith(",", position):
        action = elements[2]
    kind = elements[0] if elements else None
    return BadFrame(_id_of(elements), Fault.NOT_JSON, reason, action, kind)


def _read_head(text: str) -> tuple[list[Any], int]:
    """At most the first three elements of an array, as far as they are a digit and strings, and where they end."""
    position = _skip_space(text, 0)
    if not text.startswith("[", position):
        return [], position
    position = _skip_space(text, position + 1)
    digit = text[position : position + 1]
    if not (digit.isascii() and digit.isdigit()):
        return [], position
    elements: list[Any] = [int(digit)]
    position = _skip_space(text, position + 1)
    while len(elements) < 3 and text.startswith(",", position):
        start = _skip_space(text, position + 1)
        if not text.startswith('"', start):
            break
        try:
            element, end = _DECODER.raw_decode(text, start)
        except ValueError:
            break
        elements.append(element.encode("utf-8", "replace").decode())  # without lone surrogates
        position = _skip_space(text, end)
    return elements, position


def _skip_space(text: str, position: int) -> int:
    while text.startswith((" ", "\t", "\r", "\n"), position):
        position += 1
    return position


_DECODER: Final = JSONDecoder(strict=False)


def render_call(call_id: str, action: str, payload: Any) -> bytes:
    """A CALL as compact JSON, keys in the order given."""
    return orjson.dumps([CALL, call_id, action, payload])


def render_result(call_id: str, payload: Any) -> bytes:
    """A CALLRESULT as compact JSON; None is the payload of the many responses without fields."""
    if not payload:
        return b"[3," + orjson.dumps(call_id) + b",{}]"
    # A copy: what orjson made keeps its whole buffer, and an answer is kept for a while.
    return bytes(memoryview(orjson.dumps([CALL_RESULT, call_id, payload])))


def render_error(call_id: str, code: str, description: str, details: dict[str, Any] | None = None) -> bytes:
    """A CALLERROR; the description is cut to the 255 characters that OCPP allows."""
    return orjson.dumps([CALL_ERROR, call_id, code, description[:MAX_DESCRIPTION_LENGTH], details or {}])


def render_result_error(call_id: str, code: str, description: str) -> bytes:
    """A CALLRESULTERROR (OCPP 2.1): the station's answer to our call could not be used."""
    return orjson.dumps([CALL_RESULT_ERROR, call_id, code, description[:MAX_DESCRIPTION_LENGTH], {}])
