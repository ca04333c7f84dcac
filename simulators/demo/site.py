"""What the demo's operator runs: its gateway's settings, a tariff, a location, and who stands there."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCATION, TARIFF = "DEMO-SITE", "DEMO-TARIFF"
VAT = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """One charger of the demo: who it is and what it lives through, with `token_uid` as its driver's card or app."""

    station_id: str
    version: str
    scenario: str
    evse_uid: str
    evse_id: str
    token_uid: str


STAGES = (
    Stage("DEMO-16", "1.6", "16-simple", "DEMO-EVSE-1", "NL*GWY*E0001", "04E2A1B2C3D480"),
    Stage("DEMO-201", "2.0.1", "201-remote", "DEMO-EVSE-2", "NL*GWY*E0002", "DEMO-APP-7F3K"),
)


def tariff() -> dict[str, Any]:
    """The tariff that the bundled scenarios reckon with."""
    components = [("FLAT", 0.5), ("ENERGY", 0.25), ("PARKING_TIME", 2.0)]
    return {
        "country_code": "NL",
        "party_id": "GWY",
        "id": TARIFF,
        "currency": "EUR",
        "type": "REGULAR",
        "elements": [
            {"price_components": [{"type": type_, "price": price, "vat": VAT, "step_size": 1}]}
            for type_, price in components
        ],
        "last_updated": "2026-01-01T00:00:00Z",
    }


def location() -> dict[str, Any]:
    """A site with one EVSE per charger."""
    return {
        "country_code": "NL",
        "party_id": "GWY",
        "id": LOCATION,
        "publish": True,
        "name": "Demo site",
        "address": "Stationsplein 1",
        "city": "Utrecht",
        "postal_code": "3511 ED",
        "country": "NLD",
        "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
        "time_zone": "Europe/Amsterdam",
        "evses": [evse(stage) for stage in STAGES],
        "last_updated": "2026-01-01T00:00:00Z",
    }


def evse(stage: Stage) -> dict[str, Any]:
    """An EVSE wired to its charger."""
    return {
        "uid": stage.evse_uid,
        "evse_id": stage.evse_id,
        "status": "AVAILABLE",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
        "last_updated": "2026-01-01T00:00:00Z",
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 230,
                "max_amperage": 16,
                "max_electric_power": 11000,
                "tariff_ids": [TARIFF],
                "station_id": stage.station_id,
                "evse_no": 1,
                "connector_no": 1,
                "last_updated": "2026-01-01T00:00:00Z",
            }
        ],
    }


def render_config(directory: Path, ports: Sequence[int], token: str, *, push_interval_s: float = 60) -> str:
    """The gateway's settings for the demo; `push_interval_s`: between two pushes of a session's progress."""
    return "\n".join(
        [
            f'data_dir = "{directory / "data"}"',
            "[ocpp]",
            f'listen = "127.0.0.1:{ports[0]}"',
            "settle_delay_s = 0",
            "[ocpi]",
            f'listen = "127.0.0.1:{ports[1]}"',
            f'public_url = "http://127.0.0.1:{ports[1]}"',
            "allow_insecure_partners = true",
            f"session_push_interval_s = {push_interval_s}",
            "[[ocpi.parties]]",
            'country_code = "NL"',
            'party_id = "GWY"',
            'name = "Demo operator"',
            "[console]",
            f'listen = "127.0.0.1:{ports[2]}"',
            f'token = "{token}"',
            "[sessions]",
            "seal_after_s = 1",
            "",
        ]
    )


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
