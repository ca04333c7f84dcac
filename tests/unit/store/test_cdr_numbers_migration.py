"""CDRs that are there are numbered by owner and party, and keep the bytes that partners were shown."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.migrations import upgrade

COLUMNS = "id, session_id, correction_no, owner, ordinal, party, last_updated_us, body, ended_us"
ROWS = [("p", 2, "NL*A"), ("p", 1, "NL*A"), ("p", 3, "NL*B"), ("p", 4, "NL*A"), ("q", 1, "NL*A")]
SHOWN = [("q1", "2.2.1", b"Q", 7), ("p1", "2.2.1", b"1", None), ("p1", "2.3.0", b"one", 8)]


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with CDRs of two partners and of two of our parties, brought forward."""
    path = tmp_path / "gateway.sqlite3"
    upgrade(path, head="0006")
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            f"INSERT INTO cdrs ({COLUMNS}) VALUES (?, ?, 0, ?, ?, ?, 0, '{{}}', 0)",
            [(f"{owner}{no}", f"{owner}{no}", owner, no, party) for owner, no, party in ROWS],
        )
        database.executemany("INSERT INTO cdr_renderings (cdr_id, version, body, shown_us) VALUES (?, ?, ?, ?)", SHOWN)
    upgrade(path)
    with closing(sqlite3.connect(path)) as database:
        yield database


def test_cdrs_are_numbered_per_owner_and_party_in_the_order_of_their_ordinals(migrated: sqlite3.Connection) -> None:
    numbered = migrated.execute(
        "SELECT n.owner, n.party, n.ordinal, n.number, c.id FROM cdr_numbers n JOIN cdrs c ON c.created_no = n.cdr_no"
    )

    assert sorted(numbered) == [
        ("p", "NL*A", 1, 1, "p1"),
        ("p", "NL*A", 2, 2, "p2"),
        ("p", "NL*A", 4, 3, "p4"),
        ("p", "NL*B", 3, 1, "p3"),
        ("q", "NL*A", 1, 1, "q1"),
    ]


def test_a_cdr_keeps_the_bytes_it_was_shown_with(migrated: sqlite3.Connection) -> None:
    shown = migrated.execute(
        "SELECT c.id, r.version, r.body, r.shown_us FROM cdr_renderings r JOIN cdrs c ON c.created_no = r.cdr_no"
    )

    assert sorted(shown) == sorted(SHOWN)
