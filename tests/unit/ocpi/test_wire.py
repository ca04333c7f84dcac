from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from gateway.ocpi import wire


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("7.2504", "7.2504"),
        ("7.25045", "7.2505"),
        ("7.25044", "7.2504"),
        ("1.9730", "1.973"),
        ("40", "40"),
        ("400", "400"),
        ("1E+3", "1000"),
        ("0.00001", "0"),
        ("-0.00001", "0"),
        ("-1.50", "-1.5"),
        ("123456789012.3456", "123456789012.3456"),
    ],
)
def test_a_decimal_becomes_a_plain_number_with_at_most_four_decimals(value: str, text: str) -> None:
    assert wire.decimal_text(Decimal(value)) == text
    assert wire.dump_json({"kwh": Decimal(value)}) == f'{{"kwh":{text}}}'.encode()


def test_a_value_without_a_rendering_is_refused_rather_than_guessed() -> None:
    with pytest.raises(TypeError):
        wire.dump_json({"at": object()})


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T03:04:05Z"),
    ],
)
def test_a_time_has_seconds_or_milliseconds_and_a_z(moment: datetime, text: str) -> None:
    assert wire.render_time(moment) == text
    assert len(text) <= 25


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05.000000Z",
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T04:04:05 01:00",
        "2026-01-02T01:04:05-0200",
    ],
)
def test_a_time_is_read_in_every_form_that_peers_send(text: str) -> None:
    assert wire.parse_time(text) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02 03:04:05Z", "0001-01-01T00:00:00+23:00"]
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="2026-01-02T03:04:05Z"):
        wire.parse_time(text)


def test_a_long_display_text_is_cut_and_the_first_cut_logged() -> None:
    with capture_logs() as logs:
        assert wire.clip("x" * 12, 10, "test.only.here") == "x" * 10
        assert wire.clip("y" * 12, 10, "test.only.here") == "y" * 10

    assert [(entry["field"], entry["length"], entry["limit"]) for entry in logs] == [("test.only.here", 12, 10)]


def test_control_characters_in_a_display_text_become_blanks() -> None:
    assert wire.clip("first\r\nsecond\tthird", 40, "any") == "first second third"
