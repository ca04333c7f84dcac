"""The house rules hold in the whole code, and each can fail."""

import pytest

from tests.architecture.rules import (
    MAX_LINES,
    find_broad_excepts,
    find_floats,
    find_impurities,
    find_long_module,
    find_vague_names,
    find_version_literals,
)
from tests.architecture.source import Module, load_modules

GATEWAY = load_modules("gateway")
SIMULATORS = load_modules("simulators")
PURE = load_modules("gateway/domain", "gateway/core")

# A ratchet: a module that is longer than the limit stands here with its length, which may only fall.
LONG_MODULES: dict[str, int] = {}


def test_no_version_is_named_outside_its_folder_and_the_versions_tables() -> None:
    assert [found for module in GATEWAY for found in find_version_literals(module)] == []


def test_domain_and_core_know_no_clock_no_chance_and_no_environment() -> None:
    assert [found for module in PURE for found in find_impurities(module)] == []


def test_domain_and_core_have_no_floats() -> None:
    assert [found for module in PURE for found in find_floats(module)] == []


def test_every_name_says_something() -> None:
    assert [found for module in GATEWAY + SIMULATORS for found in find_vague_names(module)] == []


def test_everything_is_caught_only_at_the_root_of_a_task() -> None:
    assert [found for module in GATEWAY + SIMULATORS for found in find_broad_excepts(module)] == []


def test_every_module_fits_in_a_head() -> None:
    modules = GATEWAY + SIMULATORS

    assert [
        found
        for module in modules
        for found in find_long_module(module, allowed_lines=LONG_MODULES.get(module.name, MAX_LINES))
    ] == []


def test_the_ratchet_of_long_modules_holds_no_slack() -> None:
    lengths = {module.name: len(module.lines) for module in GATEWAY + SIMULATORS}

    assert {name: lengths.get(name) for name in LONG_MODULES} == LONG_MODULES
    assert all(lines > MAX_LINES for lines in LONG_MODULES.values())


