"""Commands to the CPO, and the wait for what the charger made of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from simulators.emsp.findings import Rule
from simulators.emsp.peer import Peer, endpoint_url
from simulators.emsp.state import Desk
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import JsonObject

IN_TIME = Rule(
    "commands.in_time",
    "the result of an accepted command comes within the timeout of its response",
    "OCPI 2.2.1 mod_commands 13.3.2 CommandResponse",
)
NO_RESULT = Rule(
    "commands.no_result", "a command that was not accepted has no result", "OCPI 2.2.1 mod_commands 13.1 Flow"
)


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command and the CPO's immediate answer; `response` is a CommandResponse object."""

    id: str
    command: str
    response: JsonObject
    desk: Desk
    where: str

    @property
    def is_accepted(self) -> bool:
        return self.response.get("result") == "ACCEPTED"

    @property
    def results(self) -> list[JsonObject]:
        return self.desk.results[self.id]

    async def result(self, timeout_s: float | None = None) -> JsonObject | None:
        """Wait for the CommandResult; None, and a finding, if it does not come within `timeout_s`.

        The CPO's own timeout is the default.
        """
        limit = self.response["timeout"] if timeout_s is None else timeout_s
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


async def send_command(desk: Desk, version: OcpiVersion, peer: Peer, command: str, body: dict[str, Any]) -> SentCommand:
    """POST a command; `response_url` is ours and made unique. `PeerRefusedError` if the CPO cannot read it."""
    command_id = str(uuid4())
    url = endpoint_url(desk, "commands", "RECEIVER", command)
    response_url = f"{desk.base_url}/ocpi/{version.number}/commands/{command}/{command_id}"
    desk.results[command_id] = []
    reply = await peer.request("POST", url, module="commands", body={**body, "response_url": response_url})
    reply.require_success(f"{command} was not understood")
    desk.findings.extend(reply.where, version.judge("command_response", reply.data), "$.data")
    response = reply.data if version.is_well_formed("command_response", reply.data) else {"result": "", "timeout": 0}
    return SentCommand(command_id, command, response, desk, reply.where)
