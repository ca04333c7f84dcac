"""Who may import whom: the rooms of the house and the doors between them."""

import sys
from collections.abc import Iterator

from tests.architecture.source import Module, find_imports

# One line per room: which other rooms of `gateway` it may import.
DOORS: dict[str, frozenset[str]] = {
    "domain": frozenset(),
    "core": frozenset({"domain"}),
    "ports": frozenset({"domain", "errors"}),
    "errors": frozenset({"domain", "ports"}),
    "flows": frozenset({"domain", "core", "ports", "errors", "ops"}),
    "ocpp": frozenset({"domain", "flows", "ports", "errors", "ops"}),
    "ocpi": frozenset({"domain", "flows", "ports", "errors", "ops"}),
    "store": frozenset({"domain", "ports", "errors", "ops"}),
    "bus": frozenset({"domain", "ports", "errors", "ops"}),
    "console": frozenset({"flows", "ports", "domain", "errors", "ops"}),
    "ops": frozenset(),
}
WIRING = frozenset(
    {"config", "config_sections", "app", "cli", "commands", "replay", "wiring", "__main__"}
)  # the only modules that may import every room
ROOMS = frozenset(DOORS) | WIRING

# A library that belongs to some rooms: no other room may know that it exists.
LIBRARIES: dict[str, frozenset[str]] = {
    "websockets": frozenset({"ocpp"}),
    "ocpp": frozenset({"ocpp"}),
    "jsonschema_rs": frozenset({"ocpp"}),
    "aiohttp": frozenset({"ocpi", "console"}),
    "pydantic": frozenset({"ocpi", "console"}),
    "aiosqlite": frozenset({"store"}),
    "sqlite3": frozenset({"store"}),
    "sqlalchemy": frozenset({"store"}),
    "alembic": frozenset({"store"}),
    "cryptography": frozenset({"ops"}),
    "uvloop": frozenset(),
}
STDLIB_ONLY = frozenset({"domain", "core", "ports", "errors"})

# Oldest first. A version may import the next older one, and only the table may import them all.
VERSION_FOLDERS: dict[str, tuple[str, ...]] = {
    "ocpp": ("v16", "v201", "v21"),
    "ocpi": ("v211", "v221", "v230"),
}


def find_closed_doors(module: Module) -> Iterator[str]:
    """Yield every import of a gateway module that has no door in the table."""
    room = find_room(module.name)
    if room is None:
        yield f"{module.name}:1: stands in no room of the table"
        return
    for imported in find_imports(module):
        package = imported.target.split(".")[0]
        if package in {"simulators", "tests", "benchmarks"}:
            yield module.at(imported.node, f"the gateway imports {imported.target}")
        elif package == "gateway":
            other = find_room(imported.target)
            if not _may_import(room, other):
                yield module.at(imported.node, f"{room} has no door to {other or imported.target}")
        elif not _may_use(room, package):
            yield module.at(imported.node, f"{room} may not use the library {package}")


def find_version_leaks(module: Module) -> Iterator[str]:
    """Yield every import of a version folder by another than its table, itself or the next newer version."""
    for imported in find_imports(module):
        parts = imported.target.split(".")
        folders = VERSION_FOLDERS.get(parts[1], ()) if parts[0] == "gateway" and len(parts) > 2 else ()
        if len(parts) > 2 and parts[2] in folders and not _may_know_version(module.name, parts[1], parts[2]):
            yield module.at(imported.node, f"only {parts[1]}/versions.py may import {parts[2]}")


def find_gateway_in_simulators(module: Module) -> Iterator[str]:
    """Yield every import of `gateway`: a mapper that both sides share would hide its own mistakes."""
    for imported in find_imports(module):
        if imported.target.split(".")[0] == "gateway":
            yield module.at(imported.node, f"the simulators import {imported.target}")


def find_room(name: str) -> str | None:
    """Return the room of a dotted name; the bare package is the room "gateway", an unknown name has none."""
    parts = name.split(".")
    if len(parts) == 1 or parts[1] == "__version__":
        return "gateway"
    return parts[1] if parts[1] in ROOMS else None


def _may_import(room: str, other: str | None) -> bool:
    if other == room or other == "gateway":
        return True
    if room in WIRING:
        return other is not None
    return other in DOORS.get(room, frozenset())


def _may_use(room: str, package: str) -> bool:
    if room in WIRING:
        return True
    if room in STDLIB_ONLY or room == "gateway":
        return package in sys.stdlib_module_names
    return room in LIBRARIES.get(package, ROOMS)


def _may_know_version(importer: str, edge: str, version: str) -> bool:
    parts = importer.split(".")
    if parts[1] != edge or len(parts) < 3:
        return False
    order = VERSION_FOLDERS[edge]
    if parts[2] == "versions" or parts[2] == version:
        return True
    return parts[2] in order and order.index(parts[2]) == order.index(version) + 1
