"""What the 1.6 charger answers to its central system."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from simulators.charger import Charger, Note, Patience
from tests.unit.simulators.charger.central import NOW, Central, central
from tests.unit.simulators.charger.test_v16 import charger_at

RESULT, ERROR = 3, 4


async def answer(system: Central, charger: Charger, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload of a CALLRESULT, after the charger did what it set off."""
    frame = await system.call(action, payload)
    assert frame[0] == RESULT, frame
    await charger.settle()
    result: dict[str, Any] = frame[2]
    return result


async def test_a_remote_start_begins_when_the_cable_is_in() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        request = {"idTag": "ALIAS", "connectorId": 1}
        assert await answer(system, charger, "RemoteStartTransaction", request) == {"status": "Accepted"}
        assert "StartTransaction" not in system.actions()

        await charger.plug(1)

        assert system.payloads("StartTransaction")[0]["idTag"] == "ALIAS"
        assert "Authorize" not in system.actions()


async def test_a_remote_start_is_authorized_first_if_so_configured() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        change = {"key": "AuthorizeRemoteTxRequests", "value": "true"}
        await answer(system, charger, "ChangeConfiguration", change)
        await charger.plug(1)
        await answer(system, charger, "RemoteStartTransaction", {"idTag": "ALIAS"})

    assert system.actions()[-3:] == ["Authorize", "StartTransaction", "StatusNotification"]


async def test_a_remote_start_on_a_busy_or_unknown_connector_is_rejected() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        for connector in (1, 2, 0):
            request = {"idTag": "ALIAS", "connectorId": connector}
            assert await answer(system, charger, "RemoteStartTransaction", request) == {"status": "Rejected"}


async def test_a_remote_stop_ends_the_transaction_it_names_in_the_middle_of_charging() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=5, kw=6)
        assert await answer(system, charger, "RemoteStopTransaction", {"transactionId": 9}) == {"status": "Rejected"}
        assert await answer(system, charger, "RemoteStopTransaction", {"transactionId": 101}) == {"status": "Accepted"}

    stop = system.payloads("StopTransaction")[0]
    assert (stop["reason"], stop["meterStop"]) == ("Remote", 1_000_500)


async def test_a_reset_stops_transactions_reconnects_and_boots() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await answer(system, charger, "Reset", {"type": "Hard"})

    assert system.payloads("StopTransaction")[0]["reason"] == "HardReset"
    assert system.connections == 2
    assert system.actions().count("BootNotification") == 2


async def test_the_configuration_table_answers_reads_and_changes() -> None:
    async with central("1.6") as system, charger_at(system, evses=2) as charger:
        read = await answer(system, charger, "GetConfiguration", {"key": ["numberofconnectors", "Nonsense"]})
        assert read == {
            "configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}],
            "unknownKey": ["Nonsense"],
        }
        everything = await answer(system, charger, "GetConfiguration", {})
        assert len(everything["configurationKey"]) > 20

        for key, value, status in [
            ("MeterValueSampleInterval", "30", "Accepted"),
            ("MeterValueSampleInterval", "soon", "Rejected"),
            ("NumberOfConnectors", "3", "Rejected"),
            ("MeterValuesSampledData", "Energy.Active.Import.Register", "Accepted"),
            ("MeterValuesSampledData", "SoC", "Rejected"),
            ("WebSocketPingInterval", "30", "RebootRequired"),
            ("Nonsense", "1", "NotSupported"),
        ]:
            reply = await answer(system, charger, "ChangeConfiguration", {"key": key, "value": value})
            assert reply == {"status": status}, key

        assert charger.dialect.settings.sample_interval_s == 30


async def test_a_value_that_needs_a_reboot_is_in_force_after_it() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        change = {"key": "WebSocketPingInterval", "value": "30"}
        await answer(system, charger, "ChangeConfiguration", change)
        request = {"key": ["WebSocketPingInterval"]}
        before = await answer(system, charger, "GetConfiguration", request)
        await charger.reboot()
        after = await answer(system, charger, "GetConfiguration", request)

    assert before["configurationKey"][0]["value"] == "0"
    assert after["configurationKey"][0]["value"] == "30"


