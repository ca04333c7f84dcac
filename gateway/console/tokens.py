"""`/tokens`: the operator's own word about cards."""

from datetime import datetime
from typing import Any, Self

from aiohttp import web
from pydantic import model_validator

from gateway.console.answers import answer
from gateway.console.bodies import parse_model, read_object
from gateway.console.fields import CiString36, Strict
from gateway.console.parts import PARTS
from gateway.domain.tokens import LocalStatus, LocalToken
from gateway.errors import WireError


class LocalTokenInput(Strict):
    uid: CiString36
    status: LocalStatus | None = None
    group_id: CiString36 | None = None
    preferred_partner: str | None = None
    last_updated: Any = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.status is None) == (self.preferred_partner is None):
            raise ValueError("give either status (accepted, blocked, expired) or preferred_partner")
        if self.group_id is not None and self.status is None:
            raise ValueError("group_id goes with status")
        return self


async def list_tokens(request: web.Request) -> web.Response:
    """Local tokens, and the uids that are refused because several eMSPs have a valid token with them."""
    local_tokens = request.app[PARTS].local_tokens
    body = {
        "tokens": [render_local_token(token) for token in await local_tokens.list()],
        "ambiguous_uids": list(await local_tokens.list_ambiguous_uids()),
    }
    return answer(body)


async def get_token(request: web.Request) -> web.Response:
    return answer(render_local_token(await request.app[PARTS].local_tokens.load(request.match_info["uid"])))


async def put_token(request: web.Request) -> web.Response:
    parts, uid = request.app[PARTS], request.match_info["uid"]
    given = parse_local_token(await read_object(request), uid=uid, now=parts.clock.now())
    token, is_new = await parts.local_tokens.put(given)
    return answer(render_local_token(token), 201 if is_new else 200)


def parse_local_token(data: dict[str, Any], *, uid: str, now: datetime) -> LocalToken:
    """The operator's word about the card `uid`; raises BodyError."""
    given = parse_model(LocalTokenInput, {"uid": uid, **data})
    if given.uid.casefold() != uid.casefold():
        raise WireError("$.uid", "is not the uid in the address")
    return LocalToken(
        uid=given.uid,
        last_updated=now,
        status=given.status,
        group_id=given.group_id,
        preferred_partner_id=given.preferred_partner,
    )


async def delete_token(request: web.Request) -> web.Response:
    await request.app[PARTS].local_tokens.delete(request.match_info["uid"])
    return web.Response(status=204)


def render_local_token(token: LocalToken) -> dict[str, Any]:
    return {
        "uid": token.uid,
        "status": token.status,
        "group_id": token.group_id,
        "preferred_partner": token.preferred_partner_id,
        "last_updated": token.last_updated,
    }


ROUTES = (
    ("GET", "tokens", list_tokens),
    ("GET", "tokens/{uid}", get_token),
    ("PUT", "tokens/{uid}", put_token),
    ("DELETE", "tokens/{uid}", delete_token),
)
