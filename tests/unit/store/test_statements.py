"""Statements find what they look for by an index, and their parameters are what the code takes them for."""

import sqlite3
from collections.abc import Iterator
from types import ModuleType

import pytest
from sqlalchemy import bindparam, create_engine, select

from gateway.store import cdrs, counters, facts, journal, locations, partners, sessions, stations, tariffs, tokens
from gateway.store.statements import Statement, compiled
from gateway.store.tables import metadata
from gateway.store.tables import stations as stations_table

MODULES = (cdrs, counters, facts, journal, locations, partners, sessions, stations, tariffs, tokens)
READS_A_WHOLE_TABLE = {
    *("gateway.store.locations._ALL", "gateway.store.locations._STATUSES", "gateway.store.partners._SELECT"),
    *("gateway.store.stations._SELECT", "gateway.store.stations._SELECT_STATUSES", "gateway.store.tariffs._SELECT"),
    *("gateway.store.tokens._LOCALS", "gateway.store.tokens._AMBIGUOUS", "gateway.store.sessions._UNSEALED"),
    *("gateway.store.facts._LATE", "gateway.store.sessions._REFUSED"),
    *("gateway.store.journal._NOTICES", "gateway.store.journal._INCIDENTS", "gateway.store.journal._LIST_QUARANTINED"),
    *("gateway.store.cdrs._NEWEST", "gateway.store.sessions._NEWEST", "gateway.store.sessions._WITHOUT_CDR"),
}
ITS_OWN = ("SCAN anon_", "SCAN chain")
SORTS = {"gateway.store.sessions._PAGE_WINDOW", "gateway.store.sessions._NEWEST_OF_STATION"}
SORTS |= {"gateway.store.journal._DEVIATIONS", "gateway.store.cdrs._BILLED"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / "empty.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def statements_of(module: ModuleType) -> dict[str, Statement]:
    found = {name: value for name, value in vars(module).items() if isinstance(value, Statement)}
    return {f"{module.__name__}.{name}": value for name, value in found.items()}


ALL = {name: value for module in MODULES for name, value in statements_of(module).items()}


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_statement_is_valid_and_uses_an_index(database: sqlite3.Connection, name: str) -> None:
    plan = plan_of(database, ALL[name])

    if name not in READS_A_WHOLE_TABLE:
        # What the statement itself makes (a sub-select, a chain) has its own steps in the plan too.
        assert not [step for step in plan if step.startswith("SCAN") and not step.startswith(ITS_OWN)], plan
    if name not in SORTS:
        assert not [step for step in plan if "TEMP B-TREE FOR ORDER" in step], plan


def test_totals_of_windows_are_counted_without_touching_rows(database: sqlite3.Connection) -> None:
    for statement in (sessions._COUNT, sessions._COUNT_WINDOW):
        (step,) = plan_of(database, statement)
        assert "USING COVERING INDEX" in step


def test_joining_a_page_of_cdrs_reads_their_bytes_and_no_body(database: sqlite3.Connection) -> None:
    (step,) = [step for step in plan_of(database, cdrs._JOINED) if step.startswith("SEARCH cdrs ")]
    assert "USING COVERING INDEX" in step
    assert not [step for step in plan_of(database, cdrs._JOINED_NUMBERED) if step.startswith("SEARCH cdrs ")]


def test_pages_of_a_list_that_is_narrowed_are_found_by_numbers_alone(database: sqlite3.Connection) -> None:
    key = "owner=? AND party=? AND drivers=?"
    for statement, index, seek in (
        (cdrs._LAST_NUMBER, "PRIMARY KEY", key),
        (cdrs._NUMBER_FROM, "PRIMARY KEY", f"{key} AND ordinal>?"),
        (cdrs._NUMBER_UNTIL, "PRIMARY KEY", f"{key} AND ordinal<?"),
        (cdrs._NUMBERED, "INDEX sqlite_autoindex_cdr_numbers_2", f"{key} AND number=?"),
        (cdrs._PAGE_NUMBERED, "PRIMARY KEY", f"{key} AND ordinal>? AND ordinal<?"),
        (cdrs._JOINED_NUMBERED, "PRIMARY KEY", f"{key} AND ordinal>? AND ordinal<?"),
    ):
        (step,) = [step for step in plan_of(database, statement) if step.startswith("SEARCH cdr_numbers ")]
        assert step == f"SEARCH cdr_numbers USING {index} ({seek})"


def test_which_sessions_are_on_a_page_is_seen_without_touching_rows(database: sqlite3.Connection) -> None:
    for statement, index in ((sessions._PAGE, "by_no"), (sessions._PAGE_WINDOW, "by_time")):
        steps = [step for step in plan_of(database, statement) if "visible" in step]
        assert len(steps) == 1
        assert steps[0].startswith(f"SEARCH session_folds USING COVERING INDEX ix_session_folds_visible_{index} ")


def test_no_list_looks_into_the_json_of_its_rows() -> None:
    assert [name for name, statement in ALL.items() if "json" in statement.text.lower()] == []


def plan_of(database: sqlite3.Connection, statement: Statement) -> list[str]:
    values: list[object] = ["1"] * len(statement.names)
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement.text}", values)]


def test_parameters_in_another_order_than_the_rows_are_refused() -> None:
    clause = select(stations_table.c.body).where(
        stations_table.c.station_key == bindparam("key"), stations_table.c.revision == bindparam("revision")
    )

    assert compiled(clause, "key", "revision").names == ("key", "revision")
    with pytest.raises(TypeError, match="parameters"):
        compiled(clause, "revision", "key")


def test_a_missing_parameter_is_an_error() -> None:
    with pytest.raises(KeyError):
        facts._FACTS.row(session="s-1")


def test_columns_are_bigint_text_and_blob_only() -> None:
    kinds = {type(column.type).__name__ for table in metadata.tables.values() for column in table.columns}

    assert kinds == {"BigInteger", "Text", "LargeBinary"}
