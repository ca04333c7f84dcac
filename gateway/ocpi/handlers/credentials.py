"""Registration as the partner's requests drive it (OCPI 2.2.1 credentials 7.2).

Whether a method is allowed comes before what the body says: 405 is a MUST.
"""

from gateway.flows.partner_api import Credentials
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange


async def get_credentials(exchange: Exchange) -> Reply:
    return _reply(exchange, exchange.edge.registration.show(exchange.caller.token, exchange.partner))


async def post_credentials(exchange: Exchange) -> Reply:
    exchange.edge.registration.check_may_post(exchange.partner.id, exchange.caller.token_hash)
    theirs = exchange.version.parse_credentials(await exchange.read_json())
    ours = await exchange.edge.registration.on_posted(
        exchange.partner.id, exchange.caller.token_hash, theirs, exchange.version.number
    )
    return _reply(exchange, ours)


async def put_credentials(exchange: Exchange) -> Reply:
    exchange.edge.registration.check_registered(exchange.partner.id, exchange.caller.token_hash)
    theirs = exchange.version.parse_credentials(await exchange.read_json())
    ours = await exchange.edge.registration.on_put(
        exchange.partner.id, exchange.caller.token_hash, theirs, exchange.version.number
    )
    return _reply(exchange, ours)


async def delete_credentials(exchange: Exchange) -> Reply:
    await exchange.edge.registration.on_deleted(exchange.partner.id, exchange.caller.token_hash)
    return Reply()


def _reply(exchange: Exchange, ours: Credentials) -> Reply:
    return Reply(data=exchange.dump(exchange.version.render_credentials(ours)))
