from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.cdrs import price_cuts_of
from gateway.core.sessions import fold_facts
from gateway.domain.cdrs import Cdr
from gateway.domain.events import TransactionReported
from gateway.domain.sessions import ChargingState, Ledger
from gateway.ports import SaveLocation, SaveTariff
from tests.fakes.tariffs import element, part
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import (
    CARD,
    OTHER_CARD,
    TARIFF,
    after,
    at_station,
    ended,
    make_evse,
    make_location,
    metered,
    start,
    started,
    status,
    stop,
    undated,
    updated,
)

MINUTE = timedelta(minutes=1)
GRADED = replace(
    TARIFF,
    elements=(
        element(part("ENERGY", "0.5"), part("TIME", "2"), max_kwh="3", end_time="13:20"),
        element(part("ENERGY", "0.3"), min_power="7", max_duration_s=1800),
        element(part("ENERGY", "0.2"), part("PARKING_TIME", "4"), min_duration_s=1200),
        element(part("ENERGY", "0.7"), part("FLAT", "1"), part("TIME", "1")),
    ),
)
"""Cut wherever a price can change."""


@pytest_asyncio.fixture
async def stage(stage: Stage) -> Stage:
    await stage.provide(SaveTariff(GRADED))
    return stage


# --- any order ---


@st.composite
def transactions_16(draw: st.DrawFn) -> list[Any]:
    """A start, then anything but another start, then a stop, each at a time of its own.  The id is to be filled in."""
    minute, wh = 0, 1000
    events: list[Any] = [start(card=draw(st.sampled_from([CARD, OTHER_CARD])))]
    for _ in range(draw(st.integers(0, 6))):
        minute += draw(st.integers(1, 20))
        wh += draw(st.integers(-300, 4000))
        is_state = draw(st.booleans())
        word = draw(st.sampled_from(["Charging", "SuspendedEV", "SuspendedEVSE"]))
        events.append(status(minute, word) if is_state else metered(minute, max(wh, 0)))
    older = [one for event in events[1:] if not is_status(event) for one in event.readings]
    events.append(stop(minute + 1, max(wh, 0) + 10, older=older if draw(st.booleans()) else ()))
    return events


@st.composite
def transactions_2x(draw: st.DrawFn) -> list[Any]:
    """A transaction whose driver and place become known with or after its start."""
    first, minute, wh = draw(st.integers(0, 50)), 0, 1000
    count = draw(st.integers(1, 7))
    identified_at, placed_at = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
    events: list[Any] = []
    for index in range(count + 1):
        make = started if index == 0 else ended if index == count else updated
        more: dict[str, Any] = {
            "card": CARD if index == identified_at else None,
            "evse": (1, 1) if index == placed_at else None,
            "state": draw(st.none() | st.sampled_from(list(ChargingState))),
        }
        events.append(make(first + index, minute, draw(st.none() | st.just(wh)), **more))
        minute += draw(st.integers(1, 20))
        wh += draw(st.integers(-300, 4000))
        wh = max(wh, 0)
    return events


def is_status(event: Any) -> bool:
    return not isinstance(event, TransactionReported)


async def bill(stage: Stage, station_id: str, events: list[Any]) -> tuple[Ledger, Cdr]:
    """Deliver to a station of its own, seal again and again, and give ledger and bill."""
    evse = make_evse(1, station_id, uid=f"{station_id}-1")
    await stage.provide(SaveLocation(make_location(evse, location_id=station_id)))
    transaction_id = "tx-1"
    stage.clock.at = max(stage.clock.at, after(600))
    for event in events:
        event = at_station(event, station_id)
        if event.receipt.action in ("MeterValues", "StopTransaction"):
            event = replace(event, transaction_id=transaction_id)
        answer = await stage.send(event)
        if event.receipt.action == "StartTransaction":
            transaction_id = answer.transaction_id
        stage.clock.at += timedelta(milliseconds=1)
    (session,) = await stage.store.real.list_sessions(limit=9, station_id=station_id)
    facts, cuts = await stage.store.real.load_facts(session.id), price_cuts_of(session.terms)
    assert session.ledger == fold_facts(facts, session.id_token, cuts)
    for _ in range(2):
        await stage.sealing.seal(session.id)
    return session.ledger, await stage.store.real.find_cdr_by_session(session.id)


def same_bill(cdr: Cdr, other: Cdr) -> bool:
    """The same but for what makes each one its own: exactly one was made for each session."""
    own = replace(cdr, id=other.id, session_id=other.session_id, ordinal=cdr.ordinal + 1)
    return replace(own, terms=replace(cdr.terms, place=other.terms.place), last_updated=other.last_updated) == other


PROPERTY = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@PROPERTY
@given(events=transactions_16(), random=st.randoms(use_true_random=False), data=st.data())
async def test_a_transaction_of_16_is_billed_the_same_in_any_order_and_however_often_told(
    stage: Stage, events: list[Any], random: Any, data: st.DataObject
) -> None:
    rest = [*events[1:], *data.draw(st.lists(st.sampled_from(events), max_size=4))]
    random.shuffle(rest)
    # states are no part of a station's queue: they come when they are news, anywhere between the replayed messages
    states = iter([event for event in events if is_status(event)])
    rest = [next(states, None) if is_status(event) else event for event in rest]
    rest = [event for event in rest if event is not None]
    no = len(stage.memory.locations)

    expected_ledger, expected_cdr = await bill(stage, f"A{no}", in_order(events))
    ledger, cdr = await bill(stage, f"B{no}", [events[0], *rest])

    # a state told in order that changes nothing is not written
    assert replace(ledger, fact_count=expected_ledger.fact_count) == expected_ledger
    assert same_bill(expected_cdr, cdr)


@PROPERTY
@given(events=transactions_2x(), random=st.randoms(use_true_random=False), data=st.data())
async def test_a_transaction_of_2x_is_billed_the_same_in_any_order_and_however_often_told(
    stage: Stage, events: list[Any], random: Any, data: st.DataObject
) -> None:
    shuffled = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=4))]
    random.shuffle(shuffled)
    no = len(stage.memory.locations)

    expected_ledger, expected_cdr = await bill(stage, f"A{no}", in_order(events))
    ledger, cdr = await bill(stage, f"B{no}", shuffled)

    assert ledger == expected_ledger
    assert same_bill(expected_cdr, cdr)


@PROPERTY
@given(events=transactions_2x(), random=st.randoms(use_true_random=False), data=st.data())
async def test_numbers_give_the_same_energy_in_any_order_where_a_station_had_no_clock(
    stage: Stage, events: list[Any], random: Any, data: st.DataObject
) -> None:
    told = [undated(event) if data.draw(st.booleans()) else event for event in events]
    shuffled = list(told)
    random.shuffle(shuffled)
    no = len(stage.memory.locations)

    expected_ledger, _ = await bill(stage, f"A{no}", told)
    ledger, cdr = await bill(stage, f"B{no}", shuffled)

    assert (ledger.energy_wh, ledger.segments) == (expected_ledger.energy_wh, expected_ledger.segments)
    assert abs(cdr.energy_wh - ledger.energy_wh) < 1


def in_order(events: list[Any]) -> list[Any]:
    assert all(earlier.at < later.at for earlier, later in pairwise(events))
    return events
