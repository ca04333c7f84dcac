"""What is kept no longer.

It is looked for on a reader's connection, in slices by a key with an index, and deleted by the writer one object at a
time, if it is still as it was when it was found: so neither holds up the messages of stations.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    not_,
    null,
    select,
    tuple_,
    update,
)

from gateway.domain.callbacks import CallbackState
from gateway.domain.deliveries import DeliveryKind, DeliveryState
from gateway.domain.retention import Expired, Kept, Key
from gateway.domain.sessions import OPEN, Terms
from gateway.ports import DropExpired
from gateway.store.cdrs import scopes_of
from gateway.store.codec import to_us
from gateway.store.objects import ObjectCodec
from gateway.store.statements import Row, Statement, compiled, party_text
from gateway.store.tables import (
    callbacks,
    cdr_numbers,
    cdr_receipts,
    cdr_renderings,
    cdrs,
    deviations,
    incidents,
    late_facts,
    notices,
    outbox,
    profiles,
    quarantined,
    remote_starts,
    reservations,
    session_facts,
    session_folds,
    session_terms,
    sessions,
    tokens,
)
from gateway.store.transaction import Transaction

FORGOTTEN_TERMS = ObjectCodec(Terms).render(Terms())


def _word(text: str) -> Any:
    """A constant of the statement."""
    return literal_column(f"'{text}'")


def _json(column: Any, path: str) -> Any:
    return func.json_extract(column, _word(path))


@dataclass(frozen=True, slots=True)
class _Walk:
    """A statement that gives a slice of rows in the order of their keys: the key, its time, and is it over?

    `cursor`: so many columns of the key say where the next slice begins; 0: what was found is gone by then.
    """

    slice: Statement
    cursor: int
    first: Key = ()
    is_text: bool = False


def _walk(
    keys: Sequence[Any],
    at: Any,
    is_over: Any = None,
    *,
    cursor: int = 1,
    first: Key = (0,),
    is_text: bool = False,
    clause: Select[Any] | None = None,
) -> _Walk:
    over = literal_column("1") if is_over is None else is_over
    chosen = (select() if clause is None else clause).add_columns(*keys, at, over)
    chosen = chosen.order_by(*keys[: max(cursor, 1)]).limit(bindparam("limit"))
    if cursor == 1:
        chosen = chosen.where(keys[0] > bindparam("after_0"))
    elif cursor:
        chosen = chosen.where(tuple_(*keys[:cursor]) > tuple_(*(bindparam(f"after_{n}") for n in range(cursor))))
    return _Walk(compiled(chosen), cursor, first, is_text)


def _waits(partner_id: Any, kind: DeliveryKind, object_id: Any, *, or_refused: bool = False) -> Any:
    """Is something still to be told of an object?"""
    found = exists().where(
        outbox.c.partner_id == partner_id, outbox.c.kind == _word(kind.value), outbox.c.object_id == object_id
    )
    return found if or_refused else found.where(outbox.c.state != _word(DeliveryState.REFUSED.value))


_OPEN_WORDS = [_word(status.value) for status in sorted(OPEN)]
_IS_SETTLED = and_(
    session_folds.c.status.not_in(_OPEN_WORDS),
    session_folds.c.seal_due_us.is_(None),
    session_folds.c.hold.is_(None),
    not_(_waits(sessions.c.partner_id, DeliveryKind.SESSION, sessions.c.id)),
)
_LAST_BILL = select(func.max(cdrs.c.last_updated_us)).where(cdrs.c.session_id == sessions.c.id).scalar_subquery()
_BILL_WAITS = exists().where(cdrs.c.session_id == sessions.c.id, _waits(cdrs.c.owner, DeliveryKind.CDR, cdrs.c.id))
_CORRECTED = exists().where(cdrs.c.session_id == late_facts.c.session_id, cdrs.c.correction_no >= literal_column("2"))
_RECEIVED = "$.receipt.received_at"
_TOKEN_KEY = (tokens.c.uid_key, tokens.c.type, tokens.c.country_code, tokens.c.party_id)
_DEVIATION_KEY = (deviations.c.station_key, deviations.c.action, deviations.c.path, deviations.c.problem)

_WALKS: Mapping[Kept, _Walk] = {
    Kept.NOTICE: _walk([notices.c.no], _json(notices.c.body, _RECEIVED)),
    Kept.INCIDENT: _walk([incidents.c.no], incidents.c.at_us),
    Kept.QUARANTINED: _walk([quarantined.c.no], _json(quarantined.c.body, _RECEIVED)),
    Kept.DEVIATION: _walk([*_DEVIATION_KEY, deviations.c.last_us], deviations.c.last_us, cursor=4, first=("",) * 4),
    Kept.LATE_FACT: _walk([late_facts.c.no], _json(late_facts.c.body, "$[2]"), not_(_CORRECTED), is_text=True),
    Kept.CARD: _walk(
        [tokens.c.invalid_us, *_TOKEN_KEY],
        tokens.c.invalid_us,
        cursor=0,
        clause=select().where(tokens.c.invalid_us.is_not(None), tokens.c.invalid_us < bindparam("before_us")),
    ),
    Kept.UNBILLED: _walk(
        [session_folds.c.created_no, sessions.c.id, session_folds.c.revision],
        session_folds.c.last_updated_us,
        _IS_SETTLED,
        clause=select()
        .select_from(session_folds.join(sessions, sessions.c.created_no == session_folds.c.created_no))
        .where(session_folds.c.sealed_cdr_id.is_(None))
        .with_hint(session_folds, "INDEXED BY ix_session_folds_unsealed", "sqlite"),
    ),
    Kept.BILLED: _walk(
        [session_terms.c.created_no, sessions.c.id, session_folds.c.revision],
        func.max(session_folds.c.last_updated_us, func.coalesce(_LAST_BILL, literal_column("0"))),
        and_(
            session_folds.c.sealed_cdr_id.is_not(None),
            not_(_waits(sessions.c.partner_id, DeliveryKind.SESSION, sessions.c.id)),
            not_(_BILL_WAITS),
        ),
        clause=select()
        .select_from(
            session_terms.join(sessions, sessions.c.created_no == session_terms.c.created_no).join(
                session_folds, session_folds.c.created_no == session_terms.c.created_no
            )
        )
        .where(session_terms.c.id_token.is_not(None))
        .with_hint(session_terms, "INDEXED BY ix_session_terms_personal", "sqlite"),
    ),
    Kept.COMMAND: _walk(
        [callbacks.c.no, callbacks.c.revision],
        func.coalesce(_json(callbacks.c.asked, "$.answered_at"), _json(callbacks.c.asked, "$.asked_at")),
        and_(
            callbacks.c.state != _word(CallbackState.OPEN.value),
            not_(
                _waits(_json(callbacks.c.asked, "$.partner_id"), DeliveryKind.RESULT, callbacks.c.id, or_refused=True)
            ),
        ),
    ),
    Kept.REMOTE_START: _walk(
        [remote_starts.c.kept_until_us, remote_starts.c.id],
        remote_starts.c.kept_until_us,
        cursor=0,
        clause=select().where(remote_starts.c.kept_until_us < bindparam("before_us")),
    ),
    Kept.RESERVATION: _walk(
        [reservations.c.created_no, reservations.c.revision],
        func.coalesce(_json(reservations.c.body, "$.ended_at"), _json(reservations.c.body, "$.booking.expires_at")),
        reservations.c.is_live == literal_column("0"),
    ),
    Kept.REFUSED: _walk(
        [outbox.c.no],
        func.coalesce(_json(outbox.c.answer, "$.at"), outbox.c.created_us),
        and_(outbox.c.state == _word(DeliveryState.REFUSED.value), outbox.c.kind != _word(DeliveryKind.CDR.value)),
    ),
}
_NEXT_OWNER = compiled(select(func.min(cdrs.c.owner)).where(cdrs.c.owner > bindparam("after")))
_FIRST_OWNER = compiled(select(func.min(cdrs.c.owner)))
_OLDEST = compiled(
    select(cdrs.c.ordinal, cdrs.c.id, cdrs.c.last_updated_us, _waits(cdrs.c.owner, DeliveryKind.CDR, cdrs.c.id))
    .where(cdrs.c.owner == bindparam("owner"), cdrs.c.ordinal > bindparam("after"))
    .order_by(cdrs.c.ordinal)
    .limit(bindparam("limit"))
)


def find_expired(db: sqlite3.Connection, kind: Kept, before: datetime, after: Key | None, limit: int) -> Expired:
    """Look at the next rows of a kind, at most `limit`."""
    if kind is Kept.CDR:
        return _find_cdrs(db, to_us(before), after or (), limit)
    walk = _WALKS[kind]
    start = walk.first if after is None else after
    given = {f"after_{n}": start[n] for n in range(walk.cursor)}
    if not walk.cursor:
        given["before_us"] = to_us(before)
    rows = walk.slice.all(db, **given, limit=limit)
    old = [row for row in rows if _us_of(row[-2], walk.is_text) < to_us(before)]
    rest = rows[-1][:-2] if len(rows) == limit else None
    return Expired(keys=tuple(row[:-2] for row in old if row[-1]), next_after=rest, is_young=not old)


def _us_of(at: Any, is_text: bool) -> int:
    return to_us(datetime.fromisoformat(at).astimezone(UTC)) if is_text else int(at)


def _find_cdrs(db: sqlite3.Connection, before_us: int, after: Key, limit: int) -> Expired:
    """The oldest of an owner, then those of the next one."""
    owner, last = after if after else ((_FIRST_OWNER.one(db) or (None,))[0], 0)
    if owner is None:
        return Expired(keys=(), next_after=None)
    rows = _OLDEST.all(db, owner=owner, after=last, limit=limit + 1)
    keys: list[Key] = []
    for ordinal, cdr_id, at_us, waits in rows[:-1][:limit]:  # the newest stays: the next one is numbered after it
        if at_us >= before_us or waits:
            break
        keys.append((owner, ordinal, cdr_id))
    if len(keys) == limit:
        return Expired(keys=tuple(keys), next_after=keys[-1][:2])
    following = (_NEXT_OWNER.one(db, after=owner) or (None,))[0]
    return Expired(keys=tuple(keys), next_after=None if following is None else (following, 0))


# --- deleting -----------------------------------------------------------------------------------------------------


def _delete(table: Any, *conditions: Any) -> Statement:
    return compiled(delete(table).where(*conditions))


def _is(column: Any, number: int) -> Any:
    """Is it the column of the key at that place?"""
    return column == bindparam(f"key_{number}")


_SIMPLE: Mapping[Kept, Statement] = {
    Kept.NOTICE: _delete(notices, _is(notices.c.no, 0)),
    Kept.INCIDENT: _delete(incidents, _is(incidents.c.no, 0)),
    Kept.QUARANTINED: _delete(quarantined, _is(quarantined.c.no, 0)),
    Kept.DEVIATION: _delete(
        deviations, *(_is(column, n) for n, column in enumerate(_DEVIATION_KEY)), _is(deviations.c.last_us, 4)
    ),
    Kept.LATE_FACT: _delete(late_facts, _is(late_facts.c.no, 0)),
    Kept.CARD: _delete(
        tokens, _is(tokens.c.invalid_us, 0), *(_is(column, n) for n, column in enumerate(_TOKEN_KEY, 1))
    ),
    Kept.COMMAND: _delete(callbacks, _is(callbacks.c.no, 0), _is(callbacks.c.revision, 1)),
    Kept.REMOTE_START: _delete(remote_starts, _is(remote_starts.c.kept_until_us, 0), _is(remote_starts.c.id, 1)),
    Kept.RESERVATION: _delete(reservations, _is(reservations.c.created_no, 0), _is(reservations.c.revision, 1)),
    Kept.REFUSED: _delete(outbox, _is(outbox.c.no, 0), outbox.c.state == _word(DeliveryState.REFUSED.value)),
}
_LAST_FACT = compiled(
    select(session_folds.c.last_fact_no).where(
        session_folds.c.created_no == bindparam("no"), session_folds.c.revision == bindparam("revision")
    )
)


def _fact_chain() -> Any:
    newest = select(session_facts.c.no, session_facts.c.before_no).where(session_facts.c.no == bindparam("last_no"))
    chain = newest.cte("chain", recursive=True)
    before = select(session_facts.c.no, session_facts.c.before_no).join_from(
        chain, session_facts, session_facts.c.no == chain.c.before_no
    )
    return select(chain.union_all(before).c.no)


_DROP_FACTS = compiled(delete(session_facts).where(session_facts.c.no.in_(_fact_chain())))
_DROP_LATE = compiled(delete(late_facts).where(late_facts.c.session_id == bindparam("session_id")))
_DROP_PROFILE = _delete(profiles, profiles.c.session_id == bindparam("session_id"))
_DROP_SESSION = tuple(
    [_delete(table, table.c.created_no == bindparam("no")) for table in (session_folds, session_terms, sessions)]
)
_FORGET_KEYS = compiled(
    update(sessions)
    .values(start_key=literal_column("'forgotten|'").concat(sessions.c.id))  # that of 1.6 has the card's uid in it
    .where(sessions.c.created_no == bindparam("no"))
)
_FORGET_FOLD = compiled(
    update(session_folds)
    .values(visible_to=null(), drivers=null(), last_fact_no=literal_column("0"))
    .where(session_folds.c.created_no == bindparam("no"))
)
_FORGET_TERMS = compiled(
    update(session_terms)
    .values(id_token=null(), terms=bindparam("new_terms"))
    .where(session_terms.c.created_no == bindparam("no"))
)
_FIND_CDR = compiled(
    select(cdrs.c.created_no, cdrs.c.session_id, cdrs.c.party, party_text(cdrs.c.body, "$.terms.token.party")).where(
        cdrs.c.owner == bindparam("owner"),
        cdrs.c.ordinal == bindparam("ordinal"),
        not_(_waits(cdrs.c.owner, DeliveryKind.CDR, cdrs.c.id)),
    )
)
_FIRST = compiled(select(func.min(cdrs.c.ordinal)).where(cdrs.c.owner == bindparam("owner")))
_DROP_CDR = (
    _delete(cdrs, cdrs.c.created_no == bindparam("no")),
    _delete(cdr_renderings, cdr_renderings.c.cdr_no == bindparam("no")),
)
_DROP_NUMBER = _delete(
    cdr_numbers,
    cdr_numbers.c.owner == bindparam("owner"),
    cdr_numbers.c.party == bindparam("party"),
    cdr_numbers.c.drivers == bindparam("drivers"),
    cdr_numbers.c.ordinal == bindparam("ordinal"),
)
_DROP_RECEIPTS = _delete(cdr_receipts, cdr_receipts.c.cdr_id == bindparam("cdr_id"))
_DROP_LETTER = _delete(
    outbox,
    outbox.c.partner_id == bindparam("owner"),
    outbox.c.kind == _word(DeliveryKind.CDR.value),
    outbox.c.object_id == bindparam("cdr_id"),
)
_OTHER_CDR = compiled(select(literal_column("1")).where(cdrs.c.session_id == bindparam("session_id")).limit(1))
_SESSION_NO = compiled(
    select(sessions.c.created_no, session_folds.c.last_fact_no)
    .join_from(sessions, session_folds, session_folds.c.created_no == sessions.c.created_no)
    .where(sessions.c.id == bindparam("session_id"))
)


def apply_drop_expired(tx: Transaction, change: DropExpired, _: None) -> DropExpired:
    """Delete a row that is still as it was found; any other stays."""
    simple = _SIMPLE.get(change.kind)
    if simple is not None:
        tx.put(simple, simple.row(**{f"key_{n}": part for n, part in enumerate(change.key)}))
        return change
    tx.flush()
    if change.kind is Kept.CDR:
        _drop_cdr(tx.db, *change.key)
    else:
        _drop_session(tx.db, *change.key, is_billed=change.kind is Kept.BILLED)
    return change


def _drop_session(db: sqlite3.Connection, no: Any, session_id: Any, revision: Any, *, is_billed: bool) -> None:
    found = _LAST_FACT.one(db, no=no, revision=revision)
    if found is None:
        return
    _DROP_FACTS.run(db, last_no=found[0])
    _DROP_LATE.run(db, session_id=session_id)
    _DROP_PROFILE.run(db, session_id=session_id)
    if is_billed:
        _FORGET_KEYS.run(db, no=no)
        _FORGET_FOLD.run(db, no=no)
        _FORGET_TERMS.run(db, new_terms=FORGOTTEN_TERMS, no=no)
    else:
        for statement in _DROP_SESSION:
            statement.run(db, no=no)


def _drop_cdr(db: sqlite3.Connection, owner: Any, ordinal: Any, cdr_id: Any) -> None:
    """The owner's first, with its session where no other bill is of it."""
    found: Row | None = _FIND_CDR.one(db, owner=owner, ordinal=ordinal)
    if found is None or _FIRST.one(db, owner=owner) != (ordinal,):
        return
    cdr_no, session_id, party, drivers = found
    for statement in _DROP_CDR:
        statement.run(db, no=cdr_no)
    for scope in scopes_of(party, drivers):
        _DROP_NUMBER.run(db, owner=owner, **scope, ordinal=ordinal)
    _DROP_RECEIPTS.run(db, cdr_id=cdr_id)
    _DROP_LETTER.run(db, owner=owner, cdr_id=cdr_id)
    session = _SESSION_NO.one(db, session_id=session_id)
    if session is None or _OTHER_CDR.one(db, session_id=session_id) is not None:
        return
    _DROP_FACTS.run(db, last_no=session[1])
    _DROP_LATE.run(db, session_id=session_id)
    for statement in _DROP_SESSION:
        statement.run(db, no=session[0])
