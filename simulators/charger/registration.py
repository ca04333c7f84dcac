"""BootNotification, as often as it takes."""

from __future__ import annotations

import asyncio

from .dialect import BootReason
from .engine import Engine, NoteFn
from .errors import RegistrationError
from .line import Patience
from .link import Link


class Registration:
    """The charger's standing with its central system."""

    def __init__(self, engine: Engine, identity: str, patience: Patience, note: NoteFn) -> None:
        self._engine = engine
        self._identity = identity
        self._patience = patience
        self._note = note
        self._is_waiting = False
        self._again = asyncio.Event()

    async def boot(self, reason: BootReason) -> None:
        """Register, deliver what queued up before, and tell every connector's state.

        Pending and Rejected are tried again after a pause; RegistrationError after as many as patience has.
        """
        engine = self._engine
        message = engine.dialect.boot(engine.station.identity, reason)
        for _ in range(self._patience.boot_attempts):
            reply = engine.dialect.parse_boot(await engine.say(message))
            self._note("boot", f"boot answered {reply.status}", interval_s=reply.interval_s)
            if reply.status == "Accepted":
                break
            await self._pause()
        else:
            raise RegistrationError(
                f"{self._identity}: BootNotification was answered {reply.status} "
                f"{self._patience.boot_attempts} times: accept the station at the central system"
            )
        if reply.interval_s > 0:
            engine.dialect.settings.set_heartbeat_interval(reply.interval_s)
        engine.is_registered = True
        await engine.deliver_queue()
        await engine.report_all()

    async def boot_triggered(self) -> None:
        """BootNotification because the central system asked for it; a boot that waits goes on at once."""
        if self._is_waiting:
            self._again.set()
        else:
            await self._engine.say(self._engine.dialect.boot(self._engine.station.identity, BootReason.TRIGGERED))

    async def boot_on(self, link: Link) -> None:
        """BootNotification as the first call of a connection that came back."""
        if self._engine.is_registered:
            message = self._engine.dialect.boot(self._engine.station.identity, BootReason.WATCHDOG)
            await self._engine.line.call_on(link, message)

    async def _pause(self) -> None:
        self._again.clear()
        self._is_waiting = True
        try:
            async with asyncio.timeout(self._patience.boot_pause_s):
                await self._again.wait()
        except TimeoutError:
            return
        finally:
            self._is_waiting = False
