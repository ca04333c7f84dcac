"""Reservations of partners: from their order to the plug that is kept, and to the bill, with or without a session.

The charger lives in simulated time and the gateway by a clock that is put forward with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.charger import Charger, Patience, SimulatedClock
from simulators.demo import LOCATION, TARIFF, tariff
from simulators.emsp.commands import SentCommand
from simulators.emsp.emsp import Emsp
from tests.contract_schemas import assert_valid
from tests.e2e.house import House, ShiftedClock, until
from tests.e2e.test_plug_to_cdr import plain

UID = "04E2A1B2C3D480"
WAIT_S = 10
SESSION = {
    "price_components": [
        {"type": "FLAT", "price": 0.50, "vat": 20, "step_size": 1},
        {"type": "ENERGY", "price": 0.25, "vat": 10, "step_size": 1},
    ]
}


def reserved(kind: str, *components: tuple[str, float, int]) -> dict[str, Any]:
    prices = [{"type": name, "price": price, "vat": 20, "step_size": step} for name, price, step in components]
    return {"price_components": prices, "restrictions": {"reservation": kind}}


# OCPI 2.3.0 mod_tariffs, examples 15 to 18
PER_HOUR = [reserved("RESERVATION", ("TIME", 5.00, 60)), SESSION]
FEE = [reserved("RESERVATION", ("FLAT", 2.00, 1), ("TIME", 5.00, 300)), SESSION]
EXPIRE_FEE = [
    reserved("RESERVATION_EXPIRES", ("FLAT", 4.00, 1)),
    reserved("RESERVATION", ("TIME", 2.00, 600)),
    SESSION,
]
EXPIRE_TIME = [
    reserved("RESERVATION_EXPIRES", ("TIME", 6.00, 600)),
    reserved("RESERVATION", ("TIME", 3.00, 600)),
    SESSION,
]


@dataclass
class Scene:
    house: House
    clock: ShiftedClock
    emsp: Emsp
    charger: Charger

    async def reserve(self, minutes: float = 60, uid: str = UID, **where: str) -> SentCommand:
        expiry = self.clock.now() + timedelta(minutes=minutes)
        asked = await self.emsp.reserve(uid, LOCATION, "R-1", expiry, **where)
        assert asked.is_accepted, asked.response
        return asked

    async def pass_time(self, minutes: float) -> None:
        """For the gateway and the charger alike."""
        self.clock.ahead += timedelta(minutes=minutes)
        await self.charger.wait(Decimal(str(minutes)))

    async def charge(self, kwh: int) -> None:
        """For an hour, at once for the gateway."""
        await self.charger.plug(1)
        status = await self.charger.swipe(1, UID)
        assert status == "Accepted"
        self.clock.ahead += timedelta(minutes=60)
        await self.charger.charge(1, minutes=60, kw=kwh)
        await self.charger.swipe(1, UID)
        await self.charger.unplug(1)

    async def pushed(self, status: str) -> dict[str, Any]:
        async def found() -> dict[str, Any] | None:
            bodies = self.emsp.store.sessions
            return bodies[-1] if bodies and bodies[-1]["status"] == status else None

        session: dict[str, Any] = await until(found, f"a session is {status}", WAIT_S)
        return session

    async def cdr(self) -> dict[str, Any]:
        await self.house.wait_for_cdrs(1)
        (cdr,) = await self.emsp.pull("cdrs")
        return cdr

    async def evse_status(self, status: str) -> None:
        async def has_it() -> bool:
            location = await self.house.call("GET", f"locations/{LOCATION}")
            return bool(location["evses"][0]["status"] == status)

        await until(has_it, f"the EVSE is {status}", WAIT_S)

    async def reservation(self) -> dict[str, Any]:
        (found,) = await self.house.items("reservations")
        return found


@asynccontextmanager
async def scene(
    directory: Path, elements: list[Any], *, ocpp: str = "1.6", ocpi: str = "2.2.1", connectors: int = 1
) -> AsyncIterator[Scene]:
    clock = ShiftedClock()
    async with House(directory, clock=clock) as house:
        await house.provision("CS1")
        await house.call("PUT", f"tariffs/{TARIFF}", {**tariff(), "elements": elements})
        location = await house.call("GET", f"locations/{LOCATION}")
        body = {key: value for key, value in location.items() if key not in ("last_updated", "id")}
        body["evses"][0]["capabilities"] = ["RESERVABLE", "REMOTE_START_STOP_CAPABLE"]
        await house.call("PUT", f"locations/{LOCATION}", body)
        async with await house.invite(version=ocpi, now=clock.now) as emsp:
            await emsp.register()
            await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
            charger = Charger(
                house.ocpp_url,
                "CS1",
                version=ocpp,
                clock=SimulatedClock(datetime.now(UTC)),
                connectors=connectors,
                patience=Patience(reply_timeout_s=5, give_up_after_s=30),
            )
            async with charger:
                await charger.boot()
                yield Scene(house, clock, emsp, charger)


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
@pytest.mark.parametrize(
    ("elements", "minutes", "before", "after", "reservation"),
    [
        pytest.param(PER_HOUR, 14.8, "6.75", "7.60", "1.25", id="15"),
        pytest.param(FEE, 12.8, "8.75", "10.00", "3.25", id="16"),
        pytest.param(EXPIRE_FEE, 21.8, "6.50", "7.30", "1.00", id="17"),
        pytest.param(EXPIRE_TIME, 21.8, "7.00", "7.90", "1.50", id="18"),
    ],
)
async def test_a_reservation_that_is_used_costs_what_the_examples_of_ocpi_say(
    tmp_path: Path, ocpp: str, elements: list[Any], minutes: float, before: str, after: str, reservation: str
) -> None:
    async with scene(tmp_path, elements, ocpp=ocpp) as on:
        asked = await on.reserve(60, evse_uid="EVSE-CS1")
        assert await asked.result(WAIT_S) == {"result": "ACCEPTED"}
        made = await on.pushed("RESERVATION")
        await on.evse_status("RESERVED")

        await on.pass_time(minutes)
        await on.charge(20)
        ended = await on.pushed("COMPLETED")
        cdr = await on.cdr()

        assert ended["id"] == made["id"] == cdr["session_id"]
        assert (cdr["total_cost"]["excl_vat"], cdr["total_cost"]["incl_vat"]) == (Decimal(before), Decimal(after))
        assert cdr["total_reservation_cost"]["excl_vat"] == Decimal(reservation)
        assert cdr["charging_periods"][0]["dimensions"][0]["type"] == "RESERVATION_TIME"
        assert cdr["start_date_time"] == made["start_date_time"] < ended["start_date_time"]
        assert cdr["auth_method"] == "WHITELIST"
        assert (cdr["total_energy"], cdr["total_time"]) == (20, 1)
        assert (await on.reservation())["state"] == "USED"
        explained = await on.house.call("GET", f"cdrs/{cdr['id']}/explanation")
        assert explained["doubts"] == []
        assert explained["periods"][0]["begun_by"] == "the plug is reserved for the driver"
        await on.evse_status("AVAILABLE")
        assert [str(finding) for finding in on.emsp.violations] == []
        for module, item in (("session", made), ("session", ended), ("cdr", cdr)):
            assert_valid(module, plain(item))


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
@pytest.mark.parametrize(
    ("elements", "minutes", "before", "after"),
    [
        pytest.param(EXPIRE_FEE, 60, "6.00", "7.20", id="17"),
        pytest.param(EXPIRE_TIME, 90, "9.00", "10.80", id="18"),
    ],
)
async def test_a_reservation_that_expires_is_completed_and_costs_what_the_examples_of_ocpi_say(
    tmp_path: Path, ocpp: str, elements: list[Any], minutes: float, before: str, after: str
) -> None:
    async with scene(tmp_path, elements, ocpp=ocpp) as on:
        asked = await on.reserve(minutes - 0.1)
        assert await asked.result(WAIT_S) == {"result": "ACCEPTED"}
        await on.pass_time(minutes)

        ended = await on.pushed("COMPLETED")
        cdr = await on.cdr()

        assert (cdr["total_cost"]["excl_vat"], cdr["total_cost"]["incl_vat"]) == (Decimal(before), Decimal(after))
        assert (cdr["total_energy"], cdr["total_time"], cdr["auth_method"]) == (0, 0, "COMMAND")
        assert ended["id"] == cdr["session_id"]
        assert (await on.reservation())["state"] == "EXPIRED"
        assert (await on.house.call("GET", f"cdrs/{cdr['id']}/explanation"))["doubts"] == []
        await on.evse_status("AVAILABLE")
        assert [str(finding) for finding in on.emsp.violations] == []
        assert_valid("cdr", plain(cdr))


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_a_reservation_without_a_price_ends_without_a_bill(tmp_path: Path, ocpp: str) -> None:
    async with scene(tmp_path, [SESSION], ocpp=ocpp) as on:
        await (await on.reserve(30)).result(WAIT_S)
        await on.pass_time(31)

        ended = await on.pushed("COMPLETED")

        assert ended["total_cost"] == {"excl_vat": 0, "incl_vat": 0}
        assert await on.house.items("cdrs") == []
        assert [str(finding) for finding in on.emsp.violations] == []


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_an_emsp_cancels_its_reservation_and_pays_for_the_time_alone(tmp_path: Path, ocpp: str) -> None:
    async with scene(tmp_path, EXPIRE_FEE, ocpp=ocpp) as on:
        await (await on.reserve(60)).result(WAIT_S)
        await on.pass_time(9.8)

        cancelled = await on.emsp.cancel_reservation("r-1")
        assert cancelled.is_accepted
        assert await cancelled.result(WAIT_S) == {"result": "ACCEPTED"}
        await on.pushed("COMPLETED")
        cdr = await on.cdr()

        assert cdr["total_cost"]["excl_vat"] == Decimal("0.3333")
        assert (await on.reservation())["state"] == "CANCELED"
        assert on.charger.station.evse(1).reservation is None
        again = await on.emsp.cancel_reservation("R-1")
        result = await again.result(WAIT_S)
        assert result is not None
        assert result["result"] == "UNKNOWN_RESERVATION"
        assert [str(finding) for finding in on.emsp.violations] == []


@pytest.mark.parametrize("ocpi", ["2.2.1", "2.3.0"])
async def test_the_operator_takes_a_reservation_back_and_the_partner_is_told(tmp_path: Path, ocpi: str) -> None:
    async with scene(tmp_path, EXPIRE_FEE, ocpi=ocpi) as on:
        asked = await on.reserve(60)
        await asked.result(WAIT_S)
        made = await on.reservation()

        taken = await on.house.call("DELETE", f"reservations/{made['id']}")

        async def told() -> bool:
            return len(asked.results) == 2

        await until(told, "the partner is told", WAIT_S)
        assert taken["state"] == "WITHDRAWN"
        assert asked.results[1]["result"] == "CANCELED_RESERVATION"
        await on.pushed("COMPLETED")
        assert await on.house.items("cdrs") == []
        assert on.charger.station.evse(1).reservation is None
        assert (await on.house.ask("DELETE", f"reservations/{made['id']}"))[0] == 409
        assert [str(finding) for finding in on.emsp.violations] == []


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_a_plug_that_breaks_is_kept_for_nobody(tmp_path: Path, ocpp: str) -> None:
    async with scene(tmp_path, EXPIRE_FEE, ocpp=ocpp) as on:
        asked = await on.reserve(60)
        await asked.result(WAIT_S)

        await on.charger.fault(1)

        async def told() -> bool:
            return len(asked.results) == 2

        await until(told, "the partner is told", WAIT_S)
        assert asked.results[1]["result"] == "CANCELED_RESERVATION"
        await on.evse_status("OUTOFORDER")
        assert (await on.reservation())["state"] == "WITHDRAWN"


async def test_the_same_id_again_moves_the_end_of_a_reservation(tmp_path: Path) -> None:
    async with scene(tmp_path, EXPIRE_FEE) as on:
        await (await on.reserve(30)).result(WAIT_S)
        first = await on.reservation()

        again = await on.emsp.reserve(UID, LOCATION, "R-1", on.clock.now() + timedelta(minutes=90))
        assert await again.result(WAIT_S) == {"result": "ACCEPTED"}

        await on.pass_time(45)
        second = await on.reservation()
        assert (second["state"], second["no"], second["id"]) == ("ACTIVE", first["no"], first["id"])
        await on.evse_status("RESERVED")


async def test_a_station_that_forgot_it_over_a_reboot_is_asked_for_it_again(tmp_path: Path) -> None:
    async with scene(tmp_path, EXPIRE_FEE) as on:
        asked = await on.reserve(60)
        await asked.result(WAIT_S)
        evse = on.charger.station.evse(1)
        kept, evse.reservation = evse.reservation, None

        await on.charger.reboot()

        async def is_kept() -> bool:
            return evse.reservation is not None

        await until(is_kept, "the EVSE is kept again", WAIT_S)
        assert evse.reservation == kept
        assert (await on.reservation())["state"] == "ACTIVE"
        assert len(asked.results) == 1


async def test_a_station_that_keeps_it_no_longer_after_a_reboot_ends_it(tmp_path: Path) -> None:
    async with scene(tmp_path, EXPIRE_FEE) as on:
        asked = await on.reserve(60)
        await asked.result(WAIT_S)
        on.charger.answer_with("ReserveNow", {"status": "Rejected"})

        await on.charger.reboot()

        async def told() -> bool:
            return len(asked.results) == 2

        await until(told, "the partner is told", WAIT_S)
        assert asked.results[1]["result"] == "CANCELED_RESERVATION"
        assert (await on.reservation())["state"] == "WITHDRAWN"


async def test_an_emsp_that_has_enough_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with scene(tmp_path, EXPIRE_FEE) as on:
        await (await on.reserve(60)).result(WAIT_S)

        end = on.clock.now() + timedelta(hours=25)
        late = await on.emsp.reserve(UID, LOCATION, "R-2", end, evse_uid="EVSE-CS1")
        again = await on.emsp.reserve(UID, LOCATION, "R-1", end)

        for refused in (late, again):
            assert refused.response["result"] == "REJECTED"
            assert "more than 86400 s away" in refused.response["message"][0]["text"]
        assert (await on.reservation())["state"] == "ACTIVE"


async def test_only_the_driver_may_use_what_is_kept_and_an_app_has_an_alias(tmp_path: Path) -> None:
    async with scene(tmp_path, PER_HOUR) as on:
        await on.emsp.push_token("04STRANGER", contract_id="NL-EMS-C00000002-X")
        on.emsp.know_token("app-user-of-a-mobile-phone", type="APP_USER")
        asked = await on.reserve(60, "app-user-of-a-mobile-phone")
        await asked.result(WAIT_S)
        alias = on.charger.station.evse(1).reservation
        assert alias is not None
        assert len(alias.token.uid) == 20

        await on.charger.plug(1)
        assert await on.charger.swipe(1, "04STRANGER") == "Reserved"
        assert await on.charger.swipe(1, alias.token.uid) == "Accepted"
        active = await on.pushed("ACTIVE")

        assert active["cdr_token"]["uid"] == "app-user-of-a-mobile-phone"
        assert active["auth_method"] == "COMMAND"
        assert (await on.reservation())["state"] == "USED"


async def test_who_plugs_in_before_he_shows_his_card_has_the_session_of_his_reservation(tmp_path: Path) -> None:
    async with scene(tmp_path, PER_HOUR, ocpp="2.0.1") as on:
        await (await on.reserve(60)).result(WAIT_S)
        made = await on.pushed("RESERVATION")
        point = {"component": {"name": "TxCtrlr"}, "variable": {"name": "TxStartPoint"}}
        change = {"setVariableData": [{**point, "attributeValue": "EVConnected"}]}
        await on.house.call("POST", "stations/CS1/calls", {"action": "SetVariables", "payload": change})

        await on.charger.plug(1)
        assert (await on.reservation())["state"] == "ACTIVE"
        await on.charger.swipe(1, UID)
        active = await on.pushed("ACTIVE")

        assert active["id"] == made["id"]
        assert {session["status"] for session in await on.house.items("sessions")} == {"ACTIVE", "INVALID"}
        on.clock.ahead += timedelta(minutes=1)
        await on.charger.charge(1, minutes=1, kw=6)
        await on.charger.unplug(1)
        cdr = await on.cdr()
        assert cdr["session_id"] == made["id"]
        assert cdr["total_energy"] == Decimal("0.1")
        assert [str(finding) for finding in on.emsp.violations] == []


async def test_an_emsp_of_2_1_1_reserves_and_is_told_of_the_session_alone(tmp_path: Path) -> None:
    async with scene(tmp_path, [SESSION], ocpi="2.1.1") as on:
        asked = await on.emsp.reserve(UID, LOCATION, 7, on.clock.now() + timedelta(minutes=60))
        assert asked.is_accepted, asked.response
        result = await asked.result(WAIT_S)
        assert result is not None
        assert result["result"] == "ACCEPTED"
        assert await on.emsp.pull("sessions") == []
        withheld = [one for one in await on.house.items("withheld") if one["kind"] == "session"]
        assert [one["what"] for one in withheld] == ["all"]

        await on.pass_time(5)
        await on.charge(20)
        await on.house.wait_for_cdrs(1)
        (cdr,) = await on.emsp.pull("cdrs")

        assert {dim["type"] for period in cdr["charging_periods"] for dim in period["dimensions"]} <= {
            "ENERGY",
            "TIME",
            "PARKING_TIME",
            "FLAT",
        }
        assert cdr["total_cost"] == Decimal("5.5")
