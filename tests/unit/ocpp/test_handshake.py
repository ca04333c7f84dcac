"""The way in: paths, passwords, versions, overload."""

import asyncio
import ssl
from dataclasses import replace

import pytest
import trustme
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.domain.events import Admitted, HandshakeAsked, Refused
from gateway.domain.stations import Admission
from gateway.errors import StoreDownError
from tests.unit.ocpp.stage import QUIET, Door, Stage, basic, call, stage, until

HEARTBEAT_ANSWER = [3, "m1", {"currentTime": "2026-03-01T10:00:00.000Z"}]


async def status_of(on: Stage, identity: str = "CP1", **options: object) -> tuple[int, Headers]:
    with pytest.raises(InvalidStatus) as caught:
        async with on.station(identity, **options):
            pass
    return caught.value.response.status_code, caught.value.response.headers


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CP1", "CP1"),
        ("/CP1", "CP1"),
        ("/any/prefix/of/all/CP1", "CP1"),
        ("/ocpp/CP1/", "CP1"),
        ("/ocpp/CP1?x=1", "CP1"),
        ("/ocpp/RDAM%20123", "RDAM 123"),
        ("/ocpp/a%252Fb", "a%2Fb"),
        ("/ocpp/NL*ABC-1_2", "NL*ABC-1_2"),
    ],
)
async def test_the_identity_is_the_last_segment_decoded_once(path: str, identity: str) -> None:
    async with stage() as on:
        on.url = lambda _identity="": f"ws://127.0.0.1:{on.port}{path}"  # type: ignore[method-assign]
        async with on.station() as socket:
            await call(socket, "Heartbeat", {})

    assert on.door.asked[0].station_id == identity
    assert on.door.asked[0].path == path


@pytest.mark.parametrize(
    ("identity", "reason"), [("x" * 49, "48"), ("a%3Ab", "colon"), ("a%00b", "unprintable"), ("%FF", "UTF-8")]
)
async def test_a_path_without_identity_is_not_found(identity: str, reason: str) -> None:
    async with stage() as on:
        status, _ = await status_of(on, identity)

    assert status == 404
    assert reason in on.trace.texts("handshake refused")[0]
    assert on.door.asked == []


async def test_credentials_reach_the_doorkeeper() -> None:
    key = bytes(range(0xF0, 0x100)) + b":colon"
    async with stage() as on, on.station(additional_headers=basic("CP1", key)) as socket:
        await call(socket, "Heartbeat", {})

    asked = on.door.asked[0]
    assert (asked.user, asked.password, asked.is_tls, asked.offered) == ("CP1", key, False, ("ocpp1.6",))
    assert asked.remote.startswith("127.0.0.1:")


@pytest.mark.parametrize("header", ["Basic ???", "Bearer abc"])
async def test_other_credentials_are_none(header: str) -> None:
    door = Door(lambda asked: Refused(401, "no password"))
    async with stage(door=door) as on:
        status, headers = await status_of(on, additional_headers={"Authorization": header})

    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
    assert (door.asked[0].user, door.asked[0].password) == (None, None)
    assert "holds no valid Basic credentials" in on.trace.texts("handshake refused")[0]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_comes_before_the_upgrade(status: int) -> None:
    async with stage(door=Door(lambda asked: Refused(status, "because"))) as on:
        assert (await status_of(on))[0] == status

    assert "because" in on.trace.texts("handshake refused")[0]
    assert on.witness.connected == []


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp1.6,ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp2.0,ocpp1.6,ocpp1.5", "ocpp1.6"),
    ],
)
async def test_the_newest_mutual_version_is_chosen(offered: str, chosen: str) -> None:
    async with stage() as on, on.station(version=offered) as socket:
        assert socket.subprotocol == chosen


async def test_a_pinned_version_wins_over_the_newest() -> None:
    door = Door(lambda asked: Admitted(station_id="CP1", admission=Admission.ACCEPTED, ocpp_version="1.6"))
    async with stage(door=door) as on, on.station(version="ocpp2.0.1,ocpp1.6") as socket:
        assert socket.subprotocol == "ocpp1.6"


@pytest.mark.parametrize(
    ("offered", "reason"), [(None, "ocpp1.6; offered: none"), ("ocpp1.5,ocpp2.0", "ocpp1.6; offered: ocpp1.5, ocpp2.0")]
)
async def test_without_a_mutual_version_the_connection_opens_and_closes_at_once(
    offered: str | None, reason: str
) -> None:
    async with stage() as on, on.station(version=offered) as socket:
        assert socket.subprotocol is None
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1002
    assert reason in caught.value.rcvd.reason
    assert reason in on.trace.texts("handshake refused")[0]
    assert on.witness.connected == []


