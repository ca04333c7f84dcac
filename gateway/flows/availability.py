"""What eMSPs are told of each EVSE: follows the stations' words, their connections, and the operator."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import structlog

from gateway.core.status import StatusRules, evse_status
from gateway.core.topology import siblings_of, topology_key
from gateway.domain.events import StatusReported
from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.locations import Evse, EvseStatus, Location
from gateway.domain.stations import ConnectorStatus
from gateway.errors import StoreDownError
from gateway.flows.agenda import Agenda
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.ports import Change, Clock, SaveConnectorStatus, SaveEvseStatus, Store

log = structlog.get_logger(__name__)

QUEUED = timedelta(minutes=1)
"""A state so much older than its receipt comes out of the station's queue."""
RETRY = timedelta(seconds=5)


class Availability:
    """Keeps the published status of EVSEs.  A station that was away longer than the grace time is UNKNOWN until it
    speaks of its plugs again (or boots): being connected says nothing of them."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        clock: Clock,
        mailboxes: Mailboxes,
        rules: StatusRules,
        *,
        offline_grace_s: float,
        restart_grace_s: float,
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._mailboxes = mailboxes
        self._rules = rules
        self._offline_grace = timedelta(seconds=offline_grace_s)
        self._restart_grace = timedelta(seconds=restart_grace_s)
        self._connected: set[str] = set()
        self._lost: set[str] = set()
        self.agenda = Agenda()

    def begin(self) -> None:
        """At start nobody is connected yet: every station gets the long grace time to find its way back.

        One that was given up before the restart is published as UNKNOWN though its last words say more: it stays so.
        """
        due = self._clock.now() + self._restart_grace
        for key in self._memory.stations:
            if key not in self._connected:
                self.agenda.put(key, due)
        for location in self._memory.locations.values():
            for evse in location.evses:
                if (
                    evse.status is EvseStatus.UNKNOWN
                    and self.published_status(location, evse) is not EvseStatus.UNKNOWN
                ):
                    self._lost.update(station_key(plug.key.station_id) for plug in evse.connectors if plug.key)

    def on_connected(self, station_id: str) -> None:
        key = station_key(station_id)
        self._connected.add(key)
        self.agenda.drop(key)

    def on_disconnected(self, station_id: str) -> None:
        key = station_key(station_id)
        self._connected.discard(key)
        self.agenda.put(key, self._clock.now() + self._offline_grace)

    def is_connected(self, station_id: str) -> bool:
        return station_key(station_id) in self._connected

    def is_gone(self, station_id: str) -> bool:
        """Has the station been away for longer than the grace time?"""
        key = station_key(station_id)
        return key not in self._connected and key not in self.agenda

    def on_due(self, now: datetime) -> None:
        """The grace time of stations has passed."""
        for key in list(self.agenda.take_due(now)):
            self._lost.add(key)
            self._mailboxes.post(key, lambda key=key: self._refresh_or_retry(key))  # type: ignore[misc]

    async def on_booted(self, station_id: str) -> None:
        """The station spoke of itself: its word counts again."""
        key = station_key(station_id)
        if key in self._lost:
            await self._publish(key, self._changes_for(key, self._memory.statuses, spoken=key))
            self._lost.discard(key)

    def on_status_saved(self, station_id: str) -> None:
        """What `changes_on_status` gave is stored: the station's word counts again."""
        self._lost.discard(station_key(station_id))

    async def refresh(self, station_id: str) -> None:
        """Bring the published status of the station's EVSEs up to date."""
        await self._publish(station_id, self._changes_for(station_id, self._memory.statuses))

    def published_status(self, location: Location, evse: Evse) -> EvseStatus:
        """What to publish of an EVSE of a location now."""
        return self._published_status(location, evse, self._memory.statuses, None)

    def changes_on_status(self, event: StatusReported) -> list[Change]:
        """What a StatusNotification changes: the plug's state, and of what is published.  Nothing if it says nothing
        new.  Once they are stored, call `on_status_saved`."""
        status = ConnectorStatus(
            key=ConnectorKey(
                station_id=event.receipt.station_id, evse_no=event.evse_no, connector_no=event.connector_no
            ),
            state=event.state,
            at=event.at,
            received_at=event.receipt.received_at,
            occupied_by=event.occupied_by,
            error_code=event.error_code,
            info=event.info,
            vendor_error=event.vendor_error,
        )
        known = self._memory.find_status(status.key)
        station = station_key(status.key.station_id)
        if known is not None and _is_same(known, status) and station not in self._lost:
            return []
        if known is not None and status.at < known.at and status.received_at - status.at > QUEUED:
            return []  # an old state out of the station's queue says nothing of the present
        key = topology_key(station, status.key.evse_no, status.key.connector_no)
        statuses = ChainMap({key: status}, self._memory.statuses)
        return [SaveConnectorStatus(status), *self._changes_for(station, statuses, spoken=station)]

    async def _refresh_or_retry(self, station: str) -> None:
        try:
            await self.refresh(station)
        except StoreDownError as error:
            log.error("evse status not changed yet", station_id=station, reason=str(error))
            if station not in self._connected:
                self.agenda.put(station, self._clock.now() + RETRY)

    async def _publish(self, station_id: str, changes: Iterable[SaveEvseStatus]) -> None:
        saved = list(changes)
        if saved:
            await self._store.commit(saved)
            log.info("evse status changed", station_id=station_id, statuses=[change.status for change in saved])

    def _changes_for(
        self, station_id: str, statuses: Mapping[ConnectorKey, ConnectorStatus], spoken: str | None = None
    ) -> Iterator[SaveEvseStatus]:
        """What is published of the station's EVSEs and should not be; the word of `spoken` counts in any case."""
        for location, evse in self._find_concerned(station_id):
            status = self._published_status(location, evse, statuses, spoken)
            if status is not evse.status:
                yield SaveEvseStatus(location.id, evse.uid, status)

    def _find_concerned(self, station_id: str) -> Iterable[tuple[Location, Evse]]:
        """The station's EVSEs, and those of other stations that are the same EVSE in truth."""
        own = self._memory.evses_of_station(station_id)
        if all(evse.physical_evse is None for _, evse in own):
            return own
        concerned = {(location.id, evse.uid): (location, evse) for location, evse in own}
        for location, evse in own:
            for sibling in siblings_of(location, evse):
                concerned.setdefault((location.id, sibling.uid), (location, sibling))
        return concerned.values()

    def _published_status(
        self, location: Location, evse: Evse, statuses: Mapping[ConnectorKey, ConnectorStatus], spoken: str | None
    ) -> EvseStatus:
        return evse_status(
            evse,
            statuses,
            rules=self._rules,
            is_known=lambda station: station == spoken or station not in self._lost,
            has_session=self._memory.has_open_session,
            siblings=siblings_of(location, evse),
            has_reservation=self._memory.has_reservation,
        )


def _is_same(known: ConnectorStatus, status: ConnectorStatus) -> bool:
    return (known.state, known.occupied_by, known.error_code, known.info, known.vendor_error) == (
        status.state,
        status.occupied_by,
        status.error_code,
        status.info,
        status.vendor_error,
    )
