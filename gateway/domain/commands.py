"""What partners order of our stations, and what they are answered at once."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.callbacks import CallbackKind
from gateway.domain.ids import PartyId
from gateway.domain.partners import Partner
from gateway.domain.tokens import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOrder:
    """START_SESSION.  Where no EVSE is named one is chosen; a connector is only named together with its EVSE."""

    response_url: str
    token: Token
    location_id: str
    evse_uid: str | None = None
    connector_id: str | None = None
    authorization_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    response_url: str
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockOrder:
    response_url: str
    location_id: str
    evse_uid: str
    connector_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveOrder:
    """RESERVE_NOW.  `reservation_id` is the partner's own; where no EVSE is named one is chosen."""

    response_url: str
    token: Token
    expires_at: datetime
    reservation_id: str
    location_id: str
    evse_uid: str | None = None
    authorization_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservationOrder:
    response_url: str
    reservation_id: str


Order = StartOrder | StopOrder | UnlockOrder | ReserveOrder | CancelReservationOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who ordered something and how: `version` is OCPI's, `sender` (theirs) and `receiver` (ours) are the parties that
    the request named, None where it left them open."""

    partner: Partner
    version: str
    kind: CallbackKind
    sender: PartyId | None = None
    receiver: PartyId | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswer:
    """The word by which a command is answered at once (OCPI CommandResponseType), and why where it is refused."""

    result: str
    timeout_s: int
    message: str | None = None
    is_location_known: bool = True
