"""Speaks to the CPO: sends one request, reads one answer, and judges everything around the data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from yarl import URL

from simulators.emsp import transport
from simulators.emsp.errors import NotRegisteredError, PeerRefusedError, PeerUnreachableError
from simulators.emsp.findings import Problem
from simulators.emsp.state import Desk
from simulators.emsp.transport import Ids
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import is_absolute_url, parse_datetime, parse_json, render_json, shorten

NO_ANSWER = "no answer in time"
SUCCESS = range(1000, 2000)
# These say something about us (our token, our haste), not about the CPO's answer; whoever asked raises them.
NOT_JUDGED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the CPO. `status_code` is None and `data` too if the body is no OCPI envelope."""

    where: str
    http_status: int
    headers: Mapping[str, str]
    status_code: int | None
    message: str
    data: Any

    @property
    def is_success(self) -> bool:
        return self.http_status in (200, 201) and self.status_code in SUCCESS

    def require_success(self, what: str, todo: str = "") -> Reply:
        if self.is_success:
            return self
        seen = f"HTTP {self.http_status}"
        if self.status_code is not None:
            seen += f", OCPI status {self.status_code}"
        if self.message:
            seen += f", {shorten(self.message)!r}"
        advice = todo or _ADVICE.get(self.http_status, "Look into the CPO's log for this request.")
        raise PeerRefusedError(
            f"{what}: the CPO answered {seen}",
            self.where,
            advice,
            http_status=self.http_status,
            status_code=self.status_code,
        )


_ADVICE = {
    401: "The credentials token is not, or no longer, known there: token A works for one registration only; "
    "ask the CPO for a new one.",
    404: "Check the URL: is it the versions URL of the CPO?",
    405: "The CPO says it has (POST) or has not (PUT, DELETE) registered us: end the registration on its side, "
    "or ask for a new token A.",
    429: "The CPO limits the rate of requests: wait, then try again.",
}


class Peer:
    """The client side. With `judged=False` a request is a probe: only its answer's format is judged.

    `watch` is told of each answer: the module, the answer, and how many findings there were before it.
    """

    watch: Callable[[str, Reply, int], None] | None = None

    def __init__(self, desk: Desk, version: OcpiVersion, session: aiohttp.ClientSession) -> None:
        self._desk = desk
        self.version = version
        self._session = session

    async def get(self, url: str, *, module: str, query: Mapping[str, str] | None = None, judged: bool = True) -> Reply:
        return await self.request("GET", url, module=module, query=query, judged=judged)

    async def request(
        self,
        method: str,
        url: str,
        *,
        module: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        raw_body: bytes | None = None,
        token: str | None = None,
        judged: bool = True,
    ) -> Reply:
        """Send one request; `token` "" sends none, None that of the handshake. `PeerUnreachableError` if no answer."""
        target = _url(url, query)
        ids = Ids(str(uuid4()), str(uuid4()))
        headers = self._headers(module, ids, token)
        payload = raw_body if raw_body is not None else None if body is None else render_json(body)
        if payload is not None:
            headers["Content-Type"] = "application/json"
        where = f"{method} {target}"
        try:
            async with self._session.request(
                method, target, data=payload, headers=headers, allow_redirects=False
            ) as response:
                content = await response.read()
                reply, problems = self._read(where, response, content)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _unreachable(where, error) from error
        if self.version.has_message_ids:
            problems += transport.check_ids(reply.headers, ids)
        problems += self._check_routing(reply, module)
        if judged:
            problems += _check_success(reply)
        before = len(self._desk.findings)
        self._desk.findings.extend(where, problems)
        self._desk.findings.checked["answers"] += 1
        if self.watch is not None:
            self.watch(module, reply, before)
        return reply

    def _headers(self, module: str, ids: Ids, token: str | None) -> dict[str, str]:
        partner = self._desk.partner
        headers = {transport.X_REQUEST_ID: ids.request, transport.X_CORRELATION_ID: ids.correlation}
        if token is None and partner is not None:
            token = partner.card.token
        if token:
            headers["Authorization"] = f"Token {self.version.encode_token(token)}"
        if self.version.is_routed(module) and partner is not None:
            headers |= transport.routing_headers(to=partner.party(), sender=self._desk.party)
        return headers

    def _read(self, where: str, response: aiohttp.ClientResponse, content: bytes) -> tuple[Reply, list[Problem]]:
        problems = []
        if response.content_type != "application/json":
            problems.append(Problem(transport.CONTENT_TYPE, "header Content-Type", repr(response.content_type)))
        status_code, message, data = None, "", None
        try:
            envelope = parse_json(content)
        except ValueError as error:
            problems.append(Problem(transport.IS_JSON, "$", f"{error}: {shorten(content.decode(errors='replace'))!r}"))
        else:
            problems += self._judge_envelope(envelope)
            if isinstance(envelope, dict):
                status_code = envelope.get("status_code")
                status_code = status_code if isinstance(status_code, int) else None
                message = str(envelope.get("status_message") or "")
                data = envelope.get("data")
        return Reply(where, response.status, response.headers, status_code, message, data), problems

    def _judge_envelope(self, envelope: object) -> list[Problem]:
        # The data is judged by whoever asked for it.
        bare = {k: v for k, v in envelope.items() if k != "data"} if isinstance(envelope, dict) else envelope
        problems = self.version.judge("envelope", bare)
        if isinstance(envelope, dict) and not problems:
            made = parse_datetime(envelope["timestamp"])
            if abs(made - self._desk.now()) > transport.CLOCK_SKEW:
                problems.append(Problem(transport.CLOCK, "$.timestamp", f"{made}, our clock {self._desk.now()}"))
        return problems

    def _check_routing(self, reply: Reply, module: str) -> list[Problem]:
        partner = self._desk.partner
        if not self.version.is_routed(module):
            return list(transport.check_not_routed(reply.headers))
        if partner is None:
            return []
        alone = len(partner.card.parties) == 1
        return list(transport.check_routed_back(reply.headers, us=self._desk.party, cpo=partner.party(), alone=alone))


