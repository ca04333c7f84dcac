"""The credentials endpoint of the eMSP, for a CPO that registers with us, renews or ends."""

from __future__ import annotations

from simulators.emsp.errors import PeerRefusedError, PeerUnreachableError
from simulators.emsp.state import Desk
from simulators.emsp.version import Answer, Inbound, Route, done, failed, ok

GENERIC, INVALID, CANNOT_USE_API = 2000, 2001, 3001


async def get_credentials(desk: Desk, call: Inbound) -> Answer:
    return ok(call.version.render_credentials(desk.party, desk.versions_url, call.credentials_token))


async def post_credentials(desk: Desk, call: Inbound) -> Answer:
    if desk.partner is not None:
        return failed(GENERIC, "already registered: use PUT", http_status=405)
    return await _exchange(desk, call)


async def put_credentials(desk: Desk, call: Inbound) -> Answer:
    if desk.partner is None:
        return failed(GENERIC, "not registered: use POST", http_status=405)
    return await _exchange(desk, call)


async def delete_credentials(desk: Desk, _call: Inbound) -> Answer:
    if desk.partner is None:
        return failed(GENERIC, "not registered", http_status=405)
    desk.partner = None
    desk.tokens_in.clear()
    return done()


async def _exchange(desk: Desk, call: Inbound) -> Answer:
    desk.findings.extend(call.where, call.version.judge("credentials", call.body))
    if not call.version.is_well_formed("credentials", call.body):
        return failed(INVALID, "not a Credentials object")
    try:
        token = await desk.shake_hands(call.body, call.credentials_token)
    except PeerRefusedError as error:
        return failed(error.status_code if error.status_code in (3002, 3003) else CANNOT_USE_API, str(error))
    except PeerUnreachableError as error:
        return failed(CANNOT_USE_API, str(error))
    return ok(call.version.render_credentials(desk.party, desk.versions_url, token))


ROUTES = (
    Route("GET", "credentials", "credentials", get_credentials),
    Route("POST", "credentials", "credentials", post_credentials, body=True),
    Route("PUT", "credentials", "credentials", put_credentials, body=True),
    Route("DELETE", "credentials", "credentials", delete_credentials),
)
