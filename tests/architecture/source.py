"""Reads the project's modules as syntax trees, without importing them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its dotted name, its source, and whether it is a package's `__init__`."""

    name: str
    source: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return _parse(self.source, self.name)

    @property
    def lines(self) -> list[str]:
        return self.source.splitlines()

    def at(self, node: ast.AST, what: str) -> str:
        """Say what is wrong, and where, in the form that every rule reports."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}: {what}"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name with its absolute module path: `from a.b import c` is `a.b.c`."""

    target: str
    node: ast.Import | ast.ImportFrom | ast.Call


def load_modules(*packages: str) -> list[Module]:
    """Read every module of the packages, named from the root of the project."""
    return [_load(path) for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def find_imports(module: Module) -> Iterator[Import]:
    """Yield all imports, also those inside functions, under TYPE_CHECKING, and by `import_module("...")`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(module, node)
            yield from (Import(f"{source}.{alias.name}", node) for alias in node.names)
        elif isinstance(node, ast.Call) and _is_dynamic_import(node.func):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(first.value, node)


def find_docstrings(tree: ast.Module) -> set[int]:
    """Return the ids of the string nodes that stand alone as a statement, as docstrings do."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


@cache
def _parse(source: str, name: str) -> ast.Module:
    return ast.parse(source, filename=name)


def _load(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path.read_text(encoding="utf-8"), is_package)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    package = parts if module.is_package else parts[:-1]
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)


def _is_dynamic_import(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__"}
