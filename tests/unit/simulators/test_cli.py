"""What a simulator does when nobody reads what it tells."""

import signal
from functools import partial

import pytest

from simulators.cli import main
from tests.fakes.readers import nobody_reads, printed_in_ascii, run_module

CHARGER = ["charger", "--url", "ws://127.0.0.1:1/ocpp", "--id", "CS1", "--scenario"]


start = partial(run_module, "simulators.cli")


@pytest.mark.parametrize("buffers", [True, False])
@pytest.mark.parametrize(("argv", "code"), [([*CHARGER, "16-simple"], 2), (["--help"], 0)], ids=["charger", "help"])
def test_a_reader_that_has_left_ends_it_quietly(argv: list[str], code: int, *, buffers: bool) -> None:
    with nobody_reads() as gone:
        ended = start(*argv, buffers=buffers, stdout=gone)

    assert (ended.returncode, ended.stderr) == (code, "")


def test_a_reader_that_has_left_also_ends_what_runs_in_the_background() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells start it; the child inherits that
    try:
        with nobody_reads() as gone:
            ended = start(*CHARGER, "16-simple", stdout=gone)
    finally:
        signal.signal(signal.SIGINT, before)

    assert (ended.returncode, ended.stderr) == (2, "")


def test_a_problem_that_nobody_reads_of_is_still_in_the_exit_code() -> None:
    with nobody_reads() as gone:
        ended = start(*CHARGER, "none.toml", stderr=gone)

    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_sign_that_the_terminal_cannot_show_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"wss://\\u2026" in printed_in_ascii(monkeypatch, lambda: main(["charger", "--help"]))
