"""A server for stations on a loopback socket, with stories that only remember what they were told."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.domain.events import (
    Admitted,
    AuthorizeAsked,
    BootAnswer,
    BootReported,
    ChargingNeedsReported,
    ChargingPlanReported,
    HandshakeAsked,
    MessageQuarantined,
    NoticeReported,
    Refused,
    ReservationEnded,
    StatusReported,
    TransactionAnswer,
    TransactionReported,
)
from gateway.domain.sessions import FactKind
from gateway.domain.stations import Admission, Deviation
from gateway.domain.tokens import Authorization, AuthStatus
from gateway.flows.mailbox import Mailboxes
from gateway.ocpp.server import OcppServer
from gateway.ocpp.settings import Settings
from gateway.ports import TraceEntry

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
ACCEPTED = Authorization(status=AuthStatus.ACCEPTED, reason="test")


class FixedClock:
    def now(self) -> datetime:
        return NOW


@dataclass
class MemoryTrace:
    """Keeps everything; `events` are (station, kind, text)."""

    frames: list[tuple[str, str, str]] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)

    def frame(self, station_id: str, direction: str, text: str, at: datetime | None = None) -> None:
        self.frames.append((station_id, direction, text))

    def event(self, station_id: str, kind: str, text: str) -> None:
        self.events.append((station_id, kind, text))

    def entries(self, station_id: str | None, *, limit: int) -> list[TraceEntry]:
        raise NotImplementedError

    def texts(self, kind: str) -> list[str]:
        return [text for _, known, text in self.events if known == kind]


@dataclass
class Witness:
    """Stories that remember.  `before` runs first in every async story and may raise or wait.

    `at_once`: reports take one step, which fails with these errors, one after the other (None: it does not fail).
    """

    admission: Admission = Admission.ACCEPTED
    authorization: Authorization = ACCEPTED
    told: list[Any] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    disconnected: list[str] = field(default_factory=list)
    before: Callable[[Any], Any] | None = None
    quarantined_id: str | None = "77"
    cost: Decimal | None = None
    at_once: list[Exception | None] | None = None
    begun: int = 0
    is_agreed: bool = True

    def on_connected(self, station_id: str) -> None:
        self.connected.append(station_id)

    def on_disconnected(self, station_id: str) -> None:
        self.disconnected.append(station_id)

    def admission_of(self, station_id: str) -> Admission:
        return self.admission

    async def on_boot(self, event: BootReported) -> BootAnswer:
        await self._take(event)
        return BootAnswer(admission=self.admission, interval_s=300, now=NOW)

    async def on_status(self, event: StatusReported) -> None:
        await self._take(event)

    async def on_authorize(self, event: AuthorizeAsked) -> Authorization:
        await self._take(event)
        return self.authorization

    async def on_transaction(self, event: TransactionReported) -> TransactionAnswer:
        await self._take(event)
        transaction_id = "42" if event.kind is FactKind.STARTED else event.transaction_id
        authorization = self.authorization if event.id_token is not None else None
        return TransactionAnswer(
            transaction_id=event.transaction_id or transaction_id, authorization=authorization, cost=self.cost
        )

    def begin_transaction(
        self, event: TransactionReported, then: Callable[[TransactionAnswer | Exception], None]
    ) -> bool:
        if self.at_once is None:
            return False
        self.told.append(event)
        self.begun += 1
        said: TransactionAnswer | Exception = TransactionAnswer(transaction_id=event.transaction_id, cost=self.cost)
        if self.at_once:
            said = self.at_once.pop(0) or said
        asyncio.get_running_loop().call_soon(then, said)
        return True

    async def on_reservation_ended(self, event: ReservationEnded) -> None:
        await self._take(event)

    async def on_notice(self, event: NoticeReported) -> None:
        await self._take(event)

    async def on_limits_changed(self, notice: NoticeReported, evse_no: int | None) -> None:
        await self._take((notice, evse_no))

    async def on_charging_needs(self, event: ChargingNeedsReported) -> bool:
        await self._take(event)
        return self.is_agreed

    async def on_charging_plan(self, event: ChargingPlanReported) -> bool:
        await self._take(event)
        return self.is_agreed

    async def on_quarantined(self, event: MessageQuarantined) -> str | None:
        await self._take(event)
        return self.quarantined_id

    async def on_deviation(self, deviation: Deviation) -> None:
        await self._take(deviation)

    async def _take(self, event: Any) -> None:
        if self.before is not None:
            waited = self.before(event)
            if waited is not None:
                await waited
        self.told.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


@dataclass
class Door:
    """Answers handshakes as it is told to, and remembers what was asked."""

    decide_with: Callable[[HandshakeAsked], Admitted | Refused] = lambda asked: Admitted(
        station_id=asked.station_id, admission=Admission.ACCEPTED
    )
    asked: list[HandshakeAsked] = field(default_factory=list)

    async def decide(self, asked: HandshakeAsked) -> Admitted | Refused:
        self.asked.append(asked)
        return self.decide_with(asked)


@dataclass
class Stage:
    server: OcppServer
    port: int
    witness: Witness
    trace: MemoryTrace
    door: Door
    scheme: str = "ws"

    def url(self, identity: str = "CP1") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/ocpp/{identity}"

    @asynccontextmanager
    async def station(
        self, identity: str = "CP1", *, version: str | None = "ocpp1.6", **options: Any
    ) -> AsyncIterator[ClientConnection]:
        """A connected station, ready to send."""
        options.setdefault("compression", None)
        subprotocols = [Subprotocol(name) for name in version.split(",")] if version else None
        async with connect(self.url(identity), subprotocols=subprotocols, ping_interval=None, **options) as socket:
            yield socket


QUIET = Settings(metering=None, settle_s=0.0, boot_wait_s=0.0, status_wait_s=1e9)


@asynccontextmanager
async def stage(
    settings: Settings = QUIET,
    *,
    witness: Witness | None = None,
    door: Door | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Stage]:
    """A listening server, drained at the end."""
    witness, door, trace = witness or Witness(), door or Door(), MemoryTrace()
    server = OcppServer(
        doorkeeper=door,
        stories=witness,
        mailboxes=Mailboxes(),
        clock=FixedClock(),
        trace=trace,
        settings=settings,
    )
    port = await server.listen("127.0.0.1", 0, tls)
    try:
        yield Stage(server, port, witness, trace, door, "wss" if tls else "ws")
    finally:
        await server.drain(within_s=0.1)


async def ask(socket: ClientConnection, text: str) -> Any:
    """Send a text and read what comes back."""
    await socket.send(text)
    return await receive(socket)


async def receive(socket: ClientConnection) -> Any:
    async with asyncio.timeout(5):
        return orjson.loads(await socket.recv())


async def call(socket: ClientConnection, action: str, payload: dict[str, Any], message_id: str = "m1") -> Any:
    """Send a call and read the answer frame."""
    return await ask(socket, orjson.dumps([2, message_id, action, payload]).decode())


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until something has happened."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}
