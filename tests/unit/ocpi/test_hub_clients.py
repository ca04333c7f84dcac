"""What hubs tell of the parties behind them: pushed, and pulled as a list (OCPI 2.2.1 mod_hub_client_info)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.ids import party_id_of
from gateway.domain.partners import ConnectionStatus, Endpoint, HubClient, PartnerRole
from gateway.ports import DeleteHubClient, SaveHubClient
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_peer import FakePeer, envelope
from tests.fakes.ocpi_samples import NINE, PARTNER
from tests.unit.ocpi.conftest import Platform

CLIENTS = "/ocpi/cpo/2.2.1/hubclientinfo"
HUB_ROLE = PartnerRole(party=party_id_of("NL", "HUB"), role="HUB", name="Hub")
HUB = replace(PARTNER, role="HUB", roles=(HUB_ROLE,))
EMP = party_id_of("DE", "EMP")
BODY = {
    "country_code": "DE",
    "party_id": "EMP",
    "role": "EMSP",
    "status": "OFFLINE",
    "last_updated": "2026-03-01T09:00:00Z",
}


@pytest.fixture
async def hub_platform() -> AsyncIterator[Platform]:
    platform = Platform(HUB)
    await platform.client.start_server()
    yield platform
    await platform.client.close()
    await platform.api.close()


async def test_a_client_is_put_got_and_put_again(hub_platform: Platform) -> None:
    first = await hub_platform.ask("PUT", f"{CLIENTS}/de/emp", json=BODY)
    again = await hub_platform.ask("PUT", f"{CLIENTS}/DE/EMP", json={**BODY, "status": "SUSPENDED"})
    got = await hub_platform.ask("GET", f"{CLIENTS}/DE/EMP")

    assert (first.codes, again.codes, got.codes) == ((201, 1000), (200, 1000), (200, 1000))
    assert got.data == {**BODY, "status": "SUSPENDED"}
    assert_valid("client_info", got.data)


async def test_a_client_without_its_time_is_of_now(hub_platform: Platform) -> None:
    """The samples of the specification have none."""
    told = {name: value for name, value in BODY.items() if name != "last_updated"}
    await hub_platform.ask("PUT", f"{CLIENTS}/DE/EMP", json=told)

    assert hub_platform.book.clients_of(HUB.id)[0].last_updated == hub_platform.clock.now()


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_the_module_has_no_routing_headers(hub_platform: Platform, method: str) -> None:
    sent = {"OCPI-from-country-code": "NL", "OCPI-from-party-id": "HUB"}
    answer = await hub_platform.ask(method, f"{CLIENTS}/DE/EMP", json=BODY, headers=sent)

    assert not [name for name in answer.headers if name.lower().startswith(("ocpi-to", "ocpi-from"))]


@pytest.mark.parametrize(
    "wrong", [{"status": "ASLEEP"}, {"party_id": "XYZ"}, {"role": ""}, {"last_updated": "yesterday"}]
)
async def test_what_makes_no_sense_is_refused(hub_platform: Platform, wrong: dict[str, str]) -> None:
    answer = await hub_platform.ask("PUT", f"{CLIENTS}/DE/EMP", json={**BODY, **wrong})

    assert answer.codes == (200, 2001)
    assert hub_platform.book.clients_of(HUB.id) == []


async def test_an_unknown_client_is_404(hub_platform: Platform) -> None:
    assert (await hub_platform.ask("GET", f"{CLIENTS}/DE/EMP")).codes == (404, 2000)


async def test_only_a_hub_sees_the_module_and_may_use_it(platform: Platform, hub_platform: Platform) -> None:
    seen = [
        {entry["identifier"] for entry in (await each.ask("GET", "/ocpi/2.2.1")).data["endpoints"]}
        for each in (platform, hub_platform)
    ]

    assert ["hubclientinfo" in each for each in seen] == [False, True]
    assert (await platform.ask("PUT", f"{CLIENTS}/DE/EMP", json=BODY)).codes == (404, 2001)
    assert (await platform.ask("GET", f"{CLIENTS}/DE/EMP")).codes == (404, 2001)


async def test_a_registration_token_does_not_open_it(hub_platform: Platform) -> None:
    token_a = "token-a"
    await hub_platform.change_partner(replace(HUB, token_a_hash=hub_platform.secrets.keyed_hash(token_a.encode())))

    answer = await hub_platform.ask("PUT", f"{CLIENTS}/DE/EMP", json=BODY, token=token_a)

    assert answer.codes == (401, 2000)


async def test_the_end_of_the_registration_forgets_the_clients(hub_platform: Platform) -> None:
    await hub_platform.ask("PUT", f"{CLIENTS}/DE/EMP", json=BODY)

    await hub_platform.registration.end(HUB.id)

    assert hub_platform.book.clients_of(HUB.id) == []
    assert any(isinstance(change, DeleteHubClient) for change in hub_platform.store.works[-1])


class Desk:
    """A hub with a list, and the platform that pulls it."""

    def __init__(self, platform: Platform, peer: FakePeer) -> None:
        self.platform, self.peer = platform, peer
        self.page: list[Any] = []

    async def pull(self) -> None:
        rounds = self.platform.edge.hub_clients.rounds
        rounds.on_due(self.platform.clock.now())
        await rounds.settled()

    @property
    def statuses(self) -> dict[str, ConnectionStatus]:
        return {str(one.party): one.status for one in self.platform.book.clients_of(HUB.id)}


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    peer = FakePeer(token="token-we-use")
    await peer.start()
    endpoint = Endpoint(identifier="hubclientinfo", role="SENDER", url=peer.url("/2.2.1/hubclientinfo"))
    platform = Platform(replace(HUB, endpoints=(endpoint,), versions_url=peer.url()))
    desk = Desk(platform, peer)

    async def give(_request: web.Request) -> web.Response:
        return envelope(desk.page)

    peer.override["GET /2.2.1/hubclientinfo"] = give
    yield desk
    await platform.client.close()
    await platform.api.close()
    await peer.stop()


async def test_the_list_of_a_hub_is_pulled_at_once_then_at_intervals_and_without_routing(desk: Desk) -> None:
    desk.page = [BODY, {**BODY, "party_id": "TWO", "status": "CONNECTED"}]
    await desk.pull()
    assert desk.statuses == {"DE*EMP": ConnectionStatus.OFFLINE, "DE*TWO": ConnectionStatus.CONNECTED}

    await desk.pull()
    assert len(desk.peer.requests) == 1
    desk.platform.clock.pass_s(3_600)
    await desk.pull()

    assert len(desk.peer.requests) == 2
    assert not [name for name in desk.peer.requests[0][2] if name.lower().startswith("ocpi-")]


async def test_what_the_list_does_not_hold_is_forgotten_but_not_what_was_pushed_meanwhile(desk: Desk) -> None:
    old = HubClient(hub_id=HUB.id, party=EMP, role="EMSP", status=ConnectionStatus.CONNECTED, last_updated=NINE)
    newer = replace(old, party=party_id_of("FR", "NEW"), last_updated=desk.platform.clock.now() + timedelta(seconds=1))
    await desk.platform.store.commit([SaveHubClient(old), SaveHubClient(newer)])

    await desk.pull()

    assert desk.statuses == {"FR*NEW": ConnectionStatus.CONNECTED}


async def test_a_list_that_cannot_be_read_changes_nothing(desk: Desk) -> None:
    desk.page = [BODY]
    await desk.pull()
    desk.platform.clock.pass_s(3_600)
    desk.page = [{**BODY, "party_id": "TWO"}, {"party_id": "?"}]

    await desk.pull()

    assert desk.statuses == {"DE*EMP": ConnectionStatus.OFFLINE}
