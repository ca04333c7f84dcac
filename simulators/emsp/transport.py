"""The rules of HTTP, envelope, headers and pages, which hold for every module and in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.state import Party

FORMAT = "OCPI 2.2.1 transport_and_format 4.1.7 Response format"
PAGES = "OCPI 2.2.1 transport_and_format 4.1.4.1 Pagination"
ROUTING = "OCPI 2.2.1 transport_and_format 4.1.8.2 Message Routing Headers"
IDS = "OCPI 2.2.1 transport_and_format 4.2 Unique message IDs"
STATUS = "OCPI 2.2.1 status_codes 5"

CONTENT_TYPE = Rule("http.content_type", "a body is sent as application/json", FORMAT)
REQUEST_CONTENT_TYPE = Rule(
    "http.content_type", "a body is sent as application/json", "OCPI 2.2.1 transport_and_format 4.1.4 Request format"
)
IS_JSON = Rule("http.json", "every answer has a body, and it is JSON", FORMAT)
HTTP_STATUS = Rule("http.status", "a request that reached the OCPI layer is answered with HTTP 200 or 201", STATUS)
CREATED = Rule("http.created", "a new object is answered with HTTP 201, a known one with 200", STATUS, Severity.NOTE)
ENVELOPE = Rule("envelope.shape", "an answer is an object with status_code, timestamp and data", FORMAT)
STATUS_CODE = Rule("envelope.status_code", "an answer to a right request has a status_code of 1xxx", STATUS)
DATA = Rule("envelope.data", "data is a list where a list was asked for, an object where one object was", FORMAT)
CLOCK = Rule("envelope.timestamp", "timestamp is the time the message was made", FORMAT, Severity.NOTE)
FUTURE = Rule("object.last_updated", "last_updated does not lie in the future", PAGES)

REQUEST_ID = Rule("headers.request_id", "an answer carries the X-Request-ID of its request", IDS)
CORRELATION_ID = Rule("headers.correlation_id", "an answer carries the X-Correlation-ID of its request", IDS)
IDS_SENT = Rule("headers.ids_sent", "every request carries X-Request-ID and X-Correlation-ID", IDS)
IDS_NEW = Rule("headers.request_id_new", "every request has an X-Request-ID of its own", IDS)
ROUTED = Rule("headers.routing", "an answer of a functional module is routed back: to us, from the CPO", ROUTING)
ROUTED_ALONE = Rule(
    "headers.routing_alone",
    "routing headers may be left out only where both sides have a single party and role",
    ROUTING,
    Severity.NOTE,
)
NOT_ROUTED = Rule("headers.not_routed", "versions and credentials carry no routing headers", ROUTING)
ROUTED_TO_US = Rule("headers.routed_to_us", "a request is routed from a party of the CPO to this eMSP", ROUTING)

# How far the clocks of two sides may differ before one of them is wrong.
CLOCK_SKEW = timedelta(minutes=5)

TO_PARTY, TO_COUNTRY = "OCPI-to-party-id", "OCPI-to-country-code"
FROM_PARTY, FROM_COUNTRY = "OCPI-from-party-id", "OCPI-from-country-code"
ROUTING_HEADERS = (TO_COUNTRY, TO_PARTY, FROM_COUNTRY, FROM_PARTY)
X_REQUEST_ID, X_CORRELATION_ID = "X-Request-ID", "X-Correlation-ID"


@dataclass(frozen=True, slots=True)
class Ids:
    """The message ids of one request."""

    request: str
    correlation: str


def routing_headers(*, to: Party, sender: Party) -> dict[str, str]:
    return {
        TO_COUNTRY: to.country_code,
        TO_PARTY: to.party_id,
        FROM_COUNTRY: sender.country_code,
        FROM_PARTY: sender.party_id,
    }


def check_ids(headers: Mapping[str, str], sent: Ids) -> Iterator[Problem]:
    for rule, name, expected in (
        (REQUEST_ID, X_REQUEST_ID, sent.request),
        (CORRELATION_ID, X_CORRELATION_ID, sent.correlation),
    ):
        if headers.get(name) != expected:
            yield Problem(rule, f"header {name}", f"{headers.get(name)!r}, sent {expected!r}")


def check_routed_back(headers: Mapping[str, str], *, us: Party, cpo: Party, alone: bool) -> Iterator[Problem]:
    """Hold the routing headers of an answer against the request they must mirror."""
    there = [name for name in ROUTING_HEADERS if name in headers]
    if not there:
        yield Problem(ROUTED_ALONE if alone else ROUTED, f"header {TO_PARTY}", "no routing headers")
        return
    for name, expected in routing_headers(to=us, sender=cpo).items():
        seen = headers.get(name)
        if seen is None or seen.upper() != expected.upper():
            yield Problem(ROUTED, f"header {name}", f"{seen!r}, expected {expected!r}")


def check_not_routed(headers: Mapping[str, str]) -> Iterator[Problem]:
    for name in ROUTING_HEADERS:
        if name in headers:
            yield Problem(NOT_ROUTED, f"header {name}", repr(headers[name]))


def check_routed_to_us(headers: Mapping[str, str], *, us: Party, cpos: tuple[Party, ...]) -> Iterator[Problem]:
    """Hold the routing headers of a request of the CPO against the parties of the handshake."""
    there = [name for name in ROUTING_HEADERS if name in headers]
    if not there:
        alone = len(cpos) == 1
        yield Problem(ROUTED_ALONE if alone else ROUTED_TO_US, f"header {TO_PARTY}", "no routing headers")
        return
    to = (headers.get(TO_COUNTRY, "").upper(), headers.get(TO_PARTY, "").upper())
    if to != us.ids:
        yield Problem(ROUTED_TO_US, f"header {TO_PARTY}", f"to {'*'.join(to)}, we are {us}")
    sender = (headers.get(FROM_COUNTRY, "").upper(), headers.get(FROM_PARTY, "").upper())
    if sender not in {party.ids for party in cpos}:
        yield Problem(ROUTED_TO_US, f"header {FROM_PARTY}", f"from {'*'.join(sender)}, not a party of the CPO")
