"""What there was around the recorded stations: `GET inventory` of the operator's API, put in as an operator would."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson

from gateway.console.parse_locations import parse_location
from gateway.console.parse_tariffs import parse_tariff
from gateway.console.tokens import parse_local_token
from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.stations import Admission, Station
from gateway.domain.tokens import Token
from gateway.errors import GatewayError, SettingsError, WireError
from gateway.flows.inventory import Inventory
from gateway.flows.local_tokens import LocalTokens
from gateway.flows.tokens import token_key
from gateway.ocpi.versions import VERSIONS as OCPI_VERSIONS
from gateway.ocpp.versions import VERSIONS
from gateway.ports import SaveStation, SaveToken
from gateway.replay.world import World

KINDS: Final = ("stations", "locations", "tariffs", "tokens", "emsp_tokens")
SOURCE: Final = "GET inventory of the operator's API gives such a file"

Items = dict[str, list[dict[str, Any]]]


def parse_inventory(data: bytes) -> Items:
    """The objects by kind; raises SettingsError saying what is wrong with the file."""
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"the inventory is not JSON: {error}; {SOURCE}") from None
    if not isinstance(whole, dict) or not set(whole) <= set(KINDS):
        raise SettingsError(f"the inventory must be an object with some of {', '.join(KINDS)}; {SOURCE}")
    for kind, items in whole.items():
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise SettingsError(f"{kind} of the inventory must be an array of objects; {SOURCE}")
    return {kind: whole.get(kind, []) for kind in KINDS}


async def put_inventory(world: World, items: Items, parties: Sequence[PartyId]) -> None:
    """Put all of it in, by the rules that hold for the operator's API.  Raises SettingsError naming the object."""
    now = world.clock.now()
    ours = tuple(dict.fromkeys([*_parties_in(items), *parties]))
    inventory = Inventory(
        store=world.store,
        memory=world.memory,
        parties=ours,
        published_status=world.flows.availability.published_status,
        on_placed=world.flows.sealing.on_placed,
    )
    for name, item in _each(items, "stations", "station_id"):
        with _naming(name):
            station = _parse_station(item, world)
            if world.memory.find_station(station.id) is not None:
                raise WireError("$.station_id", "stands there twice")
            await world.store.commit([SaveStation(station)])
    for name, item in _each(items, "tariffs", "id"):
        with _naming(name):
            tariff = parse_tariff(item, tariff_id=str(item.get("id")), parties=ours, now=now)
            await inventory.put_tariff(tariff)
    for name, item in _each(items, "locations", "id"):
        with _naming(name):
            location = parse_location(item, location_id=str(item.get("id")), parties=ours, now=now)
            await inventory.put_location(location)
    for name, item in _each(items, "emsp_tokens", "uid"):
        with _naming(name):
            await world.store.commit([SaveToken(_parse_token(item))])
    local_tokens = LocalTokens(store=world.store)
    for name, item in _each(items, "tokens", "uid"):
        with _naming(name):
            await local_tokens.put(parse_local_token(item, uid=str(item.get("uid")), now=now))


def _each(items: Items, kind: str, key: str) -> Sequence[tuple[str, dict[str, Any]]]:
    return [
        (f"{kind}[{no}] {item.get(key, '')} of the inventory".replace("  ", " "), item)
        for no, item in enumerate(items[kind])
    ]


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """What is wrong with an object is told with its name."""
    try:
        yield
    except GatewayError as error:
        raise SettingsError(f"{name}: {error}") from None


def _parse_station(item: dict[str, Any], world: World) -> Station:
    station_id, version = item.get("station_id"), item.get("ocpp_version")
    if not isinstance(station_id, str) or not station_id:
        raise WireError("$.station_id", "is missing")
    spoken = [one.name for one in VERSIONS]
    if version is not None and version not in spoken:
        raise WireError("$.ocpp_version", f"{version!r} is not one of {', '.join(spoken)}")
    try:
        admission = Admission(item.get("admission", Admission.ACCEPTED))
    except ValueError:
        raise WireError("$.admission", f"is not one of {', '.join(Admission)}") from None
    return Station(id=station_id, admission=admission, ocpp_version=version, created_at=world.clock.at)


def _parse_token(item: dict[str, Any]) -> Token:
    """In the newest version, which reads the older ones' but the oldest's; the body says whose it is."""
    partner_id = item.get("partner_id")
    if not isinstance(partner_id, str) or not partner_id:
        raise WireError("$.partner_id", "is missing: whose token is it?")
    newest = next(reversed(OCPI_VERSIONS.values()))
    key = token_key(str(item.get("country_code", "")), str(item.get("party_id", "")), str(item.get("uid", "")))
    return newest.parse_token({name: value for name, value in item.items() if name != "partner_id"}, key, partner_id)


def _parties_in(items: Items) -> list[PartyId]:
    """Whoever a location or a tariff belongs to is one of ours."""
    return [
        party_id_of(item["country_code"], item["party_id"])
        for item in (*items["locations"], *items["tariffs"])
        if isinstance(item.get("country_code"), str) and isinstance(item.get("party_id"), str)
    ]
