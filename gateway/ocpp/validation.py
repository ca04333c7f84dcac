"""Payloads held against OCPP's JSON schemas, liberally inbound, strictly outbound.

The schemas come with the `ocpp` package.  Formats are not asserted: what stations write as a time is read by `times`.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final, Protocol

import jsonschema_rs
import orjson
from jsonschema_rs import ValidationError
from jsonschema_rs import ValidationErrorKind as Kind
from msgspec import Struct

from gateway.ocpp.frames import Fault
from gateway.ocpp.typed import Typed

Path = list[str | int]

_ROUNDS: Final = 4
_MAX_PROBLEMS: Final = 20
_EXAMPLE_LENGTH: Final = 100
_SECRET_FIELDS: Final = frozenset({"idTag", "idToken", "parentIdTag"})
_SAMPLES: Final = frozenset({"meterValue", "sampledValue", "transactionData"})
_SIGNED: Final = "signedMeterValue"
_REGISTERS: Final = frozenset({"meterStart", "meterStop"})


class Validator(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool: ...
    def iter_errors(self, instance: Any) -> Iterable[ValidationError]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Schemas:
    """The compiled schemas of a version by action name; every action has both.  `typed` reads the calls of some."""

    requests: Mapping[str, Validator]
    replies: Mapping[str, Validator]
    typed: Typed

    def may_be_served(self, action: str, payload: Any) -> bool:
        """Is it the payload of a request as the schema has it?  A typed one was read by the schema."""
        return isinstance(payload, Struct) or self.requests[action].is_valid(payload)


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that is put up with.  `path` has `[*]` for indices, so that the same fault is counted as one."""

    path: str
    problem: str
    example: str


