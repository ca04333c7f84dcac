from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.money import Price
from gateway.domain.sessions import SessionStatus
from gateway.domain.tariffs import Restrictions, TariffElement
from gateway.errors import StoreDownError
from gateway.flows.inventory import Inventory
from gateway.ports import DeleteStation, SaveLocation, SaveSession, SaveTariff
from tests.unit.flows.deliveries import deliver
from tests.unit.flows.stage import RESTART_GRACE_S, RULES, Stage
from tests.unit.flows.words import (
    CARD,
    LOCATION,
    NOON,
    OTHER_CARD,
    OURS,
    STATION,
    TARIFF,
    after,
    at_station,
    ended,
    energy_price,
    make_evse,
    make_location,
    metered,
    start,
    started,
    status,
    stop,
    updated,
)

DAY_S = 86_400
HOUR_S = 3_600
STRANGER = "CS9"
"""A station that stands in no location."""


def inventory_of(stage: Stage) -> Inventory:
    store: Any = stage.store
    return Inventory(
        store=store,
        memory=stage.memory,
        parties=[OURS],
        published_status=stage.availability.published_status,
        on_placed=stage.sealing.on_placed,
    )


async def charge(stage: Stage, station_id: str = STATION) -> None:
    await stage.send_all(at_station(start(), station_id), at_station(stop(20, 3000), station_id))


# --- when ------------------------------------------------------------------------------------------------------------


async def test_a_session_of_16_is_billed_five_seconds_after_its_stop(stage: Stage) -> None:
    await charge(stage)

    await stage.wait(4.9)
    assert await stage.load_cdrs() == []

    await stage.wait(0.1)
    cdr = await stage.load_cdr()
    assert (cdr.started_at, cdr.ended_at, cdr.energy_wh) == (NOON, after(20), 2000)
    assert cdr.totals.cost == Price(before_taxes=Decimal("1.0"), with_taxes=Decimal("1.0"))
    session = await stage.load_session()
    assert (session.sealed_cdr_id, session.seal_due_at, session.hold) == (cdr.id, None, None)
    assert stage.memory.sessions == {}


async def test_numbered_events_without_a_gap_are_billed_at_once(stage: Stage) -> None:
    await stage.send_all(started(7), updated(8, 10, 2000), ended(9, 20, 3000))

    await stage.wait(0)

    assert (await stage.load_cdr()).flags == frozenset()


async def test_a_gap_is_waited_for_an_hour_and_told_on_the_bill(stage: Stage) -> None:
    await stage.send_all(started(), ended(2, 20, 3000))

    await stage.wait(HOUR_S - 1)
    assert await stage.load_cdrs() == []

    await stage.wait(1)
    assert (await stage.load_cdr()).flags == {"gap"}


async def test_facts_that_leave_the_gap_open_do_not_prolong_the_wait(stage: Stage) -> None:
    await stage.send_all(started(), ended(3, 20, 3000))
    await stage.wait(HOUR_S - 10)
    await stage.send(updated(1, 5, 1500))

    await stage.wait(10)

    assert len(await stage.load_cdrs()) == 1


async def test_a_restart_before_the_bill_makes_it_all_the_same(stage: Stage) -> None:
    await charge(stage)
    await stage.reopen()

    await stage.wait(5)
    await stage.reopen()
    await stage.wait(60)

    assert len(await stage.load_cdrs()) == 1


async def test_a_session_that_was_deauthorized_before_anything_was_drawn_is_invalid_and_has_no_bill(
    stage: Stage,
) -> None:
    await stage.send_all(start(), replace(stop(2, 1000), stop_reason="DeAuthorized"))

    await stage.wait(60)

    session = await stage.load_session()
    assert (session.status, session.seal_due_at, await stage.load_cdrs()) == (SessionStatus.INVALID, None, [])
    assert stage.memory.sessions == {}


async def test_what_was_drawn_before_the_driver_was_deauthorized_is_billed(stage: Stage) -> None:
    await stage.send_all(start(), replace(stop(2, 1001), stop_reason="DeAuthorized"))

    await stage.wait(60)

    assert (await stage.load_cdr()).energy_wh == 1


