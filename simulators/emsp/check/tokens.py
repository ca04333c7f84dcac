"""The tokens receiver: a CPO keeps what an eMSP pushes, changes what it patches, refuses what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.emsp.check.refusals import CLIENT_ERRORS, STATUS, has_status, refused
from simulators.emsp.check.table import ALL, HELD, SINCE_221, CheckRule, Examine, Spec, Verdict, broken
from simulators.emsp.check.visit import NothingToTellError, Visit, tell
from simulators.emsp.peer import Reply
from simulators.emsp.wire import JsonObject, format_datetime, shorten

GET = Spec("mod_tokens 12.2.1.1 GET Method", "mod_tokens 2.1.1 GET Method")
PUT = Spec("mod_tokens 12.2.1.2 PUT Method", "mod_tokens 2.1.2 PUT Method")
PATCH = Spec("mod_tokens 12.2.1.3 PATCH Method", "mod_tokens 2.1.3 PATCH Method")
TOKEN = Spec("mod_tokens 12.3.2 Token Object", "mod_tokens 3.2 Token Object")
CI_STRING = Spec("types 16.1 CiString type", in_230="types CiString type")
REPLACES = Spec("transport_and_format 4.1.4.2 PUT", "transport_and_format PUT")
FOREIGN = Spec("transport_and_format 4.1.5.1 Errors", "transport_and_format Client owned object push")
OTHER_ID = Spec("transport_and_format 4.1.5.1 Errors", "transport_and_format Errors")
UNKNOWN_FIELDS = Spec(
    "transport_and_format 4.1.7 Response format",
    "transport_and_format Response format",
    "transport_and_format 4.1.8 Non-specified JSON fields",
)


async def _send(
    visit: Visit,
    method: str,
    uid: str,
    body: object = None,
    *,
    query: Mapping[str, str] | None = None,
    raw_body: bytes | None = None,
    party_id: str | None = None,
) -> Reply:
    country_code, own = visit.owner
    return await visit.ask(
        method, "tokens", "RECEIVER", country_code, party_id or own, uid, query=query, body=body, raw_body=raw_body
    )


async def _given(visit: Visit, suffix: str, **fields: Any) -> JsonObject:
    """A token the server has taken."""
    token = visit.token(suffix, **fields)
    reply = await _send(visit, "PUT", token["uid"], token, query=_type_of(token))
    if not reply.is_success:
        raise NothingToTellError(f"the server does not take a token: {tell(reply)}")
    return token


def _type_of(token: JsonObject) -> dict[str, str]:
    return {} if token["type"] == "RFID" else {"type": token["type"]}


async def _kept(visit: Visit, token: JsonObject, *, lacks: tuple[str, ...] = ()) -> Verdict:
    reply = await _send(visit, "GET", token["uid"], query=_type_of(token))
    if not reply.is_success:
        return broken("the token that was pushed", tell(reply), reply.where)
    problems = visit.version.judge("token", reply.data)
    if not visit.version.is_well_formed("token", reply.data):
        return broken("a Token object", f"{problems[0].path} {problems[0].seen}", reply.where)
    for name, value in token.items():
        if name != "last_updated" and reply.data.get(name) != value:
            return broken(f"{name} {shorten(value)}", f"{shorten(reply.data.get(name))}", reply.where)
    for name in lacks:
        if reply.data.get(name) is not None:
            return broken(f"no {name}", shorten(reply.data[name]), reply.where)
    return HELD


async def _put(visit: Visit) -> Verdict:
    token = visit.token("A", language="nl", visual_number="CHECK-1")
    reply = await _send(visit, "PUT", token["uid"], token)
    return HELD if reply.is_success else broken("a right token is taken", tell(reply), reply.where)


async def _created(visit: Visit) -> Verdict:
    token = visit.token("B")
    first = await _send(visit, "PUT", token["uid"], token)
    again = await _send(visit, "PUT", token["uid"], token)
    if (first.http_status, again.http_status) != (201, 200):
        seen = f"HTTP {first.http_status}, then HTTP {again.http_status}"
        return broken("HTTP 201 for a new token, HTTP 200 for a known one", seen, first.where)
    return HELD


async def _get(visit: Visit) -> Verdict:
    return await _kept(visit, await _given(visit, "A", language="nl", visual_number="CHECK-1"))


async def _missing(visit: Visit) -> Verdict:
    return has_status(await _send(visit, "GET", f"CHECK{visit.mark}NONE"), 404)


async def _replaces(visit: Visit) -> Verdict:
    await _given(visit, "A", language="nl", visual_number="CHECK-1")
    return await _kept(visit, await _given(visit, "A", whitelist="NEVER"), lacks=("language", "visual_number"))


async def _patch(visit: Visit) -> Verdict:
    token = await _given(visit, "A", language="nl")
    change = visit.version.render_token({"valid": False, "last_updated": format_datetime(visit.desk.now())})
    reply = await _send(visit, "PATCH", token["uid"], change)
    if not reply.is_success:
        return broken("a right change is taken", tell(reply), reply.where)
    return await _kept(visit, {**token, "valid": False})


async def _patch_without_last_updated(visit: Visit) -> Verdict:
    token = await _given(visit, "A")
    return refused(visit, await _send(visit, "PATCH", token["uid"], {"language": "de"}))


async def _patch_bare(visit: Visit) -> Verdict:
    token = await _given(visit, "M")
    reply = await _send(visit, "PATCH", token["uid"], {"valid": False})
    if not reply.is_success:
        return broken("a change is taken without last_updated", tell(reply), reply.where)
    return await _kept(visit, {**token, "valid": False})


async def _patch_missing(visit: Visit) -> Verdict:
    change = visit.version.render_token({"valid": False, "last_updated": format_datetime(visit.desk.now())})
    return refused(visit, await _send(visit, "PATCH", f"CHECK{visit.mark}NONE", change), 404)


async def _foreign(visit: Visit) -> Verdict:
    token = visit.token("C") | ({"party_id": "ZZZ"} if visit.version.has_owners else {})
    return refused(visit, await _send(visit, "PUT", token["uid"], token, party_id="ZZZ"), 404)


async def _other_id(visit: Visit) -> Verdict:
    token = visit.token("D")
    return refused(visit, await _send(visit, "PUT", f"CHECK{visit.mark}OTHER", token))


async def _types(visit: Visit) -> Verdict:
    card = await _given(visit, "E", language="nl")
    app = await _given(visit, "E", type="APP_USER", language="de")
    for token in (card, app):
        verdict = await _kept(visit, token)
        if verdict is not HELD:
            return verdict
    return HELD


async def _case(visit: Visit) -> Verdict:
    token = await _given(visit, "A")
    reply = await _send(visit, "GET", token["uid"].lower())
    return HELD if reply.is_success else broken(f"{token['uid']} in any case", tell(reply), reply.where)


async def _incomplete(visit: Visit) -> Verdict:
    token = {name: value for name, value in visit.token("F").items() if name != "issuer"}
    return refused(visit, await _send(visit, "PUT", token["uid"], token))


async def _wrong_type(visit: Visit) -> Verdict:
    token = {**visit.token("G"), "whitelist": 7}
    return refused(visit, await _send(visit, "PUT", token["uid"], token))


async def _not_an_object(visit: Visit) -> Verdict:
    return refused(visit, await _send(visit, "PUT", visit.token("H")["uid"], ["no", "token"]))


async def _not_json(visit: Visit) -> Verdict:
    return has_status(await _send(visit, "PUT", visit.token("I")["uid"], raw_body=b'{"uid": '), 400)


async def _unknown_field(visit: Visit) -> Verdict:
    token = {**visit.token("K"), "favourite_colour": "green"}
    reply = await _send(visit, "PUT", token["uid"], token)
    return HELD if reply.is_success else broken("a field that is not known is let be", tell(reply), reply.where)


async def _null(visit: Visit) -> Verdict:
    token = {**visit.token("L"), "language": None}
    reply = await _send(visit, "PUT", token["uid"], token)
    return HELD if reply.is_success else broken("null is the same as left out", tell(reply), reply.where)


async def tidy(visit: Visit) -> None:
    """Make the tokens of this visit invalid; they cannot be deleted."""
    if ("tokens", "RECEIVER") not in visit.endpoints:
        return
    change = visit.version.render_token({"valid": False, "last_updated": format_datetime(visit.desk.now())})
    for token in visit.tokens:
        await _send(visit, "PATCH", token["uid"], change, query=_type_of(token))


def _rule(
    name: str,
    title: str,
    spec: Spec,
    examine: Examine,
    versions: tuple[str, ...] = ALL,
    should_in: tuple[str, ...] = (),
) -> CheckRule:
    return CheckRule(f"tokens.{name}", title, spec, examine, versions, should_in, ("tokens", "RECEIVER"))


RULES: tuple[CheckRule, ...] = (
    _rule("put", "a token that is right is taken", PUT, _put),
    _rule("created", "HTTP 201 for a new token, 200 for a known one", STATUS, _created, should_in=ALL),
    _rule("get", "GET answers the token as it was pushed", GET, _get),
    _rule("missing", "GET of a token that is not there: HTTP 404", STATUS, _missing, should_in=ALL),
    _rule("put_replaces", "PUT replaces all: optional fields left out are gone", REPLACES, _replaces),
    _rule("patch", "PATCH changes its fields and leaves the others", PATCH, _patch),
    _rule(
        "patch_without_last_updated", "PATCH without last_updated: 2001",
        PATCH, _patch_without_last_updated, SINCE_221,
    ),
    _rule("patch_bare", "PATCH needs the fields that change, and no more", PATCH, _patch_bare, ("2.1.1",)),
    _rule("patch_missing", "PATCH of a token that is not there fails", PATCH, _patch_missing),
    _rule("foreign", "a token of another party is refused", FOREIGN, _foreign, should_in=ALL),
    _rule("other_id", "an id in the URL that is not the token's: 2001", OTHER_ID, _other_id, should_in=ALL),
    _rule("types", "uid and type identify a token; without ?type= it is RFID", GET, _types, SINCE_221),
    _rule("case", "the uid is found whatever its case", CI_STRING, _case, SINCE_221),
    _rule("incomplete", "a token without a required field: 2001", CLIENT_ERRORS, _incomplete),
    _rule("wrong_type", "a field of the wrong type: 2001", CLIENT_ERRORS, _wrong_type),
    _rule("not_an_object", "a body that is no token at all: 2001", CLIENT_ERRORS, _not_an_object),
    _rule("not_json", "a body that is not JSON: HTTP 400", STATUS, _not_json),
    _rule(
        "unknown_field", "a field that is not specified is no reason to refuse",
        UNKNOWN_FIELDS, _unknown_field, should_in=("2.1.1", "2.2.1"),
    ),
    _rule("null", "an optional field may be null", TOKEN, _null, should_in=ALL),
)  # fmt: skip
