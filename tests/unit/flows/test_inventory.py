from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.domain.sessions import Ledger, Session, SessionStatus, Terms
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TariffElement
from gateway.errors import ConflictError, NotFoundError, StoreDownError, WireError
from gateway.flows.inventory import Inventory
from gateway.flows.provisioning import StationOrder
from gateway.ports import SaveSession
from tests.fakes.console_world import NOW, OTHER_OURS, OURS, World

PLUG = ConnectorKey(station_id="CP1", evse_no=1, connector_no=1)
OTHER_PLUG = ConnectorKey(station_id="CP2", evse_no=1, connector_no=1)
CONNECTOR = Connector(
    id="1",
    standard="IEC_62196_T2",
    format="SOCKET",
    power_type="AC_3_PHASE",
    max_voltage=230,
    max_amperage=32,
    last_updated=NOW,
    key=PLUG,
)
EVSE = Evse(uid="E1", status=EvseStatus.UNKNOWN, connectors=(CONNECTOR,), last_updated=NOW, evse_id="DE*ABC*E1")
LOCATION = Location(
    id="LOC1",
    party=OURS,
    publish=True,
    address="Street 1",
    city="Town",
    country="DEU",
    coordinates=("52.520000", "13.405000"),
    time_zone="Europe/Berlin",
    evses=(EVSE,),
    last_updated=NOW,
)
SECOND = replace(EVSE, uid="E2", evse_id="DE*ABC*E2", connectors=(replace(CONNECTOR, key=OTHER_PLUG, tariff_ids=()),))
TARIFF = Tariff(
    id="T1",
    party=OURS,
    currency="EUR",
    elements=(TariffElement(components=(PriceComponent(type=Dimension.ENERGY, price=Decimal("0.25")),)),),
    last_updated=NOW,
)
OPEN = Session(
    id="S1",
    key=PLUG,
    transaction_id="7",
    start_key="start",
    status=SessionStatus.ACTIVE,
    ledger=Ledger(started_at=NOW, periods=(), last_at=NOW),
    last_updated=NOW,
)
ENDED = replace(OPEN, status=SessionStatus.COMPLETED, ledger=replace(OPEN.ledger, ended_at=NOW))


@pytest.fixture
def world() -> World:
    return World()


def with_plug(location: Location, key: ConnectorKey | None) -> Location:
    return replace(location, evses=(replace(EVSE, connectors=(replace(CONNECTOR, key=key),)),))


def with_tariffs(*names: str) -> Location:
    return replace(LOCATION, evses=(replace(EVSE, connectors=(replace(CONNECTOR, tariff_ids=names),)),))


# --- locations


async def test_a_new_location_is_stored_with_its_published_status_and_reported(world: World) -> None:
    stored, is_new = await world.inventory.put_location(LOCATION)

    assert is_new
    assert stored.evses[0].status is EvseStatus.AVAILABLE
    assert world.memory.locations["LOC1"] == stored
    assert stored.last_updated > NOW
    assert world.placed == ["LOC1"]


async def test_putting_a_location_again_replaces_it(world: World) -> None:
    await world.inventory.put_location(LOCATION)

    stored, is_new = await world.inventory.put_location(replace(LOCATION, name="New name"))

    assert (stored.name, is_new) == ("New name", False)


async def test_an_evse_left_out_becomes_removed_and_stays(world: World) -> None:
    await world.inventory.put_location(replace(LOCATION, evses=(EVSE, SECOND)))

    await world.inventory.put_location(LOCATION)
    stored, _ = await world.inventory.put_location(LOCATION)

    assert [(evse.uid, evse.status) for evse in stored.evses] == [
        ("E1", EvseStatus.AVAILABLE),
        ("E2", EvseStatus.REMOVED),
    ]
    assert world.memory.find_place(OTHER_PLUG) is None


async def test_a_removed_evse_may_come_back_to_its_own_location(world: World) -> None:
    await world.inventory.put_location(replace(LOCATION, evses=(EVSE, SECOND)))
    await world.inventory.put_location(LOCATION)

    stored, _ = await world.inventory.put_location(replace(LOCATION, evses=(EVSE, SECOND)))

    assert stored.evses[1].status is EvseStatus.AVAILABLE
    assert len(stored.evses) == 2


@pytest.mark.parametrize("uid", ["E2", "e2"])
async def test_the_uid_of_a_removed_evse_is_never_free_elsewhere(world: World, uid: str) -> None:
    await world.inventory.put_location(replace(LOCATION, evses=(EVSE, SECOND)))
    await world.inventory.put_location(LOCATION)
    elsewhere = replace(LOCATION, id="LOC2", evses=(replace(SECOND, uid=uid, evse_id=None),))

    with pytest.raises(ConflictError, match=r"'E2' was in use at location 'LOC1'.*take a new one"):
        await world.inventory.put_location(elsewhere)


