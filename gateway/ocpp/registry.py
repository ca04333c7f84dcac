"""The stations that are connected to this process."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.domain.calls import CallOutcomeKind, CallReply, StationCall
from gateway.domain.ids import station_key
from gateway.errors import CannotSayError
from gateway.ocpp.calls import OFFLINE
from gateway.ocpp.closing import GOING_AWAY
from gateway.ocpp.link import Link
from gateway.ocpp.replies import read_reply
from gateway.ops.failpoints import failpoint
from gateway.ports import CallOutcome, ConnectionInfo


class Registry:
    """Who is connected, by identity without regard to case.  Implements ports.Stations."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._epoch = 0

    def next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch

    def register(self, link: Link) -> None:
        """The newest authenticated connection wins; the one before is closed and its calls fail."""
        key = station_key(link.station_id)
        old = self._links.get(key)
        self._links[key] = link
        if old is not None:
            old.close_soon(GOING_AWAY, "replaced by a newer connection of the same station")

    def unregister(self, link: Link) -> bool:
        """Forget a connection; False if a newer one has taken its place already."""
        key = station_key(link.station_id)
        current = self._links.get(key)
        if current is None or current.epoch != link.epoch:
            return False
        del self._links[key]
        return True

    def links(self) -> Iterable[Link]:
        return self._links.values()

    async def call(self, station_id: str, action: str, payload: dict[str, Any], *, timeout_s: float) -> CallOutcome:
        """Call a station; never raises for what the station does or leaves undone."""
        link = self._links.get(station_key(station_id))
        if link is None:
            return OFFLINE
        return await link.call(action, payload, timeout_s=timeout_s)

    async def send(self, station_id: str, call: StationCall, *, timeout_s: float) -> CallReply:
        """Say to a station what is wanted of it, in its version."""
        link = self._links.get(station_key(station_id))
        if link is None:
            return CallReply(outcome=CallOutcomeKind.OFFLINE, reason=OFFLINE.error_description)
        try:
            action, payload = link.version.render_call(call)
        except CannotSayError as error:
            return CallReply(outcome=CallOutcomeKind.UNSAYABLE, reason=str(error))
        placed = asyncio.ensure_future(link.call(action, payload, timeout_s=timeout_s))
        await asyncio.sleep(0)
        failpoint("command-sent")
        return read_reply(await placed, link.version.readers.get(type(call)))

    def find_connection(self, station_id: str) -> ConnectionInfo | None:
        link = self._links.get(station_key(station_id))
        return None if link is None else link.info()

    def list_connections(self) -> Sequence[ConnectionInfo]:
        return [link.info() for link in self._links.values()]

    async def disconnect(self, station_id: str, reason: str) -> None:
        """Close the station's connection, if any."""
        link = self._links.get(station_key(station_id))
        if link is not None:
            await link.close(GOING_AWAY, reason)
