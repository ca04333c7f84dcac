"""Signed values on the way into the bill, and the keys that judge them."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.meters import Reading
from gateway.domain.signatures import KeySource, MeterKey, Nature, Verdict
from gateway.domain.stations import Station
from gateway.errors import StoreDownError
from gateway.flows.corrections import CorrectionAsked
from gateway.ports import SaveStation
from tests.fakes.meters import make_meter, payload, structure
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import STATION, after, ended, reading, start, started, stop, updated

METER = make_meter()
BEGIN = METER.record(payload(("B", "1.000")))
END = METER.record(payload(("E", "3.000"), minute=20))
FORGED = END.replace("3.000", "3.001")


def in_16(raw: str, minutes: float, context: str) -> Reading:
    return Reading(at=after(minutes), value=None, format="SignedData", context=context, raw=raw)


def in_2x(raw: Any, minutes: float, wh: float, context: str) -> Reading:
    return replace(reading(minutes, wh, context=context), raw=json.dumps(raw))


async def visit_16(stage: Stage, *raws: str) -> Any:
    older = [in_16(raw, 20, "Transaction.End") for raw in raws]
    await stage.send_all(start(), stop(20, 3000, older=older))
    await stage.wait(5)
    return await stage.load_cdr()


async def tell_key(stage: Stage, source: KeySource, key: str = METER.public_key, evse_no: int = 1) -> None:
    station = stage.memory.find_station(STATION)
    assert station is not None
    keys = (*station.meter_keys, MeterKey(evse_no=evse_no, source=source, text=key))
    await stage.provide(SaveStation(replace(station, meter_keys=keys)))


async def test_the_bill_of_a_16_session_keeps_what_was_signed_with_its_verdict(stage: Stage) -> None:
    await tell_key(stage, KeySource.OPERATOR)

    cdr = await visit_16(stage, BEGIN, END)

    assert [(value.nature, value.verdict) for value in cdr.signed_values] == [
        (Nature.START, Verdict.VERIFIED),
        (Nature.END, Verdict.VERIFIED),
    ]
    assert [value.plain_data for value in cdr.signed_values] == [BEGIN, END]
    assert cdr.signed_values[1].readings[0].energy_wh == Decimal(3000)
    assert (cdr.flags, cdr.energy_wh) == (frozenset(), 2000)


async def test_the_bill_of_a_2x_session_keeps_what_was_signed_with_its_verdict(stage: Stage) -> None:
    middle = METER.record(payload(("C", "2.000"), minute=10))

    await stage.send_all(
        started(0, 0, None, readings=(in_2x(structure(BEGIN, METER.public_key), 0, 1000, "Transaction.Begin"),)),
        updated(1, 10, readings=(in_2x(structure(middle), 10, 2000, "Sample.Periodic"),)),
        ended(2, 20, readings=(in_2x(structure(END), 20, 3000, "Transaction.End"),)),
    )
    await stage.wait(0)

    cdr = await stage.load_cdr()
    assert [value.nature for value in cdr.signed_values] == [Nature.START, Nature.INTERMEDIATE, Nature.END]
    assert {(value.verdict, value.key_source) for value in cdr.signed_values} == {(Verdict.VERIFIED, KeySource.VALUE)}
    assert (cdr.flags, cdr.energy_wh) == (frozenset(), 2000)


async def test_a_changed_digit_is_flagged_and_the_bill_is_made_as_ever(stage: Stage) -> None:
    await tell_key(stage, KeySource.OPERATOR)

    cdr = await visit_16(stage, BEGIN, FORGED)

    assert [value.verdict for value in cdr.signed_values] == [Verdict.VERIFIED, Verdict.BROKEN]
    assert (cdr.flags, cdr.energy_wh) == ({"signature_broken"}, 2000)


async def test_signed_energy_that_differs_is_flagged_and_not_billed(stage: Stage) -> None:
    await tell_key(stage, KeySource.STATION)

    cdr = await visit_16(stage, BEGIN, METER.record(payload(("E", "9.000"))))

    assert (cdr.flags, cdr.energy_wh) == ({"signed_energy_differs"}, 2000)


@pytest.mark.parametrize("raw", ["AB12", "not signed at all", "{}", "OCMF|", "\U0001f600", "\x00"])
async def test_what_cannot_be_read_is_kept_as_it_came_and_flagged(stage: Stage, raw: str) -> None:
    cdr = await visit_16(stage, raw)

    assert [value.verdict for value in cdr.signed_values] == [Verdict.UNVERIFIED]
    assert cdr.flags == {"signature_unverified"}
    (fact,) = [fact for fact in await stage.load_facts() if fact.kind == "ENDED"]
    assert fact.readings[0].raw == raw


async def test_a_session_without_signed_values_has_none_on_its_bill(stage: Stage) -> None:
    cdr = await visit_16(stage)

    assert (cdr.signed_values, cdr.flags) == ((), frozenset())


async def test_the_key_of_another_evse_is_not_asked(stage: Stage) -> None:
    await tell_key(stage, KeySource.OPERATOR, evse_no=2)

    cdr = await visit_16(stage, BEGIN, END)

    assert {value.verdict for value in cdr.signed_values} == {Verdict.UNVERIFIED}


async def test_the_key_of_the_whole_station_serves_its_evses_without_their_own(stage: Stage) -> None:
    await tell_key(stage, KeySource.OPERATOR, evse_no=0)

    cdr = await visit_16(stage, BEGIN, END)

    assert {value.verdict for value in cdr.signed_values} == {Verdict.VERIFIED}


async def test_a_store_that_is_down_puts_the_bill_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(session_id: str) -> Any:
        raise StoreDownError("the disk is gone")

    await stage.send_all(start(), stop(20, 3000, older=[in_16(BEGIN, 0, "Transaction.Begin")]))
    monkeypatch.setattr(stage.store, "load_facts", fail, raising=False)
    await stage.wait(5)
    assert await stage.load_cdrs() == []

    monkeypatch.undo()
    await stage.wait(5)

    assert len((await stage.load_cdr()).signed_values) == 1


# --- keys that the station tells -------------------------------------------------------------------------------------


def keys_of(stage: Stage) -> tuple[MeterKey, ...]:
    station = stage.memory.find_station(STATION)
    assert isinstance(station, Station)
    return station.meter_keys


async def test_keys_that_the_station_tells_are_kept_beside_those_of_the_operator(stage: Stage) -> None:
    await tell_key(stage, KeySource.OPERATOR, "operator's")

    await stage.events.on_meter_keys(STATION, {2: "b", 1: "a"})
    await stage.events.on_meter_keys(STATION, {1: "c"})

    assert [(key.evse_no, key.source, key.text) for key in keys_of(stage)] == [
        (1, KeySource.OPERATOR, "operator's"),
        (1, KeySource.STATION, "c"),
    ]
    await stage.boot()
    assert len(keys_of(stage)) == 2


async def test_the_same_keys_again_write_nothing(stage: Stage) -> None:
    await stage.events.on_meter_keys(STATION, {1: "a"})
    stage.store.commits.clear()

    await stage.events.on_meter_keys(STATION, {1: "a"})
    await stage.events.on_meter_keys("nobody", {1: "a"})

    assert stage.store.commits == []


async def test_a_text_too_long_for_a_key_is_not_kept(stage: Stage) -> None:
    await stage.events.on_meter_keys(STATION, {1: "a" * 10_000, 2: "b"})

    assert [key.evse_no for key in keys_of(stage)] == [2]


async def test_keys_outlive_a_restart(stage: Stage) -> None:
    await stage.events.on_meter_keys(STATION, {1: "a"})

    await stage.reopen()

    assert [key.text for key in keys_of(stage)] == ["a"]


async def test_a_corrected_bill_has_what_the_meter_signed_too(stage: Stage) -> None:
    cdr = await visit_16(stage, BEGIN, END)

    made = await stage.corrections.correct(cdr.id, CorrectionAsked(reason="broken", energy_wh=Decimal(500)))

    assert made.credit.signed_values == cdr.signed_values
    assert made.cdr is not None
    assert [value.plain_data for value in made.cdr.signed_values] == [BEGIN, END]
    assert "signed_energy_differs" not in cdr.flags
