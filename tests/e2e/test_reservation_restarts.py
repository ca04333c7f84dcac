"""Power failures around a reservation: none is lost, none is made twice, and each partner has one result."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulators.charger import Charger, Patience, SimulatedClock
from simulators.demo import LOCATION
from simulators.emsp.commands import SentCommand
from simulators.emsp.emsp import Emsp
from simulators.emsp.errors import EmspError
from tests.e2e.house import GatewayProcess, until

UID = "04E2A1B2C3D480"
WAIT_S = 30
PATIENCE = Patience(reply_timeout_s=5, give_up_after_s=120, backoff_min_s=0.05, backoff_max_s=0.3)


@asynccontextmanager
async def prepared(process: GatewayProcess) -> AsyncIterator[Emsp]:
    """A gateway with an EVSE that can be reserved, stopped in good order."""
    process.house.env = {"GATEWAY_OCPI__COMMAND_TIMEOUT_S": "5", "GATEWAY_OCPI__PUSH_RETRY_S": "0.2"}
    await process.start()
    house = process.house
    await house.provision("CS1")
    location = await house.call("GET", f"locations/{LOCATION}")
    body = {key: value for key, value in location.items() if key not in ("last_updated", "id")}
    body["evses"][0]["capabilities"] = ["RESERVABLE"]
    await house.call("PUT", f"locations/{LOCATION}", body)
    async with await house.invite() as emsp:
        await emsp.register()
        await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
        assert await process.terminate() == 0
        yield emsp


@asynccontextmanager
async def charger_at(process: GatewayProcess, version: str) -> AsyncIterator[Charger]:
    clock = SimulatedClock(datetime.now(UTC))
    async with Charger(process.house.ocpp_url, "CS1", version=version, clock=clock, patience=PATIENCE) as charger:
        await charger.boot()
        yield charger


async def reserve(emsp: Emsp, seconds: float = 600) -> SentCommand | None:
    """None where the gateway died over it."""
    try:
        return await emsp.reserve(UID, LOCATION, "R-1", datetime.now(UTC) + timedelta(seconds=seconds))
    except EmspError:
        return None


async def states(process: GatewayProcess) -> list[str]:
    return [item["state"] for item in await process.house.items("reservations")]


async def settled(process: GatewayProcess, *wanted: str) -> None:
    async def is_settled() -> bool:
        found = await states(process)
        return bool(found) and found[0] in wanted

    await until(is_settled, f"the reservation is {wanted}", WAIT_S)


def results(emsp: Emsp) -> list[str]:
    """Every result that was told, of whatever was asked."""
    return [result["result"] for asked in emsp._desk.asked.values() for result in asked.results]


@pytest.mark.parametrize(
    ("version", "failpoint"),
    [
        ("1.6", "command-saved"),
        ("1.6", "command-sent"),
        ("2.0.1", "command-sent"),
        ("2.0.1", "command-answered"),
        ("1.6", "sending-committed"),
    ],
)
async def test_a_kill_around_a_reservation_leaves_one_result_and_one_reservation(
    process: GatewayProcess, version: str, failpoint: str
) -> None:
    async with prepared(process) as emsp:
        await process.start(failpoint)
        async with charger_at(process, version) as charger:
            await reserve(emsp)

            async def dead() -> bool:
                return process.is_dead

            await until(dead, f"the gateway dies at {failpoint}")
            await process.start()

            async def told() -> list[str]:
                return results(emsp)

            (told_once,) = await until(told, "the result is told", WAIT_S)
            assert len(await states(process)) == 1
            sessions = await process.house.items("sessions")
            if told_once == "ACCEPTED":
                assert await states(process) == ["ACTIVE"]
                assert charger.station.evse(1).reservation is not None
                assert [session["status"] for session in sessions] == ["RESERVATION"]
            else:
                # Nobody knows whether the station has it: it is told to let go, and the plug is free for others.
                assert told_once == "TIMEOUT"
                await settled(process, "WITHDRAWN")
                assert charger.station.evse(1).reservation is None
                assert sessions == []
            assert results(emsp) == [told_once]
            assert [str(finding) for finding in emsp.violations] == []


async def test_a_reservation_expires_though_the_gateway_was_down_at_its_end(process: GatewayProcess) -> None:
    async with prepared(process) as emsp:
        await process.start()
        async with charger_at(process, "1.6"):
            asked = await reserve(emsp, seconds=3)
            assert asked is not None
            assert await asked.result(WAIT_S) == {"result": "ACCEPTED"}
            process.kill()
            await process.start()

            await settled(process, "EXPIRED")
            (session,) = await process.house.items("sessions")
            assert session["status"] == "COMPLETED"
            assert set(results(emsp)) == {"ACCEPTED"}  # told at least once


async def test_a_reservation_is_used_after_a_kill(process: GatewayProcess) -> None:
    async with prepared(process) as emsp:
        await process.start()
        async with charger_at(process, "1.6") as charger:
            asked = await reserve(emsp)
            assert asked is not None
            await asked.result(WAIT_S)
            process.kill()
            await process.start()

            await charger.plug(1)
            assert await charger.swipe(1, UID) == "Accepted"

            await settled(process, "USED")
            (session,) = await process.house.items("sessions")
            assert session["status"] == "ACTIVE"

            async def pushed() -> dict[str, Any] | None:
                bodies = emsp.store.sessions
                return bodies[-1] if bodies and bodies[-1]["status"] == "ACTIVE" else None

            assert (await until(pushed, "the session is told", WAIT_S))["id"] == session["id"]
