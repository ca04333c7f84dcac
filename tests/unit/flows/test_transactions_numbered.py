from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.events import TransactionAnswer
from gateway.domain.ids import ConnectorKey
from gateway.domain.partners import Partner, PartnerStatus
from gateway.domain.sessions import ChargingState, Phase, SessionStatus
from gateway.domain.stations import Admission, Station
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import AuthStatus, IdToken
from gateway.ports import SaveLocation, SavePartner, SaveStation, SaveTariff
from tests.unit.flows.deliveries import deliver
from tests.unit.flows.stage import RULES, Stage
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
    energy_price,
    make_evse,
    make_location,
    metered,
    start,
    started,
    stop,
    updated,
)

MINUTE = timedelta(minutes=1)


# --- OCPP 2.x: who and where ---


async def test_updated_and_ended_need_neither_evse_nor_card(stage: Stage) -> None:
    session = await deliver(stage, started(), updated(1, 10, 3000), ended(2, 20, 6500), transaction_id="tx-1")

    assert session.key.evse_no == 1
    assert session.partner_id == "P1"
    assert session.ledger.energy_wh == 5500


async def test_a_session_without_a_driver_is_pending_and_begins_when_he_is_known(stage: Stage) -> None:
    await stage.send(started(card=None))
    assert (await stage.load_session("tx-1")).status is SessionStatus.PENDING

    answer = await stage.send(updated(1, 3, card=CARD))
    session = await deliver(stage, updated(2, 10, 3000), ended(3, 20, 6500), transaction_id="tx-1")

    assert answer.authorization.status is AuthStatus.ACCEPTED
    assert (session.status, session.partner_id) == (SessionStatus.COMPLETED, "P1")
    assert (session.ledger.started_at, session.ledger.energy_wh) == (after(3), 5500)


async def test_a_cable_that_is_pulled_ends_the_charging_and_not_the_session(stage: Stage) -> None:
    """OCPP 2.0.1 E10: the transaction goes on, as Idle, until the station ends it."""
    await stage.send_all(started(state=ChargingState.CHARGING), updated(1, 10, 3000, state=ChargingState.IDLE))

    session = await stage.load_session("tx-1")
    assert session.status is SessionStatus.ACTIVE
    assert [(period.start_at, period.phase) for period in session.ledger.periods] == [
        (NOON, Phase.CHARGING),
        (after(10), Phase.PARKING),
    ]
    assert (await deliver(stage, ended(2, 20, 3000), transaction_id="tx-1")).status is SessionStatus.COMPLETED


async def test_a_session_that_never_got_a_driver_is_none(stage: Stage) -> None:
    session = await deliver(stage, started(card=None), ended(1, 20, 6500), transaction_id="tx-1")
    await stage.wait(3_600)

    assert session.status is SessionStatus.INVALID
    assert await stage.load_cdrs() == []


async def test_a_driver_told_after_the_end_makes_it_a_session(stage: Stage) -> None:
    await stage.send_all(started(card=None), ended(2, 20, 6500))

    session = await deliver(stage, updated(1, 3, card=CARD), transaction_id="tx-1")
    await stage.wait(0)

    assert session.status is SessionStatus.COMPLETED
    assert (await stage.load_cdr()).started_at == after(3)


async def test_the_card_at_the_end_stands_for_the_driver_only_until_he_is_known(stage: Stage) -> None:
    await stage.send(ended(2, 20, 6500, card=OTHER_CARD))
    assert (await stage.load_session("tx-1")).id_token == IdToken(value=OTHER_CARD, type="ISO14443")

    session = await deliver(stage, updated(1, 10, 3000), started(), transaction_id="tx-1")

    assert session.id_token == IdToken(value=CARD, type="ISO14443")
    assert session.terms.token == TOKEN


async def test_a_second_card_after_a_refused_one_is_the_driver(stage: Stage) -> None:
    await stage.send_all(started(card=None), updated(1, 1, card="STRANGER"))
    assert (await stage.load_session("tx-1")).status is SessionStatus.INVALID

    session = await deliver(stage, updated(2, 3, card=CARD), ended(3, 20, 6500), transaction_id="tx-1")

    assert (session.status, session.partner_id) == (SessionStatus.COMPLETED, "P1")
    assert session.ledger.started_at == after(3)


async def test_a_card_of_the_same_group_at_the_stop_changes_no_driver(stage: Stage) -> None:
    session = await deliver(stage, started(), ended(1, 20, 6500, card=OTHER_CARD), transaction_id="tx-1")

    assert session.terms.token == TOKEN


async def test_a_place_told_later_brings_its_terms(stage: Stage) -> None:
    await stage.send(started(evse=None))
    assert (await stage.load_session("tx-1")).terms.place is None

    session = await deliver(stage, updated(1, 1, evse=(2, 2)), ended(2, 20, 3000), transaction_id="tx-1")

    assert session.key == ConnectorKey(station_id=STATION, evse_no=2, connector_no=2)
    assert session.terms.place is not None
    assert session.terms.place.evse.uid == f"{STATION}-2"
    assert session.terms.tariff is not None


