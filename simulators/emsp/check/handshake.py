"""Versions, credentials and their tokens: the rules around the handshake."""

from __future__ import annotations

from simulators.emsp import handshake
from simulators.emsp.check.table import HELD, SINCE_221, CheckRule, Spec, Verdict, broken, skipped
from simulators.emsp.check.visit import Visit, tell
from simulators.emsp.errors import EmspError, PeerRefusedError
from simulators.emsp.handshake import new_credentials_token
from simulators.emsp.peer import Reply

AUTHORIZATION = Spec("transport_and_format 4.1.2 Authorization header", "transport_and_format Request format")
REGISTRATION = Spec("credentials 7.1.1 Registration", "credentials 3.1 Registration")
POST = Spec("credentials 7.2.2 POST Method", "credentials 1.2 POST Method")
PUT = Spec("credentials 7.2.3 PUT Method", "credentials 1.3 PUT Method")
DELETE = Spec("credentials 7.2.4 DELETE Method", "credentials 1.4 DELETE Method")


async def open_visit(visit: Visit) -> None:
    """Read versions and details with token A; `EmspError` if there is nobody to check."""
    visit.peer.watch = visit.see
    reply = await visit.peer.request("GET", visit.versions_url, module="versions", token=visit.token_a, judged=False)
    if reply.http_status == 401:
        reply.require_success("cannot read the versions")
    with visit.during("versions"):
        offered = handshake.read_versions(visit.desk, visit.version, reply)
    number = visit.version.number
    if number not in offered:
        if offered:
            raise PeerRefusedError(
                f"the server offers {', '.join(sorted(offered))}, not {number}",
                visit.versions_url,
                "Choose another --version.",
                http_status=reply.http_status,
                status_code=reply.status_code,
            )
        visit.stopped = f"the list of versions cannot be read: {tell(reply)}"
        return
    with visit.during("details"):
        await _read_details(visit, offered[number])


async def _read_details(visit: Visit, url: str) -> None:
    number = visit.version.number
    details = await visit.peer.request("GET", url, module="versions", token=visit.token_a, judged=False)
    visit.desk.findings.extend(details.where, visit.version.judge("version_details", details.data), "$.data")
    if not visit.version.is_well_formed("version_details", details.data):
        visit.stopped = f"the version details of {number} cannot be read: {tell(details)}"
        return
    if details.data["version"] != number:
        seen = repr(details.data["version"])
        visit.desk.findings.add(handshake.VERSION_MATCHES, details.where, "$.data.version", seen)
    visit.endpoints = visit.version.read_endpoints(details.data)
    if not any(module == "credentials" for module, _ in visit.endpoints):
        visit.stopped = "the version details name no credentials endpoint"


async def _versions(visit: Visit, *, token: str) -> Reply:
    return await visit.peer.request("GET", visit.versions_url, module="versions", token=token, judged=False)


async def _no_token(visit: Visit) -> Verdict:
    return _is(401, await _versions(visit, token=""))


async def _unknown_token(visit: Visit) -> Verdict:
    return _is(401, await _versions(visit, token=new_credentials_token()))


async def _token_a_elsewhere(visit: Visit) -> Verdict:
    for module in visit.offered():
        return _is(401, await visit.ask("GET", module, "SENDER", token=visit.token_a))
    return skipped("the server offers no list to ask for")


async def _credentials(visit: Visit, method: str, *, body: bool = True, token: str | None = None) -> Reply:
    card = visit.version.render_credentials(visit.desk.party, visit.desk.versions_url, _our_token(visit))
    role = "SENDER" if ("credentials", "SENDER") in visit.endpoints else "RECEIVER"
    return await visit.ask(method, "credentials", role, body=card if body else None, token=token)


def _our_token(visit: Visit) -> str:
    return next(iter(visit.desk.tokens_in), new_credentials_token())


async def _put_unregistered(visit: Visit) -> Verdict:
    return _is(405, await _credentials(visit, "PUT"))


async def _delete_unregistered(visit: Visit) -> Verdict:
    return _is(405, await _credentials(visit, "DELETE", body=False))


async def _post(visit: Visit) -> Verdict:
    desk = visit.desk
    with visit.during("credentials"):
        try:
            partner = await handshake.register(desk, visit.version, visit.peer, visit.versions_url, visit.token_a)
        except EmspError as error:
            visit.stopped = f"not registered: {error.what}"
            return broken("the server registers us and answers its Credentials", error.what, error.where)
    visit.cpo = str(partner.party())
    return HELD


