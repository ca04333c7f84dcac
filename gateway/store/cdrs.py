"""Bills: made once, numbered without gaps per owner, shown with the same bytes for ever, taken back by a credit only.

`last_updated` rises with `ordinal` per owner, so a window of times is a range of ordinals: its ends are two index
seeks, and total and any offset are sums.  The same goes for the owner's CDRs by one of our parties, for the drivers of
one of its own, or both, which `cdr_numbers` counts.
"""

import sqlite3
from collections.abc import Mapping, Sequence
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
from gateway.store.statements import Row, Statement, compiled, insert_row
from gateway.store.tables import cdr_numbers, cdr_renderings, cdrs, outbox
from gateway.store.transaction import Transaction

ALL = ""
"""In `cdr_numbers`: of all our parties, or of all drivers."""

_CDR = ObjectCodec(Cdr, columns=frozenset({"ordinal", "last_updated"}))

_OF_OWNER = cdrs.c.owner == bindparam("owner")
_IN_LIST = tuple(cdr_numbers.c[name] == bindparam(name) for name in ("owner", "party", "drivers"))
_INSERT = insert_row(cdrs, without=["created_no"])
_KEPT: Any = ("cdr_no", "version", "body", "shown_us")
_KEEP_RENDERING = compiled(
    sqlite.insert(cdr_renderings)
    .from_select(
        _KEPT,
        select(cdrs.c.created_no, *(bindparam(name) for name in _KEPT[1:])).where(cdrs.c.id == bindparam("cdr_id")),
    )
    .on_conflict_do_nothing(),
    *(*_KEPT[1:], "cdr_id"),
)
_LAST = compiled(
    select(cdrs.c.ordinal, cdrs.c.last_updated_us).where(_OF_OWNER).order_by(cdrs.c.ordinal.desc()).limit(1)
)
_INSERT_NUMBER = insert_row(cdr_numbers)
_NUMBERS = select(cdr_numbers.c.number, cdr_numbers.c.ordinal).where(*_IN_LIST).limit(1)
_LAST_NUMBER = compiled(_NUMBERS.order_by(cdr_numbers.c.ordinal.desc()))
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
    party = str(cdr.party)
    row = _INSERT.row(
        id=cdr.id,
        session_id=cdr.session_id,
        correction_no=correction_no,
        owner=owner,
        ordinal=saved.ordinal,
        party=party,
        last_updated_us=to_us(saved.last_updated),
        body=body,
        ended_us=to_us(cdr.ended_at),
    )
    cdr_no = tx.insert(_INSERT, row, f"CDR {cdr.id}, or one for session {cdr.session_id},")
    token = cdr.terms.token
    for scope in scopes_of(party, None if token is None else str(token.party)):
        last_number, _ = _LAST_NUMBER.one(tx.db, owner=owner, **scope) or (0, 0)
        _INSERT_NUMBER.run(tx.db, owner=owner, **scope, ordinal=saved.ordinal, number=last_number + 1, cdr_no=cdr_no)
    tx.cdrs_made += 1
    return SaveCdr(saved)


def scopes_of(party: str, drivers: str | None) -> list[dict[str, str]]:
    """The lists of its owner's, besides the one of all, that a CDR has a number in: by `party`, one of ours, and of
    `drivers`, the party of the driver's token, if there is one."""
    chosen = [(party, ALL)] if drivers is None else [(party, ALL), (ALL, drivers), (party, drivers)]
    return [{"party": ours, "drivers": theirs} for ours, theirs in chosen]


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
        _KEEP_RENDERING.text, [(change.version, body, tx.now_us, cdr_id) for cdr_id, body in change.bodies]
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
_NUMBER_FROM = compiled(_NUMBERS.where(cdr_numbers.c.ordinal >= bindparam("first")).order_by(cdr_numbers.c.ordinal))
_NUMBER_UNTIL = compiled(
    _NUMBERS.where(cdr_numbers.c.ordinal <= bindparam("last")).order_by(cdr_numbers.c.ordinal.desc())
)
_NUMBERED = compiled(_NUMBERS.where(cdr_numbers.c.number == bindparam("number")))


def _rows(found: Any, cdr_no: Any, ordinal: Any, where: Sequence[Any], *columns: Any) -> Any:
    """CDRs from an ordinal on, each with its bytes in the version if it was shown."""
    rendered = (cdr_renderings.c.cdr_no == cdr_no) & (cdr_renderings.c.version == bindparam("version"))
    return (
        select(ordinal, cdr_renderings.c.body, *columns)
        .select_from(found.join(cdr_renderings, rendered, isouter=True))
        .where(*where, ordinal >= bindparam("first"), ordinal <= bindparam("last"))
        .order_by(ordinal)
        .limit(bindparam("limit"))
    )


_UNSEEN = (case((cdr_renderings.c.body.is_(None), cdrs.c.body)), cdrs.c.id, cdrs.c.last_updated_us)
_OF_ALL = (cdrs.c.created_no, cdrs.c.ordinal, [_OF_OWNER])
_OF_LIST = (cdr_numbers.c.cdr_no, cdr_numbers.c.ordinal, _IN_LIST)
_WITH_BODY = cdr_numbers.join(cdrs, cdrs.c.created_no == cdr_numbers.c.cdr_no)


