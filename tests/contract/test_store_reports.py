"""What every store promises of reports: all bills and visits of a time, and nothing else."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from gateway.domain.explanations import ShownCdr
from gateway.domain.sessions import SessionStatus
from gateway.ports import SaveCdr, SaveSession
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import CDR, LEDGER, NOON, PARTNER, cdr_no, session_no

HOUR = timedelta(hours=1)
END = NOON + HOUR


async def test_bills_are_found_by_the_end_of_their_visits(store: SqliteStore) -> None:
    await store.commit(
        [
            SaveCdr(cdr_no(number, ended_at=at))
            for number, at in enumerate((END - HOUR, END, END + HOUR, END + 2 * HOUR), 1)
        ]
    )

    found = await store.list_billed(END, END + 2 * HOUR)

    assert [cdr.cdr_id for cdr in found] == ["c-2", "c-3"]
    assert (found[0].partner_id, found[0].currency, found[0].energy_wh) == (PARTNER, "EUR", Decimal("7250.125"))
    assert found[0].cost == CDR.totals.cost


async def test_a_bill_tells_whether_its_partner_has_had_it_and_whether_it_takes_one_back(store: SqliteStore) -> None:
    credit = replace(CDR, id="c-9", credit=True, credit_reference_id="c-1")
    await store.commit([SaveCdr(CDR), SaveCdr(credit), SaveCdr(cdr_no(2, partner_id=None))])
    await store.save_cdr_renderings("2.2.1", [("c-1", b"{}"), ("c-2", b"{}")])

    found = {cdr.cdr_id: cdr for cdr in await store.list_billed(NOON, NOON + 2 * HOUR)}

    assert {name: cdr.is_shown for name, cdr in found.items()} == {"c-1": True, "c-9": False, "c-2": None}
    assert {name: cdr.is_credit for name, cdr in found.items()} == {"c-1": False, "c-9": True, "c-2": False}


async def test_the_bytes_that_a_partner_was_shown_are_kept_by_version(store: SqliteStore) -> None:
    await store.commit([SaveCdr(CDR)])
    await store.save_cdr_renderings("2.2.1", [("c-1", b'{"id":1}')])

    assert await store.load_shown_cdr("c-1") == [ShownCdr(version="2.2.1", at=NOON, body=b'{"id":1}')]
    assert await store.load_shown_cdr("c-2") == []


async def test_visits_without_bill_are_found_whatever_their_status(store: SqliteStore) -> None:
    ended = replace(LEDGER, ended_at=END, last_at=END)
    held = session_no(1, ledger=ended, status=SessionStatus.COMPLETED, hold="no tariff")
    refused = session_no(2, ledger=ended, status=SessionStatus.INVALID)
    billed = session_no(3, ledger=ended, status=SessionStatus.COMPLETED, sealed_cdr_id="c-3")
    later = session_no(4, ledger=replace(ended, started_at=END + 5 * HOUR))
    await store.commit([SaveSession(session) for session in (held, refused, billed, later)])

    found = await store.list_unbilled(NOON, END + HOUR)

    assert [session.id for session in found] == ["s-1", "s-2"]
