"""Sessions.

A session is three rows: `sessions` with its keys and `session_terms`, written when it begins and when its terms change,
and `session_folds`, written by every message.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, literal_column, null, or_, select, update
from sqlalchemy.dialects import sqlite

from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.quick import copier, quick
from gateway.domain.sessions import OPEN, Ledger, Session, SessionStatus, Terms
from gateway.errors import ConflictError, RevisionConflictError
from gateway.ports import Page, PageAsked, SaveSession
from gateway.store.codec import (
    from_us,
    from_us_or_none,
    has_end,
    parse_id_token,
    parse_ledger,
    render_id_token,
    render_ledger,
    to_us,
    to_us_or_none,
)
from gateway.store.facts import PreparedFact, append_fact, prepare_fact
from gateway.store.objects import ObjectCodec
from gateway.store.paging import LAST_US, is_windowed, page_of
from gateway.store.stamps import later
from gateway.store.statements import ROW_BYTES, Row, Statement, compiled, in_blocks, insert_row
from gateway.store.tables import session_folds, session_terms, sessions
from gateway.store.transaction import Transaction

SPANS_LOOKED_AT = 8
"""Sessions of one plug follow each other: of those begun before a time, only the latest few can span it."""

CLOCKS_AHEAD = timedelta(days=1)
"""A session is written after it ended, but the end is told by its station's clock."""

_TERMS = ObjectCodec(Terms)
_inserted = copier(Session, Session, "created_no", "last_fact_no", "last_updated", "revision")
_updated = copier(Session, Session, "ledger", "last_fact_no", "last_updated", "revision")
_save = quick(SaveSession)

# --- writing ------------------------------------------------------------------------------------------------------

_INSERT = insert_row(sessions, without=["created_no"])
_INSERT_FOLD = insert_row(session_folds)
_INSERT_TERMS = insert_row(session_terms)

_HOT_NAMES = ("created_no", "revision", "last_fact_no", "last_updated_us", "started_us", "status", "ledger")
_IDLE_NAMES = ("seal_due_us", "hold")
_SCOPE_NAMES = ("visible_to", "party", "drivers")
_FOLD_NAMES = (*_HOT_NAMES[1:], *_IDLE_NAMES, "sealed_cdr_id", "waiver")
_KEY_NAMES = (
    *("station_key", "station_id", "evse_no", "connector_no", "transaction_id", "start_key"),
    *("remote_start_id", "partner_id", "started_us"),
)


def _hot_upsert() -> Statement:
    """Update many folds in one run: the way for it is an INSERT that always meets its row.

    They are of sessions that run, so what is set on others becomes NULL (as parameters, two of them cost the driver as
    much as the rest of the row).  Where there is no row, its key has no session either and the INSERT fails.  Leaves
    alone the columns whose indexes a message need not touch; where they did change it finds no row, and `_UPDATE_FOLD`
    is run instead.
    """
    fresh = sqlite.insert(session_folds).values({name: bindparam(name) for name in _HOT_NAMES})
    clause = fresh.on_conflict_do_update(
        index_elements=[session_folds.c.created_no],
        set_={name: fresh.excluded[name] for name in _HOT_NAMES if name not in ("created_no", "started_us")}
        | dict.fromkeys(_IDLE_NAMES, null()),
        where=and_(
            session_folds.c.revision == fresh.excluded.revision - literal_column("1"),
            session_folds.c.started_us == fresh.excluded.started_us,
            session_folds.c.sealed_cdr_id.is_(None),
            session_folds.c.waiver.is_(None),
        ),
    )
    return in_blocks(compiled(clause, *_HOT_NAMES, must_hit=True))


def _fold_update(*names: str) -> Statement:
    return compiled(
        update(session_folds)
        .values({name: bindparam(name) for name in names})
        .where(
            session_folds.c.created_no == bindparam("at_no"),
            session_folds.c.revision == bindparam("at_revision"),
        )
    )


def _session_update(*names: str) -> Statement:
    return compiled(
        update(sessions)
        .values({name: bindparam(name) for name in names})
        .where(sessions.c.created_no == bindparam("at_no"), sessions.c.id == bindparam("at_id"))
    )


