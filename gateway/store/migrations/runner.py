"""Bring a SQLite database to the newest revision: copy it first, and refuse one from a newer program."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.pool import NullPool

from gateway.errors import SettingsError

log = structlog.get_logger(__name__)

HEAD = "0015"
"""The revision that `tables.py` describes."""

SCRIPTS = Path(__file__).parent


def upgrade(path: Path, *, scripts: Path = SCRIPTS, head: str = HEAD) -> None:
    """Migrate the database at `path`, making it if there is none.  Blocks; call it before the database is used.

    Raises SettingsError for a database of a newer program, or one that is not the gateway's.
    """
    current = read_revision(path)
    if current == head:
        return
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    if current is not None:
        _refuse_unknown(config, path, current, head)
        copy = copy_database(path, path.with_name(f"{path.name}.before-{head}"))
        log.info("database copied before its migration", copy=str(copy), revision=current)
    _run(config, path, head)
    log.info("database migrated", path=str(path), revision=head, was=current)


def read_revision(path: Path) -> str | None:
    """The revision of the database at `path`; None where there is no database or an empty one."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            if not tables:
                return None
            if "alembic_version" not in tables:
                raise SettingsError(f"{path} is a database, but not the gateway's. Give store.url another path.")
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise SettingsError(
            f"{path} cannot be read as a SQLite database: {error}. Check store.url and data_dir, the owner and mode of "
            "the file, and who else has it open; a broken file is replaced by a copy of it."
        ) from error
    return row[0] if row else None


def copy_database(path: Path, copy: Path) -> Path:
    """Copy a database, with what is still in its log, to `copy`; one that is there already is kept."""
    if copy.exists():
        return copy
    unfinished = copy.with_name(f"{copy.name}.part")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    return unfinished.rename(copy)


def _refuse_unknown(config: Config, path: Path, current: str, head: str) -> None:
    try:
        ScriptDirectory.from_config(config).get_revision(current)
    except CommandError:
        raise SettingsError(
            f"{path} was written by a newer gateway (its schema is {current}, this program knows up to {head}). "
            f"Run the newer program, or put back the copy {path.name}.before-{current} in its place."
        ) from None


def _run(config: Config, path: Path, head: str) -> None:
    engine = sqlalchemy.create_engine(sqlalchemy.URL.create("sqlite", database=str(path)), poolclass=NullPool)
    # The driver would not begin a transaction before a CREATE TABLE: it must leave transactions to us.
    sqlalchemy.event.listen(engine, "connect", _leave_transactions)
    sqlalchemy.event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, head)


def _leave_transactions(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None


def _begin(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
