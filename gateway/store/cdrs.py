"""Bills: made once, numbered without gaps per owner, shown with the same bytes for ever, taken back by a credit only.

`last_updated` rises with `ordinal` per owner, so a window of times is a range of ordinals: its ends are two index
seeks, and total and any offset are sums.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Text, bindparam, case, cast, exists, func, literal_column, select
from sqlalchemy.dialects import sqlite

from gateway.domain.cdrs import Cdr
from gateway.domain.deliveries import DeliveryKind, DeliveryState
from gateway.domain.explanations import ShownCdr
from gateway.domain.reports import BilledCdr
from gateway.errors import ConflictError
from gateway.ports import CdrRow, Page, PageAsked, SaveCdr
from gateway.store.codec import from_us, from_us_or_none, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.paging import LAST_US, page_of
from gateway.store.stamps import later
from gateway.store.statements import Row, compiled, insert_row
from gateway.store.tables import cdr_renderings, cdrs, outbox
from gateway.store.transaction import Transaction

_CDR = ObjectCodec(Cdr, columns=frozenset({"ordinal", "last_updated"}))

_OF_OWNER = cdrs.c.owner == bindparam("owner")
_OF_PARTY = cdrs.c.party == bindparam("party")
_INSERT = insert_row(cdrs, without=["created_no"])
_KEEP_RENDERING = compiled(
    sqlite.insert(cdr_renderings)
    .values({name: bindparam(name) for name in ("cdr_id", "version", "body", "shown_us")})
    .on_conflict_do_nothing(),
    *("cdr_id", "version", "body", "shown_us"),
)
_LAST = compiled(
    select(cdrs.c.ordinal, cdrs.c.last_updated_us).where(_OF_OWNER).order_by(cdrs.c.ordinal.desc()).limit(1)
)
_OF_SESSION = cdrs.c.session_id == bindparam("session_id")
_LAST_OF_SESSION = compiled(
    select(cdrs.c.id, cdrs.c.correction_no).where(_OF_SESSION).order_by(cdrs.c.correction_no.desc()).limit(1)
)
_BILL_BEFORE = compiled(select(cdrs.c.id).where(_OF_SESSION, cdrs.c.correction_no == bindparam("correction_no")))


@dataclass(frozen=True, slots=True)
class KeepCdrRenderings:
    """The bytes of CDRs as first shown in a version; those that are kept already stay."""

    version: str
    bodies: Sequence[tuple[str, bytes]]


def prepare_cdr(change: SaveCdr) -> tuple[str, int]:
    body = _CDR.render(change.cdr)
    return body, len(body)


def apply_cdr(tx: Transaction, change: SaveCdr, body: str) -> SaveCdr:
    """Insert as the owner's next.  Raises ConflictError where it does not follow from the bills of its session."""
    cdr = change.cdr
    owner = cdr.partner_id or ""
    correction_no = _next_correction_no(tx, cdr)
    last_ordinal, last_us = _LAST.one(tx.db, owner=owner) or (0, None)
    saved = replace(cdr, ordinal=last_ordinal + 1, last_updated=from_us(later(tx.now_us, last_us)))
    row = _INSERT.row(
        id=cdr.id,
        session_id=cdr.session_id,
        correction_no=correction_no,
        owner=owner,
        ordinal=saved.ordinal,
        party=str(cdr.party),
        last_updated_us=to_us(saved.last_updated),
        body=body,
        ended_us=to_us(cdr.ended_at),
    )
    tx.insert(_INSERT, row, f"CDR {cdr.id}, or one for session {cdr.session_id},")
    tx.cdrs_made += 1
    return SaveCdr(saved)


def _next_correction_no(tx: Transaction, cdr: Cdr) -> int:
    """The bill's place among those of its session: a credit follows the bill that it takes back, a bill the credit of
    the one that it replaces; so of a session one bill stands at most."""
    last_id, last_no = _LAST_OF_SESSION.one(tx.db, session_id=cdr.session_id) or (None, -1)
    if last_no % 2 == 0:
        follows = cdr.credit and cdr.credit_reference_id == last_id
    else:
        before = _BILL_BEFORE.one(tx.db, session_id=cdr.session_id, correction_no=last_no - 1)
        follows = not cdr.credit and cdr.corrects_id == (before[0] if before else None)
    if not follows:
        raise ConflictError(f"CDR {cdr.id} does not follow the last of session {cdr.session_id}, {last_id}.")
    return int(last_no) + 1


def prepare_renderings(change: KeepCdrRenderings) -> tuple[None, int]:
    return None, sum(len(body) for _, body in change.bodies)


def apply_renderings(tx: Transaction, change: KeepCdrRenderings, _: None) -> KeepCdrRenderings:
    tx.db.executemany(
        _KEEP_RENDERING.text, [(cdr_id, change.version, body, tx.now_us) for cdr_id, body in change.bodies]
    )
    return change


