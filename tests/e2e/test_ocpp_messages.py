"""What stations say, one message after the other, and what real ones do to a transaction."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House, site, until
from tests.e2e.raw import Raw, at

QUIET = {"GATEWAY_OCPP__CONFIGURE_METERING": "false"}
NOON = datetime.now(UTC) - timedelta(hours=3)
INT32 = 2**31 - 1


@pytest.fixture(autouse=True)
def no_traceback(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever a station does, the log stays free of tracebacks."""
    yield
    logged = "".join(capfd.readouterr())
    print(logged)
    assert "Traceback" not in logged


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, env=QUIET) as running:
        await running.provision("CS1")
        await running.call("PUT", "tokens/CARD", {"status": "accepted", "group_id": "FAMILY"})
        await running.call("PUT", "tokens/BLOCKED", {"status": "blocked"})
        await running.call("PUT", "tokens/EXPIRED", {"status": "expired"})
        yield running


def url(house: House, station_id: str = "CS1") -> str:
    return f"{house.ocpp_url}/{station_id}"


async def sessions(house: House) -> list[dict[str, Any]]:
    """Oldest first."""
    return sorted(await house.items("sessions"), key=lambda session: str(session["started_at"]))


async def only_session(house: House) -> dict[str, Any]:
    (session,) = await sessions(house)
    return session


async def two_plugs(house: House) -> None:
    """CS1 with the connectors (1.6) or EVSEs (2.0.1) 1 and 2."""
    body = site("CS1", "CS1")
    for number, evse in enumerate(body["evses"], 1):
        evse["uid"] = f"E{number}"
        evse["evse_no"] = number
        evse["connectors"][0]["connector_no"] = number
    await house.call("PUT", f"locations/{body['id']}", body)


async def evse_statuses(house: House) -> dict[str, str]:
    (location,) = await house.items("locations")
    return {evse["uid"]: evse["status"] for evse in location["evses"]}


async def deviations(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.call("GET", "stations/CS1"))["deviations"]
    return found


def is_about_now(text: str) -> bool:
    assert text.endswith("Z"), f"not UTC: {text}"
    return abs(datetime.fromisoformat(text) - datetime.now(UTC)) < timedelta(seconds=10)


# --- OCPP 1.6, one by one


async def test_boot_and_heartbeat_set_the_clock_and_the_boot_is_shown(house: House) -> None:
    boot = {"chargePointSerialNumber": "SN1", "firmwareVersion": "1.2.3", "meterType": "M", "iccid": "1", "imsi": "2"}
    async with Raw(url(house)) as station:
        answer = await station.boot(**boot)
        beat = await station.ask("Heartbeat", {})
        shown = (await house.call("GET", "stations/CS1"))["last_boot"]

    assert answer["status"] == "Accepted"
    assert answer["interval"] == 300
    assert is_about_now(answer["currentTime"])
    assert list(beat) == ["currentTime"]
    assert is_about_now(beat["currentTime"])
    assert (shown["vendor"], shown["model"]) == ("Acme", "One")
    assert (shown["serial_number"], shown["firmware_version"], shown["version"]) == ("SN1", "1.2.3", "1.6")


async def test_a_boot_of_2_0_1_is_shown_too(house: House) -> None:
    station_data = {"vendorName": "Acme", "model": "Two", "serialNumber": "SN2", "firmwareVersion": "7"}
    async with Raw(url(house), version="2.0.1") as station:
        answer = await station.boot(chargingStation=station_data, reason="ApplicationReset")
        beat = await station.ask("Heartbeat", {})
        shown = (await house.call("GET", "stations/CS1"))["last_boot"]

    assert answer["status"] == "Accepted"
    assert is_about_now(answer["currentTime"])
    assert is_about_now(beat["currentTime"])
    assert (shown["model"], shown["serial_number"], shown["reason"]) == ("Two", "SN2", "ApplicationReset")


STATUSES_16 = {
    "Available": "AVAILABLE",
    "Preparing": "CHARGING",
    "Charging": "CHARGING",
    "SuspendedEV": "CHARGING",
    "SuspendedEVSE": "CHARGING",
    "Finishing": "CHARGING",
    "Reserved": "RESERVED",
    "Unavailable": "INOPERATIVE",
    "Faulted": "OUTOFORDER",
}


async def test_each_status_of_1_6_is_seen_by_partners(house: House) -> None:
    seen = {}
    async with Raw(url(house)) as station:
        await station.boot()
        before = await evse_statuses(house)
        for status in STATUSES_16:
            code = "GroundFailure" if status == "Faulted" else "NoError"
            payload = {"connectorId": 1, "status": status, "errorCode": code, "timestamp": at(0)}
            assert await station.ask("StatusNotification", payload) == {}
            seen[status] = (await evse_statuses(house))["EVSE-CS1"]

    assert before == {"EVSE-CS1": "UNKNOWN"}
    assert seen == STATUSES_16


