import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.fakes.readers import nobody_reads, printed_in_ascii, run_module


@pytest.mark.parametrize(("command", "sentence"), [("price", "Recompute what a CDR costs"), ("run", "Run the gateway")])
def test_the_help_of_a_command_says_what_it_is_for(command: str, sentence: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])

    assert sentence in capsys.readouterr().out


def test_a_sign_that_the_terminal_cannot_show_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"GATEWAY_\\u2026" in printed_in_ascii(monkeypatch, lambda: main(["report", "--help"]))


start = partial(run_module, "gateway")


@pytest.mark.parametrize("buffers", [True, False])
@pytest.mark.parametrize("argv", [["check"], ["report", "--help"]], ids=" ".join)
def test_a_reader_that_has_left_is_no_fault_of_a_command(argv: list[str], *, buffers: bool) -> None:
    with nobody_reads() as gone:
        ended = start(*argv, buffers=buffers, stdout=gone)

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("argv", "code"), [(["run", "--config", "none.toml"], 2), (["report", "--month", "never"], 2), (["nonsense"], 2)]
)
def test_a_problem_that_nobody_reads_of_is_still_in_the_exit_code(argv: list[str], code: int) -> None:
    with nobody_reads() as gone:
        ended = start(*argv, stderr=gone)

    assert (ended.returncode, ended.stdout) == (code, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("buffers", [True, False])
def test_a_full_disk_is_told_of_in_one_line(*, buffers: bool) -> None:
    with Path("/dev/full").open("w") as full:
        ended = start("check", buffers=buffers, stdout=full)

    assert (ended.returncode, ended.stderr) == (1, "gateway: [Errno 28] No space left on device\n")


def test_a_problem_does_not_go_to_standard_output_where_standard_error_is_closed() -> None:
    line = f'exec "{sys.executable}" -m gateway run --config none.toml 2>&-'

    ended = subprocess.run(["/bin/sh", "-c", line], stdout=subprocess.PIPE, check=False)

    assert (ended.returncode, ended.stdout) == (2, b"")
