"""What is more than a partner may have kept is refused at once, and its station is not asked."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest_asyncio

from gateway.core.reservation_limits import ReservationLimits
from gateway.domain.commands import CancelReservationOrder, ReserveOrder
from tests.unit.flows.office import URL, Office, opened_office
from tests.unit.flows.stage import Stage
from tests.unit.flows.test_reservations import REJECTED, RESERVE, SILENCE
from tests.unit.flows.words import STATION, TOKEN, after, status

SECOND = replace(RESERVE, reservation_id="R-2", evse_uid=f"{STATION}-2", token=replace(TOKEN, uid="04FFFF01"))
ONE_EACH = ReservationLimits(most_per_partner=1, longest=timedelta(hours=1))


@pytest_asyncio.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with opened_office(stage, limits=ONE_EACH) as office:
        await stage.send(status(0, "Available"))
        yield office


async def reserve(office: Office, order: ReserveOrder = RESERVE) -> str:
    answer = await office.order(order)
    if answer.result == "ACCEPTED":
        await office.reply()
    return answer.result


async def test_what_is_too_much_is_refused_at_once_with_the_reason(office: Office) -> None:
    await reserve(office)

    answer = await office.order(SECOND)

    assert (answer.result, len(office.stations.calls)) == ("REJECTED", 1)
    assert answer.message == "you have 1 reservation already, and may have no more: cancel one first"
    assert len(await office.stage.store.real.list_reservations(limit=9)) == 1


async def test_an_end_too_far_ahead_is_refused(office: Office) -> None:
    answer = await office.order(replace(RESERVE, expires_at=after(61)))

    assert answer.result == "REJECTED"
    assert "more than 3600 s away" in (answer.message or "")


async def test_what_its_station_has_not_answered_yet_counts(office: Office) -> None:
    await office.order(RESERVE)

    assert await reserve(office, SECOND) == "REJECTED"


async def test_a_renewal_is_none_more(office: Office) -> None:
    await reserve(office)

    assert await reserve(office, replace(RESERVE, reservation_id="r-1", expires_at=after(50))) == "ACCEPTED"


async def test_what_is_cancelled_or_over_makes_room(office: Office) -> None:
    await reserve(office)
    await office.order(CancelReservationOrder(response_url=URL, reservation_id="R-1"))
    await office.reply()
    assert await reserve(office, SECOND) == "ACCEPTED"
    await office.pass_s(31 * 60)

    assert await reserve(office, replace(RESERVE, reservation_id="R-3", expires_at=after(60))) == "ACCEPTED"


async def test_what_the_station_refused_or_never_answered_makes_room(office: Office) -> None:
    await office.order(RESERVE)
    await office.reply(REJECTED)
    await office.order(RESERVE)
    await office.reply(SILENCE)
    await office.reply(SILENCE)  # to letting go

    assert await reserve(office, SECOND) == "ACCEPTED"


async def test_the_limit_holds_after_a_restart(office: Office) -> None:
    await reserve(office)
    await office.reopen()

    assert await reserve(office, SECOND) == "REJECTED"
