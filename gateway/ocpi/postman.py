"""What we push to partners: objects in the partner's version, to its receivers (OCPI 2.2.1 transport 4.1)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from yarl import URL

from gateway.domain.cdrs import Cdr, Totals
from gateway.domain.deliveries import Message, PartnerAnswer, interface_of
from gateway.domain.ids import PartyId
from gateway.domain.invoices import InvoiceRecord
from gateway.domain.locations import Connector, Evse, Location
from gateway.domain.partners import Partner
from gateway.domain.profiles import ActiveProfile
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.errors import PartnerError
from gateway.flows.letters import Idiom
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import find_endpoint
from gateway.flows.partner_urls import check_host
from gateway.flows.views import may_use
from gateway.flows.withheld import WithheldBook
from gateway.ocpi.caller import request_headers
from gateway.ocpi.catalog import (
    Catalog,
    connector_without_tariffs,
    evse_without_tariffs,
    named_tariffs,
    without_tariffs,
)
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.renderings import Renderings, find_hidden_tariffs
from gateway.ocpi.version import Version, load_profile_words
from gateway.ocpi.versions import VERSIONS
from gateway.ocpi.wire import CannotSayError, dump_json, noting_gaps, without_fractions
from gateway.ports import Clock

Sayable = Location | Evse | Connector | Tariff | Session | Cdr | InvoiceRecord


class OcpiPostman:
    """The port Postman, over the client of the registration."""

    def __init__(
        self,
        client: OcpiClient,
        catalog: Catalog,
        renderings: Renderings,
        withheld: WithheldBook,
        clock: Clock,
        parties: Sequence[PartyId],
    ) -> None:
        """`parties` are ours, the first is the default."""
        self._client = client
        self._catalog = catalog
        self._renderings = renderings
        self._withheld = withheld
        self._clock = clock
        self._parties = tuple(parties)

    def render(self, version: str, item: Sayable, totals: Totals | None = None) -> dict[str, Any]:
        kind = type(item).__name__.lower()
        with noting_gaps() as gaps:
            try:
                rendered = self._say(VERSIONS[version], item, totals)
            except CannotSayError as error:
                self._note(version, kind, item, [str(error)], is_whole_object=True)
                raise
        self._note(version, kind, item, gaps)
        return rendered

    def _note(
        self, version: str, kind: str, item: Sayable, reasons: Sequence[str], *, is_whole_object: bool = False
    ) -> None:
        """Tell the operator what is withheld; an EVSE or plug alone is told of with its location."""
        if not isinstance(item, Evse | Connector):
            self._withheld.on_rendered(version, kind, item.id, reasons, is_whole_object=is_whole_object)

    def _say(self, spoken: Version, item: Sayable, totals: Totals | None) -> dict[str, Any]:
        if isinstance(item, Session):
            return spoken.render_session(item, totals)
        if isinstance(item, Cdr):
            return spoken.render_cdr(item)
        if isinstance(item, Tariff):
            return spoken.render_tariff(item)
        if isinstance(item, InvoiceRecord):
            return spoken.render_invoice(item)
        hidden = find_hidden_tariffs(self._renderings, spoken, named_tariffs(self._catalog, item))
        if isinstance(item, Location):
            return spoken.render_location(without_tariffs(item, hidden))
        if isinstance(item, Evse):
            return spoken.render_evse(evse_without_tariffs(item, hidden))
        return spoken.render_connector(connector_without_tariffs(item, hidden))

    def render_profile(self, version: str, active: ActiveProfile) -> dict[str, Any]:
        return load_profile_words(VERSIONS[version]).render_active(active)

    def dump(self, partner: Partner, rendered: dict[str, Any]) -> bytes:
        body = dump_json(rendered)
        is_whole = partner.whole_seconds or VERSIONS[partner.version or ""].whole_seconds
        return without_fractions(body) if is_whole else body

    def idiom_of(self, partner: Partner) -> Idiom:
        """Without routing a partner knows one party of ours.  There a session is told whole, too: what a PATCH of its
        periods means is not said (OCPI 2.1.1 mod_sessions 2.2.3)."""
        spoken = VERSIONS[partner.version or ""]
        is_one_of_many = not spoken.is_routed and len(self._parties) > 1
        return Idiom(
            party=(partner.our_party or self._parties[0]) if is_one_of_many else None,
            says_unpublished=spoken.says_unpublished,
            patches=not partner.puts_only,
            patches_sessions=spoken.is_routed and not partner.puts_only,
        )

    async def send(self, partner: Partner, token: str, message: Message) -> PartnerAnswer:
        url = _find_url(partner, message)
        if url is None:
            reason = f"{partner.name} has no interface for {message.module} any more"
            return PartnerAnswer(at=self._clock.now(), http_status=405, message=reason)
        body = self.dump(partner, message.body) if isinstance(message.body, dict) else message.body
        return (await self._request(partner, token, message, message.method, url, body))[0]

    async def look_for(
        self, partner: Partner, token: str, message: Message, cdr_id: str, url: str | None
    ) -> PartnerAnswer:
        """The URL is the eMSP's to choose, and told with its answer to the POST (OCPI 2.2.1 mod_cdrs 10.2.2.1).  Where
        it was not told, the id below the endpoint is what nearly all choose.
        """
        endpoint = (find_endpoint(partner, message.module, "RECEIVER") or "").rstrip("/")
        asked = f"{endpoint}/{quote(cdr_id, safe='')}"
        if url is not None:
            with contextlib.suppress(PartnerError, ValueError):
                kept = str(URL(endpoint + "/").join(URL(url)))
                check_host(partner, kept)
                asked = kept
        answer, data = await self._request(partner, token, message, "GET", asked, None)
        answer = replace(answer, location=asked)
        found = data.get("id") if isinstance(data, dict) else None
        if 200 <= answer.http_status < 300 and str(found).casefold() != cdr_id.casefold():
            return replace(answer, http_status=404, message=f"GET {asked} gave another object")
        return answer

    async def _request(
        self, partner: Partner, token: str, message: Message, method: str, url: str, body: bytes | None
    ) -> tuple[PartnerAnswer, Any]:
        """The answer and its data."""
        access = Access(token=token, raw=partner.raw_token)
        headers = _routing_headers(partner, message)
        try:
            answer = await self._client.request(
                method, url, access, body=body, headers=headers, correlation_id=message.correlation_id
            )
        except PartnerError as error:
            return PartnerAnswer(at=self._clock.now(), http_status=0, message=str(error)), None
        told = PartnerAnswer(
            at=self._clock.now(),
            http_status=answer.http_status,
            status_code=answer.status_code,
            message=answer.message,
            location=answer.headers.get("Location"),
            retry_after_s=_seconds(answer.headers.get("Retry-After")),
        )
        return told, answer.data


def _find_url(partner: Partner, message: Message) -> str | None:
    if message.url is not None:
        return message.url
    if not may_use(partner, message.module):
        return None
    endpoint = find_endpoint(partner, message.module, interface_of(message.module))
    return endpoint and "/".join([endpoint.rstrip("/"), *(quote(part, safe="") for part in message.path)])


def _routing_headers(partner: Partner, message: Message) -> dict[str, str]:
    """OCPI 2.2.1 transport_and_format 4.2: from the party whose object it is.  Not every version has them."""
    if message.owner is None or not VERSIONS[message.version or partner.version or ""].is_routed:
        return {}
    return request_headers(message.owner, message.to)


def _seconds(retry_after: str | None) -> int | None:
    """Seconds only: a date of another clock is no use."""
    text = (retry_after or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
