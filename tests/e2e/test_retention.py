"""What is left of a driver after months and after years, in a gateway that is stopped and started meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.e2e.house import House, ShiftedClock, until
from tests.e2e.wire import Visit, charger, equip, now, registered, stamp

UID, STRANGER = "04E2A1B2C3D480", "04FFFFFFFFFF01"
DAY = timedelta(days=1)


async def test_what_is_old_is_deleted_and_the_bill_stays(tmp_path: Path) -> None:
    clock = ShiftedClock()
    start = (now() - timedelta(minutes=40)).replace(microsecond=0)
    async with House(tmp_path, clock=clock) as house:
        await equip(house, "CS1")
        async with registered(house) as emsp:
            await emsp.push(UID)
            async with charger(house) as plug:
                await plug.live(Visit(UID, start, energy_wh=6_000))
                at = {"idTag": STRANGER, "timestamp": stamp(start + timedelta(minutes=35))}
                refused = await plug.call("StartTransaction", {**at, "connectorId": 1, "meterStart": 0})
                number = {"transactionId": refused["transactionId"]}
                await plug.call("StopTransaction", {**at, **number, "meterStop": 0})
            (bill,) = await house.wait_for_cdrs(1)
            await emsp.push(UID, valid=False)
            shown = (await emsp.get("cdrs")).data
            assert {one["token_uid"] for one in await house.items("sessions")} == {UID, STRANGER}

            async def sweep(days: int) -> None:
                """So much later the gateway is started anew, and a minute passes."""
                clock.ahead += days * DAY
                await house.restart()
                clock.ahead += timedelta(minutes=1)

            await sweep(80)
            assert len(await house.items("sessions")) == 2

            await sweep(11)

            async def is_stranger_gone() -> bool:
                return {one["token_uid"] for one in await house.items("sessions")} == {UID}

            await until(is_stranger_gone, "the refused session is deleted")
            assert (await emsp.ask("GET", emsp.token_path(UID))).codes[0] == 404
            told = await house.call("GET", f"cdrs/{bill['id']}/explanation")
            assert told["facts"] != []

            await sweep(1_100)

            async def find_forgotten() -> dict[str, Any] | None:
                session: dict[str, Any] = await house.call("GET", f"sessions/{bill['session_id']}")
                return session if session["facts"] == [] else None

            forgotten = await until(find_forgotten, "its messages are deleted")
            await house.restart()

            assert (forgotten["token_uid"], forgotten["cdr_id"]) == (None, bill["id"])
            assert (await emsp.get("cdrs")).data == shown
            told = await house.call("GET", f"cdrs/{bill['id']}/explanation")
            assert any("deleted by now" in doubt for doubt in told["doubts"])
            status, answer = await house.ask(
                "POST", f"cdrs/{bill['id']}/corrections", {"reason": "a try", "energy_wh": 1000}
            )
            assert (status, "facts_days" in str(answer)) == (409, True)
            await house.call("POST", f"cdrs/{bill['id']}/corrections", {"reason": "taken back", "cancel": True})
            assert [one["credit"] for one in await house.items("cdrs")] == [True, False]
