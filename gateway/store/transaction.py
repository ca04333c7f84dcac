"""One transaction of the writer: statements are gathered and run together, or one at a time to see which one fails."""

import sqlite3
from datetime import datetime

from sqlalchemy import func, select

from gateway.errors import ConflictError
from gateway.store.codec import from_us, to_us
from gateway.store.stamps import MS
from gateway.store.statements import Row, Statement, compiled
from gateway.store.tables import session_facts

_LAST_FACT = compiled(select(func.max(session_facts.c.no)))


class MissedError(Exception):
    """An UPDATE among those run together found no row: somebody's revision is old."""


class Transaction:
    """`is_grouped`: rows given to `add` are kept until `flush`, one `executemany` per statement.

    The order between statements is then lost, so whoever runs a statement that other rows of the same table must not
    overtake calls `flush` before.  Ungrouped, everything runs at once and its error is known.
    """

    __slots__ = ("_fact_no", "_groups", "cdrs_made", "db", "is_grouped", "now", "now_us")

    def __init__(self, db: sqlite3.Connection, now: datetime, *, is_grouped: bool) -> None:
        now_us = to_us(now)
        self.db = db
        self.now_us = now_us - now_us % MS
        self.now = from_us(self.now_us)
        self.is_grouped = is_grouped
        self.cdrs_made = 0
        self._fact_no: int | None = None
        self._groups: dict[Statement, list[Row]] = {}

    def add(self, statement: Statement, row: Row) -> None:
        """Gather a row."""
        try:
            self._groups[statement].append(row)
        except KeyError:
            self._groups[statement] = [row]

    def flush(self) -> None:
        """Run what was gathered, statements in the order of their first row.  Raises MissedError, sqlite3.Error."""
        groups, self._groups = self._groups, {}
        for statement, rows in groups.items():
            if statement.run_all(self.db, rows) != len(rows) and statement.must_hit:
                raise MissedError

    def put(self, statement: Statement, row: Row) -> None:
        """Write a row that depends on no other: gathered or at once."""
        if self.is_grouped:
            self.add(statement, row)
        else:
            self.db.execute(statement.text, row)

    def next_fact_no(self) -> int:
        """The number of the next fact: only the one writer gives them."""
        if self._fact_no is None:
            self._fact_no = self.db.execute(_LAST_FACT.text).fetchone()[0] or 0
        self._fact_no += 1
        return self._fact_no

    def hit(self, statement: Statement, row: Row) -> bool:
        """Run an UPDATE at once; did it find its row?"""
        return self.db.execute(statement.text, row).rowcount == 1

    def insert(self, statement: Statement, row: Row, what: str) -> int:
        """Insert a row at once and return its number.  Raises ConflictError, saying `what` is there already."""
        try:
            return self.db.execute(statement.text, row).lastrowid or 0
        except sqlite3.IntegrityError as error:
            raise ConflictError(f"{what} is stored already ({error}).") from error
