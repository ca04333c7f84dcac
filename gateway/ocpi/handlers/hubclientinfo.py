"""Clients of a hub, the receiver's interface (OCPI 2.2.1 mod_hub_client_info 16.3.1)."""

from gateway.domain.ids import PartyId, party_id_of
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.hub_clients import check_party, parse_client, render_client


async def get_client(exchange: Exchange) -> Reply:
    client = exchange.edge.hub_clients.load(exchange.partner, _party(exchange))
    return Reply(data=exchange.dump(render_client(client)))


async def put_client(exchange: Exchange) -> Reply:
    client = parse_client(await exchange.read_json(), exchange.partner.id, exchange.edge.clock.now())
    check_party(client, _party(exchange))
    is_new = await exchange.edge.hub_clients.put(client)
    return Reply(http_status=201 if is_new else 200)


def _party(exchange: Exchange) -> PartyId:
    return party_id_of(exchange.path["country_code"], exchange.path["party_id"])
