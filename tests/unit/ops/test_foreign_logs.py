import logging

import pytest

from gateway.ops.foreign_logs import foreign_logger


@pytest.fixture
def logger() -> logging.Logger:
    return foreign_logger("test.foreign", "unreadable request", ValueError)


def fail(logger: logging.Logger, fault: Exception) -> None:
    try:
        raise fault
    except Exception:
        logger.exception("Error handling request from %s", "127.0.0.1")


def test_a_fault_from_outside_is_one_line_without_its_text(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    fail(logger, ValueError("GET /tokens/DE/EMP/04E2A1B2C3D480"))

    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "unreadable request: ValueError")
    assert record.exc_info is None
    assert "Traceback" not in caplog.text


def test_a_fault_of_our_own_keeps_its_traceback(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    fail(logger, KeyError("bug"))

    assert "Traceback" in caplog.text
    assert "Error handling request from 127.0.0.1" in caplog.text


def test_what_is_no_fault_passes(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("slow")

    assert [record.getMessage() for record in caplog.records] == ["slow"]
