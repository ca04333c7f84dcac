"""What eMSPs are asked about tokens, on the wire."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.ids import party_id_of
from gateway.domain.partners import Endpoint, Partner, PartnerRole
from gateway.domain.tokens import Allowed, LocationReferences, Token
from gateway.errors import PartnerError
from gateway.flows.inquiries import TokenAsk
from gateway.flows.partner_api import Access
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.token_calls import TokenCalls
from gateway.ocpi.v211.tokens import render_token as render_token_211
from gateway.ocpi.v221.tokens import render_token
from tests.fakes.ocpi_peer import FakePeer, envelope
from tests.fakes.ocpi_samples import EMSP, OURS, PARTNER, TOKEN

ACCESS = Access(token="peer-token")
PLACE = LocationReferences(location_id="LOC1", evse_uids=("E1", "E2"))
ASK = TokenAsk(uid="04/A B", type="RFID", place=PLACE, sender=OURS, receiver=EMSP)
WIRE_TOKEN = render_token(TOKEN)


class Desk:
    """An eMSP whose tokens endpoint does what the test says; `bodies` and `queries` are what came in."""

    def __init__(self, peer: FakePeer, client: OcpiClient) -> None:
        self.peer = peer
        self.calls = TokenCalls(client, OURS)
        endpoint = Endpoint(identifier="tokens", role="SENDER", url=peer.url("/2.2.1/tokens"))
        self.partner = replace(PARTNER, versions_url=peer.url(), version="2.2.1", endpoints=(endpoint,))
        self.seen: list[tuple[str, Any]] = []

    def answers(self, request_line: str, answer: Callable[[], web.Response]) -> None:
        async def handle(request: web.Request) -> web.Response:
            self.seen.append((request.raw_path, await request.json() if request.can_read_body else None))
            return answer()

        self.peer.override[request_line] = handle

    async def authorize(self, ask: TokenAsk = ASK) -> Any:
        return await self.calls.authorize(self.partner, ACCESS, ask)

    async def pull(self, date_from: datetime | None = None, partner: Partner | None = None) -> list[Token]:
        pages = self.calls.fetch_tokens(partner or self.partner, ACCESS, date_from)
        return [token async for page in pages for token in page.tokens]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    peer, client = FakePeer(), OcpiClient(allow_insecure=True)
    await peer.start()
    yield Desk(peer, client)
    await client.close()
    await peer.stop()


AUTHORIZE = "POST /2.2.1/tokens/04/A B/authorize"


# --- may this one charge


async def test_an_ask_names_token_type_place_and_parties(desk: Desk) -> None:
    desk.answers(AUTHORIZE, lambda: envelope({"allowed": "ALLOWED", "token": WIRE_TOKEN}))

    answer = await desk.authorize()

    assert answer.allowed is Allowed.ALLOWED
    assert answer.token == replace(TOKEN, partner_id=PARTNER.id)
    assert desk.seen == [
        ("/2.2.1/tokens/04%2FA%20B/authorize?type=RFID", {"location_id": "LOC1", "evse_uids": ["E1", "E2"]})
    ]
    headers = desk.peer.requests[0][2]
    assert (headers["OCPI-from-party-id"], headers["OCPI-to-party-id"]) == (OURS.party_id, EMSP.party_id)
    assert (headers["OCPI-from-country-code"], headers["OCPI-to-country-code"]) == ("NL", "DE")


async def test_a_contract_is_asked_as_the_version_can_say_it_and_a_hub_finds_the_party(desk: Desk) -> None:
    desk.answers("POST /2.2.1/tokens/DEEMPC1/authorize", lambda: envelope({"allowed": "BLOCKED"}))

    await desk.authorize(TokenAsk(uid="DEEMPC1", type="EMAID", place=None, sender=None, receiver=None))

    assert desk.seen == [("/2.2.1/tokens/DEEMPC1/authorize?type=OTHER", None)]
    assert "OCPI-to-party-id" not in desk.peer.requests[0][2]
    assert desk.peer.requests[0][2]["OCPI-from-party-id"] == OURS.party_id


@pytest.mark.parametrize(
    ("http", "code"), [(404, 2004), (404, 2000), (200, 2004)], ids=["as it should be", "404 alone", "2004 alone"]
)
async def test_an_unknown_token_is_told_by_either_code(desk: Desk, http: int, code: int) -> None:
    desk.answers(AUTHORIZE, lambda: envelope(code=code, http=http))

    assert await desk.authorize() is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda: envelope(code=3000, http=500),
        lambda: envelope(code=2002),
        lambda: envelope(code=2001, http=401),
        lambda: envelope({"allowed": "PERHAPS"}),
        lambda: envelope([]),
        lambda: web.Response(text="<html>", status=200),
        lambda: web.Response(status=302, headers={"Location": "https://evil.example/"}),
    ],
)
async def test_any_other_answer_is_none(desk: Desk, answer: Callable[[], web.Response]) -> None:
    desk.answers(AUTHORIZE, answer)

    with pytest.raises(PartnerError):
        await desk.authorize()


async def test_what_is_wrong_beside_the_decision_costs_nobody_the_charge(desk: Desk) -> None:
    data = {
        "allowed": "ALLOWED",
        "token": {"uid": 1},
        "location": {"evse_uids": "all"},
        "authorization_reference": "X" * 40,
        "info": "hello",
    }
    desk.answers(AUTHORIZE, lambda: envelope(data))

    answer = await desk.authorize()

    assert (answer.allowed, answer.token, answer.place, answer.authorization_reference) == (
        Allowed.ALLOWED,
        None,
        None,
        None,
    )


async def test_place_and_reference_of_an_answer_are_read(desk: Desk) -> None:
    location = {"location_id": "LOC1", "evse_uids": ["E2"]}
    desk.answers(
        AUTHORIZE, lambda: envelope({"allowed": "ALLOWED", "location": location, "authorization_reference": "R"})
    )

    answer = await desk.authorize()

    assert answer.place == LocationReferences(location_id="LOC1", evse_uids=("E2",))
    assert answer.authorization_reference == "R"


# --- which are there


def page(*uids: str, link: str | None = None) -> web.Response:
    response = envelope([{**WIRE_TOKEN, "uid": uid} for uid in uids])
    if link is not None:
        response.headers["Link"] = link
    return response


def pages(desk: Desk, *answers: Callable[[], web.Response]) -> None:
    waiting = list(answers)
    desk.answers("GET /2.2.1/tokens", lambda: waiting.pop(0)())


async def test_a_list_is_read_page_by_page(desk: Desk) -> None:
    url = desk.peer.url("/2.2.1/tokens?offset=2&limit=2")
    pages(desk, lambda: page("A", "B", link=f'<{url}>; rel="next"'), lambda: page("C"))

    tokens = await desk.pull()

    assert [token.uid for token in tokens] == ["A", "B", "C"]
    assert [seen for seen, _ in desk.seen] == ["/2.2.1/tokens", "/2.2.1/tokens?offset=2&limit=2"]


async def test_a_link_may_be_relative_and_stand_among_others(desk: Desk) -> None:
    link = '<https://evil.example/>; rel="prev", </2.2.1/tokens?offset=1>; title="x"; rel=next'
    pages(desk, lambda: page("A", link=link), lambda: page("B"))

    assert [token.uid for token in await desk.pull()] == ["A", "B"]


async def test_only_what_changed_is_asked_for(desk: Desk) -> None:
    pages(desk, lambda: page())

    await desk.pull(datetime(2026, 3, 1, 11, 59, tzinfo=UTC))

    assert desk.seen[0][0] == "/2.2.1/tokens?date_from=2026-03-01T11:59:00Z"


@pytest.mark.parametrize("link", ["https://evil.example/tokens?offset=1", "//evil.example/", "http://127.0.0.1:1/"])
async def test_a_link_to_another_origin_is_not_followed(desk: Desk, link: str) -> None:
    pages(desk, lambda: page("A", link=f'<{link}>; rel="next"'))

    with pytest.raises(PartnerError, match="is elsewhere"):
        await desk.pull()
    assert len(desk.seen) == 1


async def test_a_list_that_leads_back_to_itself_is_given_up(desk: Desk) -> None:
    url = desk.peer.url("/2.2.1/tokens")
    pages(desk, lambda: page("A", link=f'<{url}>; rel="next"'))

    with pytest.raises(PartnerError, match="do not end"):
        await desk.pull()


async def test_a_token_that_cannot_be_read_does_not_sink_its_page(desk: Desk) -> None:
    body = [{**WIRE_TOKEN, "uid": "A"}, {**WIRE_TOKEN, "whitelist": "SOMETIMES"}, 1, {**WIRE_TOKEN, "uid": "B"}]
    pages(desk, lambda: envelope(body))

    (read,) = [each async for each in desk.calls.fetch_tokens(desk.partner, ACCESS, None)]

    assert ([token.uid for token in read.tokens], read.faulty) == (["A", "B"], 2)


async def test_an_answer_that_is_no_list_ends_the_pull(desk: Desk) -> None:
    pages(desk, lambda: envelope({}))

    with pytest.raises(PartnerError, match="tokens was answered with no list"):
        await desk.pull()


async def test_an_endpoint_on_a_host_that_is_not_the_partners_is_not_called(desk: Desk) -> None:
    partner = replace(desk.partner, versions_url="https://emsp.example/versions")

    with pytest.raises(PartnerError, match=r'allow it: PUT partners/.* with {"hosts"'):
        await desk.pull(partner=partner)
    with pytest.raises(PartnerError, match="does not lead to"):
        await desk.calls.authorize(partner, ACCESS, ASK)
    assert desk.peer.calls == []


# --- other versions


async def test_an_ask_in_2_1_1_has_no_routing_and_its_answer_no_token(desk: Desk) -> None:
    desk.partner = replace(desk.partner, version="2.1.1")
    place = {"location_id": "LOC1", "evse_uids": ["E1"], "connector_ids": ["1"]}
    info = {"language": "en", "text": "Welcome"}
    desk.answers(AUTHORIZE, lambda: envelope({"allowed": "ALLOWED", "location": place, "info": info}))

    at_plug = replace(PLACE, connector_ids=("2",))
    answer = await desk.authorize(replace(ASK, type="APP_USER", place=at_plug))

    assert (answer.allowed, answer.token, answer.authorization_reference) == (Allowed.ALLOWED, None, None)
    assert answer.place == LocationReferences(location_id="LOC1", evse_uids=("E1",))
    ((path, body),) = desk.seen
    assert path.endswith("?type=OTHER")
    assert body == {"location_id": "LOC1", "evse_uids": ["E1", "E2"], "connector_ids": ["2"]}
    assert not [name for name in desk.peer.requests[-1][2] if name.lower().startswith("ocpi-")]


async def test_tokens_of_a_2_1_1_list_are_of_the_one_party_of_the_partner(desk: Desk) -> None:
    desk.partner = replace(desk.partner, version="2.1.1")
    desk.answers("GET /2.2.1/tokens", lambda: envelope([render_token_211(TOKEN)]))

    (token,) = await desk.pull()

    assert (token.party, token.uid, token.contract_id) == (PARTNER.roles[0].party, TOKEN.uid, TOKEN.contract_id)
    assert not [name for name in desk.peer.requests[-1][2] if name.lower().startswith("ocpi-")]


async def test_contracts_have_their_word_in_2_3_0(desk: Desk) -> None:
    desk.partner = replace(desk.partner, version="2.3.0")
    desk.answers(AUTHORIZE, lambda: envelope({"allowed": "ALLOWED", "token": WIRE_TOKEN | {"type": "EMAID"}}))

    answer = await desk.authorize(replace(ASK, type="EMAID"))

    assert answer.token is not None
    assert answer.token.type == "EMAID"
    assert desk.seen[0][0].endswith("?type=EMAID")


# --- hubs and platforms


def asked_of(desk: Desk) -> list[str | None]:
    return [headers.get("OCPI-to-party-id") for method, _, headers in desk.peer.requests if method == "GET"]


async def test_the_list_of_a_hub_is_asked_of_the_hub_itself(desk: Desk) -> None:
    pages(desk, lambda: page("1"))
    roles = [("EMSP", "EMP"), ("HUB", "HUB")]
    desk.partner = replace(desk.partner, roles=tuple(role(*each) for each in roles))

    await desk.pull()

    assert asked_of(desk) == ["HUB"]


async def test_the_list_of_a_platform_is_asked_of_each_of_its_emsps(desk: Desk) -> None:
    pages(desk, lambda: page("1"), lambda: page("2"))
    roles = [("NSP", "NAV"), ("EMSP", "EMP"), ("EMSP", "TWO")]
    desk.partner = replace(desk.partner, roles=tuple(role(*each) for each in roles))

    await desk.pull()

    assert asked_of(desk) == ["EMP", "TWO"]


def role(name: str, party_id: str) -> PartnerRole:
    return PartnerRole(party=party_id_of("DE", party_id), role=name, name=name)


async def test_a_404_that_is_no_ocpi_says_nothing_of_the_token(desk: Desk) -> None:
    desk.answers(AUTHORIZE, lambda: web.Response(status=404, text="<h1>nothing here</h1>"))

    with pytest.raises(PartnerError, match="no OCPI envelope"):
        await desk.authorize()
