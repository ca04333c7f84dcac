"""Power failures (SIGKILL) while a partner waits for a result: it gets one, of what it ordered, always the same."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from simulators.demo import LOCATION
from simulators.emsp.emsp import Emsp
from simulators.emsp.errors import EmspError
from tests.e2e.house import GatewayProcess, House, until
from tests.e2e.test_commands import evse, heard, plugged, pushed, token

TIMEOUT_S = 5
UID = "04A1B2C3"


@pytest.fixture
async def process(tmp_path: Path) -> Any:
    gateway = GatewayProcess(House(tmp_path, {"GATEWAY_OCPI__COMMAND_TIMEOUT_S": str(TIMEOUT_S)}))
    yield gateway
    await gateway.close()


@contextlib.asynccontextmanager
async def prepared(process: GatewayProcess) -> Any:
    await process.start()
    await process.house.provision("CS16", "CS201")
    async with await process.house.invite() as emsp:
        await emsp.register()
        assert await process.terminate() == 0
        yield emsp


def posts(emsp: Emsp) -> list[Any]:
    """What was posted to the response_url of the one command."""
    return [each.body for each in emsp.received if "/commands/" in each.path]


async def order(emsp: Emsp) -> None:
    """The gateway may die before it answers."""
    with contextlib.suppress(EmspError):
        await emsp.send_command("START_SESSION", token=token(emsp, UID), location_id=LOCATION, evse_uid=evse("1.6"))


async def told(emsp: Emsp, count: int = 1) -> list[Any]:
    async def enough() -> list[Any] | None:
        return posts(emsp) if len(posts(emsp)) >= count else None

    found: list[Any] = await until(enough, f"{count} results", TIMEOUT_S + 5)
    return found


async def settled(process: GatewayProcess) -> dict[str, Any]:
    """The command, once its result was delivered."""

    async def delivered() -> dict[str, Any] | None:
        (command,) = await process.house.items("commands")
        return command if command["state"] == "DELIVERED" else None

    command: dict[str, Any] = await until(delivered, "the result is delivered")
    return command


async def dies(process: GatewayProcess, failpoint: str) -> None:
    async def dead() -> bool:
        return process.is_dead

    await until(dead, f"the gateway dies at {failpoint}")


@pytest.mark.parametrize("failpoint", ["command-saved", "command-sent"])
async def test_what_the_station_was_to_do_when_we_died_is_a_timeout(process: GatewayProcess, failpoint: str) -> None:
    """Nothing is sent to a station twice: whether it did it shows in the session."""
    async with prepared(process) as emsp:
        await process.start(failpoint)
        async with plugged(process.house, "1.6"):
            await order(emsp)
            await dies(process, failpoint)
        await process.start()
        async with plugged(process.house, "1.6") as raw:
            assert await told(emsp) == [{"result": "TIMEOUT", "message": posts(emsp)[0]["message"]}]
            assert "RemoteStartTransaction" not in [call[2] for call in raw.heard]

        assert (await settled(process))["result"] == "TIMEOUT"
        assert len(posts(emsp)) == 1


@pytest.mark.parametrize(("failpoint", "times"), [("command-answered", 1), ("sending-committed", 1), ("after-post", 2)])
async def test_a_result_that_was_fixed_is_told_with_the_same_bytes(
    process: GatewayProcess, failpoint: str, times: int
) -> None:
    async with prepared(process) as emsp:
        await process.start(failpoint)
        async with plugged(process.house, "1.6") as raw:
            await order(emsp)
            await raw.reply(await heard(raw, "RemoteStartTransaction"), {"status": "Accepted"})
            await dies(process, failpoint)
        await process.start()

        assert await told(emsp, times) == [{"result": "ACCEPTED"}] * times
        command = await settled(process)
        session = await pushed(emsp, "PENDING")
        assert session["id"] == command["session_id"]
        assert len(posts(emsp)) == times, "a second POST only of what was in flight"
        assert len(await process.house.items("sessions")) == 1


async def test_a_transaction_finds_its_order_after_a_crash(process: GatewayProcess) -> None:
    async with prepared(process) as emsp:
        await process.start("command-sent")
        async with plugged(process.house, "1.6"):
            await order(emsp)
            await dies(process, "command-sent")
        await process.start()
        async with plugged(process.house, "1.6") as raw:
            start = {"connectorId": 1, "idTag": UID, "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
            answer = await raw.ask("StartTransaction", start)
            session = await pushed(emsp, "ACTIVE")

        (command,) = await process.house.items("commands")
        assert answer["idTagInfo"]["status"] == "Accepted"
        assert session["id"] == command["session_id"]
        assert session["auth_method"] == "COMMAND"
