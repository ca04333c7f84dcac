"""Protocol-correct messages by the `ocpp` package: its dataclasses, its schemas, its spelling of keys.

The one place that touches the package's untyped machinery.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from types import ModuleType
from typing import Any

from jsonschema.exceptions import (  # type: ignore[import-untyped, unused-ignore]
    ValidationError,
    best_match,
)
from ocpp.charge_point import (  # type: ignore[import-untyped, unused-ignore]
    remove_nones,
    serialize_as_dict,
    snake_to_camel_case,
)
from ocpp.messages import MessageType, get_validator  # type: ignore[import-untyped, unused-ignore]

from .errors import InvalidMessageError
from .message import Message, Payload

# JSON schema keyword -> CALLERROR code (OCPP-J 1.6 4.2.3, 2.0.1 part 4 4.3).
_FAULTS: Mapping[str, tuple[str, str]] = {
    "required": ("ProtocolError", "OccurrenceConstraintViolation"),
    "additionalProperties": ("FormationViolation", "FormatViolation"),
    "minItems": ("OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
    "maxItems": ("OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
    "type": ("TypeConstraintViolation", "TypeConstraintViolation"),
}


def render_call(version: str, call: Any, *, is_checked: bool = True) -> Message:
    """A message from one of the package's call dataclasses; checked against its schema unless told not to."""
    action = type(call).__name__
    payload = render_payload(call)
    if is_checked:
        check_payload(version, action, payload)
    return Message(action, payload)


def render_payload(message: Any) -> Payload:
    """The camelCase JSON object of a call or call_result dataclass, absent fields left out."""
    payload: Payload = snake_to_camel_case(remove_nones(serialize_as_dict(message)))
    return payload


def check_payload(version: str, action: str, payload: Any, *, is_reply: bool = False) -> None:
    """Raise InvalidMessageError with the code a CALLERROR would carry, if the schema forbids the payload."""
    kind = MessageType.CallResult if is_reply else MessageType.Call
    # Numbers become Decimal on both sides: multipleOf 0.1 is wrong with binary floats.
    validator = get_validator(kind, action, version, parse_float=Decimal)
    instance = json.loads(json.dumps(payload), parse_float=Decimal)
    fault: ValidationError | None = best_match(validator.iter_errors(instance))
    if fault is not None:
        codes = _FAULTS.get(str(fault.validator), ("PropertyConstraintViolation",) * 2)
        code = codes[0] if version == "1.6" else codes[1]
        raise InvalidMessageError(action, code, f"{fault.json_path}: {fault.message}"[:255])


def is_known(calls: ModuleType, action: str) -> bool:
    """Whether the version defines the action, supported here or not."""
    return isinstance(getattr(calls, action, None), type) and action[:1].isupper()
