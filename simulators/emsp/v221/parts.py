"""EVSEs and connectors, which a CPO may push on their own into a location that is there."""

from __future__ import annotations

from simulators.emsp.findings import Problem
from simulators.emsp.state import Desk
from simulators.emsp.v221.receivers import (
    GENERIC_CLIENT_ERROR,
    INVALID,
    OWNED,
    PATCH_KNOWN,
    URL_MATCHES,
    patchable,
    url_key,
    why,
)
from simulators.emsp.version import Answer, Inbound, Route, done, failed, ok
from simulators.emsp.wire import JsonObject, parse_datetime

# OCPI 2.2.1 5.2
UNKNOWN_LOCATION = 2003


async def get_part(desk: Desk, call: Inbound) -> Answer:
    location = desk.store.get("locations", url_key(call))
    part = None if location is None else _find(location.get("evses") or [], "uid", call.segments["evse_uid"])
    if part is not None and "connector_id" in call.segments:
        part = _find(part["connectors"], "id", call.segments["connector_id"])
    return failed(GENERIC_CLIENT_ERROR, "no such object", http_status=404) if part is None else ok(part)


async def put_part(desk: Desk, call: Inbound) -> Answer:
    location = desk.store.get("locations", url_key(call))
    if location is None:
        return failed(UNKNOWN_LOCATION, "unknown location: PUT it first", http_status=404)
    return _take_part(desk, call, location, is_patch=False)


async def patch_part(desk: Desk, call: Inbound) -> Answer:
    location = patchable(desk, call)
    return location if isinstance(location, Answer) else _take_part(desk, call, location, is_patch=True)


def _take_part(desk: Desk, call: Inbound, location: JsonObject, *, is_patch: bool) -> Answer:
    """Put the part in its place; what holds it is updated with it (OCPI 2.2.1 8.2.2.2)."""
    evses = location.get("evses") or []
    evse = _find(evses, "uid", call.segments["evse_uid"])
    connector_id = call.segments.get("connector_id")
    if connector_id is not None and evse is None:
        return failed(UNKNOWN_LOCATION, "unknown EVSE: PUT it first", http_status=404)
    before = evse if evse is None or connector_id is None else _find(evse["connectors"], "id", connector_id)
    if is_patch and before is None:
        desk.findings.add(PATCH_KNOWN, call.where, "$", f"{call.segments} was never given")
        return failed(GENERIC_CLIENT_ERROR, "no such object: PUT it first", http_status=404)
    after = {**(before or {}), **call.body} if is_patch else call.body
    kind, id_name = ("evse", "uid") if connector_id is None else ("connector", "id")
    problems = call.version.judge(kind, after)
    desk.findings.extend(call.where, problems)
    if not call.version.is_well_formed(kind, after):
        return failed(INVALID, why(problems))
    if after[id_name].upper() != call.segments["evse_uid" if connector_id is None else "connector_id"].upper():
        desk.findings.extend(call.where, [Problem(URL_MATCHES, f"$.{id_name}", repr(after[id_name]))])
        return failed(INVALID, "the ids in the URL are not those of the object")
    if before is not None:
        desk.findings.extend(call.where, call.version.check_succession(kind, before, after, pushed=True))
    if evse is not None and connector_id is not None:
        after = _with_part(evse, "connectors", before, after)
    desk.store.put("locations", url_key(call), _with_part(location, "evses", evse, after), call.where)
    return done(created=before is None)


def _with_part(holder: JsonObject, name: str, before: JsonObject | None, after: JsonObject) -> JsonObject:
    """The holder with one part replaced or added, and its last_updated not older than the part's."""
    parts = [after if part is before else part for part in holder.get(name) or []]
    if before is None:
        parts.append(after)
    return {
        **holder,
        name: parts,
        "last_updated": max(holder["last_updated"], after["last_updated"], key=parse_datetime),
    }


def _find(items: list[JsonObject], name: str, value: str) -> JsonObject | None:
    return next((item for item in items if item[name].upper() == value.upper()), None)


_EVSE = f"locations/{OWNED}/{{evse_uid}}"
ROUTES = tuple(
    route
    for path in (_EVSE, f"{_EVSE}/{{connector_id}}")
    for route in (
        Route("GET", path, "locations", get_part),
        Route("PUT", path, "locations", put_part, body=True),
        Route("PATCH", path, "locations", patch_part, body=True),
    )
)
