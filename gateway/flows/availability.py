"""What eMSPs are told of each EVSE: follows the stations' words, their connections, and the operator."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import structlog

from gateway.core.status import StatusRules, evse_status
from gateway.core.topology import topology_key
from gateway.domain.events import StatusReported
from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.locations import Evse, EvseStatus, Location
from gateway.domain.stations import ConnectorStatus
from gateway.flows.agenda import Agenda
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.ports import Change, Clock, SaveConnectorStatus, SaveEvseStatus, Store

log = structlog.get_logger(__name__)


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
        """At start nobody is connected yet: every station gets the long grace time to find its way back."""
        due = self._clock.now() + self._restart_grace
        for key in self._memory.stations:
            if key not in self._connected:
                self.agenda.put(key, due)

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

    def on_due(self, now: datetime) -> None:
        """The grace time of stations has passed."""
        for key in list(self.agenda.take_due(now)):
            self._lost.add(key)
            self._mailboxes.post(key, lambda key=key: self.refresh(key))  # type: ignore[misc]

    def on_spoken(self, station_id: str) -> bool:
        """The station spoke of itself (boot, status): its word counts again.  True if it did not before."""
        key = station_key(station_id)
        if key not in self._lost:
            return False
        self._lost.discard(key)
        return True

    async def refresh(self, station_id: str) -> None:
        """Bring the published status of the station's EVSEs up to date."""
        changes = list(self._changes_for(self._memory.evses_of_station(station_id), self._memory.statuses))
        if changes:
            await self._store.commit(changes)
            log.info("evse status changed", station_id=station_id, statuses=[change.status for change in changes])

    def published_status(
        self, evse: Evse, statuses: Mapping[ConnectorKey, ConnectorStatus] | None = None
    ) -> EvseStatus:
        """What to publish of an EVSE now, or as if the plugs' states were `statuses`."""
        return evse_status(
            evse,
            self._memory.statuses if statuses is None else statuses,
            rules=self._rules,
            is_known=lambda station_id: station_key(station_id) not in self._lost,
            has_session=self._memory.has_open_session,
        )

    def changes_on_status(self, event: StatusReported) -> list[Change]:
        """What a StatusNotification changes: the plug's state, and of what is published.  Nothing if it says nothing
        new."""
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
        was_lost = self.on_spoken(event.receipt.station_id)
        if known is not None and _is_same(known, status) and not was_lost:
            return []
        if known is not None and status.at < known.at and status.received_at - status.at > timedelta(minutes=1):
            return []  # an old state out of the station's queue says nothing of the present
        key = topology_key(status.key.station_id, status.key.evse_no, status.key.connector_no)
        statuses = {**self._relevant(station_key(status.key.station_id)), key: status}
        evses = self._memory.evses_of_station(status.key.station_id)
        return [SaveConnectorStatus(status), *self._changes_for(evses, statuses)]

    def _relevant(self, station: str) -> dict[ConnectorKey, ConnectorStatus]:
        found = {}
        for _, evse in self._memory.evses_of_station(station):
            for connector in evse.connectors:
                if connector.key is None:
                    continue
                for evse_no, connector_no in _levels(connector.key):
                    key = topology_key(connector.key.station_id, evse_no, connector_no)
                    status = self._memory.statuses.get(key)
                    if status is not None:
                        found[key] = status
        return found

    def _changes_for(
        self, evses: Iterable[tuple[Location, Evse]], statuses: Mapping[ConnectorKey, ConnectorStatus]
    ) -> Iterator[SaveEvseStatus]:
        for location, evse in evses:
            status = self.published_status(evse, statuses)
            if status is not evse.status:
                yield SaveEvseStatus(location.id, evse.uid, status)


def _levels(key: ConnectorKey) -> tuple[tuple[int, int], ...]:
    return (0, 0), (key.evse_no, 0), (key.evse_no, key.connector_no)


def _is_same(known: ConnectorStatus, status: ConnectorStatus) -> bool:
    return (known.state, known.occupied_by, known.error_code, known.info, known.vendor_error) == (
        status.state,
        status.occupied_by,
        status.error_code,
        status.info,
        status.vendor_error,
    )
