"""What the flows need of the world: a store, the stations, the clock, secrets, and a place to write traces.

A `Work` is data.  The store stamps `last_updated` and `revision`, commits all changes or none, and then publishes the
stamped objects to its subscriber before the caller goes on: memory is what the store says, never what the caller hopes.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from gateway.domain.callbacks import Callback
from gateway.domain.calls import PLAIN_TOKENS, CallReply, IdTokenRules, StationCall
from gateway.domain.cdrs import Cdr
from gateway.domain.deliveries import CdrReceipt, Delivery
from gateway.domain.events import MessageQuarantined, NoticeReported
from gateway.domain.explanations import ShownCdr
from gateway.domain.ids import ConnectorKey
from gateway.domain.invoices import BilledTo, InvoiceRecord
from gateway.domain.locations import Location
from gateway.domain.partners import HubClient, Partner
from gateway.domain.profiles import SessionProfile
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.reports import BilledCdr
from gateway.domain.reservations import Reservation
from gateway.domain.retention import Expired, Kept, Key
from gateway.domain.sessions import Fact, Session
from gateway.domain.stations import ConnectorStatus, Deviation, Station
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import LocalToken, Token, TokenStamp
from gateway.ports.changes import (
    Change,
    DeleteHubClient,
    DeleteInvoice,
    DeleteLocalToken,
    DeleteStation,
    DeleteTariff,
    DropDeliveries,
    DropExpired,
    DropPartnerTokens,
    DropProfile,
    Enqueue,
    Follow,
    InvalidateToken,
    MarkSending,
    NoteInvoiceTold,
    Publish,
    RefuseDelivery,
    SaveCallback,
    SaveCdr,
    SaveCdrReceipt,
    SaveConnectorStatus,
    SaveDeviation,
    SaveEvseStatus,
    SaveHubClient,
    SaveIncident,
    SaveInvoice,
    SaveLateFact,
    SaveLocalToken,
    SaveLocation,
    SaveNotice,
    SavePartner,
    SaveProfile,
    SaveQuarantined,
    SaveRemoteStart,
    SaveReservation,
    SaveSession,
    SaveStation,
    SaveTariff,
    SaveToken,
    SettleDelivery,
    Work,
)

__all__ = [
    "CallOutcome",
    "CdrRow",
    "Change",
    "Clock",
    "ConnectionInfo",
    "DeleteHubClient",
    "DeleteInvoice",
    "DeleteLocalToken",
    "DeleteStation",
    "DeleteTariff",
    "DropDeliveries",
    "DropExpired",
    "DropPartnerTokens",
    "DropProfile",
    "Enqueue",
    "Follow",
    "Ids",
    "InvalidateToken",
    "LateFact",
    "MarkSending",
    "NoteInvoiceTold",
    "Page",
    "PageAsked",
    "Publish",
    "Quarantined",
    "RefuseDelivery",
    "SaveCallback",
    "SaveCdr",
    "SaveCdrReceipt",
    "SaveConnectorStatus",
    "SaveDeviation",
    "SaveEvseStatus",
    "SaveHubClient",
    "SaveIncident",
    "SaveInvoice",
    "SaveLateFact",
    "SaveLocalToken",
    "SaveLocation",
    "SaveNotice",
    "SavePartner",
    "SaveProfile",
    "SaveQuarantined",
    "SaveRemoteStart",
    "SaveReservation",
    "SaveSession",
    "SaveStation",
    "SaveTariff",
    "SaveToken",
    "Secrets",
    "SettleDelivery",
    "SignatureVerifier",
    "Stations",
    "Store",
    "Trace",
    "TraceEntry",
    "Work",
]

T = TypeVar("T")


# --- reading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAsked:
    """A page of a list.  `date_from` inclusive, `date_to` exclusive, both on last_updated.

    `after` (from the Link of the page before) wins over `offset`.
    """

    offset: int
    limit: int
    date_from: datetime | None = None
    date_to: datetime | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """`total` counts all that match; `next_after` continues, None on the last page."""

    items: tuple[T, ...]
    total: int
    next_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    no: int
    message: MessageQuarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFact:
    no: int
    station_id: str
    session_id: str | None
    fact: Fact
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrRow:
    """A CDR on a page: `body` is its stored rendering in the version asked for, else `cdr` is filled."""

    cdr_id: str
    body: bytes | None
    cdr: Cdr | None


class Store(Protocol):
    """The one place where facts live.  `commit` returns the stamped changes once they are durable, those of sessions
    without their facts.

    `bulk` Works (pulls, imports) let the others pass, and long ones are committed in slices, each all or none.
    Raises of `commit`: RevisionConflictError, ConflictError, StoreDownError, StoreFullError.
    """

    def commit(self, work: Work, *, bulk: bool = False) -> Awaitable[Sequence[Change]]: ...
    def commit_then(self, work: Work, then: Callable[[Exception | None], None]) -> None:
        """The same without anything to await: `then` is called with None once the Work is durable, or with its error.

        Raises StoreFullError and StoreDownError at once; `then` is not called then.  It must not wait.
        """

    # whole tables that fit in memory, read at start
    async def load_stations(self) -> Sequence[Station]: ...
    async def load_connector_statuses(self) -> Sequence[ConnectorStatus]: ...
    async def load_locations(self) -> Sequence[Location]: ...
    async def load_tariffs(self) -> Sequence[Tariff]: ...
    async def load_partners(self) -> Sequence[Partner]: ...
    async def load_hub_clients(self) -> Sequence[HubClient]: ...
    async def load_unsealed_sessions(self) -> Sequence[Session]: ...

    """Every session without a CDR that is open, was refused and goes on all the same, waits for its seal, or is
    held."""

    async def load_deliveries(self) -> Sequence[Delivery]: ...

    """All that partners are still to be told, and what they refused, in the order in which it came."""

    async def load_profiles(self) -> Sequence[SessionProfile]: ...

    """The profiles of sessions that were under way when they were set."""

    async def load_open_callbacks(self) -> Sequence[Callback]: ...

    """What partners asked for and has no result yet."""

    async def load_remote_starts(self) -> Sequence[RemoteStart]: ...

    """The starts that partners ordered and that are still kept."""

    async def load_live_reservations(self) -> Sequence[Reservation]: ...

    """Those that stations keep, or were asked for and have not answered."""

    # points
    async def next_transaction_no(self) -> int: ...

    """A positive int32, never given twice: for transactions, reservations and remote starts alike."""

    async def find_reservation(self, reservation_id: str) -> Reservation | None: ...
    async def find_reservation_by_no(self, station_id: str, no: int) -> Reservation | None: ...

    async def find_session_by_transaction(self, station_id: str, transaction_id: str) -> Session | None: ...
    async def find_session_by_start(self, start_key: str) -> Session | None: ...
    async def find_session(self, session_id: str) -> Session | None: ...
    async def find_session_by_time(self, key: ConnectorKey, at: datetime) -> Session | None: ...

    """The session on this plug whose span holds `at`, the latest if several."""

    async def load_facts(self, session_id: str) -> Sequence[Fact]: ...
    async def has_fact(self, session_id: str, key: str) -> bool: ...
    async def find_tokens(self, uid: str) -> Sequence[Token]: ...

    """Every partner's tokens with this uid, compared without case."""

    async def find_token(self, country_code: str, party_id: str, uid: str, type_: str) -> Token | None: ...
    async def find_local_token(self, uid: str) -> LocalToken | None: ...
    async def find_cdr(self, cdr_id: str) -> Cdr | None: ...
    async def find_cdr_by_session(self, session_id: str) -> Cdr | None: ...

    """The CDR that stands: neither a credit nor credited."""

    async def load_cdrs_of_session(self, session_id: str) -> Sequence[Cdr]: ...

    """The first, its credit, the one in its place, …: in this order."""

    async def load_late_facts(self, session_id: str) -> Sequence[LateFact]: ...

    """What came after the seal of a session, in the order in which it came."""

    async def find_invoice(self, record_id: str) -> InvoiceRecord | None: ...

    """By id, compared without case."""

    async def list_billed_to(self, cdr_ids: Sequence[str]) -> Sequence[BilledTo]: ...

    """Whose these CDRs are; those that are not there are left out."""

    # lists
    async def page_invoices(
        self, partner_id: str, party: str | None, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[InvoiceRecord]: ...

    """The records of a partner, in order of creation; narrowed as sessions are."""

    async def list_invoices(
        self, partner_id: str | None, *, limit: int, offset: int = 0
    ) -> Sequence[InvoiceRecord]: ...

    """The operator's view: newest first, of one partner or of all."""

    async def page_sessions(
        self, partner_id: str, party: str | None, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[Session]: ...

    """Published sessions of a partner's tokens, in order of creation; `party` ("CC*PID") narrows to one of ours,
    `drivers_of` to tokens of one of its parties."""

    async def page_cdrs(
        self, partner_id: str, party: str | None, version: str, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[CdrRow]: ...
    async def find_joined_cdrs(
        self, partner_id: str, party: str | None, version: str, page: PageAsked, *, drivers_of: str | None = None
    ) -> tuple[Page[CdrRow], bytes] | None: ...

    """The page, without its items, and their JSON joined by commas; None unless each was shown in this version
    before."""

    async def save_cdr_renderings(self, version: str, bodies: Sequence[tuple[str, bytes]]) -> None: ...
    async def list_sessions(
        self, *, limit: int, offset: int = 0, station_id: str | None = None
    ) -> Sequence[Session]: ...

    """The operator's view: newest first, of every partner and of none."""

    async def list_cdrs(self, *, limit: int, offset: int = 0) -> Sequence[Cdr]: ...
    async def list_billed(self, begin_at: datetime, end_at: datetime) -> Sequence[BilledCdr]: ...

    """The bills of visits that ended in that time (`end_at` exclusive), by owner and ordinal."""

    async def list_unbilled(self, begin_at: datetime, end_at: datetime) -> Sequence[Session]: ...

    """Sessions without CDR that may have ended in that time: look at each one's end."""

    async def load_shown_cdr(self, cdr_id: str) -> Sequence[ShownCdr]: ...

    """The bill as its partner was first shown it, in each version."""

    async def load_pushed_cdr(self, cdr_id: str) -> tuple[Sequence[CdrReceipt], Sequence[Delivery]]: ...

    """Which partners took a bill, with their answers; and its deliveries that wait or were refused."""

    async def list_token_stamps(self, partner_id: str) -> Sequence[TokenStamp]: ...

    """The partner's valid tokens."""

    async def list_local_tokens(self) -> Sequence[LocalToken]: ...
    async def find_callback(self, callback_id: str) -> Callback | None: ...
    async def list_callbacks(self, *, limit: int, station_id: str | None = None) -> Sequence[Callback]: ...

    """What partners asked for, the newest first."""

    async def list_reservations(self, *, limit: int, station_id: str | None = None) -> Sequence[Reservation]: ...

    """The newest first, also those that are over."""

    async def find_expired(self, kind: Kept, before: datetime, after: Key | None, limit: int) -> Expired: ...

    """What is older than that among the next `limit` of a kind, from `after` on (None: from the first)."""

    async def list_ambiguous_uids(self) -> Sequence[str]: ...
    async def list_deviations(self, station_id: str) -> Sequence[Deviation]: ...
    async def list_quarantined(self, *, limit: int) -> Sequence[Quarantined]: ...
    async def list_late_facts(self, *, limit: int) -> Sequence[LateFact]: ...
    async def list_notices(self, station_id: str | None, *, limit: int) -> Sequence[NoticeReported]: ...
    async def list_incidents(self, station_id: str | None, *, limit: int) -> Sequence[SaveIncident]: ...


# --- stations ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """How a call to a station went.

    `outcome`: accepted (a CALLRESULT came: `payload`), call_error (`error_code`, `error_description`, `payload` its
    details),
    timeout, offline, or invalid (the payload asked for breaks the schema: nothing was sent; `error_description` says
    where).
    """

    outcome: str
    payload: dict[str, Any] | None = None
    error_code: str | None = None
    error_description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInfo:
    station_id: str
    version: str
    since: datetime
    last_seen: datetime
    remote: str
    is_tls: bool
    tls: str | None = None
    id_tokens: IdTokenRules = PLAIN_TOKENS


class Stations(Protocol):
    """The stations that are connected."""

    async def call(self, station_id: str, action: str, payload: dict[str, Any], *, timeout_s: float) -> CallOutcome: ...
    async def send(self, station_id: str, call: StationCall, *, timeout_s: float) -> CallReply:
        """Say to a station what is wanted of it, in its version; never raises for what it does or leaves undone."""

    def find_connection(self, station_id: str) -> ConnectionInfo | None: ...
    def list_connections(self) -> Sequence[ConnectionInfo]: ...
    async def disconnect(self, station_id: str, reason: str) -> None:
        """Close the station's connection, if any (its password changed, it was deleted)."""


# --- the rest --------------------------------------------------------------------------------------------------------


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""


class Secrets(Protocol):
    """Keys that live outside the database."""

    def keyed_hash(self, secret: bytes) -> str: ...
    def encrypt(self, text: str) -> str: ...
    def decrypt(self, text: str) -> str: ...
    def new_token(self) -> str:
        """A fresh high-entropy credentials token, U+0021 to U+007E."""


class Ids(Protocol):
    def new(self) -> str:
        """A fresh unique id of 36 characters."""


class SignatureVerifier(Protocol):
    """Checks what meters signed."""

    def verify(self, curve: str, hash_name: str, point: bytes, signature: bytes, data: bytes) -> bool:
        """Does an ECDSA signature (DER, or r and s in a row) fit the data?

        `curve` as in SEC 2 and RFC 5639 ("secp256r1", "brainpoolP256r1"), `hash_name` "SHA256", "SHA384" or "SHA512",
        `point` as in SEC 1 2.3.3.  Raises ValueError for a key, curve or hash that cannot be used.
        """


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """`direction`: "in", "out", or "event" (a handshake, a refusal, a close)."""

    at: datetime
    station_id: str
    direction: str
    text: str
    reason: str | None = None


class Trace(Protocol):
    """The technician's window: the last frames of all stations in memory, refusals also on disk."""

    def frame(self, station_id: str, direction: str, text: str, at: datetime | None = None) -> None:
        """Cheap: called for every frame.  `at` None: now."""

    def event(self, station_id: str, kind: str, text: str) -> None:
        """Something to be seen: a failed handshake, a refused message, a close."""

    def entries(self, station_id: str | None, *, limit: int) -> Sequence[TraceEntry]: ...
