"""Plugs that are kept for drivers."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import bindparam, literal_column, select, update

from gateway.domain.ids import station_key
from gateway.domain.reservations import Reservation
from gateway.errors import RevisionConflictError
from gateway.ports import SaveReservation
from gateway.store.objects import ObjectCodec
from gateway.store.statements import ROW_BYTES, Row, compiled, insert_row
from gateway.store.tables import reservations
from gateway.store.transaction import Transaction

_RESERVATION = ObjectCodec(Reservation, columns=frozenset({"id", "no", "revision"}))

_INSERT = insert_row(reservations, without=["created_no"])
_UPDATE = compiled(
    update(reservations)
    .values({name: bindparam(name) for name in ("is_live", "revision", "body")})
    .where(reservations.c.id == bindparam("at_id"), reservations.c.revision == bindparam("at_revision"))
)
_READ = select(*(reservations.c[name] for name in ("id", "no", "revision", "body")))
_OF_STATION = reservations.c.station_key == bindparam("station_key")
_BY_ID = compiled(_READ.where(reservations.c.id == bindparam("id")))
_BY_NO = compiled(_READ.where(_OF_STATION, reservations.c.no == bindparam("no")))
_LIVE = compiled(_READ.where(reservations.c.is_live == literal_column("1")).order_by(reservations.c.created_no))
_NEWEST = compiled(_READ.order_by(reservations.c.created_no.desc()).limit(bindparam("limit")))
_NEWEST_OF_STATION = compiled(
    _READ.where(_OF_STATION).order_by(reservations.c.created_no.desc()).limit(bindparam("limit"))
)


def prepare_reservation(change: SaveReservation) -> tuple[str, int]:
    body = _RESERVATION.render(change.reservation)
    return body, len(body) + ROW_BYTES


def apply_reservation(tx: Transaction, change: SaveReservation, body: str) -> SaveReservation:
    """Insert or update.  Raises ConflictError and RevisionConflictError."""
    reservation = change.reservation
    saved = replace(reservation, revision=reservation.revision + 1)
    fresh = {"is_live": int(saved.is_live), "revision": saved.revision, "body": body}
    if reservation.revision == 0:
        station = station_key(reservation.key.station_id)
        row = _INSERT.row(id=reservation.id, station_key=station, no=reservation.no, **fresh)
        tx.insert(_INSERT, row, f"Reservation {reservation.id}, or one with its number,")
    elif not tx.hit(_UPDATE, _UPDATE.row(**fresh, at_id=reservation.id, at_revision=reservation.revision)):
        raise RevisionConflictError(f"Reservation {reservation.id} is not at revision {reservation.revision} any more.")
    return SaveReservation(saved)


def load_live_reservations(db: sqlite3.Connection) -> Sequence[Reservation]:
    return [_parse(row) for row in _LIVE.all(db)]


def find_reservation(db: sqlite3.Connection, reservation_id: str) -> Reservation | None:
    return _parse_or_none(_BY_ID.one(db, id=reservation_id))


def find_reservation_by_no(db: sqlite3.Connection, station_id: str, no: int) -> Reservation | None:
    return _parse_or_none(_BY_NO.one(db, station_key=station_key(station_id), no=no))


def list_reservations(db: sqlite3.Connection, *, limit: int, station_id: str | None) -> Sequence[Reservation]:
    if station_id is None:
        return [_parse(row) for row in _NEWEST.all(db, limit=limit)]
    return [_parse(row) for row in _NEWEST_OF_STATION.all(db, limit=limit, station_key=station_key(station_id))]


def _parse_or_none(row: Row | None) -> Reservation | None:
    return None if row is None else _parse(row)


def _parse(row: Row) -> Reservation:
    id_, no, revision, body = row
    return _RESERVATION.parse(body, id=id_, no=no, revision=revision)