_UPDATE_HOT = _hot_upsert()
_UPDATE_FOLD = _fold_update(*_FOLD_NAMES)
_UPDATE_START = _session_update("started_us")
_UPDATE_WHOLE_FOLD = _fold_update(*_FOLD_NAMES, *_SCOPE_NAMES)
_UPDATE_KEYS = _session_update(*_KEY_NAMES)
_UPDATE_TERMS = compiled(
    update(session_terms)
    .values(id_token=bindparam("id_token"), terms=bindparam("terms"))
    .where(session_terms.c.created_no == bindparam("at_no"))
)


Prepared = tuple[Session, Ledger, bool, str, str | None, PreparedFact | None, tuple[PreparedFact, ...]]
"""The session, its new ledger, `write_terms`; as rendered: the ledger, the terms where they are to be written, the fact
and `more`.

It holds no fact itself: what the many Works that wait for a commit hold crowds the processor's cache.
"""


def prepare_session(change: SaveSession) -> tuple[Prepared, int]:
    session, write_terms = change.session, change.write_terms
    fold = change.ledger or session.ledger
    ledger = render_ledger(fold)
    size = len(ledger)
    fact = None
    if change.fact is not None:
        fact = prepare_fact(change.fact)
        size += ROW_BYTES + len(fact[2])
    if session.revision and not write_terms:
        return (session, fold, write_terms, ledger, None, fact, ()), size
    terms = _TERMS.render(session.terms)
    more = tuple([prepare_fact(one) for one in change.more])
    size += len(terms) + sum(ROW_BYTES + len(one[2]) for one in more)
    return (session, fold, write_terms, ledger, terms, fact, more), size


def apply_session(tx: Transaction, _: None, prepared: Prepared) -> SaveSession:
    """Insert or update, and append the fact.  Raises ConflictError and RevisionConflictError."""
    session, fold, write_terms, ledger, terms, fact, more = prepared
    if more:
        return _apply_takeover(tx, prepared)
    fact_no = session.last_fact_no if fact is None else tx.next_fact_no()
    if session.revision == 0:
        saved = _insert(tx, replace(session, ledger=fold), fact_no, ledger, terms or "")
    else:
        last_us, last_updated = tx.now_us, tx.now
        if last_updated <= session.last_updated:
            last_us = later(last_us, to_us(session.last_updated))
            last_updated = from_us(last_us)
        saved = _updated(session, fold, fact_no, last_updated, session.revision + 1)
        if terms is None and tx.is_grouped and _is_running(session):
            tx.add(_UPDATE_HOT, _hot_row(saved, ledger, last_us))
        else:
            tx.flush()
            _update(tx, saved, ledger, terms)
    if fact is not None:
        append_fact(tx, fact_no, saved.created_no, session.last_fact_no, fact)
    return _save(saved, write_terms)


def _apply_takeover(tx: Transaction, prepared: Prepared) -> SaveSession:
    """Append the facts of another session, then go on as ever."""
    session, fold, write_terms, ledger, terms, fact, more = prepared
    last_no = session.last_fact_no
    numbered = []
    for one in more:
        fact_no = tx.next_fact_no()
        numbered.append((fact_no, last_no, one))
        last_no = fact_no
    session = replace(session, last_fact_no=last_no)
    saved = apply_session(tx, None, (session, fold, write_terms, ledger, terms, fact, ()))
    for fact_no, before_no, one in numbered:
        append_fact(tx, fact_no, saved.session.created_no, before_no, one)
    return saved


def _is_running(session: Session) -> bool:
    return (
        session.seal_due_at is None
        and session.hold is None
        and session.sealed_cdr_id is None
        and session.waiver is None
    )


def _hot_row(saved: Session, ledger: str, last_us: int) -> Row:
    return (
        saved.created_no,
        saved.revision,
        saved.last_fact_no,
        last_us,
        to_us(saved.ledger.started_at),
        saved.status._value_,
        ledger,
    )


