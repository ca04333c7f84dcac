"""A station made of nothing but a WebSocket: it says exactly what a test tells it to, and hides nothing it hears."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

PATIENCE_S = 10.0
SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
BOOT = {
    "1.6": {"chargePointVendor": "Acme", "chargePointModel": "One"},
    "2.0.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}},
}


def basic(user: str, password: str | bytes) -> dict[str, str]:
    """The header of HTTP Basic authentication."""
    secret = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()}


def at(minutes: float, *, of: datetime | None = None) -> str:
    """A device time: minutes after (or, negative, before) `of`, by default now."""
    time = (of or datetime.now(UTC)) + timedelta(minutes=minutes)
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Raw:
    """One connection.  As a context manager it is open inside; `closed_with` waits for the other side to close it."""

    def __init__(
        self,
        url: str,
        *,
        version: str | None = "1.6",
        subprotocols: list[str] | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        offered = subprotocols if subprotocols is not None else [SUBPROTOCOLS[version]] if version else []
        self.version = version or "1.6"
        self.pings = 0
        self.heard: deque[list[Any]] = deque()
        self._ids = (f"m{number}" for number in count(1))
        self._connecting = connect(
            url,
            subprotocols=[Subprotocol(one) for one in offered] or None,
            additional_headers=headers,
            ping_interval=options.pop("ping_interval", None),
            compression=options.pop("compression", None),
            proxy=None,
            max_size=None,
            **options,
        )
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._socket = await self._connecting
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None, "not connected"
        return self._socket

    @property
    def subprotocol(self) -> str | None:
        return self.socket.subprotocol

    # --- saying

    async def say(self, frame: Any) -> None:
        """Send a list as compact JSON, text and bytes as they are."""
        await self.socket.send(
            frame if isinstance(frame, str | bytes) else json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
        )

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> list[Any]:
        """The whole answer, CALLRESULT or CALLERROR, to a CALL."""
        number = message_id or next(self._ids)
        await self.say([2, number, action, payload])
        return await self.answer_to(number)

    async def ask(self, action: str, payload: Any, message_id: str | None = None) -> Any:
        """The payload of the answer, which must be a CALLRESULT."""
        answer = await self.call(action, payload, message_id)
        assert answer[0] == 3, f"{action} was answered {answer}"
        return answer[2]

    async def boot(self, **more: Any) -> Any:
        return await self.ask("BootNotification", {**BOOT[self.version], **more})

    async def reply(self, call: list[Any], payload: Any) -> None:
        await self.say([3, call[1], payload])

    # --- hearing

    async def raw(self) -> str:
        """The next frame as text, byte by byte as it was sent."""
        async with asyncio.timeout(PATIENCE_S):
            text = await self.socket.recv()
        assert isinstance(text, str), f"a binary frame: {text!r}"
        return text

    async def hear(self) -> list[Any]:
        """The next frame."""
        frame: list[Any] = json.loads(await self.raw())
        return frame

    async def answer_to(self, message_id: str) -> list[Any]:
        """The CALLRESULT or CALLERROR with this id; the gateway's own CALLs before it are kept for `asked`."""
        while True:
            frame = await self.hear()
            if frame[0] in (3, 4) and frame[1] == message_id:
                return frame
            assert frame[0] == 2, f"an answer to nothing: {frame}"
            self.heard.append(frame)

    async def asked(self, action: str | None = None) -> list[Any]:
        """The gateway's next CALL, which must be of this action."""
        frame = self.heard.popleft() if self.heard else await self.hear()
        assert frame[0] == 2, f"not a CALL: {frame}"
        assert action in (None, frame[2]), f"expected {action}: {frame}"
        return frame

    async def hears_nothing(self) -> None:
        """Nothing has come but what answers the Heartbeat that is sent now."""
        answer = await self.call("Heartbeat", {})
        assert answer[0] == 3
        assert not self.heard, f"unexpected: {list(self.heard)}"

    async def closed_with(self) -> tuple[int | None, str]:
        """Code and reason, once the gateway has closed the connection."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.socket.recv()
                except ConnectionClosed:
                    return self.socket.close_code, self.socket.close_reason or ""


async def refusal(url: str, **options: Any) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers of the HTTP answer that refuses a handshake."""
    try:
        async with Raw(url, **options):
            raise AssertionError(f"{url} was let in")
    except InvalidStatus as error:
        response = error.response
        headers = {name.lower(): value for name, value in response.headers.raw_items()}
        return response.status_code, (response.body or b"").decode(), headers
