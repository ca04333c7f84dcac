"""Records of invoices."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update

from gateway.domain.ids import PartyId
from gateway.domain.invoices import BilledTo, InvoiceRecord
from gateway.ports import DeleteInvoice, NoteInvoiceTold, Page, PageAsked, SaveInvoice
from gateway.store.codec import from_us, from_us_or_none, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.paging import LAST_US, page_of
from gateway.store.stamps import later
from gateway.store.statements import Row, compiled, insert_row, party_text
from gateway.store.tables import cdrs, invoices
from gateway.store.transaction import Transaction

_RECORD = ObjectCodec(InvoiceRecord, columns=frozenset({"last_updated", "told_at"}))

_AT = invoices.c.id_key == bindparam("at_key")
_INSERT = insert_row(invoices, without=["created_no"])
_UPDATE = compiled(
    update(invoices).values(last_updated_us=bindparam("last_updated_us"), body=bindparam("body")).where(_AT)
)
_TOLD = compiled(update(invoices).values(told_us=bindparam("told_us")).where(_AT, invoices.c.told_us.is_(None)))
_DELETE = compiled(delete(invoices).where(_AT))
_READ = (invoices.c.body, invoices.c.last_updated_us, invoices.c.told_us, invoices.c.created_no)
_ONE = compiled(select(*_READ).where(_AT))
_LIST = compiled(
    select(*_READ)
    .where(or_(bindparam("partner_id").is_(None), invoices.c.partner_id == bindparam("partner_id")))
    .order_by(invoices.c.created_no.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_SEEN = (
    invoices.c.partner_id == bindparam("partner_id"),
    or_(bindparam("party").is_(None), invoices.c.party == bindparam("party")),
    or_(bindparam("drivers").is_(None), invoices.c.to_party == bindparam("drivers")),
    invoices.c.last_updated_us >= bindparam("from_us"),
    invoices.c.last_updated_us < bindparam("to_us"),
)
_COUNT = compiled(select(func.count()).select_from(invoices).where(*_SEEN))
_PAGE = compiled(
    select(*_READ)
    .where(*_SEEN, invoices.c.created_no > bindparam("after"))
    .order_by(invoices.c.created_no)
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_BILLED_TO = compiled(
    select(cdrs.c.owner, cdrs.c.party, party_text(cdrs.c.body, "$.terms.token.party")).where(
        cdrs.c.id == bindparam("cdr_id")
    )
)


def prepare_invoice(change: SaveInvoice) -> tuple[str, int]:
    body = _RECORD.render(change.record)
    return body, len(body)


def apply_invoice(tx: Transaction, change: SaveInvoice, body: str) -> SaveInvoice:
    record = change.record
    key = record.id.casefold()
    known = _ONE.one(tx.db, at_key=key)
    stamp_us = later(tx.now_us, known[1] if known else None)
    if known is None:
        row = _INSERT.row(
            id_key=key,
            partner_id=record.partner_id,
            party=str(record.party),
            to_party=str(record.to),
            last_updated_us=stamp_us,
            told_us=None,
            body=body,
        )
        tx.insert(_INSERT, row, f"Invoice record {record.id}")
    else:
        _UPDATE.run(tx.db, last_updated_us=stamp_us, body=body, at_key=key)
    told_at = from_us_or_none(known[2]) if known else None
    return SaveInvoice(replace(record, last_updated=from_us(stamp_us), told_at=told_at))


def apply_delete(tx: Transaction, change: DeleteInvoice, _: None) -> DeleteInvoice:
    _DELETE.run(tx.db, at_key=change.record.id.casefold())
    return change


def apply_told(tx: Transaction, change: NoteInvoiceTold, _: None) -> NoteInvoiceTold:
    _TOLD.run(tx.db, told_us=tx.now_us, at_key=change.record_id.casefold())
    return change


def find_invoice(db: sqlite3.Connection, record_id: str) -> InvoiceRecord | None:
    row = _ONE.one(db, at_key=record_id.casefold())
    return None if row is None else _parse(row)


def list_invoices(db: sqlite3.Connection, partner_id: str | None, *, limit: int, offset: int) -> list[InvoiceRecord]:
    return [_parse(row) for row in _LIST.all(db, partner_id=partner_id, limit=limit, offset=offset)]


def page_invoices(
    db: sqlite3.Connection, partner_id: str, party: str | None, page: PageAsked, drivers_of: str | None
) -> Page[InvoiceRecord]:
    scope: dict[str, Any] = {
        "partner_id": partner_id,
        "party": party,
        "drivers": drivers_of,
        "from_us": to_us(page.date_from) if page.date_from else 0,
        "to_us": to_us(page.date_to) if page.date_to else LAST_US,
    }
    total = (_COUNT.one(db, **scope) or (0,))[0]
    offset = page.offset if page.after is None else 0
    rows = _PAGE.all(db, **scope, after=page.after or 0, offset=offset, limit=page.limit + 1)
    numbers = {row[0]: int(row[3]) for row in rows}
    shown = page_of(rows, page, total, lambda row: numbers[row[0]])
    return Page(items=tuple(_parse(row) for row in shown.items), total=shown.total, next_after=shown.next_after)


def list_billed_to(db: sqlite3.Connection, cdr_ids: Sequence[str]) -> list[BilledTo]:
    found = [(cdr_id, _BILLED_TO.one(db, cdr_id=cdr_id)) for cdr_id in cdr_ids]
    return [
        BilledTo(
            cdr_id=cdr_id,
            partner_id=row[0] or None,
            party=_party(row[1]),
            to=None if row[2] is None else _party(row[2]),
        )
        for cdr_id, row in found
        if row is not None
    ]


def _party(text: str) -> PartyId:
    country_code, _, party_id = text.partition("*")
    return PartyId(country_code=country_code, party_id=party_id)


def _parse(row: Row) -> InvoiceRecord:
    body, last_us, told_us, _ = row
    return _RECORD.parse(body, last_updated=from_us(last_us), told_at=from_us_or_none(told_us))
