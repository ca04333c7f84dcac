"""The database of a gateway that may be running, for commands that only look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.config import Settings
from gateway.ops.clock import SystemClock
from gateway.ports import Store
from gateway.store.sqlite import SqliteStore


@asynccontextmanager
async def opened_to_read(settings: Settings) -> AsyncIterator[Store]:
    """The store, open for reading.  Raises SettingsError where there is none that this program can read."""
    store = await SqliteStore.open_to_read(settings.store_url, SystemClock())
    try:
        yield store
    finally:
        await store.close()
