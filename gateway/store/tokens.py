"""Tokens of eMSPs and the operator's own.  Uids compare without case: they are found by `casefold`.

Of two versions of a token the newer counts, whichever comes last; a token whose partner's registration ended is invalid
until somebody pushes it again.
"""

import sqlite3
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, literal_column, or_, select, update

from gateway.domain.ids import PartyId
from gateway.domain.tokens import LocalStatus, LocalToken, Token, TokenStamp
from gateway.ports import DeleteLocalToken, DropPartnerTokens, InvalidateToken, SaveLocalToken, SaveToken
from gateway.store.codec import from_us, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.statements import Row, compiled, upsert_row
from gateway.store.tables import local_tokens, tokens
from gateway.store.transaction import Transaction

_TOKEN = ObjectCodec(Token, columns=frozenset({"valid"}))

_NAMES = ("uid_key", "type", "country_code", "party_id", "partner_id", "valid", "newest_us", "body", "invalid_us")
_SINCE: Any = literal_column(
    "CASE WHEN excluded.valid = 0 AND tokens.valid = 0 THEN tokens.invalid_us ELSE excluded.invalid_us END"
)
_UPSERT = upsert_row(tokens, names=_NAMES, only_if=lambda new: new.newest_us >= tokens.c.newest_us, invalid_us=_SINCE)
_DROP = compiled(
    update(tokens)
    .values(
        valid=bindparam("valid"),
        newest_us=bindparam("newest_us"),
        invalid_us=func.coalesce(tokens.c.invalid_us, bindparam("now_us")),
    )
    .where(tokens.c.partner_id == bindparam("at_partner"))
)
_INVALIDATE = compiled(
    update(tokens)
    .values(valid=bindparam("valid"), invalid_us=func.coalesce(tokens.c.invalid_us, bindparam("now_us")))
    .where(
        tokens.c.uid_key == bindparam("at_uid"),
        tokens.c.type == bindparam("at_type"),
        tokens.c.country_code == bindparam("at_country"),
        tokens.c.party_id == bindparam("at_party"),
        tokens.c.partner_id == bindparam("at_partner"),
        tokens.c.newest_us == bindparam("at_newest"),
    )
)
_STAMPS = compiled(
    select(tokens.c.uid_key, tokens.c.type, tokens.c.country_code, tokens.c.party_id, tokens.c.newest_us).where(
        tokens.c.partner_id == bindparam("partner_id"), tokens.c.valid == 1
    )
)
_UPSERT_LOCAL = upsert_row(local_tokens)
_DELETE_LOCAL = compiled(delete(local_tokens).where(local_tokens.c.uid_key == bindparam("at_uid")))

_SELECT = select(tokens.c.valid, tokens.c.body).where(tokens.c.uid_key == bindparam("uid_key"))
_BY_UID = compiled(_SELECT)
_BY_KEY = compiled(
    _SELECT.where(
        tokens.c.type == bindparam("type"),
        tokens.c.country_code == bindparam("country_code"),
        tokens.c.party_id == bindparam("party_id"),
    )
)
_LOCAL_NAMES = ("uid", "last_updated_us", "status", "group_id", "preferred_partner_id")
_SELECT_LOCAL = select(*(local_tokens.c[name] for name in _LOCAL_NAMES))
_LOCAL = compiled(_SELECT_LOCAL.where(local_tokens.c.uid_key == bindparam("uid_key")))
_LOCALS = compiled(_SELECT_LOCAL.order_by(local_tokens.c.uid_key))

_preferred = tokens.alias("preferred")
_is_settled = exists().where(
    local_tokens.c.uid_key == tokens.c.uid_key,
    or_(
        local_tokens.c.status.is_not(None),
        exists().where(
            _preferred.c.uid_key == local_tokens.c.uid_key,
            _preferred.c.partner_id == local_tokens.c.preferred_partner_id,
            _preferred.c.valid == 1,
        ),
    ),
)
_AMBIGUOUS = compiled(
    select(func.min(tokens.c.body))
    .where(tokens.c.valid == 1, ~_is_settled)
    .group_by(tokens.c.uid_key)
    .having(func.count((tokens.c.country_code + tokens.c.party_id).distinct()) > 1)
    .order_by(tokens.c.uid_key)
)