def _insert(tx: Transaction, session: Session, fact_no: int, ledger: str, terms: str) -> Session:
    row = _INSERT.row(id=session.id, **_key_columns(session))
    created_no = tx.insert(_INSERT, row, f"Session {session.id}, or one with its start or transaction id,")
    saved: Session = _inserted(session, created_no, fact_no, tx.now, 1)
    _INSERT_FOLD.run(tx.db, created_no=created_no, **_fold_columns(saved, ledger), **_scope_columns(saved))
    _INSERT_TERMS.run(tx.db, created_no=created_no, id_token=render_id_token(session.id_token), terms=terms)
    return saved


def _update(tx: Transaction, saved: Session, ledger: str, terms: str | None) -> None:
    at = {"at_no": saved.created_no, "at_revision": saved.revision - 1}
    of = {"at_no": saved.created_no, "at_id": saved.id}
    fold, keys = _fold_columns(saved, ledger), _key_columns(saved)
    try:
        if terms is None:
            is_hit = tx.hit(_UPDATE_FOLD, _UPDATE_FOLD.row(**fold, **at)) and tx.hit(
                _UPDATE_START, _UPDATE_START.row(started_us=keys["started_us"], **of)
            )
        else:
            whole = _UPDATE_WHOLE_FOLD.row(**fold, **_scope_columns(saved), **at)
            is_hit = tx.hit(_UPDATE_WHOLE_FOLD, whole) and tx.hit(_UPDATE_KEYS, _UPDATE_KEYS.row(**keys, **of))
            _UPDATE_TERMS.run(tx.db, id_token=render_id_token(saved.id_token), terms=terms, at_no=saved.created_no)
    except sqlite3.IntegrityError as error:
        raise ConflictError(f"Session {saved.id} takes the keys of another ({error}).") from error
    if not is_hit:
        raise RevisionConflictError(f"Session {saved.id} is not at revision {saved.revision - 1} any more.")


def _fold_columns(session: Session, ledger: str) -> dict[str, Any]:
    return {
        "revision": session.revision,
        "last_fact_no": session.last_fact_no,
        "last_updated_us": to_us(session.last_updated),
        "started_us": to_us(session.ledger.started_at),
        "status": session.status.value,
        "seal_due_us": to_us_or_none(session.seal_due_at),
        "hold": session.hold,
        "ledger": ledger,
        "sealed_cdr_id": session.sealed_cdr_id,
        "waiver": session.waiver,
    }


def _scope_columns(session: Session) -> dict[str, Any]:
    place, token = session.terms.place, session.terms.token
    return {
        "visible_to": None if place is None or token is None else session.partner_id,
        "party": None if place is None else str(place.location.party),
        "drivers": None if token is None else str(token.party),
    }


def _key_columns(session: Session) -> dict[str, Any]:
    return {
        "station_key": station_key(session.key.station_id),
        "station_id": session.key.station_id,
        "evse_no": session.key.evse_no,
        "connector_no": session.key.connector_no,
        "transaction_id": session.transaction_id,
        "start_key": session.start_key,
        "remote_start_id": session.remote_start_id,
        "partner_id": session.partner_id,
        "started_us": to_us(session.ledger.started_at),
    }


# --- reading ------------------------------------------------------------------------------------------------------

_READ_NAMES = (
    *("id", "station_id", "evse_no", "connector_no", "transaction_id", "start_key"),
    *("status", "ledger", "partner_id", "remote_start_id", "seal_due_us", "sealed_cdr_id", "hold", "waiver"),
    *("created_no", "last_fact_no", "last_updated_us", "revision", "id_token", "terms"),
)
_TABLES = (sessions, session_folds, session_terms)
_READ = [next(table.c[name] for table in _TABLES if name in table.c) for name in _READ_NAMES]
_SELECT = (
    select(*_READ)
    .join_from(sessions, session_folds, sessions.c.created_no == session_folds.c.created_no)
    .join(session_terms, sessions.c.created_no == session_terms.c.created_no)
)
_PLUG = (
    sessions.c.station_key == bindparam("station_key"),
    sessions.c.evse_no == bindparam("evse_no"),
    sessions.c.connector_no == bindparam("connector_no"),
)
_OF_STATION = sessions.c.station_key == bindparam("station_key")
_OPEN_STATUSES: list[Any] = [literal_column(f"'{status.value}'") for status in sorted(OPEN)]

