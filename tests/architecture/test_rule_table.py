"""The tables of `docs/ocpi.md` lead from each rule of OCPI to its test: they name tests that exist, and skip no rule.

A row is `| id | rule | paragraph | tests |`.  Its last cell names tests, or says why the rule is not ours, or that
it is PENDING; which rows may say so stands here.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

TABLE = (ROOT / "docs" / "ocpi.md").read_text(encoding="utf-8")

ROWS_OF: Mapping[str, int] = {
    "E": 20,
    "T": 26,
    "D": 16,
    "VER": 4,
    "CRED": 7,
    "LOC": 17,
    "SES": 11,
    "CDR": 15,
    "TAR": 18,
    "TOK": 12,
    "CMD": 7,
    "PRO": 2,
    "HUB": 2,
    "INV": 1,
    "ST": 21,
    "SL": 14,
    "AU": 13,
    "MV": 12,
    "CO": 9,
    "CP": 4,
    "P": 60,
}
"""How many rules each table has at least: one that is dropped is missed."""

NOT_OURS = frozenset({"AU9", "MV5", "MV6", "P59"})
PENDING: frozenset[str] = frozenset()
"""What is being built.  Empty it when it is there: a row that still says PENDING then fails."""

ROW = re.compile(r"^\| ([A-Z]+)(\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([^`:]+\.py)::(test_\w+)`")
REASON = re.compile(r"not ours: \S.{15,}")


def load_rows(table: str) -> dict[str, str]:
    """The last cell of each row by its id."""
    return {prefix + number: tests.strip() for prefix, number, _, _, tests in ROW.findall(table)}


def find_faults(table: str, pending: frozenset[str] = PENDING, root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with the tables."""
    found = ROW.findall(table)
    yield from _find_gaps([(prefix, int(number)) for prefix, number, *_ in found])
    for prefix, number, _, _, tests in found:
        row = prefix + number
        if tests == "PENDING":
            if row not in pending:
                yield f"{row}: is pending, and is not listed as such"
        elif tests.startswith("not ours"):
            if row not in NOT_OURS or not REASON.fullmatch(tests):
                yield f"{row}: says it is not ours without a reason, or is not listed as such"
        else:
            yield from (f"{row}: {fault}" for fault in _find_missing(tests, root))
            if row in pending:
                yield f"{row}: has its tests and is still listed as pending"


def _find_gaps(numbers: list[tuple[str, int]]) -> Iterator[str]:
    for prefix, least in ROWS_OF.items():
        given = [number for name, number in numbers if name == prefix]
        if given != list(range(1, max(len(given), least) + 1)):
            yield f"{prefix}: the rows are not numbered from 1 to {max(len(given), least)} in order: {given}"
    yield from (f"{prefix}: no such table" for prefix in sorted({name for name, _ in numbers} - ROWS_OF.keys()))


def _find_missing(tests: str, root: Path) -> Iterator[str]:
    named = NAMED.findall(tests)
    rest = NAMED.sub("", tests).replace("<br>", "").strip()
    if not named:
        yield "names no test"
    if rest:
        yield f"says {rest!r} beside its tests"
    for file, name in named:
        if name not in _load_tests(root / file):
            yield f"there is no {file}::{name}"


@cache
def _load_tests(file: Path) -> frozenset[str]:
    """The tests that pytest collects of a file."""
    if not file.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, functions) and node.name.startswith("test_"))


def test_every_rule_leads_to_a_test_that_exists() -> None:
    assert list(find_faults(TABLE)) == []


def test_what_is_listed_as_not_ours_or_pending_is_a_row() -> None:
    rows = load_rows(TABLE)

    assert rows.keys() >= NOT_OURS | PENDING
    assert not NOT_OURS & PENDING


GOOD = "`tests/architecture/test_rule_table.py::test_a_table_that_is_not_true_is_found`"


@pytest.mark.parametrize(
    ("row", "cell", "fault"),
    [
        ("E1", "`tests/architecture/test_rule_table.py::test_that_was_renamed`", "there is no"),
        ("E1", "`tests/nowhere/test_gone.py::test_x`", "there is no"),
        ("E1", "", "names no test"),
        ("E1", "soon", "names no test"),
        ("E1", f"{GOOD} and more", "beside its tests"),
        ("E1", "PENDING", "not listed"),
        ("E1", "not ours: because we say so, and at length", "not listed"),
        ("P59", "not ours", "without a reason"),
        ("E5", GOOD, "still listed as pending"),
    ],
)
def test_a_table_that_is_not_true_is_found(row: str, cell: str, fault: str) -> None:
    changed = re.sub(rf"^(\| {row} \|.*\|.*\|) .+ \|$", lambda match: f"{match[1]} {cell or '–'} |", TABLE, flags=re.M)
    assert changed != TABLE

    assert any(fault in found for found in find_faults(changed, pending=PENDING | {"E5"}))


def test_a_row_that_is_dropped_is_missed() -> None:
    without = re.sub(r"^\| P60 \|.*\n?", "", TABLE, flags=re.M)
    between = re.sub(r"^\| E7 \|.*\n?", "", TABLE, flags=re.M)

    assert [found.split(":")[0] for found in find_faults(without)] == ["P"]
    assert [found.split(":")[0] for found in find_faults(between)] == ["E"]


def test_once_nothing_is_pending_no_row_may_say_so() -> None:
    table = re.sub(r"^(\| E1 \|.*\|.*\|) .+ \|$", r"\1 PENDING |", TABLE, flags=re.M)

    assert "E1: is pending, and is not listed as such" in list(find_faults(table, pending=frozenset()))
