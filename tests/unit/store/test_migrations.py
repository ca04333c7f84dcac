"""A database is made, brought forward after a copy, or refused with the reason."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.errors import SettingsError
from gateway.store.migrations import HEAD, upgrade
from gateway.store.migrations.runner import SCRIPTS, copy_database, read_revision
from gateway.store.tables import metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.sqlite3"


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_migrations_build_what_the_tables_say(path: Path) -> None:
    upgrade(path)

    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert difference == []


def test_migrations_build_the_same_sql_as_the_tables(path: Path, tmp_path: Path) -> None:
    """What autogenerate does not compare: WITHOUT ROWID, conditions of indexes, types of keys."""
    upgrade(path)
    other = tmp_path / "other.sqlite3"
    engine = sqlalchemy.create_engine(f"sqlite:///{other}")
    metadata.create_all(engine)
    engine.dispose()

    assert schema_of(path) == schema_of(other)


def schema_of(path: Path) -> dict[str, list[str]]:
    """The words of each table and index, in any order, and without the quotes of a table that was renamed."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {name: sorted(re.findall(r"\w+|[^\s\"]", sql)) for name, sql in rows if name != "alembic_version"}


def test_the_newest_revision_is_the_one_the_program_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_database_that_is_up_to_date_is_left_alone(path: Path, tmp_path: Path) -> None:
    upgrade(path)
    before = path.read_bytes()

    upgrade(path)

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["gateway.sqlite3"]


def test_a_database_of_a_newer_program_is_refused_and_left_alone(path: Path) -> None:
    upgrade(path)
    set_revision(path, "9999")

    with pytest.raises(SettingsError, match=rf"newer gateway.*9999.*{HEAD}"):
        upgrade(path)

    assert read_revision(path) == "9999"


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE other (id INTEGER)")

    with pytest.raises(SettingsError, match="not the gateway's"):
        upgrade(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("this is a letter, not a database; it is long enough to have a header " * 20)

    with pytest.raises(SettingsError, match=r"cannot be read as a SQLite database: .* Check store.url"):
        upgrade(path)


def test_a_copy_holds_what_is_only_in_the_log_yet_and_is_never_overwritten(path: Path) -> None:
    upgrade(path)
    copy = path.with_name(f"{path.name}.before-{HEAD}")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        with database:
            database.execute("INSERT INTO counters VALUES ('a', 1)")
        copy_database(path, copy)
        with database:
            database.execute("UPDATE counters SET value = 2")
        copy_database(path, copy)

    with closing(sqlite3.connect(copy)) as copied:
        assert copied.execute("SELECT name, value FROM counters").fetchall() == [("a", 1)]


def scripts_with_one_more_revision(directory: Path, *lines: str) -> Path:
    """The program's migrations, and one more that executes these lines."""
    scripts = directory / "scripts"
    (scripts / "versions").mkdir(parents=True)
    for script in (SCRIPTS / "env.py", *SCRIPTS.glob("versions/revision_*.py")):
        (scripts / script.relative_to(SCRIPTS)).write_text(script.read_text())
    body = "".join(f"    op.execute({line!r})\n" for line in lines)
    (scripts / "versions" / "revision_next.py").write_text(
        f'from alembic import op\nrevision = "next"\ndown_revision = "{HEAD}"\n\n\ndef upgrade() -> None:\n{body}'
    )
    return scripts


def test_an_older_database_is_copied_and_then_migrated(path: Path, tmp_path: Path) -> None:
    upgrade(path)
    scripts = scripts_with_one_more_revision(tmp_path, "CREATE TABLE added (id BIGINT)")

    upgrade(path, scripts=scripts, head="next")

    assert read_revision(path) == "next"
    assert "added" in schema_of(path)
    assert read_revision(path.with_name("gateway.sqlite3.before-next")) == HEAD


def test_a_migration_that_fails_changes_nothing(path: Path, tmp_path: Path) -> None:
    upgrade(path)
    before = schema_of(path)
    scripts = scripts_with_one_more_revision(
        tmp_path, "CREATE TABLE added (id BIGINT)", "INSERT INTO nowhere VALUES (1)"
    )

    with pytest.raises(sqlalchemy.exc.OperationalError, match="nowhere"):
        upgrade(path, scripts=scripts, head="next")

    assert read_revision(path) == HEAD
    assert schema_of(path) == before


def test_the_facts_of_an_older_database_are_chained_session_by_session(path: Path) -> None:
    upgrade(path, head="0001")
    with closing(sqlite3.connect(path)) as database, database:
        for no, session_id in ((1, "s-1"), (2, "s-2")):
            columns = "created_no, id, station_key, station_id, evse_no, connector_no, transaction_id, start_key"
            fold = "started_us, status, ledger, last_updated_us, revision"
            values = (no, session_id, "cp", "CP", 1, 1, session_id, session_id, 1, "ACTIVE", "[]", 1, 1)
            marks = ", ".join("?" * len(values))
            database.execute(f"INSERT INTO sessions ({columns}, {fold}) VALUES ({marks})", values)
        database.executemany(
            "INSERT INTO session_facts (no, session_id, fact_key, at_us, body) VALUES (?, ?, ?, 1, ?)",
            [
                (number, session_id, f"f-{number}", body)
                for number, session_id, body in ((3, "s-1", "a"), (5, "s-2", "b"), (6, "s-1", "c"), (9, "s-1", "d"))
            ],
        )

    upgrade(path)

    with closing(sqlite3.connect(path)) as database:
        facts = database.execute("SELECT no, session_no, before_no, fact_key, body FROM session_facts").fetchall()
        newest = database.execute(
            "SELECT id, last_fact_no FROM sessions JOIN session_folds USING (created_no) ORDER BY id"
        ).fetchall()
    assert facts == [
        (3, 1, 0, "f-3", "a"),
        (5, 2, 0, "f-5", "b"),
        (6, 1, 3, "f-6", "c"),
        (9, 1, 6, "f-9", "d"),
    ]
    assert newest == [("s-1", 9), ("s-2", 5)]


def test_bills_of_before_are_the_first_of_their_sessions_and_keep_their_bytes(path: Path) -> None:
    upgrade(path, head="0001")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO cdrs VALUES (7, 'C1', 'S1', 'P1', 3, 'NL*ABC', 5, '{\"id\": \"C1\"}')")

    upgrade(path)

    with closing(sqlite3.connect(path)) as database:
        (row,) = database.execute(
            "SELECT created_no, id, session_id, owner, ordinal, last_updated_us, body, correction_no FROM cdrs"
        ).fetchall()
        assert row == (7, "C1", "S1", "P1", 3, 5, '{"id": "C1"}', 0)
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(
                "INSERT INTO cdrs (id, session_id, owner, ordinal, party, last_updated_us, body, correction_no,"
                " ended_us) VALUES ('C2', 'S1', 'P1', 4, 'NL*ABC', 6, '{}', 0, 0)"
            )


def test_bills_of_before_are_found_by_the_end_that_they_tell(path: Path) -> None:
    upgrade(path, head="0003")
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO cdrs (id, session_id, owner, ordinal, party, last_updated_us, body, correction_no)"
            " VALUES (?, ?, 'P1', ?, 'NL*ABC', 5, ?, 0)",
            [(f"C{no}", f"S{no}", no, f'{{"ended_at": {no * 10}}}') for no in (1, 2)],
        )

    upgrade(path)

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT id, ended_us FROM cdrs ORDER BY id").fetchall() == [("C1", 10), ("C2", 20)]


