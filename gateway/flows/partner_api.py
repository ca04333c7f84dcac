"""What registration needs of partners' platforms, and how a version is agreed on with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from gateway.domain.partners import Endpoint, Partner, PartnerRole
from gateway.errors import PartnerError
from gateway.flows.partner_urls import Fault, check_host

T = TypeVar("T")

CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What two platforms exchange: a token for the other to call with, where to begin, and who is here."""

    token: str
    url: str
    roles: tuple[PartnerRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How we call a partner; `raw` for one that does not decode Base64 in the Authorization header."""

    token: str
    raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLink:
    number: str
    url: str


class PartnerApi(Protocol):
    """The registration calls on a partner's platform.  All raise PartnerError, its kind a `Fault`."""

    async def fetch_versions(self, url: str, access: Access) -> Sequence[VersionLink]: ...
    async def fetch_endpoints(self, link: VersionLink, access: Access) -> Sequence[Endpoint]: ...
    async def send_credentials(
        self, method: str, version: str, url: str, access: Access, credentials: Credentials
    ) -> Credentials: ...
    async def delete_credentials(self, url: str, access: Access) -> None: ...
    def choose_version(self, offered: Iterable[str]) -> str | None:
        """The highest version that we speak too."""

    def sends_raw_token(self, version: str) -> bool:
        """Does a version want our token as it is, not in Base64?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a partner offers: a version that we speak, its endpoints, its `url` for credentials, how it is called."""

    version: str
    url: str
    endpoints: tuple[Endpoint, ...]
    access: Access


async def negotiate(api: PartnerApi, partner: Partner, token: str) -> Offer:
    """The highest version that both speak, and the partner's endpoints of it.  Raises PartnerError."""
    assert partner.versions_url is not None
    links, access = await _fetch_versions(api, partner.versions_url, Access(token=token, raw=partner.raw_token))
    version = api.choose_version(link.number for link in links)
    if version is None:
        offered = ", ".join(link.number for link in links) or "none"
        raise PartnerError(Fault.NO_VERSION, f"{partner.versions_url} offers no version we speak (it offers {offered})")
    return await _look_at(api, partner, version, links, access)


async def look_up(api: PartnerApi, partner: Partner, version: str, url: str, token: str) -> Offer:
    """A partner's endpoints of the version it chose; `url` is that of its versions.  Raises PartnerError."""
    raw = _is_called_raw(api, partner, version, is_raw=partner.raw_token)
    links, access = await _fetch_versions(api, url, Access(token=token, raw=raw))
    if all(link.number != version for link in links):
        raise PartnerError(Fault.NO_VERSION, f"{url} does not list version {version}")
    return await _look_at(api, replace(partner, versions_url=url), version, links, access)


async def _look_at(
    api: PartnerApi, partner: Partner, version: str, links: Sequence[VersionLink], access: Access
) -> Offer:
    """The endpoints of a version, all of them on hosts of the partner."""
    link = next(link for link in links if link.number == version)
    check_host(partner, link.url)
    access = replace(access, raw=_is_called_raw(api, partner, version, is_raw=access.raw))
    found, access = await _in_either_spelling(access, lambda tried: api.fetch_endpoints(link, tried))
    for endpoint in found:
        check_host(partner, endpoint.url)
    url = next((endpoint.url for endpoint in found if endpoint.identifier == CREDENTIALS), None)
    if url is None:
        raise PartnerError(Fault.NO_ENDPOINTS, f"{link.url} lists no credentials endpoint")
    return Offer(version=version, url=url, endpoints=tuple(found), access=access)


def _is_called_raw(api: PartnerApi, partner: Partner, version: str, *, is_raw: bool) -> bool:
    """What worked so far counts within a version; another version is tried as its text has it."""
    if partner.version in (None, version):
        return is_raw or (partner.version is None and api.sends_raw_token(version))
    return api.sends_raw_token(version)


async def _fetch_versions(api: PartnerApi, url: str, access: Access) -> tuple[Sequence[VersionLink], Access]:
    return await _in_either_spelling(access, lambda tried: api.fetch_versions(url, tried))


async def _in_either_spelling(access: Access, ask: Callable[[Access], Awaitable[T]]) -> tuple[T, Access]:
    """The answer of a partner, and how it wants to be called: as we think, else the other way.

    Many platforms do not decode the token.  OCPI 2.2.1 transport_and_format "Authorization header"
    """
    try:
        return await ask(access), access
    except PartnerError as error:
        if error.kind != Fault.UNAUTHORIZED:
            raise
        other = replace(access, raw=not access.raw)
        try:
            return await ask(other), other
        except PartnerError:
            raise error from None
