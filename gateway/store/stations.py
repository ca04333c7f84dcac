"""Stations and the last status of each of their plugs."""

import sqlite3

from sqlalchemy import bindparam, delete, select, update

from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.quick import copier
from gateway.domain.stations import ConnectorState, ConnectorStatus, OccupiedBy, Station
from gateway.errors import RevisionConflictError
from gateway.ports import DeleteStation, SaveConnectorStatus, SaveStation
from gateway.store.codec import from_us, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.statements import Row, compiled, in_blocks, insert_row, upsert_row
from gateway.store.tables import connector_statuses, deviations, stations
from gateway.store.transaction import Transaction

_STATION = ObjectCodec(Station, columns=frozenset({"revision"}))
_saved = copier(Station, Station, "revision")

_INSERT = insert_row(stations)
_UPDATE = compiled(
    update(stations)
    .values(revision=bindparam("revision"), body=bindparam("body"))
    .where(stations.c.station_key == bindparam("at_key"), stations.c.revision == bindparam("at_revision"))
)
_DELETES = [
    compiled(delete(table).where(table.c.station_key == bindparam("at_key")))
    for table in (stations, connector_statuses, deviations)
]
_SELECT = compiled(select(stations.c.revision, stations.c.body).order_by(stations.c.station_key))

_STATUS_NAMES = (
    *("station_key", "evse_no", "connector_no", "station_id", "state", "at_us", "received_us"),
    *("occupied_by", "error_code", "info", "vendor_error"),
)
_UPSERT_STATUS = in_blocks(upsert_row(connector_statuses, names=_STATUS_NAMES))
_SELECT_STATUSES = compiled(select(*(connector_statuses.c[name] for name in _STATUS_NAMES[1:])))


def prepare_station(change: SaveStation) -> tuple[str, int]:
    body = _STATION.render(change.station)
    return body, len(body)


def apply_station(tx: Transaction, change: SaveStation, body: str) -> SaveStation:
    """Insert or update.  Raises ConflictError and RevisionConflictError."""
    station = change.station
    saved: Station = _saved(station, station.revision + 1)
    key = station_key(station.id)
    if station.revision == 0:
        row = _INSERT.row(station_key=key, revision=saved.revision, body=body)
        tx.insert(_INSERT, row, f"Station {station.id}")
    elif not tx.hit(_UPDATE, _UPDATE.row(revision=saved.revision, body=body, at_key=key, at_revision=station.revision)):
        raise RevisionConflictError(f"Station {station.id} is not at revision {station.revision} any more.")
    return SaveStation(saved)


def apply_delete_station(tx: Transaction, change: DeleteStation, _: None) -> DeleteStation:
    """Delete a station, its plugs' statuses and its deviations; sessions and notices stay."""
    tx.flush()
    for statement in _DELETES:
        statement.run(tx.db, at_key=station_key(change.station_id))
    return change


def prepare_connector_status(change: SaveConnectorStatus) -> tuple[Row, int]:
    status = change.status
    row = (
        station_key(status.key.station_id),
        status.key.evse_no,
        status.key.connector_no,
        status.key.station_id,
        status.state.value,
        to_us(status.at),
        to_us(status.received_at),
        None if status.occupied_by is None else status.occupied_by.value,
        status.error_code,
        status.info,
        status.vendor_error,
    )
    return row, 100


def apply_connector_status(tx: Transaction, change: SaveConnectorStatus, row: Row) -> SaveConnectorStatus:
    tx.put(_UPSERT_STATUS, row)
    return change


def load_stations(db: sqlite3.Connection) -> list[Station]:
    return [_STATION.parse(body, revision=revision) for revision, body in _SELECT.all(db)]


def load_connector_statuses(db: sqlite3.Connection) -> list[ConnectorStatus]:
    return [_parse_status(*row) for row in _SELECT_STATUSES.all(db)]


def _parse_status(
    evse_no: int,
    connector_no: int,
    station_id: str,
    state: str,
    at_us: int,
    received_us: int,
    occupied_by: str | None,
    error_code: str | None,
    info: str | None,
    vendor_error: str | None,
) -> ConnectorStatus:
    return ConnectorStatus(
        key=ConnectorKey(station_id=station_id, evse_no=evse_no, connector_no=connector_no),
        state=ConnectorState(state),
        at=from_us(at_us),
        received_at=from_us(received_us),
        occupied_by=None if occupied_by is None else OccupiedBy(occupied_by),
        error_code=error_code,
        info=info,
        vendor_error=vendor_error,
    )
