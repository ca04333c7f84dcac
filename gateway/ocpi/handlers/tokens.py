"""Tokens, the receiver's interface (OCPI 2.2.1 mod_tokens 12.2.1)."""

from gateway.errors import ForbiddenError, WireError
from gateway.flows.tokens import TokenKey, token_key
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange


async def get_token(exchange: Exchange) -> Reply:
    token = await exchange.edge.tokens.load(exchange.partner, _key(exchange))
    return Reply(data=exchange.dump(exchange.version.render_token(token)))


async def put_token(exchange: Exchange) -> Reply:
    key = _key(exchange)
    token = exchange.version.parse_token(await exchange.read_json(), key, exchange.partner.id)
    is_new = await exchange.edge.tokens.put(exchange.partner, key, token)
    return Reply(http_status=201 if is_new else 200)


async def patch_token(exchange: Exchange) -> Reply:
    patch = exchange.version.parse_token_patch(await exchange.read_json())
    await exchange.edge.tokens.patch(exchange.partner, _key(exchange), patch)
    return Reply()


def _key(exchange: Exchange) -> TokenKey:
    """The token of the URL; one party behind a hub has nothing to do with those of another."""
    path, type_ = exchange.path, exchange.request.query.get("type", "")
    if type_ and not type_.replace("_", "").isalpha():
        raise WireError("type", f"not a token type: {type_[:40]!r}")
    key = token_key(path["country_code"], path["party_id"], path["token_uid"], type_.upper())
    if exchange.drivers_of not in (None, key.party):
        raise ForbiddenError(f"{key.party} is not {exchange.drivers_of}, which this request is from")
    return key
