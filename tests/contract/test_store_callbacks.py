"""What every store promises of what partners asked for: it waits for its result, which is fixed once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.callbacks import Callback, CallbackKind, CallbackState
from gateway.errors import RevisionConflictError
from gateway.ports import SaveCallback
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import NOON, PARTNER

UNLOCK = Callback(
    id="cb-1",
    partner_id=PARTNER,
    version="2.2.1",
    kind=CallbackKind.UNLOCK_CONNECTOR,
    response_url="https://emsp.example/results/1?a=b",
    station_id="CP-1",
    asked_at=NOON,
    deadline=NOON + timedelta(seconds=30),
)


async def save(store: SqliteStore, callback: Callback) -> Callback:
    (saved,) = await store.commit([SaveCallback(callback)])
    assert isinstance(saved, SaveCallback)
    return saved.callback


async def test_what_was_asked_is_open_until_it_has_a_result(world: World) -> None:
    store = await world.open()
    saved = await save(store, UNLOCK)
    store = await world.reopen()
    assert await store.load_open_callbacks() == [saved]

    answered = await save(store, replace(saved, state=CallbackState.ANSWERED, result="ACCEPTED", body=b'{"a":1}'))

    assert await store.load_open_callbacks() == []
    assert await store.find_callback("cb-1") == answered
    assert answered.body == b'{"a":1}'


async def test_a_result_is_fixed_once(store: SqliteStore) -> None:
    saved = await save(store, UNLOCK)
    await save(store, replace(saved, state=CallbackState.ANSWERED, result="ACCEPTED"))

    with pytest.raises(RevisionConflictError, match="cb-1"):
        await save(store, replace(saved, state=CallbackState.ANSWERED, result="TIMEOUT"))


async def test_what_was_asked_is_listed_newest_first_and_by_station(store: SqliteStore) -> None:
    one = await save(store, UNLOCK)
    two = await save(store, replace(UNLOCK, id="cb-2", station_id="CP-2"))
    three = await save(store, replace(UNLOCK, id="cb-3"))

    assert await store.list_callbacks(limit=2) == [three, two]
    assert await store.list_callbacks(limit=9, station_id="cp-1") == [three, one]
