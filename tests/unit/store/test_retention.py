"""No slice of what is looked for reads a whole table."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.ports import DropExpired, SaveCdr
from gateway.store import retention
from gateway.store.migrations import upgrade
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import PARTNER, SetClock, cdr_no

WALKS = retention._WALKS
STATEMENTS = {
    name: statement
    for name, statement in vars(retention).items()
    if isinstance(statement, retention.Statement) and name not in {"_FIRST_OWNER"}
} | {f"_DROP_SESSION {number}": statement for number, statement in enumerate(retention._DROP_SESSION)}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "gateway.sqlite3"
    upgrade(path)
    with closing(sqlite3.connect(path)) as database:
        yield database


def plan_of(database: sqlite3.Connection, statement: retention.Statement) -> list[str]:
    values = dict.fromkeys(statement.names, 1)
    rows = database.execute(f"EXPLAIN QUERY PLAN {statement.text}", statement.row(**values)).fetchall()
    return [row[-1] for row in rows]


def find_scans(plan: list[str]) -> list[str]:
    """Rows that are read one after the other, but for those of the chain of one session's facts."""
    return [step for step in plan if step.startswith("SCAN") and "chain" not in step and "SUBQUERY" not in step]


@pytest.mark.parametrize("kind", list(WALKS), ids=str)
def test_a_slice_is_found_by_an_index_in_the_order_of_its_keys(database: sqlite3.Connection, kind: str) -> None:
    plan = plan_of(database, WALKS[kind].slice)  # type: ignore[index]

    assert find_scans(plan) == [], plan
    assert not [step for step in plan if "TEMP B-TREE" in step and not kind.startswith("invalid")], plan


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_row_is_deleted_by_an_index(database: sqlite3.Connection, name: str) -> None:
    plan = plan_of(database, STATEMENTS[name])

    assert find_scans(plan) == [], plan


@pytest.mark.parametrize("kind", list(retention._SIMPLE), ids=str)
def test_a_row_that_stands_alone_is_deleted_by_an_index(database: sqlite3.Connection, kind: str) -> None:
    plan = plan_of(database, retention._SIMPLE[kind])  # type: ignore[index]

    assert find_scans(plan) == [], plan


def test_billed_sessions_that_have_lost_their_driver_are_not_read_again(database: sqlite3.Connection) -> None:
    plan = plan_of(database, WALKS[retention.Kept.BILLED].slice)

    assert any("ix_session_terms_personal" in step for step in plan), plan


def test_sessions_that_are_billed_are_not_read_for_those_that_are_not(database: sqlite3.Connection) -> None:
    plan = plan_of(database, WALKS[retention.Kept.UNBILLED].slice)

    assert any("ix_session_folds_unsealed" in step for step in plan), plan


async def test_a_bill_that_goes_leaves_no_number_in_any_list(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite3"
    store = await SqliteStore.open(path, lambda _: None, SetClock())
    await store.commit([SaveCdr(cdr_no(1)), SaveCdr(cdr_no(2))])
    await store.commit([DropExpired(retention.Kept.CDR, (PARTNER, 1, "c-1"))])
    await store.close()

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT ordinal FROM cdr_numbers").fetchall() == [(2,)] * 3


def test_a_scan_is_seen(database: sqlite3.Connection) -> None:
    rows = database.execute("EXPLAIN QUERY PLAN SELECT * FROM session_folds WHERE hold = 1").fetchall()

    assert find_scans([row[-1] for row in rows]) != []
