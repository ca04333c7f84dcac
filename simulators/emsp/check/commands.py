"""Commands, charging profiles and preferences.

All of them name locations and sessions that are not there, so that nothing moves at a charger: unless the one who
calls names a connector on which a session may be started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from simulators.emsp import commands
from simulators.emsp.check.refusals import CLIENT_ERRORS, STATUS, has_status, is_refused, refused
from simulators.emsp.check.table import ALL, HELD, SINCE_221, CheckRule, Examine, Spec, Verdict, broken, skipped
from simulators.emsp.check.visit import Visit, tell
from simulators.emsp.peer import Reply
from simulators.emsp.wire import JsonObject, shorten

POST = Spec("mod_commands 13.2.1.1 POST Method", "mod_commands 2.1.1 POST Method")
RESPONSE = Spec("mod_commands 13.3.2 CommandResponse Object", "mod_commands 3.1 CommandResponse Object")
FLOW = Spec("mod_commands 13.1 Flow", "mod_commands 1 Flow")
RESPONSE_TYPE = Spec("mod_commands 13.4.1 CommandResponseType enum", "mod_commands 4.1 CommandResponseType enum")
PROFILE_TYPE = Spec("mod_charging_profiles 14.5.5 ChargingProfileResponseType enum")
PREFERENCES = Spec("mod_sessions 9.2.1.2 PUT Method")
PROFILE = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 6}]}


def _bodies(visit: Visit) -> dict[str, JsonObject]:
    """A command of each kind, right in its form, about things that are not there."""
    nowhere = f"CHECK{visit.mark}"
    place = {"location_id": nowhere, "evse_uid": nowhere}
    token = visit.token("A")
    has_numbers = visit.version.has_number_reservations
    bodies: dict[str, JsonObject] = {
        "START_SESSION": {"token": token, **place},
        "STOP_SESSION": {"session_id": nowhere},
        "RESERVE_NOW": {
            "token": token,
            "expiry_date": visit.version.render_time(visit.desk.now() + timedelta(hours=1)),
            "reservation_id": int(visit.mark, 16) % 1_000_000 if has_numbers else nowhere,
            **place,
        },
        "UNLOCK_CONNECTOR": {**place, "connector_id": "1"},
    }
    if not has_numbers:
        bodies["CANCEL_RESERVATION"] = {"reservation_id": nowhere}
    return bodies


async def _command(visit: Visit, command: str, body: Mapping[str, Any]) -> tuple[Reply, commands.SentCommand]:
    """Send a command; its response is {} if the answer has none."""
    asked_id, response_url = commands.expect_result(visit.desk, visit.version, "commands", command, "command_result")
    reply = await visit.ask("POST", "commands", "RECEIVER", command, body={"response_url": response_url, **body})
    return reply, _sent(visit, reply, asked_id, command, "command_response")


def _sent(visit: Visit, reply: Reply, asked_id: str, what: str, kind: str) -> commands.SentCommand:
    response = reply.data if visit.version.is_well_formed(kind, reply.data) else {}
    sent = commands.SentCommand(asked_id, what, response, visit.desk, reply.where)
    visit.sent.append(sent)
    return sent


async def _response(visit: Visit) -> Verdict:
    for command, body in _bodies(visit).items():
        reply, sent = await _command(visit, command, body)
        if not reply.is_success:
            # With an OCPI error the data is unspecified.
            if is_refused(visit, reply):
                continue
            return broken(f"a CommandResponse to {command}", tell(reply), reply.where)
        if not sent.response:
            problem = visit.version.judge("command_response", reply.data)[0]
            return broken(f"a CommandResponse to {command}", f"{problem.path} {problem.seen}", reply.where)
    return HELD


async def _unknown_location(visit: Visit) -> Verdict:
    reply, sent = await _command(visit, "START_SESSION", _bodies(visit)["START_SESSION"])
    if reply.is_success and sent.response.get("result") in ("REJECTED", "NOT_SUPPORTED"):
        return HELD
    if is_refused(visit, reply):
        return HELD
    return broken("OCPI status 2003, or result REJECTED", _tell_response(reply, sent), reply.where)


async def _unknown_session(visit: Visit) -> Verdict:
    reply, sent = await _command(visit, "STOP_SESSION", _bodies(visit)["STOP_SESSION"])
    if sent.response.get("result") in ("UNKNOWN_SESSION", "NOT_SUPPORTED") and reply.http_status == 200:
        return HELD
    return broken("result UNKNOWN_SESSION", _tell_response(reply, sent), reply.where)


async def _wrong_body(visit: Visit) -> Verdict:
    reply = await visit.ask("POST", "commands", "RECEIVER", "START_SESSION", body={"token": "none"})
    return refused(visit, reply)


async def _not_json(visit: Visit) -> Verdict:
    reply = await visit.ask("POST", "commands", "RECEIVER", "STOP_SESSION", raw_body=b'{"session_id": ')
    return has_status(reply, 400)


async def _unknown_command(visit: Visit) -> Verdict:
    reply, sent = await _command(visit, "DANCE", _bodies(visit)["STOP_SESSION"])
    if sent.response.get("result") in ("NOT_SUPPORTED", "REJECTED") or is_refused(visit, reply, 404, 405, 501):
        return HELD
    return broken("HTTP 404, OCPI status 2xxx or NOT_SUPPORTED", _tell_response(reply, sent), reply.where)


async def _wrong_method(visit: Visit) -> Verdict:
    return has_status(await visit.ask("GET", "commands", "RECEIVER", "START_SESSION"), 405, 404, 501)


async def _result(visit: Visit) -> Verdict:
    """Every command that was accepted has its result in time."""
    if visit.connector:
        names = ("location_id", "evse_uid", "connector_id")
        body = {"token": visit.token("A"), **dict(zip(names, visit.connector, strict=False))}
        if visit.version.has_number_reservations:
            body.pop("connector_id", None)
        await _command(visit, "START_SESSION", body)
    accepted = [sent for sent in visit.sent if sent.is_accepted]
    if not accepted:
        return skipped("no command was accepted (name a free connector by --connector to have one)")
    for sent in accepted:
        limit = min(float(sent.response.get("timeout", commands.DEFAULT_TIMEOUT_S)), visit.patience_s)
        if await sent.result(limit) is None:
            return broken(
                f"the result of {sent.command} at its response_url", f"nothing within {limit:g} s", sent.where
            )
        if len(sent.results) > 1:
            return broken(f"one result of {sent.command}", f"{len(sent.results)} results", sent.where)
    return HELD


async def _no_result(visit: Visit) -> Verdict:
    # Whatever is on its way comes before an answer that is asked for now.
    await asyncio.sleep(0)
    for sent in visit.sent:
        if sent.results and not sent.is_accepted:
            seen = f"{shorten(sent.results[0])} after {sent.response.get('result', 'no response')}"
            return broken(f"no result of {sent.command}, which was not accepted", seen, sent.where)
    return HELD


async def _profile(visit: Visit, method: str) -> tuple[Reply, commands.SentCommand]:
    kind = "active_charging_profile_result" if method == "GET" else "charging_profile_result"
    asked_id, response_url = commands.expect_result(visit.desk, visit.version, "chargingprofiles", "check", kind)
    query = {"response_url": response_url} if method != "PUT" else None
    if method == "GET":
        query = {"duration": "900", "response_url": response_url}
    body = {"charging_profile": PROFILE, "response_url": response_url} if method == "PUT" else None
    session_id = f"CHECK{visit.mark}"
    reply = await visit.ask(method, "chargingprofiles", "RECEIVER", session_id, query=query, body=body)
    return reply, _sent(visit, reply, asked_id, f"{method} charging profile", "charging_profile_response")


def _unknown_profile_session(method: str) -> Examine:
    async def examine(visit: Visit) -> Verdict:
        reply, sent = await _profile(visit, method)
        if reply.is_success and not sent.response:
            problem = visit.version.judge("charging_profile_response", reply.data)[0]
            return broken("a ChargingProfileResponse", f"{problem.path} {problem.seen}", reply.where)
        if sent.response.get("result") in ("UNKNOWN_SESSION", "NOT_SUPPORTED"):
            return HELD
        if method == "GET" and reply.http_status == 404:
            return HELD
        return broken("result UNKNOWN_SESSION", _tell_response(reply, sent), reply.where)

    return examine


async def _wrong_profile(visit: Visit) -> Verdict:
    reply = await visit.ask("PUT", "chargingprofiles", "RECEIVER", f"CHECK{visit.mark}", body={"charging_profile": 7})
    return refused(visit, reply)


async def _unknown_preferences_session(visit: Visit) -> Verdict:
    session_id = f"CHECK{visit.mark}"
    body = {"profile_type": "FAST"}
    reply = await visit.ask("PUT", "sessions", "SENDER", session_id, "charging_preferences", body=body)
    return _not_taken(visit, reply)


async def _wrong_preferences(visit: Visit) -> Verdict:
    session = (await visit.items("sessions"))[0]
    body = {"energy_need": "much"}
    reply = await visit.ask("PUT", "sessions", "SENDER", session["id"], "charging_preferences", body=body)
    return _not_taken(visit, reply)


def _not_taken(visit: Visit, reply: Reply) -> Verdict:
    if is_refused(visit, reply, 404, 405, 501) or (reply.is_success and reply.data == "NOT_POSSIBLE"):
        return HELD
    seen = f"{tell(reply)}, data {shorten(reply.data)}"
    return broken("HTTP 404, OCPI status 2xxx or NOT_POSSIBLE", seen, reply.where)


def _tell_response(reply: Reply, sent: commands.SentCommand) -> str:
    result = sent.response.get("result")
    return tell(reply) + (f", result {result}" if result else ", no response object")


def _about_commands(name: str, title: str, spec: Spec, examine: Examine, should_in: tuple[str, ...] = ()) -> CheckRule:
    return CheckRule(f"commands.{name}", title, spec, examine, ALL, should_in, ("commands", "RECEIVER"))


def _about_profiles(name: str, title: str, spec: Spec, examine: Examine) -> CheckRule:
    return CheckRule(f"profiles.{name}", title, spec, examine, SINCE_221, (), ("chargingprofiles", "RECEIVER"))


RULES: tuple[CheckRule, ...] = (
    _about_commands("response", "each kind of command is answered with a CommandResponse", RESPONSE, _response),
    _about_commands(
        "unknown_location", "a start at an unknown location is not accepted", CLIENT_ERRORS, _unknown_location
    ),
    _about_commands(
        "unknown_session", "a stop of an unknown session: UNKNOWN_SESSION", RESPONSE_TYPE, _unknown_session
    ),
    _about_commands("wrong_body", "a command without its required fields: 2001", CLIENT_ERRORS, _wrong_body),
    _about_commands("not_json", "a command that is not JSON: HTTP 400", STATUS, _not_json),
    _about_commands("unknown_command", "a command that does not exist is refused", POST, _unknown_command, ALL),
    _about_commands("wrong_method", "commands are sent by POST only", POST, _wrong_method, ALL),
    *(
        _about_profiles(
            f"unknown_{method.lower()}", f"{method} for an unknown session: UNKNOWN_SESSION",
            PROFILE_TYPE, _unknown_profile_session(method),
        )
        for method in ("PUT", "GET", "DELETE")
    ),
    _about_profiles("wrong_body", "a charging profile that is none: 2001", CLIENT_ERRORS, _wrong_profile),
    CheckRule(
        "preferences.unknown_session", "charging preferences for an unknown session are not accepted",
        PREFERENCES, _unknown_preferences_session, SINCE_221, endpoint=("sessions", "SENDER"),
    ),
    CheckRule(
        "preferences.wrong_body", "charging preferences without a profile_type are not accepted",
        PREFERENCES, _wrong_preferences, SINCE_221, endpoint=("sessions", "SENDER"),
    ),
    _about_commands("result", "an accepted command has one result, in time, at its response_url", FLOW, _result),
    _about_commands("no_result", "a command that was not accepted has no result", FLOW, _no_result),
)  # fmt: skip
