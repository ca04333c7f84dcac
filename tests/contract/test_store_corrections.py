"""What every store promises of corrected bills: of a session one stands at most, and none changes."""

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.cdrs import Cdr, Correction
from gateway.errors import ConflictError
from gateway.ports import SaveCdr, SaveLateFact
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import CDR, FACT

CREDIT = replace(CDR, id="c-1-credit", credit=True, credit_reference_id="c-1")
CORRECTED = replace(CDR, id="c-1-again", corrects_id="c-1", correction=Correction(reason="broken meter"))


async def test_a_bill_is_credited_and_replaced_in_one_work_and_one_stands(store: SqliteStore) -> None:
    await store.commit([SaveCdr(CDR)])

    saved = await store.commit([SaveCdr(CREDIT), SaveCdr(CORRECTED)])

    first, credit, corrected = await store.load_cdrs_of_session("s-1")
    assert [first.id, credit.id, corrected.id] == ["c-1", "c-1-credit", "c-1-again"]
    assert [SaveCdr(credit), SaveCdr(corrected)] == saved
    assert [first.ordinal, credit.ordinal, corrected.ordinal] == [1, 2, 3]
    assert await store.find_cdr_by_session("s-1") == corrected
    assert corrected.correction == Correction(reason="broken meter")


async def test_after_a_credit_alone_no_bill_of_the_session_stands(store: SqliteStore) -> None:
    await store.commit([SaveCdr(CDR), SaveCdr(CREDIT)])

    assert await store.find_cdr_by_session("s-1") is None


@pytest.mark.parametrize(
    "work",
    [
        [CREDIT],
        [CORRECTED],
        [CDR, replace(CORRECTED, id="c-2")],
        [CDR, CREDIT, replace(CREDIT, id="c-2")],
        [CDR, replace(CREDIT, credit_reference_id="c-9")],
        [CDR, CREDIT, replace(CDR, id="c-2")],
        [CDR, CREDIT, replace(CORRECTED, corrects_id="c-9")],
        [CDR, CREDIT, CORRECTED, replace(CREDIT, id="c-2")],
        [CDR, CREDIT, CORRECTED, replace(CORRECTED, id="c-2")],
    ],
)
async def test_bills_that_do_not_follow_from_each_other_are_a_conflict(store: SqliteStore, work: list[Cdr]) -> None:
    with pytest.raises(ConflictError):
        await store.commit([SaveCdr(cdr) for cdr in work])

    assert await store.list_cdrs(limit=9) == []


async def test_of_corrections_at_the_same_moment_one_is_made_and_ordinals_have_no_gap(store: SqliteStore) -> None:
    await store.commit([SaveCdr(CDR)])
    works = [
        [SaveCdr(replace(CREDIT, id=f"credit-{n}")), SaveCdr(replace(CORRECTED, id=f"again-{n}"))] for n in range(5)
    ]

    results = await asyncio.gather(*(store.commit(work) for work in works), return_exceptions=True)

    assert [isinstance(result, ConflictError) for result in results].count(True) == 4
    assert [(cdr.ordinal, cdr.credit) for cdr in await store.load_cdrs_of_session("s-1")] == [
        (1, False),
        (2, True),
        (3, False),
    ]


async def test_late_facts_of_one_session_come_in_the_order_of_their_receipt(store: SqliteStore) -> None:
    late = [SaveLateFact("CP-1", f"s-{n % 2}", replace(FACT, key=f"f-{n}"), "billed already") for n in range(4)]
    for change in late:
        await store.commit([change])

    found = await store.load_late_facts("s-1")

    assert [(one.fact.key, one.session_id) for one in found] == [("f-1", "s-1"), ("f-3", "s-1")]
    assert found[0].no < found[1].no
