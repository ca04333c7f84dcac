import io
import sys
from typing import Any

import pytest

from gateway.cli import main


@pytest.mark.parametrize(("command", "sentence"), [("price", "Recompute what a CDR costs"), ("run", "Run the gateway")])
def test_the_help_of_a_command_says_what_it_is_for(command: str, sentence: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])

    assert sentence in capsys.readouterr().out


def test_a_sign_that_the_terminal_cannot_show_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)

    with pytest.raises(SystemExit) as stopped:
        main(["report", "--help"])

    terminal.flush()
    assert stopped.value.code == 0
    assert b"GATEWAY_\\u2026" in terminal.buffer.getvalue()  # type: ignore[attr-defined]
