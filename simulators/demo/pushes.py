"""What the eMSP was pushed: told as it comes, and kept as it became."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from simulators.emsp.emsp import Emsp
from simulators.emsp.state import Received
from simulators.emsp.story import describe_cdr, plain

JsonObject = dict[str, Any]

PUSHED = ("tariffs", "locations", "sessions", "cdrs")
FOREVER_S = 86_400
_ACCEPTED = 1000


class Pushes:
    """`sessions` has each session by its id, as it was after each push, oldest first; `cdrs` each CDR as it came.

    `copies` are all objects as they are by now with the eMSP, by module and id.  What the eMSP did not take is in none.
    """

    def __init__(self, emsp: Emsp, say: Callable[[str], None]) -> None:
        self._emsp = emsp
        self._say = say
        self._seen = 0
        self.sessions: dict[str, list[JsonObject]] = {}
        self.cdrs: list[JsonObject] = []

    async def follow(self) -> None:
        """Tell every push when it comes; ends by being cancelled."""
        while True:
            await self._emsp.wait_for(lambda: len(self._emsp.received) > self._seen, FOREVER_S, "no push came")
            self.catch_up()

    def catch_up(self) -> None:
        """Tell what came and was not told yet."""
        fresh = self._emsp.received[self._seen :]
        self._seen += len(fresh)
        for request in fresh:
            line = self._take(request) if request.status_code == _ACCEPTED and request.body is not None else None
            if line is not None:
                self._say(f"<- {line}")

    def copies(self) -> dict[str, dict[str, JsonObject]]:
        store = self._emsp.store
        return {module: {item["id"]: item for item in store.objects(module).values()} for module in PUSHED}

    def _take(self, request: Received) -> str | None:
        module, *path = [unquote(part) for part in request.path.split("?")[0].split("/")[3:]]
        match module, path:
            case "sessions", [_, _, session_id]:
                return self._take_session(session_id, request)
            case "cdrs", _:
                self.cdrs.append(request.body)
                return f"CDR: {describe_cdr(request.body)}"
            case "commands", [command, _]:
                return f"result of {command}: {request.body['result']}"
            case "tariffs", [_, _, tariff_id]:
                return f"tariff {tariff_id}"
            case "locations", [_, _, location_id]:
                return f"location {location_id} with {len(request.body.get('evses') or ())} EVSEs"
            case "locations", [_, _, _, evse_uid, *_] if "status" in request.body:
                return f"EVSE {evse_uid}: {request.body['status']}"
        return None

    def _take_session(self, session_id: str, request: Received) -> str | None:
        history = self.sessions.setdefault(session_id, [])
        before = history[-1] if history and request.method == "PATCH" else {}
        history.append({**before, **request.body})
        told = [describe_session(session) for session in history[-2:]]
        return None if len(told) > 1 and told[0] == told[1] else told[-1]


def describe_session(session: Mapping[str, Any]) -> str:
    """Where, status, energy and cost of a session."""
    told = f"session at {session['evse_uid']}: {session['status']}"
    if session["status"] != "PENDING":
        told += f", {plain(session['kwh'])} kWh"
    cost = session.get("total_cost")
    return told if cost is None else f"{told}, {plain(cost['excl_vat'])} {session['currency']} excl. VAT"


def is_progress(session: Mapping[str, Any], final: Mapping[str, Any]) -> bool:
    """Whether this told more than that it began, and before its end."""
    return bool(session["status"] == "ACTIVE" and Decimal(0) < session["kwh"] < final["kwh"])


def find_differences(
    pushed: Mapping[str, Mapping[str, JsonObject]], pulled: Mapping[str, Sequence[JsonObject]]
) -> list[str]:
    """In words, what the eMSP knew by pushes otherwise than by pulls; nothing where both are the same."""
    found: list[str] = []
    for module, items in pulled.items():
        theirs = {item["id"]: item for item in items}
        ours = pushed.get(module, {})
        found += [f"{module} {id_} was never pushed" for id_ in sorted(theirs.keys() - ours.keys())]
        found += [f"{module} {id_} was pushed but not pulled" for id_ in sorted(ours.keys() - theirs.keys())]
        for id_ in sorted(ours.keys() & theirs.keys()):
            names = {*ours[id_], *theirs[id_]}
            differing = sorted(name for name in names if ours[id_].get(name) != theirs[id_].get(name))
            if differing:
                found.append(f"{module} {id_}: {', '.join(differing)} differ between push and pull")
    return found
