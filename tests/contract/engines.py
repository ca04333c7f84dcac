"""The stores that the contract is held against, and how each is opened."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.ports import Clock, Publish
from gateway.store.sqlite import SqliteStore
from gateway.store.writer import Limits

Open = Callable[[Path, Publish, Clock, Limits | None], Awaitable[SqliteStore]]


async def open_sqlite(directory: Path, publish: Publish, clock: Clock, limits: Limits | None = None) -> SqliteStore:
    return await SqliteStore.open(f"sqlite:///{directory / 'gateway.sqlite3'}", publish, clock, limits=limits)


ENGINES: dict[str, Open] = {"sqlite": open_sqlite}
"""A second engine joins here; every test of the contract then runs against it too."""
