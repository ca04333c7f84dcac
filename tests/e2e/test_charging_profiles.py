"""Smart charging from the eMSP to the charger and back: profiles set, asked for, cleared, and drivers' preferences."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.charger import Charger, SimulatedClock
from simulators.demo import LOCATION, TARIFF, tariff
from simulators.emsp import Emsp, PeerRefusedError
from tests.contract_schemas import load_check
from tests.e2e.house import GatewayProcess, House, site, until

UID = "04E2A1B2C3D480"
STATION = "CS1"
BOTH = pytest.mark.parametrize("version", ["1.6", "2.0.1"])
PROFILE = {
    "charging_rate_unit": "A",
    "min_charging_rate": 6,
    "charging_profile_period": [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 8.1}],
}
QUICK = {"GATEWAY_OCPI__COMMAND_TIMEOUT_S": "5"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, QUICK) as running:
        yield running


def smart_site(*more_tariffs: str) -> dict[str, Any]:
    body = site(STATION)
    (evse,) = body["evses"]
    (plug,) = evse["connectors"]
    evse["capabilities"] = ["CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE", "RFID_READER"]
    plug["tariff_ids"] = [TARIFF, *more_tariffs]
    return body


@contextlib.asynccontextmanager
async def partner(house: House, **options: Any) -> AsyncIterator[Emsp]:
    await house.provision(STATION)
    await house.call("PUT", "tariffs/CHEAP", {**tariff(), "id": "CHEAP", "type": "PROFILE_CHEAP"})
    await house.call("PUT", f"locations/{LOCATION}", smart_site("CHEAP"))
    async with await house.invite(**options) as emsp:
        await emsp.register()
        await emsp.push_token(UID)
        yield emsp


@contextlib.asynccontextmanager
async def charging(house: House, version: str) -> AsyncIterator[Charger]:
    """A charger with a session that began a minute ago."""
    clock = SimulatedClock(datetime.now(UTC) - timedelta(minutes=1))
    async with Charger(house.ocpp_url, STATION, version=version, clock=clock, boots_on_reconnect=True) as charger:
        await charger.boot()
        await charger.plug()
        await charger.swipe(1, UID)
        yield charger


async def session_id_of(house: House) -> str:
    (session,) = await house.items("sessions")
    return str(session["id"])


def active_profiles(emsp: Emsp, session_id: str) -> list[dict[str, Any]]:
    """What was told by itself of the limits of a session, the newest last."""
    path = f"/chargingprofiles/{session_id}"
    return [one.body for one in emsp.received if one.method == "PUT" and one.path.endswith(path)]


async def told(emsp: Emsp, session_id: str, count: int) -> list[dict[str, Any]]:
    async def enough() -> list[dict[str, Any]] | None:
        found = active_profiles(emsp, session_id)
        return found if len(found) >= count else None

    found: list[dict[str, Any]] = await until(enough, f"{count} active profiles, {active_profiles(emsp, session_id)}")
    return found


def limits(active: dict[str, Any]) -> list[tuple[int, float]]:
    return [
        (period["start_period"], float(period["limit"]))
        for period in active["charging_profile"]["charging_profile_period"]
    ]


def check_schemas(emsp: Emsp, version: str) -> None:
    """Every body of the module that came, against the official schemas; that of results fits several of its own."""
    check = load_check()
    bodies = [(one.method, one.body) for one in emsp.received if "chargingprofiles" in one.path]
    assert len(bodies) >= 6
    for method, body in bodies:
        if method == "PUT":
            assert (
                check("op:senderPutActiveChargingProfile", _plain(body), version=version, strict=True, request=True)
                == []
            )
        else:
            kind = "active_chargingprofile_result" if "profile" in body else "chargingprofile_result"
            assert check(kind, _plain(body), version=version, strict=True) == []


@BOTH
@pytest.mark.parametrize("ocpi", ["2.2.1", "2.3.0"])
async def test_a_profile_is_set_asked_for_and_cleared(house: House, version: str, ocpi: str) -> None:
    async with partner(house, version=ocpi) as emsp, charging(house, version) as charger:
        session_id = await session_id_of(house)

        sent = await emsp.set_profile(session_id, PROFILE)
        assert sent.is_accepted
        assert await sent.result() == {"result": "ACCEPTED"}
        (first,) = await told(emsp, session_id, 1)
        assert limits(first) == [(0, 16), (600, 8.1)]
        assert charger.station.evse(1).limit_w == 16 * 690

        asked = await emsp.get_profile(session_id, 300)
        result = await asked.result()
        assert result is not None
        assert limits(result["profile"]) == [(0, 16)]
        assert result["profile"]["charging_profile"]["duration"] == 300

        cleared = await emsp.clear_profile(session_id)
        assert await cleared.result() == {"result": "ACCEPTED"}
        told_last = (await told(emsp, session_id, 2))[-1]
        assert limits(told_last) == [(0, 32)]
        again = await emsp.clear_profile(session_id)
        assert await again.result() == {"result": "UNKNOWN"}
        assert [str(finding) for finding in emsp.violations] == []

        check_schemas(emsp, ocpi)


@BOTH
async def test_a_profile_that_the_charger_rejects_is_told_so_and_nothing_else(house: House, version: str) -> None:
    async with partner(house) as emsp, charging(house, version) as charger:
        charger.answer_with("SetChargingProfile", {"status": "Rejected"})
        session_id = await session_id_of(house)

        sent = await emsp.set_profile(session_id, PROFILE)

        assert await sent.result() == {"result": "REJECTED"}
        assert active_profiles(emsp, session_id) == []


async def test_what_the_charger_cannot_take_is_rejected_before_it_is_sent(house: House) -> None:
    many = {**PROFILE, "charging_profile_period": [{"start_period": 60 * n, "limit": 6} for n in range(25)]}
    async with partner(house) as emsp, charging(house, "1.6"):
        session_id = await session_id_of(house)

        first = await emsp.set_profile(session_id, many)
        assert await first.result() == {"result": "REJECTED"}
        second = await emsp.set_profile(session_id, many)

        assert second.response["result"] == "REJECTED"


async def test_a_charger_that_does_not_answer_makes_it_rejected_in_time(house: House) -> None:
    async with partner(house) as emsp, charging(house, "1.6") as charger:
        charger.answer_with("SetChargingProfile", None)

        sent = await emsp.set_profile(await session_id_of(house), PROFILE)

        assert await sent.result() == {"result": "REJECTED"}


async def test_a_session_that_is_not_there_and_one_too_many_requests_are_answered_at_once(house: House) -> None:
    async with partner(house) as emsp, charging(house, "1.6"):
        session_id = await session_id_of(house)

        unknown = await emsp.set_profile("no-such-session", PROFILE)
        answers = [(await emsp.get_profile(session_id, 60)).response["result"] for _ in range(7)]

        assert unknown.response["result"] == "UNKNOWN_SESSION"
        assert answers == ["ACCEPTED"] * 6 + ["TOO_OFTEN"]


async def test_a_profile_ends_with_its_session(house: House) -> None:
    async with partner(house) as emsp, charging(house, "2.0.1") as charger:
        session_id = await session_id_of(house)
        await (await emsp.set_profile(session_id, PROFILE)).result()
        await charger.swipe(1, UID)

        after = await emsp.get_profile(session_id, 60)

        assert after.response["result"] == "UNKNOWN_SESSION"


async def test_a_limit_from_elsewhere_is_told_to_who_set_a_profile(house: House) -> None:
    async with partner(house) as emsp, charging(house, "2.0.1") as charger:
        session_id = await session_id_of(house)
        await (await emsp.set_profile(session_id, PROFILE)).result()
        await told(emsp, session_id, 1)

        limit = {"chargingLimit": {"chargingLimitSource": "EMS"}, "evseId": 1}
        assert await charger.send("NotifyChargingLimit", limit) == {}
        await told(emsp, session_id, 2)
        assert await charger.send("ClearedChargingLimit", {"chargingLimitSource": "EMS"}) == {}
        await told(emsp, session_id, 3)

        assert [str(finding) for finding in emsp.violations] == []


async def test_a_car_that_asks_for_a_schedule_gets_its_partners_and_must_keep_to_it(house: House) -> None:
    needs = {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "AC_three_phase"}}
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 20}]}
    plan = {"timeBase": datetime.now(UTC).isoformat(timespec="seconds"), "evseId": 1, "chargingSchedule": schedule}
    async with partner(house) as emsp, charging(house, "2.0.1") as charger:
        assert await charger.send("NotifyEVChargingNeeds", needs) == {"status": "Rejected"}
        session_id = await session_id_of(house)
        await (await emsp.set_profile(session_id, PROFILE)).result()
        await charger.wait_for_call("SetChargingProfile")

        assert await charger.send("NotifyEVChargingNeeds", needs) == {"status": "Processing"}
        await charger.wait_for_call("SetChargingProfile")
        assert await charger.send("NotifyEVChargingSchedule", plan) == {"status": "Rejected"}
        await charger.wait_for_call("SetChargingProfile")


async def test_a_request_in_flight_when_the_power_fails_has_one_result_after_it(process: GatewayProcess) -> None:
    process.house.env = {**process.house.env, **QUICK}
    house = process.house
    await process.start("command-sent:2")
    async with partner(house) as emsp, charging(house, "1.6"):
        session_id = await session_id_of(house)
        sent = await emsp.set_profile(session_id, PROFILE)
        await until(_dead(process), "the gateway died")
        assert sent.is_accepted
        await process.start()

        assert await sent.result(20) == {"result": "REJECTED"}

        await until(_connected(house), "the charger is back")
        again = await emsp.set_profile(session_id, PROFILE)
        assert await again.result() == {"result": "ACCEPTED"}
        assert len(sent.results) == 1


async def test_a_profile_outlives_a_restart(house: House) -> None:
    async with partner(house) as emsp, charging(house, "2.0.1"):
        session_id = await session_id_of(house)
        await (await emsp.set_profile(session_id, PROFILE)).result()
        await told(emsp, session_id, 1)

        await house.restart()
        await until(_connected(house), "the charger is back")
        cleared = await emsp.clear_profile(session_id)

        assert await cleared.result() == {"result": "ACCEPTED"}
        assert limits((await told(emsp, session_id, 2))[-1]) == [(0, 32)]


# --- preferences


async def test_preferences_choose_the_price_and_are_shown_to_the_operator(house: House) -> None:
    departure = (datetime.now(UTC) + timedelta(hours=8)).replace(microsecond=0)
    wishes = {
        "profile_type": "CHEAP",
        "departure_time": departure.isoformat().replace("+00:00", "Z"),
        "energy_need": 25.5,
        "discharge_allowed": True,
    }
    async with partner(house) as emsp, charging(house, "2.0.1"):
        session_id = await session_id_of(house)

        assert await emsp.set_preferences(session_id, wishes) == "ACCEPTED"
        assert await emsp.set_preferences(session_id, {"profile_type": "FAST"}) == "PROFILE_TYPE_NOT_SUPPORTED"

        shown = await house.call("GET", f"sessions/{session_id}")
        assert shown["tariff_id"] == "CHEAP"
        assert shown["preferences"] == {
            "profile_type": "CHEAP",
            "departure_at": wishes["departure_time"],
            "energy_need_kwh": 25.5,
            "discharge_allowed": True,
        }
        assert [str(finding) for finding in emsp.violations] == []


async def test_an_evse_that_takes_no_preferences_is_not_found(house: House) -> None:
    async with partner(house) as emsp, charging(house, "1.6"):
        await house.call("PUT", f"locations/{LOCATION}", site(STATION))
        session_id = await session_id_of(house)

        with pytest.raises(PeerRefusedError) as refused:
            await emsp.set_preferences(session_id, {"profile_type": "REGULAR"})

        assert (refused.value.http_status, refused.value.status_code) == (404, 2001)


async def test_2_1_1_has_neither(house: House) -> None:
    async with partner(house, version="2.1.1") as emsp, charging(house, "1.6"):
        session_id = await session_id_of(house)

        with pytest.raises(PeerRefusedError) as refused:
            await emsp.set_preferences(session_id, {"profile_type": "REGULAR"})

        assert refused.value.http_status == 404
        assert ("chargingprofiles", "RECEIVER") not in emsp.partner.endpoints  # type: ignore[union-attr]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | bool | None) else float(value)


def _dead(process: GatewayProcess) -> Any:
    async def is_dead() -> bool:
        return process.is_dead

    return is_dead


def _connected(house: House) -> Any:
    async def is_connected() -> bool:
        return bool((await house.call("GET", f"stations/{STATION}"))["connection"])

    return is_connected