async def test_the_connector_told_after_the_evse_is_the_right_one(stage: Stage) -> None:
    await stage.send(started(evse=(3, None)))
    await stage.send(updated(1, 1, evse=(3, 2)))
    session = await deliver(stage, updated(2, 2, evse=(3, None)), transaction_id="tx-1")

    assert session.key.connector_no == 2
    assert session.terms.place is not None
    assert session.terms.place.connector.id == "2"
    assert stage.memory.sessions_at(session.key) == [session]
    assert stage.memory.sessions_at(replace(session.key, connector_no=1)) == []


@pytest.mark.parametrize("evse", [(0, None), (2, None), (2, 2)])
async def test_a_place_that_contradicts_the_known_one_moves_nothing(stage: Stage, evse: tuple[int, int | None]) -> None:
    await stage.send(started())

    session = await deliver(stage, updated(1, 1, evse=evse), transaction_id="tx-1")

    assert session.key.evse_no == 1


# --- OCPP 2.x: numbers ---


async def test_numbers_may_go_on_from_transaction_to_transaction(stage: Stage) -> None:
    session = await deliver(
        stage, started(41), updated(42, 10, 3000), ended(43, 20, 6500), transaction_id="tx-1"
    )  # OCPP 2.0.1 E01.FR.07

    assert not session.ledger.has_gap
    assert session.seal_due_at == after(20)


async def test_a_gap_makes_the_bill_wait_and_its_filling_ends_the_wait(stage: Stage) -> None:
    session = await deliver(stage, started(), ended(2, 20, 6500), transaction_id="tx-1")
    assert session.seal_due_at == after(20) + timedelta(hours=1)
    stage.clock.at = after(30)

    session = await deliver(stage, updated(1, 10, 3000), transaction_id="tx-1")

    assert session.seal_due_at == after(30)
    await stage.wait(0)
    assert (await stage.load_cdr()).flags == frozenset()


async def test_a_missing_start_is_a_gap(stage: Stage) -> None:
    session = await deliver(stage, updated(1, 5, 2000, card=CARD), ended(2, 20, 6500), transaction_id="tx-1")

    assert session.ledger.has_gap


async def test_a_number_used_twice_hides_no_gap(stage: Stage) -> None:
    session = await deliver(
        stage, started(), updated(1, 5, 2000), updated(1, 6, 2100), ended(3, 20, 6500), transaction_id="tx-1"
    )

    assert session.ledger.has_gap
    assert session.ledger.fact_count == 4


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    "repeated", [started(), updated(1, 10, 3000), ended(2, 20, 6500), updated(1, 10, 3000, offline=True)]
)
async def test_a_transaction_event_sent_again_counts_once(stage: Stage, repeated: Any, restarts: bool) -> None:
    session = await deliver(stage, started(), updated(1, 10, 3000), ended(2, 20, 6500), transaction_id="tx-1")
    if restarts:
        await stage.reopen()

    answer = await stage.send(repeated)

    assert (answer.authorization is None) == (repeated.id_token is None)
    assert await stage.load_session("tx-1") == session
    assert await stage.load_late() == []


async def test_transaction_ids_of_two_stations_may_be_the_same(stage: Stage) -> None:
    await stage.provide(SaveStation(Station(id="CS2", admission=Admission.ACCEPTED, created_at=NOON)))
    await stage.send_all(started(), at_station(started(0, 1, 500), "CS2"), at_station(ended(1, 9, 900), "CS2"))

    assert (await stage.load_session("tx-1")).ledger.ended_at is None
    assert (await stage.load_session("tx-1", "CS2")).ledger.energy_wh == 400


# --- terms ---


async def test_terms_are_copied_at_the_start_and_stay(stage: Stage) -> None:
    terms = (await deliver(stage, started(), transaction_id="tx-1")).terms
    dearer = replace(TARIFF, elements=(energy_price("9.99"),))
    renamed = replace(make_location(make_evse(1), make_evse(2)), city="Elsewhere")
    await stage.provide(SaveTariff(dearer), SaveLocation(renamed))

    session = await deliver(
        stage, updated(1, 1, 1500, card=CARD, evse=(1, 1)), ended(2, 20, 3000, card=CARD), transaction_id="tx-1"
    )

    assert session.terms == terms


async def test_terms_copied_before_the_start_was_told_stay_if_they_hold_for_it(stage: Stage) -> None:
    terms = (await deliver(stage, updated(1, 5, 2000, card=CARD, evse=(1, 1)), transaction_id="tx-1")).terms
    await stage.provide(SaveTariff(replace(TARIFF, elements=(energy_price("9.99"),))))

    assert (await deliver(stage, started(), transaction_id="tx-1")).terms == terms


SUMMER = replace(TARIFF, id="T", end_at=after(10))
WINTER = replace(TARIFF, id="T2", start_at=after(10))


def sold_by(*tariff_ids: str) -> SaveLocation:
    evse = make_evse(1)
    connector = replace(evse.connectors[0], tariff_ids=tariff_ids)
    return SaveLocation(make_location(replace(evse, connectors=(connector,))))


