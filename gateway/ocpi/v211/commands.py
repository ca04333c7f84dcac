"""Commands in OCPI 2.1.1 (mod_commands 3): fewer of them, and one object for both answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from gateway.domain.callbacks import CallbackKind
from gateway.domain.commands import ReserveOrder, StartOrder, StopOrder, UnlockOrder
from gateway.flows.tokens import TokenKey
from gateway.ocpi.command_parts import ParseOrder, parse_token_within
from gateway.ocpi.reading import Id36, Time, Url, WireModel, parse_model
from gateway.ocpi.v211.tokens import parse_token

Id39 = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,39}$")]

WORDS: Final = frozenset({"NOT_SUPPORTED", "REJECTED", "ACCEPTED", "TIMEOUT", "UNKNOWN_SESSION"})
"""OCPI 2.1.1 mod_commands 4.1: every other reason for which a station did not do it is a refusal."""


class StartBody(WireModel):
    response_url: Url
    token: Any
    location_id: Id39
    evse_uid: Id39 | None = None


class StopBody(WireModel):
    response_url: Url
    session_id: Id36


class UnlockBody(WireModel):
    response_url: Url
    location_id: Id39
    evse_uid: Id39
    connector_id: Id36


class ReserveBody(WireModel):
    response_url: Url
    token: Any
    expiry_date: Time
    reservation_id: int
    location_id: Id39
    evse_uid: Id39 | None = None


def parse_start(data: Any, key: TokenKey, partner_id: str) -> StartOrder:
    body = parse_model(StartBody, data)
    return StartOrder(
        response_url=body.response_url,
        token=parse_token_within(parse_token, body.token, key, partner_id),
        location_id=body.location_id,
        evse_uid=body.evse_uid,
    )


def parse_stop(data: Any, _key: TokenKey, _partner_id: str) -> StopOrder:
    body = parse_model(StopBody, data)
    return StopOrder(response_url=body.response_url, session_id=body.session_id)


def parse_unlock(data: Any, _key: TokenKey, _partner_id: str) -> UnlockOrder:
    body = parse_model(UnlockBody, data)
    return UnlockOrder(
        response_url=body.response_url,
        location_id=body.location_id,
        evse_uid=body.evse_uid,
        connector_id=body.connector_id,
    )


def parse_reserve(data: Any, key: TokenKey, partner_id: str) -> ReserveOrder:
    """Reservations are numbered here (3.2), and end by themselves: there is no command to cancel one."""
    body = parse_model(ReserveBody, data)
    return ReserveOrder(
        response_url=body.response_url,
        token=parse_token_within(parse_token, body.token, key, partner_id),
        expires_at=body.expiry_date,
        reservation_id=str(body.reservation_id),
        location_id=body.location_id,
        evse_uid=body.evse_uid,
    )


PARSERS: Final[Mapping[CallbackKind, ParseOrder]] = {
    CallbackKind.START_SESSION: parse_start,
    CallbackKind.STOP_SESSION: parse_stop,
    CallbackKind.UNLOCK_CONNECTOR: parse_unlock,
    CallbackKind.RESERVE_NOW: parse_reserve,
}


def render_command_response(result: str, _timeout_s: int, _message: str | None) -> dict[str, Any]:
    """Neither a timeout nor a reason (3.1)."""
    return {"result": result}


def render_command_result(word: str, _message: str | None) -> dict[str, Any]:
    return {"result": word if word in WORDS else "REJECTED"}
