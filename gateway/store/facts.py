"""Facts of sessions: what every message appends, and those that came too late."""

import sqlite3
from typing import Any

from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.dialects import sqlite

from gateway.domain.sessions import Fact
from gateway.ports import LateFact, SaveLateFact
from gateway.store.codec import parse_fact, render_fact, to_us
from gateway.store.statements import compiled, in_blocks
from gateway.store.tables import late_facts, session_facts, session_folds, sessions
from gateway.store.transaction import Transaction

_FACT_NAMES = ("no", "session_no", "before_no", "fact_key", "at_us", "body")
_INSERT = in_blocks(
    compiled(session_facts.insert().values({name: bindparam(name) for name in _FACT_NAMES}), *_FACT_NAMES)
)
_LATE_NAMES = ("station_id", "session_id", "reason", "fact_key", "at_us", "body")
# A late fact that is told again is nothing new.
_INSERT_LATE = compiled(
    sqlite.insert(late_facts).values({name: bindparam(name) for name in _LATE_NAMES}).on_conflict_do_nothing()
)


def _chained() -> Any:
    """The facts of a session, from its newest backwards."""
    names = ("before_no", "fact_key", "at_us", "body")
    newest = (
        select(*(session_facts.c[name] for name in names))
        .join_from(sessions, session_folds, session_folds.c.created_no == sessions.c.created_no)
        .join(session_facts, session_facts.c.no == session_folds.c.last_fact_no)
    )
    chain = newest.where(sessions.c.id == bindparam("session_id")).cte("chain", recursive=True)
    before = select(*(session_facts.c[name] for name in names)).join_from(
        chain, session_facts, session_facts.c.no == chain.c.before_no
    )
    return chain.union_all(before)


_CHAIN = _chained()
_FACTS = compiled(select(_CHAIN.c.fact_key, _CHAIN.c.at_us, _CHAIN.c.body))
_FACT = compiled(select(literal_column("1")).select_from(_CHAIN).where(_CHAIN.c.fact_key == bindparam("fact_key")))
_SELECT_LATE = select(
    *(late_facts.c[name] for name in ("no", "station_id", "session_id", "reason", "fact_key", "at_us", "body"))
)
_LATE = compiled(_SELECT_LATE.order_by(late_facts.c.no.desc()).limit(bindparam("limit")))
_LATE_OF_SESSION = compiled(
    _SELECT_LATE.where(late_facts.c.session_id == bindparam("session_id")).order_by(late_facts.c.no)
)


PreparedFact = tuple[str, int, str]
"""Key, time and body: what of a fact can be rendered before its place in the chain is known."""


def prepare_fact(fact: Fact) -> PreparedFact:
    at_us = to_us(fact.at)
    return fact.key, at_us, render_fact(fact, at_us)


def append_fact(tx: Transaction, no: int, session_no: int, before_no: int, prepared: PreparedFact) -> None:
    """Put a fact at the end of its session's chain, whose last number was `before_no`."""
    key, at_us, body = prepared
    tx.put(_INSERT, (no, session_no, before_no, key, at_us, body))


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
    facts = [parse_fact(*row) for row in reversed(_FACTS.all(db, session_id=session_id))]
    return sorted(facts, key=lambda fact: (fact.at, fact.received_at))


def has_fact(db: sqlite3.Connection, session_id: str, key: str) -> bool:
    return _FACT.one(db, session_id=session_id, fact_key=key) is not None


def list_late_facts(db: sqlite3.Connection, *, limit: int) -> list[LateFact]:
    return [_parse_late(*row) for row in _LATE.all(db, limit=limit)]


def load_late_facts(db: sqlite3.Connection, session_id: str) -> list[LateFact]:
    return [_parse_late(*row) for row in _LATE_OF_SESSION.all(db, session_id=session_id)]


def _parse_late(no: int, station_id: str, session_id: str, reason: str, key: str, at_us: int, body: str) -> LateFact:
    return LateFact(
        no=no,
        station_id=station_id,
        session_id=session_id or None,
        reason=reason,
        fact=parse_fact(key, at_us, body),
    )
