"""What the handshake exchanges in OCPI 2.1.1: flat credentials (credentials 2) and endpoints without roles."""

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
from gateway.ocpi.reading import CountryCode, CredentialsToken, PartyCode, Text100, Url, WireModel, parse_model
from gateway.ocpi.v211.common import render_business

log = structlog.get_logger(__name__)

# An eMSP's platform has one interface of each module: it sends tokens and receives the rest.
SENT_BY_EMSP = frozenset({"credentials", "tokens"})


class BusinessDetails(WireModel):
    name: Text100
    website: str | None = None
    logo: dict[str, Any] | None = None


class CredentialsBody(WireModel):
    token: CredentialsToken
    url: Url
    business_details: BusinessDetails
    party_id: PartyCode
    country_code: CountryCode


class EndpointBody(WireModel):
    identifier: Annotated[str, Field(min_length=1, max_length=255)]
    url: Url


def parse_credentials(data: Any) -> Credentials:
    """A peer's credentials: one party, whose role is not told (empty: it is as the operator knows it)."""
    body = parse_model(CredentialsBody, data)
    rest = body.business_details.model_dump(exclude={"name"}, exclude_none=True)
    role = PartnerRole(
        party=party_id_of(body.country_code, body.party_id),
        role="",
        name=body.business_details.name,
        business_details=json.dumps(rest) if rest else None,
    )
    return Credentials(token=body.token, url=body.url, roles=(role,))


def render_credentials(credentials: Credentials) -> dict[str, Any]:
    """Ours; the first role is the one party that this version can name."""
    role = credentials.roles[0]
    rest = json.loads(role.business_details) if role.business_details else {}
    return {
        "token": credentials.token,
        "url": credentials.url,
        "business_details": render_business({**rest, "name": role.name}),
        "party_id": role.party.party_id,
        "country_code": role.party.country_code,
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
        role = "SENDER" if body.identifier in SENT_BY_EMSP else "RECEIVER"
        endpoints.append(Endpoint(identifier=body.identifier, role=role, url=body.url))
    return endpoints


def render_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {"identifier": endpoint.identifier, "url": endpoint.url}
