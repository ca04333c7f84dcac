"""What the operator's API stands on, in memory: a store that publishes, stations that answer as told, a partner."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.console.parts import HealthReport, Parts
from gateway.core.doubts import DoubtRules
from gateway.core.status import StatusRules
from gateway.domain.cdrs import Cdr
from gateway.domain.deliveries import CdrReceipt, Delivery, Message, PartnerAnswer
from gateway.domain.explanations import ShownCdr
from gateway.domain.ids import PartyId, station_key
from gateway.domain.locations import Evse, EvseStatus, Location
from gateway.domain.partners import Endpoint, PartnerRole
from gateway.domain.reports import BilledCdr
from gateway.domain.reservations import Reservation, ReservationState
from gateway.domain.sessions import Fact, Session
from gateway.domain.stations import Deviation
from gateway.domain.tokens import LocalToken, Token
from gateway.errors import NotFoundError, PartnerError, RevisionConflictError, StoreDownError
from gateway.flows.authorization import Authorizer
from gateway.flows.availability import Availability
from gateway.flows.corrections import Corrections
from gateway.flows.delivery import Deliveries
from gateway.flows.inventory import Inventory
from gateway.flows.invoices import Invoices
from gateway.flows.letters import Idiom, Letters
from gateway.flows.local_tokens import LocalTokens
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.outbox import Outbox
from gateway.flows.partner_api import Access, Credentials, VersionLink
from gateway.flows.partner_book import PartnerBook
from gateway.flows.provisioning import Provisioning
from gateway.flows.registration import Registration
from gateway.flows.sealing import Sealing
from gateway.flows.session_terms import SealRules
from gateway.flows.signatures import Signatures
from gateway.flows.transactions import Transactions
from gateway.flows.withheld import WithheldBook
from gateway.ops.signatures import EcdsaVerifier
from gateway.ports import (
    CallOutcome,
    Change,
    ConnectionInfo,
    DeleteLocalToken,
    LateFact,
    SaveCdr,
    SaveEvseStatus,
    SaveLocalToken,
    SaveLocation,
    SaveStation,
    SaveTariff,
    TraceEntry,
)
from tests.fakes.smart_charging import FixedLimits

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OURS = PartyId(country_code="DE", party_id="ABC")
OTHER_OURS = PartyId(country_code="NL", party_id="XYZ")
TOKEN = "the-operators-token"
EMSP = PartnerRole(party=PartyId(country_code="DE", party_id="EMS"), role="EMSP", name="Some eMSP")


class FixedClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class ConsoleStore:
    """Commits in memory, stamps, and publishes to its subscribers."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.subscribers: list[Any] = []
        self.commits: list[list[Change]] = []
        self.is_down = False
        self.conflicts = 0
        self.sessions: list[Session] = []
        self.facts: dict[str, list[Fact]] = {}
        self.cdrs: list[Cdr] = []
        self.late_facts: list[LateFact] = []
        self.tokens: list[Token] = []
        self.local_tokens: dict[str, LocalToken] = {}
        self.ambiguous_uids: list[str] = []
        self.deviations: list[Deviation] = []
        self.billed_at = NOW
        self.lists: dict[str, list[Any]] = {}

    async def commit(self, work: Sequence[Change], *, bulk: bool = False) -> Sequence[Change]:
        if self.is_down:
            raise StoreDownError("the database cannot be written: disk full")
        if self.conflicts:
            self.conflicts -= 1
            raise RevisionConflictError("stale")
        self.clock.at += timedelta(milliseconds=1)
        stamped = [self._stamp(change) for change in work]
        self.commits.append(stamped)
        for publish in self.subscribers:
            publish(stamped)
        return stamped

    def _stamp(self, change: Change) -> Change:
        now = self.clock.at
        match change:
            case SaveStation(station):
                return SaveStation(replace(station, revision=station.revision + 1))
            case SaveLocation(location):
                return SaveLocation(replace(location, last_updated=now))
            case SaveEvseStatus():
                return replace(change, last_updated=now)
            case SaveTariff(tariff):
                return SaveTariff(replace(tariff, last_updated=now))
            case SaveLocalToken(token):
                self.local_tokens[token.uid.casefold()] = token
            case SaveCdr(cdr):
                self.cdrs.append(cdr)
            case DeleteLocalToken(uid):
                del self.local_tokens[uid.casefold()]
        return change

    async def find_local_token(self, uid: str) -> LocalToken | None:
        return self.local_tokens.get(uid.casefold())

    async def list_local_tokens(self) -> Sequence[LocalToken]:
        return list(self.local_tokens.values())

    async def list_ambiguous_uids(self) -> Sequence[str]:
        return self.ambiguous_uids

    async def find_tokens(self, uid: str) -> Sequence[Token]:
        return [token for token in self.tokens if token.uid.casefold() == uid.casefold()]

    async def list_sessions(self, *, limit: int, offset: int = 0, station_id: str | None = None) -> Sequence[Session]:
        found = [session for session in self.sessions if station_id in (None, session.key.station_id)]
        return found[offset : offset + limit]

    async def find_session(self, session_id: str) -> Session | None:
        return next((session for session in self.sessions if session.id == session_id), None)

    async def load_facts(self, session_id: str) -> Sequence[Fact]:
        return self.facts.get(session_id, [])

    async def list_cdrs(self, *, limit: int, offset: int = 0) -> Sequence[Cdr]:
        return self.cdrs[offset : offset + limit]

    async def find_cdr(self, cdr_id: str) -> Cdr | None:
        return next((cdr for cdr in self.cdrs if cdr.id == cdr_id), None)

    async def load_cdrs_of_session(self, session_id: str) -> Sequence[Cdr]:
        return [cdr for cdr in self.cdrs if cdr.session_id == session_id]

    async def load_late_facts(self, session_id: str) -> Sequence[LateFact]:
        return [late for late in self.late_facts if late.session_id == session_id]

    async def load_pushed_cdr(self, cdr_id: str) -> tuple[list[CdrReceipt], list[Delivery]]:
        return [], []

    async def load_shown_cdr(self, cdr_id: str) -> Sequence[ShownCdr]:
        return []

    async def list_billed(self, begin_at: datetime, end_at: datetime) -> Sequence[BilledCdr]:
        return [one for one in self.lists.get("billed", []) if begin_at <= self.billed_at < end_at]

    async def list_unbilled(self, begin_at: datetime, end_at: datetime) -> Sequence[Session]:
        return [session for session in self.sessions if session.sealed_cdr_id is None]

    async def list_deviations(self, station_id: str) -> Sequence[Deviation]:
        return [one for one in self.deviations if station_key(one.station_id) == station_key(station_id)]

    async def list_quarantined(self, *, limit: int) -> Sequence[Any]:
        return self.lists.get("quarantined", [])[:limit]

    async def list_late_facts(self, *, limit: int) -> Sequence[Any]:
        return self.lists.get("late_facts", [])[:limit]

    async def list_reservations(self, *, limit: int, station_id: str | None = None) -> Sequence[Reservation]:
        found = self.lists.get("reservations", [])
        return [one for one in found if station_id in (None, one.key.station_id)][:limit]

    async def list_notices(self, station_id: str | None, *, limit: int) -> Sequence[Any]:
        found = self.lists.get("notices", [])
        return [one for one in found if station_id in (None, one.receipt.station_id)][:limit]

    async def list_incidents(self, station_id: str | None, *, limit: int) -> Sequence[Any]:
        return [one for one in self.lists.get("incidents", []) if station_id in (None, one.station_id)][:limit]


