"""`/partners`: eMSPs and hubs; secrets are shown once, when they are made."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from aiohttp import web
from pydantic import StringConstraints, model_validator

from gateway.console.answers import answer
from gateway.console.bodies import parse_model, read_object
from gateway.console.fields import Strict, String100, Url
from gateway.console.parts import PARTS
from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.partners import Partner
from gateway.errors import NotFoundError, WireError
from gateway.flows.registration import Manners

HostPattern = Annotated[
    str, StringConstraints(pattern=r"^(\*|(\*\.)?[A-Za-z0-9._-]{1,250}|[0-9A-Fa-f:.]{2,45})$", to_lower=True)
]
"""A host name or address, "*.example.com" for all names below that one, or "*" for any."""
PartyText5 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}[*-]?[A-Za-z0-9]{3}$")]


class MannersInput(Strict):
    """A key left out keeps its value."""

    name: String100 | None = None
    sees_unpublished: bool | None = None
    raw_token: bool | None = None
    hosts: tuple[HostPattern, ...] | None = None
    ask_unknown: bool | None = None
    pulls_tokens: bool | None = None
    whole_seconds: bool | None = None
    parks_when_curtailed: bool | None = None
    puts_only: bool | None = None
    our_party: PartyText5 | None = None

    def manners(self, ours: Sequence[PartyId]) -> Manners:
        """Raises WireError where `our_party` is not one of `ours`."""
        party = None
        if self.our_party is not None:
            party = party_id_of(self.our_party[:2], self.our_party[-3:])
            if party not in ours:
                raise WireError("$.our_party", f"{party} is not one of ours: {', '.join(map(str, ours))}")
        return Manners(
            name=self.name,
            sees_unpublished=self.sees_unpublished,
            raw_token=self.raw_token,
            hosts=self.hosts,
            ask_unknown=self.ask_unknown,
            pulls_tokens=self.pulls_tokens,
            whole_seconds=self.whole_seconds,
            parks_when_curtailed=self.parks_when_curtailed,
            puts_only=self.puts_only,
            our_party=party,
        )


class PartnerInput(MannersInput):
    """With `versions_url` and `token` (a token A of the partner's) we register with it, else it registers with us."""

    name: String100
    role: Literal["EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"] = "EMSP"
    versions_url: Url | None = None
    token: Annotated[str, StringConstraints(max_length=64, pattern=r"^[!-~]+$")] | None = None

    @model_validator(mode="after")
    def _has_both_or_none(self) -> Self:
        if (self.versions_url is None) != (self.token is None):
            raise ValueError("versions_url and token go together")
        return self


async def list_partners(request: web.Request) -> web.Response:
    partners = sorted(request.app[PARTS].memory.partners.values(), key=lambda partner: (partner.created_at, partner.id))
    return answer([_render_partner(partner) for partner in partners])


async def get_partner(request: web.Request) -> web.Response:
    return answer(_render_partner(_load(request)))


async def post_partner(request: web.Request) -> web.Response:
    """Invite a partner (the answer has its token A and our versions URL) or register with one."""
    parts = request.app[PARTS]
    given = parse_model(PartnerInput, await read_object(request))
    if given.versions_url is not None and given.token is not None:
        partner = await parts.registration.register_with(
            name=given.name,
            role=given.role,
            versions_url=given.versions_url,
            token=given.token,
            manners=given.manners(parts.registration.parties),
        )
        return answer(_render_partner(partner), 201)
    partner, token_a = await parts.registration.invite(
        given.name, given.role, given.manners(parts.registration.parties)
    )
    return answer(_render_invitation(partner, token_a, parts.versions_url), 201)


async def put_partner(request: web.Request) -> web.Response:
    """Change its name, what it sees, or how it is called; the rest is its registration."""
    partner_id = _load(request).id
    given = parse_model(MannersInput, await read_object(request))
    manners = given.manners(request.app[PARTS].registration.parties)
    return answer(_render_partner(await request.app[PARTS].registration.change(partner_id, manners)))


async def post_invitation(request: web.Request) -> web.Response:
    """A fresh token A for a partner that has to register anew."""
    parts = request.app[PARTS]
    partner, token_a = await parts.registration.invite_again(_load(request).id)
    return answer(_render_invitation(partner, token_a, parts.versions_url), 201)


async def post_renewal(request: web.Request) -> web.Response:
    """Fresh credentials both ways, in the highest version that both speak by now."""
    return answer(_render_partner(await request.app[PARTS].registration.renew(_load(request).id)))


async def list_clients(request: web.Request) -> web.Response:
    """The parties behind a hub, and how it says it stands with them."""
    return answer(
        [
            {
                "country_code": client.party.country_code,
                "party_id": client.party.party_id,
                "role": client.role,
                "status": client.status,
                "last_updated": client.last_updated,
            }
            for client in request.app[PARTS].partners.clients_of(_load(request).id)
        ]
    )


async def list_withheld(request: web.Request) -> web.Response:
    """What partners do not get of our objects, because their version of OCPI has no words for it."""
    return answer(
        [
            {
                "kind": entry.kind,
                "id": entry.id,
                "version": entry.version,
                "what": "all" if entry.is_whole_object else "parts",
                "reasons": list(entry.reasons),
                "at": entry.at,
            }
            for entry in request.app[PARTS].withheld.all()
        ]
    )


async def delete_partner(request: web.Request) -> web.Response:
    await request.app[PARTS].registration.end(_load(request).id)
    return web.Response(status=204)


def _load(request: web.Request) -> Partner:
    partner_id = request.match_info["partner_id"]
    partner = request.app[PARTS].memory.partners.get(partner_id)
    if partner is None:
        raise NotFoundError(f"there is no partner {partner_id!r}")
    return partner


def _render_invitation(partner: Partner, token_a: str, our_versions_url: str) -> dict[str, Any]:
    return {**_render_partner(partner), "token_a": token_a, "our_versions_url": our_versions_url}


def _render_partner(partner: Partner) -> dict[str, Any]:
    return {
        "id": partner.id,
        "name": partner.name,
        "role": partner.role,
        "status": partner.status,
        "version": partner.version,
        "versions_url": partner.versions_url,
        "roles": [
            {
                "country_code": role.party.country_code,
                "party_id": role.party.party_id,
                "role": role.role,
                "name": role.name,
            }
            for role in partner.roles
        ],
        "endpoints": [
            {"identifier": endpoint.identifier, "role": endpoint.role, "url": endpoint.url}
            for endpoint in partner.endpoints
        ],
        "sees_unpublished": partner.sees_unpublished,
        "raw_token": partner.raw_token,
        "hosts": list(partner.hosts),
        "ask_unknown": partner.ask_unknown,
        "pulls_tokens": partner.pulls_tokens,
        "tokens_pulled_until": partner.tokens_pulled_until,
        "whole_seconds": partner.whole_seconds,
        "parks_when_curtailed": partner.parks_when_curtailed,
        "puts_only": partner.puts_only,
        "our_party": str(partner.our_party) if partner.our_party else None,
        "created_at": partner.created_at,
        "last_updated": partner.last_updated,
    }


ROUTES = (
    ("GET", "partners", list_partners),
    ("POST", "partners", post_partner),
    ("GET", "partners/{partner_id}", get_partner),
    ("PUT", "partners/{partner_id}", put_partner),
    ("DELETE", "partners/{partner_id}", delete_partner),
    ("GET", "partners/{partner_id}/clients", list_clients),
    ("POST", "partners/{partner_id}/invitations", post_invitation),
    ("POST", "partners/{partner_id}/renewals", post_renewal),
    ("GET", "withheld", list_withheld),
)
