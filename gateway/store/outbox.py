"""What partners are still to be told, and who took which bill.

A row names an object, never its content: a change while it waits raises `generation`, and only the generation that was
sent is taken off.  Bills and results never change, so they keep theirs.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, delete, func, literal_column, null, select, update
from sqlalchemy.dialects import sqlite

from gateway.domain.deliveries import (
    POSTED,
    CdrReceipt,
    Delivery,
    DeliveryKind,
    DeliveryState,
    PartnerAnswer,
    Subject,
)
from gateway.ports import (
    DropDeliveries,
    Enqueue,
    MarkSending,
    RefuseDelivery,
    SaveCdrReceipt,
    SettleDelivery,
)
from gateway.store.codec import from_us, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.statements import ROW_BYTES, Row, compiled, upsert_row
from gateway.store.tables import cdr_receipts, outbox
from gateway.store.transaction import Transaction

_ANSWER = ObjectCodec(PartnerAnswer)

_KEY = ("partner_id", "kind", "object_id", "evse_uid", "connector_id")
_WRITTEN = ("partner_id", "kind", "lane_id", "object_id", "evse_uid", "connector_id", "state", "due_us", "created_us")
_FRESH = sqlite.insert(outbox).values({name: bindparam(name) for name in _WRITTEN})
_RETURNED = (outbox.c.no, outbox.c.generation, outbox.c.due_us, outbox.c.created_us)
_STATE, _DUE = _FRESH.excluded.state, _FRESH.excluded.due_us
_MERGE = compiled(
    _FRESH.on_conflict_do_update(
        index_elements=[outbox.c[name] for name in _KEY],
        set_={"generation": outbox.c.generation + 1, "state": _STATE, "due_us": _DUE, "answer": null()},
    ).returning(*_RETURNED)
)
# A bill or result that waits already is left as it is; one that was refused goes out again.
_AGAIN = compiled(
    _FRESH.on_conflict_do_update(
        index_elements=[outbox.c[name] for name in _KEY],
        set_={
            "state": func.replace(outbox.c.state, DeliveryState.REFUSED.value, _STATE),
            "due_us": _DUE,
            "answer": null(),
        },
    ).returning(*_RETURNED)
)
_AT = outbox.c.no == bindparam("at_no")
_AT_GENERATION = (_AT, outbox.c.generation == bindparam("at_generation"))
_MARK = compiled(update(outbox).values(state=bindparam("state")).where(_AT))
_REFUSE = compiled(update(outbox).values(state=bindparam("state"), answer=bindparam("answer")).where(*_AT_GENERATION))
_SETTLE = compiled(delete(outbox).where(*_AT_GENERATION))
_DROP = compiled(delete(outbox).where(outbox.c.partner_id == bindparam("partner_id")))
_RECEIPT = upsert_row(cdr_receipts)
_ALL = compiled(select(outbox).order_by(outbox.c.no))
_OF_CDR = compiled(
    select(outbox)
    .where(outbox.c.object_id == bindparam("cdr_id"), outbox.c.kind == literal_column(f"'{DeliveryKind.CDR.value}'"))
    .order_by(outbox.c.no)
)
_RECEIPTS = compiled(
    select(cdr_receipts.c.partner_id, cdr_receipts.c.answer)
    .where(cdr_receipts.c.cdr_id == bindparam("cdr_id"))
    .order_by(cdr_receipts.c.partner_id)
)


def apply_enqueue(tx: Transaction, change: Enqueue, _: None) -> Enqueue:
    """Queue an object, or let what waits of it already be told anew."""
    delivery, subject = change.delivery, change.delivery.subject
    statement = _AGAIN if subject.kind in POSTED else _MERGE
    row = statement.one(
        tx.db,
        partner_id=delivery.partner_id,
        kind=subject.kind.value,
        lane_id=subject.lane_id,
        object_id=subject.object_id,
        evse_uid=subject.evse_uid,
        connector_id=subject.connector_id,
        state=DeliveryState.QUEUED.value,
        due_us=to_us(delivery.due_at),
        created_us=to_us(delivery.created_at),
    )
    assert row is not None
    no, generation, due_us, created_us = row
    stamped = replace(delivery, no=no, generation=generation, due_at=from_us(due_us), created_at=from_us(created_us))
    return Enqueue(replace(stamped, state=DeliveryState.QUEUED, answer=None))


def apply_mark(tx: Transaction, change: MarkSending, _: None) -> MarkSending:
    _MARK.run(tx.db, state=DeliveryState.SENDING.value, at_no=change.no)
    return change


def apply_settle(tx: Transaction, change: SettleDelivery, _: None) -> SettleDelivery:
    """Take it off unless it changed meanwhile."""
    _SETTLE.run(tx.db, at_no=change.no, at_generation=change.generation)
    return change


def prepare_refuse(change: RefuseDelivery) -> tuple[str, int]:
    answer = _ANSWER.render(change.answer)
    return answer, len(answer) + ROW_BYTES


def apply_refuse(tx: Transaction, change: RefuseDelivery, answer: str) -> RefuseDelivery:
    """Keep it for the operator, unless it changed meanwhile."""
    state = DeliveryState.REFUSED.value
    _REFUSE.run(tx.db, state=state, answer=answer, at_no=change.no, at_generation=change.generation)
    return change


def apply_drop_deliveries(tx: Transaction, change: DropDeliveries, _: None) -> DropDeliveries:
    _DROP.run(tx.db, partner_id=change.partner_id)
    return change


def apply_receipt(tx: Transaction, change: SaveCdrReceipt, _: None) -> SaveCdrReceipt:
    receipt = change.receipt
    _RECEIPT.run(tx.db, cdr_id=receipt.cdr_id, partner_id=receipt.partner_id, answer=_ANSWER.render(receipt.answer))
    return change


def load_deliveries(db: sqlite3.Connection) -> Sequence[Delivery]:
    """All that waits, and all that was refused, in the order in which it came."""
    return [_parse(row) for row in _ALL.all(db)]


def load_pushed_cdr(db: sqlite3.Connection, cdr_id: str) -> tuple[Sequence[CdrReceipt], Sequence[Delivery]]:
    receipts = [
        CdrReceipt(cdr_id=cdr_id, partner_id=partner_id, answer=_ANSWER.parse(answer))
        for partner_id, answer in _RECEIPTS.all(db, cdr_id=cdr_id)
    ]
    return receipts, [_parse(row) for row in _OF_CDR.all(db, cdr_id=cdr_id)]


def _parse(row: Row) -> Delivery:
    values: dict[str, Any] = dict(zip([column.name for column in outbox.columns], row, strict=True))
    return Delivery(
        partner_id=values["partner_id"],
        subject=Subject(
            kind=DeliveryKind(values["kind"]),
            lane_id=values["lane_id"],
            object_id=values["object_id"],
            evse_uid=values["evse_uid"],
            connector_id=values["connector_id"],
        ),
        due_at=from_us(values["due_us"]),
        created_at=from_us(values["created_us"]),
        state=DeliveryState(values["state"]),
        answer=None if values["answer"] is None else _ANSWER.parse(values["answer"]),
        no=values["no"],
        generation=values["generation"],
    )
