"""The 2.0.1 charger against a tiny central system."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from simulators.charger import Charger, Metering, Patience, SimulatedClock, Token
from tests.unit.simulators.charger.central import NOW, Central, central

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
QUICK = Patience(reply_timeout_s=2, backoff_min_s=0.01, backoff_max_s=0.05, give_up_after_s=5, boot_pause_s=0.01)
RESULT = 3


def charger_at(system: Central, **options: Any) -> Charger:
    options.setdefault("patience", QUICK)
    options.setdefault("clock", SimulatedClock(START))
    options.setdefault("meter_start_wh", 1_000_000)
    return Charger(system.url, "CS 1", version="2.0.1", **options)


async def answer(system: Central, charger: Charger, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload of a CALLRESULT, after the charger did what it set off."""
    frame = await system.call(action, payload)
    assert frame[0] == RESULT, frame
    await charger.settle()
    result: dict[str, Any] = frame[2]
    return result


def story(system: Central) -> list[tuple[str, str, str]]:
    """Type, trigger and charging state of each TransactionEvent."""
    return [
        (event["eventType"], event["triggerReason"], event["transactionInfo"]["chargingState"])
        for event in system.payloads("TransactionEvent")
    ]


async def test_a_session_is_told_in_numbered_events() -> None:
    async with central("2.0.1") as system, charger_at(system, sample_interval_s=600) as charger:
        system.replies["BootNotification"] = {"status": "Accepted", "currentTime": NOW, "interval": 3600}
        await charger.boot()
        await charger.plug(1)
        await charger.swipe(1, Token("TAG", "ISO15693"))
        await charger.charge(1, minutes=20, kw=9)
        await charger.suspend_ev(1, minutes=5)
        await charger.swipe(1, "TAG")
        await charger.unplug(1)

    assert story(system) == [
        ("Started", "Authorized", "Charging"),
        ("Updated", "MeterValuePeriodic", "Charging"),
        ("Updated", "MeterValuePeriodic", "Charging"),
        ("Updated", "ChargingStateChanged", "SuspendedEV"),
        ("Ended", "StopAuthorized", "EVConnected"),
    ]
    events = system.payloads("TransactionEvent")
    assert [event["seqNo"] for event in events] == [0, 1, 2, 3, 4]
    assert len({event["transactionInfo"]["transactionId"] for event in events}) == 1
    assert events[0]["idToken"] == {"idToken": "TAG", "type": "ISO15693"}
    assert events[0]["evse"] == {"id": 1, "connectorId": 1}
    assert events[0]["timestamp"] == "2026-01-05T08:00:00Z"
    assert events[-1]["transactionInfo"]["stoppedReason"] == "Local"
    assert events[-1]["meterValue"] == [
        {
            "timestamp": "2026-01-05T08:25:00Z",
            "sampledValue": [
                {
                    "value": 1_003_000,
                    "context": "Transaction.End",
                    "measurand": "Energy.Active.Import.Register",
                    "unitOfMeasure": {"unit": "Wh"},
                }
            ],
        }
    ]
    assert [payload["connectorStatus"] for payload in system.payloads("StatusNotification")] == [
        "Available",
        "Occupied",
        "Available",
    ]


async def test_a_transaction_may_last_from_the_cable_in_to_the_cable_out() -> None:
    async with central("2.0.1") as system, charger_at(system, sample_interval_s=0) as charger:
        change = [
            {"component": {"name": "TxCtrlr"}, "variable": {"name": name}, "attributeValue": "EVConnected"}
            for name in ("TxStartPoint", "TxStopPoint")
        ]
        await answer(system, charger, "SetVariables", {"setVariableData": change})
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=10, kw=6)
        await charger.swipe(1, "TAG")
        await charger.wait(5)
        await charger.unplug(1)

    assert story(system) == [
        ("Started", "CablePluggedIn", "EVConnected"),
        ("Updated", "Authorized", "Charging"),
        ("Updated", "StopAuthorized", "EVConnected"),
        ("Ended", "EVDeparted", "Idle"),
    ]
    events = system.payloads("TransactionEvent")
    assert "idToken" not in events[0]
    assert events[1]["idToken"]["idToken"] == "TAG"
    assert charger.sessions[0].energy_wh == 1000


async def test_terse_events_name_evse_and_token_once() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        charger.is_terse = True
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=2, kw=6)
        await charger.swipe(1, "TAG")

    first, *later = system.payloads("TransactionEvent")
    assert {"evse", "idToken"} <= first.keys()
    assert later
    assert all({"evse", "idToken"}.isdisjoint(event) for event in later)