def endpoint_url(desk: Desk, module: str, role: str, *segments: str) -> str:
    """A URL below one of the partner's endpoints; `NotRegisteredError` if there is none."""
    partner = desk.partner
    if partner is None:
        raise NotRegisteredError("not registered with a CPO", module, "Register first.")
    base = partner.endpoints.get((module, role))
    if base is None:
        raise NotRegisteredError(
            f"the CPO has no {module} {role} endpoint",
            f"version details {partner.version} of {partner.card.versions_url}",
            "Leave this module out, or ask the CPO to offer it.",
        )
    return below(base, *segments)


def below(base: str, *segments: str) -> str:
    """The URL of something below an endpoint."""
    if not segments:
        return base
    url = URL(base, encoded=True)
    path = "/".join([url.raw_path.rstrip("/"), *(quote(segment, safe="") for segment in segments)])
    return str(url.with_path(path, encoded=True))


def _url(url: str, query: Mapping[str, str] | None) -> URL:
    if not is_absolute_url(url):
        raise PeerUnreachableError("not an absolute http(s) URL", repr(url), "Correct the URL.")
    target = URL(url, encoded=True)
    return target.update_query(dict(query)) if query else target


def _check_success(reply: Reply) -> list[Problem]:
    if reply.http_status in NOT_JUDGED:
        return []
    if reply.http_status not in (200, 201):
        return [Problem(transport.HTTP_STATUS, "status", f"HTTP {reply.http_status} {reply.message}".rstrip())]
    if reply.status_code is not None and reply.status_code not in SUCCESS:
        return [Problem(transport.STATUS_CODE, "$.status_code", f"{reply.status_code} {reply.message}".rstrip())]
    return []


def _unreachable(where: str, error: Exception) -> PeerUnreachableError:
    if isinstance(error, asyncio.TimeoutError):
        return PeerUnreachableError(NO_ANSWER, where, "Is the CPO overloaded, or is a firewall in between?")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return PeerUnreachableError(f"no TLS connection: {error}", where, "Check the CPO's certificate, or use http.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return PeerUnreachableError(
            f"no connection: {error.os_error}", where, "Is the CPO running, and is the URL right?"
        )
    return PeerUnreachableError(
        f"the connection broke: {error or type(error).__name__}", where, "Look at the CPO's log."
    )
