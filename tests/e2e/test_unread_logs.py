"""Nobody reads the log, or it cannot be written: the gateway does its work all the same."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from simulators.charger import Patience, build_charger, load_scenario
from tests.e2e.house import DEADLINE_S, GatewayProcess
from tests.fakes.readers import nobody_reads

UID = "04E2A1B2C3D480"
PATIENCE = Patience(reply_timeout_s=5, give_up_after_s=30)


@contextlib.contextmanager
def reader_leaves() -> Iterator[int]:
    """`gateway run | head -1`: the first line is read."""
    with subprocess.Popen(["head", "-1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as head:
        assert head.stdin is not None
        yield head.stdin.fileno()
        assert head.wait(DEADLINE_S) == 0


@contextlib.contextmanager
def reader_asleep(*, blocks: bool) -> Iterator[int]:
    """`gateway run | less`, where nobody scrolls: the pipe is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b" " * 1024)
    os.set_blocking(writing, blocks)
    yield writing
    os.close(reading)
    os.close(writing)


@contextlib.contextmanager
def disk_full() -> Iterator[int]:
    """`gateway run 2> file` on a disk without room."""
    try:
        writing = os.open("/dev/full", os.O_WRONLY)
    except FileNotFoundError:
        pytest.skip("this system has no /dev/full")
    yield writing
    os.close(writing)


OUTPUTS = {
    "reader gone": nobody_reads,
    "reader leaves": reader_leaves,
    "reader asleep": lambda: reader_asleep(blocks=True),
    "reader asleep, pipe does not block": lambda: reader_asleep(blocks=False),
    "disk full": disk_full,
}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
async def test_a_log_that_cannot_be_written_takes_nothing_from_a_session(
    process: GatewayProcess, output: Callable[[], AbstractContextManager[int]]
) -> None:
    house = process.house
    scenario = load_scenario("16-simple").model_copy(update={"token": UID})
    charger = build_charger(scenario, house.ocpp_url, "CS1", version="1.6", speed=None, patience=PATIENCE)
    with output() as descriptor:
        await process.start(output=descriptor)
        assert not process.is_dead
        await house.provision("CS1")
        async with await house.invite() as emsp:
            await emsp.register()
            await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
            async with charger:
                outcome = await charger.run_scenario(scenario)
            assert outcome.failures == ()
            await house.wait_for_cdrs(1)
        quarantined = await house.items("quarantine")
        status, _ = await house.ask("GET", "health")
        code = await process.terminate()

    assert [exchange.action for exchange in charger.acknowledged if exchange.is_repeat] == []
    assert quarantined == []
    assert status == 200
    assert code == 0
