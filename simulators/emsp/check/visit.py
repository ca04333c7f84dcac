"""A visit at a CPO's server: what the rules ask it, what they have seen of it, and what was found on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from simulators.emsp import pages
from simulators.emsp.commands import SentCommand
from simulators.emsp.errors import EmspError
from simulators.emsp.findings import Finding
from simulators.emsp.peer import Peer, Reply, below
from simulators.emsp.state import Desk
from simulators.emsp.tokens import new_token
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import JsonObject, shorten

MODULES = ("locations", "tariffs", "sessions", "cdrs")


class NothingToTellError(Exception):
    """A rule cannot be told of; the text says why."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Where a finding was made: the module, and whether the answer refused something."""

    module: str
    is_refusal: bool = False


@dataclass(slots=True)
class Visit:
    """`stopped` says why nothing can be asked any more, if so."""

    desk: Desk
    version: OcpiVersion
    peer: Peer
    versions_url: str
    token_a: str
    patience_s: float = 30
    endpoints: Mapping[tuple[str, str], str] = field(default_factory=dict)
    stopped: str = ""
    old_token: str = ""
    cpo: str = ""
    connector: tuple[str, ...] = ()
    prepare: Callable[[], Awaitable[None]] | None = None
    tags: dict[Finding, Tag] = field(default_factory=dict)
    pulls: dict[str, pages.Pull | str] = field(default_factory=dict)
    walks: dict[str, pages.Pull | str] = field(default_factory=dict)
    refusals: int = 0
    silences: int = 0
    tokens: list[JsonObject] = field(default_factory=list)
    sent: list[SentCommand] = field(default_factory=list)
    mark: str = field(default_factory=lambda: token_hex(4).upper())

    # Asking

    async def ask(
        self,
        method: str,
        module: str,
        role: str,
        *segments: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        raw_body: bytes | None = None,
        token: str | None = None,
    ) -> Reply:
        """One request below an endpoint of the server; whatever is wrong around its data is a finding of `module`."""
        if token is None and self.desk.partner is None:
            token = self.token_a
        url = self.url(module, role, *segments)
        return await self.peer.request(
            method, url, module=module, query=query, body=body, raw_body=raw_body, token=token, judged=False
        )

    def see(self, module: str, reply: Reply, before: int) -> None:
        """Keep in mind what an answer's findings, from number `before` on, are about."""
        refused = reply.http_status >= 400 or (reply.status_code or 0) >= 2000
        self.refusals += refused
        # To a stranger a server need not tell who it thinks to answer.
        self._tag(before, Tag("nobody" if reply.http_status == 401 else module, refused))

    def url(self, module: str, role: str, *segments: str) -> str:
        if (module, role) not in self.endpoints:
            raise NothingToTellError(f"the server has no {module} {role} endpoint")
        return below(self.endpoints[module, role], *segments)

    @contextmanager
    def during(self, module: str) -> Iterator[None]:
        """What is found meanwhile is of this module."""
        before = len(self.desk.findings)
        try:
            yield
        finally:
            self._tag(before, Tag(module))

    def _tag(self, before: int, tag: Tag) -> None:
        for finding in list(self.desk.findings)[before:]:
            self.tags.setdefault(finding, tag)

    # Lists

    def offered(self) -> list[str]:
        return [module for module in MODULES if (module, "SENDER") in self.endpoints]

    async def pull(self, module: str) -> pages.Pull:
        """The whole list of a module, read once; `NothingToTellError` if it cannot be."""
        if module not in self.pulls:
            if self.stopped:
                raise NothingToTellError(self.stopped)
            try:
                self.pulls[module] = await self.pull_window(module, pages.Window(self.beginning(module)))
            except EmspError as error:
                self.pulls[module] = str(error)
        pull = self.pulls[module]
        if isinstance(pull, str):
            raise NothingToTellError(f"the list of {module} could not be read: {pull}")
        return pull

    async def pull_window(self, module: str, window: pages.Window, limit: int | None = None) -> pages.Pull:
        self.url(module, "SENDER")
        with self.during(module):
            return await pages.pull_pages(self.desk, self.version, self.peer, module, window, limit)

    def beginning(self, module: str) -> Any:
        # Sessions cannot be listed without date_from (OCPI 2.2.1 9.2.1.1).
        return pages.BEGINNING if module == "sessions" else None

    async def items(self, module: str) -> list[JsonObject]:
        """The well-formed objects of a module; `NothingToTellError` if there is none."""
        pull = await self.pull(module)
        found = [item for _, _, item in pages.iter_well_formed(self.version, module, pull)]
        if not pull.items:
            raise NothingToTellError(f"the server has no {module} yet")
        if not found:
            raise NothingToTellError(f"none of the {module} can be read")
        return found

    # Tokens

    def token(self, suffix: str, **fields: Any) -> JsonObject:
        """A token of ours with a uid no other run has, as it stands on the wire."""
        token = new_token(self.desk.party, f"CHECK{self.mark}{suffix}", self.desk.now(), **fields)
        if not any((one["uid"], one["type"]) == (token["uid"], token["type"]) for one in self.tokens):
            self.tokens.append(token)
        return self.version.render_token(token)

    @property
    def owner(self) -> tuple[str, str]:
        return self.desk.party.country_code, self.desk.party.party_id


def tell(reply: Reply) -> str:
    """An answer in one line."""
    status = "no OCPI status" if reply.status_code is None else f"OCPI status {reply.status_code}"
    message = f" {shorten(reply.message, 60)!r}" if reply.message else ""
    return f"HTTP {reply.http_status}, {status}{message}"
