"""Sessions with a doubt that the operator named wait for him."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.doubts import DoubtRules
from gateway.errors import ConflictError, NotFoundError, StoreDownError
from gateway.ports import SaveLocation
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import (
    STATION,
    at_station,
    ended,
    make_evse,
    make_location,
    metered,
    reading,
    start,
    started,
    stop,
    updated,
)

HOUR_S = 3_600


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Stage]:
    """An operator who wants to see registers that fell and gaps."""
    stage = Stage(tmp_path)
    stage.doubt_rules = DoubtRules(hold_flags=frozenset({"register_fell", "gap"}))
    await stage.open()
    await stage.provide_usual()
    yield stage
    stage.store.is_down = False
    await stage.close()


async def doubtful(stage: Stage, station_id: str = STATION) -> str:
    said = [start(), metered(10, 500), stop(20, 3000)]
    await stage.send_all(*(at_station(one, station_id) for one in said))
    await stage.wait(5)
    return (await stage.load_session(station_id=station_id)).id


async def test_a_doubtful_session_is_held_with_the_reason_and_listed(strict: Stage) -> None:
    session_id = await doubtful(strict)

    assert await strict.load_cdrs() == []
    held = await strict.load_session()
    assert "register_fell" in (held.hold or "")
    ((listed, doubts),) = await strict.sealing.list_review()
    assert (listed.id, [doubt.flag for doubt in doubts]) == (session_id, ["register_fell"])


async def test_without_the_setting_the_bill_is_made_and_flagged(stage: Stage) -> None:
    await doubtful(stage)

    assert (await stage.load_cdr()).flags == {"register_fell"}
    assert await stage.sealing.list_review() == []


async def test_a_held_session_waits_over_restarts(strict: Stage) -> None:
    await doubtful(strict)
    held = await strict.load_session()

    await strict.reopen()
    await strict.wait(10 * 86_400)

    assert await strict.load_session() == held
    assert len(await strict.sealing.list_review()) == 1
    assert await strict.load_cdrs() == []


async def test_a_released_session_is_billed_as_it_is(strict: Stage) -> None:
    session_id = await doubtful(strict)

    made = await strict.sealing.release(session_id)

    assert await strict.load_cdr() == await strict.store.find_cdr(made.id)
    assert (made.energy_wh, made.flags) == (2500, {"register_fell", "reviewed"})
    assert ((await strict.load_session()).hold, await strict.sealing.list_review()) == (None, [])
    with pytest.raises(ConflictError, match="not held"):
        await strict.sealing.release(session_id)
    assert len(await strict.load_cdrs()) == 1


async def test_only_what_is_held_can_be_released(strict: Stage) -> None:
    await strict.send(start())
    open_id = (await strict.load_session()).id

    with pytest.raises(ConflictError, match="not held"):
        await strict.sealing.release(open_id)
    with pytest.raises(NotFoundError):
        await strict.sealing.release("S9")


async def test_a_release_does_not_bill_what_cannot_be_billed(strict: Stage) -> None:
    session_id = await doubtful(strict, "CS9")

    with pytest.raises(ConflictError, match="no location"):
        await strict.sealing.release(session_id)
    await strict.provide(SaveLocation(make_location(make_evse(1, "CS9"), location_id="L9")))
    await strict.sealing.release(session_id)

    assert (await strict.load_cdr()).flags == {"register_fell", "reviewed"}


async def test_a_release_while_the_store_is_down_can_be_asked_again(strict: Stage) -> None:
    session_id = await doubtful(strict)
    strict.store.is_down = True
    with pytest.raises(StoreDownError):
        await strict.sealing.release(session_id)
    strict.store.is_down = False

    await strict.sealing.release(session_id)

    assert len(await strict.load_cdrs()) == 1


async def test_a_doubt_that_late_messages_lift_holds_nothing_any_more(strict: Stage) -> None:
    await strict.send_all(started(), ended(2, 20, 3000))
    await strict.wait(HOUR_S)
    assert "gap" in ((await strict.load_session("tx-1")).hold or "")

    await strict.send(updated(1, 10, 2000))
    await strict.wait(0)

    assert (await strict.load_cdr()).flags == frozenset()


async def test_signed_values_that_are_in_no_order_wait_for_a_person_too(strict: Stage) -> None:
    strict.sealing._doubt_rules = DoubtRules(hold_flags=frozenset({"signature_unverified"}))
    signed = reading(20, 3000, value=None, format="SignedData", raw="AB12", context="Transaction.End")
    await strict.send_all(start(), stop(20, 3000, older=[signed]))
    await strict.wait(5)

    ((listed, doubts),) = await strict.sealing.list_review()
    made = await strict.sealing.release(listed.id)

    assert [doubt.flag for doubt in doubts] == ["signature_unverified"]
    assert (len(made.signed_values), made.flags) == (1, {"signature_unverified", "reviewed"})
