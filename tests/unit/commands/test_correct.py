"""The command asks the gateway that runs, and says in words what came of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from gateway.cli import main
from gateway.console.server import build_app
from gateway.domain.sessions import Period, Phase
from tests.fakes.console_world import NOW, TOKEN, World
from tests.unit.console.test_ledger import CDR, DONE, FACT

CHARGED = replace(DONE.ledger, periods=(Period(start_at=NOW, phase=Phase.CHARGING, energy_wh=Decimal("7250.5")),))


@dataclass
class Running:
    """A gateway's operator's API with one bill, and the settings that lead there."""

    world: World
    config: Path

    async def correct(self, *words: str) -> int:
        return await asyncio.to_thread(main, ["correct", "C1", "--config", str(self.config), *words])


def settings(folder: Path, port: int, token: str = f'token = "{TOKEN}"') -> Path:
    path = folder / "config.toml"
    path.write_text(f'data_dir = "{folder / "data"}"\n[console]\nlisten = "127.0.0.1:{port}"\n{token}\n')
    return path


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    world = World()
    world.store.sessions, world.store.cdrs = [replace(DONE, ledger=CHARGED)], [CDR]
    world.store.facts = {"S1": [FACT]}
    async with TestServer(build_app(world.parts)) as server:
        yield Running(world, settings(tmp_path, server.port or 0))


async def test_a_bill_is_taken_back_and_another_made(running: Running, capsys: Any) -> None:
    assert await running.correct("--reason", "the meter was broken", "--energy-wh", "1000.5", "--remark", "sorry") == 0

    credit, cdr = running.world.store.cdrs[1:]
    assert (credit.credit_reference_id, cdr.corrects_id, cdr.energy_wh) == ("C1", "C1", Decimal("1000.5"))
    assert cdr.remark == "sorry"
    printed = capsys.readouterr().out
    assert "CDR C1 is taken back." in printed
    assert f"credit   {credit.id}  7.2505 kWh  -2.15 EUR" in printed
    assert f"new CDR  {cdr.id}  1.0005 kWh" in printed


async def test_a_bill_without_any_energy_can_be_made(running: Running) -> None:
    assert await running.correct("--reason", "the meter counted by itself", "--energy-wh", "0") == 0

    assert running.world.store.cdrs[-1].energy_wh == 0


async def test_a_bill_is_cancelled_with_the_answer_as_json(running: Running, capsys: Any) -> None:
    assert await running.correct("--reason", "a test", "--cancel", "--json") == 0

    made = json.loads(capsys.readouterr().out)
    assert (made["credit"]["credit_reference_id"], made["cdr"]) == ("C1", None)


async def test_what_the_gateway_refuses_is_told_with_its_reason(running: Running, capsys: Any) -> None:
    await running.correct("--reason", "a test", "--cancel")

    assert await running.correct("--reason", "again", "--cancel") == 1

    assert "credited" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--reason", "x"], ["--reason", "x", "--cancel", "--remark", "sorry"]],
)
async def test_what_is_to_be_different_must_be_said(running: Running, capsys: Any, words: list[str]) -> None:
    assert await running.correct(*words) == 2

    assert "what is to be different" in capsys.readouterr().err
    assert running.world.store.cdrs == [CDR]


@pytest.mark.parametrize(
    "words", [["--energy-wh", "much"], ["--energy-wh", "Infinity"], ["--energy-wh", "NaN"], ["--ended-at", "yesterday"]]
)
def test_what_is_no_number_or_time_is_a_usage_problem(words: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["correct", "C1", "--reason", "x", *words])

    assert ended.value.code == 2
    assert "is not a" in capsys.readouterr().err


def test_where_no_gateway_answers_it_says_where_it_looked(tmp_path: Path, capsys: Any, unused_tcp_port: int) -> None:
    config = settings(tmp_path, unused_tcp_port)

    assert main(["correct", "C1", "--reason", "x", "--cancel", "--config", str(config)]) == 1

    assert f"no gateway answers at http://127.0.0.1:{unused_tcp_port}" in capsys.readouterr().err


def test_without_the_token_it_says_how_to_get_it(tmp_path: Path, capsys: Any) -> None:
    config = settings(tmp_path, 1, token="")

    assert main(["correct", "C1", "--reason", "x", "--cancel", "--config", str(config)]) == 2

    assert "--config" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_the_help_tells_what_a_correction_is(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["correct", "--help"])

    assert "A CDR that a partner has seen never changes." in capsys.readouterr().out
