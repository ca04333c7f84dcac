"""The app of the eMSP's driver at one EVSE: it orders start and stop when the charger's play has come so far."""

from __future__ import annotations

from typing import Any

from simulators.charger.scenario import AwaitCall, Plug, Scenario, Step
from simulators.demo.errors import DemoError
from simulators.demo.site import LOCATION, Stage
from simulators.emsp.commands import SentCommand
from simulators.emsp.emsp import Emsp

STARTS = ("RemoteStartTransaction", "RequestStartTransaction")
STOPS = ("RemoteStopTransaction", "RequestStopTransaction")
PUSH_S = 30


def is_ordered(scenario: Scenario) -> bool:
    """Whether the session of this scenario is started by the eMSP."""
    return any(isinstance(step, AwaitCall) and step.action in STARTS for step in scenario.steps)


class App:
    """`cue` is the cue of a scenario; a step that waits for no order passes."""

    def __init__(self, emsp: Emsp, stage: Stage) -> None:
        self._emsp = emsp
        self._stage = stage
        self._has_ordered = False

    async def cue(self, step: Step) -> None:
        if isinstance(step, AwaitCall) and step.action in STARTS:
            await self._start()
        elif isinstance(step, AwaitCall) and step.action in STOPS:
            await self._stop()
        elif isinstance(step, Plug) and self._has_ordered:
            # The driver plugs in when the app says so.
            await self._wait_for("PENDING")

    async def _start(self) -> None:
        place = {"evse_uid": self._stage.evse_uid, "connector_id": "1"}
        await _require(await self._emsp.start_session(self._stage.token_uid, LOCATION, **place))
        self._has_ordered = True

    async def _stop(self) -> None:
        session = await self._wait_for("ACTIVE")
        await _require(await self._emsp.stop_session(session["id"]))

    async def _wait_for(self, status: str) -> dict[str, Any]:
        """The session at the EVSE once it was pushed with this status."""

        def find() -> dict[str, Any] | None:
            sessions = self._emsp.store.sessions
            here = [session for session in sessions if session["evse_uid"] == self._stage.evse_uid]
            return next((session for session in here if session["status"] == status), None)

        where = self._stage.evse_uid
        await self._emsp.wait_for(lambda: find() is not None, PUSH_S, f"no session at {where} was pushed as {status}")
        found = find()
        if found is None:
            raise DemoError(f"the session at {where} did not stay {status}")
        return found


async def _require(sent: SentCommand) -> None:
    """Accepted by the CPO, and by the charger."""
    if not sent.is_accepted:
        raise DemoError(f"{sent.command} was answered {sent.response}")
    result = await sent.result()
    if result is None or result["result"] != "ACCEPTED":
        raise DemoError(f"the result of {sent.command} is {result}")
