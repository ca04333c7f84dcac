"""Closes what asyncio accepts while its server closes, and forgets.

A turn of the loop accepts a connection and the next one serves it.  Is the server closed in between, serving fails
without a word (https://github.com/python/cpython/issues/109564, in every version of Python): the connection stays open
with nobody at its end, until the garbage collector finds it, in whatever test runs by then.
"""

from __future__ import annotations

from asyncio import AbstractServer, BaseEventLoop
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable
from socket import socket
from ssl import SSLContext
from typing import Any


def close_late_connections() -> None:
    """Have every loop of this process do so from now on."""
    serve = BaseSelectorEventLoop._accept_connection2  # type: ignore[attr-defined] # private, there is no other door

    async def serve_or_close(
        loop: BaseEventLoop,
        make_protocol: Callable[[], Any],
        connection: socket,
        extra: dict[str, Any],
        sslcontext: SSLContext | None = None,
        server: AbstractServer | None = None,
        *timeouts: float,
    ) -> None:
        if server is not None and not server.sockets:  # type: ignore[attr-defined]
            connection.close()
        else:
            await serve(loop, make_protocol, connection, extra, sslcontext, server, *timeouts)

    BaseSelectorEventLoop._accept_connection2 = serve_or_close  # type: ignore[attr-defined]
