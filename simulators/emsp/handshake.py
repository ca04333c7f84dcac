"""The handshake, from either side: read the other's versions and details, exchange credentials, rotate, end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from http import HTTPStatus

from simulators.emsp.errors import NotRegisteredError, PeerRefusedError
from simulators.emsp.findings import Rule
from simulators.emsp.peer import Peer, Reply, endpoint_url
from simulators.emsp.state import Desk, Partner
from simulators.emsp.transport import DATA
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import JsonObject, shorten

VERSION_MATCHES = Rule(
    "version_details.version",
    "the version details are those of the version that was asked for",
    "OCPI 2.2.1 version_information_endpoint 6.2.1",
)
TOKEN_NEW = Rule(
    "credentials.token_new", "the server generates a new credentials token", "OCPI 2.2.1 credentials 7.2.2 and 7.2.3"
)
URL_SAME = Rule(
    "credentials.url", "url is the URL of the versions endpoint", "OCPI 2.2.1 credentials 7.3.1 Credentials object"
)
CPO_ROLE = Rule("credentials.cpo_role", "the roles name the CPO whose objects come", "OCPI 2.2.1 credentials 7.3.1")
TOKEN_A_ENDS = Rule(
    "credentials.token_a_ends", "token A is of no use once the handshake is done", "OCPI 2.2.1 credentials 7.1.1"
)


# Modules whose list can be asked for without any condition.
_LISTED = ("locations", "tariffs", "cdrs")
_OPEN_ATTEMPTS = 100
_OPEN_PAUSE_S = 0.05


def new_credentials_token() -> str:
    return secrets.token_urlsafe(36)


async def register(desk: Desk, version: OcpiVersion, peer: Peer, versions_url: str, token_a: str) -> Partner:
    """Register at the CPO with its token A; on success the desk knows its partner.

    Our own token is valid before the request leaves, for the CPO calls back inside it.
    """
    endpoints = await read_endpoints(desk, version, peer, versions_url, token_a)
    url = _credentials_url(endpoints, versions_url)
    token_b = new_credentials_token()
    desk.tokens_in.add(token_b)
    try:
        reply = await peer.request(
            "POST", url, module="credentials", body=_our_credentials(desk, version, token_b), token=token_a
        )
        partner = _read_partner(desk, version, reply, endpoints, versions_url, old={token_a, token_b})
    except BaseException:
        desk.tokens_in.discard(token_b)
        raise
    desk.partner = partner
    await _check_token_a_ends(desk, peer, versions_url, token_a)
    return partner


async def rotate(desk: Desk, version: OcpiVersion, peer: Peer) -> Partner:
    """Exchange new tokens by PUT; the old ones stay valid until the CPO has answered."""
    before = _partner_of(desk)
    endpoints = await read_endpoints(desk, version, peer, before.card.versions_url, before.card.token)
    url = _credentials_url(endpoints, before.card.versions_url)
    old_tokens, token_b = set(desk.tokens_in), new_credentials_token()
    desk.tokens_in.add(token_b)
    try:
        reply = await peer.request("PUT", url, module="credentials", body=_our_credentials(desk, version, token_b))
        partner = _read_partner(
            desk, version, reply, endpoints, before.card.versions_url, old={before.card.token, token_b}
        )
    except BaseException:
        desk.tokens_in.discard(token_b)
        raise
    desk.partner = partner
    desk.tokens_in -= old_tokens
    return partner


async def unregister(desk: Desk, peer: Peer) -> None:
    url = endpoint_url_of_credentials(desk)
    reply = await peer.request("DELETE", url, module="credentials")
    reply.require_success("cannot end the registration")
    desk.partner = None
    desk.tokens_in.clear()


async def accept(desk: Desk, version: OcpiVersion, peer: Peer, raw: JsonObject, *, used: str) -> str:
    """The CPO registers, or renews, with us: read its endpoints, answer a new token for it.

    `PeerRefusedError` or `PeerUnreachableError` if its API cannot be used; then nothing has changed.
    """
    card = version.read_credentials(raw)
    endpoints = await read_endpoints(desk, version, peer, card.versions_url, card.token)
    token = new_credentials_token()
    desk.partner = Partner(version.number, card, endpoints)
    desk.tokens_in.add(token)
    desk.newest_token = token
    if used == desk.token_a:
        desk.token_a = None
    await desk.notify()
    return token


async def wait_until_open(desk: Desk, peer: Peer) -> None:
    """Wait for a CPO that has registered with us to be done with it.

    Our answer, with its new token, may still be on its way: until then its modules answer HTTP 401.
    """
    partner = _partner_of(desk)
    module = next((module for module in _LISTED if (module, "SENDER") in partner.endpoints), None)
    if module is None:
        return
    url = endpoint_url(desk, module, "SENDER")
    for _ in range(_OPEN_ATTEMPTS):
        reply = await peer.get(url, module=module, query={"limit": "1"}, judged=False)
        if reply.http_status != HTTPStatus.UNAUTHORIZED:
            return
        await asyncio.sleep(_OPEN_PAUSE_S)


async def read_endpoints(
    desk: Desk, version: OcpiVersion, peer: Peer, versions_url: str, token: str
) -> dict[tuple[str, str], str]:
    """GET versions, then the details of ours. `PeerRefusedError` if our version is not offered."""
    reply = await peer.request("GET", versions_url, module="versions", token=token)
    reply.require_success("cannot read the versions")
    offered = read_versions(desk, version, reply)
    if version.number not in offered:
        raise PeerRefusedError(
            f"the CPO offers {', '.join(sorted(offered)) or 'no version'}, not {version.number}",
            versions_url,
            "Choose another version, or another versions URL.",
            http_status=reply.http_status,
            status_code=3002,
        )
    details = await peer.request("GET", offered[version.number], module="versions", token=token)
    details.require_success("cannot read the version details")
    _judge_one(desk, version, "version_details", details)
    if details.data["version"] != version.number:
        desk.findings.add(VERSION_MATCHES, details.where, "$.data.version", repr(details.data["version"]))
    return version.read_endpoints(details.data)


def endpoint_url_of_credentials(desk: Desk) -> str:
    """The CPO's credentials endpoint, whatever interface role it gave it."""
    partner = _partner_of(desk)
    return _credentials_url(partner.endpoints, partner.card.versions_url)


