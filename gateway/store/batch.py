"""One batch: many Works, one transaction, one commit.

The Works are first written together, statement by statement.  If that fails, everything is rolled back and the Works
are written one by one behind savepoints, so that a bad one fails alone and with its own error; still with one commit.
Runs on the writer's thread from beginning to end.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.ops.failpoints import failpoint
from gateway.store.changes import Prepared
from gateway.store.connection import store_down
from gateway.store.transaction import Transaction


@dataclass(slots=True, eq=False)
class Entry:
    """A queued Work; once the batch is over either `stamped` or `error` is set, and its `future` or `then` told.

    The first `asked` of its changes are the caller's, the others what these bring with them.
    """

    prepared: list[Prepared]
    size: int
    asked: int
    future: "asyncio.Future[Sequence[Any]] | None" = None
    then: Callable[[Exception | None], None] | None = None
    stamped: list[Any] | None = None
    error: Exception | None = None


def write_batch(db: sqlite3.Connection, batch: Sequence[Entry], now: datetime) -> None:
    """Write and commit the batch; every entry then has its changes as stored, or its error.

    Raises StoreDownError where the database fails: nothing is known to be stored then.
    """
    try:
        cdrs_made = _write(db, batch, now)
        failpoint("before-commit")
        db.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(db)
        raise store_down(error) from error
    failpoint("after-commit")
    for _ in range(cdrs_made):
        failpoint("cdr-made")


def _write(db: sqlite3.Connection, batch: Sequence[Entry], now: datetime) -> int:
    db.execute("BEGIN IMMEDIATE")
    together = Transaction(db, now, is_grouped=True)
    try:
        for entry in batch:
            entry.stamped = _apply(together, entry)
        together.flush()
    except Exception as error:  # root of a task: which Work is at fault shows when they are written one by one
        if _is_database_broken(error):
            raise
        db.execute("ROLLBACK")
    else:
        return together.cdrs_made
    db.execute("BEGIN IMMEDIATE")
    single = Transaction(db, now, is_grouped=False)
    for entry in batch:
        _write_alone(single, entry)
    return single.cdrs_made


def _write_alone(tx: Transaction, entry: Entry) -> None:
    tx.db.execute("SAVEPOINT work")
    cdrs_made = tx.cdrs_made
    try:
        entry.stamped = _apply(tx, entry)
    except Exception as error:  # root of a task: a Work's error is its caller's, who awaits it
        if _is_database_broken(error):
            raise
        entry.stamped, entry.error = None, error
        tx.cdrs_made = cdrs_made
        tx.db.execute("ROLLBACK TO work")
    tx.db.execute("RELEASE work")


def _apply(tx: Transaction, entry: Entry) -> list[Any]:
    return [apply(tx, change, parts) for apply, change, parts in entry.prepared]


def _is_database_broken(error: Exception) -> bool:
    """Is the database at fault, not the Work?  A damaged file raises the very class DatabaseError."""
    return type(error) is sqlite3.DatabaseError or isinstance(error, sqlite3.OperationalError | sqlite3.InternalError)


def _roll_back(db: sqlite3.Connection) -> None:
    """End the transaction if the failure has not ended it already."""
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
    except sqlite3.Error:
        return  # the next BEGIN fails too, and says so to its callers
