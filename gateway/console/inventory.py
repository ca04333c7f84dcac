"""`/locations` and `/tariffs`."""

from aiohttp import web

from gateway.console.answers import answer
from gateway.console.bodies import read_object
from gateway.console.parse_locations import parse_location
from gateway.console.parse_tariffs import parse_tariff
from gateway.console.parts import PARTS
from gateway.console.render_locations import render_location
from gateway.console.render_tariffs import render_tariff


async def list_locations(request: web.Request) -> web.Response:
    return answer([render_location(location) for location in request.app[PARTS].inventory.list_locations()])


async def get_location(request: web.Request) -> web.Response:
    return answer(render_location(request.app[PARTS].inventory.load_location(request.match_info["location_id"])))


async def put_location(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    given = parse_location(
        await read_object(request),
        location_id=request.match_info["location_id"],
        parties=parts.inventory.parties,
        now=parts.clock.now(),
    )
    location, is_new = await parts.inventory.put_location(given)
    return answer(render_location(location), 201 if is_new else 200)


async def delete_location(request: web.Request) -> web.Response:
    await request.app[PARTS].inventory.delete_location(request.match_info["location_id"])
    return web.Response(status=204)


async def list_tariffs(request: web.Request) -> web.Response:
    return answer([render_tariff(tariff) for tariff in request.app[PARTS].inventory.list_tariffs()])


async def get_tariff(request: web.Request) -> web.Response:
    return answer(render_tariff(request.app[PARTS].inventory.load_tariff(request.match_info["tariff_id"])))


async def put_tariff(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    given = parse_tariff(
        await read_object(request),
        tariff_id=request.match_info["tariff_id"],
        parties=parts.inventory.parties,
        now=parts.clock.now(),
    )
    tariff, is_new = await parts.inventory.put_tariff(given)
    return answer(render_tariff(tariff), 201 if is_new else 200)


async def delete_tariff(request: web.Request) -> web.Response:
    await request.app[PARTS].inventory.delete_tariff(request.match_info["tariff_id"])
    return web.Response(status=204)


ROUTES = (
    ("GET", "locations", list_locations),
    ("GET", "locations/{location_id}", get_location),
    ("PUT", "locations/{location_id}", put_location),
    ("DELETE", "locations/{location_id}", delete_location),
    ("GET", "tariffs", list_tariffs),
    ("GET", "tariffs/{tariff_id}", get_tariff),
    ("PUT", "tariffs/{tariff_id}", put_tariff),
    ("DELETE", "tariffs/{tariff_id}", delete_tariff),
)
