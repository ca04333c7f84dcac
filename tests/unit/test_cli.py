from typing import Any

import pytest

from gateway.cli import main


@pytest.mark.parametrize(("command", "sentence"), [("price", "Recompute what a CDR costs"), ("run", "Run the gateway")])
def test_the_help_of_a_command_says_what_it_is_for(command: str, sentence: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])

    assert sentence in capsys.readouterr().out
