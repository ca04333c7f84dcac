"""The command looks at the database of a gateway that runs, that has ended, or that was killed."""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.errors import StoreDownError
from gateway.ops.clock import SystemClock
from gateway.ports import SaveCdr, SavePartner
from gateway.store.migrations import upgrade
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import CDR, PARTNER, PARTNER_ROW, cdr_no


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(f'data_dir = "{tmp_path / "data"}"\n')
    return path


def database_of(config: Path) -> Path:
    return config.parent / "data" / "gateway.sqlite3"


async def fill(config: Path) -> SqliteStore:
    store = await SqliteStore.open(database_of(config), lambda _: None, SystemClock())
    await store.commit([SavePartner(PARTNER_ROW), SaveCdr(CDR)])
    return store


async def fill_and_close(config: Path) -> None:
    await (await fill(config)).close()


def report(config: Path, *more: str) -> int:
    return main(["report", "--config", str(config), "--month", "2026-03", *more])


def test_a_month_is_told_as_a_table(config: Path, capsys: Any) -> None:
    asyncio.run(fill_and_close(config))

    assert report(config) == 0

    printed = capsys.readouterr().out
    assert "Visits that ended in 2026-03 (UTC)" in printed
    assert "Roamer" in printed
    assert "CDRs that their partner has neither pulled nor taken yet:\n  c-1" in printed


def test_the_same_as_csv(config: Path, capsys: Any) -> None:
    asyncio.run(fill_and_close(config))

    report(config, "--csv", "--partner", PARTNER)

    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["cdrs"], row["total_incl_vat"]) == ("1", "3.03")


async def test_a_running_gateway_is_looked_at_and_keeps_its_lock(config: Path, capsys: Any) -> None:
    store = await fill(config)
    try:
        assert await asyncio.to_thread(report, config) == 0
        (saved,) = await store.commit([SaveCdr(cdr_no(2))])
    finally:
        await store.close()
    assert "Roamer" in capsys.readouterr().out
    assert saved.cdr.ordinal == 2  # type: ignore[union-attr]


async def test_what_is_opened_to_read_cannot_be_written(config: Path) -> None:
    await fill_and_close(config)
    store = await SqliteStore.open_to_read(database_of(config), SystemClock())
    try:
        with pytest.raises(StoreDownError):
            await store.commit([SaveCdr(CDR)])
    finally:
        await store.close()


def test_without_a_database_the_settings_are_asked_for(config: Path, capsys: Any) -> None:
    assert report(config) == 2
    assert "there is no database at" in capsys.readouterr().err
    assert not database_of(config).exists()


def test_a_database_of_another_version_is_left_alone(config: Path, capsys: Any) -> None:
    database_of(config).parent.mkdir()
    upgrade(database_of(config), head="0001")

    assert report(config) == 2
    assert "is of another version (its schema is 0001" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--month", "May"], "is no month"),
        (["--zone", "Nowhere"], "is no time zone"),
        (["--partner", "nobody"], f"there is no partner 'nobody'; there are: {PARTNER} (Roamer)"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_problem(config: Path, capsys: Any, more: list[str], problem: str) -> None:
    asyncio.run(fill_and_close(config))

    assert report(config, *more) == 2
    assert problem in capsys.readouterr().err
