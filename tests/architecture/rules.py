"""The house rules that a syntax tree can show. Each rule yields what breaks it."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.doors import VERSION_FOLDERS
from tests.architecture.source import Module, find_docstrings, find_imports

MAX_LINES = 500

VERSIONS = frozenset({"1.6", "2.0", "2.0.1", "2.1", "2.1.1", "2.2", "2.2.1", "2.3.0"})
SUBPROTOCOL = re.compile(r"ocpp\d", re.IGNORECASE)

IMPURE_MODULES = frozenset(
    {
        "asyncio",
        "contextvars",
        "getpass",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "platform",
        "random",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
    }
)
CLOCK_CALLS = frozenset({"now", "utcnow", "today", "getenv", "localtime", "monotonic", "perf_counter"})
RANDOM_CALLS = frozenset({"uuid1", "uuid4", "urandom", "getrandbits", "token_hex", "token_urlsafe", "token_bytes"})
OPEN_CALLS = frozenset({"open", "input", "print"})

FORBIDDEN_WORDS = frozenset({"manager", "helper", "helpers", "util", "utils"})
FORBIDDEN_FILES = FORBIDDEN_WORDS | {"base", "managers", "misc"}
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

TASK_ROOT = "root of a task"


def find_version_literals(module: Module) -> Iterator[str]:
    """Yield strings that name a protocol version outside the version folders and the versions tables.

    Docstrings are prose and may name versions, and so may sentences: a literal is a string, or a part of a
    path or list, that is a version and nothing else, or any string with a subprotocol's name.
    """
    if _may_name_versions(module.name):
        return
    prose = find_docstrings(module.tree)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            parts = {part.strip().lstrip("v") for part in re.split(r"[/,|]", node.value)}
            if parts & VERSIONS or SUBPROTOCOL.search(node.value):
                yield module.at(node, f"names a version: {node.value!r}")


def find_impurities(module: Module) -> Iterator[str]:
    """Yield what lets a rule depend on more than its arguments: clock, chance, environment, files."""
    for imported in find_imports(module):
        if any(_is_inside(imported.target, name) for name in IMPURE_MODULES):
            yield module.at(imported.node, f"imports {imported.target}")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global | ast.AsyncFunctionDef | ast.Await):
            yield module.at(node, f"uses {type(node).__name__}")
        elif isinstance(node, ast.Call | ast.Attribute | ast.Name):
            name = _impure_name(node)
            if name:
                yield module.at(node, f"uses {name}")


def find_floats(module: Module) -> Iterator[str]:
    """Yield every float: energy and money are int or Decimal. Asking `isinstance(x, float)` is no float."""
    asked = {
        id(part)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
        for argument in node.args[1:]
        for part in ast.walk(argument)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == "float" and id(node) not in asked:
            yield module.at(node, "names float")
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield module.at(node, f"is a float: {node.value!r}")


def find_vague_names(module: Module) -> Iterator[str]:
    """Yield classes, functions and modules whose name says nothing: Manager, Helper, Util, Base, process_."""
    if module.name.rsplit(".", 1)[-1].lower() in FORBIDDEN_FILES:
        yield f"{module.name}:1: says nothing as a module's name"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words = [word.lower() for word in WORDS.findall(node.name)]
            is_base = isinstance(node, ast.ClassDef) and "base" in words[:1] + words[-1:]
            if FORBIDDEN_WORDS & set(words) or words[:1] == ["process"] or is_base:
                yield module.at(node, f"says nothing: {node.name}")


def find_broad_excepts(module: Module) -> Iterator[str]:
    """Yield `except Exception` and its like whose line does not say that it is the root of a task.

    One that ends with a bare `raise` only cleans up on the way: it catches nothing for good.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            comment = module.lines[node.lineno - 1].partition("#")[2]
            if TASK_ROOT not in comment:
                yield module.at(node, f"catches everything, and its line has no comment '# {TASK_ROOT}'")


def find_long_module(module: Module, *, allowed_lines: int = MAX_LINES) -> Iterator[str]:
    """Yield the module when it no longer fits in a head."""
    if len(module.lines) > allowed_lines:
        yield f"{module.name}:1: has {len(module.lines)} lines, {allowed_lines} are allowed"


def _may_name_versions(name: str) -> bool:
    parts = name.split(".")
    folders = VERSION_FOLDERS.get(parts[1], ()) if len(parts) > 2 else ()
    return bool(folders) and (parts[2] in folders or parts[2:] == ["versions"])


def _is_inside(target: str, name: str) -> bool:
    return target == name or target.startswith(f"{name}.")


def _impure_name(node: ast.Call | ast.Attribute | ast.Name) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr if node.attr in RANDOM_CALLS | {"environ"} else None
    if isinstance(node, ast.Name):
        return node.id if node.id in RANDOM_CALLS | OPEN_CALLS | {"globals"} else None
    if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
        return f"{ast.unparse(node.func)}()"
    return None


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    parts = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(getattr(part, "id", "") in {"Exception", "BaseException"} for part in parts)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    may_leave_early = any(isinstance(node, ast.Return | ast.Break | ast.Continue) for node in ast.walk(handler))
    return isinstance(last, ast.Raise) and last.exc is None and not may_leave_early
