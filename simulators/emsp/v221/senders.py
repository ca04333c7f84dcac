"""Sender interfaces of the eMSP: the token list, real-time authorisation, and results of commands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from simulators.emsp.findings import Rule
from simulators.emsp.state import AuthorizeAnswer, Desk
from simulators.emsp.v221.types import parse_date_time
from simulators.emsp.version import Answer, Inbound, Route, done, failed, ok
from simulators.emsp.wire import JsonObject, parse_datetime

QUERY = Rule(
    "query.value", "paging parameters are numbers and DateTimes", "OCPI 2.2.1 transport_and_format 4.1.4.1 Pagination"
)
ONE_RESULT = Rule(
    "commands.one_result",
    "an accepted command has one result; only a reservation may be cancelled later",
    "OCPI 2.2.1 mod_commands 13.1",
)
RESULT_EXPECTED = Rule(
    "commands.result_expected", "a result belongs to a command that was accepted", "OCPI 2.2.1 mod_commands 13.2.2"
)

PROFILE_EXPECTED = Rule(
    "chargingprofiles.expected",
    "an ActiveChargingProfile is sent only for a session on which this eMSP has set a profile",
    "OCPI 2.2.1 mod_charging_profiles 14.3.2.2 PUT Method",
)

MAX_LIMIT = 100
INVALID, NOT_ENOUGH_INFORMATION, UNKNOWN_TOKEN = 2001, 2002, 2004


async def list_tokens(desk: Desk, call: Inbound) -> Answer:
    try:
        offset = _number(call, "offset", 0)
        limit = min(_number(call, "limit", MAX_LIMIT), MAX_LIMIT)
        date_from = _moment(call, "date_from", datetime.min.replace(tzinfo=UTC))
        date_to = _moment(call, "date_to", datetime.max.replace(tzinfo=UTC))
    except ValueError as error:
        desk.findings.add(QUERY, call.where, "query", str(error))
        return failed(INVALID, str(error))
    matching = [t for t in desk.store.tokens if date_from <= parse_datetime(t["last_updated"]) < date_to]
    headers = {"X-Total-Count": str(len(matching)), "X-Limit": str(MAX_LIMIT)}
    if limit > 0 and offset + limit < len(matching):
        query = urlencode({**call.query, "offset": offset + limit, "limit": limit})
        headers["Link"] = f'<{desk.base_url}/ocpi/{call.version.number}/tokens?{query}>; rel="next"'
    return ok([call.version.render_token(t) for t in matching[offset : offset + limit]], headers=headers)


async def authorize(desk: Desk, call: Inbound) -> Answer:
    """Answer as scripted, else by the token's own `valid` (OCPI 2.2.1 12.2.2.2)."""
    uid, kind = call.segments["uid"], call.query.get("type", "RFID")
    if call.body is not None:
        desk.findings.extend(call.where, call.version.judge("location_references", call.body))
        if not call.version.is_well_formed("location_references", call.body):
            return failed(INVALID, "not a LocationReferences object")
    scripted = desk.authorizations.next(uid)
    if scripted is not None:
        await asyncio.sleep(scripted.delay_s)
    if scripted is not None and scripted.status_code != 1000:
        return failed(scripted.status_code, "scripted answer", http_status=scripted.http_status)
    token = desk.store.get("tokens", (*desk.party.ids, uid.upper(), kind))
    if token is None:
        return failed(UNKNOWN_TOKEN, "unknown token", http_status=404)
    answer = scripted or AuthorizeAnswer("ALLOWED" if token["valid"] else "BLOCKED")
    return ok(_render_authorization(answer, token, call.body))


async def take_result(desk: Desk, call: Inbound) -> Answer:
    """The result of a command or of a charging profile, at the response_url we gave for it."""
    asked = desk.asked.get(call.segments["asked_id"])
    kind = "command_result" if asked is None else asked.kind
    desk.findings.extend(call.where, call.version.judge(kind, call.body))
    if not call.version.is_well_formed(kind, call.body):
        return failed(INVALID, f"not a {kind}")
    if asked is None:
        desk.findings.add(RESULT_EXPECTED, call.where, "$", f"{call.body['result']} for a command that was not sent")
        return failed(INVALID, "unknown command", http_status=404)
    results = asked.results
    if results and call.body["result"] != "CANCELED_RESERVATION":
        desk.findings.add(ONE_RESULT, call.where, "$.result", f"{call.body['result']} after {results[-1]['result']}")
    results.append(call.body)
    return done()


async def take_active_profile(desk: Desk, call: Inbound) -> Answer:
    """The CPO tells of a session's ActiveChargingProfile by itself (OCPI 2.2.1 14.3.2.2)."""
    desk.findings.extend(call.where, call.version.judge("active_charging_profile", call.body))
    if not call.version.is_well_formed("active_charging_profile", call.body):
        return failed(INVALID, "not an ActiveChargingProfile object")
    session_id = call.segments["session_id"].upper()
    if session_id not in desk.profiled:
        desk.findings.add(PROFILE_EXPECTED, call.where, "URL", f"no profile was ever set on session {session_id}")
    is_new = desk.store.get("chargingprofiles", (session_id,)) is None
    desk.store.put("chargingprofiles", (session_id,), call.body, call.where)
    return done(created=is_new)


def _render_authorization(answer: AuthorizeAnswer, token: JsonObject, references: Any) -> JsonObject:
    info: JsonObject = {"allowed": answer.allowed, "token": token}
    if references is not None and answer.allowed == "ALLOWED":
        info["location"] = references
    if answer.authorization_reference is not None:
        info["authorization_reference"] = answer.authorization_reference
    if answer.info is not None:
        info["info"] = {"language": "en", "text": answer.info}
    return info


def _number(call: Inbound, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name} is not a number: {text!r}")
    return int(text)


def _moment(call: Inbound, name: str, default: datetime) -> datetime:
    text = call.query.get(name)
    if text is None:
        return default
    try:
        return parse_date_time(text)
    except ValueError:
        raise ValueError(f"{name} is not a DateTime: {text!r}") from None


ROUTES = (
    Route("GET", "tokens", "tokens", list_tokens),
    Route("POST", "tokens/{uid}/authorize", "tokens", authorize, body=True),
    Route("POST", "commands/{command}/{asked_id}", "commands", take_result, body=True),
    Route("POST", "chargingprofiles/{what}/{asked_id}", "chargingprofiles", take_result, body=True),
    Route("PUT", "chargingprofiles/{session_id}", "chargingprofiles", take_active_profile, body=True),
)
