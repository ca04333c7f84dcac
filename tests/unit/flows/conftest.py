"""The stage on which the flows of the sessions are tested."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.unit.flows.stage import Stage, opened


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """With a station, its location, a tariff and two cards."""
    async with opened(tmp_path) as stage:
        await stage.provide_usual()
        yield stage