async def test_a_new_authorization_key_is_used_at_once() -> None:
    async with central("1.6", password=None) as system, charger_at(system) as charger:
        key = "4142434445464748494a4b4c4d4e4f50"
        system.password = "ABCDEFGHIJKLMNOP"
        change = {"key": "AuthorizationKey", "value": key}
        assert await answer(system, charger, "ChangeConfiguration", change) == {"status": "Accepted"}
        await charger.heartbeat()

    assert system.connections == 2


async def test_a_connector_in_use_becomes_unavailable_after_its_transaction() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        request = {"connectorId": 0, "type": "Inoperative"}
        assert await answer(system, charger, "ChangeAvailability", request) == {"status": "Scheduled"}
        await charger.swipe(1, "TAG")
        await charger.unplug(1)
        assert system.payloads("StatusNotification")[-1]["status"] == "Unavailable"
        request = {"connectorId": 1, "type": "Operative"}
        assert await answer(system, charger, "ChangeAvailability", request) == {"status": "Accepted"}

    assert system.payloads("StatusNotification")[-1]["status"] == "Available"


async def test_an_unlock_ends_the_transaction_first() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        assert await answer(system, charger, "UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
        assert await answer(system, charger, "UnlockConnector", {"connectorId": 9}) == {"status": "NotSupported"}

    assert system.payloads("StopTransaction")[0]["reason"] == "UnlockCommand"


@pytest.mark.parametrize(
    ("requested", "sent"),
    [
        ("BootNotification", "BootNotification"),
        ("Heartbeat", "Heartbeat"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
    ],
)
async def test_a_triggered_message_follows_its_answer(requested: str, sent: str) -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        assert await answer(system, charger, "TriggerMessage", {"requestedMessage": requested}) == {
            "status": "Accepted"
        }

    assert system.actions() == [sent]


async def test_a_trigger_ends_the_wait_of_a_pending_boot() -> None:
    statuses = iter(["Pending", "Accepted"])
    is_pending = asyncio.Event()

    def observe(note: Note) -> None:
        if note.text == "boot answered Pending":
            is_pending.set()

    patience = Patience(boot_pause_s=60, give_up_after_s=5)
    async with central("1.6") as system, charger_at(system, patience=patience, observer=observe) as charger:
        system.replies["BootNotification"] = lambda _: {
            "status": next(statuses),
            "currentTime": NOW,
            "interval": 300,
        }
        async with asyncio.timeout(5):
            booting = asyncio.create_task(charger.boot())
            await is_pending.wait()
            await system.call("TriggerMessage", {"requestedMessage": "BootNotification"})
            await booting

    assert system.actions()[:2] == ["BootNotification"] * 2


async def test_unknown_unsupported_and_malformed_calls_get_their_errors() -> None:
    async with central("1.6") as system, charger_at(system):
        assert (await system.call("Nonsense", {}))[2] == "NotImplemented"
        assert (await system.call("GetLocalListVersion", {}))[2] == "NotSupported"
        assert (await system.call("Reset", {}))[2] == "ProtocolError"
        assert (await system.call("Reset", {"type": "Warm"}))[2] == "PropertyConstraintViolation"
        assert (await system.call("Reset", {"type": "Soft", "more": 1}))[2] == "FormationViolation"
        assert (await system.call("ChangeAvailability", {"connectorId": "1", "type": "Operative"}))[
            2
        ] == "TypeConstraintViolation"


async def test_answers_can_be_replaced_and_are_remembered() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        charger.answer_with("RemoteStartTransaction", {"status": "Rejected"})
        await system.call("RemoteStartTransaction", {"idTag": "ALIAS"})
        call = await charger.wait_for_call("RemoteStartTransaction")

    assert (call.payload, call.reply) == ({"idTag": "ALIAS"}, {"status": "Rejected"})


async def test_cache_and_vendor_messages_are_answered() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        assert await answer(system, charger, "ClearCache", {}) == {"status": "Accepted"}
        assert await answer(system, charger, "DataTransfer", {"vendorId": "x"}) == {"status": "UnknownVendorId"}
        assert await charger.data_transfer("Simulated", "hello", "1") == "Accepted"
