from dataclasses import replace

import pytest

from gateway.domain.stations import Admission, Station
from gateway.errors import ConflictError, NotFoundError, RevisionConflictError, WireError
from gateway.flows.provisioning import StationOrder
from gateway.ports import SaveSession, SaveStation
from tests.fakes.console_world import NOW, World
from tests.unit.flows.test_inventory import OPEN

HEX_KEY = "0123456789abcdef0123456789abcdef"
QUARANTINED = Station(id="CP1", admission=Admission.PENDING, created_at=NOW)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_new_station_is_accepted(world: World) -> None:
    station, is_new = await world.provisioning.put("CP1", StationOrder(security_profile=0))

    assert is_new
    assert station.admission is Admission.ACCEPTED
    assert world.memory.find_station("cp1") == station
    assert world.stations.calls == []


async def test_a_key_left_out_keeps_its_value_and_null_clears_it(world: World) -> None:
    await world.provisioning.put("CP1", StationOrder(password="secret", ocpp_version="1.6"))

    kept, _ = await world.provisioning.put("CP1", StationOrder(security_profile=1))
    cleared, _ = await world.provisioning.put("CP1", StationOrder(security_profile=0, password=None, ocpp_version=None))

    assert kept.password_hash == world.secrets.keyed_hash(b"secret")
    assert kept.ocpp_version == "1.6"
    assert (cleared.password_hash, cleared.ocpp_version) == (None, None)


@pytest.mark.parametrize(
    ("password", "version", "hashed"),
    [
        (HEX_KEY, None, bytes.fromhex(HEX_KEY)),
        (HEX_KEY.upper(), "1.6", bytes.fromhex(HEX_KEY)),
        (HEX_KEY, "2.0.1", bytes.fromhex(HEX_KEY)),
        (HEX_KEY + "f", "1.6", (HEX_KEY + "f").encode()),
        ("pässword", None, "pässword".encode()),
        ("abcdef", None, b"abcdef"),
    ],
)
async def test_what_may_be_a_key_in_hex_is_hashed_as_its_bytes(
    world: World, password: str, version: str | None, hashed: bytes
) -> None:
    station, _ = await world.provisioning.put("CP1", StationOrder(password=password, ocpp_version=version))

    assert station.password_hash == world.secrets.keyed_hash(hashed)


async def test_a_station_in_quarantine_is_accepted_and_asked_to_boot(world: World) -> None:
    await world.store.commit([SaveStation(QUARANTINED)])
    world.stations.connect("CP1")

    station, is_new = await world.provisioning.put("cp1", StationOrder(security_profile=0))

    assert (station.id, station.admission, is_new) == ("CP1", Admission.ACCEPTED, False)
    assert [call[:3] for call in world.stations.calls] == [
        ("CP1", "TriggerMessage", {"requestedMessage": "BootNotification"})
    ]
    assert world.stations.disconnected == []


@pytest.mark.parametrize(
    "order",
    [
        StationOrder(password="another"),
        StationOrder(security_profile=2),
        StationOrder(ocpp_version="2.0.1"),
    ],
)
async def test_a_station_that_may_not_stay_as_it_is_gets_disconnected(world: World, order: StationOrder) -> None:
    await world.provisioning.put("CP1", StationOrder(security_profile=1, password="first"))
    world.stations.connect("CP1", "1.6")

    await world.provisioning.put("CP1", order)

    assert world.stations.disconnected == ["CP1"]


async def test_a_station_stays_connected_when_nothing_changed_for_it(world: World) -> None:
    await world.provisioning.put("CP1", StationOrder(security_profile=1, password="first"))
    world.stations.connect("CP1", "1.6")
    commits = len(world.store.commits)

    await world.provisioning.put("CP1", StationOrder(security_profile=1, password="first"))
    await world.provisioning.put("CP1", StationOrder(ocpp_version="1.6"))

    assert world.stations.disconnected == []
    assert len(world.store.commits) == commits + 1


@pytest.mark.parametrize(
    ("station_id", "order", "path"),
    [
        ("CP1", StationOrder(security_profile=1), "$.password"),
        ("CP1", StationOrder(security_profile=3), "$.security_profile"),
        ("CP1", StationOrder(ocpp_version="1.5"), "$.ocpp_version"),
        ("CP:1", StationOrder(), "$.station_id"),
        ("CP/1", StationOrder(), "$.station_id"),
        ("C" * 49, StationOrder(), "$.station_id"),
        ("CÄ1", StationOrder(), "$.station_id"),
    ],
)
async def test_what_no_station_can_have_is_refused(
    world: World, station_id: str, order: StationOrder, path: str
) -> None:
    with pytest.raises(WireError) as refused:
        await world.provisioning.put(station_id, order)

    assert refused.value.path == path
    assert world.memory.stations == {}


async def test_a_change_at_the_same_moment_is_tried_once_more(world: World) -> None:
    world.store.conflicts = 1
    station, _ = await world.provisioning.put("CP1", StationOrder())
    world.store.conflicts = 2

    with pytest.raises(RevisionConflictError):
        await world.provisioning.put("CP1", StationOrder(ocpp_version="1.6"))

    assert world.memory.find_station("CP1") == station


async def test_a_station_is_deleted_and_disconnected(world: World) -> None:
    await world.provisioning.put("CP1", StationOrder())
    world.stations.connect("CP1")

    await world.provisioning.delete("cp1")

    assert world.memory.stations == {}
    assert world.stations.disconnected == ["CP1"]
    with pytest.raises(NotFoundError):
        await world.provisioning.delete("CP1")


async def test_a_station_with_an_open_session_stays(world: World) -> None:
    await world.provisioning.put("CP1", StationOrder())
    world.memory.apply([SaveSession(replace(OPEN))])

    with pytest.raises(ConflictError, match=r"session 'S1' is open at station 'CP1'"):
        await world.provisioning.delete("CP1")

    assert world.memory.find_station("CP1") is not None


async def test_stations_are_listed_by_identity(world: World) -> None:
    for station_id in ("b", "A", "C"):
        await world.provisioning.put(station_id, StationOrder())

    assert [station.id for station in world.provisioning.list()] == ["A", "b", "C"]
