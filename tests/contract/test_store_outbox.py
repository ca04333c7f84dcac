"""What every store promises of deliveries: they wait, merge, and go only in the generation that was sent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from gateway.domain.deliveries import (
    CdrReceipt,
    Delivery,
    DeliveryState,
    PartnerAnswer,
    Subject,
    bill_subject,
    location_subject,
    session_subject,
)
from gateway.ports import (
    Change,
    DropDeliveries,
    Enqueue,
    MarkSending,
    RefuseDelivery,
    SaveCdr,
    SaveCdrReceipt,
    SaveTariff,
    SettleDelivery,
)
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import CDR, NOON, PARTNER, TARIFF, SetClock

SESSION_ROW = session_subject("s-1")
BILL_ROW = bill_subject("s-1", "c-1")
NO = PartnerAnswer(at=NOON, http_status=200, status_code=2001, message="no")


def delivery(subject: Subject, **changes: object) -> Delivery:
    row = Delivery(partner_id=PARTNER, subject=subject, due_at=NOON, created_at=NOON)
    return replace(row, **changes)  # type: ignore[arg-type]


async def enqueue(store: SqliteStore, row: Delivery) -> Delivery:
    (saved,) = await store.commit([Enqueue(row)])
    assert isinstance(saved, Enqueue)
    return saved.delivery


async def test_a_delivery_waits_until_it_is_settled(world: World) -> None:
    store = await world.open()
    row = await enqueue(store, delivery(SESSION_ROW))
    assert (row.no, row.generation) == (1, 1)

    store = await world.reopen()

    assert await store.load_deliveries() == [row]
    await store.commit([SettleDelivery(row.no, row.generation)])
    assert await store.load_deliveries() == []


async def test_a_change_while_it_is_sent_keeps_it(store: SqliteStore) -> None:
    sent = await enqueue(store, delivery(SESSION_ROW))
    due_at = NOON + timedelta(minutes=1)
    again = await enqueue(store, delivery(SESSION_ROW, due_at=due_at))
    await store.commit([SettleDelivery(sent.no, sent.generation), RefuseDelivery(sent.no, sent.generation, NO)])

    assert await store.load_deliveries() == [again]
    assert (again.no, again.generation, again.due_at) == (sent.no, 2, due_at)


async def test_a_number_is_never_given_twice(store: SqliteStore) -> None:
    first = await enqueue(store, delivery(SESSION_ROW))
    await store.commit([SettleDelivery(first.no, first.generation)])

    assert (await enqueue(store, delivery(SESSION_ROW))).no > first.no


async def test_a_bill_that_waits_is_left_as_it_is(store: SqliteStore) -> None:
    row = await enqueue(store, delivery(BILL_ROW))
    await store.commit([MarkSending(row.no)])
    await enqueue(store, delivery(BILL_ROW))

    assert await store.load_deliveries() == [replace(row, state=DeliveryState.SENDING)]


async def test_what_was_refused_keeps_the_answer_until_it_is_sent_again(store: SqliteStore) -> None:
    bill, place = await enqueue(store, delivery(BILL_ROW)), await enqueue(store, delivery(location_subject("L")))
    await store.commit([RefuseDelivery(row.no, row.generation, NO) for row in (bill, place)])
    refused = await store.load_deliveries()
    assert [(row.state, row.answer) for row in refused] == [(DeliveryState.REFUSED, NO)] * 2

    await store.commit([Enqueue(row) for row in refused])

    assert [(row.state, row.answer) for row in await store.load_deliveries()] == [(DeliveryState.QUEUED, None)] * 2


async def test_nothing_waits_for_a_partner_that_left(store: SqliteStore) -> None:
    await enqueue(store, delivery(SESSION_ROW))
    other = await enqueue(store, delivery(SESSION_ROW, partner_id="other"))

    await store.commit([DropDeliveries(PARTNER)])

    assert await store.load_deliveries() == [other]


async def test_who_took_a_bill_and_who_refused_it_is_known(store: SqliteStore) -> None:
    receipt = CdrReceipt(cdr_id="c-1", partner_id="other", answer=replace(NO, location="https://emsp.example/c-1"))
    row = await enqueue(store, delivery(BILL_ROW))
    await store.commit([SaveCdrReceipt(receipt), RefuseDelivery(row.no, row.generation, NO)])

    receipts, waiting = await store.load_pushed_cdr("c-1")

    assert receipts == [receipt]
    assert [(one.no, one.answer) for one in waiting] == [(row.no, NO)]


async def test_a_bill_that_was_sent_and_refused_was_not_had(store: SqliteStore) -> None:
    await store.commit([SaveCdr(CDR)])
    await store.save_cdr_renderings("2.2.1", [("c-1", b"{}")])
    row = await enqueue(store, delivery(BILL_ROW))
    (waiting,) = await store.list_billed(NOON, NOON + timedelta(hours=2))
    await store.commit([RefuseDelivery(row.no, row.generation, NO)])

    (refused,) = await store.list_billed(NOON, NOON + timedelta(hours=2))

    assert (waiting.is_shown, waiting.is_refused) == (False, False)
    assert (refused.is_shown, refused.is_refused) == (False, True)


async def test_what_a_change_brings_with_it_is_in_the_same_work(world: World) -> None:
    published: list[Sequence[Change]] = []

    def follow(change: Change) -> Sequence[Change]:
        return [Enqueue(delivery(SESSION_ROW))] if isinstance(change, SaveTariff) else ()

    store = await SqliteStore.open(world.directory / "own" / "g.sqlite3", published.append, SetClock(), follow=follow)
    try:
        saved = await store.commit([SaveTariff(TARIFF)])

        assert [type(change) for change in saved] == [SaveTariff]
        assert [type(change) for batch in published for change in batch] == [SaveTariff, Enqueue]
        assert len(await store.load_deliveries()) == 1
    finally:
        await store.close()
