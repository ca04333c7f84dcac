"""Servers of the tests leave nobody waiting who comes while they close."""

import asyncio
import contextlib
import socket

import pytest

PATIENCE_S = 10.0


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("turns", range(6))
async def test_who_connects_some_turns_before_a_server_closes_is_hung_up_on(turns: int) -> None:
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        client.setblocking(False)
        for _ in range(turns):
            await asyncio.sleep(0)
        server.close()

        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionResetError):  # it was not even accepted
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