@dataclass(frozen=True, slots=True)
class Mended:
    """A payload that can be used; lengths and enum values are still the station's own."""

    payload: dict[str, Any]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A payload that cannot be used, and why."""

    fault: Fault
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def read_schemas(package: str) -> dict[str, dict[str, Any]]:
    """The JSON schemas of one version, by the names of their files: an action and perhaps `Request` or `Response`."""
    return {
        file.name.removesuffix(".json"): orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        for file in (files("ocpp") / package / "schemas").iterdir()
        if file.name.endswith(".json")
    }


def load_schemas(package: str, request_suffix: str, typed: Iterable[str]) -> Schemas:
    """Compile the schemas of one version: `package` is `v16`, `v201` or `v21`, `request_suffix` "" or "Request".

    `typed` names the actions whose calls come all day.
    """
    schemas = read_schemas(package)
    compiled = {name: jsonschema_rs.validator_for(one, validate_formats=False) for name, one in schemas.items()}
    replies = {name.removesuffix("Response"): one for name, one in compiled.items() if name.endswith("Response")}
    return Schemas(
        requests={action: compiled[action + request_suffix] for action in replies},
        replies=replies,
        typed=Typed({action: schemas[action + request_suffix] for action in typed}),
    )


def explain(validator: Validator, payload: Any) -> str | None:
    """The first breach in words, None if the payload is valid."""
    if validator.is_valid(payload):
        return None
    error = next(iter(validator.iter_errors(payload)))
    return f"{_render_path(error.instance_path)}: {error.message}"


class Unknown(StrEnum):
    """What becomes of fields that the specification does not know."""

    STRIP = "strip"
    KEEP = "keep"
    REFUSE = "refuse"


def mend(validator: Validator, payload: Any, unknown: Unknown = Unknown.STRIP) -> Mended | Unfit:
    """Make an invalid payload usable if its faults are harmless.

    Harmless are: unknown fields, too long texts, unknown enum values, a number as text and the reverse, null for an
    absent field, one object where a list of them belongs, odd sampled and signed values, and numbers with too many
    places.
    """
    if not isinstance(payload, dict):
        return Unfit(Fault.BAD_PAYLOAD, "$", "the payload is not a JSON object")
    mending = _Mending(deepcopy(payload), unknown)
    for _ in range(_ROUNDS):
        changed = False
        for error in list(validator.iter_errors(mending.payload)):
            unfit = mending.take(error)
            if isinstance(unfit, Unfit):
                return unfit
            changed |= unfit
        if not changed:
            break
    return Mended(mending.payload, tuple(mending.problems.values()))


class _Mending:
    """A payload under repair.  `take` says whether it changed the payload, or that it cannot be used."""

    def __init__(self, payload: dict[str, Any], unknown: Unknown) -> None:
        self.payload = payload
        self.problems: dict[tuple[str, str], Problem] = {}
        self._unknown = unknown

    def take(self, error: ValidationError) -> bool | Unfit:
        path = error.instance_path
        match error.kind:
            case Kind.AdditionalProperties(unexpected=names):
                return self._strip(error, names)
            case Kind.Required(property=name):
                return self._miss(path, name)
            case Kind.Type(types=types):
                return self._convert(error, types)
            case Kind.MinItems() | Kind.MaxItems():
                if path and path[-1] in _SAMPLES:
                    return self._note(path, "too many or too few elements", error.instance)
                return _unfit(Fault.BAD_COUNT, error)
            case Kind.MaxLength(limit=limit):
                return self._note(path, f"longer than {limit} characters", error.instance)
            case Kind.Enum():
                return self._note(path, "not a value of the specification", error.instance)
            case Kind.MultipleOf():
                return self._note(path, "too many decimal places", error.instance)
            case _:
                return _unfit(Fault.BAD_VALUE, error)

    def _note(self, path: Path, problem: str, example: Any) -> bool:
        rendered = _render_path(path, counts=False)
        if len(self.problems) < _MAX_PROBLEMS:
            is_secret = bool(path) and path[-1] in _SECRET_FIELDS
            self.problems.setdefault((rendered, problem), Problem(rendered, problem, _example(example, is_secret)))
        return False

    def _strip(self, error: ValidationError, names: list[str]) -> bool | Unfit:
        is_kept = _SIGNED in error.instance_path
        if self._unknown is Unknown.REFUSE and not is_kept:
            return _unfit(Fault.BAD_PAYLOAD, error)
        holder = _find(self.payload, error.instance_path)
        is_stripped = self._unknown is Unknown.STRIP and not is_kept
        for name in names:
            self._note([*error.instance_path, name], "not a field of the specification", holder.get(name))
            if is_stripped:
                holder.pop(name, None)
        return is_stripped

    def _miss(self, path: Path, name: str) -> bool | Unfit:
        # A sample without value is skipped, samples without time are taken at the time of receipt.
        is_harmless = "sampledValue" in path if name == "value" else bool(_SAMPLES & set(path))
        # Of a signed value everything is kept as it came, to be judged with the bill; OCPP 2.1 needs less of it.
        if path[-1:] == [_SIGNED] or (is_harmless and name in ("value", "timestamp", "sampledValue")):
            return self._note([*path, name], "required field missing", None)
        return Unfit(Fault.MISSING_FIELD, _render_path([*path, name]), "required field missing")

    def _convert(self, error: ValidationError, kinds: list[str]) -> bool | Unfit:
        path, value = error.instance_path, error.instance
        if not path:
            return _unfit(Fault.BAD_PAYLOAD, error)
        if path[-1] == "value" and "sampledValue" in path:
            return self._note(path, f"{_kind(value)} instead of {'/'.join(kinds)}", value)
        if _SIGNED in path and value is not None:
            return self._note(path, f"{_kind(value)} instead of {'/'.join(kinds)}", value)
        if path == ["data"]:  # DataTransfer in 1.6: stations put objects where a text belongs
            return self._note(path, f"{_kind(value)} instead of text", value)
        holder = _find(self.payload, path[:-1])
        if value is None and isinstance(holder, dict):
            del holder[str(path[-1])]
            self._note(path, "null instead of an absent field", value)
            return True
        for kind in kinds:
            converted = _converted(value, kind, path[-1])
            if converted is not None:
                holder[path[-1]] = converted
                self._note(path, f"{_kind(value)} instead of {kind}", value)
                return True
        return _unfit(Fault.BAD_TYPE, error)


def _converted(value: Any, kind: str, name: str | int) -> Any:
    """The value as the JSON type `kind` if nothing is lost by it, else None."""
    if kind == "array":
        return [value] if isinstance(value, dict) else None
    if kind == "string":
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None
    if kind not in ("integer", "number"):
        return None
    number = _number(value)
    if number is None or kind == "number":
        return number
    if number == int(number):
        return int(number)
    # OCPP 1.6 registers are whole Wh; stations with a finer meter send fractions.
    return round(number) if name in _REGISTERS else None


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None  # neither infinite nor NaN


def _unfit(fault: Fault, error: ValidationError) -> Unfit:
    return Unfit(fault, _render_path(error.instance_path), error.message[:200])


def _find(payload: Any, path: Path) -> Any:
    for step in path:
        payload = payload[step]
    return payload


def _render_path(path: Iterable[str | int], *, counts: bool = True) -> str:
    steps = [f"[{step if counts else '*'}]" if isinstance(step, int) else f".{step}" for step in path]
    return "$" + "".join(steps)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _example(value: Any, is_secret: bool) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"{text[:2]}…" if is_secret else text[:_EXAMPLE_LENGTH]
