from datetime import UTC, datetime, timedelta

import pytest

from gateway.ocpp.times import parse_optional_time, parse_time, render_time

RECEIVED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T09:00:00Z",
        "2026-03-01T09:00:00.000Z",
        "2026-03-01T09:00:00.000000000Z",
        "2026-03-01T09:00:00",
        "2026-03-01 09:00:00",
        "2026-03-01T10:00:00+01:00",
        "2026-03-01T10:00:00+0100",
        "2026-03-01T04:00:00-05:00",
        " 2026-03-01T09:00:00Z ",
        "2026-03-01T09:00:00.Z",
        "2026-03-01T09:00:00+00:00Z",
    ],
)
def test_times_are_read_however_they_are_written(text: str) -> None:
    assert parse_time(text, RECEIVED) == (NINE, text, ())


def test_fractions_are_kept() -> None:
    at, _, _ = parse_time("2026-03-01T09:00:00.1234567Z", RECEIVED)

    assert at == NINE + timedelta(microseconds=123_456)


@pytest.mark.parametrize(
    "text",
    ["1970-01-01T00:00:00Z", "2019-12-31T23:59:59Z", "2026-03-01T10:05:01Z", "0001-01-01T00:00:00+14:00", "soon"],
)
def test_implausible_times_give_way_to_the_receipt(text: str) -> None:
    assert parse_time(text, RECEIVED) == (RECEIVED, text, ("time_replaced",))


@pytest.mark.parametrize("text", [None, 17, {}])
def test_what_is_no_text_is_no_time(text: object) -> None:
    assert parse_time(text, RECEIVED) == (RECEIVED, "", ("time_replaced",))


def test_a_past_time_is_never_shifted() -> None:
    at, _, flags = parse_time("2020-06-01T00:00:00Z", RECEIVED)

    assert at == datetime(2020, 6, 1, tzinfo=UTC)
    assert flags == ()


def test_a_time_left_out_is_no_fault() -> None:
    assert parse_optional_time(None, RECEIVED) == (RECEIVED, "", ())


def test_times_are_rendered_in_utc_with_milliseconds() -> None:
    assert render_time(RECEIVED) == "2026-03-01T10:00:00.000Z"
