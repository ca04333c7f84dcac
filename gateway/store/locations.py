"""Sites with their EVSEs.

A location is one JSON body, but the status of each EVSE and its time stand in rows of their own: a plug that is taken
changes two small rows and no body.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, literal_column, select, update

from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.errors import ConflictError
from gateway.ports import SaveEvseStatus, SaveLocation
from gateway.store.codec import from_us, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.stamps import MS, later
from gateway.store.statements import compiled, upsert_row
from gateway.store.tables import evse_statuses, locations
from gateway.store.transaction import Transaction

_LOCATION = ObjectCodec(Location, columns=frozenset({"created_no", "last_updated"}))

_UPSERT = upsert_row(locations)
_UPSERT_STATUS = upsert_row(evse_statuses)
_LAST_NO = compiled(select(func.max(locations.c.created_no)))
_OF_LOCATION = evse_statuses.c.location_id == bindparam("at_location")
_OF_EVSE = evse_statuses.c.evse_uid == bindparam("at_evse")
_DELETE_STATUSES = compiled(delete(evse_statuses).where(_OF_LOCATION))
_UPDATE_STATUS = compiled(
    update(evse_statuses)
    .values(status=bindparam("status"), last_updated_us=bindparam("last_updated_us"))
    .where(_OF_LOCATION, _OF_EVSE),
    *("status", "last_updated_us", "at_location", "at_evse"),
    must_hit=True,
)
_LAST_US = locations.c.last_updated_us
_MS: Any = literal_column(str(MS))
# As `stamps.later` does.
_TOUCH = compiled(
    update(locations)
    .values(last_updated_us=func.max(bindparam("now_us"), _LAST_US - _LAST_US % _MS + _MS))
    .where(locations.c.id == bindparam("at_location"))
    .returning(_LAST_US),
    *("now_us", "at_location"),
)

_SELECT = select(locations.c.id, locations.c.created_no, locations.c.last_updated_us, locations.c.body)
_ALL = compiled(_SELECT.order_by(locations.c.created_no))
_BY_ID = compiled(_SELECT.where(locations.c.id == bindparam("id")))
_STATUS_COLUMNS = (evse_statuses.c.evse_uid, evse_statuses.c.status, evse_statuses.c.last_updated_us)
_STATUSES = compiled(select(evse_statuses.c.location_id, *_STATUS_COLUMNS))
_STATUSES_OF_LOCATION = compiled(select(*_STATUS_COLUMNS).where(_OF_LOCATION))

Statuses = dict[str, tuple[str, int]]
"""Status and last_updated_us by EVSE uid."""


def apply_location(tx: Transaction, change: SaveLocation, _: None) -> SaveLocation:
    """Insert or replace; what is the same as before keeps its `last_updated`."""
    location = change.location
    tx.flush()
    stored = _find(tx.db, location.id)
    last_us = None if stored is None else to_us(stored.last_updated)
    saved = stamp_location(location, stored, from_us(later(tx.now_us, last_us)))
    if stored is None:
        (last_no,) = _LAST_NO.one(tx.db) or (None,)
        saved = replace(saved, created_no=(last_no or 0) + 1)
    if saved != stored:
        _write(tx.db, saved)
    return SaveLocation(saved)


def apply_evse_status(tx: Transaction, change: SaveEvseStatus, _: None) -> SaveEvseStatus:
    """Set the status.  Raises ConflictError where there is no such EVSE."""
    (stamp_us,) = tx.db.execute(_TOUCH.text, (tx.now_us, change.location_id)).fetchone() or (tx.now_us,)
    row = (change.status._value_, stamp_us, change.location_id, change.evse_uid)
    if tx.is_grouped:
        tx.add(_UPDATE_STATUS, row)
    elif not tx.hit(_UPDATE_STATUS, row):
        raise ConflictError(f"Location {change.location_id} has no EVSE {change.evse_uid}.")
    stamp = tx.now if stamp_us == tx.now_us else from_us(stamp_us)
    return SaveEvseStatus(change.location_id, change.evse_uid, change.status, stamp)


def load_locations(db: sqlite3.Connection) -> list[Location]:
    """In the order in which they were made."""
    statuses: dict[str, Statuses] = {}
    for location_id, uid, status, last_us in _STATUSES.all(db):
        statuses.setdefault(location_id, {})[uid] = (status, last_us)
    return [_parse(row[1], row[2], row[3], statuses.get(row[0], {})) for row in _ALL.all(db)]


# --- stamping -----------------------------------------------------------------------------------------------------


def stamp_location(location: Location, stored: Location | None, now: datetime) -> Location:
    """Give `now` to what differs from the stored one, and to all that holds it; the rest keeps its time."""
    before = {evse.uid: evse for evse in stored.evses} if stored else {}
    evses = tuple([_stamp_evse(evse, before.get(evse.uid), now) for evse in location.evses])
    stamped = replace(location, evses=evses, last_updated=now)
    if stored is None:
        return stamped
    unchanged = replace(stamped, created_no=stored.created_no, last_updated=stored.last_updated)
    return stored if unchanged == stored else replace(stamped, created_no=stored.created_no)


def _stamp_evse(evse: Evse, stored: Evse | None, now: datetime) -> Evse:
    before = {connector.id: connector for connector in stored.connectors} if stored else {}
    plugs = [_stamp_connector(connector, before.get(connector.id), now) for connector in evse.connectors]
    stamped = replace(evse, connectors=tuple(plugs), last_updated=now)
    if stored is not None and replace(stamped, last_updated=stored.last_updated) == stored:
        return stored
    return stamped


def _stamp_connector(connector: Connector, stored: Connector | None, now: datetime) -> Connector:
    if stored is not None and replace(connector, last_updated=stored.last_updated) == stored:
        return stored
    return replace(connector, last_updated=now)


# --- rows ---------------------------------------------------------------------------------------------------------


def _write(db: sqlite3.Connection, location: Location) -> None:
    _UPSERT.run(
        db,
        id=location.id,
        created_no=location.created_no,
        last_updated_us=to_us(location.last_updated),
        body=_LOCATION.render(location),
    )
    _DELETE_STATUSES.run(db, at_location=location.id)
    rows = [
        _UPSERT_STATUS.row(
            location_id=location.id,
            evse_uid=evse.uid,
            status=evse.status.value,
            last_updated_us=to_us(evse.last_updated),
        )
        for evse in location.evses
    ]
    db.executemany(_UPSERT_STATUS.text, rows)


def _find(db: sqlite3.Connection, location_id: str) -> Location | None:
    row = _BY_ID.one(db, id=location_id)
    if row is None:
        return None
    statuses = _STATUSES_OF_LOCATION.all(db, at_location=location_id)
    return _parse(row[1], row[2], row[3], {uid: (status, last_us) for uid, status, last_us in statuses})


def _parse(created_no: int, last_us: int, body: str, statuses: Statuses) -> Location:
    location = _LOCATION.parse(body, created_no=created_no, last_updated=from_us(last_us))
    return replace(location, evses=tuple(_with_statuses(location.evses, statuses)))


def _with_statuses(evses: Iterable[Evse], statuses: Statuses) -> Iterable[Evse]:
    for evse in evses:
        if evse.uid in statuses:
            status, last_us = statuses[evse.uid]
            yield replace(evse, status=EvseStatus(status), last_updated=from_us(last_us))
        else:
            yield evse