class FakeStations:
    """Connected stations; calls are written down and answered with `outcome`."""

    def __init__(self) -> None:
        self.connections: dict[str, ConnectionInfo] = {}
        self.calls: list[tuple[str, str, dict[str, Any], float]] = []
        self.disconnected: list[str] = []
        self.outcome = CallOutcome(outcome="accepted", payload={"status": "Accepted"})

    def connect(self, station_id: str, version: str = "1.6") -> None:
        self.connections[station_id] = ConnectionInfo(
            station_id=station_id, version=version, since=NOW, last_seen=NOW, remote="192.0.2.7:50000", is_tls=False
        )

    async def call(self, station_id: str, action: str, payload: dict[str, Any], *, timeout_s: float) -> CallOutcome:
        self.calls.append((station_id, action, payload, timeout_s))
        return self.outcome if station_id in self.connections else CallOutcome(outcome="offline")

    def find_connection(self, station_id: str) -> ConnectionInfo | None:
        return self.connections.get(station_id)

    def list_connections(self) -> Sequence[ConnectionInfo]:
        return list(self.connections.values())

    async def disconnect(self, station_id: str, reason: str) -> None:
        self.disconnected.append(station_id)
        self.connections.pop(station_id, None)


class FakeSecrets:
    def __init__(self) -> None:
        self.made = 0

    def keyed_hash(self, secret: bytes) -> str:
        return hashlib.blake2b(secret, key=b"test").hexdigest()

    def encrypt(self, text: str) -> str:
        return f"sealed:{text}"

    def decrypt(self, text: str) -> str:
        return text.removeprefix("sealed:")

    def new_token(self) -> str:
        self.made += 1
        return f"made-token-{self.made}"


