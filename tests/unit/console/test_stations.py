import json
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient

from gateway.domain.ids import ConnectorKey
from gateway.domain.signatures import KeySource, MeterKey
from gateway.domain.stations import Admission, ConnectorState, ConnectorStatus, Deviation, OccupiedBy, Station
from gateway.ports import CallOutcome, SaveConnectorStatus, SaveSession, SaveStation
from tests.fakes.console_world import NOW, World
from tests.fakes.meters import make_meter
from tests.unit.flows.test_inventory import ENDED, LOCATION, OPEN

API = "/api/v1/stations"
BOOTED = Station(
    id="CP1",
    admission=Admission.PENDING,
    created_at=NOW,
    vendor="Acme",
    model="X",
    serial_number="S-1",
    firmware_version="1.2",
    last_boot_at=NOW,
    last_boot_reason="PowerUp",
    boot_version="1.6",
)
CHARGING = ConnectorStatus(
    key=ConnectorKey(station_id="CP1", evse_no=1, connector_no=1),
    state=ConnectorState.OCCUPIED,
    occupied_by=OccupiedBy.CHARGING,
    at=NOW,
    received_at=NOW,
    error_code="NoError",
)
DEVIATION = Deviation(
    station_id="CP1",
    action="MeterValues",
    path="$.meterValue[0].timestamp",
    problem="is not a time",
    example="yesterday",
    first_at=NOW,
    last_at=NOW,
    count=3,
)


async def test_a_station_is_created_then_changed(client: TestClient, world: World) -> None:
    created = await client.put(f"{API}/CP1", json={"security_profile": 1, "password": "secret", "ocpp_version": "1.6"})
    changed = await client.put(f"{API}/CP1", json={"ocpp_version": None})

    assert (created.status, changed.status) == (201, 200)
    body = await created.json()
    assert (body["station_id"], body["admission"], body["security_profile"]) == ("CP1", "ACCEPTED", 1)
    assert body["has_password"] is True
    assert "secret" not in await created.text()
    assert (await changed.json())["ocpp_version"] is None
    assert world.memory.stations["cp1"].password_hash == world.secrets.keyed_hash(b"secret")


async def test_the_keys_of_meters_are_set_shown_and_cleared(client: TestClient, world: World) -> None:
    key = make_meter("secp256k1").public_key
    told = MeterKey(evse_no=1, source=KeySource.STATION, text="told")
    await world.store.commit([SaveStation(replace(BOOTED, meter_keys=(told,)))])

    put = await (await client.put(f"{API}/CP1", json={"meter_public_keys": {"2": key, "0": key}})).json()
    kept = await (await client.put(f"{API}/CP1", json={"ocpp_version": "1.6"})).json()
    cleared = await (await client.put(f"{API}/CP1", json={"meter_public_keys": None})).json()

    assert put["meter_public_keys"] == kept["meter_public_keys"] == {"0": key, "2": key}
    assert put["reported_meter_keys"] == cleared["reported_meter_keys"] == {"1": "told"}
    assert cleared["meter_public_keys"] == {}


@pytest.mark.parametrize(
    ("keys", "where", "what"),
    [
        ({"1": "nonsense!"}, "$.meter_public_keys.1", "is no public key of a meter: it is neither hex"),
        ({"one": "00"}, "$.meter_public_keys.one", "no number of an EVSE"),
        ({"01": "00"}, "$.meter_public_keys.01", "no number of an EVSE"),
        ({"-1": "00"}, "$.meter_public_keys.-1", "no number of an EVSE"),
    ],
)
async def test_what_is_no_key_of_a_meter_is_refused(
    client: TestClient, world: World, keys: dict[str, str], where: str, what: str
) -> None:
    response = await client.put(f"{API}/CP1", json={"meter_public_keys": keys})

    assert response.status == 400
    error = (await response.json())["error"]
    assert error["where"] == where
    assert what in error["what"]
    assert world.memory.find_station("CP1") is None


async def test_a_station_shows_its_connection_boot_plugs_and_deviations(client: TestClient, world: World) -> None:
    await world.store.commit([SaveStation(BOOTED), SaveConnectorStatus(CHARGING), SaveSession(OPEN)])
    await world.inventory.put_location(LOCATION)
    world.store.deviations = [DEVIATION]
    world.stations.connect("CP1")

    body = await (await client.get(f"{API}/cp1")).json()

    assert body["connection"]["version"] == "1.6"
    assert body["connection"]["remote"] == "192.0.2.7:50000"
    assert body["last_boot"] == {
        "at": "2026-03-01T12:00:00Z",
        "reason": "PowerUp",
        "version": "1.6",
        "vendor": "Acme",
        "model": "X",
        "serial_number": "S-1",
        "firmware_version": "1.2",
    }
    plug = body["connectors"][0]
    assert (plug["state"], plug["occupied_by"], plug["evse_uid"]) == ("OCCUPIED", "CHARGING", "E1")
    assert body["open_sessions"] == ["S1"]
    assert (body["deviations"][0]["path"], body["deviations"][0]["count"]) == ("$.meterValue[0].timestamp", 3)


