"""Traces written by hand, and what there was around them."""

import json
from typing import Any

from gateway.config import Settings
from gateway.ocpi.versions import VERSIONS as OCPI_VERSIONS
from gateway.replay.outcome import render_outcome
from gateway.replay.replay import replay
from simulators.demo import TARIFF, location, tariff

CARD = "04E2A1B2C3D480"
OCPI = OCPI_VERSIONS["2.2.1"]
BEGIN = "connected: ocpp1.6 from 10.0.0.1:4711"
INVENTORY: dict[str, Any] = {
    "stations": [{"station_id": "DEMO-16", "admission": "ACCEPTED", "ocpp_version": None}],
    "locations": [location()],
    "tariffs": [tariff()],
    "tokens": [],
    "emsp_tokens": [
        {
            "partner_id": "P1",
            "country_code": "NL",
            "party_id": "EMS",
            "uid": CARD,
            "type": "RFID",
            "contract_id": "NL-EMS-C00000001-X",
            "issuer": "EMS",
            "valid": True,
            "whitelist": "ALLOWED",
            "last_updated": "2026-01-01T00:00:00Z",
        }
    ],
}
START = {"connectorId": 1, "idTag": CARD, "meterStart": 1000, "timestamp": "2026-03-01T12:00:00Z"}
STOP = {"transactionId": 17, "meterStop": 11000, "timestamp": "2026-03-01T13:00:00Z"}


def at(minutes: float) -> str:
    seconds = round(minutes * 60)
    return f"2026-03-01T{12 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def line(minutes: float, direction: str, frame: Any, station: str = "DEMO-16") -> dict[str, Any]:
    text = frame if isinstance(frame, str) else json.dumps(frame)
    return {"at": at(minutes), "direction": direction, "station": station, "frame": text}


def called(minutes: float, message_id: str, action: str, payload: Any, answer: Any = None) -> list[dict[str, Any]]:
    """A call, and what was answered."""
    asked = line(minutes, "in", [2, message_id, action, payload])
    return [asked] if answer is None else [asked, line(minutes, "out", [3, message_id, answer])]


VISIT = [
    line(0, "event", BEGIN),
    *called(0, "1", "StartTransaction", START, {"transactionId": 17, "idTagInfo": {"status": "Accepted"}}),
    *called(60, "2", "StopTransaction", STOP, {}),
    line(61, "event", "connection closed: 1000"),
]


def written(lines: list[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


async def outcome_of(
    lines: list[Any] | bytes, inventory: Any = INVENTORY, *, config: Settings | None = None, **options: Any
) -> dict[str, Any]:
    """The outcome, as a reader of the JSON has it."""
    trace = lines if isinstance(lines, bytes) else written(lines)
    given = None if inventory is None else json.dumps(inventory).encode()
    outcome = await replay(trace, given, config or Settings(), ocpi=OCPI, **options)
    parsed: dict[str, Any] = json.loads(render_outcome(outcome))
    return parsed


__all__ = ["CARD", "INVENTORY", "START", "STOP", "TARIFF", "VISIT", "at", "called", "line", "outcome_of", "written"]
