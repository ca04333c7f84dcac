from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.meters import Reading, SampledReadings, find_imports, parse_sampled_value, span_of

NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "number"),
    [("12.50", "12.50"), (12, "12"), (12.5, "12.5"), ("-3", "-3"), (" 7 ", "7"), ("1e3", "1e3"), (0, "0")],
)
def test_numbers_are_read_exactly(value: Any, number: str) -> None:
    assert parse_sampled_value({"value": value}, NINE) == Reading(at=NINE, value=Decimal(number))


@pytest.mark.parametrize(
    ("value", "raw"),
    [("NaN", "NaN"), ("Infinity", "Infinity"), ("12,5", "12,5"), ({"a": 1}, '{"a":1}'), (True, "true")],
)
def test_what_is_no_number_is_kept_raw(value: Any, raw: str) -> None:
    assert parse_sampled_value({"value": value}, NINE) == Reading(at=NINE, value=None, raw=raw)


@pytest.mark.parametrize("value", ["1e400", "-1E999999", "1e-999999", "9" * 500, 10**16, 1e300])
def test_what_no_meter_measures_is_no_number(value: Any) -> None:
    reading = parse_sampled_value({"value": value}, NINE)

    assert reading is not None
    assert reading.value is None


@pytest.mark.parametrize("multiplier", [400, -400, 1e30])
def test_an_absurd_multiplier_makes_no_number(multiplier: float) -> None:
    reading = parse_sampled_value({"value": 2, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}, NINE)

    assert reading is not None
    assert (reading.value, reading.multiplier) == (None, 0)


@pytest.mark.parametrize("sample", [{}, {"value": ""}, {"value": None}])
def test_a_sample_without_value_is_skipped(sample: dict[str, Any]) -> None:
    assert parse_sampled_value(sample, NINE) is None


def test_signed_data_is_kept_untouched() -> None:
    reading = parse_sampled_value({"value": 'OCMF|{"RD":[]}|{"SD":"1"}', "format": "SignedData"}, NINE)

    assert reading == Reading(at=NINE, value=None, format="SignedData", raw='OCMF|{"RD":[]}|{"SD":"1"}')


def test_a_signed_value_of_2x_is_a_number_and_its_signature() -> None:
    reading = parse_sampled_value({"value": 5, "signedMeterValue": {"signedMeterData": "b64"}}, NINE)

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

    assert parse_sampled_value(sample, NINE) == Reading(
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
    energy = parse_sampled_value({"value": "1", "measurand": "Energy.Active.Export.Register"}, NINE)
    power = parse_sampled_value({"value": "1", "measurand": "Power.Active.Import"}, NINE)

    assert energy is not None
    assert power is not None
    assert (energy.unit, power.unit) == ("Wh", "")


SENT = SampledReadings(
    [
        (NINE, [{"value": "1"}, {"value": "7", "measurand": "Power.Active.Import", "unit": "kW"}, {"value": ""}]),
        (TEN, [{"value": "2", "measurand": "Energy.Active.Import.Register"}]),
    ]
)
READ = (
    Reading(at=NINE, value=Decimal(1)),
    Reading(at=NINE, value=Decimal(7), measurand="Power.Active.Import", unit="kW"),
    Reading(at=TEN, value=Decimal(2)),
)


def test_what_was_sent_equals_what_is_read_of_it() -> None:
    assert SENT == READ
    assert READ == SENT
    assert SampledReadings(SENT.sent) == SENT
    assert (len(SENT), SENT[1], list(SENT[1:]), hash(SENT)) == (3, READ[1], list(READ[1:]), hash(READ))
    assert READ[:2] != SENT


def test_imports_are_the_energy_that_was_drawn_however_they_were_sent() -> None:
    assert find_imports(SENT) == find_imports(READ) == [READ[0], READ[2]]


def test_readings_span_their_times_however_they_were_sent() -> None:
    assert span_of(SENT) == span_of(READ) == (NINE, TEN)
    assert span_of(SampledReadings(SENT.sent[:1])) == (NINE, NINE)
    assert span_of(SampledReadings([])) is None
    assert span_of(()) is None


def test_samples_of_imports_are_found_with_their_times() -> None:
    assert SENT.find_import_samples() == [
        (NINE, SENT.sent[0][1][0]),
        (NINE, SENT.sent[0][1][2]),
        (TEN, SENT.sent[1][1][0]),
    ]
    assert SampledReadings([(NINE, [{"value": "7", "measurand": "Voltage"}])]).find_import_samples() == []
