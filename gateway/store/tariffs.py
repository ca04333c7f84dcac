"""Tariffs."""

import sqlite3
from dataclasses import replace

from sqlalchemy import bindparam, delete, select

from gateway.domain.tariffs import Tariff
from gateway.ports import DeleteTariff, SaveTariff
from gateway.store.codec import from_us
from gateway.store.objects import ObjectCodec
from gateway.store.stamps import later
from gateway.store.statements import compiled, upsert_row
from gateway.store.tables import tariffs
from gateway.store.transaction import Transaction

_TARIFF = ObjectCodec(Tariff, columns=frozenset({"last_updated"}))

_UPSERT = upsert_row(tariffs)
_DELETE = compiled(delete(tariffs).where(tariffs.c.id == bindparam("at_id")))
_LAST_UPDATED = compiled(select(tariffs.c.last_updated_us).where(tariffs.c.id == bindparam("id")))
_SELECT = compiled(select(tariffs.c.last_updated_us, tariffs.c.body).order_by(tariffs.c.id))


def prepare_tariff(change: SaveTariff) -> tuple[str, int]:
    body = _TARIFF.render(change.tariff)
    return body, len(body)


def apply_tariff(tx: Transaction, change: SaveTariff, body: str) -> SaveTariff:
    tariff = change.tariff
    (last_us,) = _LAST_UPDATED.one(tx.db, id=tariff.id) or (None,)
    stamp_us = later(tx.now_us, last_us)
    _UPSERT.run(tx.db, id=tariff.id, last_updated_us=stamp_us, body=body)
    return SaveTariff(replace(tariff, last_updated=from_us(stamp_us)))


def apply_delete_tariff(tx: Transaction, change: DeleteTariff, _: None) -> DeleteTariff:
    _DELETE.run(tx.db, at_id=change.tariff_id)
    return change


def load_tariffs(db: sqlite3.Connection) -> list[Tariff]:
    return [_TARIFF.parse(body, last_updated=from_us(last_us)) for last_us, body in _SELECT.all(db)]
