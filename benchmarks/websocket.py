"""Client side of WebSocket framing, as little of it as a load client needs.

The masking key is all zeros: legal, and a frame can be built ahead and patched.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN = 0x80
_MASKED = 0x80
_NO_MASK = b"\0\0\0\0"


class ProtocolError(RuntimeError):
    """The server sent something that a charge point would not understand."""


@dataclass(frozen=True, slots=True)
class Frame:
    opcode: int
    payload: bytes


def upgrade_request(*, host: str, path: str, subprotocol: str) -> bytes:
    """Render the opening handshake without extensions.  # RFC 6455 4.1"""
    key = base64.b64encode(b"0123456789abcdef").decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    ).encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Render one unfragmented client frame.  # RFC 6455 5.2"""
    size = len(payload)
    first = _FIN | opcode
    if size < 126:
        return bytes((first, _MASKED | size)) + _NO_MASK + payload
    if size < 65_536:
        return struct.pack("!BBH", first, _MASKED | 126, size) + _NO_MASK + payload
    return struct.pack("!BBQ", first, _MASKED | 127, size) + _NO_MASK + payload


def parse_frames(buffer: bytearray) -> list[Frame]:
    """Take every complete server frame off the front of `buffer`; the rest stays."""
    frames: list[Frame] = []
    while (parsed := _parse_frame(buffer)) is not None:
        found, size = parsed
        frames.append(found)
        del buffer[:size]
    return frames


def _parse_frame(buffer: bytearray) -> tuple[Frame, int] | None:
    if len(buffer) < 2:
        return None
    first, second = buffer[0], buffer[1]
    if not first & _FIN or first & 0x0F == CONTINUATION or second & _MASKED:
        raise ProtocolError(f"unexpected frame from the server: {bytes(buffer[:16])!r}")
    size, start = second, 2
    if second == 126:
        size, start = int.from_bytes(buffer[2:4], "big"), 4
    elif second == 127:
        size, start = int.from_bytes(buffer[2:10], "big"), 10
    if len(buffer) < start + size:
        return None
    return Frame(first & 0x0F, bytes(buffer[start : start + size])), start + size
