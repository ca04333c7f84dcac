"""What the eMSP holds: who it is, its partner, the objects it has seen, and scripted answers."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.emsp.findings import Findings
from simulators.emsp.wire import JsonObject

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Party:
    """One role of a platform."""

    country_code: str
    party_id: str
    name: str
    role: str = "EMSP"

    @property
    def ids(self) -> tuple[str, str]:
        return self.country_code.upper(), self.party_id.upper()

    def __str__(self) -> str:
        return f"{self.country_code}*{self.party_id}"


@dataclass(frozen=True, slots=True)
class Card:
    """What a credentials object says: the token to use with the other side, where it is, and who it is."""

    token: str
    versions_url: str
    parties: tuple[Party, ...]


@dataclass(frozen=True, slots=True)
class Partner:
    """The CPO after the handshake. `endpoints` maps (module, "SENDER" or "RECEIVER") to a URL."""

    version: str
    card: Card
    endpoints: Mapping[tuple[str, str], str]

    def party(self) -> Party:
        """The CPO party to talk to: the first one with that role, else the first."""
        return next((party for party in self.card.parties if party.role == "CPO"), self.card.parties[0])


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object as it was last seen, and where."""

    object: JsonObject
    where: str


@dataclass(slots=True)
class Store:
    """Objects by module and key; the key's parts are upper case, for identifiers ignore case.

    `seen` are the modules of which anything came, `complete` those that were pulled in full.
    """

    _modules: dict[str, dict[Key, Sighting]] = field(default_factory=lambda: defaultdict(dict))
    seen: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)

    def put(self, module: str, key: Key, item: JsonObject, where: str) -> None:
        self.seen.add(module)
        self._modules[module][key] = Sighting(item, where)

    def get(self, module: str, key: Key) -> JsonObject | None:
        sighting = self._modules[module].get(key)
        return None if sighting is None else sighting.object

    def where(self, module: str, key: Key) -> str:
        return self._modules[module][key].where

    def remove(self, module: str, key: Key) -> bool:
        return self._modules[module].pop(key, None) is not None

    def objects(self, module: str) -> dict[Key, JsonObject]:
        return {key: sighting.object for key, sighting in self._modules[module].items()}

    @property
    def tokens(self) -> list[JsonObject]:
        return list(self.objects("tokens").values())

    @property
    def locations(self) -> list[JsonObject]:
        return list(self.objects("locations").values())

    @property
    def tariffs(self) -> list[JsonObject]:
        return list(self.objects("tariffs").values())

    @property
    def sessions(self) -> list[JsonObject]:
        return list(self.objects("sessions").values())

    @property
    def cdrs(self) -> list[JsonObject]:
        return list(self.objects("cdrs").values())

    @property
    def invoices(self) -> list[JsonObject]:
        """The InvoiceReconciliationRecords, of 2.3.0 only."""
        return list(self.objects("invoicereconciliation").values())


@dataclass(frozen=True, slots=True)
class AuthorizeAnswer:
    """One answer to a real-time authorisation, `delay_s` later; a `status_code` other than 1000 goes out without
    data."""

    allowed: str = "ALLOWED"
    authorization_reference: str | None = None
    info: str | None = None
    status_code: int = 1000
    http_status: int = 200
    delay_s: float = 0


@dataclass(slots=True)
class AuthorizeScript:
    """Answers made ready per token uid; the last one of a uid stays. Without any, the token itself decides."""

    _answers: dict[str, deque[AuthorizeAnswer]] = field(default_factory=dict)

    def answer(self, uid: str, *answers: AuthorizeAnswer) -> None:
        self._answers.setdefault(uid.upper(), deque()).extend(answers)

    def next(self, uid: str) -> AuthorizeAnswer | None:
        waiting = self._answers.get(uid.upper())
        if not waiting:
            return None
        return waiting.popleft() if len(waiting) > 1 else waiting[0]


@dataclass(slots=True)
class Asked:
    """A request whose result comes later, at our response_url; `kind` is the object it will be."""

    kind: str
    results: list[JsonObject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came in, as a test may want to see it, with what it was answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    http_status: int
    status_code: int | None


async def _nobody_there(_credentials: JsonObject, _token: str) -> str:
    raise RuntimeError("the eMSP has not been started")


@dataclass(slots=True)
class Desk:
    """All of the above in one place, shared by the client and the server.

    `tokens_in` are the credentials tokens that the CPO may use with us, of which the older ones end when the
    `newest_token` is first used; `token_a` is one we gave out for its registration, good for versions and
    credentials only. `asked` are the commands sent, by the id in their response_url; `profiled` the sessions on which
    the CPO accepted a charging profile. `shake_hands` takes the CPO's credentials and the token it used, and returns
    its new token.
    """

    party: Party
    findings: Findings = field(default_factory=Findings)
    store: Store = field(default_factory=Store)
    authorizations: AuthorizeScript = field(default_factory=AuthorizeScript)
    received: list[Received] = field(default_factory=list)
    asked: dict[str, Asked] = field(default_factory=dict)
    profiled: set[str] = field(default_factory=set)
    tokens_in: set[str] = field(default_factory=set)
    newest_token: str | None = None
    token_a: str | None = None
    partner: Partner | None = None
    base_url: str = ""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    shake_hands: Callable[[JsonObject, str], Awaitable[str]] = field(default=_nobody_there)

    @property
    def versions_url(self) -> str:
        return f"{self.base_url}/ocpi/versions"

    async def notify(self) -> None:
        """Wake whoever waits for something to come in."""
        async with self.changed:
            self.changed.notify_all()