async def test_a_station_pinned_to_another_version_is_turned_away() -> None:
    door = Door(lambda asked: Admitted(station_id="CP1", admission=Admission.ACCEPTED, ocpp_version="2.0.1"))
    async with stage(door=door) as on, on.station(version="ocpp1.6") as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()

    assert "set to ocpp2.0.1" in on.trace.texts("handshake refused")[0]


async def test_a_station_without_subprotocol_speaks_the_fallback() -> None:
    settings = replace(QUIET, fallback_version="1.6")
    async with stage(settings) as on, on.station(version=None) as socket:
        assert socket.subprotocol is None
        assert await call(socket, "Heartbeat", {}) == HEARTBEAT_ANSWER


async def test_a_pinned_version_is_the_fallback_of_its_station() -> None:
    door = Door(lambda asked: Admitted(station_id="CP1", admission=Admission.ACCEPTED, ocpp_version="2.0.1"))
    async with stage(replace(QUIET, fallback_version="1.6"), door=door) as on, on.station(version=None) as socket:
        await call(socket, "Heartbeat", {})
        info = on.server.stations.find_connection("cp1")

    assert info is not None
    assert info.version == "2.0.1"


async def request(port: int, *lines: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.read(4096)
    writer.close()
    await writer.wait_closed()
    return answer.decode()


@pytest.mark.parametrize(
    ("dropped", "status", "named"),
    [
        ("Upgrade: websocket", "426", "Upgrade"),
        ("Connection: Upgrade", "426", "Connection"),
        ("Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==", "400", "Sec-WebSocket-Key"),
        ("Sec-WebSocket-Version: 13", "400", "Sec-WebSocket-Version"),
    ],
)
async def test_what_is_missing_in_an_upgrade_is_named(dropped: str, status: str, named: str) -> None:
    lines = [
        "GET /ocpp/CP1 HTTP/1.1",
        "Host: gateway",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: ocpp1.6",
    ]
    async with stage() as on:
        answer = await request(on.port, *[line for line in lines if line != dropped])

    assert answer.startswith(f"HTTP/1.1 {status}")
    station_id, _, text = on.trace.events[0]
    assert station_id == "CP1"
    assert named in text


async def test_what_is_no_http_is_traced() -> None:
    async with stage() as on:
        await request(on.port, "HELO gateway")
        await until(lambda: on.trace.events)

    assert "no HTTP request" in on.trace.texts("handshake refused")[0]


async def test_tls_on_the_plain_port_is_named() -> None:
    async with stage() as on:
        with pytest.raises((ssl.SSLError, OSError)):
            await asyncio.open_connection("127.0.0.1", on.port, ssl=ssl.create_default_context())
        await until(lambda: on.trace.events)

    assert "TLS on the plain port" in on.trace.texts("handshake refused")[0]


async def test_too_many_handshakes_at_once_are_put_off() -> None:
    opened = asyncio.Event()

    class SlowDoor(Door):
        async def decide(self, asked: HandshakeAsked) -> Admitted | Refused:
            self.asked.append(asked)
            await opened.wait()
            return Admitted(station_id=asked.station_id, admission=Admission.ACCEPTED)

    async with stage(replace(QUIET, max_handshakes=1), door=SlowDoor()) as on:

        async def first() -> None:
            async with on.station("CP1"):
                pass

        waiting = asyncio.create_task(first())
        await until(lambda: on.door.asked)
        status, headers = await status_of(on, "CP2")
        opened.set()
        await waiting

    assert status == 503
    assert headers["Retry-After"] == "10"


async def test_a_store_that_is_down_puts_handshakes_off() -> None:
    def fail(asked: HandshakeAsked) -> Admitted:
        raise StoreDownError("disk full")

    async with stage(door=Door(fail)) as on:
        first, _ = await status_of(on)
        second, _ = await status_of(on)

    assert (first, second) == (503, 503)
    assert len(on.door.asked) == 1


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_tls_stations_are_served_alike() -> None:
    server, client = contexts()
    async with stage(tls=server) as on, on.station(ssl=client) as socket:
        assert await call(socket, "Heartbeat", {}) == HEARTBEAT_ANSWER
        info = on.server.stations.find_connection("CP1")

    assert on.door.asked[0].is_tls
    assert info is not None
    assert info.is_tls
    assert "TLSv1.3" in str(info.tls)


async def test_compression_is_off_unless_set() -> None:
    async with stage() as on, on.station(compression="deflate") as socket:
        assert socket.protocol.extensions == []


async def test_compression_keeps_no_context() -> None:
    async with stage(replace(QUIET, compression=True)) as on, on.station(compression="deflate") as socket:
        assert await call(socket, "Heartbeat", {}) == HEARTBEAT_ANSWER
        assert len(socket.protocol.extensions) == 1
        assert "no_context_takeover" in socket.response.headers["Sec-WebSocket-Extensions"]  # type: ignore[union-attr]
