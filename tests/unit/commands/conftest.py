import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.commands import correct, explain, replay, report


def _be_quiet(*_: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


@pytest.fixture(autouse=True)
def quiet_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command sets up the logs of its process for good; here the process is that of all tests."""
    for command in (correct, explain, replay, report):
        monkeypatch.setattr(command, "configure_logs", _be_quiet)
    _be_quiet()
    yield
    structlog.reset_defaults()
