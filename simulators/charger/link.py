"""One WebSocket connection to a central system, and the calls on it."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from .errors import CallRefusedError, ConnectError, DisconnectedError, ReplyTimeoutError
from .message import Payload

Direction = Literal["sent", "received"]
OnCall = Callable[["Link", list[Any]], Awaitable[None]]
OnFrame = Callable[[Direction, str | bytes], None]

_CALL, _REPLIES = 2, (3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to dial and as whom; `password` as bytes is sent as they are (OCPP 1.6 keys)."""

    url: str
    identity: str
    password: str | bytes | None = None
    user: str | None = None
    subprotocols: Sequence[str] = ()
    tls: ssl.SSLContext | None = None
    open_timeout_s: float = 10

    @property
    def target(self) -> str:
        # OCPP-J 1.6 3.1.1: the identity is the last, percent-encoded segment of the path.
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"


class Link:
    """An open connection; every call waits for its own answer, one call at a time."""

    def __init__(self, socket: ClientConnection, on_call: OnCall, on_frame: OnFrame) -> None:
        self._socket = socket
        self._on_call = on_call
        self._on_frame = on_frame
        self._calling = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._stray: asyncio.Future[list[Any]] | None = None
        self._reader = asyncio.create_task(self._read(), name="charger link")

    @property
    def subprotocol(self) -> str | None:
        return self._socket.subprotocol

    @property
    def is_open(self) -> bool:
        return not self._reader.done()

    async def call(self, message_id: str, action: str, payload: Any, *, timeout_s: float) -> Payload:
        """Send a CALL; returns the payload of its CALLRESULT."""
        async with self._calling:
            answer = asyncio.get_running_loop().create_future()
            self._waiting[message_id] = answer
            try:
                await self.send(json.dumps([_CALL, message_id, action, payload], separators=(",", ":")))
                async with asyncio.timeout(timeout_s):
                    frame = await answer
            except TimeoutError:
                raise ReplyTimeoutError(
                    f"{action} was not answered within {timeout_s:g} s; look for message id {message_id} "
                    "in the central system's trace"
                ) from None
            finally:
                self._waiting.pop(message_id, None)
        return _result_of(action, frame)

    async def send(self, text: str | bytes) -> None:
        """Send a frame as it is."""
        self._on_frame("sent", text)
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            raise self._ended() from None

    async def send_raw(self, text: str | bytes, *, timeout_s: float) -> list[Any]:
        """Send anything; returns the next answer that belongs to no call of ours, as parsed JSON.

        Raises DisconnectedError (with the close code) if the peer hangs up instead, ReplyTimeoutError if it is silent.
        """
        self._stray = asyncio.get_running_loop().create_future()
        try:
            await self.send(text)
            async with asyncio.timeout(timeout_s):
                return await self._stray
        except TimeoutError:
            raise ReplyTimeoutError(f"the raw frame was not answered within {timeout_s:g} s") from None
        finally:
            self._stray = None

    async def wait_closed(self) -> None:
        await asyncio.shield(self._reader)

    async def close(self) -> None:
        """Say goodbye and wait until the connection is gone."""
        await self._socket.close()
        await self._reader

    async def abort(self) -> None:
        """Cut the line without a goodbye, as a pulled cable does."""
        self._socket.transport.abort()
        await self._reader

    async def _read(self) -> None:
        try:
            with suppress(ConnectionClosed):
                async for text in self._socket:
                    self._on_frame("received", text)
                    await self._take(text)
        finally:
            self._fail_waiters()

    def _fail_waiters(self) -> None:
        ended = self._ended()
        for future in [*self._waiting.values(), self._stray]:
            if future is not None and not future.done():
                future.set_exception(ended)
                future.exception()  # read once, so that a waiter that left causes no warning

    async def _take(self, text: str | bytes) -> None:
        frame = _parse_frame(text)
        if frame is None:
            return
        if frame[0] == _CALL:
            with suppress(DisconnectedError):
                await self._on_call(self, frame)
            return
        waiter = self._waiting.get(str(frame[1])) or self._stray
        if waiter is not None and not waiter.done():
            waiter.set_result(frame)

    def _ended(self) -> DisconnectedError:
        return DisconnectedError(self._socket.close_code, self._socket.close_reason or "")


