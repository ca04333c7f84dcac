"""`/sessions` and `/cdrs`: what was charged, and every message it was folded from; corrections of bills."""

from decimal import Decimal
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field, StrictBool, StringConstraints

from gateway.console.answers import answer
from gateway.console.bodies import BodyError, parse_limits, parse_model, read_object
from gateway.console.fields import CiString36, Number, Strict, String255, Time
from gateway.console.parts import PARTS
from gateway.console.render_explanation import render_explanation
from gateway.console.render_ledger import render_cdr, render_fact, render_profile, render_session
from gateway.console.render_signatures import render_signed_value
from gateway.console.tell_explanation import tell_explanation
from gateway.errors import NotFoundError
from gateway.flows.corrections import CorrectionAsked
from gateway.flows.explaining import load_explanation

MOST = 1_000
MOST_WH = Decimal(10) ** 9


def _check_tenths(wh: Decimal) -> Decimal:
    if wh != wh.quantize(Decimal("0.1")):
        raise ValueError("bills are told in tenths of a Wh: at most one decimal")
    return wh


class CorrectionInput(Strict):
    """What `POST cdrs/{id}/corrections` takes."""

    reason: String255
    cancel: StrictBool = False
    include_late_facts: StrictBool = False
    tariff_id: CiString36 | None = None
    energy_wh: Annotated[Number, Field(ge=0, le=MOST_WH), AfterValidator(_check_tenths)] | None = None
    ended_at: Time | None = None
    remark: String255 | None = None
    invoice_reference_id: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,39}$")] | None = None


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
    facts = await store.load_facts(session_id)  # before the session: one forgotten in between shows no driver
    session = await store.find_session(session_id)
    if session is None:
        raise NotFoundError(f"there is no session {session_id!r}")
    bills = await store.load_cdrs_of_session(session.id)
    judgement = await parts.signatures.judge(session, facts)
    return answer(
        {
            **render_session(session),
            "charging_profile": render_profile(parts.memory.profiles.get(session.id)),
            "cdr_ids": [cdr.id for cdr in bills],
            "facts": [render_fact(fact) for fact in facts],
            "signed_values": [render_signed_value(value) for value in judgement.values],
            "signed_flags": judgement.flags,
        }
    )


async def list_review(request: web.Request) -> web.Response:
    """Sessions that wait for a person before they are billed, those that ended first."""
    found = await request.app[PARTS].sealing.list_review()
    return answer(
        [
            {
                **render_session(session),
                "doubts": [{"flag": doubt.flag, "reason": doubt.reason} for doubt in doubts],
            }
            for session, doubts in found
        ]
    )


async def release_session(request: web.Request) -> web.Response:
    """Bill a session that waits for a person, as it is."""
    cdr = await request.app[PARTS].sealing.release(request.match_info["session_id"])
    return answer(render_cdr(cdr), 201)


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


async def correct_cdr(request: web.Request) -> web.Response:
    """Take a bill back by a credit, and make the one in its place."""
    asked = parse_model(CorrectionInput, await read_object(request))
    corrected = await request.app[PARTS].corrections.correct(
        request.match_info["cdr_id"], CorrectionAsked(**asked.model_dump())
    )
    made = None if corrected.cdr is None else render_cdr(corrected.cdr)
    return answer({"credit": render_cdr(corrected.credit), "cdr": made}, 201)


async def get_explanation(request: web.Request) -> web.Response:
    """How a bill came about, as JSON, or (`format=text`) as a person reads it."""
    parts, form = request.app[PARTS], request.query.get("format", "json")
    if form not in ("json", "text"):
        raise BodyError([("?format=", f"{form!r} is not one of json, text")])
    explanation = await load_explanation(parts.store, request.match_info["cdr_id"])
    if form == "json":
        return answer(render_explanation(explanation))
    partner = parts.memory.partners.get(explanation.cdr.partner_id or "")
    return web.Response(text=tell_explanation(explanation, partner.name if partner is not None else None) + "\n")


ROUTES = (
    ("GET", "sessions", list_sessions),
    ("GET", "sessions/{session_id}", get_session),
    ("POST", "sessions/{session_id}/release", release_session),
    ("GET", "review", list_review),
    ("GET", "cdrs", list_cdrs),
    ("GET", "cdrs/{cdr_id}", get_cdr),
    ("POST", "cdrs/{cdr_id}/corrections", correct_cdr),
    ("GET", "cdrs/{cdr_id}/explanation", get_explanation),
)
