"""The copies of CDRs are rows that the gateway reads as its own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from benchmarks.gateway import PARTY_ID
from benchmarks.many_cdrs import ONE_OF_OTHER_IN, PER_DAY, fill
from gateway.domain.ids import party_id_of
from gateway.ocpi.wire import render_time
from gateway.ports import PageAsked, SaveCdr
from gateway.store.sqlite import SqliteStore
from tests.contract.samples import PARTNER, SetClock, cdr_no

COUNT = 2 * PER_DAY + 3
BILLED_AT = datetime(2026, 3, 1, 13, 0, 5, tzinfo=UTC)


async def test_copies_have_ids_times_and_numbers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sqlite3"
    store = await SqliteStore.open(path, lambda _: None, SetClock(BILLED_AT))
    for number in (1, 2):
        (saved,) = await store.commit([SaveCdr(cdr_no(number, party=party_id_of("NL", PARTY_ID)))])
        shown = {
            "id": saved.cdr.id,
            "session": saved.cdr.session_id,
            "last_updated": render_time(saved.cdr.last_updated),
        }
        await store.save_cdr_renderings("v", [(saved.cdr.id, orjson.dumps(shown))])
    await store.close()

    fill(path, COUNT)

    store = await SqliteStore.open(path, lambda _: None, SetClock(BILLED_AT))
    page = await store.page_cdrs(PARTNER, None, "v", PageAsked(offset=0, limit=COUNT))
    of_party = await store.page_cdrs(PARTNER, f"NL*{PARTY_ID}", "v", PageAsked(offset=0, limit=1))
    cdrs = [await store.find_cdr(row.cdr_id) for row in (page.items[0], page.items[-1])]
    await store.close()
    bodies = [orjson.loads(row.body or b"") for row in page.items]
    assert (page.total, of_party.total) == (COUNT, COUNT - COUNT // ONE_OF_OTHER_IN)
    assert [body["id"] for body in bodies] == [row.cdr_id for row in page.items]
    assert len({body["session"] for body in bodies}) == COUNT
    assert [body["last_updated"] for body in bodies] == sorted({body["last_updated"] for body in bodies})
    for cdr, body, ordinal in zip(cdrs, (bodies[0], bodies[-1]), (1, COUNT), strict=True):
        assert cdr is not None
        assert (cdr.ordinal, cdr.session_id) == (ordinal, body["session"])
        assert render_time(cdr.last_updated) == body["last_updated"]
        assert timedelta(0) < cdr.last_updated - cdr.ended_at < timedelta(days=2)