# --- exactly one -----------------------------------------------------------------------------------------------------


async def test_sealing_again_and_again_makes_one_bill(stage: Stage) -> None:
    await charge(stage)
    session = await stage.load_session()

    for _ in range(3):
        await stage.sealing.seal(session.id)
    stage.memory.put_session(session)  # as memory was before
    await stage.sealing.seal(session.id)
    await stage.wait(60)

    assert len(await stage.load_cdrs()) == 1
    assert stage.memory.sessions == {}


async def test_an_open_session_is_not_sealed(stage: Stage) -> None:
    await stage.send(start())

    await stage.sealing.seal((await stage.load_session()).id)
    await stage.sealing.seal("unknown")

    assert await stage.load_cdrs() == []


async def test_an_outdated_memory_is_reloaded_before_the_bill(stage: Stage) -> None:
    await charge(stage)
    old = await stage.load_session()
    await stage.send(metered(10, 2000))
    stage.memory.put_session(old)

    await stage.wait(5)

    assert len(await stage.load_cdrs()) == 1
    assert (await stage.load_session()).ledger.fact_count == 3


async def test_a_bill_that_could_not_be_stored_is_made_when_the_store_is_back(stage: Stage) -> None:
    await charge(stage)
    stage.store.is_down = True
    await stage.wait(5)
    assert len(stage.memory.sessions) == 1

    stage.store.is_down = False
    await stage.wait(5)

    assert len(await stage.load_cdrs()) == 1


async def test_the_timekeeper_is_woken_by_a_session_that_is_due(stage: Stage) -> None:
    stage.sealing.changed.clear()

    await charge(stage)

    assert stage.sealing.changed.is_set()
    assert stage.sealing.agenda.next_at() == after(20) + timedelta(seconds=5)


# --- late facts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [metered(10, 2500), stop(25, 9000), stop(20, 3000, card=OTHER_CARD)])
async def test_facts_after_the_bill_are_kept_and_listed_and_never_alter_it(stage: Stage, late: Any) -> None:
    await charge(stage)
    await stage.wait(5)
    cdr, session = await stage.load_cdr(), await stage.load_session()

    answer = await stage.send(late)
    await stage.wait(HOUR_S)

    assert answer.transaction_id == "1"
    (kept,) = await stage.load_late()
    assert (kept.session_id, kept.station_id) == (session.id, STATION)
    assert "billed already" in kept.reason
    assert await stage.load_cdr() == cdr
    assert await stage.load_session() == session


async def test_what_was_known_before_the_bill_is_no_late_fact(stage: Stage) -> None:
    await stage.send_all(start(), metered(10, 2000), stop(20, 3000))
    await stage.wait(5)
    await stage.reopen()

    await stage.send_all(start(), metered(10, 2000), stop(20, 3000))

    assert await stage.load_late() == []


async def test_a_gap_filled_after_the_bill_is_listed(stage: Stage) -> None:
    await stage.send_all(started(), ended(2, 20, 3000))
    await stage.wait(HOUR_S)

    await stage.send(updated(1, 10, 2000))

    (kept,) = await stage.load_late()
    assert kept.fact.seq_no == 1
    assert (await stage.load_cdr()).flags == {"gap"}


async def test_a_state_after_the_bill_is_no_fact_of_the_session(stage: Stage) -> None:
    await charge(stage)
    await stage.wait(5)

    await stage.send(status(10, "SuspendedEV"))

    assert await stage.load_late() == []


# --- holds -----------------------------------------------------------------------------------------------------------