async def test_stations_are_listed(client: TestClient, world: World) -> None:
    await world.store.commit([SaveStation(BOOTED)])

    body = await (await client.get(API)).json()

    assert [(station["station_id"], station["connection"]) for station in body] == [("CP1", None)]


async def test_an_identity_is_percent_decoded(client: TestClient) -> None:
    response = await client.put(f"{API}/CP%201%2A", json={})

    assert (await response.json())["station_id"] == "CP 1*"


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        ({"security_profil": 1}, "$.security_profil", "no such field"),
        ({"security_profile": "one"}, "$.security_profile", "integer"),
        ({"security_profile": True}, "$.security_profile", "integer"),
        ({"security_profile": 3}, "$.security_profile", "0 (none), 1 (password) or 2 (TLS)"),
        ({"security_profile": 1}, "$.password", "is missing"),
        ({"password": ""}, "$.password", "at least 1"),
        ({"ocpp_version": "3.0"}, "$.ocpp_version", "1.6, 2.0.1"),
    ],
)
async def test_a_wrong_station_is_400_with_its_place(client: TestClient, body: object, where: str, what: str) -> None:
    response = await client.put(f"{API}/CP1", json=body)

    assert response.status == 400
    error = (await response.json())["error"]
    assert error["where"] == where
    assert what in error["what"]


async def test_every_fault_of_a_body_is_told(client: TestClient) -> None:
    response = await client.put(f"{API}/CP1", json={"security_profile": "x", "unknown": 1})

    faults = (await response.json())["error"]["all"]
    assert {fault["where"] for fault in faults} == {"$.security_profile", "$.unknown"}


async def test_a_missing_station_is_404(client: TestClient) -> None:
    assert (await client.get(f"{API}/CP1")).status == 404
    assert (await client.delete(f"{API}/CP1")).status == 404
    assert (await client.post(f"{API}/CP1/calls", json={"action": "Reset"})).status == 404


async def test_a_station_is_deleted_unless_a_session_is_open(client: TestClient, world: World) -> None:
    await client.put(f"{API}/CP1", json={})
    world.memory.apply([SaveSession(OPEN)])

    refused = await client.delete(f"{API}/CP1")
    world.memory.apply([SaveSession(ENDED)])
    deleted = await client.delete(f"{API}/CP1")

    assert (refused.status, deleted.status) == (409, 204)
    assert "S1" in (await refused.json())["error"]["what"]


async def test_a_call_goes_out_with_its_keys_in_order(client: TestClient, world: World) -> None:
    await client.put(f"{API}/CP1", json={})
    world.stations.connect("CP1")

    response = await client.post(
        f"{API}/cp1/calls", data='{"action": "DataTransfer", "payload": {"z": 1, "a": 2}, "timeout_s": 5}'
    )

    assert await response.json() == {"outcome": "accepted", "payload": {"status": "Accepted"}}
    station_id, action, payload, timeout_s = world.stations.calls[0]
    assert (station_id, action, timeout_s) == ("CP1", "DataTransfer", 5)
    assert json.dumps(payload) == '{"z": 1, "a": 2}'


async def test_a_call_to_an_absent_station_is_offline(client: TestClient, world: World) -> None:
    await client.put(f"{API}/CP1", json={})

    response = await client.post(f"{API}/CP1/calls", json={"action": "Reset", "payload": {"type": "Soft"}})

    assert (response.status, (await response.json())["outcome"]) == (200, "offline")


async def test_an_error_of_the_station_is_shown(client: TestClient, world: World) -> None:
    await client.put(f"{API}/CP1", json={})
    world.stations.connect("CP1")
    world.stations.outcome = CallOutcome(
        outcome="call_error", payload={}, error_code="NotImplemented", error_description="no"
    )

    body = await (await client.post(f"{API}/CP1/calls", json={"action": "ClearCache"})).json()

    assert body == {
        "outcome": "call_error",
        "payload": {},
        "error_code": "NotImplemented",
        "error_description": "no",
    }


async def test_a_payload_that_breaks_the_schema_is_400_and_not_sent(client: TestClient, world: World) -> None:
    await client.put(f"{API}/CP1", json={})
    world.stations.connect("CP1")
    world.stations.outcome = CallOutcome(outcome="invalid", error_description="$.type: is required")

    response = await client.post(f"{API}/CP1/calls", json={"action": "Reset"})

    assert response.status == 400
    error = (await response.json())["error"]
    assert (error["where"], error["what"]) == ("$.payload.type", "is required")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "$.action"),
        ({"action": ""}, "$.action"),
        ({"action": "Reset", "payload": []}, "$.payload"),
        ({"action": "Reset", "timeout_s": 0}, "$.timeout_s"),
        ({"action": "Reset", "timeout_s": 3600}, "$.timeout_s"),
        ({"action": "Reset", "args": {}}, "$.args"),
    ],
)
async def test_a_wrong_call_is_400(client: TestClient, body: object, where: str) -> None:
    await client.put(f"{API}/CP1", json={})

    response = await client.post(f"{API}/CP1/calls", json=body)

    assert response.status == 400
    assert (await response.json())["error"]["where"] == where
