"""An eMSP behind a hub: its driver charges while it is not there, and is billed once it is back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.e2e.house import House, until
from tests.e2e.wire import VERSION, Platform, Visit, charger, credentials_of, equip, now, peer_platform, send
from tests.fakes.ocpi_peer import FakePeer, envelope

UID = "04A2B3C4D5E680"
HUB = {"role": "HUB", "business_details": {"name": "Hub"}, "party_id": "HUB", "country_code": "NL"}


def client(status: str) -> dict[str, Any]:
    return {"country_code": "DE", "party_id": "EMP", "role": "EMSP", "status": status}


class Taken:
    """What the hub was sent: the line of each request, and to whom it goes."""

    def __init__(self, peer: FakePeer) -> None:
        self.told: list[tuple[str, str | None]] = []
        peer.take = self.take

    async def take(self, request: web.Request) -> web.Response:
        self.told.append((f"{request.method} {request.path.split('/')[2]}", request.headers.get("OCPI-to-party-id")))
        return envelope(http=201 if request.method == "POST" else 200)


@asynccontextmanager
async def hub(house: House) -> AsyncIterator[tuple[Platform, Taken]]:
    """A registered hub with receivers for everything, and its list of clients: the eMSP is not there."""
    async with peer_platform() as peer:
        peer.role = HUB
        peer.modules = [("credentials", "SENDER"), ("hubclientinfo", "SENDER")]
        peer.modules += [(name, "RECEIVER") for name in ("locations", "tariffs", "sessions", "cdrs")]
        taken = Taken(peer)

        async def listed(_: web.Request) -> web.Response:
            return envelope([client("OFFLINE")])

        peer.override[f"GET /{VERSION}/hubclientinfo"] = listed
        partner = await house.call("POST", "partners", {"name": "Hub", "role": "HUB"})
        url = f"{house.ocpi_url}/cpo/{VERSION}/credentials"
        answer = await send("POST", url, token=partner["token_a"], body=credentials_of(peer))
        assert answer.codes == (200, 1000), answer.body
        yield Platform(house, peer, partner["id"], answer.data["token"]), taken


async def statuses(house: House, hub_id: str) -> list[str]:
    return [one["status"] for one in await house.items(f"partners/{hub_id}/clients")]


async def test_who_is_not_there_is_told_of_the_visit_and_billed_once_it_is_back(house: House) -> None:
    await equip(house, "CS1")
    async with hub(house) as (platform, taken):
        await until(lambda: statuses(house, platform.partner_id), "the list of the hub to be pulled")
        await platform.push(UID, country_code="DE", party_id="EMP")
        async with charger(house) as plug:
            await plug.live(Visit(UID, now() - timedelta(minutes=40)))
        await house.wait_for_cdrs(1)
        await until(lambda: told_of(taken, "PUT locations"), "the location to reach the hub")
        await house.restart()
        assert await statuses(house, platform.partner_id) == ["OFFLINE"]
        assert {to for _, to in taken.told} == {"HUB"}

        answer = await platform.ask("PUT", "hubclientinfo/DE/EMP", body=client("CONNECTED"))
        assert answer.codes == (200, 1000), answer.body
        assert answer.routing == {}
        await until(lambda: told_of(taken, "POST cdrs"), "the bill to reach the eMSP")

        of_visit = [
            (line, to) for line, to in taken.told if line not in ("PUT locations", "PUT tariffs", "PATCH locations")
        ]
        assert of_visit == [("PUT sessions", "EMP"), ("POST cdrs", "EMP")]


async def told_of(taken: Taken, line: str) -> bool:
    return line in [each for each, _ in taken.told]
