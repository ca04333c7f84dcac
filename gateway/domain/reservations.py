"""A plug that is kept for a driver."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.sessions import ReservationEnd
from gateway.domain.tokens import IdToken, Token


class ReservationState(StrEnum):
    ASKED = "ASKED"
    """The station has not answered yet."""
    ACTIVE = "ACTIVE"
    USED = "USED"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"
    """By the driver's provider."""
    WITHDRAWN = "WITHDRAWN"
    """By us, or by the station."""
    REFUSED = "REFUSED"
    """The station would not have it."""
    UNANSWERED = "UNANSWERED"
    """The station never answered: it may keep the plug all the same, and is told not to when it is there again."""


LIVE = frozenset({ReservationState.ASKED, ReservationState.ACTIVE, ReservationState.UNANSWERED})
ENDS = {
    ReservationEnd.EXPIRED: ReservationState.EXPIRED,
    ReservationEnd.CANCELED: ReservationState.CANCELED,
    ReservationEnd.WITHDRAWN: ReservationState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What an eMSP wants kept, until when and for whom, and where it is told of it.

    `version` is the OCPI version in which it asked; `sender` (theirs) and `receiver` (ours) are the parties that the
    request named.  `id_token` is what the station knows the driver by: his token, or an alias of it.  `connector_no` 0
    is any plug of the EVSE.
    """

    response_url: str
    version: str
    token: Token
    id_token: IdToken
    expires_at: datetime
    evse_uid: str
    key: ConnectorKey
    authorization_reference: str | None = None
    sender: PartyId | None = None
    receiver: PartyId | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A reservation of an eMSP at a station.

    `reservation_id` is the eMSP's name of it, compared without case; `no` is ours, the one that the station is told: an
    int32 never given twice.  `renewal` is to take the place of `booking`, and the station has not answered yet.
    `is_doubtful`: it never answered, and may keep the plug for longer than we know.
    `session_id` is that of its session, which is there from the moment at which the station accepted it
    (`reserved_at`), or from that at which a transaction used it.  `revision` is the store's.
    """

    id: str
    no: int
    partner_id: str
    reservation_id: str
    location_id: str
    session_id: str
    booking: Booking
    asked_at: datetime
    state: ReservationState = ReservationState.ASKED
    renewal: Booking | None = None
    is_doubtful: bool = False
    reserved_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def key(self) -> ConnectorKey:
        """The plug; its number 0 stands for any of the EVSE."""
        return self.booking.key
