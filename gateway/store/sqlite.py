"""The store on SQLite: one process, one file, one writer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from gateway.domain.callbacks import Callback
from gateway.domain.cdrs import Cdr
from gateway.domain.deliveries import CdrReceipt, Delivery
from gateway.domain.events import NoticeReported
from gateway.domain.explanations import ShownCdr
from gateway.domain.ids import ConnectorKey
from gateway.domain.invoices import BilledTo, InvoiceRecord
from gateway.domain.locations import Location
from gateway.domain.partners import HubClient, Partner
from gateway.domain.profiles import SessionProfile
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.reports import BilledCdr
from gateway.domain.reservations import Reservation
from gateway.domain.retention import Expired, Kept, Key
from gateway.domain.sessions import Fact, Session
from gateway.domain.stations import ConnectorStatus, Deviation, Station
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import LocalToken, Token, TokenStamp
from gateway.errors import SettingsError, StoreDownError
from gateway.ports import (
    CdrRow,
    Change,
    Clock,
    Follow,
    LateFact,
    Page,
    PageAsked,
    Publish,
    Quarantined,
    SaveIncident,
    Work,
)
from gateway.store import (
    callbacks,
    cdrs,
    facts,
    hub_clients,
    invoices,
    journal,
    locations,
    outbox,
    partners,
    profiles,
    remote_starts,
    reservations,
    retention,
    sessions,
    stations,
    tariffs,
    tokens,
)
from gateway.store.connection import Connection, connect_reader, connect_writer, refuse_old_sqlite
from gateway.store.counters import ReserveNumbers
from gateway.store.lock import DirectoryLock
from gateway.store.migrations import HEAD, upgrade
from gateway.store.migrations.runner import read_revision
from gateway.store.writer import Limits, Writer

TRANSACTION_NUMBERS = "transaction_no"
RESERVED_NUMBERS = 1_000
"""Transaction numbers reserved at a time; a restart loses the rest of the block."""


@dataclass(slots=True)
class _Numbers:
    next: int = 1
    last: int = 0


class SqliteStore:
    """`ports.Store` on a SQLite file.  Make one with `open`, end it with `close`."""

    def __init__(self, lock: DirectoryLock | None, connections: Sequence[Connection], writer: Writer) -> None:
        self._lock = lock
        # Points apart from lists: a card must not wait for a long page.
        self._writer_connection, self._points, self._lists = connections
        self._writer = writer
        self._numbers = _Numbers()
        self._numbers_lock = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        url: str | Path,
        publish: Publish,
        clock: Clock,
        *,
        synchronous: str = "FULL",
        limits: Limits | None = None,
        follow: Follow | None = None,
    ) -> "SqliteStore":
        """Open the database (`sqlite:///…` or a path), making or migrating it.

        Raises SettingsError (not ours, too new, in use by another process) and StoreDownError.
        """
        refuse_old_sqlite()
        path = parse_sqlite_url(url)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = DirectoryLock(path.parent)
        opened: list[Connection] = []
        try:
            await asyncio.to_thread(upgrade, path)
            opened.append(await connect_writer(path, synchronous=synchronous))
            opened.append(await connect_reader(path))
            opened.append(await connect_reader(path))
        except BaseException:
            for connection in opened:
                await connection.close()
            lock.close()
            raise
        return cls(lock, opened, Writer(opened[0], publish, clock.now, limits, follow))

    @classmethod
    async def open_to_read(cls, url: str | Path, clock: Clock) -> "SqliteStore":
        """Open the database of a gateway that may be running, or not: nothing is written, migrated or locked.

        Raises SettingsError where there is none, or one of another version.
        """
        refuse_old_sqlite()
        path = parse_sqlite_url(url)
        revision = await asyncio.to_thread(read_revision, path)
        if revision is None:
            raise SettingsError(f"there is no database at {path}: name the settings of the gateway with --config")
        if revision != HEAD:
            raise SettingsError(
                f"{path} is of another version (its schema is {revision}, this program's {HEAD}): use the program of "
                "the gateway that runs on it, or start this one once to migrate it"
            )
        opened: list[Connection] = []
        try:
            opened += [await connect_reader(path, is_alone=True) for _ in range(3)]
        except BaseException:
            for connection in opened:
                await connection.close()
            raise
        writer = Writer(opened[0], _publish_nothing, clock.now, None)
        await writer.close()
        return cls(None, opened, writer)

    async def close(self) -> None:
        """Finish the queued Works and close; afterwards everything raises StoreDownError."""
        await self._writer.close()
        for connection in (self._points, self._lists, self._writer_connection):
            await connection.close()
        if self._lock is not None:
            self._lock.close()

    @property
    def queued_rows(self) -> int:
        """Rows that wait for the writer."""
        return self._writer.queued_rows

    # --- writing --------------------------------------------------------------------------------------------------

    def commit(self, work: Work, *, bulk: bool = False) -> Awaitable[Sequence[Change]]:
        if bulk:
            return self._commit_slices(work)
        try:
            return self._writer.submit(work)
        except StoreDownError as error:
            refused: asyncio.Future[Sequence[Change]] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused

    def commit_then(self, work: Work, then: Callable[[Exception | None], None]) -> None:
        self._writer.submit_then(work, then)

    async def _commit_slices(self, work: Work) -> Sequence[Change]:
        step = self._writer.limits.bulk_rows
        stamped: list[Change] = []
        for start in range(0, len(work), step):
            stamped += await self._writer.submit(work[start : start + step], bulk=True)
        return stamped

    async def next_transaction_no(self) -> int:
        async with self._numbers_lock:
            numbers = self._numbers
            if numbers.next > numbers.last:
                (block,) = await self._writer.submit([ReserveNumbers(TRANSACTION_NUMBERS, RESERVED_NUMBERS)])
                numbers.next, numbers.last = block.first, block.first + block.count - 1
            numbers.next += 1
            return numbers.next - 1

    async def save_cdr_renderings(self, version: str, bodies: Sequence[tuple[str, bytes]]) -> None:
        await self._writer.submit([cdrs.KeepCdrRenderings(version, bodies)], bulk=True)

    # --- whole tables ---------------------------------------------------------------------------------------------

    async def load_stations(self) -> Sequence[Station]:
        return await self._lists.run(stations.load_stations)

    async def load_connector_statuses(self) -> Sequence[ConnectorStatus]:
        return await self._lists.run(stations.load_connector_statuses)

    async def load_locations(self) -> Sequence[Location]:
        return await self._lists.run(locations.load_locations)

    async def load_tariffs(self) -> Sequence[Tariff]:
        return await self._lists.run(tariffs.load_tariffs)

    async def load_partners(self) -> Sequence[Partner]:
        return await self._lists.run(partners.load_partners)

    async def load_hub_clients(self) -> Sequence[HubClient]:
        return await self._lists.run(hub_clients.load_hub_clients)

    async def load_unsealed_sessions(self) -> Sequence[Session]:
        return await self._lists.run(sessions.load_unsealed_sessions)

    # --- points ---------------------------------------------------------------------------------------------------

    async def find_session_by_transaction(self, station_id: str, transaction_id: str) -> Session | None:
        return await self._points.run(sessions.find_session_by_transaction, station_id, transaction_id)

    async def find_session_by_start(self, start_key: str) -> Session | None:
        return await self._points.run(sessions.find_session_by_start, start_key)

    async def find_session(self, session_id: str) -> Session | None:
        return await self._points.run(sessions.find_session, session_id)

    async def find_session_by_time(self, key: ConnectorKey, at: datetime) -> Session | None:
        return await self._points.run(sessions.find_session_by_time, key, at)

    async def load_facts(self, session_id: str) -> Sequence[Fact]:
        return await self._points.run(facts.load_facts, session_id)

    async def has_fact(self, session_id: str, key: str) -> bool:
        return await self._points.run(facts.has_fact, session_id, key)

    async def find_tokens(self, uid: str) -> Sequence[Token]:
        return await self._points.run(tokens.find_tokens, uid)

    async def find_token(self, country_code: str, party_id: str, uid: str, type_: str) -> Token | None:
        return await self._points.run(tokens.find_token, country_code, party_id, uid, type_)

    async def find_local_token(self, uid: str) -> LocalToken | None:
        return await self._points.run(tokens.find_local_token, uid)

    async def find_cdr(self, cdr_id: str) -> Cdr | None:
        return await self._points.run(cdrs.find_cdr, cdr_id)

    async def find_cdr_by_session(self, session_id: str) -> Cdr | None:
        return await self._points.run(cdrs.find_cdr_by_session, session_id)

    async def load_cdrs_of_session(self, session_id: str) -> Sequence[Cdr]:
        return await self._points.run(cdrs.load_cdrs_of_session, session_id)

    async def load_late_facts(self, session_id: str) -> Sequence[LateFact]:
        return await self._points.run(facts.load_late_facts, session_id)

    async def find_invoice(self, record_id: str) -> InvoiceRecord | None:
        return await self._points.run(invoices.find_invoice, record_id)

    async def list_billed_to(self, cdr_ids: Sequence[str]) -> Sequence[BilledTo]:
        return await self._lists.run(invoices.list_billed_to, cdr_ids)

    # --- lists ----------------------------------------------------------------------------------------------------

    async def page_sessions(
        self, partner_id: str, party: str | None, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[Session]:
        return await self._lists.run(sessions.page_sessions, partner_id, party, page, drivers_of)

    async def page_cdrs(
        self, partner_id: str, party: str | None, version: str, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[CdrRow]:
        return await self._lists.run(cdrs.page_cdrs, partner_id, party, version, page, drivers_of)

    async def find_joined_cdrs(
        self, partner_id: str, party: str | None, version: str, page: PageAsked, *, drivers_of: str | None = None
    ) -> tuple[Page[CdrRow], bytes] | None:
        return await self._lists.run(cdrs.find_joined_cdrs, partner_id, party, version, page, drivers_of)

    async def page_invoices(
        self, partner_id: str, party: str | None, page: PageAsked, *, drivers_of: str | None = None
    ) -> Page[InvoiceRecord]:
        return await self._lists.run(invoices.page_invoices, partner_id, party, page, drivers_of)

    async def list_invoices(self, partner_id: str | None, *, limit: int, offset: int = 0) -> Sequence[InvoiceRecord]:
        return await self._lists.run(invoices.list_invoices, partner_id, limit=limit, offset=offset)

    async def list_sessions(self, *, limit: int, offset: int = 0, station_id: str | None = None) -> Sequence[Session]:
        return await self._lists.run(sessions.list_sessions, limit=limit, offset=offset, station_id=station_id)

    async def list_cdrs(self, *, limit: int, offset: int = 0) -> Sequence[Cdr]:
        return await self._lists.run(cdrs.list_cdrs, limit=limit, offset=offset)

    async def list_billed(self, begin_at: datetime, end_at: datetime) -> Sequence[BilledCdr]:
        return await self._lists.run(cdrs.list_billed, begin_at, end_at)

    async def list_unbilled(self, begin_at: datetime, end_at: datetime) -> Sequence[Session]:
        return await self._lists.run(sessions.list_unbilled, begin_at, end_at)

    async def load_shown_cdr(self, cdr_id: str) -> Sequence[ShownCdr]:
        return await self._points.run(cdrs.load_shown_cdr, cdr_id)

    async def load_deliveries(self) -> Sequence[Delivery]:
        return await self._lists.run(outbox.load_deliveries)

    async def load_pushed_cdr(self, cdr_id: str) -> tuple[Sequence[CdrReceipt], Sequence[Delivery]]:
        return await self._points.run(outbox.load_pushed_cdr, cdr_id)

    async def list_token_stamps(self, partner_id: str) -> Sequence[TokenStamp]:
        return await self._lists.run(tokens.list_token_stamps, partner_id)

    async def list_local_tokens(self) -> Sequence[LocalToken]:
        return await self._lists.run(tokens.list_local_tokens)

    async def load_live_reservations(self) -> Sequence[Reservation]:
        return await self._lists.run(reservations.load_live_reservations)

    async def find_reservation(self, reservation_id: str) -> Reservation | None:
        return await self._points.run(reservations.find_reservation, reservation_id)

    async def find_reservation_by_no(self, station_id: str, no: int) -> Reservation | None:
        return await self._points.run(reservations.find_reservation_by_no, station_id, no)

    async def list_reservations(self, *, limit: int, station_id: str | None = None) -> Sequence[Reservation]:
        return await self._lists.run(reservations.list_reservations, limit=limit, station_id=station_id)

    async def load_profiles(self) -> Sequence[SessionProfile]:
        return await self._lists.run(profiles.load_profiles)

    async def load_open_callbacks(self) -> Sequence[Callback]:
        return await self._lists.run(callbacks.load_open_callbacks)

    async def load_remote_starts(self) -> Sequence[RemoteStart]:
        return await self._lists.run(remote_starts.load_remote_starts)

    async def find_callback(self, callback_id: str) -> Callback | None:
        return await self._points.run(callbacks.find_callback, callback_id)

    async def list_callbacks(self, *, limit: int, station_id: str | None = None) -> Sequence[Callback]:
        return await self._lists.run(callbacks.list_callbacks, limit=limit, station_id=station_id)

    async def find_expired(self, kind: Kept, before: datetime, after: Key | None, limit: int) -> Expired:
        return await self._lists.run(retention.find_expired, kind, before, after, limit)

    async def list_ambiguous_uids(self) -> Sequence[str]:
        return await self._lists.run(tokens.list_ambiguous_uids)

    async def list_deviations(self, station_id: str) -> Sequence[Deviation]:
        return await self._lists.run(journal.list_deviations, station_id)

    async def list_quarantined(self, *, limit: int) -> Sequence[Quarantined]:
        return await self._lists.run(journal.list_quarantined, limit=limit)

    async def list_late_facts(self, *, limit: int) -> Sequence[LateFact]:
        return await self._lists.run(facts.list_late_facts, limit=limit)

    async def list_notices(self, station_id: str | None, *, limit: int) -> Sequence[NoticeReported]:
        return await self._lists.run(journal.list_notices, station_id, limit=limit)

    async def list_incidents(self, station_id: str | None, *, limit: int) -> Sequence[SaveIncident]:
        return await self._lists.run(journal.list_incidents, station_id, limit=limit)


def _publish_nothing(_changes: Sequence[Change]) -> None:
    """Nothing is written, so there is nothing to tell."""


def parse_sqlite_url(url: str | Path) -> Path:
    """The file that `sqlite:///relative`, `sqlite:////absolute` or a plain path names.  Raises SettingsError."""
    if isinstance(url, Path):
        return url
    if "://" not in url:
        return Path(url)
    try:
        parts: Any = make_url(url)
    except ArgumentError:
        parts = None
    if parts is None or parts.get_backend_name() != "sqlite" or not parts.database or parts.database == ":memory:":
        raise SettingsError(f"store.url: {url!r} is not sqlite:///PATH, the only kind of store there is today.")
    return Path(parts.database)
