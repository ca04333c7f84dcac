import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.unit.replay.traces import INVENTORY, VISIT, called, written


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(written(VISIT))
    return path


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps(INVENTORY))
    return path


def test_a_trace_is_replayed_for_a_person(trace: Path, inventory: Path, capsys: Any) -> None:
    code = main(["replay", str(trace), "--inventory", str(inventory)])

    told = capsys.readouterr().out
    assert code == 0
    assert "2 messages served, 2 answers compared with the recorded ones, none of them differ" in told
    assert '"total_energy": 10' in told


def test_of_many_differences_alike_a_person_is_shown_the_first(trace: Path, capsys: Any) -> None:
    refused = {"idTagInfo": {"status": "Blocked"}}
    cards = [part for no in range(8) for part in called(no, f"a{no}", "Authorize", {"idTag": "X"}, refused)]
    trace.write_bytes(written([VISIT[0], *cards]))

    assert main(["replay", str(trace)]) == 0

    told = capsys.readouterr().out
    assert told.count("(DEMO-16 Authorize) is answered otherwise") == 5
    assert "and 3 more answers to Authorize of DEMO-16 differ: --json has them all" in told


def test_two_replays_print_the_same_bytes(trace: Path, inventory: Path, capsys: Any) -> None:
    printed = []
    for _ in range(2):
        main(["replay", str(trace), "--inventory", str(inventory), "--json"])
        printed.append(capsys.readouterr().out)

    assert printed[0] == printed[1]
    assert json.loads(printed[0])["ocpi"]["cdrs"][0]["total_cost"] == {
        "before_taxes": 3,
        "taxes": [{"name": "VAT", "percentage": 20, "amount": 0.6}],
    }


def test_a_file_that_is_not_there_is_a_usage_problem(tmp_path: Path, capsys: Any) -> None:
    code = main(["replay", str(tmp_path / "none.jsonl")])

    assert code == 2
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_a_file_without_a_line_of_a_trace_is_a_usage_problem(trace: Path, capsys: Any) -> None:
    trace.write_text("")

    assert main(["replay", str(trace)]) == 2
    assert "no line that can be read" in capsys.readouterr().err
