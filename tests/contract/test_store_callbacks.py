"""What every store promises of what partners asked for: it waits for its result, which is fixed once; a start that
was ordered is known by what follows, and its session may be there first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.awaited import adopt, await_transaction
from gateway.domain.callbacks import Callback, CallbackKind, CallbackState
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.sessions import Ledger, Period, Phase, SessionStatus, Terms
from gateway.domain.tokens import IdToken
from gateway.errors import RevisionConflictError
from gateway.ports import SaveCallback, SaveRemoteStart, SaveSession
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import KEY, NOON, PARTNER, TOKEN

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


# --- starts -----------------------------------------------------------------------------------------------------------

START = RemoteStart(
    id="cb-1",
    session_id="s-9",
    partner_id=PARTNER,
    key=KEY,
    token=TOKEN,
    id_token=IdToken(value="ALIAS"),
    remote_start_id=7,
    asked_at=NOON,
    starts_by=NOON + timedelta(minutes=2),
    known_until=NOON + timedelta(minutes=15),
    kept_until=NOON + timedelta(days=1),
)
AWAITED = await_transaction(
    id_="s-9",
    key=KEY,
    status=SessionStatus.PENDING,
    terms=Terms(token=TOKEN),
    id_token=START.id_token,
    partner_id=PARTNER,
    at=NOON,
    until=START.starts_by,
    remote_start_id="7",
)


async def test_a_start_is_kept_and_changed_until_it_is_of_no_use(world: World) -> None:
    store = await world.open()
    used = replace(START, used_by="s-9", is_cancelled=True)
    await store.commit([SaveRemoteStart(START)])
    await store.commit([SaveRemoteStart(used)])
    store = await world.reopen()
    assert await store.load_remote_starts() == [used]

    world.clock.at = START.kept_until + timedelta(seconds=1)
    other = replace(START, id="cb-2", kept_until=world.clock.at + timedelta(days=1))
    await store.commit([SaveRemoteStart(other)])

    assert await store.load_remote_starts() == [other]


async def test_several_sessions_of_a_station_await_their_transactions(world: World) -> None:
    store = await world.open()
    await store.commit([SaveSession(AWAITED, write_terms=True), SaveSession(replace(AWAITED, id="s-8", start_key="k"))])
    store = await world.reopen()

    waiting = await store.load_unsealed_sessions()

    assert [(session.id, session.transaction_id) for session in waiting] == [("s-9", None), ("s-8", None)]
    assert await store.find_session_by_time(KEY, NOON + timedelta(minutes=1)) is None


async def test_a_transaction_takes_over_the_session_that_awaits_it(store: SqliteStore) -> None:
    (saved,) = await store.commit([SaveSession(AWAITED, write_terms=True)])
    assert isinstance(saved, SaveSession)
    ledger = Ledger(started_at=NOON, periods=(Period(start_at=NOON, phase=Phase.CHARGING),), last_at=NOON)
    taken = adopt(saved.session, key=KEY, transaction_id="12", start_key="start", ledger=ledger)

    await store.commit([SaveSession(taken, write_terms=True)])

    found = await store.find_session_by_transaction(KEY.station_id, "12")
    assert found is not None
    assert (found.id, found.start_key, found.seal_due_at) == ("s-9", "start", None)
    assert await store.find_session_by_start("start") == found
