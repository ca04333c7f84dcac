"""A tiny central system for the charger's tests: it remembers, and answers as told."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

NOW = "2026-01-05T12:00:00Z"
Payload = dict[str, Any]


@dataclass(frozen=True)
class Refuse:
    """Answer with this CALLERROR."""

    code: str


@dataclass
class Central:
    """`calls` holds (message id, action, payload) of every call in order of arrival.

    `replies` maps an action to what it is answered: a payload, a function of the payload, a Refuse, or None
    for no answer.
    """

    version: str
    calls: list[tuple[str, str, Payload]] = field(default_factory=list)
    answers: list[list[Any]] = field(default_factory=list)
    replies: dict[str, Any] = field(default_factory=dict)
    password: str | None = None
    tls: ssl.SSLContext | None = None
    connections: int = 0
    url: str = ""
    _socket: ServerConnection | None = None
    _waiting: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    _transaction_ids: int = 100
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: Server | None = None
    _port: int = 0

    def actions(self) -> list[str]:
        return [action for _, action, _ in self.calls]

    def payloads(self, action: str) -> list[Payload]:
        return [payload for _, name, payload in self.calls if name == action]

    async def until(self, count: int) -> None:
        """Wait for so many calls in all."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.calls) >= count)

    async def call(self, action: str, payload: Payload) -> list[Any]:
        """Call the charger; returns its whole answer frame."""
        assert self._socket is not None
        message_id = f"c{len(self.answers) + 1}-{action}"
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(5):
            return await self._waiting[message_id]

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            select_subprotocol=self._select,
            process_request=self._admit,
            ssl=self.tls,
            ping_interval=None,
            max_size=100_000,
        )
        self._port = self._server.sockets[0].getsockname()[1]
        scheme, host = ("ws", "127.0.0.1") if self.tls is None else ("wss", "localhost")
        self.url = f"{scheme}://{host}:{self._port}/ocpp"

    async def die(self) -> None:
        """Break every connection and stop listening, as a killed process does."""
        assert self._server is not None
        server, self._server = self._server, None
        for socket in list(server.connections):
            socket.transport.abort()
        server.close()
        await server.wait_closed()

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        if self.password is not None:
            wanted = "Basic " + b64encode(f"CS 1:{self.password}".encode()).decode()
            if request.headers.get("Authorization") != wanted:
                return socket.respond(HTTPStatus.UNAUTHORIZED, "wrong password\n")
        return None

    def _select(self, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        ours = Subprotocol("ocpp" + self.version)
        return ours if ours in offered else None

    async def _serve(self, socket: ServerConnection) -> None:
        if socket.subprotocol is None:
            await socket.close(1002, "no common subprotocol")
            return
        self.connections += 1
        self._socket = socket
        async for text in socket:
            try:
                frame = json.loads(text)
            except ValueError:
                await socket.send(json.dumps([4, "-1", "FormationViolation", "not JSON", {}]))
                continue
            if frame[0] == 2:
                await self._answer(socket, frame)
            else:
                self.answers.append(frame)
                self._waiting[frame[1]].set_result(frame)

    async def _answer(self, socket: ServerConnection, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        self.calls.append((message_id, action, payload))
        async with self._arrived:
            self._arrived.notify_all()
        reply = self.replies[action] if action in self.replies else self._default(action)
        if callable(reply):
            reply = reply(payload)
        if isinstance(reply, Refuse):
            await socket.send(json.dumps([4, message_id, reply.code, "", {}]))
        elif reply is not None:
            await socket.send(json.dumps([3, message_id, reply]))

    def _default(self, action: str) -> Payload:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": NOW, "interval": 300}
            case "Heartbeat":
                return {"currentTime": NOW}
            case "Authorize" if self.version == "1.6":
                return {"idTagInfo": {"status": "Accepted"}}
            case "Authorize":
                return {"idTokenInfo": {"status": "Accepted"}}
            case "StartTransaction":
                self._transaction_ids += 1
                return {"transactionId": self._transaction_ids, "idTagInfo": {"status": "Accepted"}}
            case "DataTransfer":
                return {"status": "Accepted"}
            case _:
                return {}


@asynccontextmanager
async def central(version: str, **options: Any) -> AsyncIterator[Central]:
    """A central system on a port of its own."""
    system = Central(version, **options)
    await system.start()
    try:
        yield system
    finally:
        if system._server is not None:
            await system.die()