@pytest.mark.parametrize(("minute", "tariff_id"), [(9, "T"), (10, "T2")])
async def test_the_tariff_is_the_one_valid_at_the_start(stage: Stage, minute: float, tariff_id: str) -> None:
    await stage.provide(SaveTariff(SUMMER), SaveTariff(WINTER), sold_by("T", "T2"))

    session = await deliver(stage, start(minute), stop(20, 3000))

    assert session.terms.tariff is not None
    assert session.terms.tariff.id == tariff_id


async def test_the_tariff_is_that_of_the_start_even_if_the_start_is_told_last(stage: Stage) -> None:
    await stage.provide(SaveTariff(SUMMER), SaveTariff(WINTER), sold_by("T", "T2"))

    session = await deliver(stage, ended(1, 20, 3000), started(evse=(1, 1)), transaction_id="tx-1")

    assert session.terms.tariff is not None
    assert session.terms.tariff.id == "T"


async def test_the_tariff_is_that_of_the_moment_in_which_the_driver_became_known(stage: Stage) -> None:
    await stage.provide(SaveTariff(SUMMER), SaveTariff(WINTER), sold_by("T", "T2"))

    session = await deliver(
        stage, started(card=None), updated(1, 15, card=CARD), ended(2, 20, 3000), transaction_id="tx-1"
    )

    assert session.ledger.started_at == after(15)
    assert session.terms.tariff is not None
    assert session.terms.tariff.id == "T2"


@pytest.mark.parametrize("type_", ["AD_HOC_PAYMENT", "PROFILE_FAST"])
async def test_a_tariff_for_others_is_no_price_for_a_card(stage: Stage, type_: str) -> None:
    others: Tariff = replace(TARIFF, id="T2", type=type_)
    await stage.provide(SaveTariff(others), SaveTariff(replace(TARIFF, type="REGULAR")), sold_by("T2", "gone", "T"))

    session = await deliver(stage, start())

    assert session.terms.tariff is not None
    assert session.terms.tariff.id == "T"


async def test_the_running_cost_is_told_once_in_a_while_and_the_final_one_at_the_end(stage: Stage) -> None:
    """0.50 per kWh."""
    events = (started(), updated(1, 10, 5000), updated(2, 10.5, 6000), updated(3, 30, 7000), ended(4, 40, 9000))

    told = [await stage.send(event) for event in events]

    assert [answer.cost for answer in told] == [None, 2, None, 3, 4]


async def test_the_running_cost_is_that_of_the_message_it_answers(stage: Stage) -> None:
    await stage.send(started())

    told = await stage.begin(updated(1, 10, 5000))

    assert isinstance(told, TransactionAnswer)
    assert told.cost == 2


async def test_a_transaction_with_a_gap_has_no_final_cost_yet(stage: Stage) -> None:
    await stage.send(started())

    answer = await stage.send(ended(4, 40, 9000))

    assert answer.cost is None


@pytest.mark.parametrize(("interval_s", "costs"), [(0, [None, 4]), (-1, [None, None])])
async def test_what_is_told_of_costs_is_the_operators_choice(
    stage: Stage, interval_s: int, costs: list[int | None]
) -> None:
    stage.rules = replace(RULES, cost_interval_s=interval_s)
    await stage.reopen()
    await stage.send(started())

    told = [await stage.send(event) for event in (updated(1, 10, 5000), ended(2, 40, 9000))]

    assert [answer.cost for answer in told] == costs


async def test_whoever_waits_for_an_answer_is_told_also_where_the_cost_cannot_be_reckoned(stage: Stage) -> None:
    await stage.provide(SaveTariff(replace(TARIFF, elements=(energy_price("sNaN"),))))
    await stage.send(started())

    told = await stage.begin(updated(1, 10, 5000))

    assert isinstance(told, ArithmeticError)
    assert (await stage.load_session("tx-1")).ledger.energy_wh == 4000


async def test_the_older_generation_has_no_place_for_costs(stage: Stage) -> None:
    await stage.send(start())

    answers = [await stage.send(event) for event in (metered(10, 5000), stop(20, 6000))]

    assert [answer.cost for answer in answers] == [None, None]


# --- what a partner means by parking ---


@pytest.mark.parametrize(("flag", "phases"), [(False, ["CHARGING"]), (True, ["CHARGING", "PARKING"])])
async def test_our_own_curtailment_is_parking_where_the_partner_reads_it_so(
    stage: Stage, flag: bool, phases: list[str]
) -> None:
    partner = Partner(
        id="P1",
        name="eMSP",
        role="EMSP",
        status=PartnerStatus.REGISTERED,
        created_at=NOON,
        last_updated=NOON,
        parks_when_curtailed=flag,
    )
    await stage.store.commit([SavePartner(partner)])

    session = await deliver(
        stage,
        started(),
        updated(1, 10, 3000, charging_state=ChargingState.SUSPENDED_EVSE),
        ended(2, 20, 3000),
        transaction_id="tx-1",
    )

    assert [period.phase for period in session.ledger.periods] == phases
    assert session.terms.parks_when_curtailed is flag
