"""Replay a trace: bytes in, what came of it out."""

from typing import Any

from gateway.config import Settings as Config
from gateway.errors import SettingsError
from gateway.ocpi.version import Version as OcpiVersion
from gateway.ocpp.version import Version as OcppVersion
from gateway.replay.inventory_file import parse_inventory, put_inventory
from gateway.replay.outcome import gather_outcome
from gateway.replay.player import Player
from gateway.replay.trace_file import parse_trace
from gateway.replay.world import open_world
from gateway.wiring import parties_of


async def replay(
    trace: bytes, inventory: bytes | None, config: Config, *, ocpi: OcpiVersion, ocpp: OcppVersion | None = None
) -> dict[str, Any]:
    """The outcome as JSON data; the same input gives the same.  Raises SettingsError where nothing can be replayed."""
    lines, unread = parse_trace(trace)
    if not lines:
        first = f"; line {unread[0].no} {unread[0].what}: {unread[0].remedy}" if unread else ""
        raise SettingsError(f"the trace holds no line that can be read{first}")
    items = None if inventory is None else parse_inventory(inventory)
    async with open_world(config, lines[0].at) as world:
        if items is not None:
            await put_inventory(world, items, parties_of(config))
        played = await Player(world, ocpp).play(lines)
        if items is None:
            played.notes.append("no inventory was given: no card is known and no plug has a place or a price")
        return await gather_outcome(world, played, lines, unread, ocpi)