async def test_events_of_an_offline_time_say_so() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.go_offline()
        await charger.charge(1, minutes=2, kw=6)
        await charger.go_online()
        await charger.swipe(1, "TAG")

    assert [event.get("offline", False) for event in system.payloads("TransactionEvent")] == [
        False,
        True,
        True,
        False,
    ]


async def test_an_event_repeated_after_a_lost_reply_has_a_new_message_id_and_the_same_number() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        charger.lose_replies(1, "TransactionEvent")
        await charger.plug(1)
        await charger.swipe(1, "TAG")

    (first_id, _, first), (second_id, _, second) = [call for call in system.calls if call[1] == "TransactionEvent"]
    assert first_id != second_id
    assert second == {**first, "offline": True}
    assert [exchange.action for exchange in charger.acknowledged].count("TransactionEvent") == 1


async def test_lost_messages_leave_a_gap_in_the_numbers() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        charger.lose_messages(2)
        await charger.charge(1, minutes=4, kw=6)

    assert [event["seqNo"] for event in system.payloads("TransactionEvent")] == [0, 3, 4]


async def test_a_remote_start_is_correlated_by_its_id() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        await charger.plug(1)
        request = {"idToken": {"idToken": "ALIAS", "type": "Central"}, "remoteStartId": 42, "evseId": 1}
        assert await answer(system, charger, "RequestStartTransaction", request) == {"status": "Accepted"}
        started = system.payloads("TransactionEvent")[0]
        transaction_id = started["transactionInfo"]["transactionId"]
        assert started["triggerReason"] == "RemoteStart"
        assert started["transactionInfo"]["remoteStartId"] == 42
        assert started["idToken"] == {"idToken": "ALIAS", "type": "Central"}

        assert await answer(system, charger, "RequestStopTransaction", {"transactionId": "x"}) == {"status": "Rejected"}
        stop = {"transactionId": transaction_id}
        assert await answer(system, charger, "RequestStopTransaction", stop) == {"status": "Accepted"}

    ended = system.payloads("TransactionEvent")[-1]
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")


async def test_a_remote_start_names_the_transaction_that_waits_for_a_card() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        point = {"component": {"name": "TxCtrlr"}, "variable": {"name": "TxStartPoint"}}
        change = {"setVariableData": [{**point, "attributeValue": "EVConnected"}]}
        await answer(system, charger, "SetVariables", change)
        await charger.plug(1)
        request = {"idToken": {"idToken": "ALIAS", "type": "Central"}, "remoteStartId": 42}
        reply = await answer(system, charger, "RequestStartTransaction", request)

    events = system.payloads("TransactionEvent")
    assert reply == {"status": "Accepted", "transactionId": events[0]["transactionInfo"]["transactionId"]}
    assert events[1]["triggerReason"] == "RemoteStart"


