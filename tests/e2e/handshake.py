"""Steps of a registration, and a peer's bad answers."""

from typing import Any

from aiohttp import web

from tests.e2e.house import House
from tests.e2e.wire import VERSION, Answer, send
from tests.fakes.ocpi_peer import envelope


def module(house: House, path: str) -> str:
    return f"{house.ocpi_url}/cpo/{VERSION}/{path}"


async def invite(house: House) -> str:
    """A new partner's token A."""
    partner = await house.call("POST", "partners", {"name": "Provider", "role": "EMSP"})
    assert partner["our_versions_url"] == house.versions_url
    return str(partner["token_a"])


async def post(house: House, token: str, body: Any) -> Answer:
    return await send("POST", module(house, "credentials"), token=token, body=body)


async def can_read(house: House, token: str) -> bool:
    """Whether this credentials token opens a functional module."""
    answer = await send("GET", module(house, "locations"), token=token)
    assert answer.codes in ((200, 1000), (401, 2000)), answer.body
    return answer.status == 200


async def wrong_json(_: web.Request) -> web.Response:
    return web.Response(body=b'{"data": [', content_type="application/json")


async def not_ocpi(_: web.Request) -> web.Response:
    return web.json_response([1, 2, 3])


async def broken(_: web.Request) -> web.Response:
    return envelope(code=3000, http=500, message="we are down")


async def nothing(_: web.Request) -> web.Response:
    return envelope({"version": VERSION, "endpoints": []})


async def elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://127.0.0.1:1/versions")
