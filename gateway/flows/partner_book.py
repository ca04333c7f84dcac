"""All partners in memory: who an inbound credentials token, a party or an id belongs to; and who is behind hubs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from gateway.core.hubs import find_client, is_connected
from gateway.core.visibility import may_use
from gateway.domain.deliveries import interface_of
from gateway.domain.ids import PartyId
from gateway.domain.partners import HUB, HubClient, Partner, PartnerRole, PartnerStatus
from gateway.errors import NotFoundError
from gateway.ports import Change, DeleteHubClient, SaveHubClient, SavePartner


class Admission(StrEnum):
    """What kind of credentials token a caller used."""

    INVITATION = "INVITATION"
    """Token A: registration only."""

    PENDING = "PENDING"
    """The token we sent with a registration that is still under way: registration only."""

    CURRENT = "CURRENT"
    OLD = "OLD"
    """The one before the current, not replaced until the current one is first used."""


class PartnerBook:
    """It follows what the store publishes: wire `on_changes` to that."""

    def __init__(self, partners: Iterable[Partner] = ()) -> None:
        self._partners: dict[str, Partner] = {partner.id: partner for partner in partners}
        self._by_hash: dict[str, tuple[str, Admission]] = {}
        self._by_party: dict[PartyId, str] = {}
        self._clients: dict[str, dict[tuple[PartyId, str], HubClient]] = {}
        self._index()

    def on_changes(self, changes: Sequence[Change]) -> None:
        """Take over committed partners and clients of hubs; older ones than the known are not taken."""
        for change in changes:
            if isinstance(change, SaveHubClient | DeleteHubClient):
                self._on_client(change)
        fresh = [change.partner for change in changes if isinstance(change, SavePartner)]
        for partner in fresh:
            known = self._partners.get(partner.id)
            if known is None or known.revision <= partner.revision:
                self._partners[partner.id] = partner
        if fresh:
            self._index()

    def all(self) -> Sequence[Partner]:
        return list(self._partners.values())

    def find(self, partner_id: str) -> Partner | None:
        return self._partners.get(partner_id)

    def load(self, partner_id: str) -> Partner:
        partner = self._partners.get(partner_id)
        if partner is None:
            raise NotFoundError(f"there is no partner {partner_id!r}")
        return partner

    def find_by_hash(self, token_hash: str, now: datetime) -> tuple[Partner, Admission] | None:
        """The partner that a keyed hash of an inbound credentials token belongs to, and what it admits to."""
        found = self._by_hash.get(token_hash)
        if found is None:
            return None
        partner, admission = self._partners[found[0]], found[1]
        if admission is Admission.OLD and not (partner.old_token_until and now < partner.old_token_until):
            return None
        return partner, admission

    def find_by_party(self, party: PartyId) -> Partner | None:
        """The registered partner one of whose roles is this party; before a hub that it is only reached through."""
        partner_id = self._by_party.get(party)
        return self._partners[partner_id] if partner_id else None

    def clients_of(self, hub_id: str) -> Sequence[HubClient]:
        """The parties behind a hub, as it told of them, by party and role."""
        clients = self._clients.get(hub_id, {}).values()
        return sorted(clients, key=lambda client: (str(client.party), client.role))

    def find_client(self, hub_id: str, party: PartyId) -> HubClient | None:
        return find_client(self._clients.get(hub_id, {}).values(), party)

    def is_registered(self, partner_id: str) -> bool:
        partner = self.find(partner_id)
        return partner is not None and partner.status is PartnerStatus.REGISTERED

    def is_reachable(self, partner: Partner, party: PartyId | None) -> bool:
        """May anything be sent to a party through this partner?  A hub says which of its clients are connected."""
        is_itself = any(role.party == party and role.role == HUB for role in partner.roles)
        if party is None or is_itself or not partner.is_hub:
            return True
        return is_connected(self.find_client(partner.id, party))

    def _on_client(self, change: SaveHubClient | DeleteHubClient) -> None:
        client = change.client
        clients = self._clients.setdefault(client.hub_id, {})
        known = clients.get((client.party, client.role))
        if known is not None and known.last_updated > client.last_updated:
            return
        if isinstance(change, SaveHubClient):
            clients[client.party, client.role] = client
        else:
            clients.pop((client.party, client.role), None)

    def _index(self) -> None:
        self._by_hash = {}
        self._by_party = {}
        for partner in self._partners.values():
            for token_hash, admission in _admissions(partner):
                self._by_hash[token_hash] = (partner.id, admission)
        registered = [partner for partner in self._partners.values() if partner.status is PartnerStatus.REGISTERED]
        for own in (False, True):  # who is connected directly counts more than a hub it can be reached through
            for partner in registered:
                self._by_party.update(
                    (role.party, partner.id) for role in partner.roles if is_own(partner, role) is own
                )


def is_own(partner: Partner, role: PartnerRole) -> bool:
    """Is it the partner's own role, and not that of a party behind it?  OCPI 2.3.0 credentials 7.3.1"""
    return role.role == HUB or all(known.role != HUB for known in partner.roles)


def main_party(partner: Partner) -> PartyId | None:
    """Whom to address where it is the platform that is meant; a hub passes that on to all behind it.

    None where a hub has not said which party it is: it decides itself then.  OCPI 2.2.1 transport_and_format 4.1.7
    """
    if partner.is_hub:
        return next((role.party for role in partner.roles if role.role == HUB), None)
    roles = sorted(partner.roles, key=lambda role: role.role != partner.role)
    return roles[0].party if roles else None


def find_endpoint(partner: Partner, identifier: str, role: str | None = None) -> str | None:
    """The URL of a partner's module; the interface role of credentials means nothing."""
    for endpoint in partner.endpoints:
        if endpoint.identifier == identifier and role in (None, endpoint.role):
            return endpoint.url
    return None


def offers(partner: Partner, module: str, role: str) -> bool:
    """May a partner be called at its interface of this module: is it registered, has one, and a role that uses it?"""
    is_there = partner.status is PartnerStatus.REGISTERED and find_endpoint(partner, module, role) is not None
    return is_there and may_use(partner, module)


def receiver_modules(partner: Partner) -> frozenset[str]:
    """The modules that may be pushed to a partner: those for its roles, with an interface that takes it, while it is
    registered."""
    if partner.status is not PartnerStatus.REGISTERED:
        return frozenset()
    named = {
        endpoint.identifier for endpoint in partner.endpoints if endpoint.role == interface_of(endpoint.identifier)
    }
    return frozenset(module for module in named if may_use(partner, module))


def _admissions(partner: Partner) -> list[tuple[str, Admission]]:
    """Which inbound tokens a partner may use in its present status."""
    by_hash = {
        PartnerStatus.INVITED: [(partner.token_a_hash, Admission.INVITATION)],
        PartnerStatus.REGISTERING: [(partner.token_hash, Admission.PENDING)],
        PartnerStatus.REGISTERED: [
            (partner.token_a_hash, Admission.INVITATION),
            (partner.old_token_hash, Admission.OLD),
            (partner.token_hash, Admission.CURRENT),
        ],
        PartnerStatus.ENDED: [],
    }[partner.status]
    return [(token_hash, admission) for token_hash, admission in by_hash if token_hash is not None]
