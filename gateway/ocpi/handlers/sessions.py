"""Sessions, the sender's interface (OCPI 2.2.1 mod_sessions 9.2.1): of the partner's own tokens only."""

from gateway.errors import NotFoundError
from gateway.flows.preferences import Asker
from gateway.flows.session_costs import find_cost
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.pagination import parse_page_request


async def list_sessions(exchange: Exchange) -> Reply:
    edge = exchange.edge
    asked = parse_page_request(exchange.request.query, max_limit=edge.limits.sessions, needs_date_from=True)
    party = str(exchange.party) if exchange.party else None
    drivers_of = str(exchange.drivers_of) if exchange.drivers_of else None
    page = await edge.store.page_sessions(exchange.partner.id, party, asked.asked, drivers_of=drivers_of)
    render = exchange.version.render_session
    bodies = exchange.render_page(
        "session",
        [(session.id, (session.revision, session.last_updated), session) for session in page.items],
        lambda session: render(session, find_cost(session)),
    )
    return exchange.reply_page(asked, page, bodies)


async def put_preferences(exchange: Exchange) -> Reply:
    """What the driver wishes (OCPI 2.2.1 mod_sessions 9.2.1.2).  Not every version has this."""
    parse = exchange.version.parse_preferences
    if parse is None:
        raise NotFoundError(f"OCPI {exchange.version.number} has no charging preferences")
    wishes = parse(await exchange.read_json())
    asker = Asker(partner_id=exchange.partner.id, sender=exchange.route.sender)
    answer = await exchange.edge.preferences.put(asker, exchange.path["session_id"], wishes)
    return Reply(data=exchange.dump(answer.value))
