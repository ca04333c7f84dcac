"""What a Work may contain: changes, plain data, of which the store commits all or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.callbacks import Callback
from gateway.domain.cdrs import Cdr
from gateway.domain.deliveries import CdrReceipt, Delivery, PartnerAnswer
from gateway.domain.events import MessageQuarantined, NoticeReported
from gateway.domain.invoices import InvoiceRecord
from gateway.domain.locations import EvseStatus, Location
from gateway.domain.partners import HubClient, Partner
from gateway.domain.profiles import SessionProfile
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.reservations import Reservation
from gateway.domain.retention import Kept, Key
from gateway.domain.sessions import Fact, Ledger, Session
from gateway.domain.stations import ConnectorStatus, Deviation, Station
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import LocalToken, Token, TokenStamp


@dataclass(frozen=True, slots=True)
class SaveStation:
    """Insert (revision 0) or update (the stored revision must equal `station.revision`)."""

    station: Station


@dataclass(frozen=True, slots=True)
class DeleteStation:
    station_id: str


@dataclass(frozen=True, slots=True)
class SaveConnectorStatus:
    status: ConnectorStatus


@dataclass(frozen=True, slots=True)
class SaveSession:
    """Insert (revision 0) or update, and append the `fact` that made the difference.

    An update writes the fold; `write_terms` writes the rest too (terms, id_token, key, partner_id, remote_start_id, its
    transaction).  The revision guards the facts as well: who appends one has seen all before it.  `more` are facts of
    another session that this one takes over, before `fact`.  `ledger` stands in the place of the session's own: almost
    every message changes nothing else, and the store copies the session anyway.
    """

    session: Session
    write_terms: bool = False
    fact: Fact | None = None
    more: tuple[Fact, ...] = ()
    ledger: Ledger | None = None


@dataclass(frozen=True, slots=True)
class SaveCdr:
    """The store gives `ordinal` and `last_updated`.

    The first of a session, a credit of the one that stands (`credit_reference_id`), or after that the one in its place
    (`corrects_id`); any other fails the Work with ConflictError.
    """

    cdr: Cdr


@dataclass(frozen=True, slots=True)
class SaveLocation:
    """Insert or replace a location with its EVSEs; the store stamps what changed, upwards to the location."""

    location: Location


@dataclass(frozen=True, slots=True)
class SaveEvseStatus:
    """Set the published status of one EVSE; EVSE and location get the same new `last_updated`, given by the store."""

    location_id: str
    evse_uid: str
    status: EvseStatus
    last_updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class SaveTariff:
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class DeleteTariff:
    tariff_id: str


@dataclass(frozen=True, slots=True)
class SaveToken:
    """Insert or replace by (party, uid, type); one older than the stored is kept out silently."""

    token: Token


@dataclass(frozen=True, slots=True)
class SaveLocalToken:
    token: LocalToken


@dataclass(frozen=True, slots=True)
class DeleteLocalToken:
    uid: str


@dataclass(frozen=True, slots=True)
class SavePartner:
    """Insert (revision 0) or update."""

    partner: Partner


@dataclass(frozen=True, slots=True)
class DropPartnerTokens:
    """Make every token the partner pushed invalid for good (its registration ended)."""

    partner_id: str


@dataclass(frozen=True, slots=True)
class InvalidateToken:
    """A token that its partner does not list any more is invalid; one that changed since `stamp` stays as it is."""

    partner_id: str
    stamp: TokenStamp


@dataclass(frozen=True, slots=True)
class SaveInvoice:
    """Insert or replace by id; the store gives `last_updated` and knows `told_at`."""

    record: InvoiceRecord


@dataclass(frozen=True, slots=True)
class DeleteInvoice:
    record: InvoiceRecord


@dataclass(frozen=True, slots=True)
class NoteInvoiceTold:
    """Its partner has the record."""

    record_id: str


@dataclass(frozen=True, slots=True)
class SaveHubClient:
    """Insert or replace by (hub, party, role); one older than the stored is kept out silently."""

    client: HubClient


@dataclass(frozen=True, slots=True)
class DeleteHubClient:
    """The hub does not know it any more, as of the `last_updated` of `client`: a newer one stays."""

    client: HubClient


@dataclass(frozen=True, slots=True)
class SaveDeviation:
    """Insert, or count up the one with the same station, action, path and problem."""

    deviation: Deviation


@dataclass(frozen=True, slots=True)
class SaveNotice:
    notice: NoticeReported


@dataclass(frozen=True, slots=True)
class SaveQuarantined:
    message: MessageQuarantined


@dataclass(frozen=True, slots=True)
class SaveLateFact:
    """A fact that came after its session was sealed (or fits no session, `session_id` None): kept and listed."""

    station_id: str
    session_id: str | None
    fact: Fact
    reason: str


@dataclass(frozen=True, slots=True)
class SaveIncident:
    """A failed handshake or a refusal, kept over restarts for the technician."""

    station_id: str
    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Something a partner is to be told: inserted, or its generation raised where it waits already.

    The store gives `no` and `generation`; the newest due time counts.
    """

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class MarkSending:
    """A bill or a result goes out now; should the program die, it goes out again with the same bytes."""

    no: int


