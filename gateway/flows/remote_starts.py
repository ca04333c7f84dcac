"""The starts that partners ordered, in memory: which transaction follows which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.core.remote_starts import authorization_of_order, find_start_of_card, find_start_of_transaction
from gateway.domain.events import TransactionReported
from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.sessions import Session
from gateway.domain.tokens import Authorization
from gateway.flows.expected import Expected
from gateway.flows.inquiries import Shown
from gateway.ports import Change, Clock, SaveRemoteStart, Store


class RemoteStarts:
    """Follows what the store publishes: wire `on_changes` to that.  Implements flows.expected.Expectations."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: dict[str, dict[str, RemoteStart]] = {}

    async def load(self, store: Store) -> None:
        for start in await store.load_remote_starts():
            self._put(start)

    def on_changes(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, SaveRemoteStart):
                self._put(change.start)

    def find_transaction(
        self, event: TransactionReported, key: ConnectorKey, session: Session | None
    ) -> Expected | None:
        """By the id of the order, or by plug, time and what the station was told the driver is.

        A session that has its driver takes an order only where the station says so.
        """
        if session is not None and session.id_token is not None and event.remote_start_id is None:
            return None
        found = find_start_of_transaction(
            self._of(event.receipt.station_id),
            key,
            event.id_token,
            event.remote_start_id,
            (event.at, event.receipt.received_at),
        )
        if found is None or found.used_by not in (None, None if session is None else session.id):
            return None
        return Expected(
            session_id=found.session_id,
            authorization=authorization_of_order(found),
            changes_on_use=lambda session_id: [SaveRemoteStart(replace(found, used_by=session_id))],
        )

    def find(self, start: RemoteStart) -> RemoteStart:
        """The order as it is by now."""
        return self._starts.get(station_key(start.key.station_id), {}).get(start.id, start)

    def find_of_session(self, station_id: str, session_id: str) -> RemoteStart | None:
        """The order that a session awaits the transaction of."""
        return next((start for start in self._of(station_id) if start.session_id == session_id), None)

    def find_card(self, shown: Shown) -> Authorization | None:
        starts = self._of(shown.key.station_id)
        found = find_start_of_card(starts, shown.key.evse_no, shown.id_token, shown.received_at)
        return None if found is None else authorization_of_order(found)

    def _of(self, station_id: str) -> Sequence[RemoteStart]:
        return list(self._starts.get(station_key(station_id), {}).values())

    def _put(self, start: RemoteStart) -> None:
        """Keep it, and forget those of the station that are not to be kept any longer."""
        now, key = self._clock.now(), station_key(start.key.station_id)
        kept = {known.id: known for known in self._of(key) if known.kept_until >= now}
        self._starts[key] = kept | {start.id: start}
