from datetime import UTC, datetime

from gateway.ocpp.samples import parse_samples

RECEIVED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
AT = "2026-03-01T09:00:00Z"


def test_samples_carry_the_time_of_their_meter_value() -> None:
    readings, at, at_raw, flags = parse_samples(
        [
            {"timestamp": AT, "sampledValue": [{"value": "1"}, {"value": ""}]},
            {"timestamp": "2026-03-01T09:01:00Z", "sampledValue": [{"value": "2"}]},
        ],
        RECEIVED,
    )

    assert [(reading.at.minute, reading.value) for reading in readings] == [(0, 1), (1, 2)]
    assert (at, at_raw, flags) == (NINE, AT, ())


def test_samples_of_an_implausible_time_count_at_their_receipt() -> None:
    _, at, at_raw, flags = parse_samples(
        [{"timestamp": "1970-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}], RECEIVED
    )

    assert (at, at_raw, flags) == (RECEIVED, "1970-01-01T00:00:00Z", ("time_replaced",))


def test_no_meter_values_are_no_samples() -> None:
    readings, at, _, _ = parse_samples([], RECEIVED)

    assert (readings, at) == ((), None)
