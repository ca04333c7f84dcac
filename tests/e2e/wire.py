"""Both wires by hand: an eMSP's platform that sends exact requests, and a charger whose every figure is stated."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol
from yarl import URL

from simulators.demo import tariff
from tests.e2e.house import House, site
from tests.fakes.ocpi_peer import FakePeer

VERSION = "2.2.1"
PASSWORD = "secret-of-the-station"
ROUTING = ("OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id")


# --- OCPI


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `body` is its JSON."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    body: Any

    @property
    def codes(self) -> tuple[int, int]:
        """HTTP status and OCPI status."""
        return self.status, self.body["status_code"]

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def message(self) -> str:
        return str(self.body.get("status_message", ""))

    @property
    def routing(self) -> dict[str, str]:
        return {name: self.headers[name] for name in ROUTING if name in self.headers}


def encode(token: str) -> str:
    """A token as the Authorization header has it."""
    return base64.b64encode(token.encode()).decode()


async def send(
    method: str,
    url: str,
    *,
    token: str | None = None,
    body: Any = None,
    raw: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request with exactly these headers; `raw` is sent as it is."""
    sent = {"X-Request-ID": str(uuid4()), "X-Correlation-ID": str(uuid4())}
    if token is not None:
        sent["Authorization"] = f"Token {encode(token)}"
    payload = raw if raw is not None or body is None else orjson.dumps(body)
    if payload is not None:
        sent["Content-Type"] = "application/json"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, URL(url, encoded=True), data=payload, headers={**sent, **(headers or {})}) as response,
    ):
        content = await response.read()
        return Answer(response.status, response.headers.copy(), content, orjson.loads(content) if content else None)


@dataclass
class Platform:
    """A registered eMSP: `ask` calls the gateway with its token."""

    house: House
    peer: FakePeer
    partner_id: str
    token: str
    country_code: str = "DE"
    party_id: str = "EMP"

    def url(self, path: str) -> str:
        return f"{self.house.ocpi_url}/cpo/{VERSION}/{path}"

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """A path below the version's modules, or a whole URL."""
        url = path if path.startswith("http") else self.url(path)
        return await send(method, url, token=options.pop("token", self.token), **options)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def load(self, path: str) -> Any:
        """The data of a GET that must succeed."""
        answer = await self.get(path)
        assert answer.codes == (200, 1000), answer.body
        return answer.data

    async def follow(self, path: str) -> list[list[dict[str, Any]]]:
        """Every page of a list, by the links alone."""
        pages, url = [], self.url(path)
        while url:
            answer = await self.ask("GET", url)
            assert answer.codes == (200, 1000), answer.body
            pages.append(answer.data)
            url = next_link(answer)
            assert len(pages) < 100
        return pages

    def token_object(self, uid: str, **changes: Any) -> dict[str, Any]:
        return {
            "country_code": self.country_code,
            "party_id": self.party_id,
            "uid": uid,
            "type": "RFID",
            "contract_id": f"{self.country_code}-{self.party_id}-C12345678-X",
            "issuer": "Emobility Provider",
            "valid": True,
            "whitelist": "ALLOWED",
            "last_updated": stamp(now()),
            **changes,
        }

    def token_path(self, uid: str) -> str:
        return f"tokens/{self.country_code}/{self.party_id}/{quote(uid, safe='')}"

    async def push(self, uid: str, **changes: Any) -> dict[str, Any]:
        """PUT a token that must be taken."""
        token = self.token_object(uid, **changes)
        answer = await self.ask("PUT", self.token_path(uid), body=token)
        assert answer.status in (200, 201), answer.body
        assert answer.body["status_code"] == 1000, answer.body
        return token


def role_of(country_code: str, party_id: str) -> dict[str, Any]:
    return {
        "role": "EMSP",
        "business_details": {"name": f"Provider {party_id}"},
        "party_id": party_id,
        "country_code": country_code,
    }


def credentials_of(peer: FakePeer, **changes: Any) -> dict[str, Any]:
    return {"token": peer.token, "url": peer.url(), "roles": [peer.role], **changes}


@asynccontextmanager
async def peer_platform(country_code: str = "DE", party_id: str = "EMP") -> AsyncIterator[FakePeer]:
    """An eMSP's server that nobody is registered with."""
    peer = FakePeer()
    peer.role = role_of(country_code, party_id)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()


@asynccontextmanager
async def registered(
    house: House, country_code: str = "DE", party_id: str = "EMP", **options: Any
) -> AsyncIterator[Platform]:
    """An eMSP that has registered by the token A of its own; `options` are those of POST partners."""
    async with peer_platform(country_code, party_id) as peer:
        partner = await house.call("POST", "partners", {"name": f"Provider {party_id}", "role": "EMSP", **options})
        url = f"{house.ocpi_url}/cpo/{VERSION}/credentials"
        answer = await send("POST", url, token=partner["token_a"], body=credentials_of(peer))
        assert answer.codes == (200, 1000), answer.body
        yield Platform(house, peer, partner["id"], answer.data["token"], country_code, party_id)


