"""Who is let in, under which version, and what a station hears when it is not."""

import asyncio
import base64
import json
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.house import House, pick_ports, until
from tests.e2e.raw import Raw, at, basic, refusal

VERSIONS = ["1.6", "2.0.1"]
QUIET = {"GATEWAY_OCPP__CONFIGURE_METERING": "false"}
KEY = bytes(range(240, 256)) + b"\x00\x01:\xff"  # twenty bytes, neither text nor without a colon
TEXT_PASSWORD = "pass:word:with-colons-0123"
STATUS = {
    "1.6": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "2.0.1": {"timestamp": at(0), "connectorStatus": "Available", "evseId": 1, "connectorId": 1},
}
START = {"connectorId": 1, "idTag": "CARD", "meterStart": 100, "timestamp": at(-10)}
STARTED = {
    "eventType": "Started",
    "timestamp": at(-10),
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "TX1"},
    "evse": {"id": 1, "connectorId": 1},
}


@pytest.fixture(autouse=True)
def no_traceback(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever a station does, the log stays free of tracebacks."""
    yield
    logged = "".join(capfd.readouterr())
    print(logged)
    assert "Traceback" not in logged


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, env=QUIET) as running:
        yield running


async def connection_of(house: House, station_id: str) -> dict[str, Any] | None:
    connection: dict[str, Any] | None = (await house.call("GET", f"stations/{station_id}"))["connection"]
    return connection


async def traced(house: House, *words: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        entries = await house.items("trace?limit=500")
        return next((one for one in entries if all(word in f"{one['text']} {one['reason']}" for word in words)), None)

    found: dict[str, Any] = await until(look, f"a trace entry with {words}", 5)
    return found


async def incident(house: House, *words: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        entries = await house.items("incidents?limit=500")
        return next((one for one in entries if all(word in json.dumps(one) for word in words)), None)

    found: dict[str, Any] = await until(look, f"an incident with {words}", 5)
    return found


# --- the path


@pytest.mark.parametrize(
    ("path", "station_id"),
    [
        ("/CS1", "CS1"),
        ("/ocpp/CS1", "CS1"),
        ("/steve/websocket/CentralSystemService/CS1", "CS1"),
        ("//ocpp//CS1", "CS1"),
        ("/ocpp/CS1?vendor=acme&x=/y", "CS1"),
        ("/ocpp/RDAM%20123", "RDAM 123"),
        ("/ocpp/a%2Db%5Fc", "a-b_c"),
        ("/ocpp/100%25", "100%"),
        ("/ocpp/50%2525", "50%25"),
        ("/ocpp/" + "X" * 48, "X" * 48),
        ("/ocpp/DE*ACM*E1", "DE*ACM*E1"),
    ],
)
async def test_the_last_segment_of_any_path_decoded_once_is_the_identity(
    house: House, path: str, station_id: str
) -> None:
    async with Raw(f"ws://127.0.0.1:{house.ports[0]}{path}") as station:
        await station.boot()
        known = [one["station_id"] for one in await house.items("stations")]

    assert known == [station_id]


@pytest.mark.parametrize("path", ["/ocpp/" + "X" * 49, "/ocpp/CS:1", "/ocpp/CS%3A1", "/", "/ocpp/%00", "/ocpp/%FF"])
async def test_a_path_without_a_usable_identity_gets_404_and_is_traced_as_it_came(house: House, path: str) -> None:
    status, _, _ = await refusal(f"ws://127.0.0.1:{house.ports[0]}{path}")

    assert status == 404
    entry = await traced(house, "404", path)
    assert "identity" in entry["text"]
    assert await house.items("stations") == []


async def test_identities_differ_by_more_than_case_and_keep_their_first_spelling(house: House) -> None:
    await house.call("PUT", "stations/Depot-01", {})
    async with Raw(f"{house.ocpp_url}/DEPOT-01") as station:
        assert (await station.boot())["status"] == "Accepted"
        stations = await house.items("stations")
        other = await house.call("GET", "stations/depot-01")

    assert [one["station_id"] for one in stations] == ["Depot-01"]
    assert other["station_id"] == "Depot-01"
    assert other["connection"]


async def test_a_plain_http_request_is_told_to_upgrade_and_traced(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[0])
    writer.write(b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\n\r\n")
    head = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()

    assert head.startswith("HTTP/1.1 426")
    await traced(house, "no WebSocket upgrade")


async def test_noise_on_the_port_harms_nothing(house: House) -> None:
    for noise in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 9_000,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.ports[0])
        writer.write(noise)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with Raw(f"{house.ocpp_url}/CS1") as station:
        await station.boot()


# --- the version


async def closed_at_once(url: str, subprotocols: list[str]) -> tuple[str | None, int | None, str]:
    async with Raw(url, subprotocols=subprotocols) as station:
        code, reason = await station.closed_with()
        return station.subprotocol, code, reason


@pytest.mark.parametrize("offered", [[], ["ocpp1.5"], ["ocpp1.2", "mqtt"], ["ocpp2.0"]])
async def test_without_a_version_in_common_the_handshake_completes_and_the_connection_closes(
    house: House, offered: list[str]
) -> None:
    # OCPP-J 1.6 3.2; OCPP 2.0.1 part 4 3.2
    await house.call("PUT", "stations/CS1", {})

    subprotocol, code, reason = await closed_at_once(f"{house.ocpp_url}/CS1", offered)

    assert subprotocol is None
    assert code == 1002
    assert "ocpp1.6" in reason
    assert "ocpp2.0.1" in reason
    entry = await traced(house, "no mutual OCPP version")
    assert entry["station_id"] == "CS1"
    assert all(one in f"{entry['text']} {entry['reason']}" for one in offered)
    assert await incident(house, "CS1", "no mutual OCPP version")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp1.6"], "ocpp1.6"),
        (["ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp1.6", "ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        (["ocpp2.0", "ocpp1.6", "ocpp1.5"], "ocpp1.6"),
    ],
)
async def test_the_newest_version_offered_is_chosen(house: House, offered: list[str], chosen: str) -> None:
    async with Raw(f"{house.ocpp_url}/CS1", subprotocols=offered) as station:
        assert station.subprotocol == chosen
        station.version = chosen.removeprefix("ocpp")
        await station.boot()
        connection = await connection_of(house, "CS1")

    assert connection
    assert connection["version"] == chosen.removeprefix("ocpp")


async def test_a_pinned_version_wins_and_no_other_is_spoken(house: House) -> None:
    await house.call("PUT", "stations/CS1", {"ocpp_version": "1.6"})
    async with Raw(f"{house.ocpp_url}/CS1", subprotocols=["ocpp2.0.1", "ocpp1.6"]) as station:
        assert station.subprotocol == "ocpp1.6"

    subprotocol, code, reason = await closed_at_once(f"{house.ocpp_url}/CS1", ["ocpp2.0.1"])

    assert (subprotocol, code) == (None, 1002)
    assert "1.6" in reason


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_that_offers_nothing_speaks_its_own_version(house: House, version: str) -> None:
    await house.call("PUT", "stations/CS1", {"ocpp_version": version})
    async with Raw(f"{house.ocpp_url}/CS1", subprotocols=[]) as station:
        station.version = version
        assert station.subprotocol is None
        assert (await station.boot())["status"] == "Accepted"


async def test_the_fallback_version_serves_those_who_offer_nothing_and_no_others(tmp_path: Path) -> None:
    async with House(tmp_path, env={**QUIET, "GATEWAY_OCPP__FALLBACK_VERSION": "1.6"}) as house:
        async with Raw(f"{house.ocpp_url}/CS1", subprotocols=[]) as station:
            assert station.subprotocol is None
            await station.boot()

        assert (await closed_at_once(f"{house.ocpp_url}/CS1", ["ocpp1.5"]))[1] == 1002


async def test_a_station_may_change_its_version_from_one_connection_to_the_next(house: House) -> None:
    await house.provision("CS1")
    for version in ("1.6", "2.0.1", "1.6"):
        async with Raw(f"{house.ocpp_url}/CS1", version=version) as station:
            assert (await station.boot())["status"] == "Accepted"
            await station.ask("StatusNotification", STATUS[version])


async def test_a_version_that_is_none_is_refused_with_the_ones_there_are(house: House) -> None:
    status, answer = await house.ask("PUT", "stations/CS1", {"ocpp_version": "1.5"})

    assert status == 400
    assert "1.6" in json.dumps(answer)
    assert "2.0.1" in json.dumps(answer)


# --- passwords


WRONG_HEADERS = {
    "missing": None,
    "wrong": basic("CS1", "another-password-0123"),
    "other user": basic("CS2", "0123456789abcdef0123"),
    "no user": basic("", "0123456789abcdef0123"),
    "empty": basic("CS1", ""),
    "not base64": {"Authorization": "Basic ***"},
    "no colon": {"Authorization": "Basic " + base64.b64encode(b"CS1").decode()},
    "another scheme": {"Authorization": "Bearer 0123456789abcdef0123"},
}


@pytest.mark.parametrize("name", WRONG_HEADERS)
async def test_a_wrong_or_missing_password_is_401_before_the_upgrade(house: House, name: str) -> None:
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": "0123456789abcdef0123"})

    status, body, headers = await refusal(f"{house.ocpp_url}/CS1", headers=WRONG_HEADERS[name])

    assert status == 401
    assert headers["www-authenticate"].lower().startswith("basic")
    assert "0123456789abcdef0123" not in body
    entry = await traced(house, "401")
    assert entry["station_id"] == "CS1"
    told = f"{entry['text']} {entry['reason']}"
    assert "0123456789abcdef0123" not in told
    assert "another-password" not in told
    if name == "missing":
        assert "none" in told
    if name == "other user":
        assert "user" in told
    assert await incident(house, "CS1", "401")


async def test_a_key_is_never_shown_again(house: House) -> None:
    password = "0123456789abcdef0123"
    put = await house.call("PUT", "stations/CS1", {"password": password})
    shown = json.dumps([put, await house.call("GET", "stations/CS1"), await house.items("stations")])
    async with Raw(f"{house.ocpp_url}/CS1", headers=basic("CS1", password)) as station:
        await station.boot()
        trace = json.dumps(await house.items("trace?limit=500"))

    assert password not in shown
    assert put["has_password"] is True
    assert password not in trace
    assert base64.b64encode(f"CS1:{password}".encode()).decode() not in trace
    for file in (house.directory / "data").iterdir():
        assert password.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("password", [KEY, KEY.hex(), KEY.hex().upper()], ids=["bytes", "hex", "HEX"])
@pytest.mark.parametrize("given", [KEY.hex(), KEY.hex().upper()], ids=["set as hex", "set as HEX"])
async def test_a_1_6_key_is_accepted_as_bytes_and_as_hex_text(house: House, given: str, password: str | bytes) -> None:
    # security whitepaper edition 3 A00.FR.205
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": given})
    async with Raw(f"{house.ocpp_url}/CS1", headers=basic("CS1", password)) as station:
        assert (await station.boot())["status"] == "Accepted"


@pytest.mark.parametrize(
    "password", [TEXT_PASSWORD, "pässwörd-€-0123456789", "x" * 40, "ABCDEF0123456789ABCDEF0123456789"]
)
async def test_a_2_0_1_password_is_the_text_itself(house: House, password: str) -> None:
    # OCPP 2.0.1 part 2 A00.FR.204, .205
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": password})
    async with Raw(f"{house.ocpp_url}/CS1", version="2.0.1", headers=basic("CS1", password)) as station:
        assert (await station.boot())["status"] == "Accepted"

    assert (await refusal(f"{house.ocpp_url}/CS1", version="2.0.1", headers=basic("CS1", password + "x")))[0] == 401
    assert (await refusal(f"{house.ocpp_url}/CS1", version="2.0.1", headers=basic("CS1", password[:-1])))[0] == 401


async def test_the_user_may_be_the_identity_in_another_case(house: House) -> None:
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": TEXT_PASSWORD})
    async with Raw(f"{house.ocpp_url}/cs1", headers=basic("Cs1", TEXT_PASSWORD)) as station:
        await station.boot()


async def test_a_station_that_sends_a_password_nobody_set_is_let_in(house: House) -> None:
    """Nothing is proven by it, and refusing it would lock out stations that always send one."""
    await house.call("PUT", "stations/CS1", {})
    async with Raw(f"{house.ocpp_url}/CS1", headers=basic("CS1", "whatever-it-is-12345")) as station:
        await station.boot()


async def test_a_profile_that_needs_a_password_is_not_set_without_one(house: House) -> None:
    status, answer = await house.ask("PUT", "stations/CS1", {"security_profile": 1})

    assert status == 400, answer
    assert "password" in json.dumps(answer)


async def test_a_new_password_disconnects_the_station_and_ends_the_old_one(house: House) -> None:
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": "old-password-0123456"})
    async with Raw(f"{house.ocpp_url}/CS1", headers=basic("CS1", "old-password-0123456")) as station:
        await station.boot()
        await house.call("PUT", "stations/CS1", {"password": "new-password-0123456"})
        code, _ = await station.closed_with()

    assert code in (1000, 1001, 1008, 1012)
    assert (await refusal(f"{house.ocpp_url}/CS1", headers=basic("CS1", "old-password-0123456")))[0] == 401
    async with Raw(f"{house.ocpp_url}/CS1", headers=basic("CS1", "new-password-0123456")) as station:
        await station.boot()


# --- security profiles and TLS


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[tuple[House, str, ssl.SSLContext]]:
    """A gateway with a TLS listener, its URL, and what a station needs to trust it."""
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    for number, part in enumerate(server.cert_chain_pems):
        part.write_to_path(certificate, append=number > 0)
    server.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    (port,) = pick_ports(1)
    env = {
        **QUIET,
        "GATEWAY_OCPP__TLS__LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_OCPP__TLS__CERTIFICATE": str(certificate),
        "GATEWAY_OCPP__TLS__KEY": str(key),
    }
    async with House(tmp_path, env=env) as running:
        yield running, f"wss://localhost:{port}/ocpp", context


async def test_profile_2_is_a_password_over_tls_and_nothing_else(tls: tuple[House, str, ssl.SSLContext]) -> None:
    house, url, context = tls
    await house.call("PUT", "stations/CS1", {"security_profile": 2, "password": TEXT_PASSWORD})
    good = basic("CS1", TEXT_PASSWORD)
    async with Raw(f"{url}/CS1", version="2.0.1", headers=good, ssl=context) as station:
        assert (await station.boot())["status"] == "Accepted"
        connection = await connection_of(house, "CS1")
    assert connection
    assert connection["is_tls"] is True
    assert "TLSv1" in json.dumps(connection["tls"])

    assert (await refusal(f"{url}/CS1", headers=basic("CS1", "wrong-password-01234"), ssl=context))[0] == 401
    assert (await refusal(f"{house.ocpp_url}/CS1", headers=good))[0] in (401, 403)
    entry = await traced(house, "handshake refused", "TLS")
    assert "profile" in entry["text"]


async def test_profile_1_is_refused_over_tls(tls: tuple[House, str, ssl.SSLContext]) -> None:
    # OCPP 2.0.1 part 2 A00.FR.002
    house, url, context = tls
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": TEXT_PASSWORD})

    assert (await refusal(f"{url}/CS1", headers=basic("CS1", TEXT_PASSWORD), ssl=context))[0] in (401, 403)
    async with Raw(f"{house.ocpp_url}/CS1", headers=basic("CS1", TEXT_PASSWORD)) as station:
        await station.boot()


async def test_a_station_without_a_profile_may_use_either_listener(tls: tuple[House, str, ssl.SSLContext]) -> None:
    house, url, context = tls
    await house.call("PUT", "stations/CS1", {"password": TEXT_PASSWORD})
    for where, options in ((url, {"ssl": context}), (house.ocpp_url, {})):
        async with Raw(f"{where}/CS1", headers=basic("CS1", TEXT_PASSWORD), **options) as station:
            await station.boot()


async def test_tls_below_1_2_and_no_tls_at_all_are_turned_away_without_harm(
    tls: tuple[House, str, ssl.SSLContext],
) -> None:
    house, url, context = tls
    port = int(url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"101" not in await reader.read()
    writer.close()
    await writer.wait_closed()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        async with Raw(f"{url}/CS1", ssl=old):
            pass

    async with Raw(f"{url}/CS1", ssl=context) as station:
        await station.boot()
    assert (await house.call("GET", "health"))["status"] == "up"


@pytest.mark.parametrize("security_profile", [4, -1, "1", 3.5])
async def test_a_profile_that_is_none_is_refused(house: House, security_profile: Any) -> None:
    status, answer = await house.ask("PUT", "stations/CS1", {"security_profile": security_profile})

    assert status == 400
    assert "security_profile" in json.dumps(answer)


# --- unknown stations


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_unknown_station_waits_in_quarantine_until_the_operator_lets_it_in(house: House, version: str) -> None:
    async with Raw(f"{house.ocpp_url}/NEW", version=version) as station:
        pending = await station.boot()
        refused = await station.call("StatusNotification", STATUS[version])
        heartbeat = await station.call("Heartbeat", {})
        listed = await house.items("stations")
        calls = {name: await house.ask("POST", "stations/NEW/calls", body) for name, body in REMOTE[version].items()}
        await house.call("PUT", "stations/NEW", {})
        accepted = await station.boot()
        asked = [call[2] for call in station.heard]
        served = await station.call("StatusNotification", STATUS[version])

    assert set(asked) <= {"TriggerMessage"}, "a remote start or stop reached a station that is not accepted"
    assert pending["status"] == "Pending"
    assert pending["interval"] > 0
    # 1.6J errata 3.8; OCPP 2.0.1 part 2 B02.FR.09
    assert refused[0::2][:2] == [4, "SecurityError"]
    assert heartbeat[0::2][:2] == [4, "SecurityError"]
    assert refused[3]
    assert [(one["station_id"], one["admission"]) for one in listed] == [("NEW", "PENDING")]
    # OCPP 1.6 4.2: no remote start or stop while pending; OCPP 2.0.1 part 2 B02.FR.05
    for name, (_, answer) in calls.items():
        assert answer.get("outcome") != "accepted", name
        assert "Pending" in json.dumps(answer), (name, answer)
    assert accepted["status"] == "Accepted"
    assert served[0] == 3


REMOTE = {
    "1.6": {
        "start": {"action": "RemoteStartTransaction", "payload": {"idTag": "CARD", "connectorId": 1}, "timeout_s": 1},
        "stop": {"action": "RemoteStopTransaction", "payload": {"transactionId": 1}, "timeout_s": 1},
    },
    "2.0.1": {
        "start": {
            "action": "RequestStartTransaction",
            "payload": {"idToken": {"idToken": "CARD", "type": "ISO14443"}, "remoteStartId": 1, "evseId": 1},
            "timeout_s": 1,
        },
        "stop": {"action": "RequestStopTransaction", "payload": {"transactionId": "TX1"}, "timeout_s": 1},
    },
}


@pytest.mark.parametrize("version", VERSIONS)
async def test_promotion_asks_the_waiting_station_to_boot_again(house: House, version: str) -> None:
    # OCPP 2.0.1 part 2 B02.FR.02
    async with Raw(f"{house.ocpp_url}/NEW", version=version) as station:
        await station.boot()
        async with asyncio.timeout(3):
            await house.call("PUT", "stations/NEW", {})
        trigger = await station.asked("TriggerMessage")
        await station.reply(trigger, {"status": "Accepted"})
        accepted = await station.boot()

    assert trigger[3] == {"requestedMessage": "BootNotification"}
    assert accepted["status"] == "Accepted"


async def test_promotion_with_a_password_sends_the_station_away_to_prove_it(house: House) -> None:
    async with Raw(f"{house.ocpp_url}/NEW") as station:
        await station.boot()
        await house.call("PUT", "stations/NEW", {"security_profile": 1, "password": TEXT_PASSWORD})
        await station.closed_with()
    assert (await refusal(f"{house.ocpp_url}/NEW"))[0] == 401
    async with Raw(f"{house.ocpp_url}/NEW", headers=basic("NEW", TEXT_PASSWORD)) as station:
        assert (await station.boot())["status"] == "Accepted"


async def test_a_promotion_outlives_a_restart(house: House) -> None:
    async with Raw(f"{house.ocpp_url}/NEW") as station:
        await station.boot()
    await house.restart()
    assert (await house.call("GET", "stations/NEW"))["admission"] == "PENDING"
    await house.call("PUT", "stations/NEW", {})
    await house.restart()
    async with Raw(f"{house.ocpp_url}/NEW") as station:
        assert (await station.boot())["status"] == "Accepted"


async def test_what_a_pending_station_was_asked_for_is_answered(house: House) -> None:
    # OCPP 2.0.1 part 2 B02.FR.09: messages asked for by TriggerMessage are served
    async with Raw(f"{house.ocpp_url}/NEW", version="2.0.1") as station:
        await station.boot()
        payload = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
        asking = asyncio.create_task(
            house.call("POST", "stations/NEW/calls", {"action": "TriggerMessage", "payload": payload})
        )
        trigger = await station.asked("TriggerMessage")
        await station.reply(trigger, {"status": "Accepted"})
        assert (await asking)["outcome"] == "accepted"
        served = await station.call("StatusNotification", STATUS["2.0.1"])
        unasked = await station.call("Heartbeat", {})

    assert served[0] == 3
    assert unasked[2] == "SecurityError"


@pytest.mark.parametrize(
    ("version", "action", "payload"), [("1.6", "StartTransaction", START), ("2.0.1", "TransactionEvent", STARTED)]
)
async def test_a_transaction_message_of_a_pending_station_is_kept(
    house: House, version: str, action: str, payload: dict[str, Any]
) -> None:
    async with Raw(f"{house.ocpp_url}/NEW", version=version) as station:
        await station.boot()
        answer = await station.call(action, payload)
        (kept,) = await house.items("quarantine")

    assert answer[2] == "SecurityError"
    assert kept["station_id"] == "NEW"
    assert kept["action"] == action
    assert json.loads(kept["frame"])[3] == payload


async def test_strict_pending_off_serves_a_station_in_quarantine(tmp_path: Path) -> None:
    env = {**QUIET, "GATEWAY_OCPP__STRICT_PENDING": "false"}
    async with House(tmp_path, env=env) as house, Raw(f"{house.ocpp_url}/NEW") as station:
        assert (await station.boot())["status"] == "Pending"
        assert (await station.call("StatusNotification", STATUS["1.6"]))[0] == 3
        assert (await station.call("StartTransaction", START))[0] == 3


async def test_accept_serves_unknown_stations(tmp_path: Path) -> None:
    env = {**QUIET, "GATEWAY_OCPP__UNKNOWN_STATIONS": "accept"}
    async with House(tmp_path, env=env) as house, Raw(f"{house.ocpp_url}/NEW") as station:
        assert (await station.boot())["status"] == "Accepted"
        assert (await station.call("StatusNotification", STATUS["1.6"]))[0] == 3


async def test_refuse_answers_404_to_unknown_stations(tmp_path: Path) -> None:
    # OCPP-J 1.6 3.2
    async with House(tmp_path, env={**QUIET, "GATEWAY_OCPP__UNKNOWN_STATIONS": "refuse"}) as house:
        await house.call("PUT", "stations/KNOWN", {})
        status, _, _ = await refusal(f"{house.ocpp_url}/NEW")
        entry = await traced(house, "404", "/ocpp/NEW")
        async with Raw(f"{house.ocpp_url}/KNOWN") as station:
            await station.boot()

        assert status == 404
        assert "unknown" in entry["text"]
        assert [one["station_id"] for one in await house.items("stations")] == ["KNOWN"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_once_accepted_comes_back_without_a_boot(house: House, version: str) -> None:
    # OCPP-J 1.6 5.4; OCPP 2.0.1 part 4 5.3
    await house.provision("CS1")
    async with Raw(f"{house.ocpp_url}/CS1", version=version) as station:
        await station.boot()
    await house.restart()
    async with Raw(f"{house.ocpp_url}/CS1", version=version) as station:
        assert (await station.call("StatusNotification", STATUS[version]))[0] == 3


# --- one station, two connections


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_newest_connection_wins_and_the_old_ones_call_fails(house: House, version: str) -> None:
    await house.provision("CS1")
    async with Raw(f"{house.ocpp_url}/CS1", version=version) as old:
        await old.boot()
        body = {"action": "ClearCache", "payload": {}, "timeout_s": 20}
        asking = asyncio.create_task(house.call("POST", "stations/CS1/calls", body))
        await old.asked("ClearCache")
        async with Raw(f"{house.ocpp_url}/cs1", version=version) as new:
            code, reason = await old.closed_with()
            async with asyncio.timeout(5):
                failed = await asking
            await new.hears_nothing()
            connection = await connection_of(house, "CS1")

            assert code in (1000, 1001)
            assert reason
            assert failed["outcome"] in ("offline", "timeout")
            assert connection
            assert connection["version"] == version
            await new.boot()  # without it our calls wait a while for one
            again = asyncio.create_task(house.call("POST", "stations/CS1/calls", body))
            await new.reply(await new.asked("ClearCache"), {"status": "Accepted"})
            assert (await again)["payload"] == {"status": "Accepted"}
    await traced(house, "newer connection")


async def test_who_fails_to_prove_itself_does_not_push_out_the_one_who_did(house: House) -> None:
    await house.call("PUT", "stations/CS1", {"security_profile": 1, "password": TEXT_PASSWORD})
    async with Raw(f"{house.ocpp_url}/CS1", headers=basic("CS1", TEXT_PASSWORD)) as station:
        await station.boot()
        assert (await refusal(f"{house.ocpp_url}/CS1", headers=basic("CS1", "guess")))[0] == 401
        assert (await refusal(f"{house.ocpp_url}/CS1"))[0] == 401
        await station.hears_nothing()


async def test_a_lost_connection_is_gone_from_the_list(house: House) -> None:
    await house.provision("CS1")
    async with Raw(f"{house.ocpp_url}/CS1") as station:
        await station.boot()
        assert await connection_of(house, "CS1")
        station.socket.transport.abort()

        async def gone() -> bool:
            return await connection_of(house, "CS1") is None

        await until(gone, "the connection gone", 5)


async def test_a_deleted_station_is_disconnected_and_a_stranger_again(house: House) -> None:
    await house.call("PUT", "stations/CS1", {})
    async with Raw(f"{house.ocpp_url}/CS1") as station:
        await station.boot()
        await house.call("DELETE", "stations/CS1")
        code, _ = await station.closed_with()
    assert code in (1000, 1001, 1008)
    assert (await house.ask("GET", "stations/CS1"))[0] == 404
    async with Raw(f"{house.ocpp_url}/CS1") as station:
        assert (await station.boot())["status"] == "Pending"


async def test_a_station_with_an_open_session_is_not_deleted(house: House) -> None:
    await house.provision("CS1")
    async with Raw(f"{house.ocpp_url}/CS1") as station:
        await station.boot()
        await station.ask("StartTransaction", START)
        status, answer = await house.ask("DELETE", "stations/CS1")
        await station.hears_nothing()

    assert status == 409
    assert "session" in json.dumps(answer)


# --- pressure


async def test_handshakes_beyond_the_bound_get_503_with_retry_after(tmp_path: Path) -> None:
    async with House(tmp_path, env={**QUIET, "GATEWAY_OCPP__HANDSHAKES_IN_FLIGHT": "1"}) as house:

        async def knock(number: int) -> tuple[int, dict[str, str]]:
            try:
                async with Raw(f"{house.ocpp_url}/CS{number}") as station:
                    await station.boot()
                    return 101, {}
            except ConnectionClosed:
                return 0, {}
            except InvalidStatus as error:
                headers = error.response.headers.raw_items()
                return error.response.status_code, {key.lower(): value for key, value in headers}

        heard = await asyncio.gather(*(knock(number) for number in range(60)))

        assert {status for status, _ in heard} <= {101, 503}
        assert 101 in {status for status, _ in heard}
        for status, headers in heard:
            if status == 503:
                assert int(headers["retry-after"]) > 0
        async with Raw(f"{house.ocpp_url}/CS1") as station:
            await station.boot()


async def test_half_a_handshake_does_not_hold_the_door(tmp_path: Path) -> None:
    """A connection that sends nothing is not yet a handshake that is worked on."""
    async with House(tmp_path, env={**QUIET, "GATEWAY_OCPP__HANDSHAKES_IN_FLIGHT": "1"}) as house:
        idle = socket.create_connection(("127.0.0.1", house.ports[0]))
        try:
            idle.sendall(b"GET /ocpp/SLOW HTTP/1.1\r\n")
            async with Raw(f"{house.ocpp_url}/CS1") as station:
                await station.boot()
        finally:
            idle.close()


# --- keeping the line


async def test_without_a_ping_interval_no_ping_is_sent(tmp_path: Path) -> None:
    async with House(tmp_path, env={**QUIET, "GATEWAY_OCPP__PING_INTERVAL_S": "0"}) as house:
        await house.provision("CS1")
        async with Raw(f"{house.ocpp_url}/CS1") as station:
            pings = count_pings(station)
            await station.boot()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(station.socket.recv(), 1.5)
            await station.hears_nothing()

        assert pings == []


def count_pings(station: Raw) -> list[bytes]:
    """The pings that arrive from now on, seen below the library that answers them."""
    seen: list[bytes] = []
    protocol = station.socket.protocol
    receive = protocol.recv_frame

    def recv_frame(frame: Any) -> None:
        if frame.opcode.name == "PING":
            seen.append(frame.data)
        receive(frame)

    protocol.recv_frame = recv_frame  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize("compression", ["true", "false"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_that_offers_compression_is_served_with_and_without_it(
    tmp_path: Path, compression: str, version: str
) -> None:
    # OCPP 2.0.1 part 4 3.3
    async with House(tmp_path, env={**QUIET, "GATEWAY_OCPP__COMPRESSION": compression}) as house:
        async with Raw(f"{house.ocpp_url}/CS1", version=version, compression="deflate") as station:
            extensions = [one.name for one in station.socket.protocol.extensions]
            await station.boot()
            answer = await station.call("DataTransfer", {"vendorId": "v", "data": "d" * 100_000})

        assert answer[0] in (3, 4)
        if version == "2.0.1":
            assert extensions == (["permessage-deflate"] if compression == "true" else [])


async def test_a_silent_station_that_never_answers_is_not_dropped_early(tmp_path: Path) -> None:
    """Its metering is asked for, then a call of the operator: neither gets an answer, and the line stays."""
    env = {"GATEWAY_OCPP__CALL_TIMEOUT_S": "1", "GATEWAY_OCPP__CONFIGURE_METERING": "true"}
    async with House(tmp_path, env=env) as house:
        await house.provision("CS1")
        async with Raw(f"{house.ocpp_url}/CS1") as station:
            await station.boot()
            await station.asked("GetConfiguration")
            body = {"action": "ClearCache", "payload": {}, "timeout_s": 2}
            answer = await house.call("POST", "stations/CS1/calls", body)
            connection = await connection_of(house, "CS1")
            await station.asked("ClearCache")
            beat = await station.call("Heartbeat", {})

        assert answer["outcome"] == "timeout"
        assert connection
        assert beat[0] == 3


async def test_a_station_gone_deaf_is_closed_after_several_calls_without_an_answer(tmp_path: Path) -> None:
    async with House(tmp_path, env=QUIET) as house:
        await house.provision("CS1")
        async with Raw(f"{house.ocpp_url}/CS1") as station:
            await station.boot()
            outcomes = []
            for _ in range(12):
                body = {"action": "ClearCache", "payload": {}, "timeout_s": 0.1}
                outcomes.append((await house.call("POST", "stations/CS1/calls", body))["outcome"])
                if outcomes[-1] == "offline":
                    break
            await station.closed_with()

        assert outcomes[:3] == ["timeout"] * 3
        assert outcomes[-1] == "offline"
        await traced(house, "calls")
