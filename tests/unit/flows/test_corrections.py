import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.cdrs import Cdr
from gateway.domain.money import Price
from gateway.domain.tariffs import TaxIncluded
from gateway.errors import ConflictError, NotFoundError, StoreDownError, WireError
from gateway.flows.corrections import Corrected, CorrectionAsked
from gateway.ports import SaveCdr, SaveTariff
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import EMSP, NOON, TARIFF, after, energy_price, metered, start, stop


async def bill(stage: Stage) -> Cdr:
    """20 minutes, 2 kWh, 1.00 EUR."""
    await stage.send_all(start(), stop(20, 3000))
    await stage.wait(5)
    return await stage.load_cdr()


async def correct(stage: Stage, cdr: Cdr, **asked: Any) -> Corrected:
    return await stage.corrections.correct(cdr.id, CorrectionAsked(**{"reason": "broken meter", **asked}))


async def test_a_corrected_bill_is_credited_and_another_stands_in_its_place(stage: Stage) -> None:
    cdr = await bill(stage)

    made = await correct(stage, cdr, energy_wh=Decimal(500), remark="sorry")

    assert made.cdr is not None
    assert await stage.store.load_cdrs_of_session(cdr.session_id) == [cdr, made.credit, made.cdr]
    assert made.credit.totals.cost == Price(before_taxes=Decimal("-1.0"), with_taxes=Decimal("-1.0"))
    assert (made.cdr.energy_wh, made.cdr.totals.cost.before_taxes) == (500, Decimal("0.25"))
    assert made.cdr.correction is not None
    assert (made.cdr.correction.reason, made.cdr.remark) == ("broken meter", "sorry")
    assert [one.ordinal for one in (cdr, made.credit, made.cdr)] == [1, 2, 3]
    assert len({one.id for one in (cdr, made.credit, made.cdr)}) == 3
    assert [type(change) for change in stage.store.commits[-1]] == [SaveCdr, SaveCdr], "both are one Work"


async def test_a_cancelled_bill_has_a_credit_alone(stage: Stage) -> None:
    cdr = await bill(stage)

    made = await correct(stage, cdr, cancel=True)

    assert made.cdr is None
    assert await stage.store.find_cdr_by_session(cdr.session_id) is None
    await stage.reopen()
    await stage.wait(3600)
    assert len(await stage.load_cdrs()) == 2


async def test_late_facts_count_when_the_operator_says_so_and_in_corrections_after_it(stage: Stage) -> None:
    await stage.send_all(start(), metered(10, 3000))
    await stage.wait(86_400)
    await stage.wait(0)
    cdr = await stage.load_cdr()
    await stage.send(stop(30, 7000))

    made = (await correct(stage, cdr, include_late_facts=True)).cdr
    assert made is not None
    await stage.send(metered(35, 9000))
    again = (await correct(stage, made, remark="only a word")).cdr

    assert (cdr.energy_wh, cdr.flags) == (2000, {"abandoned"})
    assert (made.energy_wh, made.ended_at, made.flags) == (6000, after(30), {"corrected"})
    assert again is not None
    assert (again.energy_wh, again.ended_at, again.corrects_id) == (6000, after(30), made.id)


async def test_another_tariff_of_now_prices_the_bill(stage: Stage) -> None:
    cdr = await bill(stage)
    await stage.provide(SaveTariff(replace(TARIFF, id="CHEAP", elements=(energy_price("0.10"),))))

    made = (await correct(stage, cdr, tariff_id="CHEAP")).cdr

    assert made is not None
    assert made.terms.tariff is not None
    assert (made.terms.tariff.id, made.totals.cost.before_taxes) == ("CHEAP", Decimal("0.2"))


async def test_another_end_bills_another_time(stage: Stage) -> None:
    cdr = await bill(stage)

    made = (await correct(stage, cdr, ended_at=after(15), invoice_reference_id="INV-1")).cdr

    assert made is not None
    assert (made.ended_at, made.time_s, made.energy_wh) == (after(15), 900, 2000)
    assert made.invoice_reference_id == "INV-1"


async def test_a_bill_is_credited_once(stage: Stage) -> None:
    cdr = await bill(stage)
    first = await correct(stage, cdr, energy_wh=Decimal(500))
    assert first.cdr is not None

    with pytest.raises(ConflictError, match=f"credited already by '{first.credit.id}'.*'{first.cdr.id}'"):
        await correct(stage, cdr, energy_wh=Decimal(400))
    with pytest.raises(ConflictError, match="is a credit itself"):
        await correct(stage, first.credit, cancel=True)
    await correct(stage, first.cdr, cancel=True)
    with pytest.raises(ConflictError, match="nothing stands in its place"):
        await correct(stage, first.cdr, cancel=True)


async def test_of_two_corrections_at_the_same_moment_one_is_made(stage: Stage) -> None:
    cdr = await bill(stage)

    results = await asyncio.gather(
        *(correct(stage, cdr, energy_wh=Decimal(wh)) for wh in (1, 2, 3)), return_exceptions=True
    )

    assert [type(result) for result in results] == [Corrected, ConflictError, ConflictError]
    assert len(await stage.load_cdrs()) == 3


async def test_a_correction_that_could_not_be_stored_leaves_the_bill_and_can_be_asked_again(stage: Stage) -> None:
    cdr = await bill(stage)
    stage.store.is_down = True
    with pytest.raises(StoreDownError):
        await correct(stage, cdr, cancel=True)
    stage.store.is_down = False
    assert await stage.load_cdrs() == [cdr]

    await correct(stage, cdr, cancel=True)

    assert len(await stage.load_cdrs()) == 2


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({}, "$"),
        ({"cancel": True, "remark": "x"}, "$.cancel"),
        ({"include_late_facts": True}, "$.include_late_facts"),
        ({"tariff_id": "NONE"}, "$.tariff_id"),
        ({"tariff_id": "FOREIGN"}, "$.tariff_id"),
        ({"tariff_id": "HARD"}, "$.tariff_id"),
        ({"ended_at": NOON}, "$.ended_at"),
        ({"ended_at": after(60)}, "$.ended_at"),
    ],
)
async def test_a_correction_that_makes_no_sense_is_refused_with_its_place(
    stage: Stage, asked: dict[str, Any], path: str
) -> None:
    cdr = await bill(stage)
    no_vat = replace(TARIFF, id="HARD", tax_included=TaxIncluded.YES)
    await stage.provide(SaveTariff(replace(TARIFF, id="FOREIGN", party=EMSP)), SaveTariff(no_vat))

    with pytest.raises(WireError) as refused:
        await correct(stage, cdr, **asked)

    assert refused.value.path == path
    assert await stage.load_cdrs() == [cdr]


async def test_an_unknown_bill_cannot_be_corrected(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="no CDR 'C9'"):
        await stage.corrections.correct("C9", CorrectionAsked(reason="x", cancel=True))


async def test_the_session_stays_as_partners_saw_it(stage: Stage) -> None:
    cdr = await bill(stage)
    before = await stage.load_session()

    await correct(stage, cdr, energy_wh=Decimal(1))

    assert await stage.load_session() == before
