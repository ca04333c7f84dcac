from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given as of_any
from hypothesis import strategies as st

from gateway.core.energy import Sourced, energy_wh_of, rank_of, registers_of
from gateway.domain.meters import ENERGY_IMPORT, Reading, SampledReadings

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def reading(value: str, **changes: object) -> Reading:
    return Reading(at=AT, value=Decimal(value), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "wh"),
    [
        (reading("1500"), Decimal(1500)),
        (reading("1.5", unit="kWh"), Decimal(1500)),
        (reading("1.5", unit="KWH"), Decimal(1500)),
        (reading("15", multiplier=2), Decimal(1500)),
        (reading("1.5", unit="kWh", multiplier=-3), Decimal("1.5")),
        (reading("15", unit="wh"), Decimal(15)),
        (reading("1E+20"), None),
        (reading("1", multiplier=900), None),
        (reading("1", multiplier=-900), None),
        (reading("5", unit=""), None),
        (reading("7.4", measurand="Power.Active.Import", unit="kW"), None),
        (reading("5", measurand="Energy.Active.Export.Register"), None),
        (reading("-1"), None),
        (reading("NaN"), None),
        (reading("5", unit="varh"), None),
        (Reading(at=AT, value=None, raw="OCMF|{}|{}", format="SignedData"), None),
    ],
)
def test_a_reading_is_energy_in_wh_or_none(given: Reading, wh: Decimal | None) -> None:
    assert energy_wh_of(given) == wh


def test_a_total_beats_its_phases_and_the_outlet_beats_the_inlet() -> None:
    readings = [
        reading("100", phase="L1"),
        reading("999", location="Inlet"),
        reading("330", location="Outlet"),
        reading("110", phase="L2"),
    ]

    assert list(registers_of(readings)) == [(AT, Decimal(330))]


def test_phases_are_summed_where_there_is_no_total() -> None:
    readings = [
        reading("100", phase="L1"),
        reading("110", phase="L2"),
        reading("120", phase="L3"),
        reading("0", phase="N"),
    ]

    assert list(registers_of(readings)) == [(AT, Sourced("phases L1 L2 L3", Decimal(330)))]


def test_the_inlet_serves_where_nothing_else_is_told() -> None:
    inlet = Sourced("total@Inlet", Decimal(999))

    assert list(registers_of([reading("999", location="Inlet")])) == [(AT, inlet)]
    assert list(registers_of([reading("999", location="Inlet"), reading("5", phase="L1")])) != [(AT, inlet)]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"location": "Cable"}),
        ({"location": "Outlet"}, {"location": "EV"}),
        ({"location": "Cable"}, {"location": "EV"}),
        ({"location": "EV"}, {"location": "Upstream"}),
        ({"location": "Upstream"}, {"location": "Body"}),
        ({"location": "Body"}, {"phase": "L1"}),
        ({"phase": "L1"}, {"location": "Inlet"}),
    ],
)
def test_the_better_source_of_a_moment_is_taken(better: dict[str, str], worse: dict[str, str]) -> None:
    readings = [reading("1", **better), reading("2", **worse)]

    for given in (readings, readings[::-1]):
        ((_, register),) = registers_of(given)
        assert (register.wh if isinstance(register, Sourced) else register) == 1


def test_a_sum_over_more_phases_is_the_better_source() -> None:
    assert rank_of("phases L1 L2 L3") < rank_of("phases L1 L2") < rank_of("phases L2") < rank_of("total@Inlet")
    assert rank_of("total") < rank_of("total@Cable") < rank_of("phases L1 L2 L3")


@pytest.mark.parametrize("context", [None, "Sample.Periodic", "Sample.Clock", "Interruption.Begin", "Trigger"])
@pytest.mark.parametrize("wanted", ["Transaction.Begin", "Transaction.End"])
def test_what_was_read_for_the_transaction_beats_a_sample_of_the_same_moment(context: str | None, wanted: str) -> None:
    readings = [reading("1", context=wanted), reading("2", context=context)]

    for given in (readings, readings[::-1]):
        assert list(registers_of(given)) == [(AT, Decimal(1))]


@pytest.mark.parametrize("context", ["Sample.Clock", "Interruption.End", "Other"])
def test_a_reading_of_any_context_counts_where_it_is_alone(context: str) -> None:
    assert list(registers_of([reading("7", context=context)])) == [(AT, Decimal(7))]


def test_the_resolution_of_the_meter_is_kept() -> None:
    wh = energy_wh_of(reading("1000", unit="kWh"))

    assert wh is not None
    assert wh.as_tuple().exponent == 3


def test_moments_come_in_order_of_time() -> None:
    later = Reading(at=AT + timedelta(minutes=1), value=Decimal(20))

    assert list(registers_of([later, reading("10")])) == [(AT, Decimal(10)), (later.at, Decimal(20))]


SAMPLES = st.fixed_dictionaries(
    {"value": st.sampled_from(["1000183", 12, 1.5, "-1", "", None, "1E+20", "NaN", "x"])},
    optional={
        "measurand": st.sampled_from([ENERGY_IMPORT, "", "Voltage"]),
        "unit": st.sampled_from(["Wh", "kWh", "KWH", "", "varh"]),
        "unitOfMeasure": st.fixed_dictionaries(
            {}, optional={"unit": st.sampled_from(["kWh", "W"]), "multiplier": st.integers(-3, 3)}
        ),
        "location": st.sampled_from(["Outlet", "Inlet"]),
        "phase": st.just("L1"),
        "format": st.sampled_from(["Raw", "SignedData"]),
        "signedMeterValue": st.just({"signedMeterData": "x"}),
    },
)


@of_any(
    st.lists(st.tuples(st.sampled_from([AT, AT + timedelta(minutes=1)]), st.lists(SAMPLES, max_size=3)), max_size=2)
)
def test_what_was_sent_has_the_registers_of_its_readings(sent: list[tuple[datetime, list[dict[str, object]]]]) -> None:
    readings = SampledReadings(sent)

    assert list(registers_of(readings)) == list(registers_of(tuple(readings)))