async def test_a_session_without_location_is_held_and_billed_once_its_plug_has_one(stage: Stage) -> None:
    await charge(stage, STRANGER)
    await stage.wait(5)
    held = await stage.load_session(station_id=STRANGER)
    assert held.hold is not None
    assert STRANGER in held.hold
    assert held.seal_due_at is None

    await inventory_of(stage).put_location(make_location(make_evse(1, STRANGER), location_id="L9"))
    await stage.tick()

    cdr = await stage.load_cdr()
    assert cdr.terms.place is not None
    assert (cdr.terms.place.location.id, cdr.energy_wh) == ("L9", 2000)
    assert (await stage.load_session(station_id=STRANGER)).hold is None
    assert (await stage.load_session(station_id=STRANGER)).terms == cdr.terms


def without_tariff() -> Any:
    evse = make_evse(1)
    return make_location(replace(evse, connectors=(replace(evse.connectors[0], tariff_ids=()),)))


async def test_a_session_without_tariff_is_held_and_billed_once_its_plug_has_one(stage: Stage) -> None:
    await stage.provide(SaveLocation(without_tariff()))
    await charge(stage)
    await stage.wait(5)
    assert "has no tariff" in ((await stage.load_session()).hold or "")

    await inventory_of(stage).put_location(LOCATION)
    await stage.tick()

    assert (await stage.load_cdr()).totals.cost.before_taxes == 1


async def test_a_tariff_not_yet_valid_at_the_start_releases_nothing(stage: Stage) -> None:
    await stage.provide(SaveTariff(replace(TARIFF, start_at=after(10))))
    await charge(stage)
    await stage.wait(5)
    assert "has no tariff" in ((await stage.load_session()).hold or "")

    await inventory_of(stage).put_tariff(replace(TARIFF, start_at=after(1)))
    await stage.tick()
    assert await stage.load_cdrs() == []

    await inventory_of(stage).put_tariff(replace(TARIFF, start_at=NOON))
    await stage.tick()
    assert len(await stage.load_cdrs()) == 1


async def test_a_hold_is_noted_once(stage: Stage) -> None:
    await charge(stage, STRANGER)
    await stage.wait(5)
    held = await stage.load_session(station_id=STRANGER)

    await stage.sealing.seal(held.id)
    await stage.wait(DAY_S)

    assert await stage.load_session(station_id=STRANGER) == held


async def test_a_held_session_is_looked_at_again_after_a_restart(stage: Stage) -> None:
    await charge(stage, STRANGER)
    await stage.wait(5)
    await stage.provide(SaveLocation(make_location(make_evse(1, STRANGER), location_id="L9")))

    await stage.reopen()
    await stage.tick()

    assert len(await stage.load_cdrs()) == 1


async def test_a_tariff_that_cannot_be_priced_holds_the_bill_with_the_reason(stage: Stage) -> None:
    element: TariffElement = replace(energy_price("0.50"), restrictions=Restrictions(extra='{"booking":"BOOKING"}'))
    await stage.provide(SaveTariff(replace(TARIFF, elements=(element,))))

    await charge(stage)
    await stage.wait(5)

    assert "restrictions" in ((await stage.load_session()).hold or "")


async def test_a_tariff_with_restrictions_is_billed_by_them(stage: Stage) -> None:
    cheap = replace(energy_price("0.50"), restrictions=Restrictions(max_kwh=Decimal(1)))
    await stage.provide(SaveTariff(replace(TARIFF, elements=(cheap, energy_price("1.00")))))

    await charge(stage)
    await stage.wait(5)

    (cdr,) = await stage.load_cdrs()
    assert [period.energy_wh for period in cdr.periods] == [1000, cdr.energy_wh - 1000]
    assert cdr.totals.energy is not None
    assert cdr.totals.energy.before_taxes == Decimal("0.50") + (cdr.energy_wh - 1000) / 1000


async def test_energy_before_and_after_a_price_change_is_what_the_readings_say(stage: Stage) -> None:
    cheap = replace(energy_price("0.50"), restrictions=Restrictions(max_duration_s=900))
    await stage.provide(SaveTariff(replace(TARIFF, elements=(cheap, energy_price("1.00")))))

    await stage.send_all(start(), metered(10, 5000), metered(20, 6000), stop(30, 6000))
    running = await stage.load_session()
    await stage.wait(5)

    (cdr,) = await stage.load_cdrs()
    assert [(period.start_at, period.energy_wh) for period in running.ledger.periods] == [
        (after(0), 4500),
        (after(15), 500),
    ]
    assert [period.energy_wh for period in cdr.periods] == [4500, 500]
    assert cdr.totals.cost.before_taxes == Decimal("2.75")


