"""Facts and ledgers survive the way to the disk and back, digit by digit."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.meters import Reading, SampledReadings
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Period, Phase, Track
from gateway.domain.tokens import IdToken
from gateway.store.codec import (
    from_us,
    parse_fact,
    parse_id_token,
    parse_ledger,
    render_fact,
    render_id_token,
    render_ledger,
    to_us,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
maybe_texts = st.none() | texts
times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
decimals = st.decimals(allow_nan=False, allow_infinity=False)
counts = st.integers(min_value=0, max_value=2**53)

readings = st.builds(
    Reading,
    at=times,
    value=st.none() | decimals,
    measurand=texts | st.just("Energy.Active.Import.Register"),
    unit=texts | st.just("Wh"),
    context=maybe_texts,
    phase=maybe_texts,
    location=maybe_texts,
    format=maybe_texts,
    multiplier=st.integers(-9, 9),
    raw=maybe_texts,
)
facts = st.builds(
    Fact,
    kind=st.sampled_from(FactKind),
    key=texts,
    at=times,
    at_raw=texts,
    received_at=times,
    message_id=texts,
    seq_no=st.none() | counts,
    readings=st.lists(readings, max_size=4).map(tuple),
    charging_state=st.none() | st.sampled_from(ChargingState),
    id_token=st.none() | st.builds(IdToken, value=texts, type=maybe_texts),
    trigger=maybe_texts,
    stop_reason=maybe_texts,
    offline=st.booleans(),
    flags=st.lists(texts, max_size=3).map(tuple),
)
tracks = st.builds(Track, source=texts, wh=decimals, at=times, energy_wh=decimals)
ledgers = st.builds(
    Ledger,
    started_at=times,
    periods=st.lists(
        st.builds(Period, start_at=times, phase=st.sampled_from(Phase), energy_wh=decimals), max_size=4
    ).map(tuple),
    last_at=times,
    energy_wh=decimals,
    register_wh=st.none() | decimals,
    register_at=st.none() | times,
    start_register_wh=st.none() | decimals,
    segments=counts,
    charging_state=st.none() | st.sampled_from(ChargingState),
    has_started=st.booleans(),
    ended_at=st.none() | times,
    stop_reason=maybe_texts,
    seq_min=st.none() | counts,
    seq_max=st.none() | counts,
    seq_count=counts,
    fact_count=counts,
    flags=st.frozensets(texts, max_size=3),
    tracks=st.lists(tracks, max_size=2).map(tuple),
    broken_off=st.none() | tracks,
)


@given(facts)
def test_a_fact_comes_back_as_it_was(fact: Fact) -> None:
    at_us = to_us(fact.at)

    back = parse_fact(fact.key, at_us, render_fact(fact, at_us))

    assert back == fact
    assert [str(reading.value) for reading in back.readings] == [str(reading.value) for reading in fact.readings]


def test_samples_come_back_as_they_were_sent() -> None:
    power = {"value": "7.40", "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW", "multiplier": 0}}
    sent = SampledReadings([(NOON, [{"value": 12.5}, power]), (NOON + timedelta(seconds=1), [{"value": "13"}])])
    fact = Fact(kind=FactKind.METERED, key="k", at=NOON, at_raw="", received_at=NOON, message_id="1", readings=sent)

    back = parse_fact("k", to_us(NOON), render_fact(fact, to_us(NOON)))

    assert back == fact
    assert isinstance(back.readings, SampledReadings)
    assert [(at, list(samples)) for at, samples in back.readings.sent] == sent.sent


def test_samples_that_nobody_read_are_written_as_they_are() -> None:
    text = b'[{"value": 12.50, "unitOfMeasure": {"unit": "kWh"}}, {"value": 7, "measurand": "SoC"}]'
    sent = SampledReadings([(NOON, text)])
    fact = Fact(kind=FactKind.METERED, key="k", at=NOON, at_raw="", received_at=NOON, message_id="1", readings=sent)

    back = parse_fact("k", to_us(NOON), render_fact(fact, to_us(NOON)))

    assert back == fact
    assert [(reading.value, reading.unit) for reading in back.readings] == [(Decimal("12.5"), "kWh"), (Decimal(7), "")]


@given(ledgers)
def test_a_ledger_comes_back_as_it_was(ledger: Ledger) -> None:
    back = parse_ledger(render_ledger(ledger))

    assert back == ledger
    assert str(back.energy_wh) == str(ledger.energy_wh)
    assert [str(period.energy_wh) for period in back.periods] == [str(period.energy_wh) for period in ledger.periods]


@given(times)
def test_a_time_comes_back_to_the_microsecond(at: datetime) -> None:
    assert from_us(to_us(at)) == at


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    abroad = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert to_us(abroad) == to_us(NOON)


def test_a_ledger_names_a_time_once_and_is_read_as_it_was_written_before_as_well() -> None:
    later = NOON + timedelta(minutes=5)
    periods = (
        Period(start_at=NOON, phase=Phase.CHARGING, energy_wh=Decimal(7)),
        Period(start_at=later, phase=Phase.PARKING),
    )
    ledger = Ledger(
        started_at=NOON, periods=periods, last_at=later, register_wh=Decimal(7), register_at=later, fact_count=2
    )

    text = render_ledger(ledger)

    assert (text.count(NOON.isoformat()), text.count(later.isoformat())) == (1, 2)
    before = (
        f'["{NOON.isoformat()}",[["{NOON.isoformat()}","CHARGING","7"],["{later.isoformat()}","PARKING","0"]],'
        f'"{later.isoformat()}","0",1,2,"7","{later.isoformat()}",null,null,false]'
    )
    assert parse_ledger(before) == parse_ledger(text) == ledger


def test_decimals_keep_their_digits_and_exponents() -> None:
    ledger = Ledger(started_at=NOON, periods=(), last_at=NOON, energy_wh=Decimal("1E+3"), register_wh=Decimal("0.100"))

    back = parse_ledger(render_ledger(ledger))

    assert (str(back.energy_wh), str(back.register_wh)) == ("1E+3", "0.100")


def test_what_says_nothing_is_not_written() -> None:
    reading = Reading(at=NOON, value=Decimal(7))
    fact = Fact(
        kind=FactKind.METERED, key="k", at=NOON, at_raw="t", received_at=NOON, message_id="m", readings=(reading,)
    )

    parts = orjson.loads(render_fact(fact, to_us(NOON)))

    assert parts == ["METERED", "t", NOON.isoformat(), "m", [[0, "7", None, None, None, None, None]]]


def test_what_a_newer_program_added_at_the_end_is_ignored() -> None:
    fact = Fact(
        kind=FactKind.ENDED, key="k", at=NOON, at_raw="t", received_at=NOON, message_id="m", stop_reason="Local"
    )
    parts = orjson.loads(render_fact(fact, to_us(NOON)))

    assert parse_fact("k", to_us(NOON), orjson.dumps([*parts, "new"]).decode()) == fact


def test_an_id_token_comes_back_as_it_was() -> None:
    for token in (None, IdToken(value="04A2"), IdToken(value="04A2", type="ISO14443")):
        assert parse_id_token(render_id_token(token)) == token