def next_link(answer: Answer) -> str | None:
    """The URL of a Link header, which must look as the specification shows it."""
    link = answer.headers.get("Link")
    if link is None:
        return None
    assert link.startswith("<http"), link
    assert link.endswith('>; rel="next"'), link
    return link[1:].partition(">")[0]


# --- OCPP


def now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@dataclass
class Visit:
    """What a driver does at a plug: charges for a while, then stays without charging."""

    uid: str
    start: datetime
    charging: timedelta = timedelta(minutes=30)
    parking: timedelta = timedelta(0)
    energy_wh: int = 10_000
    meter_start: int = 100_000
    connector: int = 1

    @property
    def end(self) -> datetime:
        return self.start + self.charging + self.parking


@dataclass
class Charger16:
    """An OCPP 1.6 charger that says exactly what it is told to say."""

    socket: ClientConnection
    _ids: count[int] = field(default_factory=lambda: count(1))

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """One call and its answer; calls of the central system are answered as not implemented meanwhile."""
        message_id = f"m{next(self._ids)}"
        await self.socket.send(orjson.dumps([2, message_id, action, payload]).decode())
        while True:
            frame = orjson.loads(await self.socket.recv())
            if frame[0] == 2:
                await self.socket.send(orjson.dumps([4, frame[1], "NotImplemented", "", {}]).decode())
            elif frame[1] == message_id:
                assert frame[0] == 3, frame
                return dict(frame[2])

    async def authorize(self, uid: str) -> str:
        answer = await self.call("Authorize", {"idTag": uid})
        return str(answer["idTagInfo"]["status"])

    async def status(self, status: str, at: datetime, connector: int = 1) -> None:
        payload = {"connectorId": connector, "errorCode": "NoError", "status": status, "timestamp": stamp(at)}
        await self.call("StatusNotification", payload)

    async def begin(self, visit: Visit) -> int:
        """StartTransaction and the status that goes with it; the transaction's number."""
        payload = {
            "connectorId": visit.connector,
            "idTag": visit.uid,
            "meterStart": visit.meter_start,
            "timestamp": stamp(visit.start),
        }
        answer = await self.call("StartTransaction", payload)
        assert answer["idTagInfo"]["status"] == "Accepted", answer
        await self.status("Charging", visit.start, visit.connector)
        return int(answer["transactionId"])

    async def meter(self, transaction_id: int, at: datetime, register_wh: int, connector: int = 1) -> None:
        value = {"value": str(register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        payload = {
            "connectorId": connector,
            "transactionId": transaction_id,
            "meterValue": [{"timestamp": stamp(at), "sampledValue": [value]}],
        }
        await self.call("MeterValues", payload)

    async def finish(self, transaction_id: int, visit: Visit) -> None:
        if visit.parking:
            await self.status("SuspendedEV", visit.start + visit.charging, visit.connector)
        payload = {
            "transactionId": transaction_id,
            "idTag": visit.uid,
            "meterStop": visit.meter_start + visit.energy_wh,
            "timestamp": stamp(visit.end),
            "reason": "Local",
        }
        await self.call("StopTransaction", payload)
        await self.status("Available", visit.end, visit.connector)

    async def live(self, visit: Visit) -> int:
        """A whole visit."""
        transaction_id = await self.begin(visit)
        await self.finish(transaction_id, visit)
        return transaction_id


@asynccontextmanager
async def charger(house: House, station_id: str = "CS1", password: str | None = PASSWORD) -> AsyncIterator[Charger16]:
    """A charger that is connected and booted."""
    headers = {}
    if password is not None:
        secret = base64.b64encode(f"{station_id}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {secret}"
    url = f"{house.ocpp_url}/{station_id}"
    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], additional_headers=headers) as socket:
        station = Charger16(socket)
        answer = await station.call(
            "BootNotification", {"chargePointVendor": "Example", "chargePointModel": "Wallbox", "firmwareVersion": "1"}
        )
        assert answer["status"] == "Accepted", answer
        yield station


async def equip(house: House, *station_ids: str) -> None:
    """The demo's tariff and location, with a password for each station."""
    await house.provision(*station_ids, password=PASSWORD, security_profile=1)


def exact(content: bytes) -> Any:
    """JSON with every number as the Decimal that was written."""
    return json.loads(content, parse_float=Decimal, parse_int=Decimal)


async def visits(house: House, count: int, uid: str, station_id: str = "CS1") -> None:
    """So many finished visits, one after the other, each with its CDR."""
    before = len(await house.items("cdrs"))
    async with charger(house, station_id) as plug:
        for number in range(count):
            await plug.live(Visit(uid, now() - timedelta(hours=count - number), charging=timedelta(minutes=20)))
    await house.wait_for_cdrs(before + count)


async def put_sites(house: House, count: int) -> list[str]:
    """So many locations without EVSEs."""
    ids = [f"SITE-{number}" for number in range(count)]
    for site_id in ids:
        await house.call("PUT", f"locations/{site_id}", {**site(), "id": site_id})
    return ids


async def put_tariffs(house: House, count: int) -> None:
    for number in range(count):
        await house.call("PUT", f"tariffs/T{number}", {**tariff(), "id": f"T{number}"})