async def test_a_tariff_that_came_late_cuts_the_session_by_its_readings(stage: Stage) -> None:
    await stage.provide(SaveTariff(replace(TARIFF, start_at=after(10))))
    await stage.send_all(start(), metered(10, 5000), metered(20, 6000), stop(30, 6000))
    await stage.wait(5)
    cheap = replace(energy_price("0.50"), restrictions=Restrictions(max_duration_s=900))

    await inventory_of(stage).put_tariff(replace(TARIFF, elements=(cheap, energy_price("1.00"))))
    await stage.tick()

    (cdr,) = await stage.load_cdrs()
    assert [period.energy_wh for period in cdr.periods] == [4500, 500]


async def test_a_session_kept_by_a_program_that_did_not_cut_it_is_billed_by_its_readings(stage: Stage) -> None:
    cheap = replace(energy_price("0.50"), restrictions=Restrictions(max_duration_s=900))
    await stage.provide(SaveTariff(replace(TARIFF, elements=(cheap, energy_price("1.00")))))
    await stage.send_all(start(), metered(10, 5000), metered(20, 6000), stop(30, 6000))
    session = await stage.load_session()
    (first, _) = session.ledger.periods
    uncut = replace(session.ledger, periods=(replace(first, energy_wh=session.ledger.energy_wh),))
    await stage.provide(SaveSession(replace(session, ledger=uncut)))

    await stage.wait(5)

    (cdr,) = await stage.load_cdrs()
    assert [period.energy_wh for period in cdr.periods] == [4500, 500]


async def test_a_party_may_round_its_bills_to_the_currency(stage: Stage) -> None:
    stage.rules = replace(RULES, round_to={TARIFF.party: 2})
    await stage.reopen()
    await stage.provide(SaveTariff(replace(TARIFF, elements=(energy_price("0.1234"),))))

    await charge(stage)
    await stage.wait(5)

    (cdr,) = await stage.load_cdrs()
    assert cdr.energy_wh == 2000
    assert cdr.totals.cost.before_taxes == Decimal("0.25")


async def test_facts_of_a_held_session_still_count(stage: Stage) -> None:
    await stage.send_all(at_station(started(), STRANGER), at_station(ended(2, 20, 6000), STRANGER))
    await stage.wait(HOUR_S)
    assert (await stage.load_session("tx-1", STRANGER)).hold is not None
    await stage.send(at_station(updated(1, 10, 3000), STRANGER))

    await inventory_of(stage).put_location(make_location(make_evse(1, STRANGER), location_id="L9"))
    await stage.wait(0)

    cdr = await stage.load_cdr()
    assert (cdr.energy_wh, cdr.flags) == (5000, frozenset())


async def test_a_change_of_another_location_releases_nothing(stage: Stage) -> None:
    await charge(stage, STRANGER)
    await stage.wait(5)
    stage.store.commits.clear()

    stage.sealing.on_placed(LOCATION)
    await stage.tick()

    assert stage.store.commits == []


# --- ghosts ----------------------------------------------------------------------------------------------------------


async def test_a_session_whose_station_is_gone_is_given_up_with_its_last_reading(stage: Stage) -> None:
    await stage.send_all(start(), metered(10, 3000))

    await stage.wait(DAY_S)
    await stage.wait(0)

    cdr = await stage.load_cdr()
    assert (cdr.ended_at, cdr.energy_wh, cdr.flags) == (after(10), 2000, {"abandoned"})
    assert (await stage.load_session()).status is SessionStatus.COMPLETED


