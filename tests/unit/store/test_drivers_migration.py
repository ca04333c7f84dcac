"""What is there already is found by the party of its driver too: CDRs are numbered by it, sessions tell it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.migrations import upgrade

CDRS = [
    ("p", 2, "NL*A", "DE*X"),
    ("p", 1, "NL*A", "DE*X"),
    ("p", 3, "NL*B", "DE*X"),
    ("p", 4, "NL*A", "DE*Y"),
    ("p", 5, "NL*A", None),
    ("p", 6, "NL*A", "DE*X"),
    ("q", 1, "NL*A", "DE*X"),
]
SESSIONS = [("s1", "p", "DE*X"), ("s2", "p", "DE*Y"), ("s3", None, None)]


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with CDRs and sessions of drivers of several parties, brought forward."""
    path = tmp_path / "gateway.sqlite3"
    upgrade(path, head="0006")
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO cdrs (id, session_id, correction_no, owner, ordinal, party, last_updated_us, body, ended_us)"
            " VALUES (?, ?, 0, ?, ?, ?, 0, ?, 0)",
            [
                (f"{owner}{no}", f"{owner}{no}", owner, no, party, json.dumps({"terms": terms_with(drivers)}))
                for owner, no, party, drivers in CDRS
            ],
        )
    upgrade(path, head="0013")
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO sessions (id, station_key, station_id, evse_no, connector_no, start_key, visible_to, party,"
            " started_us, status, ledger, last_updated_us, revision)"
            " VALUES (?, 'cp', 'CP', 1, 1, ?, ?, 'NL*A', 1, 'ACTIVE', '[]', 1, 1)",
            [(session_id, session_id, visible_to) for session_id, visible_to, _ in SESSIONS],
        )
        database.executemany(
            "INSERT INTO session_terms (created_no, terms) SELECT created_no, ? FROM sessions WHERE id = ?",
            [(json.dumps(terms_with(drivers)), session_id) for session_id, _, drivers in SESSIONS],
        )
    upgrade(path)
    with closing(sqlite3.connect(path)) as database:
        yield database


def terms_with(drivers: str | None) -> dict[str, object]:
    if drivers is None:
        return {}
    country_code, _, party_id = drivers.partition("*")
    return {"token": {"party": {"country_code": country_code, "party_id": party_id}}}


@pytest.mark.parametrize(
    ("owner", "party", "drivers", "ids"),
    [
        ("p", "NL*A", "", ["p1", "p2", "p4", "p5", "p6"]),
        ("p", "NL*B", "", ["p3"]),
        ("p", "", "DE*X", ["p1", "p2", "p3", "p6"]),
        ("p", "NL*A", "DE*X", ["p1", "p2", "p6"]),
        ("p", "NL*B", "DE*X", ["p3"]),
        ("p", "", "DE*Y", ["p4"]),
        ("p", "NL*A", "DE*Y", ["p4"]),
        ("q", "NL*A", "", ["q1"]),
        ("q", "", "DE*X", ["q1"]),
        ("q", "NL*A", "DE*X", ["q1"]),
    ],
)
def test_cdrs_are_numbered_without_gaps_in_each_list_that_they_are_in(
    migrated: sqlite3.Connection, owner: str, party: str, drivers: str, ids: list[str]
) -> None:
    numbered = migrated.execute(
        "SELECT n.number, c.id FROM cdr_numbers n JOIN cdrs c ON c.created_no = n.cdr_no AND c.ordinal = n.ordinal"
        " WHERE n.owner = ? AND n.party = ? AND n.drivers = ? ORDER BY n.ordinal",
        (owner, party, drivers),
    )

    assert numbered.fetchall() == list(enumerate(ids, start=1))


def test_a_cdr_has_a_number_in_no_other_list(migrated: sqlite3.Connection) -> None:
    counts = migrated.execute("SELECT c.id, count(*) FROM cdr_numbers n JOIN cdrs c ON created_no = cdr_no GROUP BY 1")

    assert dict(counts.fetchall()) == {f"{owner}{no}": 3 if drivers else 1 for owner, no, _, drivers in CDRS}


def test_sessions_tell_the_party_of_their_drivers(migrated: sqlite3.Connection) -> None:
    told = migrated.execute(
        "SELECT id, visible_to, drivers FROM sessions JOIN session_folds USING (created_no) ORDER BY id"
    )

    assert told.fetchall() == SESSIONS
