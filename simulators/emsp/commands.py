"""Commands and charging profiles to the CPO, and the wait for what the charger made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from simulators.emsp.findings import Rule
from simulators.emsp.peer import Peer, Reply, endpoint_url
from simulators.emsp.state import Asked, Desk
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import JsonObject, shorten

IN_TIME = Rule(
    "commands.in_time",
    "the result of an accepted command comes within the timeout of its response",
    "OCPI 2.2.1 mod_commands 13.3.2 CommandResponse",
)
NO_RESULT = Rule(
    "commands.no_result", "a command that was not accepted has no result", "OCPI 2.2.1 mod_commands 13.1 Flow"
)
PREFERENCES_ANSWER = Rule(
    "sessions.preferences_answer",
    "charging preferences are answered with a ChargingPreferencesResponse",
    "OCPI 2.2.1 mod_sessions 9.2.1.2 PUT Method",
)
PREFERENCES_ANSWERS = (
    "ACCEPTED",
    "DEPARTURE_REQUIRED",
    "ENERGY_NEED_REQUIRED",
    "NOT_POSSIBLE",
    "PROFILE_TYPE_NOT_SUPPORTED",
)
# OCPI 2.1.1 has no timeout in its response.
DEFAULT_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command or a request about a charging profile, with the CPO's immediate answer.

    `response` is the CommandResponse (ChargingProfileResponse) as it came; `status_code` is OCPI's of its envelope,
    which may be 2003 for an unknown location.
    """

    id: str
    command: str
    response: JsonObject
    desk: Desk
    where: str
    status_code: int | None = 1000
    http_status: int = 200

    @property
    def is_accepted(self) -> bool:
        return self.response.get("result") == "ACCEPTED"

    @property
    def results(self) -> list[JsonObject]:
        return self.desk.asked[self.id].results

    async def result(self, timeout_s: float | None = None) -> JsonObject | None:
        """Wait for the result object; None, and a finding, if it does not come within `timeout_s`.

        The CPO's own timeout is the default.
        """
        limit = self.response.get("timeout", DEFAULT_TIMEOUT_S) if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(limit), self.desk.changed:
                await self.desk.changed.wait_for(lambda: bool(self.results))
        except TimeoutError:
            if self.is_accepted:
                self.desk.findings.add(IN_TIME, self.where, "$.data.timeout", f"no result after {limit} s")
            return None
        if not self.is_accepted:
            seen = f"{self.results[0]['result']} after {self.response['result']}"
            self.desk.findings.add(NO_RESULT, self.where, "$.data.result", seen)
        return self.results[0]


async def send_command(
    desk: Desk, version: OcpiVersion, peer: Peer, command: str, body: Mapping[str, Any]
) -> SentCommand:
    """POST a command; `response_url` is ours and unique unless `body` brings its own.

    `PeerRefusedError` if the CPO answers without a CommandResponse.
    """
    asked_id, response_url = expect_result(desk, version, "commands", f"{command}", "command_result")
    url = endpoint_url(desk, "commands", "RECEIVER", command)
    reply = await peer.request(
        "POST", url, module="commands", body={"response_url": response_url, **body}, judged=False
    )
    return _read_response(desk, version, reply, asked_id, command, "command_response")


async def put_profile(
    desk: Desk, version: OcpiVersion, peer: Peer, session_id: str, profile: Mapping[str, Any]
) -> SentCommand:
    """Set a ChargingProfile on a session (OCPI 2.2.1 mod_charging_profiles 14.3.1.2)."""
    asked_id, response_url = expect_result(desk, version, "chargingprofiles", "set", "charging_profile_result")
    url = endpoint_url(desk, "chargingprofiles", "RECEIVER", session_id)
    body = {"charging_profile": dict(profile), "response_url": response_url}
    reply = await peer.request("PUT", url, module="chargingprofiles", body=body, judged=False)
    sent = _read_response(desk, version, reply, asked_id, "set charging profile", "charging_profile_response")
    if sent.is_accepted:
        desk.profiled.add(session_id.upper())
    return sent


async def get_profile(desk: Desk, version: OcpiVersion, peer: Peer, session_id: str, duration_s: int) -> SentCommand:
    """Ask for the ActiveChargingProfile of a session (14.3.1.1); it comes as the result's `profile`."""
    asked_id, response_url = expect_result(
        desk, version, "chargingprofiles", "active", "active_charging_profile_result"
    )
    url = endpoint_url(desk, "chargingprofiles", "RECEIVER", session_id)
    query = {"duration": str(duration_s), "response_url": response_url}
    reply = await peer.request("GET", url, module="chargingprofiles", query=query, judged=False)
    return _read_response(desk, version, reply, asked_id, "get charging profile", "charging_profile_response")


async def clear_profile(desk: Desk, version: OcpiVersion, peer: Peer, session_id: str) -> SentCommand:
    """Clear the ChargingProfile of a session (14.3.1.3)."""
    asked_id, response_url = expect_result(desk, version, "chargingprofiles", "clear", "charging_profile_result")
    url = endpoint_url(desk, "chargingprofiles", "RECEIVER", session_id)
    query = {"response_url": response_url}
    reply = await peer.request("DELETE", url, module="chargingprofiles", query=query, judged=False)
    return _read_response(desk, version, reply, asked_id, "clear charging profile", "charging_profile_response")


async def put_preferences(desk: Desk, peer: Peer, session_id: str, preferences: Mapping[str, Any]) -> str:
    """Set a driver's ChargingPreferences; `PeerRefusedError` if the CPO does not answer with one of its words."""
    url = endpoint_url(desk, "sessions", "SENDER", session_id, "charging_preferences")
    reply = await peer.request("PUT", url, module="sessions", body=dict(preferences), judged=False)
    reply.require_success(f"the preferences for session {session_id} were not accepted")
    if reply.data not in PREFERENCES_ANSWERS:
        desk.findings.add(PREFERENCES_ANSWER, reply.where, "$.data", shorten(reply.data))
    return str(reply.data)


def expect_result(desk: Desk, version: OcpiVersion, module: str, what: str, kind: str) -> tuple[str, str]:
    """Make ready for a result: its id, and the URL where it is to be posted."""
    asked_id = str(uuid4())
    desk.asked[asked_id] = Asked(kind)
    return asked_id, f"{desk.base_url}/ocpi/{version.number}/{module}/{what}/{asked_id}"


def _read_response(
    desk: Desk, version: OcpiVersion, reply: Reply, asked_id: str, command: str, kind: str
) -> SentCommand:
    if not version.is_well_formed(kind, reply.data):
        # Whatever comes as a success must be a response; a refusal may do without.
        if reply.is_success:
            desk.findings.extend(reply.where, version.judge(kind, reply.data), "$.data")
            return SentCommand(asked_id, command, {"result": "", "timeout": 0}, desk, reply.where)
        reply.require_success(f"{command} was not understood")
    desk.findings.extend(reply.where, version.judge(kind, reply.data), "$.data")
    return SentCommand(asked_id, command, reply.data, desk, reply.where, reply.status_code, reply.http_status)
