import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.ids import ConnectorKey
from gateway.domain.sessions import Phase, SessionStatus
from gateway.domain.tokens import AuthStatus, IdToken, LocalStatus
from gateway.errors import StoreDownError
from gateway.ports import SaveLocation, SaveSession, SaveTariff, SaveToken
from tests.unit.flows.deliveries import deliver, phases, refold
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import (
    CARD,
    NOON,
    OTHER_CARD,
    STATION,
    TARIFF,
    TOKEN,
    after,
    at_station,
    ended,
    make_evse,
    make_location,
    metered,
    reading,
    receipt,
    start,
    started,
    status,
    stop,
    undated,
    updated,
)

MINUTE = timedelta(minutes=1)


# --- a session of OCPP 1.6 ---


async def test_a_start_begins_an_active_session_of_the_cards_emsp(stage: Stage) -> None:
    answer = await stage.send(start())

    session = await stage.load_session()
    assert answer.transaction_id == "1"
    assert answer.authorization.status is AuthStatus.ACCEPTED
    assert (session.status, session.partner_id, session.terms.token) == (SessionStatus.ACTIVE, "P1", TOKEN)
    assert session.terms.tariff is not None
    assert session.terms.tariff.id == TARIFF.id
    assert session.terms.place is not None
    assert session.terms.place.evse.uid == f"{STATION}-1"


async def test_a_driver_without_contract_has_the_price_of_his_own(stage: Stage) -> None:
    evse = make_evse(1)
    plug = replace(evse.connectors[0], tariff_ids=("T", "ONCE"))
    await stage.provide(
        SaveTariff(replace(TARIFF, id="ONCE", type="AD_HOC_PAYMENT")),
        SaveLocation(make_location(replace(evse, connectors=(plug,)))),
        SaveToken(replace(TOKEN, uid="ONE-TIME", type="AD_HOC_USER")),
    )

    await stage.send(replace(start(), id_token=IdToken(value="ONE-TIME", type="Central")))

    session = await stage.load_session()
    assert session.terms.token is not None
    assert (session.terms.token.type, session.terms.tariff and session.terms.tariff.id) == ("AD_HOC_USER", "ONCE")


async def test_readings_in_order_need_no_read_of_the_store(stage: Stage) -> None:
    await stage.send(start())
    stage.store.reads.clear()

    await deliver(stage, metered(10, 3000), metered(20, 5000), status(21, "SuspendedEV"), stop(30, 6500))

    assert stage.store.reads == []


async def test_a_stop_ends_the_session_with_all_its_energy(stage: Stage) -> None:
    session = await deliver(stage, start(), metered(10, 3000), stop(20, 6500))

    assert session.status is SessionStatus.COMPLETED
    assert (session.ledger.energy_wh, session.ledger.ended_at) == (5500, after(20))
    assert session.seal_due_at == after(20) + timedelta(seconds=5)


async def test_transaction_ids_differ_and_are_positive(stage: Stage) -> None:
    first = await stage.send(start())
    await stage.reopen()
    second = await stage.send(start(5, plug=2))

    assert 0 < int(first.transaction_id) < int(second.transaction_id) < 2**31


async def test_two_plugs_of_one_station_have_a_session_each(stage: Stage) -> None:
    one = await stage.send(start(0, 1000, plug=1))
    two = await stage.send(start(1, 9000, plug=2, card=OTHER_CARD))

    await stage.send_all(metered(5, 2000, one.transaction_id), metered(6, 9700, two.transaction_id, plug=2))
    await stage.send_all(stop(10, 3000, one.transaction_id), stop(11, 9800, two.transaction_id))

    assert (await stage.load_session(one.transaction_id)).ledger.energy_wh == 2000
    assert (await stage.load_session(two.transaction_id)).ledger.energy_wh == 800


async def test_the_case_of_the_identity_does_not_part_a_session(stage: Stage) -> None:
    await stage.send(start())
    await stage.send_all(at_station(metered(5, 2000), "cs1"), at_station(stop(9, 3000), "Cs1"))

    assert (await stage.load_session()).ledger.energy_wh == 2000


