"""A central system as the `ocpp` package's own documentation builds it: validation on, no storage."""

# mypy: disable-error-code="import-untyped,misc,untyped-decorator"

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime
from typing import Any

import uvloop
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as result16
from ocpp.v16 import datatypes as datatypes16
from ocpp.v16.enums import Action as Action16
from ocpp.v16.enums import AuthorizationStatus
from ocpp.v16.enums import RegistrationStatus as RegistrationStatus16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as result201
from ocpp.v201.enums import Action as Action201
from ocpp.v201.enums import RegistrationStatusEnumType
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_transaction_ids = itertools.count(1)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Station16(ChargePoint16):
    @on(Action16.boot_notification)
    def on_boot(self, **_: Any) -> result16.BootNotification:
        return result16.BootNotification(_now(), 300, RegistrationStatus16.accepted)

    @on(Action16.heartbeat)
    def on_heartbeat(self) -> result16.Heartbeat:
        return result16.Heartbeat(_now())

    @on(Action16.status_notification)
    def on_status(self, **_: Any) -> result16.StatusNotification:
        return result16.StatusNotification()

    @on(Action16.start_transaction)
    def on_start(self, **_: Any) -> result16.StartTransaction:
        accepted = datatypes16.IdTagInfo(status=AuthorizationStatus.accepted)
        return result16.StartTransaction(next(_transaction_ids), accepted)

    @on(Action16.meter_values)
    def on_meter_values(self, **_: Any) -> result16.MeterValues:
        return result16.MeterValues()


class Station201(ChargePoint201):
    @on(Action201.boot_notification)
    def on_boot(self, **_: Any) -> result201.BootNotification:
        return result201.BootNotification(_now(), 300, RegistrationStatusEnumType.accepted)

    @on(Action201.transaction_event)
    def on_transaction_event(self, **_: Any) -> result201.TransactionEvent:
        return result201.TransactionEvent()


async def attend(connection: ServerConnection) -> None:
    assert connection.request is not None
    name = connection.request.path.rpartition("/")[2]
    station_class = Station16 if connection.subprotocol == "ocpp1.6" else Station201
    with contextlib.suppress(ConnectionClosed):
        await station_class(name, connection).start()


async def main() -> None:
    server = await serve(
        attend,
        "127.0.0.1",
        0,
        subprotocols=["ocpp1.6", "ocpp2.0.1"],  # type: ignore[list-item]
        compression=None,
        ping_interval=None,
    )
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