async def test_variables_are_read_and_written_with_their_statuses() -> None:
    def wanted(component: str, name: str, **more: Any) -> dict[str, Any]:
        return {"component": {"name": component}, "variable": {"name": name}, **more}

    async with central("2.0.1") as system, charger_at(system) as charger:
        read = [
            wanted("SampledDataCtrlr", "TxUpdatedInterval"),
            wanted("sampleddatactrlr", "txupdatedinterval", attributeType="Target"),
            wanted("SecurityCtrlr", "BasicAuthPassword"),
            wanted("SampledDataCtrlr", "Nonsense"),
            wanted("Nonsense", "Nonsense"),
        ]
        reply = await answer(system, charger, "GetVariables", {"getVariableData": read})
        assert [entry["attributeStatus"] for entry in reply["getVariableResult"]] == [
            "Accepted",
            "NotSupportedAttributeType",
            "Rejected",
            "UnknownVariable",
            "UnknownComponent",
        ]
        assert reply["getVariableResult"][0]["attributeValue"] == "60"

        write = [
            wanted("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="120"),
            wanted("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="often"),
            wanted("OCPPCommCtrlr", "WebSocketPingInterval", attributeValue="30"),
            wanted("ChargingStation", "Model", attributeValue="x"),
        ]
        reply = await answer(system, charger, "SetVariables", {"setVariableData": write})

    assert [entry["attributeStatus"] for entry in reply["setVariableResult"]] == [
        "Accepted",
        "Rejected",
        "RebootRequired",
        "Rejected",
    ]
    assert charger.dialect.settings.sample_interval_s == 120


async def test_a_base_report_comes_in_numbered_parts() -> None:
    async with central("2.0.1") as system, charger_at(system, evses=2) as charger:
        request = {"requestId": 5, "reportBase": "FullInventory"}
        assert await answer(system, charger, "GetBaseReport", request) == {"status": "Accepted"}

    parts = system.payloads("NotifyReport")
    assert len(parts) > 2
    assert {part["requestId"] for part in parts} == {5}
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    entries = [entry for part in parts for entry in part["reportData"]]
    connector = {"name": "Connector", "evse": {"id": 2, "connectorId": 1}}
    assert any(entry["component"] == connector for entry in entries)
    password = next(entry for entry in entries if entry["variable"]["name"] == "BasicAuthPassword")
    assert "value" not in password["variableAttribute"][0]


async def test_the_state_of_a_transaction_can_be_asked_for() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        charger.hold_messages()
        await charger.charge(1, minutes=1, kw=6)
        transaction_id = charger.sessions[0].transaction_id
        request = {"transactionId": transaction_id}
        assert await answer(system, charger, "GetTransactionStatus", request) == {
            "ongoingIndicator": True,
            "messagesInQueue": True,
        }
        await charger.release_messages()
        await charger.stop(1)
        assert await answer(system, charger, "GetTransactionStatus", request) == {
            "ongoingIndicator": False,
            "messagesInQueue": False,
        }
        assert await answer(system, charger, "GetTransactionStatus", {}) == {"messagesInQueue": False}


async def test_ended_can_arrive_before_its_predecessors() -> None:
    async with central("2.0.1") as system, charger_at(system, sample_interval_s=0) as charger:
        charger.hold_messages()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=4, kw=6)
        await charger.suspend_ev(1, minutes=4)
        await charger.stop(1)
        await charger.release_messages(order="reversed")

    assert [event["eventType"] for event in system.payloads("TransactionEvent")] == [
        "Ended",
        "Updated",
        "Started",
    ]


async def test_a_reset_on_idle_waits_for_the_end_of_the_transaction() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        assert await answer(system, charger, "Reset", {"type": "OnIdle"}) == {"status": "Scheduled"}
        assert system.connections == 1
        await charger.swipe(1, "TAG")

    assert system.connections == 2
    assert system.payloads("BootNotification")[0]["reason"] == "RemoteReset"


async def test_an_unlock_never_breaks_into_a_transaction() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        place = {"evseId": 1, "connectorId": 1}
        assert await answer(system, charger, "UnlockConnector", place) == {"status": "Unlocked"}
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        assert await answer(system, charger, "UnlockConnector", place) == {"status": "OngoingAuthorizedTransaction"}
        elsewhere = {"evseId": 1, "connectorId": 2}
        assert await answer(system, charger, "UnlockConnector", elsewhere) == {"status": "UnknownConnector"}


async def test_one_evse_goes_out_of_service_and_the_other_stays() -> None:
    async with central("2.0.1") as system, charger_at(system, evses=2) as charger:
        request = {"operationalStatus": "Inoperative", "evse": {"id": 2}}
        assert await answer(system, charger, "ChangeAvailability", request) == {"status": "Accepted"}

    assert [(entry["evseId"], entry["connectorStatus"]) for entry in system.payloads("StatusNotification")] == [
        (1, "Available"),
        (2, "Unavailable"),
    ][1:]


@pytest.mark.parametrize(
    ("requested", "sent"),
    [
        ("BootNotification", "BootNotification"),
        ("Heartbeat", "Heartbeat"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("LogStatusNotification", "LogStatusNotification"),
    ],
)
async def test_a_triggered_message_follows_its_answer(requested: str, sent: str) -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        assert await answer(system, charger, "TriggerMessage", {"requestedMessage": requested}) == {
            "status": "Accepted"
        }

    assert system.actions() == [sent]


async def test_triggers_that_cannot_be_followed_are_refused() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        for requested, status in [("TransactionEvent", "Rejected"), ("SignV2GCertificate", "NotImplemented")]:
            reply = await answer(system, charger, "TriggerMessage", {"requestedMessage": requested})
            assert reply == {"status": status}


async def test_malformed_calls_get_the_codes_of_the_version() -> None:
    async with central("2.0.1") as system, charger_at(system):
        assert (await system.call("Reset", {}))[2] == "OccurrenceConstraintViolation"
        assert (await system.call("Reset", {"type": "OnIdle", "more": 1}))[2] == "FormatViolation"
        assert (await system.call("GetReport", {"requestId": 1}))[2] == "NotSupported"


async def test_readings_can_be_text_in_kwh() -> None:
    async with central("2.0.1") as system, charger_at(system) as charger:
        charger.metering = Metering(unit="kWh", value="text")
        await charger.remote.report_meters([1])

    sampled = system.payloads("MeterValues")[0]["meterValue"][0]["sampledValue"][0]
    assert (sampled["value"], sampled["unitOfMeasure"]) == ("1000.000", {"unit": "kWh"})