# --- repetitions ---


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_start_sent_again_gets_the_same_answer_and_no_second_session(stage: Stage, restarts: bool) -> None:
    first = await stage.send(start())
    if restarts:
        await stage.reopen()
    again = await stage.send(replace(start(), receipt=replace(start().receipt, message_id="other")))

    assert again == first
    assert len(await stage.store.real.list_sessions(limit=9)) == 1
    assert len(await stage.load_facts()) == 1


async def test_a_start_sent_again_after_the_bill_gets_the_same_answer(stage: Stage) -> None:
    await stage.send_all(start(), stop(20, 6500))
    await stage.wait(5)

    again = await stage.send(start())

    assert again.transaction_id == "1"
    assert again.authorization.status is AuthStatus.ACCEPTED
    assert len(await stage.store.real.list_sessions(limit=9)) == 1
    assert await stage.load_late() == []


async def test_a_start_at_another_plug_or_moment_or_register_is_another_session(stage: Stage) -> None:
    starts = [start(), start(plug=2), start(1), start(wh=1001), start(card=OTHER_CARD)]

    answers = [await stage.send(event) for event in starts]

    assert len({answer.transaction_id for answer in answers}) == len(starts)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("repeated", [metered(10, 3000), stop(20, 6500)])
async def test_what_is_sent_again_after_a_lost_reply_counts_once(stage: Stage, repeated: Any, restarts: bool) -> None:
    session = await deliver(stage, start(), metered(10, 3000), stop(20, 6500))
    if restarts:
        await stage.reopen()

    answer = await stage.send(repeated)

    assert answer.transaction_id == "1"
    assert (await stage.load_session()).ledger == session.ledger
    assert len(await stage.load_facts()) == 3
    assert await stage.load_late() == []


async def test_a_second_stop_with_other_words_is_listed_and_changes_nothing(stage: Stage) -> None:
    session = await deliver(stage, start(), stop(20, 6500))

    await stage.send(stop(25, 9000))

    assert (await stage.load_session()).ledger == session.ledger
    (late,) = await stage.load_late()
    assert late.session_id == session.id
    assert "has ended already" in late.reason


async def test_facts_without_a_time_of_their_own_are_known_by_their_words(stage: Stage) -> None:
    await stage.send_all(undated(start()), undated(metered(10, 3000)))
    stage.clock.at += MINUTE
    await stage.send_all(undated(metered(10, 3000)), undated(metered(11, 3500)), undated(stop(20, 6500)))
    stage.clock.at += MINUTE
    await stage.send(undated(stop(20, 6500)))

    session = await stage.load_session()
    assert len(await stage.load_facts()) == 4
    assert session.ledger.energy_wh == 5500
    assert "time_replaced" in session.ledger.flags
    assert session.ledger == await refold(stage)


async def test_readings_in_messages_of_their_own_with_the_same_time_cost_no_fold(stage: Stage) -> None:
    watts = metered(10, 7400)
    watts = replace(
        watts,
        receipt=receipt("MeterValues", "watts"),
        readings=(replace(watts.readings[0], measurand="Power.Active.Import", unit="W"),),
    )
    await stage.send_all(start(), metered(10, 3000))
    stage.store.reads.clear()

    await stage.send_all(watts, watts)

    assert stage.store.reads == ["has_fact", "has_fact"]
    assert (await stage.load_session()).ledger == await refold(stage)
    assert len(await stage.load_facts()) == 3


# --- out of order ---


async def test_a_stop_may_bring_older_readings(stage: Stage) -> None:
    older = [reading(0, 1000, context="Transaction.Begin"), reading(5, 2000), reading(10, 3000)]

    session = await deliver(stage, start(), metered(5, 2000), metered(12, 3300), stop(20, 6500, older=older))

    assert session.ledger.energy_wh == 5500
    assert session.ledger.segments == 1


async def test_readings_at_the_moment_of_the_start_are_no_repetition_and_no_rollback(stage: Stage) -> None:
    session = await deliver(stage, start(), metered(0, "1000.4"), metered(10, 3000))  # type: ignore[arg-type]

    assert session.ledger.fact_count == 3
    assert session.ledger.energy_wh == 2000
    assert session.ledger.segments == 1


