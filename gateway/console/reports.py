"""`/reports`: what a month comes to."""

from aiohttp import web

from gateway.console.answers import answer
from gateway.console.bodies import BodyError
from gateway.console.parts import PARTS
from gateway.console.render_reports import render_csv, render_reconciliation
from gateway.flows.reports import load_reconciliation, month_of


async def get_reconciliation(request: web.Request) -> web.Response:
    """Per partner and currency: visits, bills, credits, what was shown, energy and totals."""
    parts, query = request.app[PARTS], request.query
    month, zone, form = query.get("month", ""), query.get("zone", "UTC"), query.get("format", "json")
    if form not in ("json", "csv"):
        raise BodyError([("?format=", f"{form!r} is not one of json, csv")])
    try:
        begin_at, end_at = month_of(month, zone)
    except ValueError as error:
        raise BodyError([("?month= and ?zone=", str(error))]) from None
    names = {partner.id: partner.name for partner in parts.memory.partners.values()}
    partner_id = query.get("partner")
    if partner_id is not None and partner_id not in names:
        raise BodyError([("?partner=", f"there is no partner {partner_id!r}: GET partners lists their ids")])
    report = await load_reconciliation(parts.store, begin_at, end_at, partner_id)
    if form == "json":
        return answer(render_reconciliation(month, zone, report, names))
    headers = {"Content-Disposition": f'attachment; filename="reconciliation-{month}.csv"'}
    return web.Response(text=render_csv(report, names), content_type="text/csv", charset="utf-8", headers=headers)


ROUTES = (("GET", "reports/reconciliation", get_reconciliation),)
