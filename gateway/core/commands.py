"""May a partner order this, of which plug, and what does the station's answer mean?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.drivers import speaks_for
from gateway.domain.callbacks import CallbackKind
from gateway.domain.calls import CallOutcomeKind, CallReply
from gateway.domain.ids import PartyId
from gateway.domain.locations import Connector, Evse, EvseStatus, Location, Place
from gateway.domain.partners import Partner
from gateway.domain.sessions import Session, SessionStatus
from gateway.domain.stations import ConnectorState
from gateway.domain.tokens import Token

ACCEPTED, REJECTED, UNKNOWN_SESSION, NOT_SUPPORTED = "ACCEPTED", "REJECTED", "UNKNOWN_SESSION", "NOT_SUPPORTED"
FAILED, TIMEOUT, EVSE_OCCUPIED, EVSE_INOPERATIVE = "FAILED", "TIMEOUT", "EVSE_OCCUPIED", "EVSE_INOPERATIVE"
UNKNOWN_RESERVATION, CANCELED_RESERVATION = "UNKNOWN_RESERVATION", "CANCELED_RESERVATION"

REMOTE_START = "REMOTE_START_STOP_CAPABLE"
CONNECTOR_REQUIRED = "START_SESSION_CONNECTOR_REQUIRED"
BROKEN = frozenset({EvseStatus.INOPERATIVE, EvseStatus.OUTOFORDER})

# Where the driver may start, the likelier first: at a free EVSE, else at one where a car is plugged in and nobody
# charges, else where the station has not said yet what is.
STARTABLE = (EvseStatus.AVAILABLE, EvseStatus.CHARGING, EvseStatus.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Nothing is sent: the word for it and the reason."""

    reason: str
    result: str = REJECTED
    is_location_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of an EVSE now: is its station connected, and does somebody charge there or is about to?"""

    is_connected: bool
    is_taken: bool


Look = Callable[[Evse], Standing]


def check_owner(token: Token, partner: Partner, sender: PartyId | None, owner_id: str | None) -> Refusal | None:
    """A partner may only use tokens of its own.  OCPI 2.2.1 mod_commands 13.3.3

    It speaks for the one of its parties that it names as the sender, a hub for none that is connected to us by itself
    (`owner_id` is the id of the partner that is registered as the token's party, if there is one).
    """
    if partner.is_hub:
        is_own = owner_id in (None, partner.id)
    else:
        is_own = any(role.party == token.party for role in partner.roles)
    is_own = is_own and speaks_for(sender, token)
    return None if is_own else Refusal(reason=f"the token is one of {token.party}, not yours")


def find_place(
    location: Location | None, evse_uid: str | None, connector_id: str | None, state_of: Callable[[Connector], object]
) -> Place | Refusal:
    """The plug that is named; of an EVSE alone the one with a car at it, else its first.

    `state_of` gives the last state of a plug.  What is not wired to a station, not there (any more) or out of use by
    the operator's word is refused.
    """
    if location is None:
        return Refusal(reason="there is no such location here", is_location_known=False)
    if evse_uid is None:
        return Refusal(reason="connector_id needs the evse_uid of its EVSE" if connector_id else "evse_uid is needed")
    evse = next((evse for evse in location.evses if evse.uid.casefold() == evse_uid.casefold()), None)
    if evse is None:
        reason = f"location {location.id} has no EVSE with uid {evse_uid}"
        return Refusal(reason=reason, is_location_known=False)
    if evse.override is not None:
        return Refusal(reason=f"EVSE {evse.uid} is {evse.override}")
    if connector_id is not None:
        named = next((plug for plug in evse.connectors if plug.id.casefold() == connector_id.casefold()), None)
        if named is None:
            reason = f"EVSE {evse.uid} has no connector {connector_id}"
            return Refusal(reason=reason, is_location_known=False)
        plugs: Sequence[Connector] = (named,)
    else:
        plugs = evse.connectors
    wired = [plug for plug in plugs if plug.key is not None]
    if not wired:
        return Refusal(reason=f"EVSE {evse.uid} is not connected to a station")
    occupied = [plug for plug in wired if state_of(plug) is ConnectorState.OCCUPIED]
    return Place(location=location, evse=evse, connector=(occupied or wired)[0])


def choose_evse(location: Location, look: Look) -> Evse | None:
    """Where a session may start when only the location is named; always the same one in the same situation."""
    free = [
        evse
        for evse in location.evses
        if evse.override is None and REMOTE_START in evse.capabilities and evse.status in STARTABLE
    ]
    seen = [(evse, look(evse)) for evse in free]
    ready = [evse for evse, standing in seen if standing.is_connected and not standing.is_taken]
    return min(ready, key=lambda evse: STARTABLE.index(evse.status), default=None)


def decide_stop(session: Session | None, partner: Partner, sender: PartyId | None) -> Session | Refusal:
    """Only who owns a session may have it stopped, and only while it goes on."""
    if session is None:
        return Refusal(reason="there is no such session", result=UNKNOWN_SESSION)
    if not is_own_session(session, partner, sender):
        return Refusal(reason="the session is not one of yours")
    if not session.is_open or session.ledger.ended_at is not None:
        return Refusal(reason=f"the session is over, it is {session.status}")
    if session.status is SessionStatus.RESERVATION:
        return Refusal(reason="the session is a reservation: CANCEL_RESERVATION cancels it")
    return session


def is_own_session(session: Session, partner: Partner, sender: PartyId | None) -> bool:
    """Is its driver one of this partner's, and of the one of its parties that it names?"""
    return session.partner_id == partner.id and speaks_for(sender, session.terms.token)


# The words of the stations, all versions together.
WORDS: Mapping[CallbackKind, Mapping[str, str]] = {
    CallbackKind.START_SESSION: {"Accepted": ACCEPTED, "Rejected": FAILED},
    CallbackKind.STOP_SESSION: {"Accepted": ACCEPTED, "Rejected": REJECTED},
    CallbackKind.UNLOCK_CONNECTOR: {
        "Unlocked": ACCEPTED,
        "UnlockFailed": FAILED,
        "NotSupported": NOT_SUPPORTED,
        "OngoingAuthorizedTransaction": REJECTED,
        "UnknownConnector": FAILED,
    },
    CallbackKind.RESERVE_NOW: {
        "Accepted": ACCEPTED,
        "Occupied": EVSE_OCCUPIED,
        "Faulted": EVSE_INOPERATIVE,
        "Unavailable": EVSE_INOPERATIVE,
        "Rejected": REJECTED,
    },
    CallbackKind.CANCEL_RESERVATION: {"Accepted": ACCEPTED, "Rejected": UNKNOWN_RESERVATION},
}


def read_result(kind: CallbackKind, reply: CallReply) -> tuple[str, str | None]:
    """What a reply is to the partner: the word of OCPI CommandResultType, and why where it is no success."""
    if reply.is_unsupported:
        return NOT_SUPPORTED, "the station does not support this"
    if reply.outcome is CallOutcomeKind.CALL_ERROR:
        return FAILED, f"the station answered with {reply.error_code}"
    if reply.outcome is not CallOutcomeKind.ANSWERED:
        return TIMEOUT, "the station did not answer in time"
    word = WORDS[kind].get(reply.status or "", FAILED)
    reason = f"the station answered {reply.status}" + (f" ({reply.reason})" if reply.reason else "")
    return word, None if word == ACCEPTED else reason


def explain_failed_start(word: str, evse: Evse | None, *, is_taken: bool) -> str:
    """Why a station would not start: it has one word for all reasons, so what is known of the EVSE tells."""
    if word != FAILED:
        return word
    if is_taken:
        return EVSE_OCCUPIED
    return EVSE_INOPERATIVE if evse is not None and evse.status in BROKEN else FAILED