@dataclass(frozen=True, slots=True)
class SettleDelivery:
    """Delivered: taken off, unless its generation was raised meanwhile."""

    no: int
    generation: int


@dataclass(frozen=True, slots=True)
class RefuseDelivery:
    """Not wanted: kept with the partner's answer, unless its generation was raised meanwhile."""

    no: int
    generation: int
    answer: PartnerAnswer


@dataclass(frozen=True, slots=True)
class DropDeliveries:
    """All that waits for a partner whose registration ended."""

    partner_id: str


@dataclass(frozen=True, slots=True)
class SaveCdrReceipt:
    receipt: CdrReceipt


@dataclass(frozen=True, slots=True)
class SaveCallback:
    """Insert (revision 0) or update (the stored revision must equal `callback.revision`): so a result is fixed once."""

    callback: Callback


@dataclass(frozen=True, slots=True)
class SaveRemoteStart:
    """Insert or replace; those that are not to be kept any longer are forgotten with it."""

    start: RemoteStart


@dataclass(frozen=True, slots=True)
class SaveReservation:
    """Insert (revision 0) or update (the stored revision must equal `reservation.revision`)."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class SaveProfile:
    """Insert or replace the profile that a partner has set on a session; the partner is told of it."""

    profile: SessionProfile


@dataclass(frozen=True, slots=True)
class DropProfile:
    """The session is over, and with it its profile."""

    session_id: str


@dataclass(frozen=True, slots=True)
class DropExpired:
    """Delete for good what `Store.find_expired` found, with all that hangs on it; one that changed meanwhile stays."""

    kind: Kept
    key: Key


Change = (
    SaveStation
    | DeleteStation
    | SaveConnectorStatus
    | SaveSession
    | SaveCdr
    | SaveLocation
    | SaveEvseStatus
    | SaveTariff
    | DeleteTariff
    | SaveToken
    | SaveLocalToken
    | DeleteLocalToken
    | SavePartner
    | DropPartnerTokens
    | InvalidateToken
    | SaveInvoice
    | DeleteInvoice
    | NoteInvoiceTold
    | SaveHubClient
    | DeleteHubClient
    | SaveDeviation
    | SaveNotice
    | SaveQuarantined
    | SaveLateFact
    | SaveIncident
    | Enqueue
    | MarkSending
    | SettleDelivery
    | RefuseDelivery
    | DropDeliveries
    | SaveCdrReceipt
    | SaveCallback
    | SaveRemoteStart
    | SaveReservation
    | SaveProfile
    | DropProfile
    | DropExpired
)

Work = Sequence[Change]
Publish = Callable[[Sequence[Change]], None]
"""Called with the stamped changes of a batch, in order, after its commit and before its callers go on."""

Follow = Callable[[Change], Sequence[Change]]
"""What a change brings with it, in the same Work: the deliveries it makes.  Asked when a Work is queued."""