async def test_connector_0_is_the_station_and_covers_its_plugs(house: House) -> None:
    # OCPP 1.6 6.47: connectorId 0 stands for the charge point itself
    def status(connector_id: int, state: str) -> dict[str, Any]:
        return {"connectorId": connector_id, "status": state, "errorCode": "NoError"}

    async with Raw(url(house)) as station:
        await station.boot()
        seen = []
        for payload in (
            status(0, "Available"),
            status(1, "Available"),
            status(0, "Unavailable"),
            status(0, "Available"),
        ):
            await station.ask("StatusNotification", payload)
            seen.append((await evse_statuses(house))["EVSE-CS1"])
        shown = await house.call("GET", "stations/CS1")

    assert seen == ["UNKNOWN", "AVAILABLE", "INOPERATIVE", "AVAILABLE"]
    assert [one["connector_no"] for one in shown["connectors"]] == [1], "connector 0 is no plug"
    assert [(one["evse_no"], one["state"]) for one in shown["availability"]] == [(0, "AVAILABLE")]


async def test_a_connector_below_zero_is_no_plug(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        await station.call("StatusNotification", {"connectorId": -1, "status": "Available", "errorCode": "NoError"})
        shown = await house.call("GET", "stations/CS1")

    assert shown["connectors"] == []
    assert shown["deviations"] or any("connectorId" in one["text"] for one in await house.items("trace"))


async def test_an_error_code_of_the_maker_is_kept_and_listed(house: House) -> None:
    payload = {
        "connectorId": 1,
        "status": "Faulted",
        "errorCode": "Error",
        "info": "x" * 80,
        "vendorId": "acme",
        "vendorErrorCode": "E17",
    }
    async with Raw(url(house)) as station:
        await station.boot()
        assert await station.ask("StatusNotification", payload) == {}
        (plug,) = (await house.call("GET", "stations/CS1"))["connectors"]

    assert plug["state"] == "FAULTED"
    assert plug["error_code"] == "Error"
    assert "E17" in json.dumps(plug)
    assert {one["path"] for one in await deviations(house)} == {"$.errorCode", "$.info"}


async def test_a_status_without_its_time_or_with_odd_ones_is_taken(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        for timestamp in ("1970-01-01T00:00:00Z", "2024-01-01T12:00:00", at(600), at(0).replace("Z", "+02:00")):
            payload = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": timestamp}
            assert await station.ask("StatusNotification", payload) == {}

    assert await evse_statuses(house) == {"EVSE-CS1": "AVAILABLE"}


AUTHORIZED = {"CARD": "Accepted", "card": "Accepted", "BLOCKED": "Blocked", "EXPIRED": "Expired", "STRANGER": "Invalid"}


async def test_cards_of_1_6_are_judged_without_regard_to_case(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        answers = {uid: await station.ask("Authorize", {"idTag": uid}) for uid in AUTHORIZED}
        too_long = await station.ask("Authorize", {"idTag": "x" * 21})

    assert {uid: answer["idTagInfo"]["status"] for uid, answer in answers.items()} == AUTHORIZED
    assert answers["CARD"]["idTagInfo"].get("parentIdTag") == "FAMILY"
    assert too_long["idTagInfo"]["status"] == "Invalid"


async def test_cards_of_2_0_1_are_judged_and_have_their_group(house: House) -> None:
    # OCPP 2.0.1 part 2 C01.FR.07, C09.FR.02
    expected = {**AUTHORIZED, "STRANGER": "Unknown"}
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        answers = {
            uid: (await station.ask("Authorize", {"idToken": {"idToken": uid, "type": "ISO14443"}}))["idTokenInfo"]
            for uid in expected
        }

    assert answers.pop("STRANGER")["status"] in ("Unknown", "Invalid")
    del expected["STRANGER"]
    assert {uid: answer["status"] for uid, answer in answers.items()} == expected
    assert answers["CARD"]["groupIdToken"]["idToken"] == "FAMILY"


async def test_data_transfer_names_the_unknown_vendor(house: House) -> None:
    # OCPP 1.6 4.3; OCPP 2.0.1 part 2 P02.FR.06
    for version, data in (("1.6", "text"), ("2.0.1", {"any": ["thing", 1]})):
        async with Raw(url(house), version=version) as station:
            await station.boot()
            answer = await station.ask("DataTransfer", {"vendorId": "com.acme", "messageId": "m", "data": data})

        assert answer == {"status": "UnknownVendorId"}


async def test_firmware_and_diagnostics_of_1_6_are_acknowledged_and_listed(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        for status in ("Downloading", "Downloaded", "InstallationFailed"):
            assert await station.ask("FirmwareStatusNotification", {"status": status}) == {}
        for status in ("Uploading", "Uploading", "Uploaded"):
            assert await station.ask("DiagnosticsStatusNotification", {"status": status}) == {}

    async def notices() -> bool:
        text = json.dumps(await house.items("notices?station_id=CS1"))
        return "InstallationFailed" in text and "Uploaded" in text

    await until(notices, "the notices", 5)


NOTICES_201: dict[str, dict[str, Any]] = {
    "FirmwareStatusNotification": {"status": "Installed", "requestId": 1},
    "LogStatusNotification": {"status": "UploadFailure", "requestId": 2},
    "SecurityEventNotification": {"type": "TamperDetectionActivated", "timestamp": at(0), "techInfo": "lid"},
    "NotifyReport": {
        "requestId": 1,
        "generatedAt": at(0),
        "seqNo": 0,
        "reportData": [
            {
                "component": {"name": "OCPPCommCtrlr"},
                "variable": {"name": "HeartbeatInterval"},
                "variableAttribute": [{"value": "300"}],
            }
        ],
    },
    "NotifyEvent": {
        "generatedAt": at(0),
        "seqNo": 0,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": at(0),
                "trigger": "Alerting",
                "actualValue": "true",
                "eventNotificationType": "HardWiredNotification",
                "component": {"name": "ChargingStation"},
                "variable": {"name": "Problem"},
            }
        ],
    },
    "MeterValues": {
        "evseId": 1,
        "meterValue": [{"timestamp": at(0), "sampledValue": [{"value": 12.5, "measurand": "Voltage"}]}],
    },
}


async def test_every_notice_of_2_0_1_is_answered_with_an_empty_object(house: House) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        answers = {action: await station.ask(action, payload) for action, payload in NOTICES_201.items()}

    assert answers == {action: {} for action in NOTICES_201}

    async def listed() -> bool:
        text = json.dumps(await house.items("notices?station_id=CS1"))
        return all(word in text for word in ("Installed", "UploadFailure", "TamperDetectionActivated", "Problem"))

    await until(listed, "the notices", 5)


async def test_custom_data_is_ignored_and_no_fault(house: House) -> None:
    # OCPP 2.0.1 part 4 9
    custom = {"customData": {"vendorId": "com.acme", "anything": [1]}}
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await station.ask("Heartbeat", custom)
        await station.ask("StatusNotification", {**plug_201("Available"), **custom})

    assert await deviations(house) == []


def plug_201(status: str, evse_id: int = 1) -> dict[str, Any]:
    return {"timestamp": at(0), "connectorStatus": status, "evseId": evse_id, "connectorId": 1}


STATUSES_201 = {
    "Available": "AVAILABLE",
    "Occupied": "CHARGING",
    "Reserved": "RESERVED",
    "Unavailable": "INOPERATIVE",
    "Faulted": "OUTOFORDER",
}


async def test_each_status_of_2_0_1_is_seen_by_partners(house: House) -> None:
    seen = {}
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        for status in STATUSES_201:
            assert await station.ask("StatusNotification", plug_201(status)) == {}
            seen[status] = (await evse_statuses(house))["EVSE-CS1"]

    assert seen == STATUSES_201


async def test_availability_of_2_0_1_comes_by_notify_event_too(house: House) -> None:
    # OCPP 2.0.1 part 2 G01: connector, EVSE and station by component and AvailabilityState
    def event(value: str, component: dict[str, Any]) -> dict[str, Any]:
        return {
            "generatedAt": at(0),
            "seqNo": 0,
            "eventData": [
                {
                    "eventId": 1,
                    "timestamp": at(0),
                    "trigger": "Delta",
                    "actualValue": value,
                    "eventNotificationType": "HardWiredNotification",
                    "component": component,
                    "variable": {"name": "AvailabilityState"},
                }
            ],
        }

    connector = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    evse, whole = {"name": "EVSE", "evse": {"id": 1}}, {"name": "ChargingStation"}
    steps = [
        ("Available", connector, "AVAILABLE"),
        ("Occupied", connector, "CHARGING"),
        ("Available", connector, "AVAILABLE"),
        ("Unavailable", evse, "INOPERATIVE"),
        ("Available", evse, "AVAILABLE"),
        ("Faulted", whole, "OUTOFORDER"),
        ("Available", whole, "AVAILABLE"),
    ]
    seen = []
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        for value, component, _ in steps:
            assert await station.ask("NotifyEvent", event(value, component)) == {}
            seen.append((await evse_statuses(house))["EVSE-CS1"])

    assert seen == [expected for _, _, expected in steps]


async def test_status_is_kept_over_a_restart_and_goes_unknown_after_the_grace(tmp_path: Path) -> None:
    env = {**QUIET, "GATEWAY_OCPP__OFFLINE_GRACE_S": "1"}
    async with House(tmp_path, env=env) as house:
        await house.provision("CS1")
        async with Raw(url(house)) as station:
            await station.boot()
            await station.ask("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
        await house.restart()
        kept = await evse_statuses(house)
        async with Raw(url(house)) as station:
            await station.hears_nothing()

        async def unknown() -> bool:
            return await evse_statuses(house) == {"EVSE-CS1": "UNKNOWN"}

        assert kept == {"EVSE-CS1": "AVAILABLE"}
        await until(unknown, "the status unknown", 15)


# --- a visit in 1.6


def start(
    minutes: float = 0, meter: int = 1_000, card: str = "CARD", connector: int = 1, **more: Any
) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": card, "meterStart": meter, "timestamp": at(minutes, of=NOON), **more}


def stop(transaction_id: Any, minutes: float = 60, meter: int = 8_000, **more: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": meter, "timestamp": at(minutes, of=NOON), **more}


def meter(minutes: float, *values: Any, connector: int = 1, **more: Any) -> dict[str, Any]:
    samples = [value if isinstance(value, dict) else {"value": str(value)} for value in values]
    return {
        "connectorId": connector,
        "meterValue": [{"timestamp": at(minutes, of=NOON), "sampledValue": samples}],
        **more,
    }


async def test_a_visit_of_1_6_from_start_to_stop(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        started = await station.ask("StartTransaction", start())
        number = started["transactionId"]
        first = await station.ask("MeterValues", meter(20, 3_000, transactionId=number))
        second = await station.ask("MeterValues", meter(40, {"value": "6.5", "unit": "kWh"}, transactionId=number))
        running = await only_session(house)
        ended = await station.ask("StopTransaction", stop(number, idTag="CARD", reason="EVDisconnected"))
        done = await only_session(house)

    assert started["idTagInfo"]["status"] == "Accepted"
    assert 0 < number <= INT32
    assert (first, second) == ({}, {})
    assert running["energy_wh"] == 5_500
    assert running["status"] == "ACTIVE"
    assert ended.get("idTagInfo", {"status": "Accepted"})["status"] == "Accepted"
    assert (done["status"], done["energy_wh"], done["stop_reason"]) == ("COMPLETED", 7_000, "EVDisconnected")
    assert (done["started_at"], done["ended_at"]) == (at(0, of=NOON), at(60, of=NOON))
    assert (done["transaction_id"], done["token_uid"]) == (str(number), "CARD")
    (cdr,) = await house.wait_for_cdrs(1)
    assert Decimal(str(cdr["energy_kwh"])) == 7 if "energy_kwh" in cdr else "7" in json.dumps(cdr)


@pytest.mark.parametrize(("card", "status"), [("STRANGER", "Invalid"), ("BLOCKED", "Blocked"), ("EXPIRED", "Expired")])
async def test_a_start_with_a_refused_card_gets_a_real_id_and_is_kept(house: House, card: str, status: str) -> None:
    # OCPP 1.6 4.8: the answer to a start is never kept back
    async with Raw(url(house)) as station:
        await station.boot()
        answer = await station.ask("StartTransaction", start(card=card))
        await station.ask("StopTransaction", stop(answer["transactionId"], 1, 1_000, reason="DeAuthorized"))
        session = await only_session(house)

    assert answer["idTagInfo"]["status"] == status
    assert answer["transactionId"] > 0
    assert session["token_uid"] == card
    assert session["stop_reason"] == "DeAuthorized"


async def test_a_start_sent_again_with_a_new_message_id_is_the_same_transaction(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        first = await station.ask("StartTransaction", start())
        second = await station.ask("StartTransaction", start())
    await house.restart()
    async with Raw(url(house)) as station:
        third = await station.ask("StartTransaction", start())

    assert first == second == third
    assert (await only_session(house))["fact_count"] == 1


async def test_a_stop_sent_again_counts_once(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start()))["transactionId"]
        await station.ask("StopTransaction", stop(number))
    async with Raw(url(house)) as station:
        for _ in range(2):
            assert (await station.call("StopTransaction", stop(number)))[0] == 3
    cdrs = await house.wait_for_cdrs(1)

    assert (await only_session(house))["energy_wh"] == 7_000
    assert len(cdrs) == 1
    assert await house.items("late-facts") == []


@pytest.mark.parametrize("number", [-1, 0, 4_711])
async def test_a_stop_with_an_id_of_its_own_finds_its_start_by_card_and_time(house: House, number: int) -> None:
    # OCPP 1.6 errata 3.18: -1 tells that the station never got its id
    async with Raw(url(house)) as station:
        await station.boot()
        await station.ask("StartTransaction", start())
        assert (await station.call("StopTransaction", stop(number, idTag="CARD")))[0] == 3

    session = await only_session(house)
    assert (session["status"], session["energy_wh"]) == ("COMPLETED", 7_000)


async def test_a_stop_that_fits_nothing_is_acknowledged_and_listed(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start()))["transactionId"]
        answer = await station.call("StopTransaction", stop(number + 1_000, idTag="STRANGER"))

    assert answer[0] == 3
    assert (await only_session(house))["status"] == "ACTIVE"
    (late,) = await house.items("late-facts")
    assert str(number + 1_000) in late["reason"]
    assert late["station_id"] == "CS1"


async def test_meter_values_of_an_unknown_transaction_are_acknowledged_and_never_guessed(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        assert await station.ask("MeterValues", meter(5, 4_000, transactionId=4_711)) == {}

    assert await sessions(house) == []
    text = json.dumps([await house.items("late-facts"), await house.items("trace?station_id=CS1")])
    assert "4711" in text


async def test_transaction_ids_are_small_unique_and_ascending_over_restarts(house: House) -> None:
    await two_plugs(house)
    numbers = []
    async with Raw(url(house)) as station:
        await station.boot()
        for minutes in (0, 1):
            for connector in (1, 2):
                answer = await station.ask("StartTransaction", start(minutes, connector=connector, meter=int(minutes)))
                numbers.append(answer["transactionId"])
    await house.restart()
    async with Raw(url(house)) as station:
        numbers.append((await station.ask("StartTransaction", start(5)))["transactionId"])

    assert numbers == sorted(set(numbers))
    assert all(0 < number < 1_000_000 for number in numbers), "no epoch seconds"


async def test_two_plugs_are_two_visits(house: House) -> None:
    await two_plugs(house)
    async with Raw(url(house)) as station:
        await station.boot()
        one = (await station.ask("StartTransaction", start()))["transactionId"]
        two = (await station.ask("StartTransaction", start(1, 50_000, connector=2)))["transactionId"]
        await station.ask("MeterValues", meter(10, 2_000, connector=1))
        await station.ask("MeterValues", meter(10, 53_000, connector=2))
        await station.ask("StopTransaction", stop(two, 30, 55_000))
        first, second = await sessions(house)

    assert one != two
    assert (first["connector_no"], first["energy_wh"], first["status"]) == (1, 1_000, "ACTIVE")
    assert (second["connector_no"], second["energy_wh"], second["status"]) == (2, 5_000, "COMPLETED")


async def test_samples_that_come_after_the_stop_do_not_change_its_register(tmp_path: Path) -> None:
    env = {**QUIET, "GATEWAY_SESSIONS__SEAL_AFTER_S": "600"}
    async with House(tmp_path, env=env) as house:
        await house.provision("CS1")
        await house.call("PUT", "tokens/CARD", {"status": "accepted"})
        async with Raw(url(house)) as station:
            await station.boot()
            number = (await station.ask("StartTransaction", start()))["transactionId"]
            await station.ask("StopTransaction", stop(number))
            assert await station.ask("MeterValues", meter(30, 4_500, transactionId=number)) == {}
            session = await only_session(house)

        assert session["energy_wh"] == 7_000
        assert session["fact_count"] == 3


async def test_an_offline_visit_is_replayed_with_its_own_times(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start(-6_000)))["transactionId"]
        await station.ask("StopTransaction", stop(number, -5_940))
    session = await only_session(house)

    assert (session["started_at"], session["ended_at"]) == (at(-6_000, of=NOON), at(-5_940, of=NOON))
    assert session["energy_wh"] == 7_000


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StartTransaction", {"connectorId": 1, "meterStart": 1, "timestamp": at(0)}),
        ("StartTransaction", {"connectorId": 1, "idTag": ["CARD"], "meterStart": 1, "timestamp": at(0)}),
        ("StartTransaction", {"connectorId": 1, "idTag": "CARD", "meterStart": "much", "timestamp": at(0)}),
        ("StopTransaction", {"meterStop": 1, "timestamp": at(0)}),
        ("StopTransaction", []),
        ("MeterValues", {"connectorId": 1}),
        ("MeterValues", {"connectorId": 1, "meterValue": "none"}),
    ],
)
async def test_a_transaction_message_beyond_use_is_acknowledged_and_listed(
    house: House, action: str, payload: Any
) -> None:
    """An error would make the station send it again for ever."""
    async with Raw(url(house)) as station:
        await station.boot()
        answer = await station.call(action, payload, "bad-1")
        again = await station.call(action, payload, "bad-2")
        kept = await house.items("quarantine")

    assert answer[0] == again[0] == 3, answer
    if action == "StartTransaction":
        assert answer[2]["transactionId"] > 0
        assert answer[2]["idTagInfo"]["status"] in ("Accepted", "Invalid")
    assert {one["action"] for one in kept} == {action}
    assert {one["station_id"] for one in kept} == {"CS1"}
    assert json.loads(kept[0]["frame"])[3] == payload
    assert all(one["reason"] for one in kept)


async def test_a_start_and_a_stop_with_small_faults_are_used_and_listed(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start(meter=1_000, colour="red")))["transactionId"]
        await station.ask(
            "StopTransaction",
            {**stop(str(number), reason="PlugPulled"), "meterStop": "8000", "transactionData": []},
        )
        session = await only_session(house)
        found = {(one["action"], one["path"]) for one in await deviations(house)}

    assert (session["status"], session["energy_wh"]) == ("COMPLETED", 7_000)
    assert ("StartTransaction", "$.colour") in found
    assert ("StopTransaction", "$.reason") in found


async def test_odd_samples_never_fail_the_message(house: House) -> None:
    odd = [
        {"value": ""},
        {"value": 3_000},
        {"value": "NaN"},
        {"value": "12", "measurand": "Temperature", "unit": "Celcius"},
        {"value": "OCMF|{...}|{...}", "format": "SignedData", "context": "Transaction.Begin"},
        {"value": "-5", "measurand": "Energy.Active.Export.Register"},
    ]
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start()))["transactionId"]
        for sample in odd:
            assert await station.ask("MeterValues", meter(10, sample, transactionId=number)) == {}, sample
        assert await station.ask("MeterValues", {**meter(11, 3_500), "transactionId": number}) == {}
        session = await only_session(house)

    assert session["energy_wh"] == 2_500


