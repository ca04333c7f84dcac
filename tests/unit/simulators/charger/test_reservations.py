"""What the charger keeps for drivers, in both versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from simulators.charger import Charger
from simulators.charger.clock import render_time
from tests.unit.simulators.charger.central import Central, central
from tests.unit.simulators.charger.test_v16 import charger_at as charger_at_16
from tests.unit.simulators.charger.test_v16_calls import answer
from tests.unit.simulators.charger.test_v201 import charger_at as charger_at_201

AT = {"1.6": charger_at_16, "2.0.1": charger_at_201}
VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


async def reserve(
    system: Central, charger: Charger, version: str, no: int = 7, *, evse: int = 1, minutes: int = 30, tag: str = "TAG"
) -> str:
    until = render_time(charger.clock.now + timedelta(minutes=minutes))
    if version == "1.6":
        payload: dict[str, Any] = {"connectorId": evse, "expiryDate": until, "idTag": tag, "reservationId": no}
    else:
        payload = {"id": no, "expiryDateTime": until, "idToken": {"idToken": tag, "type": "ISO14443"}, "evseId": evse}
    reply = await answer(system, charger, "ReserveNow", payload)
    return str(reply["status"])


def last_state(system: Central, version: str) -> str:
    payload = system.payloads("StatusNotification")[-1]
    return str(payload["status" if version == "1.6" else "connectorStatus"])


@VERSIONS
async def test_an_evse_is_kept_for_a_card_and_let_go_with_its_start(version: str) -> None:
    async with central(version) as system, AT[version](system) as charger:
        await charger.boot()
        assert await reserve(system, charger, version) == "Accepted"
        assert last_state(system, version) == "Reserved"
        await charger.plug(1)
        assert await charger.swipe(1, "OTHER") == "Reserved"

        assert await charger.swipe(1, "TAG") == "Accepted"

        started = system.payloads("StartTransaction" if version == "1.6" else "TransactionEvent")[0]
        assert started["reservationId"] == 7
        assert charger.station.evse(1).reservation is None


@VERSIONS
async def test_it_expires_and_only_2_x_says_so(version: str) -> None:
    async with central(version) as system, AT[version](system) as charger:
        await charger.boot()
        await reserve(system, charger, version)
        await charger.wait(31)

        assert last_state(system, version) == "Available"
        told = system.payloads("ReservationStatusUpdate")
        expected = [] if version == "1.6" else [{"reservationId": 7, "reservationUpdateStatus": "Expired"}]
        assert told == expected


@VERSIONS
async def test_the_same_number_again_replaces_it_and_another_finds_it_occupied(version: str) -> None:
    async with central(version) as system, AT[version](system) as charger:
        await charger.boot()
        await reserve(system, charger, version)
        assert await reserve(system, charger, version, 8) == "Occupied"
        assert await reserve(system, charger, version, minutes=90) == "Accepted"
        await charger.wait(60)

        assert charger.station.evse(1).reservation is not None


@VERSIONS
async def test_it_is_cancelled_by_its_number(version: str) -> None:
    async with central(version) as system, AT[version](system) as charger:
        await charger.boot()
        await reserve(system, charger, version)

        assert await answer(system, charger, "CancelReservation", {"reservationId": 8}) == {"status": "Rejected"}
        assert await answer(system, charger, "CancelReservation", {"reservationId": 7}) == {"status": "Accepted"}
        assert last_state(system, version) == "Available"


@VERSIONS
async def test_a_broken_or_unknown_evse_is_kept_for_nobody(version: str) -> None:
    async with central(version) as system, AT[version](system) as charger:
        await charger.boot()
        assert await reserve(system, charger, version, evse=9) == "Rejected"
        await reserve(system, charger, version)
        await charger.fault(1)

        assert charger.station.evse(1).reservation is None
        assert await reserve(system, charger, version) == "Faulted"