def test_sessions_of_before_stay_and_others_may_await_their_transactions(path: Path) -> None:
    columns = "id, station_key, station_id, evse_no, connector_no, transaction_id, start_key"
    fold = "started_us, status, ledger, last_updated_us, revision"
    insert = f"INSERT INTO sessions ({columns}, {fold}) VALUES (?, 'cp', 'CP', 1, 1, ?, ?, 1, 'PENDING', '[]', 1, 1)"
    upgrade(path, head="0007")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(insert, ("s-1", "7", "k-1"))
    insert = f"INSERT INTO sessions ({columns}, started_us) VALUES (?, 'cp', 'CP', 1, 1, ?, ?, 1)"

    upgrade(path)

    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(insert, [("s-2", None, "k-2"), ("s-3", None, "k-3")])
        found = database.execute("SELECT id, transaction_id FROM sessions ORDER BY id").fetchall()
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(insert, ("s-4", "7", "k-4"))
    assert found == [("s-1", "7"), ("s-2", None), ("s-3", None)]


def test_what_needed_no_bill_before_says_so_and_invalid_tokens_count_from_now(path: Path) -> None:
    columns = "id, station_key, station_id, evse_no, connector_no, start_key, started_us, ledger, last_updated_us"
    insert = (
        f"INSERT INTO sessions ({columns}, revision, status, seal_due_us, hold, sealed_cdr_id) "
        "VALUES (?1, 'cp', 'CP', 1, 1, ?1, 1, '[]', 1, 1, ?2, ?3, ?4, ?5)"
    )
    upgrade(path, head="0012")
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            insert,
            [
                ("settled", "COMPLETED", None, None, None),
                ("due", "COMPLETED", 5, None, None),
                ("held", "COMPLETED", None, "no tariff", None),
                ("billed", "COMPLETED", None, None, "C1"),
                ("refused", "INVALID", None, None, None),
            ],
        )
        database.executemany(
            "INSERT INTO tokens VALUES (?, 'RFID', 'NL', 'EMS', 'P1', ?, 5, '{}')", [("a", 1), ("b", 0)]
        )

    upgrade(path)

    with closing(sqlite3.connect(path)) as database:
        waived = database.execute(
            "SELECT id FROM sessions JOIN session_folds USING (created_no) WHERE waiver IS NOT NULL"
        ).fetchall()
        since = database.execute(
            "SELECT uid_key, (strftime('%s', 'now') * 1000000 - invalid_us) / 60000000 FROM tokens ORDER BY uid_key"
        ).fetchall()
    assert waived == [("settled",)]
    assert since == [("a", None), ("b", 0)]