async def _fetches(visit: Visit) -> Verdict:
    paths = [received.path for received in visit.desk.received]
    details = f"/ocpi/{visit.version.number}"
    if "/ocpi/versions" in paths and details in paths:
        return HELD
    return broken("the server fetches our versions and version details", f"it fetched {', '.join(paths) or 'nothing'}")


async def _token_a_ends(visit: Visit) -> Verdict:
    return _is(401, await _versions(visit, token=visit.token_a))


async def _get(visit: Visit) -> Verdict:
    reply = await _credentials(visit, "GET", body=False)
    problems = visit.version.judge("credentials", reply.data) if reply.is_success else []
    if not reply.is_success:
        return broken("the Credentials to use the server with", tell(reply), reply.where)
    if not visit.version.is_well_formed("credentials", reply.data):
        return broken("a Credentials object", f"{problems[0].path} {problems[0].seen}", reply.where)
    return HELD


async def _post_again(visit: Visit) -> Verdict:
    return _is(405, await _credentials(visit, "POST"))


async def _rotate(visit: Visit) -> Verdict:
    before = visit.desk.partner
    assert before is not None
    with visit.during("credentials"):
        try:
            after = await handshake.rotate(visit.desk, visit.version, visit.peer)
        except EmspError as error:
            return broken("new Credentials for a PUT", error.what, error.where)
    if after.card.token == before.card.token:
        return broken("a new credentials token", "the token that was there before")
    reply = await _versions(visit, token=after.card.token)
    if not reply.is_success:
        return broken("the new token opens the server", tell(reply), reply.where)
    visit.old_token = before.card.token
    return HELD


async def _old_token_ends(visit: Visit) -> Verdict:
    if not visit.old_token:
        return skipped("no new token was given")
    return _is(401, await _versions(visit, token=visit.old_token))


async def _delete(visit: Visit) -> Verdict:
    partner = visit.desk.partner
    assert partner is not None
    reply = await _credentials(visit, "DELETE", body=False)
    if not reply.is_success:
        return broken("the registration ends", tell(reply), reply.where)
    visit.stopped = "the registration was ended"
    after = await _versions(visit, token=partner.card.token)
    if after.http_status != 401:
        return broken("HTTP 401 for the token of a registration that was ended", tell(after), after.where)
    return HELD


def _is(http_status: int, reply: Reply) -> Verdict:
    if reply.http_status == http_status:
        return HELD
    return broken(f"HTTP {http_status}", tell(reply), reply.where)


BEFORE: tuple[CheckRule, ...] = (
    CheckRule(
        "credentials.no_token", "a request without a credentials token is answered with HTTP 401",
        AUTHORIZATION, _no_token, needs_registration=False,
    ),
    CheckRule(
        "credentials.unknown_token", "an unknown credentials token is answered with HTTP 401",
        AUTHORIZATION, _unknown_token, needs_registration=False,
    ),
    CheckRule(
        "credentials.token_a_elsewhere", "token A opens versions and credentials only, else HTTP 401",
        AUTHORIZATION, _token_a_elsewhere, SINCE_221, needs_registration=False,
    ),
    CheckRule(
        "credentials.put_unregistered", "PUT by a client that is not registered: HTTP 405",
        PUT, _put_unregistered, needs_registration=False,
    ),
    CheckRule(
        "credentials.delete_unregistered", "DELETE by a client that is not registered: HTTP 405",
        DELETE, _delete_unregistered, needs_registration=False,
    ),
    CheckRule("credentials.post", "POST registers and answers the server's Credentials", POST, _post),
    CheckRule("credentials.fetches", "the server fetches the client's versions and endpoints", POST, _fetches),
    CheckRule(
        "credentials.token_a_ends", "token A is of no use after the registration",
        REGISTRATION, _token_a_ends, should_in=("2.1.1",),
    ),
    CheckRule(
        "credentials.get", "GET answers the Credentials that are in force",
        Spec("credentials 7.2.1 GET Method", "credentials 1.1 GET Method"), _get,
    ),
    CheckRule("credentials.post_again", "POST by a client that is registered: HTTP 405", POST, _post_again),
)  # fmt: skip
AFTER: tuple[CheckRule, ...] = (
    CheckRule("credentials.put", "PUT answers Credentials with a new token, which is in force", PUT, _rotate),
    CheckRule(
        "credentials.old_token_ends", "the token before a PUT ends once the new one is used",
        AUTHORIZATION, _old_token_ends,
    ),
    CheckRule("credentials.delete", "DELETE ends the registration and the token", DELETE, _delete),
)  # fmt: skip
