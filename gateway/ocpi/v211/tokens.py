"""Tokens in OCPI 2.1.1 (mod_tokens 3.2): whose they are stands in the URL, the contract is called `auth_id`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gateway.domain.tokens import Allowed, LocationReferences, Token, TokenAnswer, Whitelist
from gateway.flows.tokens import TokenKey, TokenPatch
from gateway.ocpi.reading import Flag, Id36, Language, Text64, Time, WireModel, parse_model, parse_part
from gateway.ocpi.wire import render_time, without_absent

TokenTypeWord = Annotated[str, Field(pattern="^(OTHER|RFID)$")]
TOKEN_TYPES = frozenset({"OTHER", "RFID"})


class TokenBody(WireModel):
    uid: Id36
    type: TokenTypeWord
    auth_id: Id36
    visual_number: Text64 | None = None
    issuer: Text64
    valid: Flag
    whitelist: Whitelist
    language: Language = None
    last_updated: Time


class TokenPatchBody(WireModel):
    """Every member may be absent, also `last_updated`: only later versions require it."""

    uid: Id36 | None = None
    type: TokenTypeWord | None = None
    auth_id: Id36 | None = None
    visual_number: Text64 | None = None
    issuer: Text64 | None = None
    valid: Flag | None = None
    whitelist: Whitelist | None = None
    language: Language = None
    last_updated: Time | None = None


class LocationReferencesBody(WireModel):
    location_id: Id36
    evse_uids: tuple[Id36, ...] = ()


class AuthorizationBody(WireModel):
    """What is beside the decision is read apart: a fault there must not cost the driver the charge."""

    allowed: Allowed
    location: Any = None


def parse_token(data: Any, key: TokenKey, partner_id: str) -> Token:
    """A whole Token as `partner_id` pushed it to the URL of `key`."""
    body = parse_model(TokenBody, data)
    return Token(
        partner_id=partner_id,
        party=key.party,
        uid=body.uid,
        type=body.type,
        contract_id=body.auth_id,
        issuer=body.issuer,
        valid=body.valid,
        whitelist=body.whitelist,
        last_updated=body.last_updated,
        visual_number=body.visual_number,
        language=body.language,
    )


def parse_token_patch(data: Any) -> TokenPatch:
    """What is to change of a Token."""
    body = parse_model(TokenPatchBody, data)
    changes = body.model_dump(exclude_none=True, exclude={"uid", "type", "last_updated"})
    if "auth_id" in changes:
        changes["contract_id"] = changes.pop("auth_id")
    identity = body.model_dump(exclude_none=True, include={"uid", "type"})
    return TokenPatch(last_updated=body.last_updated, changes=changes, identity=identity)


def render_token(token: Token) -> dict[str, Any]:
    """Every type of a later version is OTHER here."""
    return without_absent(
        {
            "uid": token.uid,
            "type": render_token_type(token.type),
            "auth_id": token.contract_id,
            "visual_number": token.visual_number,
            "issuer": token.issuer,
            "valid": token.valid,
            "whitelist": token.whitelist.value,
            "language": token.language,
            "last_updated": render_time(token.last_updated),
        }
    )


def parse_authorization(data: Any, _partner_id: str) -> TokenAnswer:
    """An AuthorizationInfo: it names no token and has no reference (OCPI 2.1.1 mod_tokens 3.1)."""
    body = parse_model(AuthorizationBody, data)
    place = parse_part(LocationReferencesBody, body.location, "location")
    return TokenAnswer(
        allowed=body.allowed,
        place=None if place is None else LocationReferences(location_id=place.location_id, evse_uids=place.evse_uids),
    )


def render_location_references(place: LocationReferences) -> dict[str, Any]:
    """OCPI 2.1.1 mod_tokens 4.2"""
    return without_absent(
        {
            "location_id": place.location_id,
            "evse_uids": list(place.evse_uids),
            "connector_ids": list(place.connector_ids),
        }
    )


def render_token_type(type_: str) -> str:
    """Every type of a later version is OTHER.  OCPI 2.1.1 mod_tokens 4.3"""
    return type_ if type_ in TOKEN_TYPES else "OTHER"
