"""`/sessions` and `/cdrs`: what was charged, and every message it was folded from."""

from aiohttp import web

from gateway.console.answers import answer
from gateway.console.bodies import parse_limits
from gateway.console.parts import PARTS
from gateway.console.render_ledger import render_cdr, render_fact, render_session
from gateway.console.render_signatures import render_signed_value
from gateway.errors import NotFoundError

MOST = 1_000


async def list_sessions(request: web.Request) -> web.Response:
    """Newest first."""
    parts = request.app[PARTS]
    limit, offset = parse_limits(request, default=100, most=MOST)
    station_id = request.query.get("station_id")
    station = parts.memory.find_station(station_id) if station_id is not None else None
    sessions = await parts.store.list_sessions(
        limit=limit, offset=offset, station_id=station.id if station else station_id
    )
    return answer([render_session(session) for session in sessions])


async def get_session(request: web.Request) -> web.Response:
    """With its facts, and what the meter signed in them, checked now: with the keys of today."""
    parts, session_id = request.app[PARTS], request.match_info["session_id"]
    store = parts.store
    session = await store.find_session(session_id)
    if session is None:
        raise NotFoundError(f"there is no session {session_id!r}")
    facts = await store.load_facts(session.id)
    judgement = await parts.signatures.judge(session, facts)
    return answer(
        {
            **render_session(session),
            "facts": [render_fact(fact) for fact in facts],
            "signed_values": [render_signed_value(value) for value in judgement.values],
            "signed_flags": judgement.flags,
        }
    )


async def list_cdrs(request: web.Request) -> web.Response:
    """Newest first."""
    limit, offset = parse_limits(request, default=100, most=MOST)
    cdrs = await request.app[PARTS].store.list_cdrs(limit=limit, offset=offset)
    return answer([render_cdr(cdr) for cdr in cdrs])


async def get_cdr(request: web.Request) -> web.Response:
    cdr_id = request.match_info["cdr_id"]
    cdr = await request.app[PARTS].store.find_cdr(cdr_id)
    if cdr is None:
        raise NotFoundError(f"there is no CDR {cdr_id!r}")
    return answer({**render_cdr(cdr), "signed_values": [render_signed_value(value) for value in cdr.signed_values]})


ROUTES = (
    ("GET", "sessions", list_sessions),
    ("GET", "sessions/{session_id}", get_session),
    ("GET", "cdrs", list_cdrs),
    ("GET", "cdrs/{cdr_id}", get_cdr),
)
