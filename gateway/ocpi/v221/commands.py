"""Commands in OCPI 2.2.1 (mod_commands 13.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.callbacks import CallbackKind
from gateway.domain.commands import CancelReservationOrder, ReserveOrder, StartOrder, StopOrder, UnlockOrder
from gateway.flows.tokens import TokenKey
from gateway.ocpi.command_parts import ParseOrder, ParseToken, parse_token_within
from gateway.ocpi.reading import Id36, Time, Url, WireModel, parse_model
from gateway.ocpi.v221.tokens import parse_token
from gateway.ocpi.wire import clip

LANGUAGE: Final = "en"
TEXT_LIMIT: Final = 512  # OCPI 2.2.1 types 16.3


class StartBody(WireModel):
    response_url: Url
    token: Any
    location_id: Id36
    evse_uid: Id36 | None = None
    connector_id: Id36 | None = None
    authorization_reference: Id36 | None = None


class StopBody(WireModel):
    response_url: Url
    session_id: Id36


class UnlockBody(WireModel):
    response_url: Url
    location_id: Id36
    evse_uid: Id36
    connector_id: Id36


class ReserveBody(WireModel):
    response_url: Url
    token: Any
    expiry_date: Time
    reservation_id: Id36
    location_id: Id36
    evse_uid: Id36 | None = None
    authorization_reference: Id36 | None = None


class CancelReservationBody(WireModel):
    response_url: Url
    reservation_id: Id36


def start_parser(parse: ParseToken) -> ParseOrder:
    """START_SESSION with the token as a version reads it.  OCPI 2.2.1 mod_commands 13.3.5"""

    def parse_start(data: Any, key: TokenKey, partner_id: str) -> StartOrder:
        body = parse_model(StartBody, data)
        return StartOrder(
            response_url=body.response_url,
            token=parse_token_within(parse, body.token, key, partner_id),
            location_id=body.location_id,
            evse_uid=body.evse_uid,
            connector_id=body.connector_id,
            authorization_reference=body.authorization_reference,
        )

    return parse_start


def parse_stop(data: Any, _key: TokenKey, _partner_id: str) -> StopOrder:
    """OCPI 2.2.1 mod_commands 13.3.6"""
    body = parse_model(StopBody, data)
    return StopOrder(response_url=body.response_url, session_id=body.session_id)


def parse_unlock(data: Any, _key: TokenKey, _partner_id: str) -> UnlockOrder:
    """OCPI 2.2.1 mod_commands 13.3.7"""
    body = parse_model(UnlockBody, data)
    return UnlockOrder(
        response_url=body.response_url,
        location_id=body.location_id,
        evse_uid=body.evse_uid,
        connector_id=body.connector_id,
    )


def reserve_parser(parse: ParseToken) -> ParseOrder:
    """RESERVE_NOW with the token as a version reads it.  OCPI 2.2.1 mod_commands 13.3.4"""

    def parse_reserve(data: Any, key: TokenKey, partner_id: str) -> ReserveOrder:
        body = parse_model(ReserveBody, data)
        return ReserveOrder(
            response_url=body.response_url,
            token=parse_token_within(parse, body.token, key, partner_id),
            expires_at=body.expiry_date,
            reservation_id=body.reservation_id,
            location_id=body.location_id,
            evse_uid=body.evse_uid,
            authorization_reference=body.authorization_reference,
        )

    return parse_reserve


def parse_cancel_reservation(data: Any, _key: TokenKey, _partner_id: str) -> CancelReservationOrder:
    """OCPI 2.2.1 mod_commands 13.3.1"""
    body = parse_model(CancelReservationBody, data)
    return CancelReservationOrder(response_url=body.response_url, reservation_id=body.reservation_id)


PARSERS: Final[Mapping[CallbackKind, ParseOrder]] = {
    CallbackKind.START_SESSION: start_parser(parse_token),
    CallbackKind.STOP_SESSION: parse_stop,
    CallbackKind.UNLOCK_CONNECTOR: parse_unlock,
    CallbackKind.RESERVE_NOW: reserve_parser(parse_token),
    CallbackKind.CANCEL_RESERVATION: parse_cancel_reservation,
}


def render_command_response(result: str, timeout_s: int, message: str | None) -> dict[str, Any]:
    """What a command is answered at once (13.3.2)."""
    return {"result": result, "timeout": timeout_s, **_texts(message)}


def render_command_result(word: str, message: str | None) -> dict[str, Any]:
    """What became of it (13.3.3)."""
    return {"result": word, **_texts(message)}


def _texts(message: str | None) -> dict[str, Any]:
    if message is None:
        return {}
    return {"message": [{"language": LANGUAGE, "text": clip(message, TEXT_LIMIT, "command message")}]}
