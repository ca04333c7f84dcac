"""Tokens in OCPI 2.2.1 (mod_tokens 12.4): parsed when an eMSP pushes them, rendered when it asks for one."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import structlog
from pydantic import Field

from gateway.domain.ids import party_id_of
from gateway.domain.tokens import Allowed, LocationReferences, Token, TokenAnswer, TokenType, Whitelist
from gateway.errors import WireError
from gateway.flows.tokens import TokenKey, TokenPatch
from gateway.ocpi.reading import (
    CountryCode,
    Flag,
    Id36,
    Language,
    PartyCode,
    Text64,
    Time,
    WireModel,
    parse_model,
    parse_part,
)
from gateway.ocpi.wire import render_time, without_absent

log = structlog.get_logger(__name__)

TokenTypeWord = Annotated[str, Field(pattern="^(AD_HOC_USER|APP_USER|OTHER|RFID)$")]
ProfileType = Literal["CHEAP", "FAST", "GREEN", "REGULAR"]
IDENTITY = ("country_code", "party_id", "uid", "type")


class EnergyContract(WireModel):
    supplier_name: Text64
    contract_id: Text64 | None = None


class TokenBody(WireModel):
    country_code: CountryCode
    party_id: PartyCode
    uid: Id36
    type: TokenTypeWord
    contract_id: Id36
    visual_number: Text64 | None = None
    issuer: Text64
    group_id: Id36 | None = None
    valid: Flag
    whitelist: Whitelist
    language: Language = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: Time


class TokenPatchBody(WireModel):
    """Every member may be absent but the last.  null means absent: PATCH cannot take a field away."""

    country_code: CountryCode | None = None
    party_id: PartyCode | None = None
    uid: Id36 | None = None
    type: TokenTypeWord | None = None
    contract_id: Id36 | None = None
    visual_number: Text64 | None = None
    issuer: Text64 | None = None
    group_id: Id36 | None = None
    valid: Flag | None = None
    whitelist: Whitelist | None = None
    language: Language = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: Time


class LocationReferencesBody(WireModel):
    location_id: Id36
    evse_uids: tuple[Id36, ...] = ()


class AuthorizationBody(WireModel):
    """What is beside the decision is read apart: a fault there must not cost the driver the charge."""

    allowed: Allowed
    token: Any = None
    location: Any = None
    authorization_reference: Any = None


class ReferenceBody(WireModel):
    authorization_reference: Id36


def parse_token(data: Any, _key: TokenKey, partner_id: str, model: type[TokenBody] = TokenBody) -> Token:
    """A whole Token as `partner_id` pushed it; the body says whose it is."""
    return _read_token(data, partner_id, model)


def _read_token(data: Any, partner_id: str, model: type[TokenBody]) -> Token:
    body = parse_model(model, data)
    return Token(
        partner_id=partner_id,
        party=party_id_of(body.country_code, body.party_id),
        uid=body.uid,
        type=body.type,
        contract_id=body.contract_id,
        issuer=body.issuer,
        valid=body.valid,
        whitelist=body.whitelist,
        last_updated=body.last_updated,
        visual_number=body.visual_number,
        group_id=body.group_id,
        language=body.language,
        default_profile_type=body.default_profile_type,
        extra=_extra(body.energy_contract),
    )


def parse_token_patch(data: Any, model: type[TokenPatchBody] = TokenPatchBody) -> TokenPatch:
    """What is to change of a Token.  `last_updated` is required.  OCPI 2.2.1 mod_tokens 12.2.1.3"""
    body = parse_model(model, data)
    members = body.model_dump(exclude_none=True, exclude={"energy_contract", "last_updated"})
    changes = {name: value for name, value in members.items() if name not in IDENTITY}
    if body.energy_contract is not None:
        changes["extra"] = _extra(body.energy_contract)
    identity = {name: members[name] for name in IDENTITY if name in members}
    return TokenPatch(last_updated=body.last_updated, changes=changes, identity=identity)


def render_token(token: Token) -> dict[str, Any]:
    return without_absent(
        {
            "country_code": token.party.country_code,
            "party_id": token.party.party_id,
            "uid": token.uid,
            "type": token.type,
            "contract_id": token.contract_id,
            "visual_number": token.visual_number,
            "issuer": token.issuer,
            "group_id": token.group_id,
            "valid": token.valid,
            "whitelist": token.whitelist.value,
            "language": token.language,
            "default_profile_type": token.default_profile_type,
            **(json.loads(token.extra) if token.extra else {}),
            "last_updated": render_time(token.last_updated),
        }
    )


def parse_authorization(data: Any, partner_id: str, model: type[TokenBody] = TokenBody) -> TokenAnswer:
    """An AuthorizationInfo as `partner_id` answered it (mod_tokens 12.3.1)."""
    body = parse_model(AuthorizationBody, data)
    place = parse_part(LocationReferencesBody, body.location, "location")
    given = {"authorization_reference": body.authorization_reference} if body.authorization_reference else None
    reference = parse_part(ReferenceBody, given, "authorization_reference")
    token = None
    if body.token is not None:
        try:
            token = _read_token(body.token, partner_id, model)
        except WireError as error:
            log.warning("part of an answer ignored", part="token", reason=str(error))
    return TokenAnswer(
        allowed=body.allowed,
        token=token,
        place=None if place is None else LocationReferences(location_id=place.location_id, evse_uids=place.evse_uids),
        authorization_reference=None if reference is None else reference.authorization_reference,
    )


def render_location_references(place: LocationReferences) -> dict[str, Any]:
    """OCPI 2.2.1 mod_tokens 12.4.3"""
    return without_absent({"location_id": place.location_id, "evse_uids": list(place.evse_uids)})


def render_token_type(type_: str) -> str:
    """This version has no word for contracts: they are OTHER."""
    return TokenType.OTHER if type_ == TokenType.EMAID else type_


def _extra(contract: EnergyContract | None) -> str | None:
    if contract is None:
        return None
    return json.dumps({"energy_contract": contract.model_dump(exclude_none=True)})
