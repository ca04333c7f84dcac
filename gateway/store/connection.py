"""SQLite connections on threads of their own."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import aiosqlite

from gateway.errors import SettingsError, StoreDownError

P = ParamSpec("P")
T = TypeVar("T")

LEAST_SQLITE = (3, 35)
SYNCHRONOUS = ("FULL", "NORMAL", "EXTRA")
BUSY_TIMEOUT_S = 2
CACHE_KIB = 32 * 1024
CHECKPOINT_PAGES = 4000
"""Pages of 4 KiB in the write-ahead log before they move to the database: pages written often then move once."""


class Connection(aiosqlite.Connection):
    """A connection whose thread can be given a whole function: one hop, however many statements it runs."""

    async def run(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call `function(connection, …)` on the thread.  Raises StoreDownError where the database fails."""
        try:
            result: T = await self._execute(function, self._conn, *args, **kwargs)  # type: ignore[no-untyped-call]
        except ValueError as error:
            if self._connection is None or not self._running:
                raise StoreDownError("The store is closed.") from error
            raise
        except sqlite3.DatabaseError as error:
            raise store_down(error) from error
        return result


async def connect_writer(path: Path, *, synchronous: str) -> Connection:
    """Open the one connection that writes: WAL, and every commit on the disk before it returns (FULL)."""
    if synchronous not in SYNCHRONOUS:
        raise SettingsError(f"store.synchronous: {synchronous!r} is not one of {', '.join(SYNCHRONOUS)}.")
    return await _connect(
        path,
        "PRAGMA journal_mode=WAL",
        f"PRAGMA synchronous={synchronous}",
        f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"PRAGMA journal_size_limit={4 * CHECKPOINT_PAGES * 4096}",
        f"PRAGMA cache_size=-{CACHE_KIB}",
        "PRAGMA foreign_keys=1",
    )


async def connect_reader(path: Path, *, is_alone: bool = False) -> Connection:
    """Open a connection that cannot write; `is_alone`: no writer of this process keeps the file, so it must not even
    tidy up behind one that was killed."""
    return await _connect(_read_only(path) if is_alone else path, "PRAGMA query_only=1", "PRAGMA cache_size=-8192")


def refuse_old_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raise SettingsError for a SQLite without what the statements need."""
    if version < LEAST_SQLITE:
        raise SettingsError(
            f"SQLite {'.'.join(map(str, version))} is too old: at least {'.'.join(map(str, LEAST_SQLITE))} is needed. "
            "Use a newer Python build or install a newer libsqlite3."
        )


def store_down(error: sqlite3.Error) -> StoreDownError:
    return StoreDownError(f"The database failed: {error}. Check the disk (space, health) and who else has it open.")


def _read_only(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


async def _connect(path: Path | str, *pragmas: str) -> Connection:
    def connector() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path,
            isolation_level=None,
            cached_statements=256,
            timeout=BUSY_TIMEOUT_S,
            uri=isinstance(path, str),
        )
        try:
            for pragma in pragmas:
                connection.execute(pragma)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    connection = Connection(connector, iter_chunk_size=64)
    # A program that fails before it closes the store must end; the log of the database makes that harmless.
    connection._thread.daemon = True
    try:
        await connection
    except sqlite3.Error as error:
        raise StoreDownError(f"{path}: the database cannot be opened: {error}.") from error
    return connection
