"""ClientInfo, which every version with the module writes alike (OCPI 2.2.1 mod_hub_client_info 16.4.1), and the list of
a hub."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.partners import ConnectionStatus, HubClient, Partner
from gateway.errors import PartnerError, WireError
from gateway.flows.hub_clients import MODULE
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import find_endpoint
from gateway.flows.partner_urls import Fault
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.pages import fetch_pages
from gateway.ocpi.reading import CountryCode, PartyCode, Time, WireModel, parse_model
from gateway.ocpi.wire import render_time
from gateway.ports import Clock


class ClientInfoBody(WireModel):
    country_code: CountryCode
    party_id: PartyCode
    role: Annotated[str, Field(pattern=r"^[A-Z_]{1,20}$")]
    status: ConnectionStatus
    last_updated: Time | None = None


def parse_client(data: Any, hub_id: str, now: datetime) -> HubClient:
    """What a hub says of a client.  The samples of the specification have no `last_updated`: then it is `now`."""
    body = parse_model(ClientInfoBody, data)
    return HubClient(
        hub_id=hub_id,
        party=party_id_of(body.country_code, body.party_id),
        role=body.role,
        status=body.status,
        last_updated=body.last_updated or now,
    )


def render_client(client: HubClient) -> dict[str, Any]:
    return {
        "party_id": client.party.party_id,
        "country_code": client.party.country_code,
        "role": client.role,
        "status": client.status.value,
        "last_updated": render_time(client.last_updated),
    }


def check_party(client: HubClient, party: PartyId) -> None:
    """What the body repeats of the URL must agree with it.  Raises WireError."""
    if client.party != party:
        raise WireError("$.party_id", f"{client.party} in the body is not {party} of the URL")


class ClientCalls:
    """The port ClientListApi.  A configuration module: without routing headers."""

    def __init__(self, client: OcpiClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def fetch_clients(self, hub: Partner, access: Access) -> Sequence[HubClient]:
        start = find_endpoint(hub, MODULE, "SENDER")
        if start is None:
            raise PartnerError(Fault.NO_ENDPOINTS, f"{hub.name} has no list of its clients in its version details")
        now = self._clock.now()
        clients: list[HubClient] = []
        async for url, entries in fetch_pages(self._client, hub, access, start, headers={}):
            try:
                clients += [parse_client(entry, hub.id, now) for entry in entries]
            except WireError as error:
                raise PartnerError(
                    Fault.UNUSABLE, f"GET {url} was answered with what we cannot read: {error}"
                ) from None
        return clients