async def test_a_state_at_the_moment_of_the_start_counts_from_it(stage: Stage) -> None:
    session = await deliver(stage, start(), status(0, "SuspendedEV"), stop(20, 1000))

    assert phases(session.ledger) == [(NOON, Phase.PARKING, 0)]


async def test_readings_older_than_the_last_refine_the_periods(stage: Stage) -> None:
    session = await deliver(
        stage, start(), status(10, "SuspendedEV"), status(20, "Charging"), metered(30, 5000), metered(10, 4000)
    )

    assert [period.energy_wh for period in session.ledger.periods] == [3000, 0, 1000]


async def test_readings_between_stop_and_bill_amend_the_session(stage: Stage) -> None:
    await deliver(stage, start(), status(10, "SuspendedEV"), status(20, "Charging"), stop(30, 5000))

    session = await deliver(stage, metered(10, 4500))

    assert [period.energy_wh for period in session.ledger.periods] == [3500, 0, 500]
    assert session.seal_due_at == after(30) + timedelta(seconds=5)
    assert session.status is SessionStatus.COMPLETED


async def test_late_facts_never_put_the_bill_off(stage: Stage) -> None:
    due = (await deliver(stage, start(), stop(20, 6500))).seal_due_at
    stage.clock.at += timedelta(seconds=4)

    session = await deliver(stage, metered(10, 3000))

    assert session.seal_due_at == due


async def test_the_end_of_an_offline_transaction_may_come_first(stage: Stage) -> None:
    events = [
        ended(3, 20, 6500, offline=True),
        updated(2, 10, 3000, offline=True),
        started(0, 0, offline=True),
        updated(1, 5, 2000, offline=True),
    ]
    stage.clock.at = after(60)

    session = await deliver(stage, *events, transaction_id="tx-1")

    ledger = session.ledger
    assert (ledger.started_at, ledger.ended_at, ledger.energy_wh) == (NOON, after(20), 5500)
    assert session.key == ConnectorKey(station_id=STATION, evse_no=1, connector_no=1)
    assert session.terms.place is not None
    assert session.status is SessionStatus.COMPLETED
    assert not ledger.has_gap


async def test_the_readings_of_an_end_and_a_start_are_theirs_though_read_a_moment_off(stage: Stage) -> None:
    begun = replace(started(), readings=(reading(-0.01, 1000),))
    over = replace(ended(1, 20), readings=(reading(20.01, 6500),))

    session = await deliver(stage, begun, over, transaction_id="tx-1")

    assert session.ledger.energy_wh == 5500
    assert session.ledger.ended_at == after(20)


async def test_a_clock_set_back_between_start_and_stop_loses_no_energy(stage: Stage) -> None:
    session = await deliver(stage, start(4), stop(3, 6500))

    assert session.ledger.energy_wh == 5500
    assert session.ledger.ended_at == session.ledger.started_at == after(4)


async def test_readings_from_before_the_start_belong_to_nobody(stage: Stage) -> None:
    session = await deliver(stage, start(10, 1000), stop(20, 3000, older=[reading(-50, 200), reading(9, 900)]))

    assert session.ledger.energy_wh == 2000
    assert session.ledger.start_register_wh == 1000
    assert session.ledger.flags == frozenset()


async def test_an_undated_start_told_last_is_still_the_first(stage: Stage) -> None:
    session = await deliver(
        stage, undated(ended(2, 20, 6500)), undated(updated(1, 10, 3000)), undated(started()), transaction_id="tx-1"
    )

    assert session.ledger.energy_wh == 5500
    assert session.status is SessionStatus.COMPLETED


# --- unknown, old and absent transaction ids ---


async def test_readings_without_a_transaction_id_belong_to_the_session_at_the_plug(stage: Stage) -> None:
    session = await deliver(stage, start(), metered(10, 3000, None), metered(11, 9999, None, plug=2))

    assert session.ledger.energy_wh == 2000


async def test_readings_of_an_idle_plug_are_acknowledged_and_not_kept(stage: Stage) -> None:
    answer = await stage.send(metered(10, 3000, None))

    assert answer.transaction_id is None
    assert stage.store.reads == []
    assert stage.store.commits == []


