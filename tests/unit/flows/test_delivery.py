"""What is done about an answer: bills that may be there already, endpoints that have moved."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.domain.deliveries import CdrReceipt, PartnerAnswer
from gateway.ports import SaveCdr, SaveCdrReceipt, SaveLocation, SavePartner, SaveTariff
from tests.contract.samples import CDR, LOCATION, NOON, PARTNER, TARIFF
from tests.unit.flows.post_office import TAKEN, PostOffice, opened_post, receiver

DUPLICATE = PartnerAnswer(at=NOON, http_status=200, status_code=2001, message="Duplicate CDR")
INVALID = replace(DUPLICATE, message="currency is missing")
SILENCE = PartnerAnswer(at=NOON, http_status=0, message="not answered in time")
KEPT_AT = "https://emsp.example/cdrs/77"
THERE = replace(TAKEN, location=KEPT_AT)
NOT_THERE = PartnerAnswer(at=NOON, http_status=404, status_code=2000)


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[PostOffice]:
    async with opened_post(tmp_path) as office:
        await office.commit(SavePartner(receiver()))
        yield office


async def refused(office: PostOffice) -> list[str]:
    return [row.subject.object_id for row in office.deliveries.standing(PARTNER).deliveries if row.answer is not None]


# --- bills that may be there already


async def test_a_bill_that_the_partner_calls_a_duplicate_and_has_was_delivered(office: PostOffice) -> None:
    office.network.answers, office.network.found = [DUPLICATE], [THERE]

    await office.commit(SaveCdr(CDR))

    assert await office.waiting() == []
    (receipt,), _ = await office.store.load_pushed_cdr(CDR.id)
    assert receipt.answer.location == KEPT_AT
    assert office.network.looked_for == [(CDR.id, None)]


async def test_a_bill_that_had_no_answer_and_is_then_refused_is_looked_for(office: PostOffice) -> None:
    office.network.answers, office.network.found = [SILENCE, INVALID], [THERE]
    await office.commit(SaveCdr(CDR))

    await office.wait(5)

    assert office.network.told == ["POST cdrs", "POST cdrs"]
    assert await office.waiting() == []


async def test_a_duplicate_that_is_not_there_is_refused_with_the_partners_words(office: PostOffice) -> None:
    office.network.answers, office.network.found = [DUPLICATE], [NOT_THERE]

    await office.commit(SaveCdr(CDR))

    (row,) = office.deliveries.standing(PARTNER).deliveries
    assert row.answer == DUPLICATE


async def test_where_nobody_can_say_whether_it_is_there_the_bill_is_tried_again(office: PostOffice) -> None:
    office.network.answers, office.network.found = [DUPLICATE], [SILENCE]
    await office.commit(SaveCdr(CDR))
    assert await refused(office) == []

    await office.wait(5)

    assert office.network.told == ["POST cdrs", "POST cdrs"]
    assert await office.waiting() == []


async def test_a_bill_that_is_plainly_refused_is_not_looked_for(office: PostOffice) -> None:
    office.network.answers = [INVALID]

    await office.commit(SaveCdr(CDR))

    assert office.network.looked_for == []
    assert await refused(office) == [CDR.id]


async def test_a_bill_is_looked_for_where_the_partner_said_that_it_keeps_it(office: PostOffice) -> None:
    receipt = CdrReceipt(cdr_id=CDR.id, partner_id=PARTNER, answer=replace(TAKEN, location=KEPT_AT))
    await office.commit(SaveCdrReceipt(receipt))
    office.network.answers, office.network.found = [DUPLICATE], [THERE]

    await office.commit(SaveCdr(CDR))

    assert office.network.looked_for == [(CDR.id, KEPT_AT)]


# --- endpoints that have moved


async def test_a_404_has_the_endpoints_looked_up_and_the_message_goes_where_they_are_now(office: PostOffice) -> None:
    known = office.memory.partners[PARTNER]
    moved = tuple(replace(endpoint, url=endpoint.url + "/v2") for endpoint in known.endpoints)
    office.network.moved = replace(known, endpoints=moved)
    office.network.answers = [NOT_THERE]

    await office.commit(SaveTariff(TARIFF))

    assert office.network.told == ["PUT tariffs T1", "PUT tariffs T1"]
    assert [partner.endpoints for partner in office.network.called] == [known.endpoints, moved]
    assert await office.waiting() == []


@pytest.mark.parametrize("minutes", [0, 10])
async def test_they_are_not_looked_up_at_every_404(office: PostOffice, minutes: int) -> None:
    office.network.answers = [NOT_THERE]
    await office.commit(SaveTariff(TARIFF))
    office.clock.at += timedelta(minutes=minutes)
    office.network.answers = [NOT_THERE]

    await office.commit(SaveLocation(LOCATION))

    assert office.network.looked_up == (1 if minutes == 0 else 2)
    assert await refused(office) == ["T1", "L1"]


async def test_a_system_that_answers_404_to_everything_is_away_and_its_bills_wait(office: PostOffice) -> None:
    """So does the front of many a system while what is behind it is being replaced."""
    office.network.answers = [replace(NOT_THERE, status_code=None)] * 2
    office.network.is_gone = True
    await office.commit(SaveCdr(CDR))
    await office.wait(5)
    assert (await refused(office), office.deliveries.standing(PARTNER).failures) == ([], 2)

    office.network.is_gone = False
    await office.wait(10)

    assert office.network.told == ["POST cdrs"] * 3
    assert await office.waiting() == []


# --- one object that a partner fails on


async def test_an_object_that_a_partner_always_fails_on_does_not_keep_it_from_the_others(office: PostOffice) -> None:
    broken = PartnerAnswer(at=NOON, http_status=500)
    office.network.answers = [broken] * 6
    await office.commit(SaveTariff(TARIFF))
    for seconds in (5, 10, 20, 40, 80):
        await office.wait(seconds)
    assert office.network.told == ["PUT tariffs T1"] * 6
    office.clock.at += timedelta(seconds=6)

    office.network.answers = [TAKEN]
    await office.commit(SaveLocation(LOCATION))

    assert office.network.told[6:] == ["PUT locations L1"]
    office.network.answers = [broken]
    await office.wait(154)
    assert office.network.told[7:] == ["PUT tariffs T1"]
    await office.wait(319)
    assert office.network.told[8:] == []
    await office.wait(1)
    assert office.network.told[8:] == ["PUT tariffs T1"]


async def test_a_partner_that_fails_on_one_object_after_the_other_is_left_alone_for_longer_each_time(
    office: PostOffice,
) -> None:
    office.network.answers = [PartnerAnswer(at=NOON, http_status=500)] * 9
    await office.commit(SaveTariff(TARIFF))
    office.clock.at += timedelta(seconds=4)
    await office.commit(SaveLocation(LOCATION))
    assert office.network.told == ["PUT tariffs T1"]

    await office.wait(1)
    await office.wait(9)
    assert len(office.network.sent) == 2
    await office.wait(1)
    assert len(office.network.sent) == 3
