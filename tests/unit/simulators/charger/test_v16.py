"""The 1.6 charger against a tiny central system."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from simulators.charger import (
    CallRefusedError,
    Charger,
    ConnectError,
    InvalidMessageError,
    Metering,
    Patience,
    RegistrationError,
    SimulatedClock,
    StepError,
    StopCause,
)
from tests.unit.simulators.charger.central import NOW, Central, Refuse, central

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
QUICK = Patience(reply_timeout_s=2, backoff_min_s=0.01, backoff_max_s=0.05, give_up_after_s=5, boot_pause_s=0.01)


def charger_at(system: Central, **options: Any) -> Charger:
    options.setdefault("patience", QUICK)
    options.setdefault("clock", SimulatedClock(START))
    options.setdefault("meter_start_wh", 1_000_000)
    return Charger(system.url, "CS 1", version="1.6", **options)


async def test_a_session_is_told_in_the_order_of_a_real_charger() -> None:
    async with central("1.6") as system, charger_at(system, sample_interval_s=600) as charger:
        system.replies["BootNotification"] = {"status": "Accepted", "currentTime": NOW, "interval": 3600}
        await charger.boot()
        await charger.plug(1)
        status = await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=30, kw="7.4")
        await charger.suspend_ev(1, minutes=5)
        await charger.swipe(1, "tag")
        await charger.unplug(1)

    assert status == "Accepted"
    assert system.actions() == [
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
        "StatusNotification",
        "Authorize",
        "StartTransaction",
        "StatusNotification",
        "MeterValues",
        "MeterValues",
        "MeterValues",
        "StatusNotification",
        "StopTransaction",
        "StatusNotification",
        "StatusNotification",
    ]
    assert [payload["status"] for payload in system.payloads("StatusNotification")] == [
        "Available",
        "Available",
        "Preparing",
        "Charging",
        "SuspendedEV",
        "Finishing",
        "Available",
    ]
    assert system.payloads("StartTransaction") == [
        {"connectorId": 1, "idTag": "TAG", "meterStart": 1_000_000, "timestamp": "2026-01-05T08:00:00Z"}
    ]
    assert system.payloads("StopTransaction") == [
        {"transactionId": 101, "meterStop": 1_003_700, "timestamp": "2026-01-05T08:35:00Z", "idTag": "tag"}
    ]


async def test_samples_carry_energy_and_power_of_their_moment() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=2, kw=11)

    last = system.payloads("MeterValues")[-1]
    assert last == {
        "connectorId": 1,
        "transactionId": 101,
        "meterValue": [
            {
                "timestamp": "2026-01-05T08:02:00Z",
                "sampledValue": [
                    {
                        "value": "1000367",
                        "context": "Sample.Periodic",
                        "measurand": "Energy.Active.Import.Register",
                        "unit": "Wh",
                    },
                    {
                        "value": "11000",
                        "context": "Sample.Periodic",
                        "measurand": "Power.Active.Import",
                        "unit": "W",
                    },
                ],
            }
        ],
    }


async def test_phases_in_kwh_add_up_to_the_register() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        charger.metering = Metering(unit="kWh", phases="each")
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=1, kw=22)

    sampled = system.payloads("MeterValues")[0]["meterValue"][0]["sampledValue"]
    energy = [entry for entry in sampled if entry["unit"] == "kWh"]
    assert [(entry["phase"], entry["value"]) for entry in energy] == [
        ("L1", "333.455"),
        ("L2", "333.455"),
        ("L3", "333.457"),
    ]


@pytest.mark.parametrize(
    ("metering", "first"),
    [
        (Metering(value="number"), {"value": 1_000_000, "unit": "Wh"}),
        (Metering(label="missing", is_bare=True), {"value": "1000000"}),
        (Metering(unit="kWh", label="wrong"), {"value": "1000.000", "unit": "Wh"}),
    ],
)
async def test_readings_can_be_worded_badly(metering: Metering, first: dict[str, Any]) -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        charger.metering = metering
        await charger.remote.report_meters([1])

    sampled = system.payloads("MeterValues")[0]["meterValue"][0]["sampledValue"][0]
    assert sampled == {**first, **{key: sampled[key] for key in ("context", "measurand") if key in sampled}}
    assert ("measurand" in sampled) is not metering.is_bare


async def test_a_refused_card_starts_nothing() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
        await charger.plug(1)

        assert await charger.swipe(1, "TAG") == "Blocked"
        with pytest.raises(StepError, match="EVSE 1 has no transaction"):
            await charger.charge(1, minutes=1, kw=11)

    assert "StartTransaction" not in system.actions()


async def test_a_start_that_is_answered_invalid_is_stopped_as_deauthorized() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["StartTransaction"] = {"transactionId": 7, "idTagInfo": {"status": "Invalid"}}
        await charger.plug(1)
        await charger.swipe(1, "TAG", asks=False)

    assert system.payloads("StopTransaction")[0]["reason"] == "DeAuthorized"


async def test_only_a_card_of_the_same_group_stops_a_foreign_session() -> None:
    groups = {"A": "FAMILY", "B": "FAMILY", "C": "OTHER"}

    def authorize(payload: dict[str, Any]) -> dict[str, Any]:
        return {"idTagInfo": {"status": "Accepted", "parentIdTag": groups[payload["idTag"]]}}

    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["Authorize"] = authorize
        system.replies["StartTransaction"] = {
            "transactionId": 7,
            "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"},
        }
        await charger.plug(1)
        await charger.swipe(1, "A")
        await charger.swipe(1, "C")
        assert "StopTransaction" not in system.actions()
        await charger.swipe(1, "B")

    assert system.payloads("StopTransaction")[0]["idTag"] == "B"


async def test_pending_and_rejected_boots_are_tried_again() -> None:
    statuses = iter(["Pending", "Rejected", "Accepted"])
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["BootNotification"] = lambda _: {
            "status": next(statuses),
            "currentTime": NOW,
            "interval": 17,
        }
        await charger.boot()

    assert system.actions()[:3] == ["BootNotification"] * 3
    assert charger.dialect.settings.heartbeat_interval_s == 17


async def test_a_boot_that_is_never_accepted_says_what_to_do() -> None:
    patience = Patience(boot_pause_s=0, boot_attempts=2)
    async with central("1.6") as system, charger_at(system, patience=patience) as charger:
        system.replies["BootNotification"] = {"status": "Pending", "currentTime": NOW, "interval": 5}
        with pytest.raises(RegistrationError, match="answered Pending 2 times: accept the station"):
            await charger.boot()


async def test_silence_is_broken_by_heartbeats() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        await charger.wait(11)

    assert system.actions().count("Heartbeat") == 2


async def test_a_reply_that_breaks_the_schema_is_told() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["StartTransaction"] = {"transactionId": "7", "idTagInfo": {"status": "Accepted"}}
        await charger.plug(1)
        with pytest.raises(InvalidMessageError, match=r"StartTransaction: \$\.transactionId"):
            await charger.swipe(1, "TAG")


async def test_a_wrong_password_is_refused_with_advice() -> None:
    async with central("1.6", password="right") as system:
        with pytest.raises(ConnectError, match="HTTP 401: check the password") as refusal:
            async with charger_at(system, password="wrong"):
                pass
        async with charger_at(system, password="right") as charger:
            await charger.boot()

    assert refusal.value.status == 401


async def test_a_central_system_of_another_version_is_named() -> None:
    async with central("2.0.1") as system:
        with pytest.raises(ConnectError, match=r"ocpp1\.6"):
            async with charger_at(system):
                pass


async def test_a_transaction_message_is_given_up_after_the_configured_refusals() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["StopTransaction"] = Refuse("InternalError")
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.stop(1)

        assert [letter.message.action for letter, _ in charger.line.refused] == ["StopTransaction"]
        assert not charger.line.outbox
    assert system.actions().count("StopTransaction") == 3


async def test_any_call_may_be_sent_and_its_refusal_is_told() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["Nonsense"] = Refuse("NotImplemented")
        with pytest.raises(CallRefusedError, match="Nonsense was answered with CALLERROR NotImplemented"):
            await charger.send("Nonsense", {"a": 1})


async def test_faults_and_suspensions_are_told_and_cost_no_energy() -> None:
    async with central("1.6") as system, charger_at(system, sample_interval_s=0) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=6, kw=10)
        await charger.suspend_evse(1, minutes=6)
        await charger.resume(1)
        await charger.wait(6)
        await charger.fault(1, "OverCurrentFailure")
        await charger.wait(6)
        await charger.recover(1)
        await charger.stop(1, cause=StopCause.EMERGENCY)

    told = [(entry["status"], entry["errorCode"]) for entry in system.payloads("StatusNotification")]
    assert told == [
        ("Preparing", "NoError"),
        ("Charging", "NoError"),
        ("SuspendedEVSE", "NoError"),
        ("Charging", "NoError"),
        ("Faulted", "OverCurrentFailure"),
        ("Charging", "NoError"),
        ("Finishing", "NoError"),
    ]
    stop = system.payloads("StopTransaction")[0]
    assert (stop["meterStop"], stop["reason"]) == (1_002_000, "EmergencyStop")
    assert charger.sessions[0].charging.total_seconds() == 12 * 60
    assert charger.sessions[0].parking.total_seconds() == 12 * 60
