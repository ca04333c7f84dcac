"""Objects against each other: an id that is named must be known, and a session and its CDR tell the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.v221.rules.sessions import NOT_AVAILABLE
from simulators.emsp.wire import parse_datetime

JsonObject = dict[str, Any]
Key = tuple[str, ...]

CDR = "OCPI 2.2.1 mod_cdrs 10.3.1 CDR"
SESSION = "OCPI 2.2.1 mod_sessions 9.3.1 Session"

TOKEN_KNOWN = Rule(
    "cdr_token.known", "cdr_token is a token of this eMSP, with all that identifies it", "OCPI 2.2.1 mod_cdrs 10.4.5"
)
SESSION_KNOWN = Rule("cdr.session_known", "session_id names a session that was given", CDR)
SESSION_COMPLETED = Rule(
    "cdr.session_completed", "a CDR is made of a session that is COMPLETED", "OCPI 2.2.1 mod_cdrs 10.1"
)
SESSION_AGREES = Rule("cdr.session_agrees", "a session and its CDR tell the same energy and times", CDR)
EVSE_KNOWN = Rule("location.evse_known", "an EVSE or connector that is named belongs to its location", SESSION)
LOCATION_KNOWN = Rule(
    "location.known", "a location that is named was given (private ones need not be)",
    "OCPI 2.2.1 mod_cdrs 10.1", Severity.NOTE,
)  # fmt: skip
TARIFF_KNOWN = Rule(
    "connector.tariff_known", "tariff_ids name defined tariffs", "OCPI 2.2.1 mod_locations 8.3.3 Connector"
)
EVSE_UNIQUE = Rule(
    "platform.evse_uid_unique", "uid identifies one EVSE of the whole platform", "OCPI 2.2.1 mod_locations 8.3.2 EVSE"
)
SAME_SESSION = Rule("cdr.one_per_session", "a session has one CDR, unless the earlier ones are credited", CDR)


@dataclass(frozen=True, slots=True)
class Known:
    """What the eMSP knows. That an object is missing proves something only in a `complete` module."""

    tokens: Mapping[Key, JsonObject]
    complete: frozenset[str] = frozenset()
    locations: Mapping[Key, JsonObject] | None = None
    sessions: Mapping[Key, JsonObject] | None = None
    cdrs: Mapping[Key, JsonObject] | None = None
    tariffs: Mapping[Key, JsonObject] | None = None


def check_references(known: Known) -> Iterator[tuple[str, Key, Problem]]:
    """Yield (module, key, problem) for each object whose references do not hold."""
    for key, location in (known.locations or {}).items():
        for problem in _check_tariff_ids(location, known):
            yield "locations", key, problem
    for key, problem in _check_unique_evses(known.locations or {}):
        yield "locations", key, problem
    for key, session in (known.sessions or {}).items():
        place = (session["location_id"], session["evse_uid"], session["connector_id"])
        for problem in [*_check_token(session, known), *_check_place(key, "$", "location_id", place, known)]:
            yield "sessions", key, problem
    for key, cdr in (known.cdrs or {}).items():
        at = cdr["cdr_location"]
        place = (at["id"], at["evse_uid"], at["connector_id"])
        problems = _check_place(key, "$.cdr_location", "id", place, known)
        for problem in [*_check_token(cdr, known), *problems, *_check_session(key, cdr, known)]:
            yield "cdrs", key, problem
    for key, problem in _check_one_per_session(known.cdrs or {}):
        yield "cdrs", key, problem


def _check_token(holder: JsonObject, known: Known) -> Iterator[Problem]:
    named = holder["cdr_token"]
    key = (named["country_code"].upper(), named["party_id"].upper(), named["uid"].upper(), named["type"])
    token = known.tokens.get(key)
    if token is None:
        yield Problem(TOKEN_KNOWN, "$.cdr_token", f"{named['type']} {named['uid']} is not one of ours")
    elif token["contract_id"].upper() != named["contract_id"].upper():
        seen = f"{named['contract_id']}, ours {token['contract_id']}"
        yield Problem(TOKEN_KNOWN, "$.cdr_token.contract_id", seen)


def _check_place(key: Key, path: str, id_name: str, place: tuple[str, str, str], known: Known) -> Iterator[Problem]:
    if known.locations is None:
        return
    location_id, evse_uid, connector_id = place
    location = known.locations.get((key[0], key[1], location_id.upper()))
    if location is None:
        if "locations" in known.complete:
            yield Problem(LOCATION_KNOWN, f"{path}.{id_name}", f"location {location_id!r} was not given")
        return
    if evse_uid == NOT_AVAILABLE:
        return
    evses = {evse["uid"].upper(): evse for evse in location.get("evses") or []}
    evse = evses.get(evse_uid.upper())
    if evse is None:
        yield Problem(EVSE_KNOWN, f"{path}.evse_uid", f"location {location_id!r} has no EVSE {evse_uid!r}")
        return
    connectors = {connector["id"].upper() for connector in evse["connectors"]}
    if connector_id != NOT_AVAILABLE and connector_id.upper() not in connectors:
        yield Problem(EVSE_KNOWN, f"{path}.connector_id", f"EVSE {evse_uid!r} has no connector {connector_id!r}")


def _check_session(key: Key, cdr: JsonObject, known: Known) -> Iterator[Problem]:
    session_id = cdr.get("session_id")
    if known.sessions is None or session_id is None:
        return
    session = known.sessions.get((key[0], key[1], session_id.upper()))
    if session is None:
        if "sessions" in known.complete:
            yield Problem(SESSION_KNOWN, "$.session_id", f"session {session_id!r} was not given")
        return
    if session["status"] != "COMPLETED":
        yield Problem(SESSION_COMPLETED, "$.session_id", f"session {session_id!r} is {session['status']}")
        return
    for ours, theirs in (("total_energy", "kwh"), ("end_date_time", "end_date_time"), ("currency", "currency")):
        told = session.get(theirs)
        if told is not None and _comparable(ours, cdr[ours]) != _comparable(ours, told):
            yield Problem(SESSION_AGREES, f"$.{ours}", f"{cdr[ours]}, session's {theirs} {told}")


def _comparable(name: str, value: Any) -> Any:
    return parse_datetime(value) if name.endswith("_date_time") else value


def _check_tariff_ids(location: JsonObject, known: Known) -> Iterator[Problem]:
    if known.tariffs is None or "tariffs" not in known.complete:
        return
    ids = {key[2] for key in known.tariffs}
    for at, evse in enumerate(location.get("evses") or []):
        for index, connector in enumerate(evse["connectors"]):
            for tariff_id in connector.get("tariff_ids") or []:
                if tariff_id.upper() not in ids and evse["status"] != "REMOVED":
                    path = f"$.evses[{at}].connectors[{index}].tariff_ids"
                    yield Problem(TARIFF_KNOWN, path, f"tariff {tariff_id!r} was not given")


def _check_unique_evses(locations: Mapping[Key, JsonObject]) -> Iterator[tuple[Key, Problem]]:
    holders: dict[Key, Key] = {}
    for key, location in locations.items():
        for index, evse in enumerate(location.get("evses") or []):
            uid = (key[0], key[1], evse["uid"].upper())
            holder = holders.setdefault(uid, key)
            if holder != key:
                seen = f"{evse['uid']!r} is also in location {holder[2]!r}"
                yield key, Problem(EVSE_UNIQUE, f"$.evses[{index}].uid", seen)


def _check_one_per_session(cdrs: Mapping[Key, JsonObject]) -> Iterator[tuple[Key, Problem]]:
    credited = {(key[0], key[1], cdr["credit_reference_id"].upper()) for key, cdr in cdrs.items() if cdr.get("credit")}
    first: dict[Key, Key] = {}
    for key, cdr in cdrs.items():
        session_id = cdr.get("session_id")
        if session_id is None or cdr.get("credit") or key in credited:
            continue
        holder = first.setdefault((key[0], key[1], session_id.upper()), key)
        if holder != key:
            yield key, Problem(SAME_SESSION, "$.session_id", f"{session_id!r} is also billed by CDR {holder[2]!r}")
