"""The table of rooms and doors holds, and the checks that hold it can fail."""

import pytest

from tests.architecture.doors import (
    DOORS,
    WIRING,
    find_closed_doors,
    find_gateway_in_simulators,
    find_version_leaks,
)
from tests.architecture.source import Module, load_modules

GATEWAY = load_modules("gateway")
SIMULATORS = load_modules("simulators")


def test_every_import_of_the_gateway_goes_through_a_door_of_the_table() -> None:
    assert [closed for module in GATEWAY for closed in find_closed_doors(module)] == []


def test_only_the_versions_tables_know_the_version_folders() -> None:
    assert [leak for module in GATEWAY for leak in find_version_leaks(module)] == []


def test_the_simulators_import_nothing_from_the_gateway() -> None:
    assert [found for module in SIMULATORS for found in find_gateway_in_simulators(module)] == []


def test_the_edges_never_import_each_other() -> None:
    edges = {"ocpp", "ocpi", "console", "store", "bus"}

    assert {room: DOORS[room] & edges for room in edges} == dict.fromkeys(edges, frozenset())


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.domain.sessions", "from gateway.core.energy import fold"),
        ("gateway.domain.money", "import pydantic"),
        ("gateway.domain.money", "import structlog"),
        ("gateway.core.sessions", "from gateway.ops import metrics"),
        ("gateway.core.sessions", "from gateway.errors import Conflict"),
        ("gateway.core.sessions", "from .. import flows"),
        ("gateway.core.sessions", "import orjson"),
        ("gateway.ports", "from gateway.store.writer import Writer"),
        ("gateway.errors", "import aiohttp"),
        ("gateway.flows.delivery", "from gateway.ocpi.client import push"),
        ("gateway.flows.delivery", "from gateway import store"),
        ("gateway.flows.delivery", "import aiohttp"),
        ("gateway.flows.delivery", "from sqlalchemy import select"),
        ("gateway.flows.delivery", "from gateway.config import Settings"),
        ("gateway.ocpp.server", "from gateway.ocpi.caller import find_caller"),
        ("gateway.ocpp.server", "from ..core.sessions import end_session"),
        ("gateway.ocpp.server", "def late():\n    from gateway.store import queries"),
        ("gateway.ocpp.server", "import importlib\nimportlib.import_module('gateway.console.pages')"),
        ("gateway.ocpi.server", "from gateway.ocpp import registry"),
        ("gateway.ocpi.server", "import websockets"),
        ("gateway.store.writer", "from gateway.flows import delivery"),
        ("gateway.bus.local", "from gateway.ocpp.registry import Registry"),
        ("gateway.console.stations", "from gateway.ocpp.rpc import Connection"),
        ("gateway.console.stations", "from gateway.core.sessions import end_session"),
        ("gateway.ops.logs", "from gateway.domain.ids import StationId"),
        ("gateway.app", "import simulators.charger"),
        ("gateway.app", "from gateway.services import everything"),
        ("gateway.services", ""),
        ("gateway.services.all", "import gateway.domain"),
        ("gateway", "import aiohttp"),
    ],
)
def test_a_closed_door_is_found(name: str, source: str) -> None:
    assert len(list(find_closed_doors(Module(name, source)))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.core.sessions", "from decimal import Decimal\nfrom gateway.domain.sessions import Session"),
        (
            "gateway.flows.delivery",
            "import structlog\nfrom gateway.ops import metrics\nfrom gateway.core import cdrs",
        ),
        ("gateway.ocpp.v16.inbound", "from ocpp.v16 import enums\nfrom gateway.flows import station_events"),
        ("gateway.ocpp.v16.inbound", "from ..frames import Call\nfrom . import tables"),
        ("gateway.ocpi.client", "import aiohttp, structlog\nfrom gateway import __version__"),
        ("gateway.ports", "from gateway import errors, domain"),
        *(
            (f"gateway.{name}", "import uvloop\nfrom gateway import store, ocpp, ocpi, config")
            for name in sorted(WIRING)
        ),
    ],
)
def test_an_open_door_is_no_finding(name: str, source: str) -> None:
    assert list(find_closed_doors(Module(name, source))) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.ocpp.server", "from gateway.ocpp.v16 import inbound"),
        ("gateway.ocpp.v16.inbound", "from gateway.ocpp.v201 import inbound"),
        ("gateway.ocpp.v21.inbound", "from ..v16 import inbound"),
        ("gateway.ocpi.handlers.cdrs", "from gateway.ocpi.v221.cdrs import render_cdr"),
        ("gateway.ocpi.v221.cdrs", "import gateway.ocpi.v230.cdrs"),
        ("gateway.app", "from gateway.ocpp import v16"),
    ],
)
def test_a_version_folder_known_outside_its_table_is_found(name: str, source: str) -> None:
    assert len(list(find_version_leaks(Module(name, source)))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.ocpp.versions", "from gateway.ocpp import v16, v201"),
        ("gateway.ocpp.v16.inbound", "from gateway.ocpp.v16 import tables"),
        ("gateway.ocpp.v21.inbound", "from gateway.ocpp.v201 import inbound"),
        ("gateway.ocpi.v230.cdrs", "from ..v221.cdrs import render_cdr"),
    ],
)
def test_a_newer_version_may_import_the_next_older_one(name: str, source: str) -> None:
    assert list(find_version_leaks(Module(name, source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import gateway",
        "from gateway.domain import money",
        "def late():\n    import gateway.errors as errors",
    ],
)
def test_a_gateway_import_in_a_simulator_is_found(source: str) -> None:
    assert len(list(find_gateway_in_simulators(Module("simulators.charger", source)))) == 1
