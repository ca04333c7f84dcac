"""What we push to partners: objects in the partner's version, to its receivers (OCPI 2.2.1 transport 4.1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gateway.domain.cdrs import Cdr
from gateway.domain.deliveries import Message, PartnerAnswer
from gateway.domain.locations import Connector, Evse, Location
from gateway.domain.money import Price
from gateway.domain.partners import Partner
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.errors import PartnerError
from gateway.flows.partner_book import find_endpoint
from gateway.flows.registration import Access
from gateway.ocpi.catalog import Catalog, connector_without_tariffs, evse_without_tariffs, without_tariffs
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.renderings import Renderings, find_hidden_tariffs
from gateway.ocpi.versions import VERSIONS
from gateway.ocpi.wire import dump_json
from gateway.ports import Clock


class OcpiPostman:
    """The port Postman, over the client of the registration."""

    def __init__(self, client: OcpiClient, catalog: Catalog, renderings: Renderings, clock: Clock) -> None:
        self._client = client
        self._catalog = catalog
        self._renderings = renderings
        self._clock = clock

    def render(
        self, version: str, item: Location | Evse | Connector | Tariff | Session | Cdr, cost: Price | None = None
    ) -> dict[str, Any]:
        spoken = VERSIONS[version]
        if isinstance(item, Session):
            return spoken.render_session(item, cost)
        if isinstance(item, Cdr):
            return spoken.render_cdr(item)
        if isinstance(item, Tariff):
            return spoken.render_tariff(item)
        hidden = find_hidden_tariffs(self._renderings, spoken, self._catalog.tariffs.values())
        if isinstance(item, Location):
            return spoken.render_location(without_tariffs(item, hidden))
        if isinstance(item, Evse):
            return spoken.render_evse(evse_without_tariffs(item, hidden))
        return spoken.render_connector(connector_without_tariffs(item, hidden))

    def dump(self, rendered: dict[str, Any]) -> bytes:
        return dump_json(rendered)

    async def send(self, partner: Partner, token: str, message: Message) -> PartnerAnswer:
        endpoint = find_endpoint(partner, message.module, "RECEIVER")
        if endpoint is None:
            reason = f"{partner.name} has no receiver for {message.module} any more"
            return PartnerAnswer(at=self._clock.now(), http_status=405, message=reason)
        url = "/".join([endpoint.rstrip("/"), *(quote(part, safe="") for part in message.path)])
        body = dump_json(message.body) if isinstance(message.body, dict) else message.body
        access = Access(token=token, raw=partner.raw_token)
        try:
            answer = await self._client.request(
                message.method, url, access, body=body, headers=_routing_headers(message)
            )
        except PartnerError as error:
            return PartnerAnswer(at=self._clock.now(), http_status=0, message=str(error))
        return PartnerAnswer(
            at=self._clock.now(),
            http_status=answer.http_status,
            status_code=answer.status_code,
            message=answer.message,
            location=answer.headers.get("Location"),
            retry_after_s=_seconds(answer.headers.get("Retry-After")),
        )


def _routing_headers(message: Message) -> dict[str, str]:
    """OCPI 2.2.1 transport_and_format 4.2: from the party whose object it is."""
    headers = {"OCPI-from-country-code": message.owner.country_code, "OCPI-from-party-id": message.owner.party_id}
    if message.to is not None:
        headers |= {"OCPI-to-country-code": message.to.country_code, "OCPI-to-party-id": message.to.party_id}
    return headers


def _seconds(retry_after: str | None) -> int | None:
    """Seconds only: a date of another clock is no use."""
    text = (retry_after or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
