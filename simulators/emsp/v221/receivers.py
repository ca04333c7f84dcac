"""Receiver interfaces of the eMSP: what the CPO pushes is judged, stored, and given back on GET."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from simulators.emsp import transport
from simulators.emsp.findings import Problem, Rule
from simulators.emsp.state import Desk, Key
from simulators.emsp.version import Answer, Inbound, Route, done, failed, ok
from simulators.emsp.wire import JsonObject, parse_datetime

URL_MATCHES = Rule(
    "push.url_matches",
    "country_code, party_id and id in the URL are those of the object",
    "OCPI 2.2.1 transport_and_format 4.1.5.1",
)
OWN_OBJECTS = Rule(
    "push.own_objects",
    "a CPO pushes objects of the parties it named in the handshake",
    "OCPI 2.2.1 transport_and_format 4.1.5",
)
PATCH_LAST_UPDATED = Rule(
    "push.patch_last_updated", "every PATCH contains last_updated", "OCPI 2.2.1 transport_and_format 4.1.4.3"
)
PATCH_KNOWN = Rule(
    "push.patch_known",
    "a PATCH changes an object that was PUT before",
    "OCPI 2.2.1 transport_and_format 4.1.4.3 PATCH",
)
SESSION_FIRST = Rule(
    "push.session_completed_first",
    "the CDR comes after its session was pushed as COMPLETED",
    "OCPI 2.2.1 mod_cdrs 10.1",
)

KINDS = {"locations": "location", "sessions": "session", "cdrs": "cdr", "tariffs": "tariff", "tokens": "token"}

# OCPI 2.2.1 5.2
INVALID, GENERIC_CLIENT_ERROR = 2001, 2000


async def get_object(desk: Desk, call: Inbound) -> Answer:
    found = desk.store.get(call.module, url_key(call))
    if found is None:
        return failed(GENERIC_CLIENT_ERROR, "no such object", http_status=404)
    return ok(found)


async def put_object(desk: Desk, call: Inbound) -> Answer:
    return _take(desk, call, call.module, call.body)


async def post_object(desk: Desk, call: Inbound) -> Answer:
    return _take(desk, call, call.module, call.body, has_id_in_url=False)


async def patch_session(desk: Desk, call: Inbound) -> Answer:
    before = patchable(desk, call)
    if isinstance(before, Answer):
        return before
    after = {**before, **call.body}
    # OCPI 2.2.1 9.2.2.3: periods of a PATCH are added to those that are there.
    added = call.body.get("charging_periods")
    if isinstance(added, list):
        after["charging_periods"] = [*(before.get("charging_periods") or []), *added]
    return _take(desk, call, "sessions", after)


async def patch_object(desk: Desk, call: Inbound) -> Answer:
    before = patchable(desk, call)
    if isinstance(before, Answer):
        return before
    stamp = {} if call.version.needs_patch_time else {"last_updated": call.version.render_time(desk.now())}
    return _take(desk, call, call.module, {**before, **stamp, **call.body})


async def delete_object(desk: Desk, call: Inbound) -> Answer:
    if not desk.store.remove(call.module, url_key(call)):
        return failed(GENERIC_CLIENT_ERROR, "no such object", http_status=404)
    return done()


async def post_cdr(desk: Desk, call: Inbound) -> Answer:
    """A CDR that comes again is answered like the first time, without a second one being made."""
    answer = _take(desk, call, "cdrs", call.body, has_id_in_url=False)
    if answer.status_code != 1000:
        return answer
    _check_session_first(desk, call)
    key = call.version.key_of("cdrs", call.body)
    # In 2.1.1 a CDR names no owner: it is whoever we registered with.
    owner = key[:2] if call.version.has_owners or desk.partner is None else desk.partner.party().ids
    location = f"{desk.base_url}/ocpi/{call.version.number}/cdrs/" + "/".join(
        quote(part, safe="") for part in (*owner, key[2])
    )
    return done(created=answer.http_status == 201, headers={"Location": location})


def patchable(desk: Desk, call: Inbound) -> JsonObject | Answer:
    """The object to patch, or the answer if it cannot be."""
    if not isinstance(call.body, dict):
        return failed(INVALID, "the body is not an object")
    if "last_updated" not in call.body and call.version.needs_patch_time:
        desk.findings.add(PATCH_LAST_UPDATED, call.where, "$.last_updated", "not there")
        return failed(INVALID, "missing last_updated")
    before = desk.store.get(call.module, url_key(call))
    if before is None:
        desk.findings.add(PATCH_KNOWN, call.where, "$", f"{'/'.join(url_key(call))} was never given")
        return failed(GENERIC_CLIENT_ERROR, "no such object: PUT it first", http_status=404)
    return before


def _take(desk: Desk, call: Inbound, module: str, item: Any, *, has_id_in_url: bool = True) -> Answer:
    """Judge and keep a whole object; what is not well-formed is refused with 2001."""
    kind = call.version.kinds[module]
    problems = call.version.judge(kind, item)
    desk.findings.checked[module] += 1
    desk.findings.extend(call.where, problems)
    if not call.version.is_well_formed(kind, item):
        return failed(INVALID, why(problems))
    key = call.version.key_of(module, item)
    if has_id_in_url and key != url_key(call):
        desk.findings.add(URL_MATCHES, call.where, "$", f"object {'/'.join(key)}, URL {'/'.join(url_key(call))}")
        return failed(INVALID, "the ids in the URL are not those of the object")
    if parse_datetime(item["last_updated"]) > desk.now() + transport.CLOCK_SKEW:
        desk.findings.add(transport.FUTURE, call.where, "$.last_updated", item["last_updated"])
    owner = _owner_of(call, key)
    if owner and desk.partner is not None and owner not in {party.ids for party in desk.partner.card.parties}:
        desk.findings.add(OWN_OBJECTS, call.where, "$.party_id", "*".join(owner))
        return failed(INVALID, "not an object of yours")
    return _keep(desk, call, module, item, created=desk.store.get(module, key) is None)


def _keep(desk: Desk, call: Inbound, module: str, item: JsonObject, *, created: bool) -> Answer:
    key = call.version.key_of(module, item)
    before = desk.store.get(module, key)
    if before is not None:
        changes = list(call.version.check_succession(module, before, item, pushed=True))
        desk.findings.extend(call.where, changes)
        if module == "cdrs":
            # What was billed stands; a second, different bill with the same id is refused.
            return failed(INVALID, "there is another CDR with this id") if changes else done()
    desk.store.put(module, key, item, call.where)
    return done(created=created)


def _check_session_first(desk: Desk, call: Inbound) -> None:
    """Only where sessions are pushed at all: a CPO may leave that to our pull."""
    cdr = call.body
    if cdr.get("session_id") is None or "sessions" not in desk.store.seen:
        return
    owner = call.version.key_of("cdrs", cdr)[:2]
    session = desk.store.get("sessions", (*owner, cdr["session_id"].upper()))
    status = "not given" if session is None else session["status"]
    if status != "COMPLETED":
        desk.findings.add(SESSION_FIRST, call.where, "$.session_id", f"session {cdr['session_id']!r} is {status}")


def _owner_of(call: Inbound, key: Key) -> tuple[str, ...]:
    """Who the object belongs to: what it says itself, or in 2.1.1 the URL.  A CDR of 2.1.1 is not told by either."""
    if call.version.has_owners:
        return key[:2]
    if "party_id" in call.segments:
        return call.segments["country_code"].upper(), call.segments["party_id"].upper()
    return ()


def url_key(call: Inbound) -> Key:
    return call.version.key_of_url(call.segments)


def why(problems: list[Problem]) -> str:
    return "; ".join(f"{problem.path} {problem.seen}" for problem in problems[:3])


OWNED = "{country_code}/{party_id}/{id}"
ROUTES = (
    Route("GET", f"locations/{OWNED}", "locations", get_object),
    Route("PUT", f"locations/{OWNED}", "locations", put_object, body=True),
    Route("PATCH", f"locations/{OWNED}", "locations", patch_object, body=True),
    Route("GET", f"sessions/{OWNED}", "sessions", get_object),
    Route("PUT", f"sessions/{OWNED}", "sessions", put_object, body=True),
    Route("PATCH", f"sessions/{OWNED}", "sessions", patch_session, body=True),
    Route("POST", "cdrs", "cdrs", post_cdr, body=True),
    Route("GET", f"cdrs/{OWNED}", "cdrs", get_object),
    Route("GET", f"tariffs/{OWNED}", "tariffs", get_object),
    Route("PUT", f"tariffs/{OWNED}", "tariffs", put_object, body=True),
    Route("DELETE", f"tariffs/{OWNED}", "tariffs", delete_object),
)
