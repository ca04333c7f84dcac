"""What a partner asked for and is told the result of later: by one POST to the URL that it gave."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.ids import PartyId


class CallbackKind(StrEnum):
    """What was asked: the commands of OCPI by their own words, and what its charging profiles can be asked for."""

    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    RESERVE_NOW = "RESERVE_NOW"
    CANCEL_RESERVATION = "CANCEL_RESERVATION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"
    SET_PROFILE = "SET_PROFILE"
    GET_PROFILE = "GET_PROFILE"
    CLEAR_PROFILE = "CLEAR_PROFILE"


COMMANDS = frozenset(
    {
        CallbackKind.START_SESSION,
        CallbackKind.STOP_SESSION,
        CallbackKind.RESERVE_NOW,
        CallbackKind.CANCEL_RESERVATION,
        CallbackKind.UNLOCK_CONNECTOR,
    }
)


PROFILES = frozenset({CallbackKind.SET_PROFILE, CallbackKind.GET_PROFILE, CallbackKind.CLEAR_PROFILE})


class CallbackState(StrEnum):
    OPEN = "OPEN"
    """The result is not known yet."""
    ANSWERED = "ANSWERED"
    """The result is fixed and waits to be told."""
    DELIVERED = "DELIVERED"
    REFUSED = "REFUSED"
    """The partner would not take the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One result owed to a partner.

    `version` is the OCPI version in which it was asked, and in which it is answered; `sender` (theirs) and `receiver`
    (ours) are the parties that the request named.  `deadline` is the moment by which a result was promised.  `result`
    is its word, `message` the reason in words, `body` the JSON that is posted: fixed before it is first sent, so that
    it is the same each time.  `revision` is the store's.
    """

    id: str
    partner_id: str
    version: str
    kind: CallbackKind
    response_url: str
    station_id: str
    asked_at: datetime
    deadline: datetime
    sender: PartyId | None = None
    receiver: PartyId | None = None
    correlation_id: str | None = None
    session_id: str | None = None
    state: CallbackState = CallbackState.OPEN
    result: str | None = None
    message: str | None = None
    answered_at: datetime | None = None
    body: bytes | None = None
    revision: int = 0

    @property
    def overdue_at(self) -> datetime:
        """When to give up waiting for the station, so that the result still comes within the time promised."""
        return self.deadline - min(LEAD, (self.deadline - self.asked_at) / 5)


LEAD = timedelta(seconds=2)
"""For the way to the partner."""