@pytest.mark.parametrize("value", ["1e400", "1E999999", "-1E999999", "9" * 500, "1e-999999"])
async def test_an_absurd_number_moves_no_energy_and_holds_nobody_up(house: House, value: str) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start()))["transactionId"]
        assert await station.ask("MeterValues", meter(10, value, transactionId=number)) == {}
        assert await station.ask("MeterValues", meter(11, 3_500, transactionId=number)) == {}
        await station.ask("StopTransaction", stop(number))
        session = await only_session(house)

    assert session["energy_wh"] == 7_000


@pytest.mark.parametrize("multiplier", [400, 2_000_000_000, -2_000_000_000, 10**30])
async def test_an_absurd_multiplier_moves_no_energy(house: House, multiplier: int) -> None:
    sample = {"value": 2, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}
    absurd = {"meterValue": [{"timestamp": at(20, of=NOON), "sampledValue": [sample]}]}
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await tell(station, STARTED, {**UPDATED, **absurd}, IDLE, ENDED)
        session = await only_session(house)

    assert session["energy_wh"] == 7_000


@pytest.mark.parametrize("value", [10**30, -(10**30), 2**63, 2**31])
async def test_a_number_beyond_its_range_is_put_up_with_or_quarantined(house: House, value: int) -> None:
    """Never a lost connection: the station would send it again for ever."""
    async with Raw(url(house)) as station:
        await station.boot()
        for action, payload in (
            ("StartTransaction", start(meter=value)),
            ("StartTransaction", start(connector=value)),
            ("StartTransaction", start(reservationId=value)),
            ("StopTransaction", stop(value)),
            ("StopTransaction", stop(1, meter=value)),
            ("MeterValues", meter(1, 5, transactionId=value)),
            ("StatusNotification", {"connectorId": value, "status": "Available", "errorCode": "NoError"}),
        ):
            answer = await station.call(action, payload)
            assert answer[0] == 3 or action == "StatusNotification", answer
        await station.hears_nothing()
        assert isinstance(await sessions(house), list)
        assert await house.call("GET", "stations/CS1")


