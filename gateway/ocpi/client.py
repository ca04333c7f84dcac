"""Our requests to partners' platforms.

Whatever a partner answers, a call ends in time, reads a bounded body, follows no redirect and fails with a PartnerError
that names the request and what came back.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import structlog
from aiohttp.abc import AbstractResolver
from yarl import URL

from gateway.domain.partners import Endpoint
from gateway.errors import PartnerError, WireError
from gateway.flows.partner_api import Access, Credentials, VersionLink
from gateway.flows.partner_urls import Fault
from gateway.ocpi import wire
from gateway.ocpi.addresses import Network, PublicResolver, check_url
from gateway.ocpi.caller import authorization_header
from gateway.ocpi.version import Version
from gateway.ocpi.versions import VERSIONS, choose_version

log = structlog.get_logger(__name__)

MAX_BODY = 8 * 1024 * 1024
TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 8.0
"""A platform that does not even take the connection is not waited for as long as one that thinks."""
SHOWN_OF_ANSWER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a partner answered.  `status_code` and `data` are None where the body was no OCPI envelope."""

    http_status: int
    status_code: int | None
    message: str | None
    data: Any
    headers: Mapping[str, str]


class OcpiClient:
    """Calls partners; holds connections, so `close` it."""

    def __init__(
        self,
        *,
        allow_insecure: bool = False,
        networks: Sequence[Network] = (),
        timeout_s: float = TIMEOUT_S,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`networks`: private ones that partners may be in; `resolver`: who looks names up, the system unless given."""
        self._allow_insecure = allow_insecure
        self._networks = networks
        self._resolver = resolver
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, CONNECT_TIMEOUT_S))
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # --- registration (the port PartnerApi)

    async def fetch_versions(self, url: str, access: Access) -> Sequence[VersionLink]:
        """The versions a partner lists; entries that cannot be read are left out."""
        data = await self._fetch(url, access)
        if not isinstance(data, list):
            raise PartnerError(Fault.UNUSABLE, f"GET {url} was answered with no list of versions")
        return [
            VersionLink(number=entry["version"], url=entry["url"])
            for entry in data
            if isinstance(entry, dict) and isinstance(entry.get("version"), str) and isinstance(entry.get("url"), str)
        ]

    async def fetch_endpoints(self, link: VersionLink, access: Access) -> Sequence[Endpoint]:
        """The endpoints of one version, one of ours."""
        data = await self._fetch(link.url, access)
        try:
            return _version(link.number).parse_endpoints(data)
        except WireError as error:
            raise PartnerError(
                Fault.UNUSABLE, f"GET {link.url} was answered with details we cannot read: {error}"
            ) from None

    async def send_credentials(
        self, method: str, version: str, url: str, access: Access, credentials: Credentials
    ) -> Credentials:
        """POST or PUT our credentials; the partner's are its answer."""
        body = wire.dump_json(_version(version).render_credentials(credentials))
        answer = expect_success(method, url, await self.request(method, url, access, body=body))
        try:
            return _version(version).parse_credentials(answer.data)
        except WireError as error:
            raise PartnerError(
                Fault.UNUSABLE, f"{method} {url} was answered with credentials we cannot read: {error}"
            ) from None

    async def delete_credentials(self, url: str, access: Access) -> None:
        expect_success("DELETE", url, await self.request("DELETE", url, access))

    def choose_version(self, offered: Iterable[str]) -> str | None:
        version = choose_version(offered)
        return version.number if version else None

    def sends_raw_token(self, version: str) -> bool:
        return _version(version).raw_token

    # --- any request

    async def request(
        self,
        method: str,
        url: str,
        access: Access,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        correlation_id: str | None = None,
    ) -> Answer:
        """One request.  Raises PartnerError when there was no answer; what the answer says is the caller's to judge.

        `headers` are the routing headers of functional modules; the ids of the message are added here.  An answer that
        comes later goes under the `correlation_id` of the question.
        """
        target = self.check_url(url)
        message_id = str(uuid.uuid4())
        sent = {
            "Authorization": authorization_header(access.token, raw=access.raw),
            "X-Request-ID": message_id,
            "X-Correlation-ID": correlation_id or message_id,
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if body is not None else {}),
            **(headers or {}),
        }
        try:
            return await self._send(method, target, sent, body)
        except TimeoutError:
            waited = f"within {self._timeout.sock_connect:g} s for the connection, {self._timeout.total:g} s in all"
            raise PartnerError(Fault.UNUSABLE, f"{method} {url} was not answered in time ({waited})") from None
        except (aiohttp.ClientError, OSError) as error:
            raise PartnerError(Fault.UNUSABLE, f"{method} {url} failed: {_explain(error)}") from None

    def check_url(self, url: str) -> URL:
        """Raises PartnerError where a URL is none, or leads where we send nothing."""
        return check_url(url, allow_insecure=self._allow_insecure, networks=self._networks)

    async def _send(self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None) -> Answer:
        session = self._open()
        async with session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
            text = await _read(response, method)
            return _parse_answer(response, text)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = self._resolver if self._allow_insecure else PublicResolver(self._resolver, self._networks)
            connector = aiohttp.TCPConnector(resolver=resolver, limit=100, limit_per_host=8)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return self._session

    async def _fetch(self, url: str, access: Access) -> Any:
        return expect_success("GET", url, await self.request("GET", url, access)).data


def expect_success(method: str, url: str, answer: Answer) -> Answer:
    """Both layers must say so: many platforms report failures in one of them only."""
    code = answer.status_code
    if 200 <= answer.http_status < 300 and code is not None and 1000 <= code < 2000:
        return answer
    if answer.http_status in (401, 403):
        kind = Fault.UNAUTHORIZED
    elif code is not None and answer.http_status < 500 and not 300 <= answer.http_status < 400:
        kind = Fault.REFUSED
    else:
        kind = Fault.UNUSABLE
    said = f"OCPI {code}" if code is not None else "no OCPI envelope"
    message = f": {answer.message}" if answer.message else ""
    raise PartnerError(kind, f"{method} {url} was answered with HTTP {answer.http_status}, {said}{message}")


async def _read(response: aiohttp.ClientResponse, method: str) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(65_536):
        size += len(chunk)
        if size > MAX_BODY:
            raise PartnerError(Fault.UNUSABLE, f"{method} {response.url} was answered with more than {MAX_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _parse_answer(response: aiohttp.ClientResponse, text: bytes) -> Answer:
    try:
        envelope = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        envelope = None
    members = envelope if isinstance(envelope, dict) else {}
    code, message = members.get("status_code"), members.get("status_message")
    return Answer(
        http_status=response.status,
        status_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        message=str(message)[:SHOWN_OF_ANSWER] if message else None,
        data=members.get("data"),
        headers=response.headers,
    )


def _explain(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return f"no TLS connection ({error})"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or str(error.os_error)
        return f"no connection to {error.host}:{error.port} ({reason})"
    return str(error) or type(error).__name__


def _version(number: str) -> Version:
    return VERSIONS[number]
