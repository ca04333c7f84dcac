"""One request with all that answering it needs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson
from aiohttp import web

from gateway.domain.ids import PartyId
from gateway.domain.partners import Partner
from gateway.domain.tariffs import Tariff
from gateway.flows.commands import CommandApi
from gateway.flows.hub_clients import HubClients
from gateway.flows.partner_book import PartnerBook, main_party
from gateway.flows.preferences import PreferencesApi
from gateway.flows.profiles import ProfileApi
from gateway.flows.registration import Registration
from gateway.flows.tokens import TokenInbox
from gateway.flows.withheld import WithheldBook
from gateway.ocpi import wire
from gateway.ocpi.caller import Caller, Route
from gateway.ocpi.catalog import Catalog
from gateway.ocpi.envelope import NotJsonError, Reply, TooLargeError
from gateway.ocpi.pagination import PageRequest, page_headers
from gateway.ocpi.renderings import Renderings
from gateway.ocpi.version import Version
from gateway.ports import Clock, Page, Secrets, Store, Trace

T = TypeVar("T")

ROOT = "/ocpi"
VERSIONS_PATH = f"{ROOT}/versions"
MODULES_ROOT = f"{ROOT}/cpo/"
BODY_TIMEOUT_S = 30
REQUEST_ID, CORRELATION_ID = "X-Request-ID", "X-Correlation-ID"
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """The most objects on one page, by module (`X-Limit`)."""

    locations: int = 50
    sessions: int = 100
    cdrs: int = 100
    tariffs: int = 100
    invoices: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What all requests share.  `parties` are ours, the first is the default; `public_url` is without a path."""

    store: Store
    catalog: Catalog
    partners: PartnerBook
    registration: Registration
    tokens: TokenInbox
    profiles: ProfileApi
    preferences: PreferencesApi
    hub_clients: HubClients
    secrets: Secrets
    clock: Clock
    trace: Trace
    withheld: WithheldBook
    commands: CommandApi
    parties: tuple[PartyId, ...]
    public_url: str
    limits: PageLimits = field(default_factory=PageLimits)
    renderings: Renderings = field(default_factory=Renderings)

    def url(self, path: str) -> str:
        return self.public_url.rstrip("/") + path


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request of a known caller, in one version (the list of versions has none of its own: the newest)."""

    edge: Edge
    version: Version
    caller: Caller
    route: Route
    request: web.Request

    @property
    def partner(self) -> Partner:
        return self.caller.partner

    @property
    def party(self) -> PartyId | None:
        """The one of our parties that was asked; None means all of them, which a party alone is.

        A version without routing knows one party of ours, and nothing of the others.
        """
        if len(self.edge.parties) == 1:
            return None
        return self.route.receiver if self.version.is_routed else self.partner.our_party or self.edge.parties[0]

    @property
    def drivers_of(self) -> PartyId | None:
        """The one of the partner's parties whose drivers it asks about: one eMSP does not see those of another behind
        the same hub or platform.  None where the platform as a whole asks, or is that party alone.
        """
        sender = self.route.sender
        if self.partner.is_hub:
            return None if sender == main_party(self.partner) else sender
        is_alone = all(role.party == sender for role in self.partner.roles)
        return None if is_alone else sender

    @property
    def viewer(self) -> Partner:
        """The partner as one that looks at locations: in some versions it cannot be asked not to show one."""
        return self.partner if self.version.says_unpublished else replace(self.partner, sees_unpublished=False)

    @property
    def correlation_id(self) -> str | None:
        """As the caller gave it, if it gave one."""
        return find_message_id(self.request, CORRELATION_ID)

    @property
    def path(self) -> dict[str, str]:
        return self.request.match_info

    async def read_json(self) -> Any:
        """The body.  Raises NotJsonError and TooLargeError."""
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await self.request.read()
            return orjson.loads(body)
        except (web.RequestPayloadError, ConnectionError):
            raise NotJsonError("the body broke off, or is not encoded as its headers say") from None
        except TimeoutError:
            raise NotJsonError(f"the body did not come within {BODY_TIMEOUT_S} s") from None
        except orjson.JSONDecodeError as error:
            raise NotJsonError(f"the body is not JSON: {error}") from None
        except web.HTTPRequestEntityTooLarge as error:
            raise TooLargeError(error.text or "the body is too large") from None

    @property
    def _view(self) -> tuple[str, bool, bool]:
        """What makes the JSON of an object differ between partners: version, dialect, and what it may see."""
        whole_seconds = self.version.whole_seconds or self.partner.whole_seconds
        return self.version.number, whole_seconds, self.viewer.sees_unpublished

    def dump(self, value: Any) -> bytes:
        """Rendered data as JSON, in the partner's dialect."""
        body = wire.dump_json(value)
        return wire.without_fractions(body) if self._view[1] else body

    def render_object(self, kind: str, id_: str, item: T, render: Callable[[T], dict[str, Any]]) -> bytes | None:
        """The JSON of one object; None where the version cannot say it.  What is missing is noted for the operator."""
        body: bytes | None = None
        with wire.noting_gaps() as gaps:
            try:
                body = self.dump(render(item))
            except wire.CannotSayError as error:
                gaps[:] = [str(error)]
        self.edge.withheld.on_rendered(self.version.number, kind, id_, gaps, is_whole_object=body is None)
        return body

    def render(
        self, kind: str, key: Hashable, revision: Hashable, item: T, render: Callable[[T], dict[str, Any]]
    ) -> bytes | None:
        """The JSON of one object in this version, from the cache if its revision is there."""
        return self.render_page(kind, [(key, revision, item)], render)[0]

    def render_page(
        self, kind: str, asked: Iterable[tuple[Hashable, Hashable, T]], render: Callable[[T], dict[str, Any]]
    ) -> list[bytes | None]:
        """The same for each (id, revision, item) of a page."""
        view = self._view
        keyed = [((view, kind, key), revision, (key, item)) for key, revision, item in asked]
        return self.edge.renderings.render_all(
            keyed, lambda named: self.render_object(kind, _id_text(named[0]), named[1], render)
        )

    def render_tariffs(self, tariffs: Iterable[Tariff]) -> dict[str, bytes | None]:
        """The JSON of each tariff by id; None for one that this version cannot say exactly."""
        listed = list(tariffs)
        asked = [(tariff.id, tariff.last_updated, tariff) for tariff in listed]
        bodies = self.render_page("tariff", asked, self.version.render_tariff)
        return {tariff.id: body for tariff, body in zip(listed, bodies, strict=True)}

    def hidden_tariffs(self) -> frozenset[str]:
        """The tariffs that partners of this version do not see."""
        bodies = self.render_tariffs(self.edge.catalog.tariffs.values())
        return frozenset(tariff_id for tariff_id, body in bodies.items() if body is None)

    def reply_page(self, asked: PageRequest, page: Page[Any], bodies: Sequence[bytes | None]) -> Reply:
        """One page of a list; what cannot be said in this version is left out."""
        return self.reply_joined(asked, page, b",".join([body for body in bodies if body is not None]))

    def reply_joined(self, asked: PageRequest, page: Page[Any], joined: bytes) -> Reply:
        """The same of objects whose JSON is joined already."""
        path = self.request.path.rstrip("/")
        headers = page_headers(asked, url=self.edge.url(path), page=page)
        return Reply(data=b"[" + joined + b"]", headers=headers)


def _id_text(key: Hashable) -> str:
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


def find_message_id(request: web.Request, header: str) -> str | None:
    """The id that a caller gave its message; many peers send none."""
    given = request.headers.get(header, "")
    return given if _MESSAGE_ID.fullmatch(given) else None


Handler = Callable[[Exchange], Awaitable[Reply]]


def module_path(version: str, module: str) -> str:
    return f"{MODULES_ROOT}{version}/{module}"


def details_path(version: str) -> str:
    return f"{ROOT}/{version}"
