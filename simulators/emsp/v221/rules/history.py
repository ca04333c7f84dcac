"""One object seen twice: what may have changed between the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.wire import parse_datetime

JsonObject = dict[str, Any]

LAST_UPDATED = Rule(
    "history.last_updated",
    "last_updated moves on when an object changes; otherwise a pull by date_from never shows the change",
    "OCPI 2.2.1 transport_and_format 4.1.4.1",
)
BACKWARDS = Rule(
    "history.backwards", "a push brings a newer state than the last one", "OCPI 2.2.1 transport_and_format 4.4"
)
CDR_SEALED = Rule("history.cdr_sealed", "a CDR is never changed or replaced", "OCPI 2.2.1 mod_cdrs 10.1")
SESSION_OVER = Rule(
    "history.session_over", "a COMPLETED session is not modified any more", "OCPI 2.2.1 mod_sessions 9.4.3"
)
KWH_FALLS = Rule(
    "history.kwh_falls", "the energy of a session does not fall", "OCPI 2.2.1 mod_sessions 9.3.1", Severity.NOTE
)
EVSE_VANISHED = Rule(
    "history.evse_vanished",
    "an EVSE is never deleted: its status becomes REMOVED",
    "OCPI 2.2.1 mod_locations 8.1 Flow and Lifecycle",
)


def check_succession(module: str, before: JsonObject, after: JsonObject, *, pushed: bool) -> Iterator[Problem]:
    """`before` and `after` are well-formed objects with the same id; `pushed` if `after` came by PUT, PATCH or POST."""
    if before == after:
        return
    earlier, later = parse_datetime(before["last_updated"]), parse_datetime(after["last_updated"])
    if module == "cdrs":
        yield Problem(CDR_SEALED, "$", f"{', '.join(_changed(before, after))} changed")
        return
    if later < earlier:
        # A page may have been made before a push that overtook it.
        if pushed:
            yield Problem(BACKWARDS, "$.last_updated", f"{later} after {earlier}")
        return
    if later == earlier:
        changed = ", ".join(_changed(before, after))
        yield Problem(LAST_UPDATED, "$.last_updated", f"{later} as before, {changed} changed")
    if module == "sessions":
        yield from _check_session(before, after)
    if module == "locations":
        missing = _evse_uids(before) - _evse_uids(after)
        if missing:
            yield Problem(EVSE_VANISHED, "$.evses", f"gone: {', '.join(sorted(missing))}")


def _check_session(before: JsonObject, after: JsonObject) -> Iterator[Problem]:
    if before["status"] == "COMPLETED":
        yield Problem(SESSION_OVER, "$", f"{', '.join(_changed(before, after))} changed")
    if after["kwh"] < before["kwh"]:
        yield Problem(KWH_FALLS, "$.kwh", f"{after['kwh']} after {before['kwh']}")


def _changed(before: JsonObject, after: JsonObject) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _evse_uids(location: JsonObject) -> set[str]:
    return {evse["uid"].upper() for evse in location.get("evses") or []}
