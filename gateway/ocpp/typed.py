"""The messages that stations send all day, read in one pass: JSON, schema and fields.

What reads them is made from OCPP's own schemas.  It takes what is valid to the letter and nothing else: any other text
goes the long way, where faults are put up with or explained.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, MsgspecError, Raw, defstruct
from msgspec.json import Decoder

from gateway.ocpp.frames import CALL, MAX_ID_LENGTH, Call

SAMPLES: Final = "sampledValue"
_HEAD_LENGTH: Final = 80
"""Within so many characters stands the action of a call, unless somebody likes spaces."""
_IDLE_KEYWORDS: Final = frozenset(
    {"$id", "$schema", "comment", "default", "definitions", "description", "format", "javaType", "title", "type"}
)
_MOST: Final = 2**63 - 1
"""Larger whole numbers are read as fractions the long way."""
_UNREADABLE: Final = (MsgspecError, UnicodeError, RecursionError)

Schema = Mapping[str, Any]

Sampled = tuple[bytes, list[Any]]
"""The samples of one moment: the JSON list as it was sent, and its elements as objects."""


class Fields:
    """A JSON object whose fields are found as those of a typed one: what is absent is None."""

    __slots__ = ("_json",)

    def __init__(self, json: Mapping[str, Any]) -> None:
        self._json = json

    def __getattr__(self, name: str) -> Any:
        return fields_of(self._json.get(name))


def fields_of(payload: Any) -> Any:
    """The fields of a payload, whichever way it was read; what has none stays as it is."""
    return Fields(payload) if type(payload) is dict else payload


class Typed:
    """Reads the calls of some actions with meter values of one version; `schemas` are those of their requests."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        readers = []
        for action, schema in schemas.items():
            with suppress(NotImplementedError):
                readers.append((f'"{action}"', _reader_of(action, schema)))
        self._readers = tuple(readers)

    @property
    def actions(self) -> list[str]:
        """Those it reads: all whose schemas demand nothing unheard of."""
        return [mark.strip('"') for mark, _ in self._readers]

    def read(self, text: str) -> Call | None:
        """The call with a typed payload, every `sampledValue` in it Sampled; None for all that is not quite so."""
        head = text[:_HEAD_LENGTH]
        for mark, read in self._readers:
            if mark in head:
                return read(text)
        return None


def _reader_of(action: str, schema: Schema) -> Callable[[str], Call | None]:
    definitions = schema.get("definitions", {})
    types = _Types(definitions)
    payload = types.make(schema, "Payload")
    # What is kept of samples as it was sent must have been read through.
    samples = _Types(definitions, is_closed=True).make(types.samples, SAMPLES)
    frame = defstruct(
        "Frame",
        [
            ("kind", Literal[CALL]),
            ("id", Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]),
            ("action", Literal[action]),
            ("payload", payload),
        ],
        array_like=True,
        forbid_unknown_fields=True,
        gc=False,
    )
    decode: Callable[[str], Any] = Decoder(frame).decode
    decode_samples = Decoder(samples).decode

    def read(text: str) -> Any:
        try:
            call = decode(text)
            for meter_value in call.payload.meterValue or ():
                raw = meter_value.sampledValue
                meter_value.sampledValue = (bytes(raw), decode_samples(raw))
        except _UNREADABLE:
            return None
        return call

    return read


class _Types:
    """Makes the types of a schema; absent fields are None.  Raises NotImplementedError for what they could not hold to.

    Samples are left as raw text, and `samples` is their schema once it was met.  `is_closed`: no object may have fields
    that the schema does not name.
    """

    def __init__(self, definitions: Mapping[str, Schema], *, is_closed: bool = False) -> None:
        self._definitions = definitions
        self._is_closed = is_closed
        self._objects: dict[str, Any] = {}
        self.samples: Schema = {}

    def make(self, schema: Schema, name: str) -> Any:
        """The type of a schema; `name` is for those that have none of their own."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/definitions/")
            schema = self._definitions[name]
        rest = set(schema) - _IDLE_KEYWORDS
        match schema["type"]:
            case "object":
                _hold_to(rest, "properties", "required", "additionalProperties")
                if name not in self._objects:
                    self._objects[name] = self._make_object(schema, name)
                return self._objects[name]
            case "array":
                _hold_to(rest, "items", "additionalItems", "minItems", "maxItems")
                length = Meta(min_length=schema.get("minItems"), max_length=schema.get("maxItems"))
                return Annotated[list[self.make(schema["items"], name)], length]  # type: ignore[misc]
            case "string" if "enum" in schema:
                _hold_to(rest, "enum", "additionalProperties")
                return Literal[tuple(schema["enum"])]
            case "string":
                _hold_to(rest, "maxLength")
                return Annotated[str, Meta(max_length=schema.get("maxLength"))]
            case "integer" | "number" as kind:
                _hold_to(rest, "minimum", "maximum")
                least, most = schema.get("minimum"), schema.get("maximum")
                whole = Annotated[
                    int, Meta(ge=int(-_MOST if least is None else least), le=int(_MOST if most is None else most))
                ]
                return whole if kind == "integer" else whole | Annotated[float, Meta(ge=least, le=most)]
            case "boolean":
                _hold_to(rest)
                return bool
            case kind:
                raise NotImplementedError(f"a schema has the type {kind}")

    def _make_object(self, schema: Schema, name: str) -> Any:
        required: list[Any] = []
        optional: list[Any] = []
        for field, part in schema["properties"].items():
            if field == SAMPLES:
                self.samples = part
            kind = Raw if field == SAMPLES else self.make(part, field)
            if field in schema.get("required", ()):
                required.append((field, kind))
            else:
                optional.append((field, kind, None))
        is_closed = self._is_closed or schema.get("additionalProperties") is False
        return defstruct(name, [*required, *optional], forbid_unknown_fields=is_closed, omit_defaults=True, gc=False)


def _hold_to(keywords: Iterable[str], *known: str) -> None:
    """Raise if a schema demands what no type is made of here."""
    if unknown := set(keywords) - set(known):
        raise NotImplementedError(f"a schema demands {', '.join(sorted(unknown))}")
