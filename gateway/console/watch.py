"""Health, the trace, and what needs a person's eye."""

from typing import Any

import orjson
from aiohttp import web

from gateway.console.answers import answer, render_body
from gateway.console.bodies import BodyError, parse_limits
from gateway.console.parts import PARTS
from gateway.console.render_ledger import render_fact
from gateway.domain.events import NoticeReported
from gateway.flows.trace import FRAMES, is_cut
from gateway.ports import LateFact, Quarantined, SaveIncident, TraceEntry

MOST = 10_000
MOST_EXPORTED = FRAMES
"""An exported trace is all that there is of it."""


async def get_health(request: web.Request) -> web.Response:
    """200 once every listener is up and the store works, else 503."""
    parts = request.app[PARTS]
    report = await parts.report_health()
    is_up = all(report.listeners.values()) and report.is_store_up
    body = {
        "status": "up" if is_up else "down",
        "listeners": {name: "up" if up else "down" for name, up in report.listeners.items()},
        "store": "up" if report.is_store_up else "down",
        "connected_stations": len(parts.stations.list_connections()),
        "versions": {name: list(versions) for name, versions in report.versions.items()},
    }
    return answer(body, 200 if is_up else 503)


async def get_trace(request: web.Request) -> web.Response:
    """The latest entries as an array, or (`format=jsonl`) as a file that `gateway replay` takes."""
    form = request.query.get("format", "json")
    if form not in ("json", "jsonl"):
        raise BodyError([("?format=", f"{form!r} is not one of json, jsonl")])
    limit, _ = parse_limits(request, default=200 if form == "json" else MOST_EXPORTED, most=MOST_EXPORTED)
    entries = request.app[PARTS].trace.entries(request.query.get("station_id"), limit=limit)
    if form == "json":
        return answer([_render_entry(entry) for entry in entries])
    lines = b"".join(render_body(_render_line(entry)) + b"\n" for entry in entries)
    headers = {"Content-Disposition": 'attachment; filename="trace.jsonl"'}
    return web.Response(body=lines, content_type="application/x-ndjson", charset="utf-8", headers=headers)


async def list_incidents(request: web.Request) -> web.Response:
    limit, _ = parse_limits(request, default=100, most=MOST)
    incidents = await request.app[PARTS].store.list_incidents(request.query.get("station_id"), limit=limit)
    return answer([_render_incident(incident) for incident in incidents])


async def list_notices(request: web.Request) -> web.Response:
    limit, _ = parse_limits(request, default=100, most=MOST)
    notices = await request.app[PARTS].store.list_notices(request.query.get("station_id"), limit=limit)
    return answer([_render_notice(notice) for notice in notices])


async def list_quarantine(request: web.Request) -> web.Response:
    """Messages that could not be used; their stations were answered."""
    limit, _ = parse_limits(request, default=100, most=MOST)
    kept = await request.app[PARTS].store.list_quarantined(limit=limit)
    return answer([_render_quarantined(one) for one in kept])


async def list_late_facts(request: web.Request) -> web.Response:
    """Facts that came after their session's CDR was made, or belong to no session."""
    limit, _ = parse_limits(request, default=100, most=MOST)
    facts = await request.app[PARTS].store.list_late_facts(limit=limit)
    return answer([_render_late_fact(fact) for fact in facts])


def _render_entry(entry: TraceEntry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "station_id": entry.station_id,
        "direction": entry.direction,
        "text": entry.text,
        "reason": entry.reason,
    }


def _render_line(entry: TraceEntry) -> dict[str, Any]:
    """A line of an export; the event `connected` names the version that is spoken from there on."""
    line: dict[str, Any] = {
        "at": entry.at,
        "direction": entry.direction,
        "station": entry.station_id,
        "frame": entry.text,
    }
    if entry.reason is not None:
        line["reason"] = entry.reason
    if is_cut(entry.text):
        line["is_cut"] = True
    return line


def _render_incident(incident: SaveIncident) -> dict[str, Any]:
    return {"at": incident.at, "station_id": incident.station_id, "kind": incident.kind, "text": incident.text}


def _render_notice(notice: NoticeReported) -> dict[str, Any]:
    return {
        "at": notice.at,
        "received_at": notice.receipt.received_at,
        "station_id": notice.receipt.station_id,
        "kind": notice.kind,
        "summary": notice.summary,
        "action": notice.receipt.action,
        "message_id": notice.receipt.message_id,
        "body": orjson.Fragment(notice.body),
    }


def _render_quarantined(kept: Quarantined) -> dict[str, Any]:
    receipt = kept.message.receipt
    return {
        "no": kept.no,
        "received_at": receipt.received_at,
        "station_id": receipt.station_id,
        "action": receipt.action,
        "message_id": receipt.message_id,
        "reason": kept.message.reason,
        "frame": kept.message.frame,
    }


def _render_late_fact(late: LateFact) -> dict[str, Any]:
    return {
        "no": late.no,
        "station_id": late.station_id,
        "session_id": late.session_id,
        "reason": late.reason,
        "fact": render_fact(late.fact),
    }


ROUTES = (
    ("GET", "health", get_health),
    ("HEAD", "health", get_health),
    ("GET", "trace", get_trace),
    ("GET", "incidents", list_incidents),
    ("GET", "notices", list_notices),
    ("GET", "quarantine", list_quarantine),
    ("GET", "late-facts", list_late_facts),
)
