"""Opening, refusing to open, and what happens when the disk does not take it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gateway.errors import SettingsError, StoreDownError
from gateway.ports import Change, SaveNotice, SaveSession
from gateway.store.connection import refuse_old_sqlite
from gateway.store.lock import DirectoryLock
from gateway.store.sqlite import SqliteStore, parse_sqlite_url
from tests.contract.samples import FACT, NOTICE, SESSION, SetClock, session_no

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from pathlib import Path
from gateway.store.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def ignore(changes: Sequence[Change]) -> None:
    """Nobody listens."""


async def open_store(directory: Path, publish: Callable[[Sequence[Change]], None] = ignore) -> SqliteStore:
    return await SqliteStore.open(directory / "gateway.sqlite3", publish, SetClock())


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/gateway.sqlite3", "data/gateway.sqlite3"),
        ("sqlite:////var/lib/gateway/g.db", "/var/lib/gateway/g.db"),
        ("plain/file.db", "plain/file.db"),
        (Path("/a/b.db"), "/a/b.db"),
    ],
)
def test_a_url_or_a_path_names_the_file(url: str | Path, path: str) -> None:
    assert parse_sqlite_url(url) == Path(path)


@pytest.mark.parametrize("url", ["postgresql://host/db", "sqlite://", "sqlite:///:memory:", "://"])
def test_a_url_that_is_no_sqlite_file_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"store\.url"):
        parse_sqlite_url(url)


def test_an_old_sqlite_is_refused_with_both_versions() -> None:
    with pytest.raises(SettingsError, match=r"3\.34\.1 is too old: at least 3\.35"):
        refuse_old_sqlite((3, 34, 1))
    refuse_old_sqlite((3, 35, 0))


async def test_an_unknown_synchronous_mode_is_refused_and_leaves_nothing_locked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"store\.synchronous: 'OFF'"):
        await SqliteStore.open(tmp_path / "g.db", ignore, SetClock(), synchronous="OFF")

    DirectoryLock(tmp_path).close()


async def test_a_second_process_on_the_same_directory_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - it lives as long as the test, and is waited for by what it prints
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(SettingsError, match=rf"pid {holder.pid}\)"):
            await open_store(tmp_path)
        holder.kill()

    store = await open_store(tmp_path)
    assert (tmp_path / "gateway.lock").read_text() == f"{os.getpid()}\n"
    await store.close()


async def test_commits_are_on_the_disk_before_they_return(tmp_path: Path) -> None:
    store = await open_store(tmp_path)

    modes = await store._writer_connection.run(
        lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )

    await store.close()
    assert modes == ["wal", 2]  # 2 is FULL


async def test_readers_cannot_write(tmp_path: Path) -> None:
    store = await open_store(tmp_path)

    with pytest.raises(StoreDownError, match="readonly"):
        await store._points.run(lambda db: db.execute("DELETE FROM sessions"))
    await store.close()


async def test_a_full_disk_fails_every_work_of_the_batch_and_nothing_is_half_stored(tmp_path: Path) -> None:
    published: list[Sequence[Change]] = []
    store = await open_store(tmp_path, published.append)
    await store._writer_connection.run(lambda db: db.execute("PRAGMA max_page_count=10").fetchone())
    big = "x" * 200_000

    results = await asyncio.gather(
        store.commit([SaveSession(SESSION, fact=FACT)]),
        store.commit([SaveSession(session_no(2, hold=big))]),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [StoreDownError, StoreDownError]
    assert "full" in str(results[0])
    assert await store.list_sessions(limit=9) == []
    assert published == []

    await store._writer_connection.run(lambda db: db.execute("PRAGMA max_page_count=100000").fetchone())
    await store.commit([SaveSession(SESSION, fact=FACT)])
    assert [len(batch) for batch in published] == [1]
    await store.close()


async def test_a_subscriber_that_fails_fails_the_callers_but_not_the_writer(tmp_path: Path) -> None:
    calls: list[int] = []

    def publish(changes: Sequence[Change]) -> None:
        calls.append(len(changes))
        if len(calls) == 1:
            raise ZeroDivisionError

    store = await open_store(tmp_path, publish)
    with pytest.raises(StoreDownError, match="ZeroDivisionError"):
        await store.commit([SaveNotice(NOTICE)])
    await store.commit([SaveNotice(NOTICE)])

    assert calls == [1, 1]
    await store.close()