async def test_the_printed_id_of_a_removed_evse_is_free_again(world: World) -> None:
    await world.inventory.put_location(replace(LOCATION, evses=(EVSE, SECOND)))
    moved = replace(LOCATION, id="LOC2", evses=(replace(SECOND, uid="E3"),))
    with pytest.raises(ConflictError, match="evse_id"):
        await world.inventory.put_location(unplugged(moved))
    await world.inventory.put_location(LOCATION)

    stored, _ = await world.inventory.put_location(moved)

    assert stored.evses[0].evse_id == "DE*ABC*E2"


def unplugged(location: Location) -> Location:
    evses = tuple(
        replace(evse, connectors=tuple(replace(connector, key=None) for connector in evse.connectors))
        for evse in location.evses
    )
    return replace(location, evses=evses)


async def test_a_deleted_location_keeps_removed_evses_and_its_id(world: World) -> None:
    await world.inventory.put_location(LOCATION)

    await world.inventory.delete_location("LOC1")

    kept = world.memory.locations["LOC1"]
    assert kept.deleted
    assert [evse.status for evse in kept.evses] == [EvseStatus.REMOVED]
    assert world.inventory.list_locations() == []
    with pytest.raises(NotFoundError):
        world.inventory.load_location("LOC1")
    with pytest.raises(NotFoundError):
        await world.inventory.delete_location("LOC1")
    with pytest.raises(ConflictError, match="never free again"):
        await world.inventory.put_location(LOCATION)


async def test_an_id_that_differs_only_in_case_is_no_new_id(world: World) -> None:
    await world.inventory.put_location(LOCATION)

    with pytest.raises(ConflictError, match="only in case"):
        await world.inventory.put_location(replace(LOCATION, id="loc1", evses=()))


async def test_a_plug_stands_in_one_place_only(world: World) -> None:
    await world.inventory.put_location(LOCATION)
    other = replace(LOCATION, id="LOC2", evses=(replace(EVSE, uid="E9", evse_id=None),))

    with pytest.raises(ConflictError, match=r"connector_no 1 is already connector '1' of EVSE 'E1'"):
        await world.inventory.put_location(other)


async def test_a_plug_is_the_same_in_any_case_of_its_station(world: World) -> None:
    twice = replace(SECOND, connectors=(replace(CONNECTOR, key=replace(PLUG, station_id="cp1")),))

    with pytest.raises(ConflictError, match="cannot be connector '1' of EVSE 'E2' too"):
        await world.inventory.put_location(replace(LOCATION, evses=(EVSE, twice)))


async def test_plugs_may_change_places_within_a_location(world: World) -> None:
    await world.inventory.put_location(replace(LOCATION, evses=(EVSE, SECOND)))
    crossed = replace(
        LOCATION,
        evses=(replace(EVSE, connectors=SECOND.connectors), replace(SECOND, connectors=EVSE.connectors)),
    )

    await world.inventory.put_location(crossed)

    place = world.memory.find_place(PLUG)
    assert place is not None
    assert place.evse.uid == "E2"


async def test_another_station_may_stand_in_unless_a_session_is_open(world: World) -> None:
    await world.inventory.put_location(LOCATION)
    world.memory.apply([SaveSession(OPEN)])
    swapped = with_plug(LOCATION, OTHER_PLUG)

    with pytest.raises(ConflictError, match=r"a session is open at station 'CP1'.*stop the session first"):
        await world.inventory.put_location(swapped)
    world.memory.apply([SaveSession(ENDED)])
    await world.inventory.put_location(swapped)

    assert world.memory.find_place(PLUG) is None
    assert world.memory.find_place(OTHER_PLUG) is not None


async def test_other_changes_are_welcome_while_a_session_is_open(world: World) -> None:
    await world.inventory.put_location(LOCATION)
    world.memory.apply([SaveSession(OPEN)])

    stored, _ = await world.inventory.put_location(replace(LOCATION, name="Renamed"))

    assert stored.name == "Renamed"


async def test_a_station_is_named_as_it_named_itself(world: World) -> None:
    await world.provisioning.put("CP1", StationOrder())

    stored, _ = await world.inventory.put_location(with_plug(LOCATION, replace(PLUG, station_id="cp1")))

    assert stored.evses[0].connectors[0].key == PLUG