# --- reading ------------------------------------------------------------------------------------------------------

_SELECT = select(cdrs.c.body, cdrs.c.ordinal, cdrs.c.last_updated_us)
_BY_ID = compiled(_SELECT.where(cdrs.c.id == bindparam("id")))
_BY_SESSION = compiled(_SELECT.where(_OF_SESSION).order_by(cdrs.c.correction_no))
_NEWEST = compiled(_SELECT.order_by(cdrs.c.created_no.desc()).limit(bindparam("limit")).offset(bindparam("offset")))

_FIRST_IN_WINDOW = compiled(
    select(cdrs.c.ordinal)
    .where(_OF_OWNER, cdrs.c.last_updated_us >= bindparam("from_us"))
    .order_by(cdrs.c.last_updated_us)
    .limit(1)
)
_LAST_IN_WINDOW = compiled(
    select(cdrs.c.ordinal)
    .where(_OF_OWNER, cdrs.c.last_updated_us < bindparam("to_us"))
    .order_by(cdrs.c.last_updated_us.desc())
    .limit(1)
)
_IN_WINDOW = (
    _OF_OWNER,
    _OF_PARTY,
    cdrs.c.last_updated_us >= bindparam("from_us"),
    cdrs.c.last_updated_us < bindparam("to_us"),
)
_COUNT = compiled(select(func.count()).select_from(cdrs).where(*_IN_WINDOW))
_ORDINAL_AT = compiled(
    select(cdrs.c.ordinal).where(*_IN_WINDOW).order_by(cdrs.c.last_updated_us).limit(1).offset(bindparam("offset"))
)


def _page(*where: Any) -> Any:
    """Rows from an ordinal on, each with its bytes in the version, or else with what they are rendered from."""
    rendered = (cdr_renderings.c.cdr_id == cdrs.c.id) & (cdr_renderings.c.version == bindparam("version"))
    return compiled(
        select(
            cdrs.c.id,
            cdr_renderings.c.body,
            case((cdr_renderings.c.body.is_(None), cdrs.c.body)),
            cdrs.c.ordinal,
            cdrs.c.last_updated_us,
        )
        .join_from(cdrs, cdr_renderings, rendered, isouter=True)
        .where(_OF_OWNER, *where, cdrs.c.ordinal >= bindparam("first"), cdrs.c.ordinal <= bindparam("last"))
        .order_by(cdrs.c.ordinal)
        .limit(bindparam("limit"))
    )


_SHOWN = (
    select(cdr_renderings.c.body)
    .join_from(cdrs, cdr_renderings, cdr_renderings.c.cdr_id == cdrs.c.id)
    .where(
        _OF_OWNER,
        cdr_renderings.c.version == bindparam("version"),
        cdrs.c.ordinal >= bindparam("first"),
        cdrs.c.ordinal <= bindparam("last"),
    )
    .order_by(cdrs.c.ordinal)
    .subquery()
)
_COMMA: Any = literal_column("','")  # a constant of the statement: as a parameter it could not be compiled once
_LIST = cast(func.group_concat(cast(_SHOWN.c.body, Text), _COMMA), LargeBinary)
_JOINED = compiled(select(func.count(), _LIST).select_from(_SHOWN))
_PAGE = _page()
_PAGE_OF_PARTY = _page(_OF_PARTY)


# What still waits for a partner, or was refused, it has not had, though the bytes are kept since they were sent.
_KIND: Any = literal_column(f"'{DeliveryKind.CDR.value}'")
_PUSH_STATE = (
    select(outbox.c.state)
    .where(outbox.c.partner_id == cdrs.c.owner, outbox.c.kind == _KIND, outbox.c.object_id == cdrs.c.id)
    .scalar_subquery()
)
_BILLED = compiled(
    select(
        cdrs.c.body,
        cdrs.c.ordinal,
        cdrs.c.last_updated_us,
        exists().where(cdr_renderings.c.cdr_id == cdrs.c.id),
        _PUSH_STATE,
    )
    .where(cdrs.c.ended_us >= bindparam("from_us"), cdrs.c.ended_us < bindparam("to_us"))
    .order_by(cdrs.c.owner, cdrs.c.ordinal)
)
_RENDERINGS = compiled(
    select(cdr_renderings.c.version, cdr_renderings.c.shown_us, cdr_renderings.c.body)
    .where(cdr_renderings.c.cdr_id == bindparam("cdr_id"))
    .order_by(cdr_renderings.c.version)
)


def list_billed(db: sqlite3.Connection, begin_at: datetime, end_at: datetime) -> list[BilledCdr]:
    rows = db.execute(_BILLED.text, _BILLED.row(from_us=to_us(begin_at), to_us=to_us(end_at)))
    return [_billed_of(_parse(*row[:3]), *row[3:]) for row in rows]


