"""The listeners for stations: from a TCP connection to a registered link, and the end of all."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Any, Final, Protocol

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from gateway.domain.events import Admitted, HandshakeAsked, Refused
from gateway.errors import StoreDownError
from gateway.flows.mailbox import Mailboxes
from gateway.ocpp.closing import PROTOCOL_ERROR
from gateway.ocpp.house import House
from gateway.ocpp.link import Link
from gateway.ocpp.message import Stories
from gateway.ocpp.registry import Registry
from gateway.ocpp.security import BadIdentityError, parse_basic, parse_identity
from gateway.ocpp.service import Service
from gateway.ocpp.settings import Settings
from gateway.ocpp.station_socket import StationSocket
from gateway.ocpp.version import Version
from gateway.ocpp.versions import SUBPROTOCOLS, choose_version, find_version
from gateway.ports import Clock, Trace

log = structlog.get_logger(__name__)

TICK_S: Final = 5.0
_WINDOW_BITS: Final = 10  # 1 KiB: OCPP messages are short and no context is kept between them


@dataclass(frozen=True, slots=True)
class _Seated:
    """What the handshake decided; `version` None: no mutual one, `reason` says so."""

    station_id: str
    version: Version | None
    reason: str = ""


class _Socket(StationSocket):
    """Carries the decision of the handshake to the handler."""

    __slots__ = ("_trace", "seated")

    def __init__(self, trace: Trace, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._trace = trace
        self.seated: _Seated | None = None

    def on_no_request(self, reason: str) -> None:
        self._trace.event("", "handshake refused", f"no HTTP request from {_remote(self)}: {reason[:300]}")


class Doorkeeper(Protocol):
    """Decides whether a station may connect (`flows.admission`)."""

    async def decide(self, asked: HandshakeAsked) -> Admitted | Refused: ...


class OcppServer:
    """Listens for stations, plain and over TLS, and keeps the registry of those connected."""

    def __init__(
        self,
        *,
        doorkeeper: Doorkeeper,
        stories: Stories,
        mailboxes: Mailboxes,
        clock: Clock,
        trace: Trace,
        settings: Settings,
    ) -> None:
        self.stations = Registry()
        self._doorkeeper = doorkeeper
        self._stories = stories
        self._trace = trace
        self._settings = settings
        self._fallback = find_version(settings.fallback_version) if settings.fallback_version else None
        self._house = House(
            service=Service(stories, trace, settings),
            stories=stories,
            mailboxes=mailboxes,
            clock=clock,
            trace=trace,
            settings=settings,
        )
        self._servers: list[Server] = []
        self._handshakes = 0
        self._is_draining = False
        self._ticker: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Open a listener; the port it is bound to."""
        settings = self._settings
        server = await serve(
            self._handle,
            host,
            port,
            ssl=tls,
            create_connection=partial(_Socket, self._trace),  # type: ignore[arg-type] # it is only called
            process_request=self._on_request,
            process_response=self._on_response,
            select_subprotocol=_select_subprotocol,
            extensions=[_small_deflate()] if settings.compression else None,
            compression=None,
            server_header=None,
            open_timeout=settings.handshake_timeout_s,
            close_timeout=settings.close_timeout_s,
            ping_interval=None,  # one timer for all: see _tick
            max_size=settings.max_message_bytes,
        )
        self._servers.append(server)
        if self._ticker is None:
            self._ticker = asyncio.get_running_loop().create_task(self._tick_for_ever())
        bound: int = server.sockets[0].getsockname()[1]
        log.info("listening for stations", host=host, port=bound, is_tls=tls is not None)
        return bound

    async def drain(self, *, within_s: float = 10.0) -> None:
        """Stop accepting, answer what came in, and close all connections with 1001, spread over `within_s`."""
        self._is_draining = True
        if self._ticker is not None:
            self._ticker.cancel()
        for server in self._servers:
            server.close(close_connections=False)
        links = list(self.stations.links())
        pause_s = min(0.05, within_s / len(links)) if links else 0.0
        closing = []
        for link in links:
            closing.append(asyncio.create_task(link.finish("the server is restarting")))
            await asyncio.sleep(pause_s)
        if closing:
            await asyncio.wait(closing)
        if self._house.tasks:
            await asyncio.wait(set(self._house.tasks))
        for server in self._servers:
            await server.wait_closed()

    # The handshake

    async def _on_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Decide before the upgrade; None lets the upgrade go on (or fail, if it is no proper one)."""
        if "Upgrade" not in request.headers:
            return None
        if (
            self._is_draining
            or self._handshakes >= self._settings.max_handshakes
            or monotonic() < self._house.shut_until
        ):
            return self._unavailable(connection, request, "too many handshakes at once, or the store is down")
        self._handshakes += 1
        try:
            return await self._decide(connection, request)
        except StoreDownError as error:
            self._house.shut()
            return self._unavailable(connection, request, f"the store is down: {error}")
        finally:
            self._handshakes -= 1

    async def _decide(self, connection: ServerConnection, request: Request) -> Response | None:
        assert isinstance(connection, _Socket)
        try:
            identity = parse_identity(request.path)
        except BadIdentityError as error:
            return self._reject(connection, request, "", HTTPStatus.NOT_FOUND, str(error))
        authorizations = request.headers.get_all("Authorization")
        user, password = parse_basic(authorizations[0] if authorizations else None)
        offered = _offered(request.headers)
        decision = await self._doorkeeper.decide(
            HandshakeAsked(
                station_id=identity,
                path=request.path,
                remote=_remote(connection),
                is_tls=connection.transport.get_extra_info("ssl_object") is not None,
                offered=offered,
                user=user,
                password=password,
            )
        )
        if not isinstance(decision, Admitted):
            reason = decision.reason
            if authorizations and user is None:
                reason = f"{reason} (the Authorization header holds no valid Basic credentials)"
            return self._reject(connection, request, identity, HTTPStatus(decision.http_status), reason)
        connection.seated = self._seat(decision, offered)
        return None

    def _seat(self, admitted: Admitted, offered: tuple[str, ...]) -> _Seated:
        pinned = find_version(admitted.ocpp_version) if admitted.ocpp_version else None
        version = choose_version(offered, pinned, self._fallback)
        if version is not None:
            return _Seated(admitted.station_id, version)
        spoken = f"this station is set to {pinned.subprotocol}" if pinned else f"spoken here: {SUBPROTOCOLS}"
        return _Seated(admitted.station_id, None, f"{spoken}; offered: {', '.join(offered) or 'none'}")

    def _reject(
        self, connection: ServerConnection, request: Request, identity: str, status: HTTPStatus, reason: str
    ) -> Response:
        text = f"{status} {reason} (path {request.path[:200]}, from {_remote(connection)})"
        self._trace.event(identity, "handshake refused", text)
        log.info("handshake refused", station_id=identity, status=int(status), reason=reason)
        response = connection.respond(status, f"{status.phrase}\n")
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="OCPP", charset="UTF-8"'
        return response

    def _unavailable(self, connection: ServerConnection, request: Request, reason: str) -> Response:
        # Not traced one by one: a storm must not fill the trace.
        log.warning("handshake put off", path=request.path[:200], reason=reason)
        response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Try again later.\n")
        response.headers["Retry-After"] = str(self._settings.retry_after_s)
        return response

    def _on_response(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """Name what was wrong with an upgrade that failed: a proxy may have eaten a header."""
        error = connection.protocol.handshake_exc
        if error is None or response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            return
        try:
            identity = parse_identity(request.path)
        except BadIdentityError:
            identity = ""
        text = f"{response.status_code} no WebSocket upgrade: {error} (path {request.path[:200]}"
        self._trace.event(identity, "handshake refused", f"{text}, from {_remote(connection)})")

    # A connection

    async def _handle(self, connection: ServerConnection) -> None:
        # One coroutine for all of a connection's life: each costs a quarter of a KiB.
        assert isinstance(connection, _Socket)
        seated = connection.seated
        assert seated is not None
        connection.seated = None
        if seated.version is None:
            await self._turn_away(connection, seated)
            return
        link = self._open(connection, seated.station_id, seated.version)
        try:
            await link.run()
        except Exception:  # root of a task
            log.exception("connection failed", station_id=link.station_id)
        finally:
            self._close(link)

    async def _turn_away(self, connection: ServerConnection, seated: _Seated) -> None:
        """OCPP-J 1.6 3.2, OCPP 2.0.1 part 4 3.2: complete the handshake without subprotocol and close at once."""
        reason = f"no mutual OCPP version; {seated.reason}"
        self._trace.event(seated.station_id, "handshake refused", reason)
        await connection.close(PROTOCOL_ERROR, reason.encode()[:120].decode("utf-8", "ignore"))

    def _open(self, connection: _Socket, station_id: str, version: Version) -> Link:
        remote = _remote(connection)
        connection.forget_handshake()
        link = Link(
            socket=connection,
            version=version,
            station_id=station_id,
            epoch=self.stations.next_epoch(),
            house=self._house,
        )
        self.stations.register(link)
        self._stories.on_connected(station_id)
        self._trace.frame(station_id, "event", f"connected: {version.subprotocol} from {remote}")
        log.info("station connected", station_id=station_id, version=version.name, remote=remote)
        return link

    def _close(self, link: Link) -> None:
        if self.stations.unregister(link):
            self._stories.on_disconnected(link.station_id)
        log.info("station disconnected", station_id=link.station_id, code=link.socket.close_code)

    # The one timer

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tick(monotonic())

    def tick(self, now: float) -> None:
        """Look after all connections: ping the silent, ask for states that were not sent."""
        for link in list(self.stations.links()):
            link.on_tick(now)


def _select_subprotocol(connection: ServerConnection, _offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The one decided on; a station that offered none gets none in the response."""
    assert isinstance(connection, _Socket)
    seated = connection.seated
    if seated is None or seated.version is None or seated.version.subprotocol not in _offered:
        return None
    return Subprotocol(seated.version.subprotocol)


def _small_deflate() -> ServerPerMessageDeflateFactory:
    return ServerPerMessageDeflateFactory(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=_WINDOW_BITS,
        client_max_window_bits=_WINDOW_BITS,
        compress_settings={"memLevel": 3},
    )


def _offered(headers: Headers) -> tuple[str, ...]:
    lines = headers.get_all("Sec-WebSocket-Protocol")
    return tuple(name.strip() for line in lines for name in line.split(",") if name.strip())


def _remote(connection: ServerConnection) -> str:
    address = connection.remote_address
    return f"{address[0]}:{address[1]}" if address else ""
