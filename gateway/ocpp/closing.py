"""How a WebSocket connection is closed, and what its end says (RFC 6455 7.4)."""

from typing import Final

from websockets.exceptions import ConnectionClosed

GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013
_MAX_REASON_BYTES: Final = 123  # RFC 6455 5.5
_FAULTY_CLOSES: Final = frozenset({PROTOCOL_ERROR, UNSUPPORTED_DATA, 1007, 1009})


def cut_reason(reason: str) -> str:
    """As much of a reason as a close frame holds."""
    return reason.encode()[:_MAX_REASON_BYTES].decode("utf-8", "ignore")


def tell_end(closed: ConnectionClosed) -> tuple[str, bool]:
    """How a connection ended, in words, and whether a broken message was why."""
    frame = closed.sent or closed.rcvd if not closed.rcvd_then_sent else closed.rcvd
    if frame is None:
        return "connection lost", False
    return f"connection closed: {frame.code} {frame.reason}".rstrip(), frame.code in _FAULTY_CLOSES
