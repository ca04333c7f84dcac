"""Statements written in SQLAlchemy, compiled once to the text and parameter order that the driver wants.

Compiling costs more than running; so it is done when a module is imported, and what runs is plain text and tuples.
"""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sqlalchemy import Table, Text, bindparam, func, insert, literal_column, type_coerce
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

_DIALECT = sqlite.dialect(paramstyle="qmark")

Row = tuple[Any, ...]
ROW_BYTES = 200
"""What a row costs besides the text it carries, roughly."""
BLOCK_ROWS = 25
"""Rows that one run of a statement in blocks writes: beginning and ending a run costs a third of writing a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """`names` are the parameters in the order of `text`; `constants` those whose value stands in the statement.

    `block`: the same for BLOCK_ROWS rows in one run.  `must_hit`: each row has to change one row of the table.
    """

    text: str
    names: tuple[str, ...]
    constants: dict[str, Any]
    block: str | None = None
    must_hit: bool = False

    def row(self, **values: Any) -> Row:
        """The parameters in their order; a missing one is a KeyError."""
        values |= self.constants
        return tuple([values[name] for name in self.names])

    def run(self, db: sqlite3.Connection, **values: Any) -> sqlite3.Cursor:
        return db.execute(self.text, self.row(**values))

    def one(self, db: sqlite3.Connection, **values: Any) -> Row | None:
        """The first row, or None."""
        row: Row | None = db.execute(self.text, self.row(**values)).fetchone()
        return row

    def all(self, db: sqlite3.Connection, **values: Any) -> list[Row]:
        return db.execute(self.text, self.row(**values)).fetchall()

    def run_all(self, db: sqlite3.Connection, rows: list[Row]) -> int:
        """Write all rows, in their order; how many rows of the table changed?"""
        changed = 0
        if self.block is not None and len(rows) >= BLOCK_ROWS:
            whole = len(rows) - len(rows) % BLOCK_ROWS
            for start in range(0, whole, BLOCK_ROWS):
                values = list(chain.from_iterable(rows[start : start + BLOCK_ROWS]))
                changed += db.execute(self.block, values).rowcount
            rows = rows[whole:]
        if rows:
            changed += db.executemany(self.text, rows).rowcount
        return changed


def compiled(clause: ClauseElement, *names: str, must_hit: bool = False) -> Statement:
    """Compile a statement.  `names`, where given, must be its parameters in order: hot rows are tuples made by hand."""
    result = clause.compile(dialect=_DIALECT)
    positions = tuple(getattr(result, "positiontup", None) or ())
    if names and positions != names:
        raise TypeError(f"the parameters are {positions}, not {names}")
    given = result.params
    constants = {name: given[name] for name in positions if given[name] is not None}
    return Statement(str(result), positions, constants, must_hit=must_hit)


def in_blocks(statement: Statement) -> Statement:
    """Let an INSERT write many rows in one run."""
    before, values, after = statement.text.partition(f"({', '.join('?' * len(statement.names))})")
    if not values or "?" in before + after:
        raise TypeError(f"not a statement of one row of values: {statement.text}")
    return replace(statement, block=before + ", ".join([values] * BLOCK_ROWS) + after)


def insert_row(table: Table, *, without: Iterable[str] = ()) -> Statement:
    """Compile an INSERT of all columns in the table's order, except those the database fills in."""
    return compiled(insert(table).values(_parameters(table, without)))


def upsert_row(
    table: Table, *, names: Iterable[str] = (), only_if: Callable[[Any], Any] | None = None, **updates: Any
) -> Statement:
    """Compile an INSERT that replaces the row with the same primary key.

    `updates` are expressions for columns that are not simply replaced; `only_if` makes, of the new row, the condition
    for replacing at all; `names` as in `compiled`.
    """
    clause = sqlite.insert(table).values(_parameters(table, ()))
    replaced = {column.name: clause.excluded[column.name] for column in table.columns if not column.primary_key}
    return compiled(
        clause.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_=replaced | updates,
            where=None if only_if is None else only_if(clause.excluded),
        ),
        *names,
    )


def party_text(body: Any, path: str) -> Any:
    """The party at a place of a JSON text, as "CC*PID"; NULL where there is none."""
    parts = [
        type_coerce(func.json_extract(body, literal_column(f"'{path}.{name}'")), Text)
        for name in ("country_code", "party_id")
    ]
    return parts[0] + literal_column("'*'", Text) + parts[1]


def _parameters(table: Table, without: Iterable[str]) -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in table.columns if column.name not in set(without)}
