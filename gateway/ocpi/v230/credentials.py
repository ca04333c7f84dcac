"""Credentials in OCPI 2.3.0 (credentials 7.3): a hub is named beside the roles, which are the parties behind it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gateway.domain.ids import party_id_of
from gateway.domain.partners import HUB, PartnerRole
from gateway.flows.partner_api import Credentials
from gateway.ocpi.reading import parse_model
from gateway.ocpi.v221 import credentials as v221


class CredentialsBody(v221.CredentialsBody):
    hub_party_id: Annotated[str, Field(pattern=r"^[A-Za-z]{2}[A-Za-z0-9]{3}$")] | None = None


def parse_credentials(data: Any) -> Credentials:
    """A peer's credentials.  That of a hub becomes its role HUB, which this version has no longer."""
    body = parse_model(CredentialsBody, data)
    credentials = v221.credentials_of(body)
    if body.hub_party_id is None:
        return credentials
    party = party_id_of(body.hub_party_id[:2], body.hub_party_id[2:])
    hub = PartnerRole(party=party, role=HUB, name=_name_of(credentials, party))
    roles = tuple(role for role in credentials.roles if (role.role, role.party) != (HUB, party))
    return Credentials(token=credentials.token, url=credentials.url, roles=(hub, *roles))


def render_credentials(credentials: Credentials) -> dict[str, Any]:
    """Ours: we are no hub, so there is no `hub_party_id`."""
    return v221.render_credentials(credentials)


def _name_of(credentials: Credentials, party: Any) -> str:
    return next((role.name for role in credentials.roles if role.party == party), f"Hub {party}")