@pytest.mark.parametrize(
    "source",
    [
        'if version == "1.6": pass',
        'PATH = "/ocpi/2.2.1/cdrs"',
        'PATH = f"{root}/2.1.1/{rest}"',
        'KNOWN = {"2.0.1": 1}',
        'CHOICES = "2.1, 2.3.0"',
        'LITERAL = "v16|v2.0.1"',
        'OFFERED = ["ocpp1.6"]',
        'HEADER = "Sec-WebSocket-Protocol: ocpp2.0.1"',
        "def f():\n    return '2.3.0'",
    ],
)
def test_a_version_literal_is_found(source: str) -> None:
    assert len(list(find_version_literals(Module("gateway.flows.delivery", source)))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.flows.delivery", '"""Speaks 1.6."""\ndef f():\n    "2.0.1"  # OCPP 1.6 4.10'),
        ("gateway.flows.delivery", 'TLS = "1.2"\nHINT = "OCPP 1.6 has no EVSE"\nRATIO = "12.1"'),
        ("gateway.ocpp.versions", 'TABLE = {"ocpp1.6": 1}'),
        ("gateway.ocpp.v16.inbound", 'VERSION = "1.6"'),
        ("gateway.ocpi.v221.cdrs", 'VERSION = "2.2.1"'),
        ("gateway.ocpi.v221", 'VERSION = "2.2.1"'),
    ],
)
def test_a_version_in_prose_or_in_its_place_is_no_finding(name: str, source: str) -> None:
    assert list(find_version_literals(Module(name, source))) == []


def test_a_versions_table_deeper_in_a_room_is_no_versions_table() -> None:
    assert list(find_version_literals(Module("gateway.ocpp.quirks.versions", 'A = "ocpp1.6"'))) != []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "import random",
        "import secrets",
        "import os.path",
        "import asyncio",
        "from pathlib import Path",
        "from urllib.request import urlopen",
        "now = datetime.now(UTC)",
        "today = date.today()",
        "now = datetime.datetime.utcnow()",
        "from uuid import uuid4\nname = uuid4()",
        "import uuid\nname = uuid.uuid4()",
        "text = open('/etc/hosts').read()",
        "home = thing.environ['HOME']",
        "def f():\n    global COUNT\n    COUNT = 1",
        "async def f(): pass",
    ],
)
def test_an_impurity_is_found(source: str) -> None:
    assert len(list(find_impurities(Module("gateway.core.sessions", source)))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime, time\nopening = time.fromisoformat('08:00')",
        "def decide(session, *, now): return session.started_at < now",
        "import zoneinfo\nfrom decimal import Decimal",
        "closed = valve.is_open",
    ],
)
def test_a_pure_rule_is_no_finding(source: str) -> None:
    assert list(find_impurities(Module("gateway.core.sessions", source))) == []


@pytest.mark.parametrize(
    "source",
    ["energy: float", "def f(x: float | None): ...", "y = float('1')", "z = x * 0.5", "a: list[float]"],
)
def test_a_float_is_found(source: str) -> None:
    assert len(list(find_floats(Module("gateway.core.energy", source)))) == 1


def test_refusing_a_float_is_no_finding() -> None:
    source = "if isinstance(x, (int, float)): pass\ny = Decimal('0.5') * 2"

    assert list(find_floats(Module("gateway.domain.money", source))) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.flows.delivery", "class SessionManager: pass"),
        ("gateway.flows.delivery", "class BaseHandler: pass"),
        ("gateway.flows.delivery", "class HandlerBase: pass"),
        ("gateway.flows.delivery", "class HTTPUtil: pass"),
        ("gateway.flows.delivery", "def process_event(): pass"),
        ("gateway.flows.delivery", "async def _process(): pass"),
        ("gateway.flows.delivery", "def date_helper(): pass"),
        ("gateway.flows.utils", ""),
        ("gateway.ocpi.base", ""),
    ],
)
def test_a_vague_name_is_found(name: str, source: str) -> None:
    assert len(list(find_vague_names(Module(name, source)))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "class Database: pass",
        "class GetBaseReport: pass",
        "def utilisation(): pass",
        "def on_processed(): pass",
    ],
)
def test_a_telling_name_is_no_finding(source: str) -> None:
    assert list(find_vague_names(Module("gateway.flows.delivery", source))) == []


@pytest.mark.parametrize(
    "clause",
    [
        "except Exception:",
        "except:",
        "except (OSError, Exception) as error:",
        "except BaseException:  # noqa: BLE001",
        "except Exception:  # the root of all evil",
    ],
)
def test_catching_everything_is_found(clause: str) -> None:
    source = f"try:\n    pass\n{clause}\n    pass  # root of a task"

    assert len(list(find_broad_excepts(Module("gateway.app", source)))) == 1


@pytest.mark.parametrize(
    "clause",
    [
        "except Exception:  # noqa: BLE001 - root of a task",
        "except OSError:",
        "except (OSError, ValueError):",
    ],
)
def test_catching_what_is_meant_is_no_finding(clause: str) -> None:
    assert list(find_broad_excepts(Module("gateway.app", f"try:\n    pass\n{clause}\n    pass"))) == []


def test_catching_everything_and_raising_it_only_sometimes_is_found() -> None:
    source = "def f():\n    try:\n        pass\n    except Exception:\n        if x:\n            return\n        raise"

    assert len(list(find_broad_excepts(Module("gateway.app", source)))) == 1


def test_cleaning_up_and_raising_again_is_no_finding() -> None:
    source = "try:\n    pass\nexcept BaseException:\n    clean()\n    raise"

    assert list(find_broad_excepts(Module("gateway.app", source))) == []


def test_a_long_module_is_found() -> None:
    assert list(find_long_module(Module("gateway.app", "\n" * MAX_LINES))) == []
    assert len(list(find_long_module(Module("gateway.app", "\n" * (MAX_LINES + 1))))) == 1
