import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.ops.clock import SystemClock
from gateway.ports import SaveCdr, SavePartner, SaveSession
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import CDR, FACT, PARTNER_ROW, SESSION


@pytest.fixture
def config(tmp_path: Path) -> Path:
    async def fill() -> None:
        store = await SqliteStore.open(tmp_path / "data" / "gateway.sqlite3", lambda _: None, SystemClock())
        await store.commit([SavePartner(PARTNER_ROW), SaveSession(SESSION, write_terms=True, fact=FACT), SaveCdr(CDR)])
        await store.save_cdr_renderings("2.2.1", [(CDR.id, b"{}")])
        await store.close()

    asyncio.run(fill())
    path = tmp_path / "config.toml"
    path.write_text(f'data_dir = "{tmp_path / "data"}"\n')
    return path


def test_a_bill_is_explained_to_a_person(config: Path, capsys: Any) -> None:
    assert main(["explain", "cdr", "c-1", "--config", str(config)]) == 0

    told = capsys.readouterr().out
    assert told.startswith("CDR c-1, number 1 for Roamer")
    assert "Roamer was first given it in OCPI 2.2.1 on " in told


def test_the_same_for_a_machine(config: Path, capsys: Any) -> None:
    assert main(["explain", "cdr", "c-1", "--config", str(config), "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["cdr"]["id"] == "c-1"


def test_a_bill_that_is_not_there_is_named(config: Path, capsys: Any) -> None:
    assert main(["explain", "cdr", "nothing", "--config", str(config)]) == 1
    told = capsys.readouterr().err
    assert "there is no CDR 'nothing' in " in told
    assert "gateway.sqlite3: GET cdrs of the operator's API lists them" in told


def test_without_a_database_there_is_nothing_to_explain(tmp_path: Path, capsys: Any) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'data_dir = "{tmp_path / "data"}"\n')

    assert main(["explain", "cdr", "c-1", "--config", str(config)]) == 2
    assert "there is no database" in capsys.readouterr().err