async def test_a_session_at_a_free_plug_is_given_up(stage: Stage) -> None:
    stage.events.on_connected(STATION)
    await stage.send_all(start(), status(1, "Charging"), metered(10, 3000), status(11, "Available"))

    await stage.wait(DAY_S - 120)
    assert (await stage.load_session()).ledger.ended_at is None

    await stage.wait(60)
    assert (await stage.load_session()).ledger.ended_at is not None


async def test_a_session_of_a_connected_station_with_a_car_at_the_plug_is_no_ghost(stage: Stage) -> None:
    stage.events.on_connected(STATION)
    await stage.send_all(start(), status(1, "Charging"))

    await stage.wait(10 * DAY_S)

    assert (await stage.load_session()).status is SessionStatus.ACTIVE


async def test_a_session_that_goes_on_is_no_ghost_though_it_is_long(stage: Stage) -> None:
    await stage.send_all(start(), metered(24 * 60 - 1, 3000))

    await stage.wait(60)

    assert (await stage.load_session()).status is SessionStatus.ACTIVE


async def test_a_session_after_which_another_began_at_the_plug_is_given_up(stage: Stage) -> None:
    stage.events.on_connected(STATION)
    await stage.send_all(start(60, 5000, card=OTHER_CARD), status(61, "Charging"), start(0, 1000))

    await stage.wait(DAY_S)

    assert (await stage.load_session("2")).ledger.ended_at is not None
    assert (await stage.load_session("1")).ledger.ended_at is None


async def test_a_transaction_that_never_came_to_a_plug_is_given_up(stage: Stage) -> None:
    stage.events.on_connected(STATION)
    await stage.send(started(evse=None))

    await stage.wait(DAY_S)

    assert (await stage.load_session("tx-1")).ledger.ended_at is not None


async def test_a_long_outage_of_the_gateway_gives_nobody_up_before_the_stations_could_return(stage: Stage) -> None:
    await stage.send_all(start(), metered(10, 3000))
    stage.clock.at += timedelta(seconds=2 * DAY_S)
    await stage.reopen()

    await stage.wait(0)
    await stage.wait(RESTART_GRACE_S - 60)
    assert (await stage.load_session()).status is SessionStatus.ACTIVE

    await stage.wait(60)
    assert (await stage.load_session()).status is SessionStatus.COMPLETED


async def test_a_refused_session_that_never_stopped_is_given_up_without_a_bill(stage: Stage) -> None:
    await stage.send(start(card="STRANGER"))

    await stage.wait(DAY_S)
    await stage.wait(60)

    assert (await stage.load_session()).status is SessionStatus.INVALID
    assert stage.memory.sessions == {}
    assert await stage.load_cdrs() == []


async def test_a_refused_session_that_never_stopped_is_given_up_after_a_restart_too(stage: Stage) -> None:
    await stage.send(start(card="STRANGER"))
    await stage.reopen()

    await stage.wait(DAY_S)
    await stage.wait(60)

    assert (await stage.load_session()).ledger.ended_at is not None


async def test_a_session_of_a_deleted_station_is_given_up(stage: Stage) -> None:
    await stage.send(start())
    await stage.provide(DeleteStation(STATION))

    await stage.wait(DAY_S)

    assert (await stage.load_session()).ledger.ended_at is not None


async def test_a_stop_after_the_session_was_given_up_and_held_is_its_end(stage: Stage) -> None:
    await stage.send_all(at_station(start(), STRANGER), at_station(metered(10, 3000), STRANGER))
    await stage.wait(DAY_S)
    await stage.wait(0)
    assert "abandoned" in (await stage.load_session(station_id=STRANGER)).ledger.flags

    await stage.send(at_station(metered(15, 4000), STRANGER))
    assert (await stage.load_session(station_id=STRANGER)).ledger.ended_at == after(15)

    await stage.send(at_station(stop(30, 7000), STRANGER))
    ledger = (await stage.load_session(station_id=STRANGER)).ledger
    assert (ledger.ended_at, ledger.energy_wh, ledger.flags) == (after(30), 6000, frozenset())


