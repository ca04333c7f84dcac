"""The operator's sites and prices: what is put here is what partners see.

Nothing a partner has seen is ever forgotten: an EVSE left out becomes REMOVED and keeps its uid, a deleted location
keeps its id (OCPI 2.3.0 mod_locations 8.2.2.3).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import structlog

from gateway.core.pricing import find_pricing_obstacle
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.domain.tariffs import Tariff
from gateway.errors import ConflictError, NotFoundError, WireError
from gateway.flows.location_rules import (
    check_ids,
    check_spelling,
    check_time_zone,
    find_clash,
    fold_evse_id,
    fold_key,
    is_present,
    keep_removed,
    present_connectors,
    remove_evse,
    render_plug,
    tariff_ids_of,
)
from gateway.flows.memory import Memory
from gateway.ports import DeleteTariff, SaveEvseStatus, SaveLocation, SaveTariff, Store

log = structlog.get_logger(__name__)


class Inventory:
    """Locations and tariffs.

    `published_status` tells what to publish of an EVSE; `on_placed` is called after each change of a location or of a
    tariff it uses, so that sessions held for want of a place or a price are looked at again.
    """

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        parties: Sequence[PartyId],
        published_status: Callable[[Location, Evse], EvseStatus],
        on_placed: Callable[[Location], None],
    ) -> None:
        self._store = store
        self._memory = memory
        self._parties = tuple(parties)
        self._published_status = published_status
        self._on_placed = on_placed
        self._lock = asyncio.Lock()

    @property
    def parties(self) -> Sequence[PartyId]:
        return self._parties

    # --- locations

    def list_locations(self) -> Sequence[Location]:
        return sorted(
            (location for location in self._memory.locations.values() if not location.deleted),
            key=lambda location: (location.created_no, location.id),
        )

    def load_location(self, location_id: str) -> Location:
        location = self._memory.locations.get(location_id)
        if location is None or location.deleted:
            raise NotFoundError(f"there is no location {location_id!r}")
        return location

    async def put_location(self, given: Location) -> tuple[Location, bool]:
        """Create or replace a location; True if it is new.

        Raises WireError (what was given is wrong in itself) and ConflictError (it contradicts what there is).
        """
        async with self._lock:
            known = self._memory.locations.get(given.id)
            self._check_party(given.party)
            check_time_zone(given.time_zone)
            self._check_id(given, known)
            location = self._respell_stations(given)
            check_ids(location)
            self._check_uids_elsewhere(location)
            self._check_plugs(location)
            self._check_tariffs(location)
            if known is not None:
                for evse in location.evses:
                    check_spelling("EVSE", evse.uid, [other.uid for other in known.evses])
                self._check_swaps(known, location)
                location = keep_removed(known, location)
            stored = await self._commit_location(location)
        log.info("location put", location_id=stored.id, evses=len(stored.evses), is_new=known is None)
        self._on_placed(stored)
        return stored, known is None

    async def delete_location(self, location_id: str) -> None:
        """Remove all EVSEs of a location; its id is never free again."""
        async with self._lock:
            location = self.load_location(location_id)
            gone = replace(location, evses=tuple(remove_evse(evse) for evse in location.evses), deleted=True)
            await self._commit_location(gone)
        log.info("location deleted", location_id=location_id)

    async def _commit_location(self, location: Location) -> Location:
        evses = tuple(replace(evse, status=self._published_status(location, evse)) for evse in location.evses)
        known = self._memory.locations.get(location.id)
        was_published = location.publish or (known is not None and (known.publish or known.was_published))
        changes = await self._store.commit([SaveLocation(replace(location, evses=evses, was_published=was_published))])
        stored = next(change.location for change in changes if isinstance(change, SaveLocation))
        # What a station said while this commit was under way was overwritten by it.
        statuses = {evse.uid: self._published_status(stored, evse) for evse in stored.evses}
        late = [
            SaveEvseStatus(stored.id, evse.uid, statuses[evse.uid])
            for evse in stored.evses
            if evse.status is not statuses[evse.uid]
        ]
        if not late:
            return stored
        await self._store.commit(late)
        return self._memory.locations[stored.id]

    # --- tariffs

    def list_tariffs(self) -> Sequence[Tariff]:
        return sorted(self._memory.tariffs.values(), key=lambda tariff: tariff.id)

    def load_tariff(self, tariff_id: str) -> Tariff:
        tariff = self._memory.tariffs.get(tariff_id)
        if tariff is None:
            raise NotFoundError(f"there is no tariff {tariff_id!r}")
        return tariff

    async def put_tariff(self, given: Tariff) -> tuple[Tariff, bool]:
        """Create or replace a tariff; True if it is new.  Sessions under way keep their copy of the old one.

        The same again changes nothing, so that partners need not read it anew.
        """
        async with self._lock:
            known = self._memory.tariffs.get(given.id)
            self._check_party(given.party)
            if known is None:
                check_spelling("tariff", given.id, self._memory.tariffs)
            elif known.party != given.party:
                raise ConflictError(f"tariff {given.id!r} belongs to {known.party}; give one of {given.party} a new id")
            users = [location for location in self._locations() if given.id in tariff_ids_of(location)]
            self._check_clashes(users, given)
            if known is not None and replace(given, last_updated=known.last_updated) == known:
                return known, False
            changes = await self._store.commit([SaveTariff(given)])
            stored = next(change.tariff for change in changes if isinstance(change, SaveTariff))
        log.info("tariff put", tariff_id=stored.id, is_new=known is None)
        obstacle = find_pricing_obstacle(stored)
        if obstacle is not None:
            log.warning("sessions under this tariff will be held", tariff_id=stored.id, reason=obstacle)
        for location in users:
            self._on_placed(location)
        return stored, known is None

    async def delete_tariff(self, tariff_id: str) -> None:
        """Delete a tariff that no connector names and no open session is billed by."""
        async with self._lock:
            self.load_tariff(tariff_id)
            user = self._find_user(tariff_id)
            if user is not None:
                raise ConflictError(f"tariff {tariff_id!r} is in use by {user}; take it away there first")
            await self._store.commit([DeleteTariff(tariff_id)])
        log.info("tariff deleted", tariff_id=tariff_id)

    def _find_user(self, tariff_id: str) -> str | None:
        for location in self._locations():
            for evse, connector in present_connectors(location):
                if tariff_id in connector.tariff_ids:
                    return f"connector {connector.id!r} of EVSE {evse.uid!r} at location {location.id!r}"
        for session in self._memory.sessions.values():
            if session.is_open and session.terms.tariff is not None and session.terms.tariff.id == tariff_id:
                return f"the open session {session.id!r} at station {session.key.station_id!r}"
        return None

    def _check_clashes(self, users: Sequence[Location], given: Tariff) -> None:
        tariffs = {**self._memory.tariffs, given.id: given}
        for location in users:
            for evse, connector in present_connectors(location):
                clash = find_clash([tariffs[name] for name in connector.tariff_ids if name in tariffs])
                if clash is not None and given.id in clash:
                    raise ConflictError(
                        f"tariffs {clash[0]!r} and {clash[1]!r} at connector {connector.id!r} of EVSE {evse.uid!r} "
                        "would hold at the same time; give them different types or periods"
                    )

    # --- rules of a location

    def _locations(self) -> Iterator[Location]:
        return (location for location in self._memory.locations.values() if not location.deleted)

    def _check_party(self, party: PartyId) -> None:
        if party not in self._parties:
            ours = ", ".join(map(str, self._parties)) or "none is configured"
            raise WireError(
                "$.party_id", f"{party} is not one of our parties ({ours}: [[ocpi.parties]] in the settings)"
            )

    def _check_id(self, given: Location, known: Location | None) -> None:
        if known is None:
            check_spelling("location", given.id, self._memory.locations)
        elif known.deleted:
            raise ConflictError(f"location {given.id!r} was deleted, and its id is never free again; take a new id")
        elif known.party != given.party:
            raise ConflictError(f"location {given.id!r} belongs to {known.party}; give one of {given.party} a new id")

    def _respell_stations(self, location: Location) -> Location:
        """A station is named as it first named itself, whatever the case of the letters here."""

        def respell(connector: Connector) -> Connector:
            station = self._memory.find_station(connector.key.station_id) if connector.key else None
            if connector.key is None or station is None:
                return connector
            return replace(connector, key=replace(connector.key, station_id=station.id))

        evses = (
            replace(evse, connectors=tuple(respell(connector) for connector in evse.connectors))
            for evse in location.evses
        )
        return replace(location, evses=tuple(evses))

    def _check_uids_elsewhere(self, location: Location) -> None:
        """A uid is never reused, not even that of a removed EVSE; a printed evse_id is, once its EVSE is removed."""
        uids = {evse.uid.casefold(): evse.uid for evse in location.evses}
        printed = {
            fold_evse_id(evse.evse_id): evse.evse_id for evse in location.evses if is_present(evse) and evse.evse_id
        }
        if len(printed) < sum(evse.evse_id is not None and is_present(evse) for evse in location.evses):
            raise WireError("$.evses", "two EVSEs have the same evse_id")
        for other in self._memory.locations.values():
            if other.id == location.id:
                continue
            for evse in other.evses:
                if evse.uid.casefold() in uids:
                    state = "was" if other.deleted or not is_present(evse) else "is"
                    raise ConflictError(
                        f"EVSE uid {evse.uid!r} {state} in use at location {other.id!r}, and a uid is never used "
                        "again; take a new one"
                    )
                if evse.evse_id and is_present(evse) and fold_evse_id(evse.evse_id) in printed:
                    raise ConflictError(f"evse_id {evse.evse_id!r} is in use at EVSE {evse.uid!r} of {other.id!r}")

    def _check_plugs(self, location: Location) -> None:
        taken: dict[ConnectorKey, str] = {}
        for evse, connector in present_connectors(location):
            if connector.key is None:
                continue
            key = fold_key(connector.key)
            here = f"connector {connector.id!r} of EVSE {evse.uid!r}"
            place = self._memory.find_place(connector.key)
            elsewhere = place is not None and place.location.id != location.id
            if place is not None and elsewhere:
                other = f"connector {place.connector.id!r} of EVSE {place.evse.uid!r} at location {place.location.id!r}"
                raise ConflictError(f"{render_plug(connector.key)} is already {other}; it cannot be {here} too")
            if key in taken:
                raise ConflictError(f"{render_plug(connector.key)} is already {taken[key]}; it cannot be {here} too")
            taken[key] = here

    def _check_tariffs(self, location: Location) -> None:
        for no, evse in enumerate(location.evses):
            for at, connector in enumerate(evse.connectors if is_present(evse) else ()):
                path = f"$.evses[{no}].connectors[{at}].tariff_ids"
                tariffs = [self._find_tariff(name, location, path) for name in connector.tariff_ids]
                clash = find_clash(tariffs)
                if clash is not None:
                    problem = "hold at the same time; give them different types or periods"
                    raise WireError(path, f"{clash[0]!r} and {clash[1]!r} {problem}")

    def _find_tariff(self, name: str, location: Location, path: str) -> Tariff:
        tariff = self._memory.tariffs.get(name)
        if tariff is None:
            raise WireError(path, f"there is no tariff {name!r}; put it first (PUT tariffs/{name})")
        if tariff.party != location.party:
            raise WireError(path, f"tariff {name!r} belongs to {tariff.party}, the location to {location.party}")
        return tariff

    def _check_swaps(self, known: Location, location: Location) -> None:
        """Another station may stand in for a broken one, but not in the middle of a session."""
        new = {(evse.uid, connector.id): connector.key for evse, connector in present_connectors(location)}
        for evse, connector in present_connectors(known):
            key = new.get((evse.uid, connector.id), connector.key)
            if connector.key is None or (key is not None and fold_key(key) == fold_key(connector.key)):
                continue
            if self._memory.has_open_session(connector.key):
                raise ConflictError(
                    f"a session is open at {render_plug(connector.key)}, so connector {connector.id!r} of EVSE "
                    f"{evse.uid!r} cannot get another plug; stop the session first"
                )
