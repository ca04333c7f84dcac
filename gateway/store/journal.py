"""What the technician looks at: deviations, notices, quarantined messages and incidents."""

import sqlite3
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, select

from gateway.domain.events import MessageQuarantined, NoticeReported
from gateway.domain.ids import station_key
from gateway.domain.stations import Deviation
from gateway.ports import Quarantined, SaveDeviation, SaveIncident, SaveNotice, SaveQuarantined
from gateway.store.codec import from_us, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.statements import Row, Statement, compiled, insert_row, upsert_row
from gateway.store.tables import deviations, incidents, notices, quarantined
from gateway.store.transaction import Transaction

_NOTICE = ObjectCodec(NoticeReported)
_QUARANTINED = ObjectCodec(MessageQuarantined)

_COUNT_UP = upsert_row(
    deviations,
    station_id=deviations.c.station_id,
    first_us=deviations.c.first_us,
    count=deviations.c.count + literal_column("excluded.count"),
)
_INSERT_NOTICE = insert_row(notices, without=["no"])
_INSERT_QUARANTINED = insert_row(quarantined, without=["no"])
_INSERT_INCIDENT = insert_row(incidents, without=["no"])


def _newest(clause: Select[Any], number: Any) -> Statement:
    return compiled(clause.order_by(number.desc()).limit(bindparam("limit")))


_DEVIATION_NAMES = ("station_id", "action", "path", "problem", "example", "first_us", "last_us", "count")
_DEVIATIONS = compiled(
    select(*(deviations.c[name] for name in _DEVIATION_NAMES))
    .where(deviations.c.station_key == bindparam("station_key"))
    .order_by(deviations.c.last_us.desc(), deviations.c.action, deviations.c.path)
)
_SELECT_NOTICES = select(notices.c.body)
_NOTICES = _newest(_SELECT_NOTICES, notices.c.no)
_NOTICES_OF_STATION = _newest(_SELECT_NOTICES.where(notices.c.station_key == bindparam("station_key")), notices.c.no)
_LIST_QUARANTINED = _newest(select(quarantined.c.no, quarantined.c.body), quarantined.c.no)
_SELECT_INCIDENTS = select(incidents.c.station_id, incidents.c.at_us, incidents.c.kind, incidents.c.text)
_INCIDENTS = _newest(_SELECT_INCIDENTS, incidents.c.no)
_INCIDENTS_OF_STATION = _newest(
    _SELECT_INCIDENTS.where(incidents.c.station_key == bindparam("station_key")), incidents.c.no
)


def apply_deviation(tx: Transaction, change: SaveDeviation, _: None) -> SaveDeviation:
    deviation = change.deviation
    row = _COUNT_UP.row(
        station_key=station_key(deviation.station_id),
        station_id=deviation.station_id,
        action=deviation.action,
        path=deviation.path,
        problem=deviation.problem,
        example=deviation.example,
        first_us=to_us(deviation.first_at),
        last_us=to_us(deviation.last_at),
        count=deviation.count,
    )
    tx.put(_COUNT_UP, row)
    return change


def prepare_notice(change: SaveNotice) -> tuple[Row, int]:
    body = _NOTICE.render(change.notice)
    return _INSERT_NOTICE.row(station_key=station_key(change.notice.receipt.station_id), body=body), len(body)


def apply_notice(tx: Transaction, change: SaveNotice, row: Row) -> SaveNotice:
    tx.put(_INSERT_NOTICE, row)
    return change


def prepare_quarantined(change: SaveQuarantined) -> tuple[Row, int]:
    body = _QUARANTINED.render(change.message)
    return (body,), len(body)


def apply_quarantined(tx: Transaction, change: SaveQuarantined, row: Row) -> SaveQuarantined:
    tx.put(_INSERT_QUARANTINED, row)
    return change


def apply_incident(tx: Transaction, change: SaveIncident, _: None) -> SaveIncident:
    row = _INSERT_INCIDENT.row(
        station_key=station_key(change.station_id),
        station_id=change.station_id,
        at_us=to_us(change.at),
        kind=change.kind,
        text=change.text,
    )
    tx.put(_INSERT_INCIDENT, row)
    return change


def list_deviations(db: sqlite3.Connection, station_id: str) -> list[Deviation]:
    """The latest first."""
    rows = [dict(zip(_DEVIATION_NAMES, row, strict=True)) for row in _by_station(_DEVIATIONS, db, station_id)]
    return [
        Deviation(first_at=from_us(row.pop("first_us")), last_at=from_us(row.pop("last_us")), **row) for row in rows
    ]


def list_notices(db: sqlite3.Connection, station_id: str | None, *, limit: int) -> list[NoticeReported]:
    if station_id is None:
        rows = _NOTICES.all(db, limit=limit)
    else:
        rows = _by_station(_NOTICES_OF_STATION, db, station_id, limit=limit)
    return [_NOTICE.parse(body) for (body,) in rows]


def list_quarantined(db: sqlite3.Connection, *, limit: int) -> list[Quarantined]:
    rows = _LIST_QUARANTINED.all(db, limit=limit)
    return [Quarantined(no=no, message=_QUARANTINED.parse(body)) for no, body in rows]


def list_incidents(db: sqlite3.Connection, station_id: str | None, *, limit: int) -> list[SaveIncident]:
    if station_id is None:
        rows = _INCIDENTS.all(db, limit=limit)
    else:
        rows = _by_station(_INCIDENTS_OF_STATION, db, station_id, limit=limit)
    return [SaveIncident(id_, from_us(at_us), kind, text) for id_, at_us, kind, text in rows]


def _by_station(statement: Statement, db: sqlite3.Connection, station_id: str, **values: Any) -> list[Row]:
    return statement.all(db, station_key=station_key(station_id), **values)
