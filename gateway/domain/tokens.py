"""Drivers' cards and contracts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.ids import PartyId


class TokenType(StrEnum):
    RFID = "RFID"
    APP_USER = "APP_USER"
    AD_HOC_USER = "AD_HOC_USER"
    EMAID = "EMAID"
    OTHER = "OTHER"


class Whitelist(StrEnum):
    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class LocalStatus(StrEnum):
    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of an eMSP, keyed by (party, uid, type); uid compares without case.

    `extra` holds what the eMSP sent beyond these fields (energy_contract and the like), as JSON text.
    """

    partner_id: str
    party: PartyId
    uid: str
    type: str
    contract_id: str
    issuer: str
    valid: bool
    whitelist: Whitelist
    last_updated: datetime
    visual_number: str | None = None
    group_id: str | None = None
    language: str | None = None
    default_profile_type: str | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalToken:
    """The operator's word about a uid: a token of its own (`status`; billed by nobody through OCPI), or, where several
    eMSPs pushed the same uid, whose token counts (`preferred_partner_id`, `status` None)."""

    uid: str
    last_updated: datetime
    status: LocalStatus | None = None
    group_id: str | None = None
    preferred_partner_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """What a station sent to identify the driver; `type` is the OCPP 2.x type, None in 1.6."""

    value: str
    type: str | None = None


class AuthMethod(StrEnum):
    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


class AuthStatus(StrEnum):
    """The decision on a token, in neutral words; each OCPP version has its own for them."""

    ACCEPTED = "ACCEPTED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    INVALID = "INVALID"
    UNKNOWN = "UNKNOWN"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"
    """A good token, but not here."""

    AMBIGUOUS = "AMBIGUOUS"
    """Two valid tokens of different eMSPs with this uid: refused until the operator prefers one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A decision on a token and its reason, in words for the trace.

    `token` is the eMSP's, None for a local or refused one.
    """

    status: AuthStatus
    reason: str
    token: Token | None = None
    group_id: str | None = None
    auth_method: AuthMethod = AuthMethod.WHITELIST
    authorization_reference: str | None = None


# --- real-time authorisation ------------------------------------------------------------------------------------------


class Allowed(StrEnum):
    """What an eMSP says of a token (OCPI AllowedType)."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStamp:
    """A stored token without its content; `uid_key` is the uid as it compares, without case."""

    party: PartyId
    uid_key: str
    type: str
    last_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationReferences:
    """Where a token is to be used, or may be; connectors only where one is known, and only some versions tell them."""

    location_id: str
    evse_uids: tuple[str, ...] = ()
    connector_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """An eMSP's answer about a token that it knows; `token` as the eMSP has it, None where it did not say."""

    allowed: Allowed
    token: Token | None = None
    place: LocationReferences | None = None
    authorization_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A token on which only its eMSP can decide, and what holds where that one cannot be reached.

    `token` is the one we know.  Without it any eMSP may know the uid, for a contract (EMAID) its `issuer`.
    """

    uid: str
    type: str
    fallback: Authorization
    token: Token | None = None
    issuer: PartyId | None = None
