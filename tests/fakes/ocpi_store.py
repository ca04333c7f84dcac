"""The ports that the OCPI edge and its flows need, in memory: a store that stamps and publishes, and simple rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.domain.cdrs import Cdr
from gateway.domain.locations import Location
from gateway.domain.partners import Partner
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import Token, TokenStamp
from gateway.errors import RevisionConflictError, StoreDownError
from gateway.ports import (
    CdrRow,
    Change,
    DropPartnerTokens,
    InvalidateToken,
    Page,
    PageAsked,
    SavePartner,
    SaveToken,
    TraceEntry,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    def __init__(self, now: datetime = NOON) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def pass_s(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class FakeIds:
    def __init__(self) -> None:
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"id-{self._count:033d}"


class FakeSecrets:
    """Reversible on purpose: a test sees that what is kept is not the plain text."""

    def __init__(self) -> None:
        self._count = 0

    def keyed_hash(self, secret: bytes) -> str:
        return "hash:" + secret.hex()

    def encrypt(self, text: str) -> str:
        return "sealed:" + text[::-1]

    def decrypt(self, text: str) -> str:
        return text.removeprefix("sealed:")[::-1]

    def new_token(self) -> str:
        self._count += 1
        return f"fresh-token-{self._count}"


class FakeTrace:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def frame(self, station_id: str, direction: str, text: str, at: datetime | None = None) -> None:
        raise AssertionError("OCPI has no frames")

    def event(self, station_id: str, kind: str, text: str) -> None:
        self.events.append((station_id, kind, text))

    def entries(self, station_id: str | None, *, limit: int) -> Sequence[TraceEntry]:
        return []


@dataclass
class FakeCatalog:
    locations: dict[str, Location] = field(default_factory=dict)
    tariffs: dict[str, Tariff] = field(default_factory=dict)


class FakeStore:
    """Commits whole Works or none; `failures` are raised by the next commits, `publish` gets what was committed."""

    def __init__(self, publish: Callable[[Sequence[Change]], None] | None = None) -> None:
        self.partners: dict[str, Partner] = {}
        self.tokens: dict[tuple[str, str, str, str], Token] = {}
        self.sessions: list[Session] = []
        self.cdrs: list[Cdr] = []
        self.renderings: dict[tuple[str, str], bytes] = {}
        self.works: list[Sequence[Change]] = []
        self.failures: list[Exception] = []
        self.fail_renderings = False
        self.publish = publish

    async def commit(self, work: Sequence[Change], *, bulk: bool = False) -> Sequence[Change]:
        if self.failures:
            raise self.failures.pop(0)
        stamped = [self._stamp(change) for change in work]
        for change in stamped:
            self._keep(change)
        self.works.append(stamped)
        if self.publish:
            self.publish(stamped)
        return stamped

    async def find_token(self, country_code: str, party_id: str, uid: str, type_: str) -> Token | None:
        return self.tokens.get((country_code, party_id, uid.casefold(), type_))

    async def list_token_stamps(self, partner_id: str) -> Sequence[TokenStamp]:
        return [
            TokenStamp(party=token.party, uid_key=key[2], type=token.type, last_updated=token.last_updated)
            for key, token in self.tokens.items()
            if token.partner_id == partner_id and token.valid
        ]

    async def page_sessions(
        self, partner_id: str, party: str | None, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[Session]:
        matching = [
            (no, session)
            for no, session in enumerate(self.sessions, start=1)
            if session.partner_id == partner_id
            and (drivers_of is None or (session.terms.token and str(session.terms.token.party) == drivers_of))
            and (party is None or (session.terms.place and str(session.terms.place.location.party) == party))
            and _is_within(session.last_updated, page)
        ]
        return _page(matching, page)

    async def page_cdrs(
        self, partner_id: str, party: str | None, version: str, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[CdrRow]:
        matching = [
            (no, self._row(cdr, version))
            for no, cdr in enumerate(self.cdrs, start=1)
            if cdr.partner_id == partner_id
            and (drivers_of is None or (cdr.terms.token and str(cdr.terms.token.party) == drivers_of))
            and (party is None or str(cdr.party) == party)
            and _is_within(cdr.last_updated, page)
        ]
        return _page(matching, page)

    async def find_joined_cdrs(
        self, partner_id: str, party: str | None, version: str, page: PageAsked, *, drivers_of: str | None = None
    ) -> tuple[Page[CdrRow], bytes] | None:
        found = await self.page_cdrs(partner_id, party, version, page, drivers_of=drivers_of)
        bodies = [row.body for row in found.items if row.body is not None]
        if not bodies or len(bodies) < len(found.items):
            return None
        return Page(items=(), total=found.total, next_after=found.next_after), b",".join(bodies)

    async def save_cdr_renderings(self, version: str, bodies: Sequence[tuple[str, bytes]]) -> None:
        if self.fail_renderings:
            raise StoreDownError("the disk is full")
        for cdr_id, body in bodies:
            self.renderings.setdefault((version, cdr_id), body)

    def _row(self, cdr: Cdr, version: str) -> CdrRow:
        body = self.renderings.get((version, cdr.id))
        return CdrRow(cdr_id=cdr.id, body=body, cdr=None if body else cdr)

    def _stamp(self, change: Change) -> Change:
        if not isinstance(change, SavePartner):
            return change
        known = self.partners.get(change.partner.id)
        if (known.revision if known else 0) != change.partner.revision:
            raise RevisionConflictError("the partner was changed in the meantime")
        return SavePartner(replace(change.partner, revision=change.partner.revision + 1))

    def _keep(self, change: Change) -> None:
        if isinstance(change, SavePartner):
            self.partners[change.partner.id] = change.partner
        elif isinstance(change, SaveToken):
            token = change.token
            key = (token.party.country_code, token.party.party_id, token.uid.casefold(), token.type)
            known = self.tokens.get(key)
            if known is None or known.last_updated <= token.last_updated:
                self.tokens[key] = token
        elif isinstance(change, InvalidateToken):
            stamp = change.stamp
            key = (stamp.party.country_code, stamp.party.party_id, stamp.uid_key, stamp.type)
            if self.tokens[key].last_updated == stamp.last_updated:
                self.tokens[key] = replace(self.tokens[key], valid=False)
        elif isinstance(change, DropPartnerTokens):
            for key, token in self.tokens.items():
                if token.partner_id == change.partner_id:
                    self.tokens[key] = replace(token, valid=False)


def _is_within(moment: datetime, page: PageAsked) -> bool:
    return (page.date_from is None or page.date_from <= moment) and (page.date_to is None or moment < page.date_to)


def _page(matching: list[tuple[int, Any]], page: PageAsked) -> Page[Any]:
    after = page.after
    rest = matching[page.offset :] if after is None else [row for row in matching if row[0] > after]
    shown = rest[: page.limit]
    next_after = shown[-1][0] if shown and len(rest) > len(shown) else None
    return Page(items=tuple(item for _, item in shown), total=len(matching), next_after=next_after)
