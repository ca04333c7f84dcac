"""`/inventory`: all that a replay needs to know, in the shapes of the PUT requests."""

from typing import Any

import orjson
from aiohttp import web

from gateway.console.answers import answer
from gateway.console.parts import PARTS
from gateway.console.render_locations import render_location, without_nulls
from gateway.console.render_tariffs import render_tariff
from gateway.console.tokens import render_local_token
from gateway.domain.stations import Station
from gateway.domain.tokens import Token
from gateway.ports import Store

SESSIONS_LOOKED_AT = 1_000


async def get_inventory(request: web.Request) -> web.Response:
    """What `gateway replay --inventory` takes.

    Of the eMSPs' tokens those of the latest sessions (of one station, if asked so), and those named by `token_uid`.
    """
    parts = request.app[PARTS]
    station_id = request.query.get("station_id")
    uids = await _uids_of(parts.store, station_id) | set(request.query.getall("token_uid", []))
    tokens = [token for uid in sorted(uids) for token in await parts.store.find_tokens(uid)]
    body = {
        "stations": [_render_station(station) for station in parts.provisioning.list()],
        "locations": [render_location(location) for location in parts.inventory.list_locations()],
        "tariffs": [render_tariff(tariff) for tariff in parts.inventory.list_tariffs()],
        "tokens": [render_local_token(token) for token in await parts.local_tokens.list()],
        "emsp_tokens": [_render_token(token) for token in tokens],
    }
    return answer(body)


async def _uids_of(store: Store, station_id: str | None) -> set[str]:
    sessions = await store.list_sessions(limit=SESSIONS_LOOKED_AT, station_id=station_id)
    return {session.id_token.value.casefold() for session in sessions if session.id_token is not None}


def _render_station(station: Station) -> dict[str, Any]:
    """Without passwords: a replay has no door."""
    return {"station_id": station.id, "admission": station.admission, "ocpp_version": station.ocpp_version}


def _render_token(token: Token) -> dict[str, Any]:
    """An OCPI token, and whose it is."""
    return without_nulls(
        {
            "partner_id": token.partner_id,
            "country_code": token.party.country_code,
            "party_id": token.party.party_id,
            "uid": token.uid,
            "type": token.type,
            "contract_id": token.contract_id,
            "visual_number": token.visual_number,
            "issuer": token.issuer,
            "group_id": token.group_id,
            "valid": token.valid,
            "whitelist": token.whitelist,
            "language": token.language,
            "default_profile_type": token.default_profile_type,
            **(orjson.loads(token.extra) if token.extra else {}),
            "last_updated": token.last_updated,
        }
    )


ROUTES = (("GET", "inventory", get_inventory),)
