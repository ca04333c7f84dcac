"""Loads the official OCPI schemas and their checker, where they are installed.

They are found in the folder `OCPI_CONTRACT_DIR` names, or in `contract` of the folder beside the project that holds
the material its builders share.  Without them the tests that need them are skipped; with `OCPI_CONTRACT_REQUIRED=1`
(set where the schemas belong to the environment) they fail instead.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_PROJECT = Path(__file__).resolve().parents[1]
_DEFAULT = _PROJECT.parent / "shared" / "contract"

BEHIND = "'invoicereconciliation' is not one of"
"""They do not know the module of edition 2 of 2.3.0; ModuleID is an OpenEnum, so that anybody must read it."""

Check = Callable[..., list[str]]


def assert_valid(module: str, data: Any, *, version: str = "2.2.1", **options: Any) -> None:
    """Fail the test with every violation that the official schema of `module` finds in `data`, strictly."""
    faults = load_check()(module, data, version=version, strict=True, **options)
    faults = [fault for fault in faults if BEHIND not in fault]
    assert faults == [], "\n".join(faults)


def load_check() -> Check:
    """The checker's function, or skip (or fail) the calling test with the reason."""
    check: Check = _load_module().check
    return check


def _load_module() -> Any:
    folder = Path(os.environ.get("OCPI_CONTRACT_DIR") or _DEFAULT)
    if not (folder / "check.py").is_file():
        reason = f"the official OCPI schemas are not installed in {folder} (set OCPI_CONTRACT_DIR)"
        if os.environ.get("OCPI_CONTRACT_REQUIRED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return _import_module(folder / "check.py")


@functools.cache
def _import_module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("ocpi_contract_check", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_schema_enum(module: str, name: str, *, version: str) -> frozenset[str]:
    """The values of one enum of the official schemas."""
    schemas = _load_module().B["docs"][f"https://ocpi.test/{version}/modules/{module}/schema.yaml"]
    return frozenset(schemas["components"]["schemas"][name]["enum"])