@pytest.mark.parametrize("value", [10**30, -(10**30), 2**63, 2**31])
async def test_a_number_of_2_0_1_beyond_its_range_is_put_up_with_or_quarantined(house: House, value: int) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        for number, payload in enumerate(
            (
                {**STARTED, "seqNo": value},
                {**STARTED, "evse": {"id": value, "connectorId": 1}},
                {**STARTED, "evse": {"id": 1, "connectorId": value}},
                event("Started", 0, 0, value, **EVSE, **CARD),
            )
        ):
            payload["transactionInfo"] = {"transactionId": f"TX{number}"}
            answer = await station.call("TransactionEvent", payload)
            assert answer[0] == 3, answer
        await station.hears_nothing()
        assert isinstance(await sessions(house), list)
        assert await house.call("GET", "stations/CS1")


async def test_a_register_that_fell_never_lowers_the_energy(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start()))["transactionId"]
        await station.ask("MeterValues", meter(10, 5_000, transactionId=number))
        await station.ask("MeterValues", meter(20, 100, transactionId=number))
        await station.ask("StopTransaction", stop(number, 60, 600))
        session = await only_session(house)

    assert session["energy_wh"] == 4_500
    assert session["flags"]


async def test_a_visit_cut_by_a_reboot_stays_open_and_its_late_stop_counts(house: House) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        number = (await station.ask("StartTransaction", start()))["transactionId"]
        await station.ask("MeterValues", meter(10, 2_000, transactionId=number))
    async with Raw(url(house)) as station:
        await station.boot()
        await station.ask("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
        cut = await only_session(house)
        await station.ask("StopTransaction", stop(number, 12, 2_500, reason="PowerLoss"))
        ended = await only_session(house)

    assert cut["ended_at"] is None
    assert (ended["status"], ended["energy_wh"], ended["stop_reason"]) == ("COMPLETED", 1_500, "PowerLoss")


@pytest.mark.parametrize("is_start_first", [True, False])
async def test_a_remote_start_is_one_visit_whatever_comes_first(house: House, is_start_first: bool) -> None:
    async with Raw(url(house)) as station:
        await station.boot()
        body = {"action": "RemoteStartTransaction", "payload": {"idTag": "CARD", "connectorId": 1}, "timeout_s": 10}
        asking = asyncio.create_task(house.call("POST", "stations/CS1/calls", body))
        call = await station.asked("RemoteStartTransaction")
        if not is_start_first:
            await station.reply(call, {"status": "Accepted"})
        started = await station.ask("StartTransaction", start())
        if is_start_first:
            await station.reply(call, {"status": "Accepted"})
        outcome = await asking

    assert outcome["payload"] == {"status": "Accepted"}
    assert started["idTagInfo"]["status"] == "Accepted"
    await only_session(house)


# --- a visit in 2.0.1


def event(
    kind: str, seq_no: int, minutes: float, register_wh: float | None = None, *, tx: str = "TX1", **more: Any
) -> dict[str, Any]:
    info = {"transactionId": tx, **more.pop("info", {})}
    payload: dict[str, Any] = {
        "eventType": kind,
        "timestamp": at(minutes, of=NOON),
        "triggerReason": more.pop("trigger", "MeterValuePeriodic"),
        "seqNo": seq_no,
        "transactionInfo": info,
        **more,
    }
    if register_wh is not None:
        payload["meterValue"] = [{"timestamp": at(minutes, of=NOON), "sampledValue": [{"value": register_wh}]}]
    return payload


EVSE = {"evse": {"id": 1, "connectorId": 1}}
CARD = {"idToken": {"idToken": "CARD", "type": "ISO14443"}}
STARTED = event("Started", 0, 0, 1_000, trigger="Authorized", **EVSE, **CARD)
UPDATED = event("Updated", 1, 20, 3_000, info={"chargingState": "Charging"})
IDLE = event("Updated", 2, 40, 8_000, info={"chargingState": "SuspendedEV"}, trigger="ChargingStateChanged")
ENDED = event("Ended", 3, 60, 8_000, trigger="EVDeparted", info={"stoppedReason": "EVDisconnected"})
VISIT = (STARTED, UPDATED, IDLE, ENDED)


async def tell(station: Raw, *events: dict[str, Any]) -> list[Any]:
    return [await station.ask("TransactionEvent", one) for one in events]


async def test_a_visit_of_2_0_1_from_start_to_end(house: House) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        answers = await tell(station, *VISIT[:2])
        running = await only_session(house)
        answers += await tell(station, *VISIT[2:])
    (cdr,) = await house.wait_for_cdrs(1)
    done = await only_session(house)

    assert answers[0]["idTokenInfo"]["status"] == "Accepted"
    assert answers[0]["idTokenInfo"]["groupIdToken"]["idToken"] == "FAMILY"
    assert "idTokenInfo" not in answers[1]
    assert (running["energy_wh"], running["status"], running["charging_state"]) == (2_000, "ACTIVE", "CHARGING")
    assert (done["energy_wh"], done["status"], done["stop_reason"]) == (7_000, "COMPLETED", "EVDisconnected")
    assert (done["transaction_id"], done["evse_no"], done["connector_no"]) == ("TX1", 1, 1)
    assert done["cdr_id"] == cdr["id"]


@pytest.mark.parametrize(
    "order",
    [(3, 0, 1, 2), (3, 2, 1, 0), (0, 3, 1, 2), (1, 2, 3, 0), (0, 0, 1, 1, 2, 3, 3), (2, 0, 3, 1)],
    ids=lambda order: "-".join(map(str, order)),
)
async def test_events_in_any_order_and_number_make_the_same_visit(house: House, order: tuple[int, ...]) -> None:
    # OCPP 2.0.1 part 2 E04, E12
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await tell(station, *({**VISIT[number], "offline": True} for number in order))
    (cdr,) = await house.wait_for_cdrs(1)
    session = await only_session(house)

    assert (session["energy_wh"], session["status"], session["fact_count"]) == (7_000, "COMPLETED", 4)
    assert (session["started_at"], session["ended_at"]) == (at(0, of=NOON), at(60, of=NOON))
    assert (session["token_uid"], session["evse_no"]) == ("CARD", 1)
    assert session["cdr_id"] == cdr["id"]


async def test_a_gap_in_the_numbers_holds_the_bill_back(tmp_path: Path) -> None:
    env = {**QUIET, "GATEWAY_SESSIONS__GAP_WAIT_S": "600"}
    async with House(tmp_path, env=env) as house:
        await house.provision("CS1")
        await house.call("PUT", "tokens/CARD", {"status": "accepted"})
        async with Raw(url(house), version="2.0.1") as station:
            await station.boot()
            await tell(station, STARTED, UPDATED, ENDED)
            held = await only_session(house)
            none_yet = await house.items("cdrs")
            await tell(station, IDLE)
            await house.wait_for_cdrs(1)

        assert none_yet == []
        assert held["cdr_id"] is None
        assert held["seal_due_at"]


async def test_a_gap_that_is_never_filled_is_billed_after_the_wait(tmp_path: Path) -> None:
    env = {**QUIET, "GATEWAY_SESSIONS__GAP_WAIT_S": "1"}
    async with House(tmp_path, env=env) as house:
        await house.provision("CS1")
        await house.call("PUT", "tokens/CARD", {"status": "accepted"})
        async with Raw(url(house), version="2.0.1") as station:
            await station.boot()
            await tell(station, STARTED, UPDATED, ENDED)
            (cdr,) = await house.wait_for_cdrs(1)
            session = await only_session(house)
            await tell(station, IDLE)
            late = await house.items("late-facts")

        assert session["energy_wh"] == 7_000
        assert "gap" in cdr["flags"]
        assert [one["session_id"] for one in late] == [session["id"]]
        assert len(await house.items("cdrs")) == 1


async def test_a_transaction_may_start_without_its_card(house: House) -> None:
    # OCPP 2.0.1 part 2 E01: the cable first, the card later
    plugged = event("Started", 0, 0, 1_000, trigger="CablePluggedIn", **EVSE)
    swiped = event("Updated", 1, 2, trigger="Authorized", **CARD)
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        first, second = await tell(station, plugged, swiped)
        session = await only_session(house)

    assert "idTokenInfo" not in first
    assert second["idTokenInfo"]["status"] == "Accepted"
    assert session["token_uid"] == "CARD"


async def test_a_refused_card_is_told_in_the_answer_and_never_by_an_error(house: House) -> None:
    # OCPP 2.0.1 part 2 E01.FR.11
    stranger = {"idToken": {"idToken": "STRANGER", "type": "ISO14443"}}
    blocked = {"idToken": {"idToken": "BLOCKED", "type": "ISO14443"}}
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        one, two = await tell(station, {**STARTED, **stranger}, {**event("Started", 0, 5, tx="TX2"), **EVSE, **blocked})

    assert one["idTokenInfo"]["status"] in ("Unknown", "Invalid")
    assert two["idTokenInfo"]["status"] == "Blocked"
    assert len(await sessions(house)) == 2


async def test_another_card_of_the_group_may_end_the_visit(house: House) -> None:
    # OCPP 2.0.1 part 2 C09
    await house.call("PUT", "tokens/SPOUSE", {"status": "accepted", "group_id": "FAMILY"})
    other = {"idToken": {"idToken": "SPOUSE", "type": "ISO14443"}}
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        *_, answer = await tell(station, STARTED, {**ENDED, "seqNo": 1, **other, "triggerReason": "StopAuthorized"})
        session = await only_session(house)

    assert answer["idTokenInfo"]["groupIdToken"]["idToken"] == "FAMILY"
    assert (session["token_uid"], session["status"]) == ("CARD", "COMPLETED")


async def test_the_numbers_may_go_on_from_visit_to_visit(house: House) -> None:
    # OCPP 2.0.1 part 2 E01.FR.07
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        for tx, base in (("A", 100), ("B", 104)):
            for one in VISIT:
                shifted = {**one, "seqNo": one["seqNo"] + base}
                shifted["transactionInfo"] = {**one["transactionInfo"], "transactionId": tx}
                shifted["timestamp"] = at(base + one["seqNo"] * 20 - 300, of=NOON)
                await tell(station, shifted)
        await house.wait_for_cdrs(2)

    assert {session["transaction_id"] for session in await sessions(house)} == {"A", "B"}


async def test_numbers_of_two_stations_may_be_the_same(house: House) -> None:
    await house.provision("CS1", "CS2")
    for station_id in ("CS1", "CS2"):
        async with Raw(url(house, station_id), version="2.0.1") as station:
            await station.boot()
            await tell(station, *VISIT)
    await house.wait_for_cdrs(2)

    assert [session["station_id"] for session in await sessions(house)] != ["CS1", "CS1"]


async def test_multipliers_units_and_phases_of_2_0_1_are_honoured(house: House) -> None:
    def values(minutes: float, *samples: dict[str, Any]) -> dict[str, Any]:
        return {"meterValue": [{"timestamp": at(minutes, of=NOON), "sampledValue": list(samples)}]}

    def phases(minutes: float, kwh: float) -> list[dict[str, Any]]:
        unit = {"unit": "Wh", "multiplier": 3}
        samples = [{"value": kwh, "phase": f"L{n}", "unitOfMeasure": unit} for n in (1, 2, 3)]
        told: list[dict[str, Any]] = values(minutes, *samples, {"value": 16.1, "measurand": "Current.Import"})[
            "meterValue"
        ]
        return told

    begin = values(0, {"value": 1, "unitOfMeasure": {"unit": "kWh"}, "context": "Transaction.Begin"})
    middle = {"meterValue": [each for minutes, kwh in ((10, 1.0), (20, 1.5)) for each in phases(minutes, kwh)]}
    end = values(60, {"value": 8.0, "unitOfMeasure": {"unit": "kWh"}, "context": "Transaction.End"})
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await tell(station, {**STARTED, **begin}, {**UPDATED, **middle})
        running = await only_session(house)
        await tell(station, {**ENDED, "seqNo": 2, **end})
        session = await only_session(house)

    assert running["energy_wh"] == 1_500, "the phases count from their own first reading"
    assert session["energy_wh"] == 7_000


@pytest.mark.parametrize(
    "payload",
    [
        {**STARTED, "transactionInfo": {}},
        {**STARTED, "seqNo": "first"},
        {key: value for key, value in STARTED.items() if key != "seqNo"},
        {**STARTED, "eventType": "Paused"},
        {**STARTED, "transactionInfo": []},
    ],
)
async def test_an_event_beyond_use_is_acknowledged_and_listed(house: House, payload: dict[str, Any]) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        answer = await station.call("TransactionEvent", payload)
        (kept,) = await house.items("quarantine")

    assert answer[0] == 3, answer
    assert json.loads(kept["frame"])[3] == payload
    assert kept["action"] == "TransactionEvent"
    assert await sessions(house) == []


async def test_events_with_small_faults_are_used_and_listed(house: House) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await tell(
            station,
            {**STARTED, "triggerReason": "Magic", "connectorId": 1},
            {**UPDATED, "meterValue": [], "numberOfPhasesUsed": 9},
            {**ENDED, "seqNo": 2},
        )
        session = await only_session(house)
        paths = {one["path"] for one in await deviations(house)}

    assert (session["status"], session["energy_wh"]) == ("COMPLETED", 7_000)
    assert {"$.triggerReason", "$.connectorId"} <= paths


async def test_an_open_visit_survives_a_restart_of_the_gateway(house: House) -> None:
    async with Raw(url(house), version="2.0.1") as station:
        await station.boot()
        await tell(station, STARTED)
    await house.restart()
    async with Raw(url(house), version="2.0.1") as station:
        await tell(station, UPDATED, IDLE, ENDED)
    await house.wait_for_cdrs(1)

    assert (await only_session(house))["energy_wh"] == 7_000
