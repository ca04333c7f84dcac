"""Starts that partners ordered."""

import sqlite3
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from gateway.domain.remote_starts import RemoteStart
from gateway.ports import SaveRemoteStart
from gateway.store.codec import to_us
from gateway.store.objects import ObjectCodec
from gateway.store.statements import ROW_BYTES, compiled, upsert_row
from gateway.store.tables import remote_starts
from gateway.store.transaction import Transaction

_START = ObjectCodec(RemoteStart)
_SAVE = upsert_row(remote_starts)
_FORGET = compiled(delete(remote_starts).where(remote_starts.c.kept_until_us < bindparam("now_us")))
_ALL = compiled(select(remote_starts.c.body).order_by(remote_starts.c.kept_until_us, remote_starts.c.id))


def prepare_remote_start(change: SaveRemoteStart) -> tuple[str, int]:
    body = _START.render(change.start)
    return body, len(body) + ROW_BYTES


def apply_remote_start(tx: Transaction, change: SaveRemoteStart, body: str) -> SaveRemoteStart:
    start = change.start
    _FORGET.run(tx.db, now_us=tx.now_us)
    _SAVE.run(tx.db, id=start.id, kept_until_us=to_us(start.kept_until), body=body)
    return change


def load_remote_starts(db: sqlite3.Connection) -> Sequence[RemoteStart]:
    return [_START.parse(body) for (body,) in _ALL.all(db)]
