"""The charging profiles that partners have set on running sessions."""

import sqlite3
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from gateway.domain.profiles import SessionProfile
from gateway.ports import DropProfile, SaveProfile
from gateway.store.objects import ObjectCodec
from gateway.store.statements import compiled, upsert_row
from gateway.store.tables import profiles
from gateway.store.transaction import Transaction

_PROFILE = ObjectCodec(SessionProfile, columns=frozenset({"session_id"}))

_UPSERT = upsert_row(profiles)
_DROP = compiled(delete(profiles).where(profiles.c.session_id == bindparam("at_id")))
_ALL = compiled(select(profiles.c.session_id, profiles.c.body))


def prepare_profile(change: SaveProfile) -> tuple[str, int]:
    body = _PROFILE.render(change.profile)
    return body, len(body)


def apply_profile(tx: Transaction, change: SaveProfile, body: str) -> SaveProfile:
    _UPSERT.run(tx.db, session_id=change.profile.session_id, body=body)
    return change


def apply_drop_profile(tx: Transaction, change: DropProfile, _: None) -> DropProfile:
    _DROP.run(tx.db, at_id=change.session_id)
    return change


def load_profiles(db: sqlite3.Connection) -> Sequence[SessionProfile]:
    return [_PROFILE.parse(body, session_id=session_id) for session_id, body in _ALL.all(db)]
