"""What is set after a boot, and how states are asked for."""

from typing import Any

import pytest

from gateway.ocpp.v16.metering import ask_statuses as ask_statuses_16
from gateway.ocpp.v16.metering import read_meter_keys as read_meter_keys_16
from gateway.ocpp.v16.metering import set_metering as set_metering_16
from gateway.ocpp.v16.version import VERSION as V16
from gateway.ocpp.v201.metering import ask_statuses as ask_statuses_201
from gateway.ocpp.v201.metering import read_meter_keys as read_meter_keys_201
from gateway.ocpp.v201.metering import set_metering as set_metering_201
from gateway.ocpp.v201.version import VERSION as V201
from gateway.ocpp.version import Metering, Version
from gateway.ports import CallOutcome

WANTED = Metering(interval_s=60)
ENERGY = "Energy.Active.Import.Register"


class Station:
    """Answers calls by functions, after holding them against the schemas of the version."""

    def __init__(self, version: Version, **answers: Any) -> None:
        self.version = version
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.notes: list[str] = []

    async def call(self, action: str, payload: dict[str, Any]) -> CallOutcome:
        assert self.version.schemas.requests[action].is_valid(payload)
        self.calls.append((action, payload))
        answer = self.answers[action](payload)
        if isinstance(answer, CallOutcome):
            return answer
        assert self.version.schemas.replies[action].is_valid(answer)
        return CallOutcome(outcome="accepted", payload=answer)

    def record(self, kind: str, text: str) -> None:
        self.notes.append(f"{kind}: {text}")

    def changes(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.calls if name == action]


def configuration(**entries: tuple[str, bool]) -> Any:
    keys = [{"key": key, "readonly": readonly, "value": value} for key, (value, readonly) in entries.items()]
    return lambda payload: {"configurationKey": keys}


@pytest.mark.parametrize(
    ("entries", "changes"),
    [
        (
            {"MeterValuesSampledData": ("Voltage", False), "MeterValueSampleInterval": ("0", False)},
            [("MeterValuesSampledData", f"Voltage,{ENERGY}"), ("MeterValueSampleInterval", "60")],
        ),
        ({"MeterValuesSampledData": (f"SoC, {ENERGY}", False), "MeterValueSampleInterval": ("60", False)}, []),
        ({"metervaluessampleddata": ("", False)}, [("MeterValuesSampledData", ENERGY)]),
        ({"MeterValuesSampledData": ("Voltage", True), "MeterValueSampleInterval": ("900", True)}, []),
        ({}, []),
    ],
)
async def test_16_sets_only_what_differs_and_is_writable(
    entries: dict[str, tuple[str, bool]], changes: list[tuple[str, str]]
) -> None:
    station = Station(
        V16, GetConfiguration=configuration(**entries), ChangeConfiguration=lambda payload: {"status": "Accepted"}
    )

    await set_metering_16(station.call, WANTED, station.record)

    assert [(each["key"], each["value"]) for each in station.changes("ChangeConfiguration")] == changes


async def test_16_a_reboot_that_is_required_is_recorded() -> None:
    station = Station(
        V16,
        GetConfiguration=configuration(MeterValueSampleInterval=("0", False)),
        ChangeConfiguration=lambda payload: {"status": "RebootRequired"},
    )

    await set_metering_16(station.call, WANTED, station.record)

    assert station.notes == ["metering: MeterValueSampleInterval = 60: RebootRequired"]


async def test_16_a_station_that_does_not_answer_is_left_alone() -> None:
    station = Station(V16, GetConfiguration=lambda payload: CallOutcome(outcome="timeout"))

    await set_metering_16(station.call, WANTED, station.record)

    assert len(station.calls) == 1


async def test_16_states_are_asked_for_per_connector() -> None:
    station = Station(
        V16,
        GetConfiguration=configuration(NumberOfConnectors=("2", True)),
        TriggerMessage=lambda payload: {"status": "Accepted"},
    )

    await ask_statuses_16(station.call)

    assert [each["connectorId"] for each in station.changes("TriggerMessage")] == [1, 2]


async def test_16_a_station_without_triggers_is_asked_once() -> None:
    station = Station(
        V16,
        GetConfiguration=configuration(NumberOfConnectors=("4", True)),
        TriggerMessage=lambda payload: {"status": "NotImplemented"},
    )

    await ask_statuses_16(station.call)

    assert len(station.changes("TriggerMessage")) == 1


def variables(values: dict[str, str], *, at_once: int = 10) -> Any:
    def answer(payload: dict[str, Any]) -> Any:
        asked = payload["getVariableData"]
        if len(asked) > at_once:
            return CallOutcome(outcome="call_error", error_code="OccurrenceConstraintViolation")
        return {"getVariableResult": [result(each) for each in asked]}

    def result(asked: dict[str, Any]) -> dict[str, Any]:
        value = values.get(asked["variable"]["name"])
        if value is None:
            return {**asked, "attributeStatus": "UnknownVariable"}
        return {**asked, "attributeStatus": "Accepted", "attributeValue": value}

    return answer


