"""What the handshake exchanges in OCPI 2.2.1: credentials (7.3) and the endpoints of a version (6.2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from pydantic import Field

from gateway.domain.ids import party_id_of
from gateway.domain.partners import Endpoint, PartnerRole
from gateway.errors import WireError
from gateway.flows.partner_api import Credentials
from gateway.ocpi.reading import (
    CountryCode,
    CredentialsToken,
    PartyCode,
    Text100,
    Url,
    WireModel,
    parse_model,
)
from gateway.ocpi.v221.common import render_business
from gateway.ocpi.wire import clip

log = structlog.get_logger(__name__)


class BusinessDetails(WireModel):
    name: Text100
    website: str | None = None
    logo: dict[str, Any] | None = None


class CredentialsRole(WireModel):
    role: Annotated[str, Field(pattern=r"^[A-Z_]{1,20}$")]
    business_details: BusinessDetails
    party_id: PartyCode
    country_code: CountryCode


class CredentialsBody(WireModel):
    token: CredentialsToken
    url: Url
    roles: Annotated[list[CredentialsRole], Field(min_length=1)]


class EndpointBody(WireModel):
    identifier: Annotated[str, Field(min_length=1, max_length=255)]
    role: str = ""
    url: Url


def parse_credentials(data: Any) -> Credentials:
    """A peer's credentials; every role is a unique combination of role, party and country."""
    return credentials_of(parse_model(CredentialsBody, data))


def credentials_of(body: CredentialsBody) -> Credentials:
    roles = tuple(
        PartnerRole(
            party=party_id_of(role.country_code, role.party_id),
            role=role.role,
            name=role.business_details.name,
            business_details=_rest(role.business_details),
        )
        for role in body.roles
    )
    if len({(role.role, role.party) for role in roles}) != len(roles):
        raise WireError("$.roles", "the same role, party_id and country_code is given twice")
    return Credentials(token=body.token, url=body.url, roles=roles)


def render_credentials(credentials: Credentials) -> dict[str, Any]:
    return {
        "token": credentials.token,
        "url": credentials.url,
        "roles": [_render_role(role) for role in credentials.roles],
    }


def parse_endpoints(data: Any) -> Sequence[Endpoint]:
    """The endpoints of a peer's version details.  One that cannot be read is left out, not the others with it."""
    if not isinstance(data, dict) or not isinstance(data.get("endpoints"), list):
        raise WireError("$.endpoints", "must be a list of endpoints")
    endpoints = []
    for entry in data["endpoints"]:
        try:
            body = parse_model(EndpointBody, entry)
        except WireError as error:
            log.warning("partner endpoint ignored", reason=str(error))
            continue
        # The role of credentials means nothing.  OCPI 2.2.1 version_information_endpoint 6.2.2
        role = "SENDER" if body.identifier == "credentials" else body.role.upper()
        endpoints.append(Endpoint(identifier=body.identifier, role=role, url=body.url))
    return endpoints


def render_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {"identifier": endpoint.identifier, "role": endpoint.role, "url": endpoint.url}


def _render_role(role: PartnerRole) -> dict[str, Any]:
    rest = json.loads(role.business_details) if role.business_details else {}
    return {
        "role": role.role,
        "business_details": render_business({**rest, "name": clip(role.name, 100, "business_details.name")}),
        "party_id": role.party.party_id,
        "country_code": role.party.country_code,
    }


def _rest(details: BusinessDetails) -> str | None:
    rest = details.model_dump(exclude={"name"}, exclude_none=True)
    return json.dumps(rest) if rest else None