_BY_ID = compiled(_SELECT.where(sessions.c.id == bindparam("id")))
_BY_START = compiled(_SELECT.where(sessions.c.start_key == bindparam("start_key")))
_BY_TRANSACTION = compiled(_SELECT.where(_OF_STATION, sessions.c.transaction_id == bindparam("transaction_id")))
_BY_TIME = compiled(
    _SELECT.where(*_PLUG, sessions.c.started_us <= bindparam("at_us"), sessions.c.transaction_id.is_not(None))
    .order_by(sessions.c.started_us.desc())
    .limit(SPANS_LOOKED_AT)
)
_UNSEALED = compiled(
    _SELECT.where(
        session_folds.c.sealed_cdr_id.is_(None),
        or_(
            session_folds.c.status.in_(_OPEN_STATUSES),
            session_folds.c.seal_due_us.is_not(None),
            session_folds.c.hold.is_not(None),
        ),
    ).order_by(session_folds.c.created_no)
)
_REFUSED = compiled(
    select(sessions.c.id, session_folds.c.ledger)
    .join_from(session_folds, sessions, sessions.c.created_no == session_folds.c.created_no)
    .where(
        session_folds.c.sealed_cdr_id.is_(None),
        session_folds.c.status == literal_column(f"'{SessionStatus.INVALID.value}'"),
    )
    .order_by(session_folds.c.created_no)
)
_WITHOUT_CDR = compiled(
    _SELECT.where(
        session_folds.c.sealed_cdr_id.is_(None),
        session_folds.c.started_us < bindparam("to_us"),
        session_folds.c.last_updated_us >= bindparam("from_us"),
    ).order_by(session_folds.c.created_no)
)


def _newest(*where: Any) -> Any:
    chosen = select(sessions.c.created_no).where(*where).order_by(sessions.c.created_no.desc())
    chosen = chosen.limit(bindparam("limit")).offset(bindparam("offset"))
    return compiled(_SELECT.where(sessions.c.created_no.in_(chosen)).order_by(sessions.c.created_no.desc()))


_NEWEST = _newest()
_NEWEST_OF_STATION = _newest(_OF_STATION)

_VISIBLE = (
    session_folds.c.visible_to == bindparam("partner_id"),
    or_(bindparam("party").is_(None), session_folds.c.party == bindparam("party")),
    or_(bindparam("drivers").is_(None), session_folds.c.drivers == bindparam("drivers")),
)
_IN_WINDOW = (
    session_folds.c.last_updated_us >= bindparam("from_us"),
    session_folds.c.last_updated_us < bindparam("to_us"),
)


def _visible_page(order: Any, *where: Any) -> Any:
    chosen = select(session_folds.c.created_no).where(*where, order > bindparam("after")).order_by(order)
    chosen = chosen.limit(bindparam("limit")).offset(bindparam("offset"))
    return compiled(_SELECT.where(sessions.c.created_no.in_(chosen)).order_by(sessions.c.created_no))


_COUNT = compiled(select(func.count()).select_from(session_folds).where(*_VISIBLE))
_PAGE = _visible_page(session_folds.c.created_no, *_VISIBLE)
_COUNT_WINDOW = compiled(select(func.count()).select_from(session_folds).where(*_VISIBLE, *_IN_WINDOW))
# An expression instead of the column, so that the window is found by the index on last_updated and then sorted.
_PAGE_WINDOW = _visible_page(session_folds.c.created_no + literal_column("0"), *_VISIBLE, *_IN_WINDOW)


def load_unsealed_sessions(db: sqlite3.Connection) -> list[Session]:
    """Most of what is INVALID is over: of these only the folds are read."""
    waiting = [_parse(row) for row in _UNSEALED.all(db)]
    refused = [id_ for id_, ledger in _REFUSED.all(db) if not has_end(ledger)]
    known = {session.id for session in waiting}
    running = [_parse(row) for id_ in refused if id_ not in known and (row := _BY_ID.one(db, id=id_)) is not None]
    return sorted([*waiting, *running], key=lambda session: session.created_no)


