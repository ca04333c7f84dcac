"""Facts of sessions: what every message appends, and those that came too late."""

import sqlite3

from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.dialects import sqlite

from gateway.domain.sessions import Fact
from gateway.ports import AppendFact, LateFact, SaveLateFact
from gateway.store.codec import parse_fact, render_fact, to_us
from gateway.store.statements import Row, compiled
from gateway.store.tables import late_facts, session_facts
from gateway.store.transaction import Transaction

_FACT_NAMES = ("session_id", "fact_key", "at_us", "body")
_INSERT = compiled(session_facts.insert().values({name: bindparam(name) for name in _FACT_NAMES}), *_FACT_NAMES)
_LATE_NAMES = ("station_id", "session_id", "reason", "fact_key", "at_us", "body")
# A late fact that is told again is nothing new.
_INSERT_LATE = compiled(
    sqlite.insert(late_facts).values({name: bindparam(name) for name in _LATE_NAMES}).on_conflict_do_nothing()
)
_FACTS = compiled(
    select(session_facts.c.fact_key, session_facts.c.at_us, session_facts.c.body).where(
        session_facts.c.session_id == bindparam("session_id")
    )
)
_FACT = compiled(
    select(literal_column("1")).where(
        session_facts.c.session_id == bindparam("session_id"), session_facts.c.fact_key == bindparam("fact_key")
    )
)
_LATE = compiled(
    select(*(late_facts.c[name] for name in ("no", "station_id", "session_id", "reason", "fact_key", "at_us", "body")))
    .order_by(late_facts.c.no.desc())
    .limit(bindparam("limit"))
)


def prepare_fact(change: AppendFact) -> tuple[Row, int]:
    fact = change.fact
    at_us = to_us(fact.at)
    body = render_fact(fact, at_us)
    return (change.session_id, fact.key, at_us, body), len(body)


def apply_fact(tx: Transaction, change: AppendFact, row: Row) -> AppendFact:
    if tx.is_grouped:
        tx.add(_INSERT, row)
    else:
        tx.insert(_INSERT, row, f"Fact {change.fact.key} of session {change.session_id}")
    return change


def prepare_late_fact(change: SaveLateFact) -> tuple[str, int]:
    body = render_fact(change.fact, to_us(change.fact.at))
    return body, len(body)


def apply_late_fact(tx: Transaction, change: SaveLateFact, body: str) -> SaveLateFact:
    fact = change.fact
    row = _INSERT_LATE.row(
        station_id=change.station_id,
        session_id=change.session_id or "",
        reason=change.reason,
        fact_key=fact.key,
        at_us=to_us(fact.at),
        body=body,
    )
    tx.put(_INSERT_LATE, row)
    return change


def load_facts(db: sqlite3.Connection, session_id: str) -> list[Fact]:
    """In the order of their device times, then of their receipt."""
    facts = [parse_fact(*row) for row in _FACTS.all(db, session_id=session_id)]
    return sorted(facts, key=lambda fact: (fact.at, fact.received_at))


def has_fact(db: sqlite3.Connection, session_id: str, key: str) -> bool:
    return _FACT.one(db, session_id=session_id, fact_key=key) is not None


def list_late_facts(db: sqlite3.Connection, *, limit: int) -> list[LateFact]:
    return [
        LateFact(
            no=no,
            station_id=station_id,
            session_id=session_id or None,
            reason=reason,
            fact=parse_fact(key, at_us, body),
        )
        for no, station_id, session_id, reason, key, at_us, body in _LATE.all(db, limit=limit)
    ]
