from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.meters import Reading
from gateway.ocpp.samples import parse_sample, parse_samples

RECEIVED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
AT = "2026-03-01T09:00:00Z"


@pytest.mark.parametrize(
    ("value", "number"),
    [("12.50", "12.50"), (12, "12"), (12.5, "12.5"), ("-3", "-3"), (" 7 ", "7"), ("1e3", "1e3"), (0, "0")],
)
def test_numbers_are_read_exactly(value: Any, number: str) -> None:
    assert parse_sample({"value": value}, NINE) == Reading(at=NINE, value=Decimal(number))


@pytest.mark.parametrize(
    ("value", "raw"),
    [("NaN", "NaN"), ("Infinity", "Infinity"), ("12,5", "12,5"), ({"a": 1}, '{"a":1}'), (True, "true")],
)
def test_what_is_no_number_is_kept_raw(value: Any, raw: str) -> None:
    assert parse_sample({"value": value}, NINE) == Reading(at=NINE, value=None, raw=raw)


@pytest.mark.parametrize("value", ["1e400", "-1E999999", "1e-999999", "9" * 500, 10**16, 1e300])
def test_what_no_meter_measures_is_no_number(value: Any) -> None:
    reading = parse_sample({"value": value}, NINE)

    assert reading is not None
    assert reading.value is None


@pytest.mark.parametrize("multiplier", [400, -400, 1e30])
def test_an_absurd_multiplier_makes_no_number(multiplier: float) -> None:
    reading = parse_sample({"value": 2, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}, NINE)

    assert reading is not None
    assert (reading.value, reading.multiplier) == (None, 0)


@pytest.mark.parametrize("sample", [{}, {"value": ""}, {"value": None}])
def test_a_sample_without_value_is_skipped(sample: dict[str, Any]) -> None:
    assert parse_sample(sample, NINE) is None


def test_signed_data_is_kept_untouched() -> None:
    reading = parse_sample({"value": 'OCMF|{"RD":[]}|{"SD":"1"}', "format": "SignedData"}, NINE)

    assert reading == Reading(at=NINE, value=None, format="SignedData", raw='OCMF|{"RD":[]}|{"SD":"1"}')


def test_a_signed_value_of_2x_is_a_number_and_its_signature() -> None:
    reading = parse_sample({"value": 5, "signedMeterValue": {"signedMeterData": "b64"}}, NINE)

    assert reading == Reading(at=NINE, value=Decimal(5), raw='{"signedMeterData":"b64"}')


def test_everything_said_of_a_sample_is_kept() -> None:
    sample = {
        "value": "230.1",
        "measurand": "Voltage",
        "unit": "V",
        "phase": "L1-N",
        "location": "Outlet",
        "context": "Trigger",
        "format": "Raw",
    }

    assert parse_sample(sample, NINE) == Reading(
        at=NINE,
        value=Decimal("230.1"),
        measurand="Voltage",
        unit="V",
        phase="L1-N",
        location="Outlet",
        context="Trigger",
        format="Raw",
    )


def test_only_energy_has_a_default_unit() -> None:
    energy = parse_sample({"value": "1", "measurand": "Energy.Active.Export.Register"}, NINE)
    power = parse_sample({"value": "1", "measurand": "Power.Active.Import"}, NINE)

    assert energy is not None
    assert power is not None
    assert (energy.unit, power.unit) == ("Wh", "")


def test_samples_carry_the_time_of_their_meter_value() -> None:
    samples = parse_samples(
        [
            {"timestamp": AT, "sampledValue": [{"value": "1"}, {"value": ""}]},
            {"timestamp": "2026-03-01T09:01:00Z", "sampledValue": [{"value": "2"}]},
        ],
        RECEIVED,
    )

    assert [(reading.at.minute, reading.value) for reading in samples.readings] == [(0, 1), (1, 2)]
    assert (samples.at, samples.at_raw, samples.flags) == (NINE, AT, ())


def test_samples_of_an_implausible_time_count_at_their_receipt() -> None:
    samples = parse_samples([{"timestamp": "1970-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}], RECEIVED)

    assert (samples.at, samples.at_raw, samples.flags) == (RECEIVED, "1970-01-01T00:00:00Z", ("time_replaced",))


def test_no_meter_values_are_no_samples() -> None:
    samples = parse_samples([], RECEIVED)

    assert (samples.readings, samples.at) == ((), None)
