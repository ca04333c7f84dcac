from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.house import GatewayProcess, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running gateway with nothing in it."""
    async with House(tmp_path) as running:
        yield running


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway process, not started yet."""
    gateway = GatewayProcess(House(tmp_path))
    yield gateway
    await gateway.close()