async def test_the_main_meter_is_no_sessions_meter(stage: Stage) -> None:
    await stage.send(updated(0, 0, 1000, card=CARD))  # a transaction that has not told where it is

    await stage.send(metered(10, 900_000, None, plug=0))

    assert (await stage.load_session("tx-1")).ledger.energy_wh == 0


async def test_readings_with_the_id_of_an_earlier_session_belong_to_the_one_at_the_plug(stage: Stage) -> None:
    await stage.send_all(start(), stop(10, 2000))
    second = await stage.send(start(20, 2000))

    await stage.send_all(metered(30, 5000, "1"), metered(31, 5500, "77"))

    assert (await stage.load_session(second.transaction_id)).ledger.energy_wh == 3500
    assert (await stage.load_session("1")).ledger.energy_wh == 1000
    assert await stage.load_late() == []


async def test_readings_without_id_go_to_the_latest_session_where_an_older_one_never_stopped(stage: Stage) -> None:
    await stage.send(start(20, 2000, card=OTHER_CARD))
    await stage.send(start(0, 1000))  # replayed after it, never stopped

    await stage.send(metered(30, 5000, None))

    assert (await stage.load_session("1")).ledger.energy_wh == 3000
    assert (await stage.load_session("2")).ledger.energy_wh == 0


async def test_replayed_readings_of_a_billed_session_are_listed_with_it(stage: Stage) -> None:
    await stage.send_all(start(), stop(20, 6500))
    await stage.wait(600)

    await stage.send(metered(10, 3000, None))

    (late,) = await stage.load_late()
    assert late.session_id == (await stage.load_session()).id


async def test_ev_readings_without_connector_belong_to_the_session_at_any_plug_of_the_evse(stage: Stage) -> None:
    await stage.send(started(evse=(3, 2)))

    await stage.send(metered(10, 3000, None, evse_no=3, connector_no=None))

    assert (await stage.load_session("tx-1")).ledger.energy_wh == 2000


@pytest.mark.parametrize("unknown", ["-1", "0", "4711"])
async def test_a_stop_with_an_unknown_id_is_matched_by_the_card(stage: Stage, unknown: str) -> None:
    await stage.send_all(start(), start(1, plug=2, card=OTHER_CARD))

    answer = await stage.send(stop(20, 6500, unknown, card=CARD.lower()))

    assert answer.transaction_id == "1"
    assert (await stage.load_session("1")).ledger.energy_wh == 5500
    assert (await stage.load_session("2")).ledger.ended_at is None


async def test_a_stop_matched_by_the_card_and_sent_again_counts_once(stage: Stage) -> None:
    unknown = stop(20, 6500, "-1", card=CARD)
    await stage.send_all(start(), unknown)

    await stage.send(unknown)

    assert len(await stage.load_facts()) == 2
    assert await stage.load_late() == []


@pytest.mark.parametrize("card", [None, OTHER_CARD])
async def test_a_stop_that_fits_no_session_is_kept_and_acknowledged(stage: Stage, card: str | None) -> None:
    await stage.send(start())

    answer = await stage.send(stop(20, 6500, "-1", card=card))

    assert answer.transaction_id == "-1"
    (late,) = await stage.load_late()
    assert (late.session_id, late.fact.stop_reason) == (None, "Local")
    assert (await stage.load_session()).ledger.ended_at is None


async def test_a_stop_that_fits_two_sessions_is_never_guessed(stage: Stage) -> None:
    await stage.send_all(start(), start(1, plug=2))

    await stage.send(stop(20, 6500, "-1", card=CARD))

    assert len(await stage.load_late()) == 1
    assert (await stage.load_session("1")).ledger.ended_at is None
    assert (await stage.load_session("2")).ledger.ended_at is None


async def test_a_stop_without_a_start_is_kept(stage: Stage) -> None:
    answer = await stage.send(stop(20, 6500, "12"))

    assert answer.transaction_id == "12"
    assert len(await stage.load_late()) == 1
    assert await stage.store.real.list_sessions(limit=9) == []


# --- several sessions at one plug ---


