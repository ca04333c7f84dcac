import json
from dataclasses import replace

from aiohttp.test_utils import TestClient

from gateway.domain.stations import Admission, Station
from gateway.domain.tokens import IdToken, LocalStatus, LocalToken, Token, Whitelist
from gateway.flows.trace import CUT, TEXT_LIMIT
from gateway.ports import SaveLocalToken, SaveStation
from tests.fakes.console_world import EMSP, NOW, World
from tests.unit.console.test_ledger import DONE

API = "/api/v1"
SHOWN = Token(
    partner_id="P1",
    party=EMSP.party,
    uid="04AABB",
    type="RFID",
    contract_id="C1",
    issuer="EMS",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=NOW,
    extra='{"energy_contract": {"supplier_name": "Green"}}',
)


async def test_the_trace_is_exported_as_lines_that_a_replay_takes(client: TestClient, world: World) -> None:
    world.trace.frame("CP1", "event", "connected: ocpp1.6 from 10.0.0.1:1")
    world.trace.frame("CP1", "in", '[2,"m1","Heartbeat",{}]')
    world.trace.event("CP1", "refused", "why")
    world.trace.frame("CP1", "in", "x" * TEXT_LIMIT + CUT)

    response = await client.get(f"{API}/trace?format=jsonl")

    assert response.content_type == "application/x-ndjson"
    lines = [json.loads(line) for line in (await response.text()).splitlines()]
    assert lines[1] == {
        "at": "2026-03-01T12:00:00Z",
        "direction": "in",
        "station": "CP1",
        "frame": '[2,"m1","Heartbeat",{}]',
    }
    assert [line.get("reason") for line in lines] == [None, None, "refused", None]
    assert [line.get("is_cut") for line in lines] == [None, None, None, True]


async def test_a_form_of_the_trace_that_is_not_known_is_named(client: TestClient) -> None:
    response = await client.get(f"{API}/trace?format=csv")

    assert response.status == 400
    assert (await response.json())["error"]["where"] == "?format="


async def test_the_inventory_is_all_that_a_replay_needs_and_no_secret(client: TestClient, world: World) -> None:
    station = Station(id="CP1", admission=Admission.PENDING, password_hash="hash", created_at=NOW)
    local = LocalToken(uid="05", last_updated=NOW, status=LocalStatus.ACCEPTED)
    await world.store.commit([SaveStation(station), SaveLocalToken(local)])
    world.store.tokens = [SHOWN]
    world.store.sessions = [replace(DONE, id_token=IdToken(value="04aabb"))]

    body = await (await client.get(f"{API}/inventory")).json()

    assert body["stations"] == [{"station_id": "CP1", "admission": "PENDING", "ocpp_version": None}]
    assert [token["uid"] for token in body["tokens"]] == ["05"]
    assert [(token["uid"], token["partner_id"], token["energy_contract"]) for token in body["emsp_tokens"]] == [
        ("04AABB", "P1", {"supplier_name": "Green"})
    ]
    assert set(body) == {"stations", "locations", "tariffs", "tokens", "emsp_tokens"}
    assert "hash" not in json.dumps(body)


async def test_a_token_that_no_session_used_is_exported_when_it_is_named(client: TestClient, world: World) -> None:
    world.store.tokens = [SHOWN]

    body = await (await client.get(f"{API}/inventory?token_uid=04AABB")).json()

    assert [token["uid"] for token in body["emsp_tokens"]] == ["04AABB"]
