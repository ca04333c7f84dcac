"""What the gateway recorded, replayed: the same objects must result as those the eMSP saw."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.ocpi.versions import VERSIONS
from gateway.replay.outcome import render_outcome
from gateway.replay.replay import replay
from simulators.charger import build_charger, load_scenario
from tests.e2e.house import TOKEN, House
from tests.e2e.wire import registered

UID = "04E2A1B2C3D480"
OURS_TO_GIVE = frozenset({"id", "session_id", "last_updated"})


async def export(house: House, path: str) -> bytes:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"http://127.0.0.1:{house.ports[2]}/api/v1/{path}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        assert response.status == 200
        return await response.read()


def content(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What two runs have in common: all but the ids and stamps that each gives."""
    stripped = [{key: value for key, value in one.items() if key not in OURS_TO_GIVE} for one in objects]
    for one in stripped:
        for tariff in one.get("tariffs", ()):
            tariff.pop("last_updated")
    return stripped


@pytest.mark.parametrize(("version", "scenario"), [("1.6", "16-simple"), ("2.0.1", "201-simple")])
async def test_an_exported_trace_replays_to_what_the_emsp_has_seen(house: House, version: str, scenario: str) -> None:
    await house.provision("CS1", ocpp_version=version)
    async with registered(house) as platform:
        await platform.push(UID)
        script = load_scenario(scenario).model_copy(update={"token": UID})
        async with build_charger(script, house.ocpp_url, "CS1", version=version, speed=600) as charger:
            assert (await charger.run_scenario(script)).is_good
        await house.wait_for_cdrs(1)
        seen = {name: await platform.load(f"{name}?date_from=2020-01-01T00:00:00Z") for name in ("sessions", "cdrs")}
    trace, inventory = await export(house, "trace?format=jsonl&station_id=CS1"), await export(house, "inventory")

    outcome = await replay(trace, inventory, Settings(), ocpi=VERSIONS["2.2.1"])

    assert outcome["differences"] == []
    assert outcome["unread"] == []
    rendered = render_outcome(outcome)
    assert rendered == render_outcome(await replay(trace, inventory, Settings(), ocpi=VERSIONS["2.2.1"]))
    for name, objects in seen.items():
        assert len(objects) == 1
        assert content(orjson.loads(rendered)["ocpi"][name]) == content(objects)