async def test_a_session_that_never_stopped_does_not_disturb_the_next(stage: Stage) -> None:
    await stage.send(start())
    await stage.send_all(start(60, 5000, card=OTHER_CARD), metered(70, 6000, "2"), stop(80, 7000, "2"))

    assert (await stage.load_session("2")).ledger.energy_wh == 2000
    assert (await stage.load_session("1")).status is SessionStatus.ACTIVE

    await stage.send(stop(50, 4000, "1"))
    assert (await stage.load_session("1")).ledger.energy_wh == 3000


# --- refused cards ---


async def test_a_refused_card_gets_a_real_transaction_id_and_its_energy_is_recorded(stage: Stage) -> None:
    answer = await stage.send(start(card="STRANGER"))
    session = await deliver(stage, metered(10, 3000), stop(20, 6500))
    await stage.wait(60)

    assert int(answer.transaction_id) > 0
    assert answer.authorization.status is AuthStatus.UNKNOWN
    assert (session.status, session.partner_id) == (SessionStatus.INVALID, None)
    assert session.ledger.energy_wh == 5500
    assert await stage.load_cdrs() == []


async def test_a_refused_session_that_ended_takes_repetitions_and_late_readings(stage: Stage) -> None:
    await stage.send_all(start(card="STRANGER"), stop(20, 6500))
    assert stage.memory.sessions == {}

    session = await deliver(stage, stop(20, 6500), start(card="STRANGER"), metered(10, 3000))

    assert session.status is SessionStatus.INVALID
    assert len(await stage.load_facts()) == 3
    assert stage.memory.sessions == {}


async def test_a_stop_card_never_makes_a_refused_session_its_own(stage: Stage) -> None:
    session = await deliver(stage, start(card="STRANGER"), stop(20, 6500, card=CARD))

    assert (session.status, session.partner_id) == (SessionStatus.INVALID, None)


async def test_a_token_that_becomes_invalid_during_the_session_changes_only_the_answer(stage: Stage) -> None:
    await stage.send(start())
    await stage.provide(SaveToken(replace(TOKEN, valid=False, last_updated=after(5))))

    answer = await stage.send(stop(20, 6500, card=CARD))
    await stage.wait(5)

    assert answer.authorization.status is AuthStatus.BLOCKED
    cdr = await stage.load_cdr()
    assert (cdr.partner_id, cdr.terms.token) == ("P1", TOKEN)


async def test_a_card_of_two_emsps_is_refused_until_one_is_preferred(stage: Stage) -> None:
    twin = replace(TOKEN, partner_id="P2", party=replace(TOKEN.party, party_id="TWO"))
    await stage.provide(SaveToken(twin))

    answer = await stage.send(start())

    assert answer.authorization.status is AuthStatus.AMBIGUOUS
    assert (await stage.load_session()).status is SessionStatus.INVALID


async def test_an_operators_card_is_billed_to_no_partner(stage: Stage) -> None:
    await stage.provide_local(CARD, LocalStatus.ACCEPTED)

    await stage.send_all(start(), stop(20, 3000))
    await stage.wait(5)

    assert (await stage.load_cdr()).partner_id is None


# --- the states of OCPP 1.6 plugs ---


async def test_the_states_of_the_plug_cut_the_periods_of_its_session(stage: Stage) -> None:
    session = await deliver(
        stage,
        status(-1, "Preparing"),
        start(),
        status(0.1, "Charging"),
        status(20, "SuspendedEVSE"),
        metered(30, 3000),
        status(30, "SuspendedEV"),
        status(40, "Charging", plug=2),
        status(50, "Finishing"),
        stop(50, 3000),
    )

    assert phases(session.ledger) == [(NOON, Phase.CHARGING, 2000), (after(30), Phase.PARKING, 0)]


async def test_an_unchanged_state_is_written_nowhere(stage: Stage) -> None:
    await stage.send_all(start(), status(1, "Charging"))
    facts = len(await stage.load_facts())
    stage.store.commits.clear()

    await stage.send_all(status(2, "Charging"), status(3, "Charging"))

    assert stage.store.commits == []
    assert len(await stage.load_facts()) == facts


