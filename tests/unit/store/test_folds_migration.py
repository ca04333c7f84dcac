"""What every message writes moves to a table of its own, and nothing of a session is lost or changed on the way."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.migrations import upgrade

COLUMNS = (
    *("created_no", "id", "station_key", "station_id", "evse_no", "connector_no", "transaction_id", "start_key"),
    *("remote_start_id", "partner_id", "visible_to", "party", "drivers", "started_us", "status", "ledger"),
    *("last_updated_us", "seal_due_us", "hold", "sealed_cdr_id", "revision", "last_fact_no", "waiver"),
)
RUNNING = ("s-3", "cp", "CP", 1, 2, "17", "k-3", "r-3", "p", "p", "NL*A", "DE*X", 5, "ACTIVE", "[3]", 6, 7)
AWAITED = ("s-4", "cp", "CP", 2, 1, None, "k-4", None, None, None, None, None, 4, "PENDING", "[4]", 5, None)
BILLED = ("s-9", "cq", "CQ", 1, 1, "18", "k-9", None, "p", "p", "NL*A", None, 1, "COMPLETED", "[9]", 2, None)
SESSIONS = [
    (3, *RUNNING, None, None, 8, 9, None),
    (4, *AWAITED, "no tariff", None, 1, 0, None),
    (9, *BILLED, None, "C1", 3, 4, "free"),
]


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "gateway.sqlite3"
    upgrade(path, head="0014")
    with closing(sqlite3.connect(path)) as database, database:
        marks = ", ".join("?" * len(COLUMNS))
        database.executemany(f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({marks})", SESSIONS)
    upgrade(path)
    with closing(sqlite3.connect(path)) as database:
        yield database


def test_every_column_of_a_session_is_carried_over(migrated: sqlite3.Connection) -> None:
    columns = ", ".join("sessions.started_us" if name == "started_us" else name for name in COLUMNS)
    found = migrated.execute(f"SELECT {columns} FROM sessions JOIN session_folds USING (created_no) ORDER BY id")

    assert found.fetchall() == SESSIONS


def test_a_fold_knows_when_its_session_started(migrated: sqlite3.Connection) -> None:
    found = migrated.execute("SELECT created_no, started_us FROM session_folds ORDER BY created_no")

    assert found.fetchall() == [(3, 5), (4, 4), (9, 1)]


def test_a_number_that_a_session_had_is_not_given_again(migrated: sqlite3.Connection) -> None:
    for table in ("session_folds", "sessions"):
        migrated.execute(f"DELETE FROM {table} WHERE created_no = 9")

    made = migrated.execute(
        "INSERT INTO sessions (id, station_key, station_id, evse_no, connector_no, start_key, started_us)"
        " VALUES ('s-10', 'cp', 'CP', 1, 1, 'k-10', 1)"
    )

    assert made.lastrowid == 10


def test_no_fold_stands_without_its_session(migrated: sqlite3.Connection) -> None:
    migrated.execute("PRAGMA foreign_keys=1")
    fold = "INSERT INTO session_folds VALUES (?, 1, 0, 1, 1, 'ACTIVE', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]')"

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        migrated.execute(fold, (10,))
    assert migrated.execute("PRAGMA foreign_key_check").fetchall() == []
