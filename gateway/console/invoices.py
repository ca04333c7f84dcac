"""`/invoices`: which CDRs an invoice charges, for partners that reconcile (OCPI 2.3.0)."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, StringConstraints

from gateway.console.answers import answer
from gateway.console.bodies import BodyError, parse_limits, parse_model, read_object
from gateway.console.fields import Strict
from gateway.console.parts import PARTS
from gateway.domain.invoices import InvoiceRecord
from gateway.flows.invoices import InvoiceAsked, Invoices

MOST = 1_000
CiString255 = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,255}$")]


class InvoiceInput(Strict):
    """What `PUT invoices/{id}` takes."""

    invoice_id: CiString255
    cdr_ids: Annotated[tuple[CiString255, ...], Field(min_length=1)]


async def list_invoices(request: web.Request) -> web.Response:
    """Newest first."""
    limit, offset = parse_limits(request, default=100, most=MOST)
    partner_id = request.query.get("partner_id")
    found = await request.app[PARTS].store.list_invoices(partner_id, limit=limit, offset=offset)
    return answer([_render(record) for record in found])


async def get_invoice(request: web.Request) -> web.Response:
    return answer(_render(await _invoices(request).load(request.match_info["invoice_id"])))


async def put_invoice(request: web.Request) -> web.Response:
    record_id = request.match_info["invoice_id"]
    if not record_id.isascii() or not record_id.isprintable() or len(record_id) > 36:
        raise BodyError([("/invoices/{id}", "an id is of at most 36 printable ASCII characters")])
    given = parse_model(InvoiceInput, await read_object(request))
    asked = InvoiceAsked(invoice_id=given.invoice_id, cdr_ids=given.cdr_ids)
    record, is_new = await _invoices(request).put(record_id, asked)
    return answer(_render(record), 201 if is_new else 200)


async def delete_invoice(request: web.Request) -> web.Response:
    await _invoices(request).delete(request.match_info["invoice_id"])
    return web.Response(status=204)


def _invoices(request: web.Request) -> Invoices:
    return request.app[PARTS].invoices


def _render(record: InvoiceRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "partner_id": record.partner_id,
        "party": str(record.party),
        "to": str(record.to),
        "invoice_id": record.invoice_id,
        "cdr_ids": list(record.cdr_ids),
        "told_at": record.told_at,
        "last_updated": record.last_updated,
    }


ROUTES = (
    ("GET", "invoices", list_invoices),
    ("GET", "invoices/{invoice_id}", get_invoice),
    ("PUT", "invoices/{invoice_id}", put_invoice),
    ("DELETE", "invoices/{invoice_id}", delete_invoice),
)