async def test_states_without_a_time_are_each_new(stage: Stage) -> None:
    words = ["Charging", "SuspendedEV", "Charging", "SuspendedEV"]
    await stage.send(start())

    for minutes, word in enumerate(words, start=1):
        timeless = status(0, word, at=after(minutes), at_raw="")
        await stage.send(replace(timeless, receipt=replace(timeless.receipt, digest=word)))

    session = await stage.load_session()
    assert [period.phase for period in session.ledger.periods] == [
        Phase.CHARGING,
        Phase.PARKING,
        Phase.CHARGING,
        Phase.PARKING,
    ]
    assert session.ledger == await refold(stage)


async def test_a_state_after_the_stop_belongs_to_no_session(stage: Stage) -> None:
    session = await deliver(stage, start(), stop(20, 3000), status(21, "SuspendedEV"))

    assert session.ledger.fact_count == 2


async def test_a_state_told_late_is_put_where_it_belongs(stage: Stage) -> None:
    session = await deliver(stage, start(), metered(20, 3000), status(10, "SuspendedEV"))

    assert phases(session.ledger) == [(NOON, Phase.CHARGING, 2000), (after(10), Phase.PARKING, 0)]


# --- faults of the store, of memory, and cancellation ---


@pytest.mark.parametrize("event", [start(), started(), stop(20, 6500, "12")])
async def test_nothing_is_acknowledged_or_half_known_while_the_store_is_down(stage: Stage, event: Any) -> None:
    stage.store.is_down = True

    with pytest.raises(StoreDownError):
        await stage.send(event)

    assert stage.memory.sessions == {}
    stage.store.is_down = False
    await stage.send(event)
    assert len(stage.store.commits) >= 1


@pytest.mark.parametrize("event", [metered(10, 3000), stop(20, 6500), status(10, "SuspendedEV")])
async def test_a_session_is_as_before_when_its_fact_could_not_be_stored(stage: Stage, event: Any) -> None:
    before = await deliver(stage, start(), status(1, "Charging"))
    stage.store.is_down = True

    with pytest.raises(StoreDownError):
        await stage.send(event)

    assert stage.memory.sessions[before.id] == before
    stage.store.is_down = False
    assert (await deliver(stage, event)).ledger.fact_count == 3


@pytest.mark.parametrize("event", [metered(10, 3000), stop(20, 6500), status(10, "SuspendedEV"), metered(3, 1500)])
async def test_an_outdated_memory_is_reloaded_and_the_message_taken_once(stage: Stage, event: Any) -> None:
    old = await deliver(stage, start())
    await deliver(stage, metered(5, 2000))
    stage.memory.put_session(old)

    session = await deliver(stage, event)

    assert session.ledger.fact_count == 3
    assert stage.memory.sessions[session.id] == session


async def test_a_job_cancelled_in_its_commit_leaves_the_start_known(stage: Stage) -> None:
    event = stage.received(start())
    job = asyncio.create_task(stage.transactions.on_transaction(event))
    await stage.store.is_committing.wait()
    job.cancel()

    answer = await stage.transactions.on_transaction(event)

    assert answer.transaction_id is not None
    (session,) = await stage.store.real.list_sessions(limit=9)
    assert session.transaction_id == answer.transaction_id
    assert stage.memory.sessions == {session.id: session}


async def test_a_job_cancelled_in_its_commit_leaves_the_fact_known(stage: Stage) -> None:
    await stage.send(start())
    stage.store.is_committing.clear()
    job = asyncio.create_task(stage.transactions.on_transaction(stage.received(metered(5, 2000))))
    await stage.store.is_committing.wait()
    job.cancel()

    session = await deliver(stage, metered(5, 2000), metered(6, 2500))

    assert session.ledger.fact_count == 3
    assert session.ledger.energy_wh == 1500


async def test_facts_and_session_are_one_work(stage: Stage) -> None:
    await stage.send(start())
    stage.store.commits.clear()

    await stage.send(metered(5, 2000))

    ((change,),) = stage.store.commits
    assert isinstance(change, SaveSession)
    assert change.fact is not None
    assert change.ledger is not None
    assert change.ledger.energy_wh == 1000