def find_session(db: sqlite3.Connection, session_id: str) -> Session | None:
    return _parse_or_none(_BY_ID.one(db, id=session_id))


def find_session_by_start(db: sqlite3.Connection, start_key: str) -> Session | None:
    return _parse_or_none(_BY_START.one(db, start_key=start_key))


def find_session_by_transaction(db: sqlite3.Connection, station_id: str, transaction_id: str) -> Session | None:
    return _parse_or_none(_BY_TRANSACTION.one(db, station_key=station_key(station_id), transaction_id=transaction_id))


def find_session_by_time(db: sqlite3.Connection, key: ConnectorKey, at: datetime) -> Session | None:
    """The latest of those whose span holds `at`.  A session that is over without an end spans to its last fact."""
    rows = _BY_TIME.all(
        db,
        station_key=station_key(key.station_id),
        evse_no=key.evse_no,
        connector_no=key.connector_no,
        at_us=to_us(at),
    )
    return next((session for session in map(_parse, rows) if _is_spanning(session, at)), None)


def list_unbilled(db: sqlite3.Connection, begin_at: datetime, end_at: datetime) -> Sequence[Session]:
    rows = _WITHOUT_CDR.all(db, from_us=to_us(begin_at - CLOCKS_AHEAD), to_us=to_us(end_at))
    return [_parse(row) for row in rows]


def list_sessions(db: sqlite3.Connection, *, limit: int, offset: int, station_id: str | None) -> Sequence[Session]:
    if station_id is None:
        return [_parse(row) for row in _NEWEST.all(db, limit=limit, offset=offset)]
    rows = _NEWEST_OF_STATION.all(db, limit=limit, offset=offset, station_key=station_key(station_id))
    return [_parse(row) for row in rows]


def page_sessions(
    db: sqlite3.Connection, partner_id: str, party: str | None, page: PageAsked, drivers_of: str | None = None
) -> Page[Session]:
    scope: dict[str, Any] = {"partner_id": partner_id, "party": party, "drivers": drivers_of}
    count, rows_of = _COUNT, _PAGE
    if is_windowed(page):
        count, rows_of = _COUNT_WINDOW, _PAGE_WINDOW
        scope["from_us"] = to_us(page.date_from) if page.date_from else 0
        scope["to_us"] = to_us(page.date_to) if page.date_to else LAST_US
    total = (count.one(db, **scope) or (0,))[0]
    offset = page.offset if page.after is None else 0
    rows = rows_of.all(db, **scope, after=page.after or 0, offset=offset, limit=page.limit + 1)
    return page_of([_parse(row) for row in rows], page, total, lambda session: session.created_no)


def _is_spanning(session: Session, at: datetime) -> bool:
    ledger = session.ledger
    if ledger.ended_at is not None:
        return at <= ledger.ended_at
    return session.is_open or at <= ledger.last_at


def _parse_or_none(row: Row | None) -> Session | None:
    return None if row is None else _parse(row)


def _parse(row: Row) -> Session:
    values = dict(zip(_READ_NAMES, row, strict=True))
    return Session(
        id=values["id"],
        key=ConnectorKey(
            station_id=values["station_id"], evse_no=values["evse_no"], connector_no=values["connector_no"]
        ),
        transaction_id=values["transaction_id"],
        start_key=values["start_key"],
        status=SessionStatus(values["status"]),
        ledger=parse_ledger(values["ledger"]),
        terms=_TERMS.parse(values["terms"]),
        id_token=parse_id_token(values["id_token"]),
        partner_id=values["partner_id"],
        remote_start_id=values["remote_start_id"],
        seal_due_at=from_us_or_none(values["seal_due_us"]),
        sealed_cdr_id=values["sealed_cdr_id"],
        hold=values["hold"],
        waiver=values["waiver"],
        created_no=values["created_no"],
        last_fact_no=values["last_fact_no"],
        last_updated=from_us(values["last_updated_us"]),
        revision=values["revision"],
    )