@pytest.mark.parametrize(
    ("wrong", "path", "says"),
    [
        (replace(LOCATION, party=PartyId(country_code="FR", party_id="ZZZ")), "$.party_id", "DE*ABC, NL*XYZ"),
        (replace(LOCATION, time_zone="Europe/Berln"), "$.time_zone", "IANA"),
        (replace(LOCATION, time_zone="CET+1"), "$.time_zone", "IANA"),
        (replace(LOCATION, evses=(EVSE, replace(EVSE, uid="e1"))), "$.evses[1].uid", "twice"),
        (
            replace(LOCATION, evses=(replace(EVSE, connectors=(CONNECTOR, replace(CONNECTOR, key=OTHER_PLUG))),)),
            "$.evses[0].connectors[1].id",
            "twice",
        ),
        (replace(LOCATION, evses=(EVSE, replace(SECOND, evse_id="DEABCE1"))), "$.evses", "same evse_id"),
        (with_tariffs("T9"), "$.evses[0].connectors[0].tariff_ids", "PUT tariffs/T9"),
    ],
)
async def test_what_is_wrong_in_itself_is_refused_with_its_place(
    world: World, wrong: Location, path: str, says: str
) -> None:
    with pytest.raises(WireError) as refused:
        await world.inventory.put_location(wrong)

    assert refused.value.path == path
    assert says in refused.value.problem
    assert world.memory.locations == {}


async def test_a_location_does_not_change_hands(world: World) -> None:
    await world.inventory.put_location(LOCATION)

    with pytest.raises(ConflictError, match=r"belongs to DE\*ABC"):
        await world.inventory.put_location(replace(LOCATION, party=OTHER_OURS))


async def test_a_store_that_is_down_leaves_everything_as_it_was(world: World) -> None:
    world.store.is_down = True

    with pytest.raises(StoreDownError):
        await world.inventory.put_location(LOCATION)

    assert world.memory.locations == {}
    assert world.placed == []


async def test_what_a_station_says_during_the_commit_is_not_lost(world: World) -> None:
    said = iter((EvseStatus.AVAILABLE, EvseStatus.CHARGING))
    inventory = Inventory(
        store=world.store,
        memory=world.memory,
        parties=(OURS,),
        published_status=lambda location, evse: next(said),
        on_placed=world.on_placed,
    )

    stored, _ = await inventory.put_location(LOCATION)

    assert stored.evses[0].status is EvseStatus.CHARGING
    assert world.memory.locations["LOC1"] == stored


async def test_the_uid_of_an_evse_keeps_its_spelling(world: World) -> None:
    await world.inventory.put_location(LOCATION)

    with pytest.raises(ConflictError, match="only in case"):
        await world.inventory.put_location(replace(LOCATION, evses=(replace(EVSE, uid="e1"),)))


# --- tariffs


async def test_a_tariff_that_a_location_uses_reports_the_location_when_it_changes(world: World) -> None:
    await world.inventory.put_tariff(TARIFF)
    await world.inventory.put_location(with_tariffs("T1"))
    world.placed.clear()

    stored, is_new = await world.inventory.put_tariff(replace(TARIFF, currency="CHF"))

    assert (stored.currency, is_new) == ("CHF", False)
    assert world.placed == ["LOC1"]


async def test_a_tariff_of_another_party_is_not_for_this_location(world: World) -> None:
    await world.inventory.put_tariff(replace(TARIFF, party=OTHER_OURS))

    with pytest.raises(WireError, match=r"belongs to NL\*XYZ"):
        await world.inventory.put_location(with_tariffs("T1"))


async def test_two_tariffs_of_one_type_must_not_hold_at_the_same_time(world: World) -> None:
    later = replace(TARIFF, id="T2", start_at=NOW + timedelta(days=1))
    await world.inventory.put_tariff(TARIFF)
    await world.inventory.put_tariff(later)

    with pytest.raises(WireError, match="hold at the same time"):
        await world.inventory.put_location(with_tariffs("T1", "T2"))
    await world.inventory.put_tariff(replace(TARIFF, end_at=NOW + timedelta(days=1)))
    await world.inventory.put_location(with_tariffs("T1", "T2"))

    with pytest.raises(ConflictError, match="hold at the same time"):
        await world.inventory.put_tariff(TARIFF)


async def test_a_tariff_at_a_connector_cannot_be_deleted(world: World) -> None:
    await world.inventory.put_tariff(TARIFF)
    await world.inventory.put_location(with_tariffs("T1"))

    with pytest.raises(ConflictError, match=r"in use by connector '1' of EVSE 'E1' at location 'LOC1'"):
        await world.inventory.delete_tariff("T1")
    await world.inventory.put_location(LOCATION)
    await world.inventory.delete_tariff("T1")

    assert world.memory.tariffs == {}


async def test_a_tariff_of_an_open_session_cannot_be_deleted(world: World) -> None:
    await world.inventory.put_tariff(TARIFF)
    world.memory.apply([SaveSession(replace(OPEN, terms=Terms(tariff=TARIFF)))])

    with pytest.raises(ConflictError, match="open session 'S1'"):
        await world.inventory.delete_tariff("T1")


async def test_a_missing_tariff_cannot_be_deleted(world: World) -> None:
    with pytest.raises(NotFoundError):
        await world.inventory.delete_tariff("T1")


async def test_a_tariff_of_nobody_is_refused(world: World) -> None:
    with pytest.raises(WireError, match="not one of our parties"):
        await world.inventory.put_tariff(replace(TARIFF, party=PartyId(country_code="FR", party_id="ZZZ")))
