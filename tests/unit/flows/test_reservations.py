"""Plugs that are kept: what is asked of the station, what it answers or does not, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from gateway.domain.callbacks import CallbackKind
from gateway.domain.calls import CallOutcomeKind, CallReply, CancelReservationCall, ReserveCall, StartCall
from gateway.domain.commands import Asked, CancelReservationOrder, ReserveOrder
from gateway.domain.events import ReservationEnded
from gateway.domain.locations import EvseStatus
from gateway.domain.reservations import Reservation, ReservationState
from gateway.domain.sessions import ReservationEnd, Session, SessionStatus
from gateway.domain.tokens import AuthMethod, AuthStatus
from gateway.errors import ConflictError, NotFoundError
from gateway.ports import SaveReservation, SaveToken
from tests.unit.flows.office import ACCEPTED, PARTNER, START, URL, Office, opened_office
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import LOCATION, STATION, TOKEN, after, receipt, start, started, status, stop, updated

APP = replace(TOKEN, uid="0123456789ABCDEF01234", type="APP_USER")
RESERVE = ReserveOrder(
    response_url=URL,
    token=TOKEN,
    expires_at=after(30),
    reservation_id="R-1",
    location_id=LOCATION.id,
    evse_uid=f"{STATION}-1",
    authorization_reference="REF",
)
CANCEL = CancelReservationOrder(response_url=URL, reservation_id="r-1")
REJECTED = CallReply(outcome=CallOutcomeKind.ANSWERED, status="Rejected")
SILENCE = CallReply(outcome=CallOutcomeKind.TIMEOUT)
HUB_PARTNER = replace(PARTNER, roles=(replace(PARTNER.roles[0], role="HUB"),))


@pytest_asyncio.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with opened_office(stage) as office:
        await stage.send(status(0, "Available"))
        yield office


async def kept(office: Office) -> Reservation:
    (reservation,) = await office.stage.store.real.list_reservations(limit=9)
    return reservation  # type: ignore[no-any-return]


async def reserve(office: Office, reply: CallReply = ACCEPTED) -> Reservation:
    answer = await office.order(RESERVE)
    assert answer.result == "ACCEPTED", answer
    await office.reply(reply)
    return await kept(office)


async def only_session(office: Office) -> Session:
    (session,) = await office.sessions()
    return session


# --- asking


async def test_what_is_accepted_is_a_reservation_and_a_session(office: Office) -> None:
    reservation = await reserve(office)
    session = await only_session(office)

    (call,) = office.stations.calls
    assert isinstance(call, ReserveCall)
    assert (call.no, call.evse_no, call.connector_no, call.expires_at) == (reservation.no, 1, 1, after(30))
    assert (reservation.state, reservation.session_id) == (ReservationState.ACTIVE, session.id)
    assert (session.status, session.partner_id) == (SessionStatus.RESERVATION, "P1")
    assert (session.terms.auth_method, session.terms.authorization_reference) == (AuthMethod.COMMAND, "REF")
    assert office.stage.status_of() is EvseStatus.RESERVED
    assert await office.results() == ["ACCEPTED"]


@pytest.mark.parametrize(
    ("order", "result", "words"),
    [
        (replace(RESERVE, expires_at=after(0)), "REJECTED", "has passed"),
        (replace(RESERVE, location_id="L9"), "REJECTED", "no such location"),
        (replace(RESERVE, evse_uid="E9"), "REJECTED", "no EVSE E9"),
        (replace(RESERVE, token=replace(TOKEN, party=LOCATION.party)), "REJECTED", "not yours"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_at_once(
    office: Office, order: ReserveOrder, result: str, words: str
) -> None:
    answer = await office.order(order)

    assert answer.result == result
    assert words in (answer.message or "")
    assert office.stations.calls == []


async def test_a_station_that_is_away_is_not_asked(office: Office) -> None:
    office.stations.connected = set()

    assert (await office.order(RESERVE)).result == "REJECTED"


async def test_evses_that_the_operator_keeps_for_whoever_comes_cannot_be_reserved(office: Office) -> None:
    await office.change_evses(capabilities=())

    assert (await office.order(RESERVE)).result == "NOT_SUPPORTED"


@pytest.mark.parametrize(
    ("word", "result"),
    [("Occupied", "EVSE_OCCUPIED"), ("Faulted", "EVSE_INOPERATIVE"), ("Rejected", "REJECTED"), ("Odd", "FAILED")],
)
async def test_what_the_station_refuses_is_no_session(office: Office, word: str, result: str) -> None:
    reservation = await reserve(office, CallReply(outcome=CallOutcomeKind.ANSWERED, status=word))

    assert reservation.state is ReservationState.REFUSED
    assert await office.results() == [result]
    assert await office.sessions() == []


async def test_a_station_that_never_answered_is_told_to_let_go(office: Office) -> None:
    reservation = await reserve(office, SILENCE)
    assert reservation.state is ReservationState.UNANSWERED
    assert office.stations.calls[1] == CancelReservationCall(no=reservation.no)

    await office.reply(REJECTED)

    assert (await kept(office)).state is ReservationState.WITHDRAWN
    assert await office.results() == ["TIMEOUT"]
    assert await office.sessions() == []


async def test_an_answer_that_comes_too_late_makes_no_reservation(office: Office) -> None:
    await office.order(RESERVE)
    await office.pass_s(31)
    await office.reply(ACCEPTED)

    assert (await kept(office)).state is ReservationState.UNANSWERED
    assert office.stations.calls[1] == CancelReservationCall(no=(await kept(office)).no)
    assert await office.results() == ["TIMEOUT"]


async def test_an_emsp_may_ask_again_after_a_timeout_under_the_same_number(office: Office) -> None:
    first = await reserve(office, SILENCE)
    await office.reply(SILENCE)  # to letting go
    again = await reserve(office)

    assert (again.id, again.no, again.state) == (first.id, first.no, ReservationState.ACTIVE)
    assert await office.results() == ["TIMEOUT", "ACCEPTED"]
    assert (await only_session(office)).status is SessionStatus.RESERVATION


async def test_a_renewal_without_answer_can_be_asked_for_again_and_cancelled(office: Office) -> None:
    await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.reply(SILENCE)
    assert (await kept(office)).is_doubtful

    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.reply()
    assert (await kept(office)).booking.expires_at == after(90)
    assert not (await kept(office)).is_doubtful
    await office.order(CANCEL)
    await office.reply()

    assert await office.results() == ["ACCEPTED", "TIMEOUT", "ACCEPTED", "ACCEPTED"]


async def test_after_a_restart_a_renewal_is_in_doubt(office: Office) -> None:
    await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.reopen()

    reservation = await kept(office)
    assert (reservation.state, reservation.renewal, reservation.is_doubtful) == (ReservationState.ACTIVE, None, True)


async def test_after_a_restart_nobody_knows_what_the_station_took_so_it_is_told_to_let_go(office: Office) -> None:
    await office.order(RESERVE)
    await office.reopen()
    assert (await kept(office)).state is ReservationState.UNANSWERED

    office.stage.events.on_connected(STATION)
    await office.settle()
    await office.reply(ACCEPTED)

    assert (await kept(office)).state is ReservationState.WITHDRAWN


async def test_the_same_id_twice_at_once_is_one_reservation(office: Office) -> None:
    await office.order(RESERVE)

    assert (await office.order(RESERVE)).result == "REJECTED"
    assert len(office.stations.calls) == 1


# --- the same again


async def test_a_renewal_holds_when_the_station_has_accepted_it(office: Office) -> None:
    first = await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90), authorization_reference="NEW", evse_uid=None))
    assert (await kept(office)).booking.expires_at == after(30)
    await office.reply()

    renewed = await kept(office)
    assert (renewed.booking.expires_at, renewed.renewal, renewed.no) == (after(90), None, first.no)
    session = await only_session(office)
    assert (session.id, session.terms.authorization_reference) == (first.session_id, "NEW")
    await office.pass_s(31 * 60)
    assert (await kept(office)).state is ReservationState.ACTIVE


async def test_a_renewal_that_is_refused_leaves_what_was(office: Office) -> None:
    await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.reply(REJECTED)

    reservation = await kept(office)
    assert (reservation.state, reservation.renewal) == (ReservationState.ACTIVE, None)
    assert reservation.booking.expires_at == after(30)


async def test_a_station_that_may_have_taken_a_renewal_is_told_to_let_go_at_the_end(office: Office) -> None:
    await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.reply(SILENCE)
    await office.pass_s(31 * 60)
    await office.settle()

    assert (await kept(office)).state is ReservationState.EXPIRED
    assert isinstance(office.stations.calls[-1], CancelReservationCall)


# --- using it


async def test_the_transaction_that_names_it_is_its_session(office: Office) -> None:
    reservation = await reserve(office)
    office.stage.clock.at = after(10)
    await office.stage.provide(SaveToken(TOKEN))
    await office.stage.send(start(10, reservation_id=str(reservation.no)))
    session = await only_session(office)

    assert (session.id, session.status) == (reservation.session_id, SessionStatus.ACTIVE)
    assert (session.ledger.started_at, session.ledger.reserved_at) == (after(10), after(0))
    assert (session.terms.auth_method, session.terms.authorization_reference) == (AuthMethod.WHITELIST, "REF")
    assert (await kept(office)).state is ReservationState.USED
    await office.stage.send(stop(20, 3000, session.transaction_id or ""))
    await office.pass_s(20)
    cdr = await office.stage.load_cdr()
    assert (cdr.started_at, cdr.time_s, cdr.session_id) == (after(0), 600, session.id)


async def test_a_start_that_is_sent_again_is_answered_again(office: Office) -> None:
    reservation = await reserve(office)
    event = start(10, reservation_id=str(reservation.no))
    first = await office.stage.send(event)
    again = await office.stage.send(event)

    assert again.transaction_id == first.transaction_id
    assert again.authorization.status is AuthStatus.ACCEPTED
    assert len(await office.sessions()) == 1


async def test_the_drivers_card_is_enough_and_a_strangers_is_not(office: Office) -> None:
    await reserve(office)
    await office.stage.send(start(5, card="STRANGER"))
    assert (await kept(office)).state is ReservationState.ACTIVE

    await office.stage.send(start(10))

    assert (await kept(office)).state is ReservationState.USED


async def test_a_transaction_before_the_stations_answer_uses_it_all_the_same(office: Office) -> None:
    await office.order(RESERVE)
    asked = await kept(office)
    await office.stage.send(start(0, reservation_id=str(asked.no)))
    await office.reply()

    session = await only_session(office)
    assert (session.id, session.status) == (asked.session_id, SessionStatus.ACTIVE)
    assert (await kept(office)).state is ReservationState.USED
    assert await office.results() == ["ACCEPTED"]


async def test_a_start_ordered_at_the_reserved_plug_is_the_session_of_the_reservation(office: Office) -> None:
    answer = await office.order(replace(RESERVE, token=APP))
    assert answer.result == "ACCEPTED"
    await office.reply()
    reservation = await kept(office)
    await office.order(replace(START, token=APP, authorization_reference="LAST"))
    call = office.stations.calls[-1]
    assert isinstance(call, StartCall)
    assert call.id_token == reservation.booking.id_token
    await office.reply()
    assert (await only_session(office)).status is SessionStatus.RESERVATION

    await office.stage.send(start(10, card=call.id_token.value, reservation_id=str(reservation.no)))

    session = await only_session(office)
    assert (session.id, session.status) == (reservation.session_id, SessionStatus.ACTIVE)
    assert session.terms.authorization_reference == "LAST"
    assert session.ledger.reserved_at == after(0)
    assert (await kept(office)).state is ReservationState.USED


async def test_of_an_evse_with_two_plugs_the_driver_chooses_one(office: Office) -> None:
    await office.order(replace(RESERVE, evse_uid=f"{STATION}-3"))
    await office.reply()
    kept_session = await only_session(office)
    assert (kept_session.key.evse_no, kept_session.key.connector_no) == (3, 0)
    assert kept_session.terms.place is not None
    assert kept_session.terms.place.evse.uid == f"{STATION}-3"

    await office.stage.send(started(0, 10, card=TOKEN.uid, evse=(3, 2)))
    session = await only_session(office)

    assert (session.id, session.status) == (kept_session.id, SessionStatus.ACTIVE)
    assert (session.key.evse_no, session.key.connector_no) == (3, 2)
    assert session.terms.place is not None
    assert session.terms.place.connector.id == "2"


async def test_who_plugs_in_first_has_his_reservation_once_he_shows_his_card(office: Office) -> None:
    reservation = await reserve(office)
    await office.stage.send(started(0, 10, 1000, card=None))
    await office.stage.send(updated(1, 11, 1100))
    assert (await kept(office)).state is ReservationState.ACTIVE

    answer = await office.stage.send(updated(2, 12, 1200, card=TOKEN.uid, reservation_id=str(reservation.no)))
    await office.stage.send(updated(3, 13, 1300))

    session = next(one for one in await office.sessions() if one.id == reservation.session_id)
    other = next(one for one in await office.sessions() if one.id != reservation.session_id)
    assert answer.authorization.status is AuthStatus.ACCEPTED
    assert (session.status, session.ledger.seq_count, session.ledger.energy_wh) == (SessionStatus.ACTIVE, 4, 300)
    assert (session.ledger.reserved_at, session.ledger.started_at) == (after(0), after(12))
    assert (other.status, other.transaction_id) == (SessionStatus.INVALID, None)
    assert other.id not in office.stage.memory.sessions


async def test_a_plug_is_reserved_no_longer_once_the_card_was_shown(office: Office) -> None:
    reservation = await reserve(office)
    await office.stage.send(started(0, 10, 1000, card=None))
    assert office.stage.status_of() is EvseStatus.RESERVED

    await office.stage.send(updated(1, 11, 1100, id_token=reservation.booking.id_token))

    assert office.stage.status_of() is EvseStatus.AVAILABLE  # which is all that the station has said of the plug


# --- its end


async def test_it_expires_by_our_own_clock(office: Office) -> None:
    await reserve(office)
    await office.pass_s(30 * 60 + 1)
    session = await only_session(office)

    assert (await kept(office)).state is ReservationState.EXPIRED
    assert (session.status, session.ledger.ended_at) == (SessionStatus.COMPLETED, after(30))
    assert session.hold is None
    assert office.stage.status_of() is EvseStatus.AVAILABLE
    assert await office.stage.load_cdrs() == []
    assert session.id not in office.stage.memory.sessions


async def test_a_station_that_is_away_at_the_end_may_tell_yet_that_it_was_used(office: Office) -> None:
    reservation = await reserve(office)
    office.stations.connected = set()
    await office.pass_s(31 * 60)
    assert (await kept(office)).state is ReservationState.ACTIVE

    await office.stage.send(start(29, reservation_id=str(reservation.no)))

    assert (await kept(office)).state is ReservationState.USED


async def test_a_station_is_not_waited_for_for_ever(office: Office) -> None:
    await reserve(office)
    office.stations.connected = set()
    await office.pass_s(31 * 60)
    await office.pass_s(15 * 60)

    assert (await kept(office)).state is ReservationState.EXPIRED


async def test_it_expires_after_a_restart(office: Office) -> None:
    await reserve(office)
    office.stage.clock.at += timedelta(minutes=40)
    await office.reopen()
    await office.pass_s(1)

    assert (await kept(office)).state is ReservationState.EXPIRED


@pytest.mark.parametrize(("reply", "result"), [(ACCEPTED, "ACCEPTED"), (REJECTED, "UNKNOWN_RESERVATION")])
async def test_its_emsp_cancels_it(office: Office, reply: CallReply, result: str) -> None:
    reservation = await reserve(office)
    await office.order(CANCEL)
    assert office.stations.calls[1] == CancelReservationCall(no=reservation.no)
    await office.reply(reply)

    assert await office.results() == ["ACCEPTED", result]
    assert (await kept(office)).state is ReservationState.CANCELED
    assert (await only_session(office)).status is SessionStatus.COMPLETED


async def test_a_station_that_does_not_answer_keeps_what_was_to_be_cancelled(office: Office) -> None:
    await reserve(office)
    await office.order(CANCEL)
    await office.reply(SILENCE)

    assert await office.results() == ["ACCEPTED", "TIMEOUT"]
    assert (await kept(office)).state is ReservationState.ACTIVE


async def test_nobody_cancels_what_is_not_his(office: Office) -> None:
    await reserve(office)
    other = replace(PARTNER, id="P2")
    assert (await office.order(CANCEL, other)).result == "ACCEPTED"

    assert len(office.stations.calls) == 1
    assert (await kept(office)).state is ReservationState.ACTIVE
    assert await office.results() == ["ACCEPTED", "UNKNOWN_RESERVATION"]


@pytest.mark.parametrize(
    ("ended", "state", "results"),
    [
        (ReservationEnd.EXPIRED, ReservationState.EXPIRED, ["ACCEPTED"]),
        (ReservationEnd.WITHDRAWN, ReservationState.WITHDRAWN, ["ACCEPTED", "CANCELED_RESERVATION"]),
    ],
)
async def test_the_station_ends_it(
    office: Office, ended: ReservationEnd, state: ReservationState, results: list[str]
) -> None:
    reservation = await reserve(office)
    told = ReservationEnded(receipt=receipt("ReservationStatusUpdate"), reservation_no=reservation.no, ended=ended)
    await office.stage.events.on_reservation_ended(told)
    await office.stage.events.on_reservation_ended(told)

    assert (await kept(office)).state is state
    assert await office.results() == results
    assert (await only_session(office)).status is SessionStatus.COMPLETED


@pytest.mark.parametrize("state", ["Faulted", "Unavailable"])
async def test_a_plug_that_cannot_be_used_is_kept_for_nobody(office: Office, state: str) -> None:
    await reserve(office)
    await office.stage.send(status(5, state, plug=2))
    assert (await kept(office)).state is ReservationState.ACTIVE
    await office.stage.send(status(5, state))
    await office.settle()

    assert (await kept(office)).state is ReservationState.WITHDRAWN
    assert await office.results() == ["ACCEPTED", "CANCELED_RESERVATION"]


async def test_the_operator_takes_it_back_though_the_station_is_away(office: Office) -> None:
    reservation = await reserve(office)
    office.stations.connected = set()

    taken = await office.ends.withdraw(reservation.id)

    assert taken.state is ReservationState.WITHDRAWN
    assert await office.results() == ["ACCEPTED", "CANCELED_RESERVATION"]
    with pytest.raises(ConflictError, match="is over"):
        await office.ends.withdraw(reservation.id)
    with pytest.raises(NotFoundError, match="no reservation"):
        await office.ends.withdraw("x")


async def test_a_version_without_a_word_for_it_is_not_told(office: Office) -> None:
    reservation = await reserve(office)
    old = replace(reservation, booking=replace(reservation.booking, version="2.1.1"))
    office.stations.connected = set()
    office.stage.memory.put_reservation(old)

    await office.ends.withdraw(reservation.id)

    assert (await kept(office)).state is ReservationState.WITHDRAWN
    assert await office.results() == ["ACCEPTED"]


# --- what comes together


async def test_a_start_without_a_reference_leaves_that_of_the_reservation(office: Office) -> None:
    """OCPI 2.3.0 mod_cdrs 10.3.1 authorization_reference: the last that was given."""
    reservation = await reserve(office)
    await office.order(START)
    await office.reply()

    await office.stage.send(start(10, reservation_id=str(reservation.no)))

    assert (await only_session(office)).terms.authorization_reference == "REF"


async def test_a_renewal_without_a_reference_leaves_that_of_before(office: Office) -> None:
    await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90), authorization_reference=None))
    await office.reply()

    assert (await only_session(office)).terms.authorization_reference == "REF"


async def test_a_token_of_another_type_is_another_driver_though_its_uid_is_the_same(office: Office) -> None:
    await reserve(office)
    app = replace(TOKEN, type="APP_USER")
    await office.order(replace(RESERVE, token=app, expires_at=after(90)))

    call = office.stations.calls[-1]
    assert isinstance(call, ReserveCall)
    assert call.id_token.value != app.uid


async def test_letting_go_of_what_was_never_answered_spares_what_was_asked_again(office: Office) -> None:
    reservation = await reserve(office, SILENCE)
    await office.reply(SILENCE)  # to letting go
    await office.order(RESERVE)
    before = list(office.stations.calls)

    office.desk.spawn(office.ends.free(reservation.id))
    await office.settle()
    await office.reply()

    assert office.stations.calls == before
    assert (await kept(office)).state is ReservationState.ACTIVE


async def test_a_renewal_that_the_station_takes_after_the_cancellation_is_none(office: Office) -> None:
    reservation = await reserve(office)
    await office.order(CANCEL)
    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.reply()  # to the cancellation
    await office.reply()  # to the renewal, which the station now takes for a new one

    assert await office.results() == ["ACCEPTED", "ACCEPTED", "REJECTED"]
    assert (await kept(office)).state is ReservationState.CANCELED
    assert office.stations.calls[-1] == CancelReservationCall(no=reservation.no)


async def test_a_renewal_that_the_station_takes_after_the_use_is_none(office: Office) -> None:
    reservation = await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.stage.send(start(1))
    await office.reply()

    assert await office.results() == ["ACCEPTED", "REJECTED"]
    assert (await kept(office)).state is ReservationState.USED
    assert office.stations.calls[-1] == CancelReservationCall(no=reservation.no)


async def test_an_end_that_the_station_tells_is_not_lost_to_a_renewal_that_comes_with_it(office: Office) -> None:
    reservation = await reserve(office)
    ended = ReservationEnded(
        receipt=receipt("ReservationStatusUpdate"), reservation_no=reservation.no, ended=ReservationEnd.WITHDRAWN
    )

    _, answer = await asyncio.gather(
        office.stage.mailboxes.run(STATION, lambda: office.stage.events.on_reservation_ended(ended)),
        office.take(replace(RESERVE, expires_at=after(90)), PARTNER),
    )

    assert (answer.result, (await kept(office)).state) == ("REJECTED", ReservationState.WITHDRAWN)
    assert await office.results() == ["ACCEPTED", "CANCELED_RESERVATION"]


async def test_a_number_that_is_none_of_ours_is_as_no_number(office: Office) -> None:
    """Seen: stations that tell a reservationId with every start."""
    await reserve(office)

    await office.stage.send(start(10, reservation_id="-1"))

    assert (await kept(office)).state is ReservationState.USED


async def test_a_reservation_that_the_station_forgot_does_not_hide_the_drivers(office: Office) -> None:
    await office.order(replace(RESERVE, token=APP, reservation_id="FORGOTTEN"))
    await office.reply()
    await office.order(RESERVE)
    await office.reply()

    await office.stage.send(start(10))

    first, second = reversed(await office.stage.store.real.list_reservations(limit=9))
    assert (first.state, second.state) == (ReservationState.ACTIVE, ReservationState.USED)


async def test_parties_behind_one_hub_do_not_share_their_ids(office: Office) -> None:
    other = replace(TOKEN.party, party_id="OTH")
    await office.order(RESERVE, HUB_PARTNER)
    await office.reply()

    of_other = replace(RESERVE, token=replace(APP, party=other), evse_uid=f"{STATION}-2")
    renewed = await office.order(of_other, HUB_PARTNER)
    await office.reply()
    await office.order(CANCEL, HUB_PARTNER, sender=other)
    await office.reply()

    mine, others = reversed(await office.stage.store.real.list_reservations(limit=9))
    assert renewed.result == "ACCEPTED"
    assert (mine.booking.token, mine.state) == (TOKEN, ReservationState.ACTIVE)
    assert others.state is ReservationState.CANCELED


async def test_a_start_that_is_ordered_before_the_station_has_answered_is_of_the_same_visit(office: Office) -> None:
    await office.order(replace(RESERVE, token=APP))
    await office.order(replace(START, token=APP))
    await office.reply()
    await office.reply()
    call = office.stations.calls[-1]
    assert isinstance(call, StartCall)

    await office.stage.send(start(1, card=call.id_token.value))

    session = await only_session(office)
    assert (session.id, session.status) == ((await kept(office)).session_id, SessionStatus.ACTIVE)
    assert (await kept(office)).state is ReservationState.USED
    await office.pass_s(31 * 60)
    assert len(await office.sessions()) == 1


async def test_a_start_that_was_ordered_before_its_driver_had_the_plug_uses_it(office: Office) -> None:
    """Else he would pay for not having come."""
    await office.order(START)
    await office.reply()
    reservation = await reserve(office)
    pending = next(one for one in await office.sessions() if one.id != reservation.session_id)

    await office.stage.send(start(1))

    assert (await kept(office)).state is ReservationState.USED
    states = {one.id: one.status for one in await office.sessions()}
    assert states == {reservation.session_id: SessionStatus.ACTIVE, pending.id: SessionStatus.INVALID}
    await office.pass_s(31 * 60)
    assert len(await office.sessions()) == 2


async def test_a_cable_that_came_first_leaves_nothing_waiting_where_two_wait_for_its_driver(office: Office) -> None:
    await office.order(START)
    await office.reply()
    reservation = await reserve(office)
    await office.stage.send(started(0, 0, card=None))

    await office.stage.send(updated(1, 1, 1000, id_token=reservation.booking.id_token))

    states = {one.id: one.status for one in await office.sessions()}
    assert states.pop(reservation.session_id) is SessionStatus.ACTIVE
    assert list(states.values()) == [SessionStatus.INVALID, SessionStatus.INVALID]
    assert (await kept(office)).state is ReservationState.USED


async def test_a_start_for_another_card_of_the_group_uses_the_reservation(office: Office) -> None:
    """Else its driver would pay for not having come."""
    await office.order(replace(RESERVE, token=replace(TOKEN, group_id="G")))
    await office.reply()
    colleague = replace(TOKEN, uid="04C0113A", contract_id="NL-EMS-C9", group_id="g")
    await office.order(replace(START, token=colleague))
    call = office.stations.calls[-1]
    assert isinstance(call, StartCall)
    assert call.id_token.value == colleague.uid
    await office.reply()

    await office.stage.send(start(10, card=colleague.uid))

    session = await only_session(office)
    assert (session.id, session.status) == ((await kept(office)).session_id, SessionStatus.ACTIVE)
    assert session.terms.token == colleague
    assert (await kept(office)).state is ReservationState.USED


async def test_a_start_whose_reservation_was_never_answered_waits_on_when_that_is_let_go(office: Office) -> None:
    await office.order(RESERVE)
    await office.order(START)
    await office.reply(SILENCE)
    await office.reply()
    await office.reply()  # to letting go

    assert (await kept(office)).state is ReservationState.WITHDRAWN
    assert (await only_session(office)).status is SessionStatus.PENDING

    await office.stage.send(start(1))

    assert (await only_session(office)).status is SessionStatus.ACTIVE


async def test_a_reservation_whose_acceptance_could_not_be_saved_can_be_asked_for_again(office: Office) -> None:
    await office.order(RESERVE)
    office.stage.store.is_down = True
    office.stations.waiting.pop(0).set_result(ACCEPTED)
    await office.settle()
    office.stage.store.is_down = False
    await office.pass_s(31)

    await office.order(RESERVE)

    asked = [type(call) for call in office.stations.calls]
    assert asked == [ReserveCall, CancelReservationCall, ReserveCall]
    await office.reply()
    await office.reply()
    assert (await kept(office)).state is ReservationState.ACTIVE
    assert await office.results() == ["TIMEOUT", "ACCEPTED"]


async def test_the_result_of_an_order_comes_after_its_answer(office: Office) -> None:
    asked = Asked(partner=PARTNER, version="2.2.1", kind=CallbackKind.CANCEL_RESERVATION)

    await office.commands.order(asked, CANCEL)

    assert office.callbacks.find_open("id-1") is not None
    await office.settle()
    assert await office.results() == ["UNKNOWN_RESERVATION"]


async def test_a_renewal_of_what_has_just_changed_is_refused(office: Office) -> None:
    before = await reserve(office)
    await office.stage.provide(SaveReservation(replace(before, state=ReservationState.USED)))
    office.stage.memory.put_reservation(before)  # its end was decided, and memory does not know yet

    answer = await office.order(replace(RESERVE, expires_at=after(90)))

    assert (answer.result, await office.results()) == ("REJECTED", ["ACCEPTED"])


async def test_a_start_at_the_location_is_one_at_the_evse_that_is_kept_there(office: Office) -> None:
    await office.order(replace(RESERVE, evse_uid=f"{STATION}-2"))
    await office.reply()

    await office.order(replace(START, evse_uid=None))

    call = office.stations.calls[-1]
    assert isinstance(call, StartCall)
    assert call.evse_no == 2
