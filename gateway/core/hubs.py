"""What a hub's words about the parties behind it mean for us."""

from collections.abc import Iterable

from gateway.domain.ids import PartyId
from gateway.domain.partners import ConnectionStatus, HubClient

CPO = "CPO"


def find_client(clients: Iterable[HubClient], party: PartyId) -> HubClient | None:
    """The client that counts where a party has several roles: one that is no CPO, as we are; one that is connected."""
    named = [client for client in clients if client.party == party]
    return min(named, key=lambda client: (client.role == CPO, not is_connected(client)), default=None)


def is_connected(client: HubClient | None) -> bool:
    """May anything be sent to this party?  One of which its hub has said nothing is not shut out.

    OCPI 2.2.1 mod_hub_client_info 16.1
    """
    return client is None or client.status is ConnectionStatus.CONNECTED
