"""Numbers that are given out once, reserved in blocks: a number of a block that was reserved is never given again,
also when the program died before it was used."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from gateway.errors import StoreDownError
from gateway.store.statements import compiled, upsert_row
from gateway.store.tables import counters
from gateway.store.transaction import Transaction

LAST_INT32 = 2**31 - 1

_UPSERT = upsert_row(counters)
_SELECT = compiled(select(counters.c.value).where(counters.c.name == bindparam("name")))


@dataclass(frozen=True, slots=True)
class ReserveNumbers:
    """Reserve `count` numbers; once committed, `first` is the first of them (they begin at 1)."""

    name: str
    count: int
    first: int = 0


def apply_reservation(tx: Transaction, change: ReserveNumbers, _: None) -> ReserveNumbers:
    (last,) = _SELECT.one(tx.db, name=change.name) or (0,)
    if last + change.count > LAST_INT32:
        raise StoreDownError(f"Counter {change.name}: all numbers up to {LAST_INT32} have been given out.")
    _UPSERT.run(tx.db, name=change.name, value=last + change.count)
    return ReserveNumbers(change.name, change.count, last + 1)