def _joined(rows: Any) -> Statement:
    """How many there are, how many of them were shown, the last ordinal, and the bytes of all."""
    comma: Any = literal_column("','")  # a constant of the statement: as a parameter it could not be compiled once
    bytes_ = cast(func.group_concat(cast(rows.c.body, Text), comma), LargeBinary)
    return compiled(select(func.count(), func.count(rows.c.body), func.max(rows.c.ordinal), bytes_).select_from(rows))


_PAGE = compiled(_rows(cdrs, *_OF_ALL, *_UNSEEN))
_PAGE_NUMBERED = compiled(_rows(_WITH_BODY, *_OF_LIST, *_UNSEEN))
_JOINED = _joined(_rows(cdrs, *_OF_ALL).subquery())
_JOINED_NUMBERED = _joined(_rows(cdr_numbers, *_OF_LIST).subquery())

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
        exists().where(cdr_renderings.c.cdr_no == cdrs.c.created_no),
        _PUSH_STATE,
    )
    .where(cdrs.c.ended_us >= bindparam("from_us"), cdrs.c.ended_us < bindparam("to_us"))
    .order_by(cdrs.c.owner, cdrs.c.ordinal)
)
_RENDERINGS = compiled(
    select(cdr_renderings.c.version, cdr_renderings.c.shown_us, cdr_renderings.c.body)
    .join_from(cdrs, cdr_renderings, cdr_renderings.c.cdr_no == cdrs.c.created_no)
    .where(cdrs.c.id == bindparam("cdr_id"))
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
    db: sqlite3.Connection,
    partner_id: str,
    party: str | None,
    version: str,
    page: PageAsked,
    drivers_of: str | None = None,
) -> Page[CdrRow]:
    scope = _scope(partner_id, party, drivers_of)
    span = _find_span(db, scope, page)
    rows = (_PAGE if _is_of_all(scope) else _PAGE_NUMBERED).all(
        db, **scope, first=span.begin, last=span.last, version=version, limit=page.limit + 1
    )
    ordinals = {cdr_id: ordinal for ordinal, _, _, cdr_id, _ in rows}
    return page_of([_parse_row(*row) for row in rows], page, span.total, lambda row: int(ordinals[row.cdr_id]))


def find_joined_cdrs(
    db: sqlite3.Connection,
    partner_id: str,
    party: str | None,
    version: str,
    page: PageAsked,
    drivers_of: str | None = None,
) -> tuple[Page[CdrRow], bytes] | None:
    """The page in one row: fetching it row by row costs more than all the rest of the request."""
    scope = _scope(partner_id, party, drivers_of)
    span = _find_span(db, scope, page)
    found = (_JOINED if _is_of_all(scope) else _JOINED_NUMBERED).one(
        db, **scope, first=span.begin, last=span.last, version=version, limit=page.limit
    )
    if found is None or not found[0] or found[0] != found[1]:
        return None
    _, _, end, joined = found
    return Page(items=(), total=span.total, next_after=end if end < span.last else None), joined


@dataclass(frozen=True, slots=True)
class _Span:
    """The ordinals from the begin of a page to the end of the list, and how many CDRs the list has."""

    begin: int
    last: int
    total: int


def _scope(partner_id: str, party: str | None, drivers_of: str | None) -> Mapping[str, str]:
    return {"owner": partner_id, "party": party or ALL, "drivers": drivers_of or ALL}


def _is_of_all(scope: Mapping[str, str]) -> bool:
    return scope["party"] == ALL and scope["drivers"] == ALL


def _find_span(db: sqlite3.Connection, scope: Mapping[str, str], page: PageAsked) -> _Span:
    first, last = _ordinals_between(db, scope["owner"], *_window_of(page))
    if _is_of_all(scope):
        total, begin = max(0, last - first + 1), first + page.offset
    else:
        number, _ = _NUMBER_FROM.one(db, **scope, first=first) or (LAST_US, 0)
        last_number, last = _NUMBER_UNTIL.one(db, **scope, last=last) or (0, 0)
        total = max(0, last_number - number + 1)
        _, begin = _NUMBERED.one(db, **scope, number=number + page.offset) or (0, LAST_US)
    return _Span(begin if page.after is None else max(first, page.after + 1), last, total)


def _window_of(page: PageAsked) -> tuple[int, int]:
    return to_us(page.date_from) if page.date_from else 0, to_us(page.date_to) if page.date_to else LAST_US


def _ordinals_between(db: sqlite3.Connection, owner: str, from_us: int, until_us: int) -> tuple[int, int]:
    """The first and the last ordinal of a window of times; the last is below the first where there is none."""
    first = _FIRST_IN_WINDOW.one(db, owner=owner, from_us=from_us)
    last = _LAST_IN_WINDOW.one(db, owner=owner, to_us=until_us)
    return first[0] if first else LAST_US, last[0] if last else 0


def _parse_row(ordinal: int, rendered: bytes | None, body: str, cdr_id: str, last_us: int) -> CdrRow:
    return CdrRow(cdr_id=cdr_id, body=rendered, cdr=None if rendered is not None else _parse(body, ordinal, last_us))


def _parse_or_none(row: Row | None) -> Cdr | None:
    return None if row is None else _parse(*row)


def _parse(body: str, ordinal: int, last_us: int) -> Cdr:
    return _CDR.parse(body, ordinal=ordinal, last_updated=from_us(last_us))
