"""Bad manners and bad luck: lost replies, dead servers, offline queues, ghosts, raw frames."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from simulators.charger import (
    ConnectError,
    DisconnectedError,
    OfflineError,
    Patience,
    ReplyTimeoutError,
    StepError,
)
from tests.unit.simulators.charger.central import Refuse, central
from tests.unit.simulators.charger.test_v16 import charger_at


@pytest.mark.parametrize("moment", ["before_reply", "after_reply"])
async def test_a_message_whose_reply_got_lost_is_sent_again_unchanged(moment: Any) -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        charger.lose_replies(2, "StopTransaction", moment=moment)
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.stop(1)
        assert not charger.line.outbox

    stops = system.payloads("StopTransaction")
    assert len(stops) == 3
    assert stops[0] == stops[1] == stops[2]
    assert len([entry for entry in charger.acknowledged if entry.action == "StopTransaction"]) == 1
    assert system.connections == 3


async def test_a_whole_session_is_replayed_in_order_after_an_offline_time() -> None:
    async with central("1.6") as system, charger_at(system, sample_interval_s=600) as charger:
        await charger.boot()
        before = len(system.calls)
        await charger.go_offline()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=20, kw=6)
        await charger.swipe(1, "TAG")
        await charger.wait(60)
        assert len(system.calls) == before
        await charger.go_online()

    assert system.actions()[before:] == [
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
        "StatusNotification",
    ]
    start, stop = system.payloads("StartTransaction")[0], system.payloads("StopTransaction")[0]
    assert (start["timestamp"], stop["timestamp"]) == ("2026-01-05T08:00:00Z", "2026-01-05T08:20:00Z")
    assert stop["transactionId"] == 101
    assert [values["transactionId"] for values in system.payloads("MeterValues")] == [101, 101]


async def test_a_stop_delivered_before_its_start_knows_no_id() -> None:
    async with central("1.6") as system, charger_at(system, sample_interval_s=0) as charger:
        await charger.go_offline()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=20, kw=6)
        await charger.stop(1)
        await charger.go_online(order="reversed")

    assert [action for action in system.actions() if "Transaction" in action] == [
        "StopTransaction",
        "StartTransaction",
    ]
    assert system.payloads("StopTransaction")[0]["transactionId"] == -1


async def test_a_shuffled_queue_is_shuffled_the_same_for_the_same_seed() -> None:
    orders = []
    for _ in range(2):
        async with central("1.6") as system, charger_at(system) as charger:
            await charger.go_offline()
            await charger.plug(1)
            await charger.swipe(1, "TAG")
            await charger.charge(1, minutes=8, kw=6)
            await charger.stop(1)
            await charger.go_online(order="shuffled", seed=3)
        orders.append([payload.get("meterValue", payload) for payload in system.payloads("MeterValues")])

    times = [values[0]["timestamp"] for values in orders[0]]
    assert orders[0] == orders[1]
    assert times != sorted(times)


async def test_a_lost_start_leaves_a_stop_without_start() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        charger.lose_messages(1, "StartTransaction")
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.stop(1)

    assert "StartTransaction" not in system.actions()
    assert system.payloads("StopTransaction")[0]["transactionId"] == -1


async def test_stops_of_unknown_and_forged_transactions() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.stop_unknown(1, transaction_id=4711, token="TAG")
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.stop(1, transaction_id=0)

    assert [stop["transactionId"] for stop in system.payloads("StopTransaction")] == [4711, 0]


async def test_repeats_carry_the_same_or_a_new_message_id() -> None:
    async with central("1.6") as system, charger_at(system, sample_interval_s=0) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        same = await charger.repeat("StartTransaction", ids="same")
        new = await charger.repeat("StartTransaction", ids="new")
        with pytest.raises(StepError, match="no StopTransaction was acknowledged yet"):
            await charger.repeat("StopTransaction")

    ids = [message_id for message_id, action, _ in system.calls if action == "StartTransaction"]
    assert ids == [same.message_id, same.message_id, new.message_id]
    assert ids[0] != ids[2]
    payloads = system.payloads("StartTransaction")
    assert payloads[0] == payloads[1] == payloads[2]


async def test_every_transaction_message_can_be_sent_twice() -> None:
    async with central("1.6") as system, charger_at(system, sample_interval_s=0) as charger:
        charger.repeat_all("same")
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        charger.repeat_all("new")
        await charger.stop(1)

    starts = [message_id for message_id, action, _ in system.calls if action == "StartTransaction"]
    stops = [message_id for message_id, action, _ in system.calls if action == "StopTransaction"]
    assert (len(starts), len(set(starts))) == (2, 1)
    assert (len(stops), len(set(stops))) == (2, 2)


async def test_a_ghost_never_stops_and_is_available_after_the_boot() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=3, kw=6)
        await charger.lose_power(2, is_ghost=True)

    assert "StopTransaction" not in system.actions()
    assert system.actions()[-3:] == ["BootNotification", "StatusNotification", "StatusNotification"]
    assert system.payloads("StatusNotification")[-1]["status"] == "Available"
    ghost = charger.sessions[0]
    assert (ghost.is_ghost, ghost.energy_wh) == (True, 300)


async def test_after_a_power_loss_the_stop_follows_the_boot() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.lose_power(2)

    tail = system.actions()[-4:]
    assert tail == ["BootNotification", "StopTransaction", "StatusNotification", "StatusNotification"]
    assert system.payloads("StopTransaction")[0]["reason"] == "PowerLoss"


async def test_nothing_is_lost_when_the_central_system_dies_in_mid_session() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.boot()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=3, kw=6)
        await system.die()
        charging = asyncio.create_task(charger.charge(1, minutes=3, kw=6))
        stopping = asyncio.create_task(system.start())
        await asyncio.gather(charging, stopping)
        await charger.swipe(1, "TAG")

    times = [values["meterValue"][0]["timestamp"] for values in system.payloads("MeterValues")]
    assert times == [f"2026-01-05T08:0{minute}:00Z" for minute in range(1, 7)]
    assert system.payloads("StopTransaction")[0]["meterStop"] == 1_000_600
    assert not charger.line.outbox


async def test_random_deaths_of_the_central_system_lose_no_message() -> None:
    async with central("1.6") as system, charger_at(system) as charger:

        async def murder() -> None:
            for size in (5, 9, 14, 20):
                await system.until(size)
                await system.die()
                await system.start()

        killing = asyncio.create_task(murder())
        await charger.boot()
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await charger.charge(1, minutes=30, kw=6)
        await charger.stop(1)
        await killing

    acknowledged = [
        entry.payload["meterValue"][0]["timestamp"] for entry in charger.acknowledged if entry.action == "MeterValues"
    ]
    assert acknowledged == [f"2026-01-05T08:{minute:02}:00Z" for minute in range(1, 31)]
    assert not charger.line.outbox


async def test_a_line_that_stays_dead_is_told_after_the_patience_is_over() -> None:
    patience = Patience(backoff_min_s=0.01, backoff_max_s=0.02, give_up_after_s=0.2)
    async with central("1.6") as system, charger_at(system, patience=patience) as charger:
        await system.die()
        with pytest.raises(ConnectError, match=r"did not come back within 0\.2 s.*nothing listens"):
            await charger.heartbeat()


async def test_an_unanswered_call_is_sent_again_on_a_new_connection() -> None:
    patience = Patience(reply_timeout_s=0.05, backoff_min_s=0.01, give_up_after_s=5)
    silences = iter([None, {"currentTime": "2026-01-05T12:00:00Z"}])
    async with central("1.6") as system, charger_at(system, patience=patience) as charger:
        system.replies["Heartbeat"] = lambda _: next(silences)
        await charger.heartbeat()

    assert system.connections == 2


async def test_an_offline_charger_cannot_ask() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        await charger.go_offline()
        with pytest.raises(OfflineError, match="offline on purpose"):
            await charger.heartbeat()


async def test_a_charger_boots_again_on_each_new_connection_if_it_is_that_kind() -> None:
    async with central("1.6") as system, charger_at(system, boots_on_reconnect=True) as charger:
        await charger.boot()
        await charger.drop_connection()
        await charger.heartbeat()

    assert system.actions()[-2:] == ["BootNotification", "Heartbeat"]


async def test_raw_frames_get_their_raw_answer() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["Heartbeat"] = Refuse("InternalError")
        assert (await charger.send_raw("[,{"))[:3] == [4, "-1", "FormationViolation"]
        assert await charger.send_raw('[2,"raw-1","Heartbeat",{}]') == [4, "raw-1", "InternalError", "", {}]


async def test_a_raw_frame_may_end_the_connection_or_meet_silence() -> None:
    async with central("1.6") as system, charger_at(system) as charger:
        system.replies["Heartbeat"] = None
        with pytest.raises(ReplyTimeoutError, match="not answered within"):
            await charger.send_raw('[2,"raw-1","Heartbeat",{}]', timeout_s=0.05)
        with pytest.raises(DisconnectedError) as ended:
            await charger.send_raw("[" + "1," * 200_000 + "1]")

    assert ended.value.code == 1009
