"""Requests that are wrong on purpose: a CPO must refuse each in the way the specification says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from simulators.emsp.findings import Rule
from simulators.emsp.handshake import endpoint_url_of_credentials, new_credentials_token
from simulators.emsp.peer import Peer, Reply, endpoint_url
from simulators.emsp.state import Desk
from simulators.emsp.tokens import new_token

TRANSPORT = "OCPI 2.2.1 transport_and_format"
UNKNOWN_UID = "PROBE-UNKNOWN"


@dataclass(frozen=True, slots=True)
class Probe:
    """A wrong request and the answers that are right: an HTTP status and, with HTTP 200, the OCPI status."""

    rule: Rule
    send: Callable[[Desk, Peer], Awaitable[Reply]]
    http_statuses: tuple[int, ...]
    status_code: int | None = None

    def is_right(self, reply: Reply) -> bool:
        if reply.http_status not in self.http_statuses:
            return False
        return reply.http_status != HTTPStatus.OK or reply.status_code == self.status_code


async def run_probes(desk: Desk, peer: Peer) -> int:
    """Send the probes whose endpoints the CPO has; each wrong answer is a finding."""
    partner = desk.partner
    sent = 0
    for module, role, probe in PROBES:
        if module != "credentials" and (partner is None or (module, role) not in partner.endpoints):
            continue
        reply = await probe.send(desk, peer)
        sent += 1
        if not probe.is_right(reply):
            seen = f"HTTP {reply.http_status}, OCPI status {reply.status_code} {reply.message}".rstrip()
            desk.findings.add(probe.rule, reply.where, "status", seen)
    return sent


async def _without_token(desk: Desk, peer: Peer) -> Reply:
    url = endpoint_url(desk, "locations", "SENDER")
    return await peer.request("GET", url, module="locations", token="", judged=False)


async def _with_unknown_token(desk: Desk, peer: Peer) -> Reply:
    url = endpoint_url(desk, "locations", "SENDER")
    return await peer.request("GET", url, module="locations", token=new_credentials_token(), judged=False)


async def _post_credentials_again(desk: Desk, peer: Peer) -> Reply:
    url = endpoint_url_of_credentials(desk)
    # Credentials as they stand, so that a CPO which takes them does little harm.
    body = peer.version.render_credentials(desk.party, desk.versions_url, next(iter(desk.tokens_in)))
    return await peer.request("POST", url, module="credentials", body=body, judged=False)


async def _unknown_location(desk: Desk, peer: Peer) -> Reply:
    return await peer.get(endpoint_url(desk, "locations", "SENDER", UNKNOWN_UID), module="locations", judged=False)


async def _bad_limit(desk: Desk, peer: Peer) -> Reply:
    url = endpoint_url(desk, "locations", "SENDER")
    return await peer.get(url, module="locations", query={"limit": "many"}, judged=False)


async def _bad_date(desk: Desk, peer: Peer) -> Reply:
    url = endpoint_url(desk, "cdrs", "SENDER")
    return await peer.get(url, module="cdrs", query={"date_from": "yesterday"}, judged=False)


async def _sessions_without_date(desk: Desk, peer: Peer) -> Reply:
    return await peer.get(endpoint_url(desk, "sessions", "SENDER"), module="sessions", judged=False)


async def _broken_json(desk: Desk, peer: Peer) -> Reply:
    return await peer.request("PUT", _token_url(desk), module="tokens", raw_body=b'{"uid": ', judged=False)


async def _incomplete_token(desk: Desk, peer: Peer) -> Reply:
    token = new_token(desk.party, UNKNOWN_UID, desk.now())
    del token["contract_id"]
    return await peer.request("PUT", _token_url(desk), module="tokens", body=token, judged=False)


async def _other_uid(desk: Desk, peer: Peer) -> Reply:
    token = new_token(desk.party, f"{UNKNOWN_UID}-2", desk.now())
    return await peer.request("PUT", _token_url(desk), module="tokens", body=token, judged=False)


async def _patch_unknown_token(desk: Desk, peer: Peer) -> Reply:
    body = {"valid": False, "last_updated": new_token(desk.party, UNKNOWN_UID, desk.now())["last_updated"]}
    return await peer.request("PATCH", _token_url(desk), module="tokens", body=body, judged=False)


async def _patch_without_last_updated(desk: Desk, peer: Peer) -> Reply:
    """On a token that is there: for one that is not, 404 would be as right."""
    uid = next((token["uid"] for token in desk.store.tokens if token["type"] == "RFID"), UNKNOWN_UID)
    url = endpoint_url(desk, "tokens", "RECEIVER", desk.party.country_code, desk.party.party_id, uid)
    return await peer.request("PATCH", url, module="tokens", body={"language": "nl"}, judged=False)


async def _unknown_token(desk: Desk, peer: Peer) -> Reply:
    return await peer.get(_token_url(desk), module="tokens", judged=False)


async def _foreign_token(desk: Desk, peer: Peer) -> Reply:
    token = {**new_token(desk.party, UNKNOWN_UID, desk.now()), "party_id": "ZZZ"}
    url = endpoint_url(desk, "tokens", "RECEIVER", desk.party.country_code, "ZZZ", UNKNOWN_UID)
    return await peer.request("PUT", url, module="tokens", body=token, judged=False)


def _token_url(desk: Desk) -> str:
    return endpoint_url(desk, "tokens", "RECEIVER", desk.party.country_code, desk.party.party_id, UNKNOWN_UID)


def _probe(
    name: str,
    says: str,
    paragraph: str,
    send: Callable[[Desk, Peer], Awaitable[Reply]],
    http_statuses: tuple[int, ...],
    status_code: int | None = None,
) -> Probe:
    return Probe(Rule(f"probe.{name}", says, paragraph), send, http_statuses, status_code)


_AUTH = f"{TRANSPORT} 4.1.2 Authorization header"
_STATUS = "OCPI 2.2.1 status_codes 5"
_PAGES = f"{TRANSPORT} 4.1.4.1 Pagination"

PROBES: tuple[tuple[str, str, Probe], ...] = (
    ("locations", "SENDER", _probe("no_token", "no credentials token: HTTP 401", _AUTH, _without_token, (401,))),
    (
        "locations",
        "SENDER",
        _probe("unknown_token", "an unknown credentials token: HTTP 401", _AUTH, _with_unknown_token, (401,)),
    ),
    (
        "credentials",
        "SENDER",
        _probe(
            "post_twice",
            "POST credentials when registered: HTTP 405",
            "OCPI 2.2.1 credentials 7.2.2 POST Method",
            _post_credentials_again,
            (405,),
        ),
    ),
    (
        "locations",
        "SENDER",
        _probe("unknown_location", "GET of a missing object: HTTP 404", _STATUS, _unknown_location, (404,)),
    ),
    ("locations", "SENDER", _probe("bad_limit", "a limit that is no number: 2001", _PAGES, _bad_limit, (200,), 2001)),
    ("cdrs", "SENDER", _probe("bad_date", "a date_from that is no date: 2001", _PAGES, _bad_date, (200,), 2001)),
    (
        "sessions",
        "SENDER",
        _probe(
            "no_date_from",
            "sessions without the required date_from: 2001",
            "OCPI 2.2.1 mod_sessions 9.2.1.1 GET Method",
            _sessions_without_date,
            (200,),
            2001,
        ),
    ),
    ("tokens", "RECEIVER", _probe("broken_json", "a body that is not JSON: HTTP 400", _STATUS, _broken_json, (400,))),
    (
        "tokens",
        "RECEIVER",
        _probe("incomplete", "an object without a required field: 2001", _STATUS, _incomplete_token, (200,), 2001),
    ),
    (
        "tokens",
        "RECEIVER",
        _probe(
            "other_id",
            "an id in the URL that is not the object's: 2001",
            f"{TRANSPORT} 4.1.5.1 Errors",
            _other_uid,
            (200,),
            2001,
        ),
    ),
    (
        "tokens",
        "RECEIVER",
        _probe(
            "patch_without_last_updated",
            "PATCH without last_updated: 2001",
            "OCPI 2.2.1 mod_tokens 12.2.1.3 PATCH Method",
            _patch_without_last_updated,
            (200,),
            2001,
        ),
    ),
    (
        "tokens",
        "RECEIVER",
        _probe("patch_unknown", "PATCH of a missing object fails: HTTP 404", _STATUS, _patch_unknown_token, (404,)),
    ),
    (
        "tokens",
        "RECEIVER",
        _probe("missing_token", "GET of a missing token: HTTP 404", _STATUS, _unknown_token, (404,)),
    ),
    (
        "tokens",
        "RECEIVER",
        _probe(
            "foreign_party",
            "a party that is not ours: HTTP 404 or 2001",
            f"{TRANSPORT} 4.1.5.1 Errors",
            _foreign_token,
            (404, 200),
            2001,
        ),
    ),
)
