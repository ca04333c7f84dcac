"""The parties behind hubs: what a hub pushes about them, and its whole list at intervals (OCPI 2.2.1
mod_hub_client_info 16.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from gateway.domain.ids import PartyId
from gateway.domain.partners import HubClient, Partner
from gateway.errors import ConflictError, NotFoundError
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import PartnerBook, offers
from gateway.flows.rounds import Rounds
from gateway.ports import Change, Clock, DeleteHubClient, SaveHubClient, Store

log = structlog.get_logger(__name__)

MODULE = "hubclientinfo"
INTERVAL_S = 3_600.0


class ClientListApi(Protocol):
    """The hubs' lists."""

    async def fetch_clients(self, hub: Partner, access: Access) -> Sequence[HubClient]:
        """All of them.  Raises PartnerError, also where one cannot be read: the list would not be whole."""


class HubClients:
    """Keeps what hubs say.  `access` gives how to call a partner (Registration.access)."""

    def __init__(
        self,
        *,
        store: Store,
        partners: PartnerBook,
        api: ClientListApi,
        access: Callable[[Partner], Access],
        clock: Clock,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._store = store
        self._partners = partners
        self._api = api
        self._access = access
        self._clock = clock
        self.rounds = Rounds(
            partners=partners,
            is_wanted=_has_list,
            pull=self._pull,
            clock=clock,
            interval_s=interval_s,
            failure="clients of a hub not pulled",
        )

    def load(self, hub: Partner, party: PartyId) -> HubClient:
        """Raises NotFoundError."""
        client = self._partners.find_client(hub.id, party)
        if client is None:
            raise NotFoundError(f"you have not told of {party}")
        return client

    async def put(self, client: HubClient) -> bool:
        """Take what a hub says of a party; True if it is new."""
        hub = self._partners.load(client.hub_id)
        known = self._partners.find_client(hub.id, client.party)
        await self._store.commit([SaveHubClient(client)])
        log.info("client of a hub told", partner_id=hub.id, party=str(client.party), status=client.status)
        return known is None

    async def _pull(self, hub: Partner) -> None:
        """What the list does not hold is not valid any more, but what was pushed since.

        OCPI 2.2.1 mod_hub_client_info 16.3.2.1
        """
        began_at = self._clock.now()
        listed = await self._api.fetch_clients(hub, self._access(hub))
        if not _has_list(self._partners.load(hub.id)):
            raise ConflictError("its registration changed meanwhile")
        named = {(client.party, client.role) for client in listed}
        gone = [
            client
            for client in self._partners.clients_of(hub.id)
            if (client.party, client.role) not in named and client.last_updated < began_at
        ]
        work: list[Change] = [*map(SaveHubClient, listed), *map(DeleteHubClient, gone)]
        await self._store.commit(work, bulk=True)
        log.info("clients of a hub pulled", partner_id=hub.id, count=len(listed), gone=len(gone))


def _has_list(partner: Partner) -> bool:
    return offers(partner, MODULE, "SENDER")
