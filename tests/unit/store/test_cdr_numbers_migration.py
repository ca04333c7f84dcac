"""CDRs that are there are numbered by owner and party."""

import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.store.migrations import upgrade


def test_cdrs_are_numbered_per_owner_and_party_in_the_order_of_their_ordinals(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite3"
    upgrade(path, head="0006")
    columns = "id, session_id, correction_no, owner, ordinal, party, last_updated_us, body, ended_us"
    rows = [("p", 2, "NL*A"), ("p", 1, "NL*A"), ("p", 3, "NL*B"), ("p", 4, "NL*A"), ("q", 1, "NL*A")]
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            f"INSERT INTO cdrs ({columns}) VALUES (?, ?, 0, ?, ?, ?, 0, '{{}}', 0)",
            [(f"{owner}{no}", f"{owner}{no}", owner, no, party) for owner, no, party in rows],
        )

    upgrade(path)

    with closing(sqlite3.connect(path)) as database:
        numbered = database.execute("SELECT owner, party, ordinal, number, cdr_id FROM cdr_numbers").fetchall()
    assert sorted(numbered) == [
        ("p", "NL*A", 1, 1, "p1"),
        ("p", "NL*A", 2, 2, "p2"),
        ("p", "NL*A", 4, 3, "p4"),
        ("p", "NL*B", 3, 1, "p3"),
        ("q", "NL*A", 1, 1, "q1"),
    ]