async def test_a_stop_after_the_bill_of_a_session_given_up_is_listed(stage: Stage) -> None:
    await stage.send_all(start(), metered(10, 3000))
    await stage.wait(DAY_S)
    await stage.wait(0)

    await stage.send(stop(30, 7000))

    assert (await stage.load_cdr()).energy_wh == 2000
    assert len(await stage.load_late()) == 1


async def test_a_ghost_is_given_up_later_if_the_store_was_down(stage: Stage) -> None:
    await stage.send(start())
    stage.store.is_down = True
    await stage.wait(DAY_S)
    assert (await stage.load_session()).ledger.ended_at is None

    stage.store.is_down = False
    await stage.wait(60)

    assert (await stage.load_session()).ledger.ended_at is not None


async def test_a_ghost_of_an_outdated_memory_is_decided_on_by_what_the_store_knows(stage: Stage) -> None:
    old = await deliver(stage, start())
    await deliver(stage, metered(10, 3000))
    stage.memory.put_session(old)

    await stage.wait(DAY_S)
    assert (await stage.load_session()).ledger.ended_at is None
    await stage.wait(600)

    assert (await stage.load_session()).ledger.energy_wh == 2000
    assert (await stage.load_session()).ledger.ended_at == after(10)


def test_the_rules_have_the_documented_defaults() -> None:
    assert (RULES.seal_after_s, RULES.gap_wait_s, RULES.ghost_after_s) == (5, HOUR_S, DAY_S)


async def test_a_store_that_is_down_says_so_to_whoever_seals(stage: Stage) -> None:
    await charge(stage)
    stage.store.is_down = True

    with pytest.raises(StoreDownError):
        await stage.sealing.seal((await stage.load_session()).id)


async def test_the_card_of_the_partner_is_on_the_bill(stage: Stage) -> None:
    await charge(stage)
    await stage.wait(5)

    cdr = await stage.load_cdr()
    assert cdr.terms.token is not None
    assert (cdr.terms.token.uid, cdr.partner_id, cdr.party) == (CARD, "P1", OURS)


# --- faults of our own


class Broken:
    """A judge of signatures that fails in a way nobody thought of."""

    def __init__(self, judge: Any) -> None:
        self._judge = judge
        self.is_broken = True
        self.asked = 0

    async def judge(self, *args: Any) -> Any:
        self.asked += 1
        if self.is_broken:
            raise ZeroDivisionError("a division\nby zero")
        return await self._judge.judge(*args)


async def break_judge(stage: Stage) -> Broken:
    broken = Broken(stage.sealing._signatures)
    stage.sealing._signatures = broken  # type: ignore[assignment]
    await charge(stage)
    await stage.wait(5)
    return broken


async def test_a_fault_of_our_own_is_told_by_a_hold_and_the_bill_made_once_it_is_gone(stage: Stage) -> None:
    broken = await break_judge(stage)
    held = await stage.load_session()
    assert (
        held.hold == "the gateway failed on it (ZeroDivisionError: a division); it tries again by itself, see the log"
    )

    broken.is_broken = False
    await stage.wait(599)
    assert await stage.load_cdrs() == []
    await stage.wait(1)

    assert (await stage.load_cdr()).session_id == held.id
    assert (await stage.load_session()).hold is None


async def test_a_fault_that_stays_is_tried_again_and_noted_once(stage: Stage) -> None:
    broken = await break_judge(stage)
    noted = (await stage.load_session()).revision

    await stage.wait(600)
    await stage.wait(600)

    assert await stage.sealing.list_review() == []
    assert broken.asked == 3
    assert (await stage.load_session()).revision == noted


async def test_a_fault_that_cannot_be_noted_is_tried_again_all_the_same(stage: Stage) -> None:
    broken = Broken(stage.sealing._signatures)
    stage.sealing._signatures = broken  # type: ignore[assignment]
    await charge(stage)
    stage.store.is_down = True
    await stage.wait(5)
    stage.store.is_down, broken.is_broken = False, False

    await stage.wait(600)

    assert len(await stage.load_cdrs()) == 1
