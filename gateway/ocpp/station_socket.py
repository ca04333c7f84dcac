"""A WebSocket connection with a short way for the frames that stations send all day.

`websockets` parses with generators, puts each frame into a queue and wakes a reader; for a short message that is most
of its cost.  Here whole, unfragmented, uncompressed text frames at a frame boundary are read and written directly; all
else (control and long frames, fragments, compression, frames torn by TCP, protocol errors, handshake and close) is the
library's, which never notices: between two frames it keeps no state about those before.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from websockets.asyncio.connection import broadcast
from websockets.asyncio.server import ServerConnection
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled part on this platform
    from websockets.utils import apply_mask

_WHOLE_TEXT: Final = 0x81  # RFC 6455 5.2: FIN and the opcode of a text
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_MASK_LENGTH: Final = 4
_FULL_BUFFER_BYTES: Final = 32 * 1024
_LOST: Final = -1
_TLS_HELLO: Final = b"\x16\x03"


class StationSocket(ServerConnection):
    """`take` gets a text and says whether it was taken; what is not goes to `recv`, in order.  A text that is not UTF-8
    comes as its bytes.

    `heard_at` is when anything last came in, control frames too.
    """

    # Slots: one more attribute in the instance's dictionary would double it.
    __slots__ = ("_is_in_fragments", "_is_tls_hello", "_missing", "_queued", "heard_at", "take")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.heard_at = 0.0
        self.take: Callable[[str | bytes], bool] | None = None
        self._queued: deque[bool] | None = None
        self._is_in_fragments = False
        self._is_tls_hello = False
        # How many bytes the library still lacks of a frame it has begun: 0 at a boundary, -1 where that is not known.
        self._missing = _LOST

    @property
    def is_open(self) -> bool:
        return self.protocol.state is State.OPEN

    def on_received(self) -> bool:
        """To be called after each recv(): was the message a text?"""
        assert self._queued is not None
        is_text = self._queued.popleft()
        self._queued = self._queued or None
        return is_text

    def forget_handshake(self) -> None:
        """Drop the headers of the handshake: they are a fifth of an idle connection's memory."""
        for part in (self.request, self.response):
            if part is not None:
                part.headers.clear()

    def allow_large(self, max_bytes: int) -> None:
        """Raise the limit of a message's length."""
        if self.protocol.max_message_size is not None:
            self.protocol.max_message_size = max(max_bytes, self.protocol.max_message_size)

    # Out

    @property
    def is_congested(self) -> bool:
        """Does what was sent before still wait to go out?  Then only `send` may be used, which waits."""
        return self.transport.get_write_buffer_size() > _FULL_BUFFER_BYTES

    def send_frame(self, frame: bytes) -> None:
        """Send a text frame without waiting; nothing happens if the connection is closing."""
        length = len(frame)
        protocol = self.protocol
        if length >= 1 << 16 or protocol.extensions or protocol.state is not State.OPEN:
            broadcast((self,), frame, text=True)
        elif length < _TWO_BYTES:
            self.transport.write(bytes((_WHOLE_TEXT, length)) + frame)
        else:
            self.transport.write(bytes((_WHOLE_TEXT, _TWO_BYTES, length >> 8, length & 0xFF)) + frame)

    # In

    def data_received(self, data: bytes) -> None:
        self.heard_at = monotonic()
        if self.request is None and data.startswith(_TLS_HELLO):
            self._is_tls_hello = True
            self.on_no_request("TLS on the plain port: connect with ws://, or to the TLS listener with wss://")
            self.transport.abort()
            return
        if self.take is None:
            # A request ends in an empty line.  What a station sends before it has our response is the library's.
            self._missing = 0 if data.endswith(b"\r\n\r\n") else _LOST
            super().data_received(data)
            return
        if self._missing == 0:
            taken = self._take_frames(data, self.take)
            if taken == len(data):
                return
            data = data[taken:]
        self._follow(data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        error = self.protocol.handshake_exc
        if self.request is None and self.heard_at and error is not None and not self._is_tls_hello:
            self.on_no_request(str(error))
        super().connection_lost(exc)

    def on_no_request(self, reason: str) -> None:
        """The other side spoke, but no HTTP."""

    def _count_message(self, event: Request | Response | Frame) -> None:
        if type(event) is Frame and event.opcode in DATA_OPCODES:
            if event.opcode is not Opcode.CONT:
                if self._queued is None:
                    self._queued = deque()
                self._queued.append(event.opcode is Opcode.TEXT)
            self._is_in_fragments = not event.fin
        super().process_event(event)

    process_event = _count_message  # the library's name for what it does with a frame

    def _take_frames(self, data: bytes, take: Callable[[str | bytes], bool]) -> int:
        """Hand on the texts at the head of the data; the length of what was taken."""
        position, end = 0, len(data)
        protocol = self.protocol
        max_bytes = protocol.max_message_size
        while (
            end - position >= 2
            and data[position] == _WHOLE_TEXT
            and not self._queued
            and not self._is_in_fragments
            and protocol.state is State.OPEN
        ):
            start, length = _find_payload(data, position)
            stop = start + length
            if start == _LOST or stop > end or not data[position + 1] & _MASKED:
                break
            if max_bytes is not None and length > max_bytes:
                break
            if not take(decode_text(apply_mask(data[start:stop], data[start - _MASK_LENGTH : start]))):
                break
            position = stop
        return position

    def _follow(self, data: bytes) -> None:
        """Keep track of where frames end in what the library is given."""
        position, end = self._missing, len(data)
        while position != _LOST and position < end:
            start, length = _find_payload(data, position)
            position = _LOST if start == _LOST else start + length
        self._missing = _LOST if position == _LOST else position - end


def decode_text(data: bytes) -> str | bytes:
    """The text, or the bytes if they are not UTF-8.

    RFC 6455 8.1 would have the connection fail; a station whose one message is broken is better told so.
    """
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        return bytes(data)


def _find_payload(data: bytes, position: int) -> tuple[int, int]:
    """Where the payload of the frame at `position` begins, and its length; -1 if the header is not all there."""
    if len(data) - position < 2:
        return _LOST, 0
    second = data[position + 1]
    length, start = second & _LENGTH, position + 2
    if length == _TWO_BYTES:
        start += 2
        length = int.from_bytes(data[start - 2 : start])
    elif length == _EIGHT_BYTES:
        start += 8
        length = int.from_bytes(data[start - 8 : start])
    if second & _MASKED:
        start += _MASK_LENGTH
    return (start, length) if start <= len(data) else (_LOST, 0)
