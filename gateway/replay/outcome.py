"""What came of a trace: the OCPI objects, what was put aside and why, and where the answers differ."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson

from gateway.console.fields import render_datetime
from gateway.domain.sessions import Session
from gateway.domain.stations import Deviation
from gateway.flows.session_costs import find_cost
from gateway.ocpi.version import Version as OcpiVersion
from gateway.ocpi.wire import CannotSayError, decimal_text, noting_gaps
from gateway.replay.player import Difference, Played
from gateway.replay.trace_file import TraceLine, UnreadLine
from gateway.replay.world import World

T = TypeVar("T")
_ALL: Final = 1_000_000


async def gather_outcome(
    world: World, played: Played, lines: Sequence[TraceLine], unread: Sequence[UnreadLine], version: OcpiVersion
) -> dict[str, Any]:
    """All of it as JSON data; in orders that do not depend on anything but the trace."""
    sessions = sorted(await world.store.list_sessions(limit=_ALL), key=lambda session: session.created_no)
    cdrs = list(reversed(await world.store.list_cdrs(limit=_ALL)))
    withheld: list[dict[str, str]] = []
    objects = {
        "version": version.number,
        "locations": _render("location", played.locations, version.render_location, withheld),
        "sessions": _render("session", sessions, lambda one: version.render_session(one, find_cost(one)), withheld),
        "cdrs": _render("cdr", cdrs, version.render_cdr, withheld),
    }
    return {
        "trace": _render_trace(lines, played),
        "ocpi": objects,
        "withheld": withheld,
        "sessions": [_render_session(session) for session in sessions],
        "refused": [
            {"line": one.line_no or None, "station": one.station_id, "kind": one.kind, "text": one.text}
            for one in world.remarks.kept
        ],
        "quarantined": await _list_quarantined(world),
        "late_facts": await _list_late_facts(world),
        "deviations": await _list_deviations(world),
        "differences": [_render_difference(difference) for difference in played.differences],
        "unread": [
            {"line": one.no, "what": one.what, "remedy": one.remedy}
            for one in sorted([*unread, *played.unread], key=lambda one: one.no)
        ],
        "notes": played.notes,
    }


def render_outcome(outcome: dict[str, Any]) -> bytes:
    """As JSON for machines; decimals are numbers as OCPI writes them."""
    return orjson.dumps(outcome, default=_render_value, option=orjson.OPT_INDENT_2)


def _render_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(decimal_text(value))
    raise TypeError(f"not JSON: {type(value).__name__}")


def _render(
    kind: str, items: Sequence[T], render: Callable[[T], dict[str, Any]], withheld: list[dict[str, str]]
) -> list[dict[str, Any]]:
    rendered = []
    for item in items:
        with noting_gaps() as gaps:
            try:
                rendered.append(render(item))
            except CannotSayError as error:
                gaps[:] = [str(error)]
        withheld += [{"kind": kind, "id": str(getattr(item, "id", "")), "reason": reason} for reason in gaps]
    return rendered


def _render_trace(lines: Sequence[TraceLine], played: Played) -> dict[str, Any]:
    return {
        "lines": len(lines),
        "from": render_datetime(min(line.at for line in lines)),
        "until": render_datetime(max(line.at for line in lines)),
        "stations": dict(sorted(played.versions.items())),
        "messages_served": played.served,
        "answers_compared": played.compared,
    }


def _render_session(session: Session) -> dict[str, Any]:
    """Where a session stands and why, also for one that no partner would see."""
    ledger = session.ledger
    return {
        "id": session.id,
        "station": session.key.station_id,
        "evse_no": session.key.evse_no,
        "connector_no": session.key.connector_no,
        "transaction_id": session.transaction_id,
        "status": session.status.value,
        "started_at": render_datetime(ledger.started_at),
        "ended_at": render_datetime(ledger.ended_at) if ledger.ended_at else None,
        "energy_wh": ledger.energy_wh,
        "flags": sorted(ledger.flags),
        "hold": session.hold,
        "cdr_id": session.sealed_cdr_id,
    }


async def _list_quarantined(world: World) -> list[dict[str, Any]]:
    kept = sorted(await world.store.list_quarantined(limit=_ALL), key=lambda one: one.no)
    return [
        {
            "at": render_datetime(one.message.receipt.received_at),
            "station": one.message.receipt.station_id,
            "action": one.message.receipt.action,
            "message_id": one.message.receipt.message_id,
            "reason": one.message.reason,
        }
        for one in kept
    ]


async def _list_late_facts(world: World) -> list[dict[str, Any]]:
    kept = sorted(await world.store.list_late_facts(limit=_ALL), key=lambda one: one.no)
    return [
        {
            "station": one.station_id,
            "session_id": one.session_id,
            "kind": one.fact.kind.value,
            "at": render_datetime(one.fact.at),
            "message_id": one.fact.message_id,
            "reason": one.reason,
        }
        for one in kept
    ]


async def _list_deviations(world: World) -> list[dict[str, Any]]:
    found: list[Deviation] = []
    for station in sorted(world.memory.stations.values(), key=lambda station: station.id):
        found += await world.store.list_deviations(station.id)
    return [
        {
            "station": one.station_id,
            "action": one.action,
            "path": one.path,
            "problem": one.problem,
            "example": one.example,
            "count": one.count,
        }
        for one in sorted(found, key=lambda one: (one.station_id, one.first_at, one.action, one.path, one.problem))
    ]


def _render_difference(difference: Difference) -> dict[str, Any]:
    return {
        "line": difference.line_no,
        "at": render_datetime(difference.at),
        "station": difference.station_id,
        "asked": difference.asked,
        "recorded": difference.recorded,
        "now": difference.now,
    }
