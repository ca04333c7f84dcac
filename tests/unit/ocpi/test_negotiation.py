"""Which version a partner gets, and what stays when it changes."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.domain.ids import PartyId
from gateway.domain.locations import Location
from gateway.domain.partners import Partner
from gateway.errors import ConflictError, PartnerError
from gateway.flows.partner_urls import Fault
from gateway.flows.registration import Manners
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_peer import FakePeer, envelope
from tests.fakes.ocpi_samples import CDR, EMSP, LOCATION, OTHER_OF_OURS, OURS, SESSION
from tests.unit.ocpi.conftest import Platform

NUMBERS = ["2.1.1", "2.2.1", "2.3.0"]


@pytest.fixture
async def gateway() -> AsyncIterator[Platform]:
    platform = Platform()
    await platform.client.start_server()
    yield platform
    await platform.client.close()
    await platform.api.close()


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    peer = FakePeer()
    await peer.start()
    yield peer
    await peer.stop()


async def let_register(gateway: Platform, peer: FakePeer, version: str) -> tuple[Partner, str]:
    """The partner registers with us in that version; the partner, and the token it got."""
    peer.versions = NUMBERS
    partner, token_a = await gateway.registration.invite("Emobility Provider", "EMSP")
    url = f"/ocpi/cpo/{version}/credentials"
    answer = await gateway.ask("POST", url, token=token_a, json=peer.credentials(version))
    assert answer.codes == (200, 1000)
    assert_valid("credentials", answer.data, version=version)
    return gateway.store.partners[partner.id], answer.data["token"]


async def register_with(gateway: Platform, peer: FakePeer) -> Partner:
    return await gateway.registration.register_with(
        name="Emobility Provider", role="EMSP", versions_url=peer.url(), token=peer.token
    )


@pytest.mark.parametrize("version", NUMBERS)
async def test_a_partner_registers_in_each_version(gateway: Platform, peer: FakePeer, version: str) -> None:
    partner, token = await let_register(gateway, peer, version)

    assert (partner.version, [(role.role, role.party) for role in partner.roles]) == (version, [("EMSP", EMSP)])
    shown = await gateway.ask("GET", f"/ocpi/cpo/{version}/locations", token=token)
    assert shown.codes == (200, 1000)
    assert_valid("location", shown.data[0], version=version)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["2.1.1"], "2.1.1"), (["2.2.1", "2.1.1"], "2.2.1"), (["2.3.0", "2.2.1"], "2.3.0"), (["2.2.1", "3.0"], "2.2.1")],
)
async def test_we_register_in_the_highest_version_that_both_speak(
    gateway: Platform, peer: FakePeer, offered: list[str], chosen: str
) -> None:
    peer.versions = offered

    partner = await register_with(gateway, peer)

    assert (partner.version, peer.calls[-1]) == (chosen, f"POST /{chosen}/credentials")
    assert_valid("credentials", peer.given, version=chosen)


async def test_a_partner_of_2_1_1_is_called_with_the_plain_token(gateway: Platform) -> None:
    peer = FakePeer(raw=True)
    peer.versions = ["2.1.1"]
    await peer.start()

    partner = await register_with(gateway, peer)

    assert partner.raw_token
    assert peer.requests[-1][2]["Authorization"] == "Token peer-token"
    await peer.stop()


async def test_a_partner_that_puts_to_a_newer_version_keeps_everything_else(gateway: Platform, peer: FakePeer) -> None:
    partner, old = await let_register(gateway, peer, "2.1.1")
    await gateway.registration.change(partner.id, Manners(sees_unpublished=True, our_party=OTHER_OF_OURS))

    answer = await gateway.ask("PUT", "/ocpi/cpo/2.3.0/credentials", token=old, json=peer.credentials("2.3.0"))

    assert answer.codes == (200, 1000)
    upgraded = gateway.store.partners[partner.id]
    assert (upgraded.version, upgraded.sees_unpublished, upgraded.our_party) == ("2.3.0", True, OTHER_OF_OURS)
    assert {endpoint.url for endpoint in upgraded.endpoints} == {
        peer.url(f"/2.3.0/{module}") for module, _ in peer.modules
    }
    assert (await gateway.ask("GET", "/ocpi/cpo/2.3.0/locations", token=answer.data["token"])).codes == (200, 1000)


async def test_we_renew_in_a_version_that_the_partner_learned(gateway: Platform, peer: FakePeer) -> None:
    partner = await register_with(gateway, peer)
    before = peer.given["token"]
    peer.versions = NUMBERS
    peer.answer_token = "peer-token-d"
    inside: list[tuple[int, int]] = []

    async def call_back(given: dict[str, str]) -> None:
        inside.append((await gateway.ask("GET", "/ocpi/2.3.0", token=given["token"])).codes)

    peer.during_post = call_back
    renewed = await gateway.registration.renew(partner.id)

    assert (renewed.id, renewed.version, peer.calls[-1]) == (partner.id, "2.3.0", "PUT /2.3.0/credentials")
    assert gateway.registration.access(renewed).token == "peer-token-d"
    assert inside == [(200, 1000)]
    locations = "/ocpi/cpo/2.3.0/locations"
    assert (await gateway.ask("GET", locations, token=before)).codes == (200, 1000)
    assert (await gateway.ask("GET", locations, token=peer.given["token"])).codes == (200, 1000)
    assert (await gateway.ask("GET", locations, token=before)).codes == (401, 2000)


async def test_a_renewal_that_fails_changes_nothing(gateway: Platform, peer: FakePeer) -> None:
    partner = await register_with(gateway, peer)
    token = peer.given["token"]

    async def refuse(_request: web.Request) -> web.Response:
        return envelope(code=3000, message="not today")

    peer.override["PUT /2.2.1/credentials"] = refuse
    with pytest.raises(PartnerError, match="not today") as error:
        await gateway.registration.renew(partner.id)

    assert error.value.kind == Fault.REFUSED
    assert replace(gateway.store.partners[partner.id], revision=0) == replace(partner, revision=0)
    assert (await gateway.ask("GET", "/ocpi/cpo/2.2.1/locations", token=token)).codes == (200, 1000)


async def test_only_a_registered_partner_is_renewed(gateway: Platform) -> None:
    partner, _ = await gateway.registration.invite("Emobility Provider", "EMSP")

    with pytest.raises(ConflictError, match="not registered"):
        await gateway.registration.renew(partner.id)


# --- what a version without routing knows of us


async def test_in_2_1_1_a_partner_knows_one_party_of_ours_and_no_routing(gateway: Platform, peer: FakePeer) -> None:
    other = replace(LOCATION, id="LOC-B", party=OTHER_OF_OURS)
    put_locations(gateway, LOCATION, other)
    partner, token = await let_register(gateway, peer, "2.1.1")
    url = "/ocpi/cpo/2.1.1/locations"

    answer = await gateway.ask("GET", url, token=token, headers={"OCPI-to-party-id": "?"})
    assert [location["id"] for location in answer.data] == ["LOC1"]
    assert not any(name.lower().startswith("ocpi-") for name in answer.headers)

    await gateway.registration.change(partner.id, Manners(our_party=OTHER_OF_OURS))
    assert [one["id"] for one in (await gateway.ask("GET", url, token=token)).data] == ["LOC-B"]


def put_locations(gateway: Platform, *locations: Location) -> None:
    gateway.catalog.locations.clear()
    gateway.catalog.locations.update({location.id: location for location in locations})


async def test_endpoints_have_a_role_where_the_version_has_roles(gateway: Platform, peer: FakePeer) -> None:
    _, token = await let_register(gateway, peer, "2.1.1")

    for version in NUMBERS:
        details = await gateway.ask("GET", f"/ocpi/{version}", token=token)
        assert_valid("version_details", details.body, version=version)
        assert all(("role" in endpoint) == (version != "2.1.1") for endpoint in details.data["endpoints"])


async def test_a_token_of_2_1_1_is_pushed_patched_and_read(gateway: Platform, peer: FakePeer) -> None:
    _, token = await let_register(gateway, peer, "2.1.1")
    url = "/ocpi/cpo/2.1.1/tokens/DE/EMP/04A2"
    body = {
        "uid": "04A2",
        "type": "RFID",
        "auth_id": "DE-EMP-C1",
        "issuer": "EMP",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-03-01T09:00:00Z",
    }

    assert (await gateway.ask("PUT", url, token=token, json=body)).codes == (201, 1000)
    assert (await gateway.ask("PATCH", url, token=token, json={"valid": False})).codes == (200, 1000)
    assert (await gateway.ask("GET", url, token=token)).data == body | {"valid": False}


# --- lists in every version, and what is missing there


@pytest.mark.parametrize("version", NUMBERS)
async def test_every_list_is_valid_in_every_version(gateway: Platform, peer: FakePeer, version: str) -> None:
    partner, token = await let_register(gateway, peer, version)
    gateway.store.sessions = [replace(SESSION, partner_id=partner.id)]
    gateway.store.cdrs = [replace(CDR, partner_id=partner.id)]

    for module in ("locations", "sessions", "cdrs", "tariffs"):
        query = "?date_from=2026-01-01T00:00:00Z" if module == "sessions" else ""
        answer = await gateway.ask("GET", f"/ocpi/cpo/{version}/{module}{query}", token=token)
        assert answer.codes == (200, 1000)
        assert_valid(module, answer.data, version=version)
        assert len(answer.data) == (0 if (module, version) == ("tariffs", "2.1.1") else 1)


async def test_what_is_withheld_is_listed_for_the_operator(gateway: Platform, peer: FakePeer) -> None:
    _, token = await let_register(gateway, peer, "2.1.1")
    await gateway.ask("GET", "/ocpi/cpo/2.1.1/tariffs", token=token)
    await gateway.ask("GET", "/ocpi/cpo/2.1.1/locations", token=token)

    listed = {(entry.kind, entry.id, entry.is_whole_object): entry.reasons for entry in gateway.edge.withheld.all()}

    assert listed["tariff", "T1", True] == ("tariff T1 has a min_price or max_price, which OCPI 2.1.1 cannot say",)
    assert "help_phone" in listed["location", "LOC1", False]


async def test_in_2_1_1_an_unpublished_location_is_neither_listed_nor_counted_but_noted(
    gateway: Platform, peer: FakePeer
) -> None:
    put_locations(gateway, LOCATION, replace(LOCATION, id="PRIVATE", publish=False))
    partner, token = await let_register(gateway, peer, "2.1.1")
    await gateway.registration.change(partner.id, Manners(sees_unpublished=True))
    url = "/ocpi/cpo/2.1.1/locations"

    answer = await gateway.ask("GET", url, token=token)

    assert ([one["id"] for one in answer.data], answer.headers["X-Total-Count"]) == (["LOC1"], "1")
    assert (await gateway.ask("GET", f"{url}/PRIVATE/GWY-1-1", token=token)).codes == (404, 2003)
    assert [entry.id for entry in gateway.edge.withheld.all() if entry.is_whole_object] == ["PRIVATE", "T1"]


async def test_a_partner_without_fractions_reads_whole_seconds(gateway: Platform, peer: FakePeer) -> None:
    partner, token = await let_register(gateway, peer, "2.2.1")
    moment = LOCATION.last_updated.replace(microsecond=250_000)
    put_locations(gateway, replace(LOCATION, last_updated=moment))
    url = "/ocpi/cpo/2.2.1/locations/LOC1"
    assert (await gateway.ask("GET", url, token=token)).data["last_updated"] == "2026-03-01T10:00:00.250Z"

    await gateway.registration.change(partner.id, Manners(whole_seconds=True))

    assert (await gateway.ask("GET", url, token=token)).data["last_updated"] == "2026-03-01T10:00:00Z"


# --- hubs of 2.3.0


async def test_a_party_behind_a_hub_that_is_connected_directly_speaks_for_itself(
    gateway: Platform, peer: FakePeer
) -> None:
    direct, _ = await let_register(gateway, peer, "2.2.1")
    hub = FakePeer(token="hub-token")
    hub.versions = NUMBERS
    await hub.start()
    _, token_a = await gateway.registration.invite("Hub", "HUB")
    body = hub.credentials("2.3.0", hub_party_id="NLHUB")

    answer = await gateway.ask("POST", "/ocpi/cpo/2.3.0/credentials", token=token_a, json=body)

    assert answer.codes == (200, 1000)
    assert (owner := gateway.book.find_by_party(EMSP)) is not None
    assert owner.id == direct.id
    through = gateway.book.find_by_party(PartyId(country_code="NL", party_id="HUB"))
    assert through is not None
    assert through.version == "2.3.0"
    assert OURS not in {role.party for role in through.roles}
    await hub.stop()
