"""Each thing that a partner asks for has exactly one result."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from gateway.domain.callbacks import Callback, CallbackKind, CallbackState
from gateway.domain.partners import PartnerStatus
from gateway.errors import StoreDownError
from gateway.ports import SavePartner
from tests.unit.flows.office import PARTNER, URL, Office, opened_office
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import NOON, STATION

ASKED = Callback(
    id="cb-1",
    partner_id=PARTNER.id,
    version="2.2.1",
    kind=CallbackKind.UNLOCK_CONNECTOR,
    response_url=URL,
    station_id=STATION,
    asked_at=NOON,
    deadline=NOON + timedelta(seconds=30),
)


@pytest_asyncio.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with opened_office(stage) as office:
        yield office


async def load(office: Office, callback_id: str = "cb-1") -> Callback:
    found = await office.stage.store.real.find_callback(callback_id)
    assert found is not None
    return found  # type: ignore[no-any-return]


async def test_a_result_is_fixed_once_with_its_bytes_and_its_delivery(office: Office) -> None:
    await office.callbacks.open(ASKED)

    first = await office.callbacks.finish("cb-1", "ACCEPTED")
    second = await office.callbacks.finish("cb-1", "FAILED")

    callback = await load(office)
    assert (first, second) == (True, False)
    assert (callback.state, callback.result, callback.body) == (CallbackState.ANSWERED, "ACCEPTED", b"ACCEPTED")
    assert [row.subject.object_id for row in await office.told()] == ["cb-1"]


async def test_a_result_that_could_not_be_saved_is_still_owed(office: Office) -> None:
    await office.callbacks.open(ASKED)
    office.stage.store.is_down = True
    with pytest.raises(StoreDownError):
        await office.callbacks.finish("cb-1", "ACCEPTED")
    office.stage.store.is_down = False

    assert await office.callbacks.finish("cb-1", "ACCEPTED")

    assert (await load(office)).result == "ACCEPTED"


async def test_a_timeout_that_could_not_be_saved_is_tried_again(office: Office) -> None:
    await office.callbacks.open(ASKED)
    office.stage.store.is_down = True
    await office.pass_s(30)
    office.stage.store.is_down = False

    await office.pass_s(6)

    assert (await load(office)).result == "TIMEOUT"


async def test_a_timeout_comes_early_enough_to_be_told_in_time(office: Office) -> None:
    await office.callbacks.open(ASKED)
    await office.pass_s(27)
    assert (await load(office)).result is None

    await office.pass_s(1)

    assert (await load(office)).result == "TIMEOUT"


async def test_nobody_is_told_who_has_left(office: Office) -> None:
    await office.callbacks.open(ASKED)
    partner = office.stage.memory.partners[PARTNER.id]
    await office.stage.provide(SavePartner(replace(partner, status=PartnerStatus.ENDED)))

    await office.callbacks.finish("cb-1", "ACCEPTED")

    assert (await load(office)).state is CallbackState.REFUSED
    assert await office.told() == []


async def test_a_result_that_nobody_waits_for_is_told_too(office: Office) -> None:
    await office.callbacks.announce(replace(ASKED, id="cb-2"), "CANCELED_RESERVATION")

    assert (await load(office, "cb-2")).body == b"CANCELED_RESERVATION"
    assert [row.subject.object_id for row in await office.told()] == ["cb-2"]
