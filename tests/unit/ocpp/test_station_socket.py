"""However TCP tears the stream: every message arrives once, in order, by whichever way."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from gateway.ocpp.station_socket import StationSocket, decode_text

REQUEST = (
    b"GET /CP1 HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Server:
    handler_tasks: set[Any] = set()  # noqa: RUF012

    async def handler(self, connection: Any) -> None:
        pass


class Reader:
    """Takes what comes directly, and keeps what comes the library's way, in the order of arrival."""

    def __init__(self, max_size: int = 2**20) -> None:
        self.wire = Wire()
        self.socket = StationSocket(ServerProtocol(max_size=max_size), Server(), ping_interval=None)  # type: ignore[arg-type]
        self.texts: list[str | bytes] = []
        self.direct = 0
        self.socket.connection_made(self.wire)
        self.socket.data_received(REQUEST)
        assert self.socket.request is not None
        self.socket.protocol.send_response(self.socket.protocol.accept(self.socket.request))
        self.socket.protocol.data_to_send()
        self.wire.written.clear()
        self.socket.take = self.take

    def take(self, text: str | bytes) -> bool:
        self.texts.append(text)
        self.direct += 1
        return True

    async def feed(self, chunk: bytes) -> None:
        self.socket.data_received(chunk)
        while len(self.socket._queued or ()) > self.socket._is_in_fragments:  # whole messages
            message = await self.socket.recv(decode=False)
            assert self.socket.on_received()
            self.texts.append(decode_text(message))


def masked(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=True)


def text(value: str) -> bytes:
    return masked(Opcode.TEXT, value.encode())


def in_fragments(value: str) -> bytes:
    raw = value.encode()
    middle = len(raw) // 2
    ping = masked(Opcode.PING, b"between")
    return masked(Opcode.TEXT, raw[:middle], fin=False) + ping + masked(Opcode.CONT, raw[middle:])


SENDABLE = st.one_of(
    st.text(max_size=40).map(lambda value: (value, False)),
    st.sampled_from([100, 125, 126, 127, 200, 70_000]).map(lambda length: ("é" * length, False)),
    st.text(min_size=2, max_size=40).map(lambda value: (value, True)),
    st.just((None, False)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SENDABLE, max_size=12), st.lists(st.integers(1, 300), max_size=12))
def test_every_message_arrives_once_and_in_order(messages: list[tuple[str | None, bool]], cuts: list[int]) -> None:
    async def run() -> None:
        reader = Reader()
        stream = b"".join(
            masked(Opcode.PING, b"?") if value is None else in_fragments(value) if torn else text(value)
            for value, torn in messages
        )
        position = 0
        for cut in cuts:
            await reader.feed(stream[position : position + cut])
            position += cut
        await reader.feed(stream[position:])

        assert reader.texts == [value for value, _ in messages if value is not None]

    asyncio.run(run())


async def test_whole_texts_go_the_short_way() -> None:
    reader = Reader()

    await reader.feed(text("a") + text("b" * 300) + text("c" * 60_000))

    assert (len(reader.texts), reader.direct) == (3, 3)


async def test_after_a_torn_frame_the_short_way_is_found_again() -> None:
    reader = Reader()
    torn = text("long" * 100)

    await reader.feed(torn[:50])
    await reader.feed(torn[50:])
    await reader.feed(text("short"))

    assert reader.texts == ["long" * 100, "short"]
    assert reader.direct == 1


async def test_what_is_not_taken_waits_and_so_does_what_follows() -> None:
    reader = Reader()
    reader.socket.take = lambda value: value != "full"

    reader.socket.data_received(text("taken") + text("full") + text("after"))

    assert [await reader.socket.recv(), await reader.socket.recv()] == ["full", "after"]


async def test_frames_that_came_with_the_request_are_not_lost() -> None:
    socket = StationSocket(ServerProtocol(), Server(), ping_interval=None)  # type: ignore[arg-type]
    socket.connection_made(Wire())
    socket.data_received(REQUEST + text("early"))
    assert socket.request is not None
    socket.protocol.send_response(socket.protocol.accept(socket.request))
    taken: list[str | bytes] = []
    socket.take = lambda value: not taken.append(value)
    socket.data_received(text("late"))

    assert [await socket.recv(), await socket.recv()] == ["early", "late"]
    assert taken == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"unmasked").serialize(mask=False), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"x" * 1_001), CloseCode.MESSAGE_TOO_BIG),
        (masked(Opcode.CONT, b"out of place"), CloseCode.PROTOCOL_ERROR),
        (b"\xc1\x80mask", CloseCode.PROTOCOL_ERROR),
    ],
    ids=["unmasked", "too big", "out of place", "compressed without agreement"],
)
async def test_breaches_of_the_protocol_are_the_librarys_business(frame: bytes, code: CloseCode) -> None:
    reader = Reader(max_size=1_000)

    reader.socket.data_received(text("fine") + frame)

    assert reader.texts == ["fine"]
    assert reader.socket.protocol.state is State.CLOSING
    assert bytes(reader.wire.written).find(int(code).to_bytes(2)) > 0


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
async def test_what_is_sent_is_what_the_library_would_send(length: int) -> None:
    reader = Reader()
    payload = b"x" * length

    reader.socket.send_frame(payload)

    assert bytes(reader.wire.written) == Frame(Opcode.TEXT, payload).serialize(mask=False)


async def test_nothing_is_sent_on_a_closing_connection() -> None:
    reader = Reader()
    reader.socket.protocol.send_close(1000)
    reader.wire.written.clear()

    reader.socket.send_frame(b"x")

    assert reader.wire.written == b""
