"""The practical limit: `websockets` that parses, looks nothing up, stores nothing and answers."""

from __future__ import annotations

import argparse
import asyncio
import ssl
from datetime import UTC, datetime
from typing import Any

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, serve

_ACCEPTED = {"status": "Accepted"}
_FIXED: dict[str, dict[str, Any]] = {
    "StatusNotification": {},
    "MeterValues": {},
    "StartTransaction": {"transactionId": 1, "idTagInfo": _ACCEPTED},
    "StopTransaction": {},
    "TransactionEvent": {},
}


async def answer(connection: ServerConnection) -> None:
    async for text in connection:
        _, message_id, action, _ = orjson.loads(text)
        payload = _FIXED.get(action)
        if payload is None:
            payload = {"currentTime": datetime.now(UTC).isoformat()}
            if action == "BootNotification":
                payload |= {"interval": 300, **_ACCEPTED}
        await connection.send(orjson.dumps([3, message_id, payload]).decode())


async def listen(tls: ssl.SSLContext | None = None) -> int:
    server = await serve(
        answer,
        "127.0.0.1",
        0,
        subprotocols=["ocpp1.6", "ocpp2.0.1"],  # type: ignore[list-item]
        compression=None,
        ping_interval=None,
        ssl=tls,
    )
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate", help="listen with TLS too")
    parser.add_argument("--key")
    options = parser.parse_args()
    ports = [await listen()]
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
        ports.append(await listen(tls))
    print("listening on", *ports, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