def _billed_of(cdr: Cdr, is_kept: int, state: str | None) -> BilledCdr:
    return BilledCdr(
        cdr_id=cdr.id,
        session_id=cdr.session_id,
        partner_id=cdr.partner_id,
        currency=cdr.currency,
        energy_wh=cdr.energy_wh,
        cost=cdr.totals.cost,
        is_credit=cdr.credit,
        is_shown=None if cdr.partner_id is None else bool(is_kept) and state is None,
        is_refused=state == DeliveryState.REFUSED,
    )


def load_shown_cdr(db: sqlite3.Connection, cdr_id: str) -> list[ShownCdr]:
    return [
        ShownCdr(version=version, at=from_us_or_none(shown_us), body=body)
        for version, shown_us, body in _RENDERINGS.all(db, cdr_id=cdr_id)
    ]


def find_cdr(db: sqlite3.Connection, cdr_id: str) -> Cdr | None:
    return _parse_or_none(_BY_ID.one(db, id=cdr_id))


def load_cdrs_of_session(db: sqlite3.Connection, session_id: str) -> list[Cdr]:
    return [_parse(*row) for row in _BY_SESSION.all(db, session_id=session_id)]


def find_cdr_by_session(db: sqlite3.Connection, session_id: str) -> Cdr | None:
    bills = load_cdrs_of_session(db, session_id)
    return bills[-1] if bills and not bills[-1].credit else None


def list_cdrs(db: sqlite3.Connection, *, limit: int, offset: int) -> list[Cdr]:
    return [_parse(*row) for row in _NEWEST.all(db, limit=limit, offset=offset)]


def page_cdrs(
    db: sqlite3.Connection, partner_id: str, party: str | None, version: str, page: PageAsked
) -> Page[CdrRow]:
    from_us, until_us = _window_of(page)
    first, last = _ordinals_between(db, partner_id, from_us, until_us)
    if party is None:
        total = max(0, last - first + 1)
        begin = first + page.offset
        statement, scope = _PAGE, {"owner": partner_id}
    else:
        scope = {"owner": partner_id, "party": party}
        window: dict[str, Any] = {"from_us": from_us, "to_us": until_us}
        total = (_COUNT.one(db, **scope, **window) or (0,))[0]
        begin = (_ORDINAL_AT.one(db, **scope, **window, offset=page.offset) or (LAST_US,))[0]
        statement = _PAGE_OF_PARTY
    if page.after is not None:
        begin = max(first, page.after + 1)
    rows = statement.all(db, **scope, version=version, first=begin, last=last, limit=page.limit + 1)
    ordinals = {row[0]: row[3] for row in rows}
    return page_of([_parse_row(*row) for row in rows], page, total, lambda row: int(ordinals[row.cdr_id]))


def find_joined_cdrs(
    db: sqlite3.Connection, partner_id: str, version: str, page: PageAsked
) -> tuple[Page[CdrRow], bytes] | None:
    """The page in one row: fetching it row by row costs more than all the rest of the request."""
    first, last = _ordinals_between(db, partner_id, *_window_of(page))
    begin = first + page.offset if page.after is None else max(first, page.after + 1)
    end = min(last, begin + page.limit - 1)
    found = _JOINED.one(db, owner=partner_id, version=version, first=begin, last=end)
    if found is None or not found[0] or found[0] != end - begin + 1:
        return None
    total = max(0, last - first + 1)
    return Page(items=(), total=total, next_after=end if end < last else None), found[1]


def _window_of(page: PageAsked) -> tuple[int, int]:
    return to_us(page.date_from) if page.date_from else 0, to_us(page.date_to) if page.date_to else LAST_US


def _ordinals_between(db: sqlite3.Connection, owner: str, from_us: int, until_us: int) -> tuple[int, int]:
    """The first and the last ordinal of a window of times; the last is below the first where there is none."""
    first = _FIRST_IN_WINDOW.one(db, owner=owner, from_us=from_us)
    last = _LAST_IN_WINDOW.one(db, owner=owner, to_us=until_us)
    return first[0] if first else LAST_US, last[0] if last else 0


def _parse_row(cdr_id: str, rendered: bytes | None, body: str, ordinal: int, last_us: int) -> CdrRow:
    return CdrRow(cdr_id=cdr_id, body=rendered, cdr=None if rendered is not None else _parse(body, ordinal, last_us))


def _parse_or_none(row: Row | None) -> Cdr | None:
    return None if row is None else _parse(*row)


def _parse(body: str, ordinal: int, last_us: int) -> Cdr:
    return _CDR.parse(body, ordinal=ordinal, last_updated=from_us(last_us))
