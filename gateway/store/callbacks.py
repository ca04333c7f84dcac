"""What partners asked for, and the result of each."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import bindparam, literal_column, select, update

from gateway.domain.callbacks import Callback, CallbackState
from gateway.domain.ids import station_key
from gateway.errors import RevisionConflictError
from gateway.ports import SaveCallback
from gateway.store.objects import ObjectCodec
from gateway.store.statements import ROW_BYTES, Row, compiled, insert_row
from gateway.store.tables import callbacks
from gateway.store.transaction import Transaction

_CALLBACK = ObjectCodec(Callback, columns=frozenset({"id", "state", "body", "revision"}))

_INSERT = insert_row(callbacks, without=["no"])
_UPDATE = compiled(
    update(callbacks)
    .values({name: bindparam(name) for name in ("state", "revision", "asked", "body")})
    .where(callbacks.c.id == bindparam("at_id"), callbacks.c.revision == bindparam("at_revision"))
)
_READ = select(*(callbacks.c[name] for name in ("id", "state", "revision", "asked", "body")))
_BY_ID = compiled(_READ.where(callbacks.c.id == bindparam("id")))
_OPEN = compiled(
    _READ.where(callbacks.c.state == literal_column(f"'{CallbackState.OPEN.value}'")).order_by(callbacks.c.no)
)
_NEWEST = compiled(_READ.order_by(callbacks.c.no.desc()).limit(bindparam("limit")))
_NEWEST_OF_STATION = compiled(
    _READ.where(callbacks.c.station_key == bindparam("station_key"))
    .order_by(callbacks.c.no.desc())
    .limit(bindparam("limit"))
)


def prepare_callback(change: SaveCallback) -> tuple[str, int]:
    asked = _CALLBACK.render(change.callback)
    return asked, len(asked) + len(change.callback.body or b"") + ROW_BYTES


def apply_callback(tx: Transaction, change: SaveCallback, asked: str) -> SaveCallback:
    """Insert or update.  Raises ConflictError and RevisionConflictError."""
    callback = change.callback
    saved = replace(callback, revision=callback.revision + 1)
    fresh = {"state": saved.state.value, "revision": saved.revision, "asked": asked, "body": saved.body}
    if callback.revision == 0:
        row = _INSERT.row(id=callback.id, station_key=station_key(callback.station_id), **fresh)
        tx.insert(_INSERT, row, f"Callback {callback.id}")
    elif not tx.hit(_UPDATE, _UPDATE.row(**fresh, at_id=callback.id, at_revision=callback.revision)):
        raise RevisionConflictError(f"Callback {callback.id} is not at revision {callback.revision} any more.")
    return SaveCallback(saved)


def find_callback(db: sqlite3.Connection, callback_id: str) -> Callback | None:
    row = _BY_ID.one(db, id=callback_id)
    return None if row is None else _parse(row)


def load_open_callbacks(db: sqlite3.Connection) -> Sequence[Callback]:
    return [_parse(row) for row in _OPEN.all(db)]


def list_callbacks(db: sqlite3.Connection, *, limit: int, station_id: str | None) -> Sequence[Callback]:
    if station_id is None:
        return [_parse(row) for row in _NEWEST.all(db, limit=limit)]
    return [_parse(row) for row in _NEWEST_OF_STATION.all(db, limit=limit, station_key=station_key(station_id))]


def _parse(row: Row) -> Callback:
    id_, state, revision, asked, body = row
    return _CALLBACK.parse(asked, id=id_, state=CallbackState(state), revision=revision, body=body)