def prepare_token(change: SaveToken) -> tuple[Row, int]:
    token = change.token
    body = _TOKEN.render(token)
    row = (
        token.uid.casefold(),
        token.type,
        token.party.country_code,
        token.party.party_id,
        token.partner_id,
        int(token.valid),
        to_us(token.last_updated),
        body,
    )
    return row, len(body)


def apply_token(tx: Transaction, change: SaveToken, row: Row) -> SaveToken:
    tx.put(_UPSERT, (*row, None if change.token.valid else tx.now_us))
    return change


def apply_drop(tx: Transaction, change: DropPartnerTokens, _: None) -> DropPartnerTokens:
    """Make the partner's tokens invalid, and older than any that is pushed from now on."""
    tx.flush()
    _DROP.run(tx.db, valid=0, newest_us=0, now_us=tx.now_us, at_partner=change.partner_id)
    return change


def apply_invalidate(tx: Transaction, change: InvalidateToken, _: None) -> InvalidateToken:
    """It keeps its time: what its partner pushes again counts."""
    tx.flush()
    stamp = change.stamp
    _INVALIDATE.run(
        tx.db,
        valid=0,
        now_us=tx.now_us,
        at_uid=stamp.uid_key,
        at_type=stamp.type,
        at_country=stamp.party.country_code,
        at_party=stamp.party.party_id,
        at_partner=change.partner_id,
        at_newest=to_us(stamp.last_updated),
    )
    return change


def apply_local_token(tx: Transaction, change: SaveLocalToken, _: None) -> SaveLocalToken:
    token = change.token
    saved = LocalToken(
        uid=token.uid,
        last_updated=tx.now,
        status=token.status,
        group_id=token.group_id,
        preferred_partner_id=token.preferred_partner_id,
    )
    _UPSERT_LOCAL.run(
        tx.db,
        uid_key=token.uid.casefold(),
        uid=token.uid,
        last_updated_us=tx.now_us,
        status=None if token.status is None else token.status.value,
        group_id=token.group_id,
        preferred_partner_id=token.preferred_partner_id,
    )
    return SaveLocalToken(saved)


def apply_delete_local(tx: Transaction, change: DeleteLocalToken, _: None) -> DeleteLocalToken:
    _DELETE_LOCAL.run(tx.db, at_uid=change.uid.casefold())
    return change


def find_tokens(db: sqlite3.Connection, uid: str) -> list[Token]:
    return [_parse(*row) for row in _BY_UID.all(db, uid_key=uid.casefold())]


def find_token(db: sqlite3.Connection, country_code: str, party_id: str, uid: str, type_: str) -> Token | None:
    row = _BY_KEY.one(
        db,
        uid_key=uid.casefold(),
        type=type_,
        country_code=country_code.upper(),
        party_id=party_id.upper(),
    )
    return None if row is None else _parse(*row)


def find_local_token(db: sqlite3.Connection, uid: str) -> LocalToken | None:
    row = _LOCAL.one(db, uid_key=uid.casefold())
    return None if row is None else _parse_local(*row)


def list_token_stamps(db: sqlite3.Connection, partner_id: str) -> list[TokenStamp]:
    return [
        TokenStamp(
            party=PartyId(country_code=country_code, party_id=party_id),
            uid_key=uid_key,
            type=type_,
            last_updated=from_us(newest_us),
        )
        for uid_key, type_, country_code, party_id, newest_us in _STAMPS.all(db, partner_id=partner_id)
    ]


def list_local_tokens(db: sqlite3.Connection) -> list[LocalToken]:
    return [_parse_local(*row) for row in _LOCALS.all(db)]


def list_ambiguous_uids(db: sqlite3.Connection) -> list[str]:
    """Uids with valid tokens of several partners, about which the operator has said nothing that settles it."""
    return [_parse(1, body).uid for (body,) in _AMBIGUOUS.all(db)]


def _parse(valid: int, body: str) -> Token:
    return _TOKEN.parse(body, valid=bool(valid))


def _parse_local(
    uid: str, last_us: int, status: str | None, group_id: str | None, preferred_partner_id: str | None
) -> LocalToken:
    return LocalToken(
        uid=uid,
        last_updated=from_us(last_us),
        status=None if status is None else LocalStatus(status),
        group_id=group_id,
        preferred_partner_id=preferred_partner_id,
    )
