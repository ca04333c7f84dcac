import pytest
from aiohttp.test_utils import TestClient

from gateway.domain.events import MessageQuarantined, NoticeKind, NoticeReported, Receipt
from gateway.ports import LateFact, Quarantined, SaveIncident
from tests.fakes.console_world import NOW, World
from tests.unit.console.test_ledger import FACT

API = "/api/v1"
RECEIPT = Receipt(station_id="CP1", received_at=NOW, message_id="m1", action="SecurityEventNotification", digest="d")


@pytest.fixture(autouse=True)
def kept(world: World) -> None:
    world.trace.frame("CP1", "in", '[2,"m1","Heartbeat",{}]')
    world.trace.frame("CP2", "out", '[3,"m2",{}]')
    world.trace.event("CP1", "handshake_refused", "wrong password")
    world.store.lists = {
        "incidents": [SaveIncident("CP1", NOW, "handshake_refused", "wrong password")],
        "notices": [
            NoticeReported(receipt=RECEIPT, kind=NoticeKind.SECURITY, summary="tamper", at=NOW, body='{"type": "x"}')
        ],
        "quarantined": [
            Quarantined(no=1, message=MessageQuarantined(receipt=RECEIPT, reason="no connector", frame="[2]"))
        ],
        "late_facts": [LateFact(no=2, station_id="CP1", session_id=None, fact=FACT, reason="no session")],
    }


async def test_the_trace_shows_frames_and_refusals(client: TestClient) -> None:
    everything = await (await client.get(f"{API}/trace")).json()
    of_one = await (await client.get(f"{API}/trace?station_id=CP1&limit=1")).json()

    assert [entry["direction"] for entry in everything] == ["in", "out", "event"]
    assert of_one == [
        {
            "at": "2026-03-01T12:00:00Z",
            "station_id": "CP1",
            "direction": "event",
            "text": "wrong password",
            "reason": "handshake_refused",
        }
    ]


async def test_incidents_are_kept(client: TestClient) -> None:
    assert await (await client.get(f"{API}/incidents?station_id=CP1")).json() == [
        {"at": "2026-03-01T12:00:00Z", "station_id": "CP1", "kind": "handshake_refused", "text": "wrong password"}
    ]
    assert await (await client.get(f"{API}/incidents?station_id=CP9")).json() == []


async def test_notices_show_their_body(client: TestClient) -> None:
    notice = (await (await client.get(f"{API}/notices")).json())[0]

    assert (notice["kind"], notice["summary"], notice["body"]) == ("SECURITY", "tamper", {"type": "x"})


async def test_the_quarantine_shows_the_raw_frame(client: TestClient) -> None:
    kept = (await (await client.get(f"{API}/quarantine")).json())[0]

    assert (kept["reason"], kept["frame"], kept["station_id"]) == ("no connector", "[2]", "CP1")


async def test_late_facts_are_listed_with_their_reason(client: TestClient) -> None:
    late = (await (await client.get(f"{API}/late-facts")).json())[0]

    assert (late["no"], late["session_id"], late["reason"], late["fact"]["kind"]) == (2, None, "no session", "ENDED")


@pytest.mark.parametrize("path", ["trace", "incidents", "notices", "quarantine", "late-facts"])
async def test_a_wrong_limit_is_400(client: TestClient, path: str) -> None:
    assert (await client.get(f"{API}/{path}?limit=0")).status == 400
