"""A station that has booted may have forgotten the plugs that it kept: it is asked for them again."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from gateway.domain.calls import CallOutcomeKind, CallReply, CancelReservationCall, ReserveCall
from gateway.domain.reservations import ReservationState
from gateway.domain.sessions import SessionStatus
from gateway.domain.stations import Admission
from gateway.ports import SaveStation
from tests.unit.flows.office import ACCEPTED, Office, opened_office
from tests.unit.flows.stage import Stage
from tests.unit.flows.test_reservations import CANCEL, REJECTED, RESERVE, SILENCE, kept, only_session, reserve
from tests.unit.flows.words import STATION, after, start, status

OCCUPIED = CallReply(outcome=CallOutcomeKind.ANSWERED, status="Occupied")
CONFUSED = CallReply(outcome=CallOutcomeKind.CALL_ERROR, error_code="InternalError")


@pytest_asyncio.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with opened_office(stage) as office:
        await stage.send(status(0, "Available"))
        yield office


async def boot(office: Office) -> None:
    await office.stage.boot()
    await office.settle()


async def test_a_station_that_booted_is_asked_again_under_the_same_number(office: Office) -> None:
    before = await reserve(office)
    office.stage.clock.at = after(10)
    await boot(office)
    await office.reply()

    first, again = office.stations.calls
    assert isinstance(again, ReserveCall)
    assert (again, again.expires_at) == (first, after(30))
    assert await kept(office) == before
    assert await office.results() == ["ACCEPTED"]


@pytest.mark.parametrize("word", ["Rejected", "Faulted", "Unavailable"])
async def test_what_the_station_keeps_no_longer_is_taken_back_and_its_partner_told(office: Office, word: str) -> None:
    await reserve(office)
    await boot(office)
    await office.reply(CallReply(outcome=CallOutcomeKind.ANSWERED, status=word))

    assert (await kept(office)).state is ReservationState.WITHDRAWN
    assert (await only_session(office)).status is SessionStatus.COMPLETED
    assert await office.results() == ["ACCEPTED", "CANCELED_RESERVATION"]
    told = (await office.stage.store.real.list_callbacks(limit=1))[0]
    assert told.message == f"after its restart the station answered {word}"


@pytest.mark.parametrize("reply", [OCCUPIED, SILENCE, CONFUSED])
async def test_an_answer_that_leaves_it_open_leaves_the_reservation(office: Office, reply: CallReply) -> None:
    before = await reserve(office)
    await boot(office)
    await office.reply(reply)
    assert await kept(office) == before

    await office.stage.send(start(10, reservation_id=str(before.no)))  # out of the station's queue

    assert (await kept(office)).state is ReservationState.USED


async def test_what_was_used_before_the_station_kept_it_again_is_let_go(office: Office) -> None:
    reservation = await reserve(office)
    await boot(office)
    await office.stage.send(start(10, reservation_id=str(reservation.no)))
    await office.reply()

    assert (await kept(office)).state is ReservationState.USED
    assert office.stations.calls[-1] == CancelReservationCall(no=reservation.no)


async def test_what_is_over_or_has_no_answer_yet_is_not_asked_for_again(office: Office) -> None:
    await reserve(office)
    await office.order(CANCEL)
    await office.reply()
    await office.order(replace(RESERVE, reservation_id="R-2"))
    before = list(office.stations.calls)

    await boot(office)

    assert office.stations.calls == before


async def test_what_has_expired_is_not_asked_for_again_before_the_station_has_told_all(office: Office) -> None:
    await reserve(office)
    office.stations.connected = set()
    await office.pass_s(31 * 60)
    office.stations.connected = {STATION}

    await boot(office)

    assert len(office.stations.calls) == 1
    assert (await kept(office)).state is ReservationState.ACTIVE


async def test_a_station_that_may_not_take_part_is_asked_for_nothing(office: Office) -> None:
    await reserve(office)
    station = office.stage.memory.find_station(STATION)
    assert station is not None
    await office.stage.provide(SaveStation(replace(station, admission=Admission.PENDING)))

    await boot(office)

    assert len(office.stations.calls) == 1


async def test_what_is_just_being_renewed_is_not_asked_for_as_it_was(office: Office) -> None:
    await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90)))

    await boot(office)

    assert len(office.stations.calls) == 2


async def test_a_renewal_that_comes_meanwhile_counts(office: Office) -> None:
    await reserve(office)
    await boot(office)
    await office.order(replace(RESERVE, expires_at=after(90)))
    office.stations.waiting.pop().set_result(ACCEPTED)
    await office.settle()
    await office.reply(REJECTED)

    assert ((await kept(office)).state, (await kept(office)).booking.expires_at) == (ReservationState.ACTIVE, after(90))


async def test_after_a_boot_the_doubt_about_a_renewal_is_gone(office: Office) -> None:
    await reserve(office)
    await office.order(replace(RESERVE, expires_at=after(90)))
    await office.reply(SILENCE)
    assert (await kept(office)).is_doubtful

    await boot(office)
    await office.reply()

    assert not (await kept(office)).is_doubtful
    assert (await kept(office)).booking.expires_at == after(30)
