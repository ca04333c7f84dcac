"""`/stations`: chargers, their connections and plugs, and calls to them."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from gateway.console.answers import answer
from gateway.console.bodies import BodyError, parse_model, read_object
from gateway.console.fields import Strict
from gateway.console.parts import PARTS, Parts
from gateway.console.render_signatures import render_meter_keys
from gateway.domain.signatures import KeySource
from gateway.domain.stations import ConnectorStatus, Deviation, Station
from gateway.flows.provisioning import StationOrder
from gateway.ports import CallOutcome, ConnectionInfo


class StationInput(Strict):
    """A key left out keeps its value; null clears it."""

    security_profile: Annotated[int, Field(strict=True)] | None = None
    password: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    ocpp_version: str | None = None
    meter_public_keys: dict[str, str] | None = None


class CallInput(Strict):
    action: Annotated[str, Field(min_length=1, max_length=64)]
    payload: dict[str, Any] = Field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 30


async def list_stations(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    return answer([render_station(station, parts) for station in parts.provisioning.list()])


async def get_station(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    station = parts.provisioning.load(request.match_info["station_id"])
    return answer(await _render_whole(station, parts))


async def put_station(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    given = parse_model(StationInput, await read_object(request))
    order = StationOrder(**given.model_dump(exclude_unset=True))
    station, is_new = await parts.provisioning.put(request.match_info["station_id"], order)
    return answer(await _render_whole(station, parts), 201 if is_new else 200)


async def delete_station(request: web.Request) -> web.Response:
    await request.app[PARTS].provisioning.delete(request.match_info["station_id"])
    return web.Response(status=204)


async def post_call(request: web.Request) -> web.Response:
    """Send a call and wait for how it went: 200 whatever the station said, 400 where nothing could be sent."""
    parts = request.app[PARTS]
    station = parts.provisioning.load(request.match_info["station_id"])
    call = parse_model(CallInput, await read_object(request))
    outcome = await parts.stations.call(station.id, call.action, call.payload, timeout_s=call.timeout_s)
    if outcome.outcome == "invalid":
        raise BodyError([_locate(outcome.error_description or f"is no valid {call.action}")])
    return answer(_render_outcome(outcome))


def _locate(problem: str) -> tuple[str, str]:
    """Where in the request a call's problem lies, and the problem: it begins with a path if the payload has it."""
    if not problem.startswith("$"):
        return "$.action", problem
    path, _, problem = problem.partition(": ")
    return f"$.payload{path[1:]}", problem


def render_station(station: Station, parts: Parts) -> dict[str, Any]:
    """A station without its deviations.

    `availability` is what it said of itself (`evse_no` 0) or of a whole EVSE, which covers the plugs below.
    """
    statuses = _statuses_of(station, parts)
    return {
        "station_id": station.id,
        "admission": station.admission,
        "security_profile": station.security_profile,
        "has_password": station.password_hash is not None,
        "ocpp_version": station.ocpp_version,
        "meter_public_keys": render_meter_keys(station.meter_keys, KeySource.OPERATOR),
        "reported_meter_keys": render_meter_keys(station.meter_keys, KeySource.STATION),
        "created_at": station.created_at,
        "connection": _render_connection(parts.stations.find_connection(station.id)),
        "last_boot": _render_boot(station),
        "connectors": [_render_status(status, parts) for status in statuses if status.key.connector_no],
        "availability": [_render_overall(status) for status in statuses if not status.key.connector_no],
        "open_sessions": [session.id for session in parts.memory.open_sessions_of_station(station.id)],
    }


async def _render_whole(station: Station, parts: Parts) -> dict[str, Any]:
    deviations = await parts.store.list_deviations(station.id)
    return {**render_station(station, parts), "deviations": [_render_deviation(one) for one in deviations]}


def _statuses_of(station: Station, parts: Parts) -> list[ConnectorStatus]:
    return sorted(
        parts.memory.statuses_of(station.id), key=lambda status: (status.key.evse_no, status.key.connector_no)
    )


def _render_connection(connection: ConnectionInfo | None) -> dict[str, Any] | None:
    if connection is None:
        return None
    return {
        "version": connection.version,
        "since": connection.since,
        "last_seen": connection.last_seen,
        "remote": connection.remote,
        "is_tls": connection.is_tls,
        "tls": connection.tls,
    }


def _render_boot(station: Station) -> dict[str, Any] | None:
    if station.last_boot_at is None:
        return None
    return {
        "at": station.last_boot_at,
        "reason": station.last_boot_reason,
        "version": station.boot_version,
        "vendor": station.vendor,
        "model": station.model,
        "serial_number": station.serial_number,
        "firmware_version": station.firmware_version,
    }


def _render_status(status: ConnectorStatus, parts: Parts) -> dict[str, Any]:
    place = parts.memory.find_place(status.key)
    return {
        "evse_no": status.key.evse_no,
        "connector_no": status.key.connector_no,
        "state": status.state,
        "occupied_by": status.occupied_by,
        "error_code": status.error_code,
        "info": status.info,
        "vendor_error": status.vendor_error,
        "at": status.at,
        "received_at": status.received_at,
        "location_id": place.location.id if place else None,
        "evse_uid": place.evse.uid if place else None,
        "connector_id": place.connector.id if place else None,
    }


def _render_overall(status: ConnectorStatus) -> dict[str, Any]:
    return {
        "evse_no": status.key.evse_no,
        "state": status.state,
        "error_code": status.error_code,
        "info": status.info,
        "vendor_error": status.vendor_error,
        "at": status.at,
        "received_at": status.received_at,
    }


def _render_deviation(deviation: Deviation) -> dict[str, Any]:
    return {
        "action": deviation.action,
        "path": deviation.path,
        "problem": deviation.problem,
        "example": deviation.example,
        "first_at": deviation.first_at,
        "last_at": deviation.last_at,
        "count": deviation.count,
    }


def _render_outcome(outcome: CallOutcome) -> dict[str, Any]:
    body: dict[str, Any] = {"outcome": outcome.outcome, "payload": outcome.payload}
    if outcome.error_code is not None or outcome.error_description is not None:
        body |= {"error_code": outcome.error_code, "error_description": outcome.error_description}
    return body


ROUTES = (
    ("GET", "stations", list_stations),
    ("GET", "stations/{station_id}", get_station),
    ("PUT", "stations/{station_id}", put_station),
    ("DELETE", "stations/{station_id}", delete_station),
    ("POST", "stations/{station_id}/calls", post_call),
)
