"""Charging profiles, the receiver's interface (OCPI 2.2.1 mod_charging_profiles 14.4.1).

What is answered here is whether the request goes to the station; what the station says of it goes to the response_url.
"""

from gateway.flows.profiles import ProfileAnswer, ProfileAsked
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange
from gateway.ocpi.version import load_profile_words


async def put_profile(exchange: Exchange) -> Reply:
    profile, url = load_profile_words(exchange.version).parse_set(await exchange.read_json())
    return _reply(exchange, await exchange.edge.profiles.put(_asked(exchange, url), profile))


async def get_profile(exchange: Exchange) -> Reply:
    duration_s, url = load_profile_words(exchange.version).parse_query(exchange.request.query)
    return _reply(exchange, await exchange.edge.profiles.get(_asked(exchange, url), duration_s))


async def delete_profile(exchange: Exchange) -> Reply:
    url = load_profile_words(exchange.version).parse_clear_query(exchange.request.query)
    return _reply(exchange, await exchange.edge.profiles.clear(_asked(exchange, url)))


def _asked(exchange: Exchange, response_url: str) -> ProfileAsked:
    return ProfileAsked(
        partner=exchange.partner,
        version=exchange.version.number,
        session_id=exchange.path["session_id"],
        response_url=response_url,
        sender=exchange.route.sender,
        receiver=exchange.route.receiver,
        correlation_id=exchange.request.headers.get("X-Correlation-ID"),
    )


def _reply(exchange: Exchange, answer: ProfileAnswer) -> Reply:
    rendered = load_profile_words(exchange.version).render_response(answer.response, answer.timeout_s)
    return Reply(data=exchange.dump(rendered), message=answer.reason)
