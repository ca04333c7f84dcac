"""An open store of every engine, and what it published."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.ports import Change
from gateway.store.sqlite import SqliteStore
from gateway.store.writer import Limits
from tests.contract.engines import ENGINES, Open
from tests.contract.samples import SetClock


@dataclass
class World:
    """A data directory with a store in it that can be closed and opened again."""

    directory: Path
    open_engine: Open
    clock: SetClock = field(default_factory=SetClock)
    published: list[Sequence[Change]] = field(default_factory=list)
    stores: list[SqliteStore] = field(default_factory=list)

    async def open(self, limits: Limits | None = None) -> SqliteStore:
        store = await self.open_engine(self.directory, self.published.append, self.clock, limits)
        self.stores.append(store)
        return store

    async def reopen(self) -> SqliteStore:
        await self.stores.pop().close()
        return await self.open()

    async def close(self) -> None:
        while self.stores:
            await self.stores.pop().close()


@pytest.fixture(params=ENGINES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, ENGINES[request.param])
    yield world
    await world.close()


@pytest.fixture
async def store(world: World) -> SqliteStore:
    return await world.open()
