"""What is read in one pass is what is read the long way, and nothing that the schemas refuse."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.energy import registers_of
from gateway.core.facts import fact_of
from gateway.domain.events import TransactionReported
from gateway.errors import WireError
from gateway.ocpp.frames import Call, parse_frame
from gateway.ocpp.message import Message, Seat
from gateway.ocpp.typed import Typed
from gateway.ocpp.validation import read_schemas
from gateway.ocpp.version import Version
from gateway.ocpp.versions import VERSIONS
from gateway.store.codec import parse_fact, render_fact, to_us

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
FOLDERS = {"1.6": ("v16", ""), "2.0.1": ("v201", "Request")}
SCHEMAS = {folder: read_schemas(folder) for folder, _ in FOLDERS.values()}
V16, V201 = (next(version for version in VERSIONS if version.name == name) for name in FOLDERS)
REPORTS = [(version, action) for version in VERSIONS for action in version.reports]
TIMES = ["2026-03-01T09:00:00Z", "2026-03-01T09:00:00.500+01:00", "2026-03-01T09:01:00", "1970-01-01T00:00:00Z", "soon"]
TEXTS = ["", "7", "12.50", "0.1", "-3", "1e3", "NaN", "T1", 'é😀\u0000"\\', "x" * 30, "x" * 3000]
OTHERS: list[Any] = [
    None,
    True,
    0,
    -1,
    7,
    2**31,
    2**70,
    0.5,
    7.0,
    1e300,
    "",
    "Wh",
    "x" * 40,
    [],
    [{}],
    {},
    {"value": 1},
]


def schema_of(version: Version, action: str) -> dict[str, Any]:
    folder, suffix = FOLDERS[version.name]
    return SCHEMAS[folder][action + suffix]


@st.composite
def instances(draw: st.DrawFn, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """A valid instance."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].removeprefix("#/definitions/")]
    match schema["type"]:
        case "object":
            required = schema.get("required", ())
            chosen = [name for name in schema["properties"] if name in required or draw(st.booleans())]
            return {name: draw(instances(schema["properties"][name], root)) for name in chosen}
        case "array":
            return draw(st.lists(instances(schema["items"], root), min_size=schema.get("minItems", 0), max_size=3))
        case "string" if "enum" in schema:
            return draw(st.sampled_from(schema["enum"]))
        case "string" if schema.get("format") == "date-time":
            return draw(st.sampled_from(TIMES))
        case "string":
            return draw(st.sampled_from([text for text in TEXTS if len(text) <= schema.get("maxLength", 3000)]))
        case "integer":
            return draw(st.sampled_from([0, 1, 2, 7, 4711, 2**31 - 1]))
        case "number":
            return draw(st.sampled_from([0, 1, 12.5, 7.25, 1000183, 0.001, 1e20]))
        case "boolean":
            return draw(st.booleans())
        case kind:
            raise NotImplementedError(kind)


def places_of(instance: Any) -> list[tuple[Any, Any]]:
    """Every object or list in it, with each of its keys."""
    if not isinstance(instance, dict | list):
        return []
    keys = list(instance) if isinstance(instance, dict) else list(range(len(instance)))
    return [(instance, key) for key in keys] + [place for key in keys for place in places_of(instance[key])]


@st.composite
def changed(draw: st.DrawFn, instance: Any) -> Any:
    """The instance with a few things gone, replaced or added."""
    for _ in range(draw(st.integers(1, 2))):
        places = places_of(instance)
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["drop", "replace", "add"])):
            case "drop":
                del holder[key]
            case "replace":
                holder[key] = json.loads(json.dumps(draw(st.sampled_from(OTHERS))))
            case "add" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["vendorId", "unheardOf", "measurand", "phase"]))] = "L1"
            case "add":
                holder.append(json.loads(json.dumps(holder[key])))
    return instance


def written(draw: st.DrawFn, action: str, payload: Any) -> str:
    """A call as one station or another writes it."""
    style = draw(st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}, {"ensure_ascii": False}]))
    return json.dumps([2, "m1", action, payload], **style)  # type: ignore[arg-type]


def told(version: Version, call: Call, text: str) -> TransactionReported | str:
    message = Message(Seat("CP1"), NOW, call.id, call.action, call.payload, text)
    try:
        return version.reports[call.action].parse(message)
    except WireError as error:
        return str(error)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_every_report_of_a_version_is_read_in_one_pass(version: Version) -> None:
    assert version.schemas.typed.actions == list(version.reports)


@pytest.mark.parametrize(("version", "action"), REPORTS, ids=lambda part: getattr(part, "name", part))
@given(data=st.data())
def test_what_is_valid_is_read_and_tells_the_same_as_the_long_way(
    version: Version, action: str, data: st.DataObject
) -> None:
    schema = schema_of(version, action)
    text = written(data.draw, action, data.draw(instances(schema, schema)))

    typed, untyped = version.schemas.typed.read(text), parse_frame(text)

    assert typed is not None
    assert isinstance(untyped, Call)
    assert (typed.id, typed.action) == (untyped.id, untyped.action)
    event, same = told(version, typed, text), told(version, untyped, text)
    assert event == same
    if isinstance(event, TransactionReported) and isinstance(same, TransactionReported):
        assert registers_of(event.readings) == registers_of(same.readings)
        fact, at_us = fact_of(event), to_us(event.at)
        assert parse_fact(fact.key, at_us, render_fact(fact, at_us)) == fact_of(same)


@pytest.mark.parametrize(("version", "action"), REPORTS, ids=lambda part: getattr(part, "name", part))
@given(data=st.data())
def test_nothing_is_read_that_the_schema_refuses(version: Version, action: str, data: st.DataObject) -> None:
    schema = schema_of(version, action)
    text = written(data.draw, action, data.draw(changed(data.draw(instances(schema, schema)))))

    typed = version.schemas.typed.read(text)

    if typed is not None:
        untyped = parse_frame(text)
        assert isinstance(untyped, Call)
        assert version.schemas.requests[action].is_valid(untyped.payload)
        assert told(version, typed, text) == told(version, untyped, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '[2,"1","Heartbeat",{}]',
        '[2,"","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"t","sampledValue":[{"value":"1"}]}]}]',
        '[3,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"t","sampledValue":[{"value":"1"}]}]}]',
        '[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"t","sampledValue":[{"value":"1"}]}]},1]',
        '[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"t","sampledValue":[{"value":"1"}]}]}] x',
        '[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"t","sampledValue":[{"value":"\\ud800"}]}]}]',
        '[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"\ud800","sampledValue":[{"value":"1"}]}]}]',
        '[2,"1","MeterValues",null]',
        '[2,"1","MeterValues",' + "[" * 100_000,
    ],
)
def test_any_other_text_is_left_to_the_long_way(text: str) -> None:
    assert V16.schemas.typed.read(text) is None


def test_samples_that_hold_what_nobody_has_read_through_are_left_to_the_long_way() -> None:
    sample = {"value": 1, "customData": {"vendorId": "V", "more": [1e300]}}
    payload = {"evseId": 1, "meterValue": [{"timestamp": TIMES[0], "sampledValue": [sample]}]}

    assert V201.schemas.requests["MeterValues"].is_valid(payload)
    assert V201.schemas.typed.read(json.dumps([2, "1", "MeterValues", payload])) is None


def test_an_action_whose_schema_demands_something_unheard_of_goes_the_long_way() -> None:
    schema = deepcopy(schema_of(V16, "MeterValues"))
    schema["properties"]["connectorId"]["multipleOf"] = 2

    assert Typed({"MeterValues": schema}).actions == []