async def open_link(address: Address, on_call: OnCall, on_frame: OnFrame) -> Link:
    """Dial; raises ConnectError saying what to look at when it does not work."""
    try:
        socket = await connect(
            address.target,
            subprotocols=[Subprotocol(name) for name in address.subprotocols] or None,
            additional_headers=_authorization(address),
            ssl=_tls_of(address),
            open_timeout=address.open_timeout_s,
            ping_interval=None,
            compression=None,
            max_size=8 * 1024 * 1024,
            close_timeout=2,
            proxy=None,
        )
    except InvalidStatus as refusal:
        raise _refused(address, refusal) from None
    except (InvalidURI, InvalidHandshake, OSError, TimeoutError, EOFError) as fault:
        raise ConnectError(_unreachable(address, fault)) from None
    if address.subprotocols and socket.subprotocol is None:
        # OCPP-J 1.6 3.2: without a common subprotocol the server completes the handshake and closes.
        await socket.close()
        raise ConnectError(
            f"{address.target} speaks none of {', '.join(address.subprotocols)} "
            f"(it closed with {socket.close_code} {socket.close_reason or ''}): check the OCPP version of the station"
        )
    return Link(socket, on_call, on_frame)


def _tls_of(address: Address) -> ssl.SSLContext | None:
    if not address.url.startswith("wss:"):
        return None
    return address.tls if address.tls is not None else ssl.create_default_context()


def _authorization(address: Address) -> list[tuple[str, str]]:
    if address.password is None:
        return []
    secret = address.password.encode() if isinstance(address.password, str) else address.password
    user = address.identity if address.user is None else address.user
    return [("Authorization", "Basic " + b64encode(user.encode() + b":" + secret).decode())]


def _refused(address: Address, refusal: InvalidStatus) -> ConnectError:
    status = refusal.response.status_code
    advice = {
        400: "check --url, and that the OCPP version is spoken there",
        401: "check the password (--password) and that the user is the station's identity",
        403: "this station is not admitted: check its security profile and whether it is blocked",
        404: "the central system does not know this identity or path: check --id and --url",
        503: "the central system is busy or starting: try again in a moment",
    }.get(status, "look for this handshake in the central system's trace")
    return ConnectError(f"{address.target} refused the handshake with HTTP {status}: {advice}", status=status)


def _unreachable(address: Address, fault: Exception) -> str:
    match fault:
        case InvalidURI():
            return f"{address.target!r} is no WebSocket address: write ws://HOST:PORT/PATH or wss://HOST:PORT/PATH"
        case ssl.SSLCertVerificationError():
            return (
                f"the certificate of {address.target} is not trusted ({fault.verify_message}): "
                "give the issuing authority with --ca FILE"
            )
        case ssl.SSLError():
            return f"TLS with {address.target} failed ({fault.reason}): is it a TLS port?"
        case ConnectionRefusedError():
            return f"nothing listens at {address.target}: start the central system or check host and port"
        case TimeoutError():
            return f"{address.target} did not answer within {address.open_timeout_s:g} s: check host, port and firewall"
        case _:
            return f"{address.target} could not be reached ({fault}): check host, port and that it speaks WebSocket"


def _parse_frame(text: str | bytes) -> list[Any] | None:
    """A CALL or an answer to one; None for what a charger would ignore."""
    try:
        frame = json.loads(text)
    except ValueError:
        return None
    if not isinstance(frame, list) or len(frame) < 3 or frame[0] not in (_CALL, *_REPLIES):
        return None
    return frame if frame[0] != _CALL or len(frame) >= 4 else None


def _result_of(action: str, frame: list[Any]) -> Payload:
    if frame[0] == _REPLIES[0] and isinstance(frame[2], dict):
        return frame[2]
    if frame[0] == _REPLIES[0]:
        raise CallRefusedError(action, "FormationViolation", "the answer's payload is no JSON object", frame[2])
    description = str(frame[3]) if len(frame) > 3 else ""
    raise CallRefusedError(action, str(frame[2]), description, frame[4] if len(frame) > 4 else {})
