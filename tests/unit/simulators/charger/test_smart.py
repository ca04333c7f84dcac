"""A charger that keeps to the profiles that it is given, in both versions."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.charger import Charger
from tests.unit.simulators.charger.central import Central, central
from tests.unit.simulators.charger.test_v16 import charger_at as charger_16
from tests.unit.simulators.charger.test_v201 import answer
from tests.unit.simulators.charger.test_v201 import charger_at as charger_201

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1"])
STEPS = [(0, 16), (600, 0), (1200, 10.5)]


def charger_at(system: Central, version: str) -> Charger:
    return charger_16(system) if version == "1.6" else charger_201(system)


def transaction_of(charger: Charger) -> Any:
    tx = charger.station.evse(1).transaction
    return None if tx is None else tx.transaction_id


def setting(version: str, transaction_id: Any, **changes: Any) -> dict[str, Any]:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": at, "limit": limit} for at, limit in STEPS],
        **changes.pop("schedule", {}),
    }
    profile = {
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        **({} if transaction_id is None else {"transactionId": transaction_id}),
        **changes,
    }
    if version == "1.6":
        return {
            "connectorId": 1,
            "csChargingProfiles": {"chargingProfileId": 7, "chargingSchedule": schedule, **profile},
        }
    return {"evseId": 1, "chargingProfile": {"id": 7, "chargingSchedule": [{"id": 1, **schedule}], **profile}}


def asking(version: str, **more: Any) -> dict[str, Any]:
    return {"connectorId" if version == "1.6" else "evseId": 1, "duration": 1800, **more}


def composed(version: str, reply: dict[str, Any]) -> list[tuple[int, float]]:
    schedule = reply["chargingSchedule" if version == "1.6" else "schedule"]
    return [(period["startPeriod"], period["limit"]) for period in schedule["chargingSchedulePeriod"]]


@VERSIONS
async def test_a_profile_limits_what_flows(version: str) -> None:
    async with central(version) as system, charger_at(system, version) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        reply = await answer(system, charger, "SetChargingProfile", setting(version, transaction_of(charger)))
        assert reply["status"] == "Accepted"

        await charger.charge(1, minutes=30, kw=22)

        (session,) = charger.sessions
        assert session.energy_wh == round((16 + 10.5) * 690 / 6)
        assert session.parking.total_seconds() == 600


@VERSIONS
async def test_what_it_comes_to_is_told_from_now_on(version: str) -> None:
    async with central(version) as system, charger_at(system, version) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        assert composed(version, await answer(system, charger, "GetCompositeSchedule", asking(version))) == [(0, 32)]

        await answer(system, charger, "SetChargingProfile", setting(version, transaction_of(charger)))
        await charger.wait(5)

        assert composed(version, await answer(system, charger, "GetCompositeSchedule", asking(version))) == [
            (0, 16),
            (300, 0),
            (900, 10.5),
        ]


@VERSIONS
async def test_what_is_cleared_limits_no_more_and_is_unknown_then(version: str) -> None:
    clearing = {"id": 7} if version == "1.6" else {"chargingProfileId": 7}
    async with central(version) as system, charger_at(system, version) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await answer(system, charger, "SetChargingProfile", setting(version, transaction_of(charger)))

        assert (await answer(system, charger, "ClearChargingProfile", clearing))["status"] == "Accepted"
        assert (await answer(system, charger, "ClearChargingProfile", clearing))["status"] == "Unknown"
        assert composed(version, await answer(system, charger, "GetCompositeSchedule", asking(version))) == [(0, 32)]


@VERSIONS
async def test_a_profile_of_a_transaction_that_does_not_run_is_rejected(version: str) -> None:
    async with central(version) as system, charger_at(system, version) as charger:
        reply = await answer(system, charger, "SetChargingProfile", setting(version, 4711 if version == "1.6" else "X"))
        assert reply["status"] == "Rejected"
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        reply = await answer(system, charger, "SetChargingProfile", setting(version, 4711 if version == "1.6" else "X"))
        assert reply["status"] == "Rejected"


@VERSIONS
async def test_a_profile_that_is_too_much_is_rejected(version: str) -> None:
    late = {"chargingSchedulePeriod": [{"startPeriod": 60, "limit": 6}]}
    async with central(version) as system, charger_at(system, version) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        own = transaction_of(charger)
        for odd in (setting(version, own, stackLevel=4), setting(version, own, schedule=late)):
            assert (await answer(system, charger, "SetChargingProfile", odd))["status"] == "Rejected"


@VERSIONS
async def test_a_profile_ends_with_its_transaction(version: str) -> None:
    async with central(version) as system, charger_at(system, version) as charger:
        await charger.plug(1)
        await charger.swipe(1, "TAG")
        await answer(system, charger, "SetChargingProfile", setting(version, transaction_of(charger)))
        await charger.stop(1)

        assert composed(version, await answer(system, charger, "GetCompositeSchedule", asking(version))) == [(0, 32)]