def _credentials_url(endpoints: Mapping[tuple[str, str], str], versions_url: str) -> str:
    # OCPI 2.2.1 6.2.2: the role of a credentials endpoint is to be disregarded.
    for role in ("SENDER", "RECEIVER"):
        if ("credentials", role) in endpoints:
            return endpoints["credentials", role]
    raise PeerRefusedError(
        "the CPO has no credentials endpoint",
        f"version details of {versions_url}",
        "Without it nobody can register: ask the CPO to mend its version details.",
        http_status=200,
        status_code=3003,
    )


def read_versions(desk: Desk, version: OcpiVersion, reply: Reply) -> dict[str, str]:
    if not isinstance(reply.data, list):
        desk.findings.add(DATA, reply.where, "$.data", f"{shorten(reply.data)!r} instead of a list")
        return {}
    offered = {}
    for index, item in enumerate(reply.data):
        desk.findings.extend(reply.where, version.judge("version", item), f"$.data[{index}]")
        if version.is_well_formed("version", item):
            offered[item["version"]] = item["url"]
    return offered


def _read_partner(
    desk: Desk,
    version: OcpiVersion,
    reply: Reply,
    endpoints: dict[tuple[str, str], str],
    versions_url: str,
    *,
    old: set[str],
) -> Partner:
    reply.require_success("the credentials were not accepted")
    _judge_one(desk, version, "credentials", reply)
    card = version.read_credentials(reply.data)
    if card.token in old:
        desk.findings.add(TOKEN_NEW, reply.where, "$.data.token", "a token that was already used")
    if card.versions_url.rstrip("/") != versions_url.rstrip("/"):
        desk.findings.add(URL_SAME, reply.where, "$.data.url", f"{card.versions_url!r}, known {versions_url!r}")
    if not any(party.role == "CPO" for party in card.parties):
        desk.findings.add(CPO_ROLE, reply.where, "$.data.roles", "no role CPO")
    return Partner(version.number, card, endpoints)


def _judge_one(desk: Desk, version: OcpiVersion, kind: str, reply: Reply) -> None:
    """Judge an object without which nothing can go on; `PeerRefusedError` if it cannot be read."""
    problems = version.judge(kind, reply.data)
    desk.findings.extend(reply.where, problems, "$.data")
    if not version.is_well_formed(kind, reply.data):
        raise PeerRefusedError(
            f"the {kind.replace('_', ' ')} cannot be read: {problems[0].path} {problems[0].seen}",
            reply.where,
            "The findings say which fields are wrong.",
            http_status=reply.http_status,
            status_code=reply.status_code,
        )


def _our_credentials(desk: Desk, version: OcpiVersion, token: str) -> JsonObject:
    return version.render_credentials(desk.party, desk.versions_url, token)


async def _check_token_a_ends(desk: Desk, peer: Peer, versions_url: str, token_a: str) -> None:
    reply = await peer.request("GET", versions_url, module="versions", token=token_a, judged=False)
    if reply.http_status != HTTPStatus.UNAUTHORIZED:
        desk.findings.add(TOKEN_A_ENDS, reply.where, "status", f"HTTP {reply.http_status} for token A")


def _partner_of(desk: Desk) -> Partner:
    if desk.partner is None:
        raise NotRegisteredError("not registered with a CPO", "credentials", "Register first.")
    return desk.partner