class CountingIds:
    def __init__(self) -> None:
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"00000000-0000-4000-8000-{self.count:012d}"


class FakePartnerApi:
    """A partner's platform that registers us, unless it is broken."""

    def __init__(self) -> None:
        self.is_broken = False
        self.ended: list[str] = []

    async def fetch_versions(self, url: str, access: Access) -> Sequence[VersionLink]:
        if self.is_broken:
            raise PartnerError("unusable", f"{url} cannot be reached")
        return [VersionLink(number="2.2.1", url=f"{url}/2.2.1")]

    async def fetch_endpoints(self, link: VersionLink, access: Access) -> Sequence[Endpoint]:
        return [Endpoint(identifier="credentials", role="SENDER", url=f"{link.url}/credentials")]

    async def send_credentials(
        self, method: str, version: str, url: str, access: Access, credentials: Credentials
    ) -> Credentials:
        return Credentials(token="theirs", url="https://emsp.example/versions", roles=(EMSP,))

    async def delete_credentials(self, url: str, access: Access) -> None:
        self.ended.append(url)

    def choose_version(self, offered: Any) -> str | None:
        return next(iter(offered), None)

    def sends_raw_token(self, version: str) -> bool:
        return version == "2.1.1"


class FakePostman:
    """A network on which nothing arrives."""

    def render(self, version: str, item: Any, totals: Any = None) -> dict[str, Any]:
        return {"id": item.id}

    def render_profile(self, version: str, active: Any) -> dict[str, Any]:
        return {"at": active.at}

    def dump(self, partner: Any, rendered: dict[str, Any]) -> bytes:
        return b"{}"

    def idiom_of(self, partner: Any) -> Idiom:
        return Idiom()

    async def send(self, partner: Any, token: str, message: Message) -> PartnerAnswer:
        return PartnerAnswer(at=NOW, http_status=0, message="no network here")

    async def look_for(self, partner: Any, token: str, message: Message, cdr_id: str, url: str | None) -> PartnerAnswer:
        return PartnerAnswer(at=NOW, http_status=0, message="no network here")


class FakeReservations:
    """Takes back what is in the store's list."""

    def __init__(self, store: ConsoleStore) -> None:
        self.store = store

    async def withdraw(self, reservation_id: str) -> Reservation:
        kept: list[Reservation] = self.store.lists.get("reservations", [])
        found = next((one for one in kept if one.id == reservation_id), None)
        if found is None:
            raise NotFoundError(f"there is no reservation {reservation_id!r}")
        return replace(found, state=ReservationState.WITHDRAWN)


class FakeTrace:
    def __init__(self) -> None:
        self.kept: list[TraceEntry] = []

    def frame(self, station_id: str, direction: str, text: str, at: datetime | None = None) -> None:
        self.kept.append(TraceEntry(NOW, station_id, direction, text))

    def event(self, station_id: str, kind: str, text: str) -> None:
        self.kept.append(TraceEntry(NOW, station_id, "event", text, kind))

    def entries(self, station_id: str | None, *, limit: int) -> Sequence[TraceEntry]:
        return [entry for entry in self.kept if station_id in (None, entry.station_id)][-limit:]


