"""Wrong requests, and how a server must refuse them."""

from __future__ import annotations

from simulators.emsp.check.lists import LISTS, visit_query
from simulators.emsp.check.table import ALL, HELD, CheckRule, Spec, Verdict, broken, skipped
from simulators.emsp.check.visit import Visit, tell
from simulators.emsp.peer import Reply

STATUS = Spec("status_codes 5 Status codes", "status_codes Status codes")
CLIENT_ERRORS = Spec("status_codes 5.2 2xxx: Client errors", "status_codes 2xxx: Client errors")
ASKING = Spec("transport_and_format 4.1.4.1.2 Paginated Request", "transport_and_format Paginated Request")
# What HTTP has for a method that is not there (RFC 9110 15.5.6 and 15.6.2).
NO_METHOD = (405, 501)


def is_refused(visit: Visit, reply: Reply, *http_statuses: int) -> bool:
    """Refused with HTTP 200 and 2xxx, or with one of the HTTP statuses.

    2.1.1 says both that no HTTP error should be returned and that one is expected: there a 4xx will do.
    """
    is_client_error = reply.status_code in range(2000, 3000)
    if reply.http_status in (200, 201) and is_client_error:
        return True
    if visit.version.number == "2.1.1" and reply.http_status in range(400, 500):
        return True
    return reply.http_status in http_statuses


def is_accepted(reply: Reply) -> bool:
    """Taken as if it were right; a server's own trouble (5xx, 3xxx) is not that."""
    return reply.is_success


def refused(visit: Visit, reply: Reply, *http_statuses: int) -> Verdict:
    if is_refused(visit, reply, *http_statuses):
        return HELD
    others = "".join(f" or HTTP {one}" for one in http_statuses)
    return broken(f"HTTP 200 with OCPI status 2xxx{others}", tell(reply), reply.where)


def has_status(reply: Reply, *http_statuses: int) -> Verdict:
    if reply.http_status in http_statuses:
        return HELD
    return broken(f"HTTP {' or '.join(map(str, http_statuses))}", tell(reply), reply.where)


async def _missing_object(visit: Visit) -> Verdict:
    return has_status(await visit.ask("GET", "locations", "SENDER", f"CHECK{visit.mark}"), 404)


async def _unknown_path(visit: Visit) -> Verdict:
    for module in visit.offered():
        if module != "locations":
            reply = await visit.ask("GET", module, "SENDER", "no", "such", "path", "here")
            return has_status(reply, 404)
    return skipped("the server offers no list but locations")


async def _wrong_method(visit: Visit) -> Verdict:
    for module in visit.offered():
        return has_status(await visit.ask("DELETE", module, "SENDER"), *NO_METHOD)
    return skipped("the server offers no list")


async def _bad_limit(visit: Visit) -> Verdict:
    return await _with_query(visit, {"limit": "many"})


async def _bad_offset(visit: Visit) -> Verdict:
    return await _with_query(visit, {"offset": "-1"})


async def _bad_date(visit: Visit) -> Verdict:
    return await _with_query(visit, {"date_from": "yesterday"})


async def _with_query(visit: Visit, query: dict[str, str]) -> Verdict:
    for module in visit.offered():
        reply = await visit.ask("GET", module, "SENDER", query=visit_query(visit, module) | query)
        return refused(visit, reply, 400)
    return skipped("the server offers no list")


async def _without_date_from(visit: Visit) -> Verdict:
    return refused(visit, await visit.ask("GET", "sessions", "SENDER"), 400)


RULES: tuple[CheckRule, ...] = (
    CheckRule(
        "errors.missing_object", "GET of an object that is not there: HTTP 404", STATUS, _missing_object,
        should_in=ALL, endpoint=("locations", "SENDER"),
    ),
    CheckRule("errors.unknown_path", "GET of a path that is not there: HTTP 404", STATUS, _unknown_path, should_in=ALL),
    CheckRule(
        "errors.wrong_method", "a method the module does not have: HTTP 405",
        Spec("transport_and_format 4.1.4 Request format", "transport_and_format Request format"),
        _wrong_method, should_in=ALL,
    ),
    CheckRule("errors.bad_limit", "a limit that is no number: 2001", CLIENT_ERRORS, _bad_limit, should_in=ALL),
    CheckRule("errors.bad_offset", "a negative offset: 2001", CLIENT_ERRORS, _bad_offset, should_in=ALL),
    CheckRule("errors.bad_date", "a date_from that is no date: 2001", CLIENT_ERRORS, _bad_date, should_in=ALL),
    CheckRule(
        "errors.no_date_from", "sessions without the required date_from: 2001", LISTS["sessions"],
        _without_date_from, should_in=ALL, endpoint=("sessions", "SENDER"),
    ),
)  # fmt: skip
