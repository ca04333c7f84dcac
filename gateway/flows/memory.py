"""What every message needs, in memory: a cache of the store that only the store's writer changes.

`apply` is the store's subscriber: it gets the stamped changes of each batch after their commit.  Nobody else writes
here (but `put_session`, for a session that was read anew).
Stations and plugs are found without regard to the case of the identity (`station_key`, `topology_key`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.core.topology import places_of, topology_key
from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.locations import Evse, Location, Place
from gateway.domain.partners import Partner
from gateway.domain.profiles import SessionProfile
from gateway.domain.reservations import Reservation, ReservationState
from gateway.domain.sessions import Session, SessionStatus
from gateway.domain.stations import Admission, ConnectorStatus, Station
from gateway.domain.tariffs import Tariff
from gateway.ports import (
    Change,
    DeleteStation,
    DeleteTariff,
    DropProfile,
    SaveConnectorStatus,
    SaveEvseStatus,
    SaveLocation,
    SavePartner,
    SaveProfile,
    SaveReservation,
    SaveSession,
    SaveStation,
    SaveTariff,
    Store,
)

_INVALID = SessionStatus.INVALID  # see domain.sessions


class _PlaceIds(NamedTuple):
    location_id: str
    evse_uid: str
    connector_id: str


class Memory:
    """Stations, their plugs' states, locations, tariffs, partners, every session that has no CDR yet, what is reserved,
    and what partners have set on sessions.

    `quarantined` holds the keys of the stations that wait for the operator; `on_due` is told of each session that gets
    a time to be sealed, and at start of each that is held.
    """

    def __init__(self) -> None:
        self.stations: dict[str, Station] = {}
        self.statuses: dict[ConnectorKey, ConnectorStatus] = {}
        self.locations: dict[str, Location] = {}
        self.tariffs: dict[str, Tariff] = {}
        self.partners: dict[str, Partner] = {}
        self.sessions: dict[str, Session] = {}
        self.reservations: dict[str, Reservation] = {}
        self.profiles: dict[str, SessionProfile] = {}
        self.places: dict[ConnectorKey, _PlaceIds] = {}
        self.on_due: Callable[[Session], None] = _ignore
        self.quarantined: set[str] = set()
        self._plugs: dict[str, tuple[ConnectorKey, ...]] = {}
        self._by_transaction: dict[tuple[str, str], str] = {}
        self._by_start: dict[str, str] = {}
        self._by_plug: dict[ConnectorKey, list[str]] = {}
        self._by_station: dict[str, dict[str, None]] = {}
        self._awaited: dict[str, dict[str, None]] = {}
        self._reserved: dict[str, tuple[str, ...]] = {}
        self._appliers: dict[type, Callable[..., None]] = {
            SaveConnectorStatus: lambda change: self._put_status(change.status),
            SaveStation: lambda change: self._put_station(change.station),
            DeleteStation: lambda change: self._drop_station(change.station_id),
            SaveLocation: lambda change: self.put_location(change.location),
            SaveEvseStatus: self._put_evse_status,
            SaveTariff: lambda change: self._put_tariff(change.tariff),
            DeleteTariff: lambda change: self._drop_tariff(change.tariff_id),
            SavePartner: lambda change: self._put_partner(change.partner),
            SaveReservation: lambda change: self.put_reservation(change.reservation),
            SaveProfile: lambda change: self._put_profile(change.profile),
            DropProfile: lambda change: self._drop_profile(change.session_id),
        }

    async def load(self, store: Store) -> None:
        """Fill from the store, at start."""
        for station in await store.load_stations():
            self._put_station(station)
        for status in await store.load_connector_statuses():
            self._put_status(status)
        for location in await store.load_locations():
            self.put_location(location)
        for tariff in await store.load_tariffs():
            self._put_tariff(tariff)
        for partner in await store.load_partners():
            self._put_partner(partner)
        for session in _share_tariffs(await store.load_unsealed_sessions()):
            self.put_session(session)
        for reservation in await store.load_live_reservations():
            self.put_reservation(reservation)
        for profile in await store.load_profiles():
            self._put_profile(profile)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take over what a commit made true."""
        for change in changes:
            if type(change) is SaveSession:
                self.put_session(change.session)
            elif type(change) in self._appliers:
                self._appliers[type(change)](change)

    # --- finding ---------------------------------------------------------------------------------------------

    def find_station(self, station_id: str) -> Station | None:
        return self.stations.get(station_key(station_id))

    def find_place(self, key: ConnectorKey) -> Place | None:
        """Where a plug stands, as of now."""
        ids = self.places.get(topology_key(key.station_id, key.evse_no, key.connector_no))
        if ids is None:
            return None
        location = self.locations[ids.location_id]
        evse = next(evse for evse in location.evses if evse.uid == ids.evse_uid)
        connector = next(connector for connector in evse.connectors if connector.id == ids.connector_id)
        return Place(location=location, evse=evse, connector=connector)

    def find_status(self, key: ConnectorKey) -> ConnectorStatus | None:
        return self.statuses.get(topology_key(key.station_id, key.evse_no, key.connector_no))

    def statuses_of(self, station_id: str) -> list[ConnectorStatus]:
        """The last words of a station about its plugs, its EVSEs and itself."""
        found = map(self.statuses.get, self._plugs.get(station_key(station_id), ()))
        return [status for status in found if status is not None]

    def find_transaction(self, station_id: str, transaction_id: str) -> Session | None:
        session_id = self._by_transaction.get((station_key(station_id), transaction_id))
        return None if session_id is None else self.sessions.get(session_id)

    def find_start(self, start_key: str) -> Session | None:
        session_id = self._by_start.get(start_key)
        return None if session_id is None else self.sessions.get(session_id)

    def sessions_at(self, key: ConnectorKey) -> list[Session]:
        """Unsealed sessions at a plug, in the order in which they began, not that in which they were told."""
        ids = self._by_plug.get(topology_key(key.station_id, key.evse_no, key.connector_no), ())
        return _in_time([self.sessions[session_id] for session_id in ids])

    def sessions_at_evse(self, station_id: str, evse_no: int) -> list[Session]:
        """Unsealed sessions at any plug of an EVSE, which serves one car at a time; in the order they began."""
        return _in_time(
            [session for session in self.unsealed_sessions_of(station_id) if session.key.evse_no == evse_no]
        )

    def unsealed_sessions_of(self, station_id: str) -> list[Session]:
        return [self.sessions[session_id] for session_id in self._by_station.get(station_key(station_id), ())]

    def awaited_sessions_of(self, station_id: str) -> list[Session]:
        """Sessions whose transaction has not come yet; no other list has them."""
        return [self.sessions[session_id] for session_id in self._awaited.get(station_key(station_id), ())]

    def open_sessions_of_station(self, station_id: str) -> list[Session]:
        return [session for session in self.unsealed_sessions_of(station_id) if session.ledger.ended_at is None]

    def has_open_session(self, key: ConnectorKey) -> bool:
        return any(session.ledger.ended_at is None for session in self.sessions_at(key))

    def reservations_of(self, station_id: str) -> list[Reservation]:
        """What a station keeps for drivers, or was asked to."""
        return [self.reservations[name] for name in self._reserved.get(station_key(station_id), ())]

    def has_reservation(self, key: ConnectorKey) -> bool:
        """Does the station keep this plug for a driver?"""
        return any(
            one.state is ReservationState.ACTIVE
            and one.key.evse_no == key.evse_no
            and one.key.connector_no in (0, key.connector_no)
            for one in self.reservations_of(key.station_id)
        )

    def connector_nos(self, station_id: str, evse_no: int) -> list[int]:
        """The plugs an EVSE is known to have, from the topology and from what the station told."""
        keys = self._plugs.get(station_key(station_id), ())
        return sorted(key.connector_no for key in keys if key.evse_no == evse_no and key.connector_no > 0)

    def evses_of_station(self, station_id: str) -> list[tuple[Location, Evse]]:
        """Every EVSE with a plug of this station, with its location."""
        places = map(self.places.get, self._plugs.get(station_key(station_id), ()))
        uids = dict.fromkeys((place.location_id, place.evse_uid) for place in places if place is not None)
        return [
            (location, evse)
            for location, uid in ((self.locations[location_id], uid) for location_id, uid in uids)
            for evse in location.evses
            if evse.uid == uid
        ]

    # --- taking over ------------------------------------------------------------------------------------------

    def put_session(self, session: Session) -> None:
        """Keep a session while it has no CDR and may yet get one."""
        known = self.sessions.get(session.id)
        if not _is_kept(session):
            if known is not None:
                self._drop_session(known)
            return
        self.sessions[session.id] = session
        if known is not None and known.is_awaited and not session.is_awaited:
            self._unindex_session(known)
            self._index_session(session)
        elif known is None or (known.key is not session.key and known.key != session.key):
            if known is not None and not known.is_awaited:
                self._unplug(known)
            self._index_session(session)
        due_at = session.seal_due_at
        if (due_at is not None and (known is None or known.seal_due_at != due_at)) or (known is None and session.hold):
            self.on_due(session)

    def put_reservation(self, reservation: Reservation) -> None:
        """Keep a reservation while it is live."""
        station = station_key(reservation.key.station_id)
        names = self._reserved.get(station, ())
        if reservation.is_live:
            self.reservations[reservation.id] = reservation
            if reservation.id not in names:
                self._reserved[station] = (*names, reservation.id)
            return
        self.reservations.pop(reservation.id, None)
        rest = tuple(name for name in names if name != reservation.id)
        if rest:
            self._reserved[station] = rest
        else:
            self._reserved.pop(station, None)

    def put_location(self, location: Location) -> None:
        known = self.locations.get(location.id)
        if known is not None:
            for key, _ in places_of(known):
                if key in self.places and self.places[key].location_id == location.id:
                    del self.places[key]
                    self._forget_plug(key)
        self.locations[location.id] = location
        for key, place in places_of(location):
            self.places[key] = _PlaceIds(location.id, place.evse.uid, place.connector.id)
            self._note_plug(key)

    def _put_evse_status(self, change: SaveEvseStatus) -> None:
        location = self.locations.get(change.location_id)
        if location is None or change.last_updated is None:
            return
        evses = tuple(
            replace(evse, status=change.status, last_updated=change.last_updated)
            if evse.uid == change.evse_uid
            else evse
            for evse in location.evses
        )
        self.locations[location.id] = replace(location, evses=evses, last_updated=change.last_updated)

    def _put_station(self, station: Station) -> None:
        key = station_key(station.id)
        self.stations[key] = station
        if station.admission is Admission.PENDING:
            self.quarantined.add(key)
        else:
            self.quarantined.discard(key)

    def _drop_station(self, station_id: str) -> None:
        station = station_key(station_id)
        self.stations.pop(station, None)
        self.quarantined.discard(station)
        for key in self._plugs.get(station, ()):
            if self.statuses.pop(key, None) is not None:
                self._forget_plug(key)

    def _put_status(self, status: ConnectorStatus) -> None:
        key = topology_key(status.key.station_id, status.key.evse_no, status.key.connector_no)
        self.statuses[key] = status
        self._note_plug(key)

    def _note_plug(self, key: ConnectorKey) -> None:
        known = self._plugs.get(key.station_id, ())
        if key not in known:
            self._plugs[key.station_id] = (*known, key)

    def _forget_plug(self, key: ConnectorKey) -> None:
        """A plug without place and state is known no more."""
        if key in self.places or key in self.statuses:
            return
        rest = tuple(known for known in self._plugs.get(key.station_id, ()) if known != key)
        if rest:
            self._plugs[key.station_id] = rest
        else:
            self._plugs.pop(key.station_id, None)

    def _put_tariff(self, tariff: Tariff) -> None:
        self.tariffs[tariff.id] = tariff

    def _drop_tariff(self, tariff_id: str) -> None:
        self.tariffs.pop(tariff_id, None)

    def _put_partner(self, partner: Partner) -> None:
        self.partners[partner.id] = partner

    def _put_profile(self, profile: SessionProfile) -> None:
        self.profiles[profile.session_id] = profile

    def _drop_profile(self, session_id: str) -> None:
        self.profiles.pop(session_id, None)

    def _index_session(self, session: Session) -> None:
        key = session.key
        station = station_key(key.station_id)
        if session.transaction_id is None:
            self._awaited.setdefault(station, {})[session.id] = None
            return
        self._by_transaction[station, session.transaction_id] = session.id
        self._by_station.setdefault(station, {})[session.id] = None
        self._by_start[session.start_key] = session.id
        self._by_plug.setdefault(topology_key(key.station_id, key.evse_no, key.connector_no), []).append(session.id)

    def _drop_session(self, session: Session) -> None:
        del self.sessions[session.id]
        self._unindex_session(session)

    def _unindex_session(self, session: Session) -> None:
        station = station_key(session.key.station_id)
        if session.transaction_id is None:
            _forget(self._awaited, station, session.id)
            return
        self._by_transaction.pop((station, session.transaction_id), None)
        self._by_start.pop(session.start_key, None)
        self._unplug(session)
        _forget(self._by_station, station, session.id)

    def _unplug(self, session: Session) -> None:
        key = topology_key(session.key.station_id, session.key.evse_no, session.key.connector_no)
        ids = self._by_plug.get(key, [])
        if session.id in ids:
            ids.remove(session.id)
        if not ids:
            self._by_plug.pop(key, None)


def _forget(index: dict[str, dict[str, None]], station: str, session_id: str) -> None:
    ids = index.get(station, {})
    ids.pop(session_id, None)
    if not ids:
        index.pop(station, None)


def _share_tariffs(sessions: Iterable[Session]) -> Iterator[Session]:
    """Sessions of which those with the same tariff have the very same one, as before a restart: it is looked up for
    every message, and what is the very same is found without being compared."""
    known: dict[Tariff, Tariff] = {}
    for session in sessions:
        tariff = session.terms.tariff
        if tariff is not None and known.setdefault(tariff, tariff) is not tariff:
            session = replace(session, terms=replace(session.terms, tariff=known[tariff]))
        yield session


def _in_time(sessions: list[Session]) -> list[Session]:
    return sorted(sessions, key=lambda session: session.ledger.started_at) if len(sessions) > 1 else sessions


def _is_kept(session: Session) -> bool:
    if session.sealed_cdr_id is not None or session.waiver is not None:
        return False
    return session.status is not _INVALID or session.ledger.ended_at is None


def _ignore(session: Session) -> None:
    """Nobody keeps an agenda yet."""