@dataclass
class World:
    """All of it, wired as the program wires it."""

    clock: FixedClock = field(default_factory=FixedClock)
    stations: FakeStations = field(default_factory=FakeStations)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    api: FakePartnerApi = field(default_factory=FakePartnerApi)
    memory: Memory = field(default_factory=Memory)
    placed: list[str] = field(default_factory=list)
    listeners: dict[str, bool] = field(default_factory=lambda: {"ocpp": True, "ocpi": True, "console": True})

    def __post_init__(self) -> None:
        self.store = ConsoleStore(self.clock)
        self.trace = FakeTrace()
        partners = self.partners = PartnerBook()
        self.store.subscribers += [self.memory.apply, partners.on_changes]
        mailboxes = Mailboxes()
        self.corrections = Corrections(
            store=self.store,
            memory=self.memory,
            clock=self.clock,
            ids=CountingIds(),
            mailboxes=mailboxes,
            signatures=Signatures(self.store, self.memory, EcdsaVerifier()),
        )
        rules = SealRules()
        transactions = Transactions(self.store, self.memory, self.clock, CountingIds(), Authorizer(self.store), rules)
        availability = Availability(
            self.store, self.memory, self.clock, mailboxes, StatusRules(), offline_grace_s=300, restart_grace_s=300
        )
        self.sealing = Sealing(
            self.store,
            self.memory,
            self.clock,
            CountingIds(),
            mailboxes,
            transactions,
            availability,
            rules,
            Signatures(self.store, self.memory, EcdsaVerifier()),
            DoubtRules(hold_flags=frozenset({"abandoned"})),
        )
        self.provisioning = Provisioning(
            store=self.store,
            memory=self.memory,
            mailboxes=mailboxes,
            stations=self.stations,
            clock=self.clock,
            secrets=self.secrets,
            versions=("1.6", "2.0.1"),
        )
        self.inventory = Inventory(
            store=self.store,
            memory=self.memory,
            parties=(OURS, OTHER_OURS),
            published_status=published_status,
            on_placed=self.on_placed,
        )
        self.local_tokens = LocalTokens(store=self.store)
        self.withheld = WithheldBook(self.clock)
        self.registration = Registration(
            store=self.store,
            partners=partners,
            api=self.api,
            secrets=self.secrets,
            clock=self.clock,
            ids=CountingIds(),
            versions_url="https://cpo.example/ocpi/versions",
            roles=(PartnerRole(party=OURS, role="CPO", name="Our company"),),
        )

        postman = FakePostman()
        self.outbox = Outbox(self.memory, self.clock, timedelta(minutes=1))
        self.deliveries = Deliveries(
            store=self.store,
            partners=partners,
            postman=postman,
            letters=Letters(self.store, self.memory, postman, FixedLimits()),
            outbox=self.outbox,
            find_token=lambda partner: "token",
            look_up=self.registration.look_up,
            clock=self.clock,
            chance=lambda: 0,
        )

    def on_placed(self, location: Location) -> None:
        self.placed.append(location.id)

    @property
    def parts(self) -> Parts:
        return Parts(
            token=TOKEN.encode(),
            store=self.store,
            memory=self.memory,
            stations=self.stations,
            trace=self.trace,
            clock=self.clock,
            provisioning=self.provisioning,
            inventory=self.inventory,
            local_tokens=self.local_tokens,
            partners=self.partners,
            registration=self.registration,
            deliveries=self.deliveries,
            signatures=Signatures(self.store, self.memory, EcdsaVerifier()),
            corrections=self.corrections,
            sealing=self.sealing,
            reservations=FakeReservations(self.store),
            invoices=Invoices(self.store, self.clock),
            withheld=self.withheld,
            versions_url="https://cpo.example/ocpi/versions",
            report_health=self.report_health,
        )

    async def report_health(self) -> HealthReport:
        versions = {"gateway": ["0.1.0"], "ocpp": ["1.6", "2.0.1"], "ocpi": ["2.2.1"]}
        return HealthReport(listeners=self.listeners, is_store_up=not self.store.is_down, versions=versions)


def published_status(_location: Location, evse: Evse) -> EvseStatus:
    return evse.override or EvseStatus.AVAILABLE
