"""Is the store up?  Found out by a commit, for nothing else says so."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.errors import StoreDownError
from gateway.ports import Store

log = structlog.get_logger(__name__)

LASTS = timedelta(seconds=1)
"""How long a finding holds: health needs no token, and must not become a load on the writer."""
PATIENCE_S = 5.0


class StoreProbe:
    """Commits an empty Work, which takes the same way as every other one; those who ask meanwhile share the finding."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._lock = asyncio.Lock()
        self._found_at: datetime | None = None
        self._is_up = False

    async def is_up(self) -> bool:
        async with self._lock:
            if self._found_at is None or abs(self._now() - self._found_at) >= LASTS:
                was_up, self._is_up = self._is_up, await self._try()
                if was_up and not self._is_up:
                    log.warning("store found down")
                self._found_at = self._now()
            return self._is_up

    async def _try(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._store.commit([])
        except (StoreDownError, TimeoutError):
            return False
        return True
