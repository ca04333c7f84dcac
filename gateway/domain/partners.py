"""Systems we exchange OCPI with."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.ids import PartyId

HUB = "HUB"
"""The role of a partner that speaks for parties behind it."""


class PartnerStatus(StrEnum):
    INVITED = "INVITED"
    """We gave out a token A; the partner has not registered yet."""
    REGISTERING = "REGISTERING"
    """We are registering with the partner: its calls back are answered."""
    REGISTERED = "REGISTERED"
    ENDED = "ENDED"


class ConnectionStatus(StrEnum):
    """How a hub stands with one of its clients.  OCPI 2.2.1 mod_hub_client_info 16.5.1"""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRole:
    party: PartyId
    role: str
    name: str
    business_details: str | None = None
    """The rest of its business details, as JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    identifier: str
    role: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One eMSP or hub connection.

    Inbound credentials tokens are keyed hashes: `token_a_hash` admits to versions and credentials only, `token_hash`
    is the
    current one, `old_token_hash` stays valid until the new one is used or `old_token_until` has passed.
    `outbound_token` is encrypted with a key outside the database.  `hosts` are those that its URLs may lead to beside
    the host of `versions_url` (`core.hosts` says how they are written).  `ask_unknown`: it is asked about cards that
    nobody has told us of; `pulls_tokens`: it does not push its tokens, its list is pulled, and known up to
    `tokens_pulled_until`.
    `whole_seconds`: it reads no fractions of seconds.  `parks_when_curtailed`: it reads PARKING_TIME as OCPI had it
    before 2026-05, as time without charging, whoever the cause.  `puts_only`: it takes no PATCH.  `our_party`: the one
    party of ours that it knows, in a version whose credentials name one party only (None: the first).
    """

    id: str
    name: str
    role: str
    status: PartnerStatus
    created_at: datetime
    last_updated: datetime
    token_a_hash: str | None = None
    token_hash: str | None = None
    old_token_hash: str | None = None
    old_token_until: datetime | None = None
    versions_url: str | None = None
    outbound_token: str | None = None
    version: str | None = None
    roles: tuple[PartnerRole, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    sees_unpublished: bool = False
    raw_token: bool = False
    hosts: tuple[str, ...] = ()
    ask_unknown: bool = False
    pulls_tokens: bool = False
    tokens_pulled_until: datetime | None = None
    whole_seconds: bool = False
    parks_when_curtailed: bool = False
    puts_only: bool = False
    our_party: PartyId | None = None
    revision: int = 0

    @property
    def is_hub(self) -> bool:
        """Does it speak for parties behind it?  Not every hub says so in its credentials; the operator may know."""
        return self.role == HUB or any(role.role == HUB for role in self.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubClient:
    """A party behind a hub (`hub_id` is the partner), in one of its roles, as the hub last told of it."""

    hub_id: str
    party: PartyId
    role: str
    status: ConnectionStatus
    last_updated: datetime
