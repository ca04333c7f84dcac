import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.ops.logs import configure_logs


@contextlib.contextmanager
def log_to(path: Path, format_: str, encoding: str = "utf-8") -> Iterator[Any]:
    """A process sets up its logs for good; here the process is that of all tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with path.open("a", encoding=encoding) as file, contextlib.redirect_stderr(file):
        configure_logs("info", format_)
        yield structlog.get_logger()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("format_", ["text", "json"])
@pytest.mark.parametrize("value", ["\udcff", 2**70, {("a", 1): 2, "b": "\udcff"}, b"\xff"], ids=repr)
def test_a_value_that_no_format_has_a_place_for_fails_nothing(tmp_path: Path, format_: str, value: object) -> None:
    with log_to(tmp_path / "log", format_) as log:
        log.info("station refused", value=value)

    assert "station refused" in (tmp_path / "log").read_text()


def test_json_is_utf_8_whatever_the_terminal(tmp_path: Path) -> None:
    with log_to(tmp_path / "log", "json", encoding="ascii") as log:
        log.info("session completed", name="Café")

    assert json.loads((tmp_path / "log").read_bytes())["name"] == "Café"


def test_text_is_of_the_terminal(tmp_path: Path) -> None:
    with log_to(tmp_path / "log", "text", encoding="iso-8859-1") as log:
        log.info("session completed", name="Café", cost="2€")

    assert "name=Café cost=2\\u20ac" in (tmp_path / "log").read_text("iso-8859-1")


def test_lines_that_were_lost_are_told_of_like_any_other(tmp_path: Path) -> None:
    with log_to(tmp_path / "log", "json") as log:
        reading, writing = os.pipe()
        descriptor = sys.stderr.fileno()
        file = os.dup(descriptor)
        os.dup2(writing, descriptor)
        os.close(reading)
        os.close(writing)
        log.info("session completed")
        logging.getLogger("library").warning("of a library")

        os.dup2(file, descriptor)
        log.info("session completed")
        os.close(file)

    told, completed = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (told["event"], told["level"], told["count"]) == ("log lines lost", "warning", 2)
    assert told["timestamp"]
    assert completed["event"] == "session completed"
