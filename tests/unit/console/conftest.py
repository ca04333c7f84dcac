from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.server import build_app
from tests.fakes.console_world import TOKEN, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient]:
    """An operator with the right token."""
    server = TestServer(build_app(world.parts))
    async with TestClient(server, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@pytest.fixture
async def stranger(world: World) -> AsyncIterator[TestClient]:
    """Somebody without a token."""
    async with TestClient(TestServer(build_app(world.parts))) as client:
        yield client
