"""Power failures (SIGKILL) at the worst moments: no acknowledged fact is lost, each CDR is made exactly once."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from simulators.charger import Charger, ConnectError, Exchange, Patience, Scenario, build_charger, load_scenario
from simulators.emsp.emsp import Emsp
from tests.e2e.house import GatewayProcess, until

UID = "04E2A1B2C3D480"
PATIENCE = Patience(
    reply_timeout_s=5,
    give_up_after_s=120,
    boot_pause_s=0.1,
    boot_attempts=100,
    backoff_min_s=0.05,
    backoff_max_s=0.3,
)
STATIONS = {"CS16": ("16-simple", "1.6"), "CS201": ("201-simple", "2.0.1")}
FAILPOINTS = [
    "before-commit:3",
    "before-commit:20",
    "after-commit:3",
    "after-commit:20",
    "after-answer:4",
    "after-answer:20",
    "cdr-made:1",
    "cdr-made:2",
]


def scenario_of(name: str) -> Scenario:
    return load_scenario(name).model_copy(update={"token": UID})


@contextlib.asynccontextmanager
async def prepared(process: GatewayProcess) -> AsyncIterator[Emsp]:
    """A provisioned gateway with a registered eMSP, stopped in good order."""
    await process.start()
    await process.house.provision(*STATIONS)
    async with await process.house.invite() as emsp:
        await emsp.register()
        await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
        assert await process.terminate() == 0, process.log()
        yield emsp


def charger_of(process: GatewayProcess, station_id: str, speed: Decimal | None) -> tuple[Charger, Scenario]:
    name, version = STATIONS[station_id]
    scenario = scenario_of(name)
    charger = build_charger(
        scenario, process.house.ocpp_url, station_id, version=version, speed=speed, patience=PATIENCE
    )
    return charger, scenario


async def live(charger: Charger, scenario: Scenario) -> None:
    """The other charger may have the gateway killed before this one dials for the first time: it dials again."""
    async with contextlib.AsyncExitStack() as stack:

        async def connected() -> bool:
            with contextlib.suppress(ConnectError):
                await stack.enter_async_context(charger)
                return True
            return False

        await until(connected, "the charger is connected")
        outcome = await charger.run_scenario(scenario)
        assert outcome.failures == ()


async def live_all(process: GatewayProcess, speed: Decimal | None) -> list[Exchange]:
    """Both chargers through their scenario; what the gateway acknowledged."""
    chargers = [charger_of(process, station_id, speed) for station_id in STATIONS]
    await asyncio.gather(*(live(charger, scenario) for charger, scenario in chargers))
    return [exchange for charger, _ in chargers for exchange in charger.acknowledged]


async def check_nothing_is_lost(
    process: GatewayProcess, emsp: Emsp, acknowledged: Sequence[Exchange], count: int
) -> None:
    house = process.house
    cdrs = await house.wait_for_cdrs(count)
    sessions = [await house.call("GET", f"sessions/{item['id']}") for item in await house.items("sessions")]
    facts = [fact for session in sessions for fact in session["facts"]]
    assert Counter(cdr["session_id"] for cdr in cdrs) == Counter(session["id"] for session in sessions)
    assert len(cdrs) == count
    assert {session["transaction_id"] for session in sessions} >= transaction_ids(acknowledged)
    kept = Counter(raw for fact in facts for raw in {fact["at_raw"]})
    missing = [time for time in moments(acknowledged) if time not in kept]
    assert missing == []
    for cdr in cdrs:
        assert Decimal(str(cdr["energy_kwh"])) == Decimal("5.5")
        assert Decimal(str(cdr["total_cost"]["before_taxes"])) == Decimal("2.375")
    pulled = await emsp.pull("cdrs")
    assert sorted(item["id"] for item in pulled) == sorted(cdr["id"] for cdr in cdrs)
    await emsp.pull("sessions")
    assert [str(finding) for finding in emsp.violations] == []


def transaction_ids(acknowledged: Sequence[Exchange]) -> set[str]:
    """The ids that a charger was given (1.6), or told about (2.0.1), and was acknowledged for."""
    ids = {str(exchange.reply["transactionId"]) for exchange in acknowledged if exchange.action == "StartTransaction"}
    events = [exchange.payload for exchange in acknowledged if exchange.action == "TransactionEvent"]
    return ids | {event["transactionInfo"]["transactionId"] for event in events}


def moments(acknowledged: Sequence[Exchange]) -> list[str]:
    """The device's own time of each acknowledged message about a transaction."""
    return [moment for exchange in acknowledged if (moment := moment_of(exchange.action, exchange.payload)) is not None]


def moment_of(action: str, payload: dict[str, Any]) -> str | None:
    if action in ("StartTransaction", "StopTransaction", "TransactionEvent"):
        return str(payload["timestamp"])
    if action == "MeterValues" and payload.get("transactionId"):
        return str(payload["meterValue"][0]["timestamp"])
    return None


@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_a_kill_at_a_failpoint_loses_nothing(process: GatewayProcess, failpoint: str) -> None:
    async with prepared(process) as emsp:
        await process.start(failpoint)
        lives = asyncio.create_task(live_all(process, None))

        async def dead() -> bool:
            return process.is_dead

        await until(dead, f"the gateway dies at {failpoint}")
        await process.start()

        await check_nothing_is_lost(process, emsp, await lives, count=2)


@pytest.mark.parametrize("seed", range(4))
async def test_kills_at_random_moments_lose_nothing(process: GatewayProcess, seed: int) -> None:
    """Five kills each: twenty in all."""
    moments_of_death = random.Random(seed)
    async with prepared(process) as emsp:
        await process.start()
        lives = asyncio.create_task(live_all(process, Decimal(400)))
        for _ in range(5):
            await asyncio.wait({lives}, timeout=moments_of_death.uniform(0.1, 1.5))
            process.kill()
            await process.start()

        await check_nothing_is_lost(process, emsp, await lives, count=2)