def accept(status: str) -> Any:
    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        return {
            "setVariableResult": [
                {"attributeStatus": status, "component": each["component"], "variable": each["variable"]}
                for each in payload["setVariableData"]
            ]
        }

    return answer


FOUND = {
    "TxStartedMeasurands": ENERGY,
    "TxUpdatedMeasurands": "Voltage",
    "TxEndedMeasurands": f"{ENERGY},SoC",
    "TxUpdatedInterval": "0",
}


@pytest.mark.parametrize("at_once", [10, 1])
async def test_201_sets_only_what_differs(at_once: int) -> None:
    station = Station(V201, GetVariables=variables(FOUND, at_once=at_once), SetVariables=accept("Accepted"))

    await set_metering_201(station.call, WANTED, station.record)

    sent = [each["setVariableData"][0] for each in station.changes("SetVariables")]
    assert [(each["variable"]["name"], each["attributeValue"]) for each in sent] == [
        ("TxUpdatedMeasurands", f"Voltage,{ENERGY}"),
        ("TxUpdatedInterval", "60"),
    ]


async def test_201_what_came_of_it_is_recorded() -> None:
    station = Station(V201, GetVariables=variables({"TxUpdatedInterval": "5"}), SetVariables=accept("RebootRequired"))

    await set_metering_201(station.call, WANTED, station.record)

    assert station.notes == ["metering: SampledDataCtrlr.TxUpdatedInterval = 60: RebootRequired"]


async def test_201_states_are_asked_for_until_a_number_is_refused() -> None:
    plugs = {(1, 1), (1, 2), (2, 1)}

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        evse = payload["evse"]
        return {"status": "Accepted" if (evse["id"], evse["connectorId"]) in plugs else "Rejected"}

    station = Station(V201, TriggerMessage=answer)

    await ask_statuses_201(station.call)

    asked = [(each["evse"]["id"], each["evse"]["connectorId"]) for each in station.changes("TriggerMessage")]
    assert asked == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)]


@pytest.mark.parametrize(
    ("entries", "keys", "calls"),
    [
        ({}, {}, 1),
        ({"MeterPublicKey1": "a"}, {1: "a"}, 1),
        ({"meterpublickey1": " a ", "MeterPublicKey2": "b"}, {1: "a", 2: "b"}, 2),
        ({"MeterPublicKey1": "a", "MeterPublicKey2": "b", "MeterPublicKey3": "c"}, {1: "a", 2: "b", 3: "c"}, 2),
        ({"MeterPublicKey1": ""}, {}, 1),
    ],
)
async def test_16_the_keys_of_meters_are_asked_for_as_far_as_there_are_any(
    entries: dict[str, str], keys: dict[int, str], calls: int
) -> None:
    told = configuration(**{key: (value, True) for key, value in entries.items()})
    station = Station(V16, GetConfiguration=told)

    assert await read_meter_keys_16(station.call) == keys
    assert len(station.calls) == calls


@pytest.mark.parametrize("at_once", [10, 1])
@pytest.mark.parametrize("keys", [{}, {0: "s"}, {1: "a"}, {1: "a", 2: "b"}, {0: "s", 1: "a", 2: "b", 3: "c", 4: "d"}])
async def test_201_the_keys_of_meters_are_asked_for_per_evse_and_of_the_station(
    keys: dict[int, str], at_once: int
) -> None:
    def result(asked: dict[str, Any]) -> dict[str, Any]:
        value = keys.get(asked["component"].get("evse", {}).get("id", 0))
        if value is None:
            return {**asked, "attributeStatus": "UnknownComponent"}
        return {**asked, "attributeStatus": "Accepted", "attributeValue": value}

    def answer(payload: dict[str, Any]) -> Any:
        asked = payload["getVariableData"]
        if len(asked) > at_once:
            return CallOutcome(outcome="call_error", error_code="OccurrenceConstraintViolation")
        return {"getVariableResult": [result(each) for each in asked]}

    station = Station(V201, GetVariables=answer)

    assert await read_meter_keys_201(station.call) == keys


@pytest.mark.parametrize("version", [V16, V201])
async def test_a_station_that_tells_no_keys_is_left_alone(version: Version) -> None:
    silent: Any = lambda payload: CallOutcome(outcome="timeout")  # noqa: E731
    station = Station(version, GetConfiguration=silent, GetVariables=silent)

    assert await version.read_meter_keys(station.call) == {}
    assert len(station.calls) == 1


@pytest.mark.parametrize(
    ("version", "action", "payload", "message"),
    [
        (V16, "TriggerMessage", {"requestedMessage": "Heartbeat"}, "Heartbeat"),
        (V16, "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, "SignCertificate"),
        (V16, "GetConfiguration", {}, None),
        (V201, "TriggerMessage", {"requestedMessage": "SignV2GCertificate"}, "SignCertificate"),
        (V201, "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, "NotifyReport"),
        (V201, "GetVariables", {}, None),
    ],
)
def test_which_message_a_call_asks_for(
    version: Version, action: str, payload: dict[str, Any], message: str | None
) -> None:
    assert version.solicited_by(action, payload) == message
