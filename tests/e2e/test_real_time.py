"""Cards on which their eMSP decides, from the reader to the eMSP and back, and lists of tokens that are pulled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from simulators.charger import Patience, build_charger, load_scenario
from simulators.demo import LOCATION
from simulators.emsp.emsp import Emsp
from simulators.emsp.faults import held
from simulators.emsp.state import AuthorizeAnswer, Received
from tests.contract_schemas import assert_valid
from tests.e2e.house import GatewayProcess, House, until
from tests.e2e.wire import PASSWORD, Charger16, Visit, charger, now, stamp

UID = "04E2A1B2C3D480"
STRANGER = "04FFEEDDCCBBAA"
SHORT = {"GATEWAY_OCPI__AUTHORIZE_TIMEOUT_S": "0.3"}
ALLOWED = AuthorizeAnswer(authorization_reference="REF-1")


@pytest.fixture
async def emsp(house: House) -> AsyncIterator[Emsp]:
    """Registered, with a station to charge at."""
    await house.provision("CS1", password=PASSWORD, security_profile=1)
    async with provider(house) as emsp:
        yield emsp


@asynccontextmanager
async def provider(house: House, party_id: str = "EMS", **settings: Any) -> AsyncIterator[Emsp]:
    """A registered eMSP; `settings` are those of PUT partners/{id}."""
    known = {partner["id"] for partner in await house.items("partners")}
    async with await house.invite(f"eMSP {party_id}", party_id=party_id) as emsp:
        await emsp.register()
        if settings:
            (partner_id,) = {partner["id"] for partner in await house.items("partners")} - known
            await house.call("PUT", f"partners/{partner_id}", settings)
        yield emsp


def asks(emsp: Emsp) -> list[Received]:
    return [each for each in emsp.received if each.path.partition("?")[0].endswith("/authorize")]


async def start(plug: Charger16, uid: str = UID, *, at: Any = None) -> dict[str, Any]:
    payload = {"connectorId": 1, "idTag": uid, "meterStart": 100_000, "timestamp": at or stamp(now())}
    return await plug.call("StartTransaction", payload)


# --- from the reader to the bill


async def test_the_answer_of_the_emsp_is_the_drivers_and_its_reference_is_on_session_and_cdr(
    house: House, emsp: Emsp
) -> None:
    await emsp.push_token(UID, whitelist="NEVER")
    emsp.authorizations.answer(UID, ALLOWED)

    async with charger(house) as plug:
        assert await plug.authorize(UID) == "Accepted"
        await plug.live(Visit(UID, now() - timedelta(minutes=40)))
    await house.wait_for_cdrs(1)
    (session,), (cdr,) = await emsp.pull("sessions"), await emsp.pull("cdrs")

    for body in (session, cdr):
        assert (body["auth_method"], body["authorization_reference"]) == ("AUTH_REQUEST", "REF-1")
        assert body["cdr_token"]["uid"] == UID
    (ask,) = asks(emsp)
    assert ask.body == {"location_id": LOCATION, "evse_uids": ["EVSE-CS1"]}
    assert_valid("cdr", cdr)
    assert emsp.violations == []


async def test_an_emsp_of_2_1_1_is_asked_in_its_words(house: House) -> None:
    await house.provision("CS1", password=PASSWORD, security_profile=1)
    async with await house.invite(version="2.1.1") as emsp:
        await emsp.register()
        await emsp.push_token(UID, whitelist="NEVER")
        emsp.authorizations.answer(UID, AuthorizeAnswer())

        async with charger(house) as plug:
            await plug.live(Visit(UID, now() - timedelta(minutes=40)))
        await house.wait_for_cdrs(1)

        (cdr,) = await emsp.pull("cdrs")
        assert cdr["auth_method"] == "AUTH_REQUEST"
        place = {"location_id": LOCATION, "evse_uids": ["EVSE-CS1"], "connector_ids": ["1"]}
        assert [each.body for each in asks(emsp)] == [place]
        assert emsp.violations == []


async def test_a_start_without_a_word_before_is_asked_about_too(house: House, emsp: Emsp) -> None:
    await emsp.push_token(UID, whitelist="NEVER")
    emsp.authorizations.answer(UID, ALLOWED)

    async with charger(house) as plug:
        await plug.live(Visit(UID, now() - timedelta(minutes=40)))
    await house.wait_for_cdrs(1)

    (cdr,) = await emsp.pull("cdrs")
    assert (cdr["auth_method"], cdr["authorization_reference"]) == ("AUTH_REQUEST", "REF-1")
    assert len(asks(emsp)) == 1


async def test_a_201_station_is_served_alike(house: House, emsp: Emsp) -> None:
    await emsp.push_token(UID, whitelist="NEVER")
    emsp.authorizations.answer(UID, ALLOWED)
    scenario = load_scenario("201-simple").model_copy(update={"token": UID})
    station = build_charger(
        scenario,
        house.ocpp_url,
        "CS1",
        version="2.0.1",
        speed=None,
        password=PASSWORD,
        patience=Patience(reply_timeout_s=5, give_up_after_s=30),
    )

    async with station:
        outcome = await station.run_scenario(scenario)
    await house.wait_for_cdrs(1)

    assert outcome.failures == ()
    (cdr,) = await emsp.pull("cdrs")
    assert (cdr["auth_method"], cdr["authorization_reference"]) == ("AUTH_REQUEST", "REF-1")
    assert len(asks(emsp)) == 1
    assert emsp.violations == []


# --- every answer


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (AuthorizeAnswer("BLOCKED"), "Blocked"),
        (AuthorizeAnswer("EXPIRED"), "Expired"),
        (AuthorizeAnswer("NO_CREDIT"), "Invalid"),
        (AuthorizeAnswer("NOT_ALLOWED"), "Invalid"),
        (AuthorizeAnswer(status_code=2004, http_status=404), "Invalid"),
        (AuthorizeAnswer(status_code=2004), "Invalid"),
        (AuthorizeAnswer(status_code=2002), "Invalid"),
        (AuthorizeAnswer(status_code=3000, http_status=500), "Invalid"),
    ],
)
async def test_what_the_emsp_answers_is_what_the_driver_sees(
    house: House, emsp: Emsp, answer: AuthorizeAnswer, status: str
) -> None:
    await emsp.push_token(UID, whitelist="NEVER")
    emsp.authorizations.answer(UID, answer)

    async with charger(house) as plug:
        assert await plug.authorize(UID) == status
        assert (await start(plug))["idTagInfo"]["status"] == status


@pytest.mark.parametrize(("whitelist", "status"), [("ALLOWED_OFFLINE", "Accepted"), ("NEVER", "Invalid")])
async def test_a_slow_emsp_keeps_no_driver_waiting(tmp_path: Path, whitelist: str, status: str) -> None:
    async with House(tmp_path, env=SHORT) as house:
        await house.provision("CS1", password=PASSWORD, security_profile=1)
        async with provider(house) as emsp:
            await emsp.push_token(UID, whitelist=whitelist)
            emsp.authorizations.answer(UID, AuthorizeAnswer(delay_s=20))

            async with asyncio.timeout(10), charger(house) as plug:
                assert await plug.authorize(UID) == status


@pytest.mark.parametrize("whitelist", ["ALWAYS", "ALLOWED"])
async def test_an_emsp_is_not_asked_about_what_it_leaves_to_us(house: House, emsp: Emsp, whitelist: str) -> None:
    await emsp.push_token(UID, whitelist=whitelist)

    async with charger(house) as plug:
        assert await plug.authorize(UID) == "Accepted"
    assert asks(emsp) == []


# --- cards that nobody told us of


async def test_an_unknown_card_is_charged_to_the_emsp_that_allows_it(tmp_path: Path) -> None:
    async with House(tmp_path) as house, AsyncExitStack() as stack:
        await house.provision("CS1", password=PASSWORD, security_profile=1)
        reserved = await stack.enter_async_context(provider(house, "RES"))
        first, second = [
            await stack.enter_async_context(provider(house, party_id, ask_unknown=True)) for party_id in ("ONE", "TWO")
        ]
        for emsp in (reserved, second):
            emsp.know_token(STRANGER)

        async with charger(house) as plug:
            assert await plug.authorize(STRANGER) == "Accepted"
            await plug.live(Visit(STRANGER, now() - timedelta(minutes=40)))
        await house.wait_for_cdrs(1)

        assert [len(asks(emsp)) for emsp in (reserved, first, second)] == [0, 1, 1]
        assert [len(await emsp.pull("cdrs")) for emsp in (reserved, first, second)] == [0, 0, 1]
        assert first.violations + second.violations == []


# --- lists


async def test_a_list_is_pulled_page_by_page_and_then_what_changed(house: House, emsp: Emsp) -> None:
    for number in range(150):
        emsp.know_token(f"CARD-{number}")
    (partner,) = await house.items("partners")
    await house.call("PUT", f"partners/{partner['id']}", {"pulls_tokens": True})

    async def is_pulled() -> bool:
        (partner,) = await house.items("partners")
        return partner["tokens_pulled_until"] is not None

    await until(is_pulled, "the list pulled")
    async with charger(house) as plug:
        assert await plug.authorize("CARD-0") == "Accepted"
        assert await plug.authorize("CARD-149") == "Accepted"

    emsp.know_token("CARD-149", valid=False)
    await house.restart()

    async def is_blocked() -> bool:
        async with charger(house) as plug:
            return await plug.authorize("CARD-149") == "Blocked"

    await until(is_blocked, "the change pulled")
    lists = [each.path for each in emsp.received if each.method == "GET" and "/tokens" in each.path]
    assert ["date_from" in path for path in lists[:3]] == [False, False, True]
    assert emsp.violations == []


# --- ends


async def test_after_an_emsp_has_left_its_cards_are_refused_and_its_session_still_gets_its_cdr(
    house: House, emsp: Emsp
) -> None:
    await emsp.push_token(UID, whitelist="NEVER")
    await emsp.push_token("LOCAL-CARD", whitelist="ALWAYS")
    emsp.authorizations.answer(UID, ALLOWED)
    async with charger(house) as plug:
        assert await plug.authorize("LOCAL-CARD") == "Accepted"
        visit = Visit(UID, now() - timedelta(minutes=40))
        transaction_id = await plug.begin(visit)

        await emsp.unregister()

        assert await plug.authorize(UID) != "Accepted"
        assert await plug.authorize("LOCAL-CARD") != "Accepted"
        await plug.finish(transaction_id, visit)
    (cdr,) = await house.wait_for_cdrs(1)

    (partner,) = await house.items("partners")
    assert (partner["status"], cdr["partner_id"]) == ("ENDED", partner["id"])


async def test_a_start_survives_a_gateway_that_dies_while_it_asks(process: GatewayProcess) -> None:
    house = process.house
    await process.start()
    await house.provision("CS1", password=PASSWORD, security_profile=1)
    async with provider(house) as emsp:
        await emsp.push_token(UID, whitelist="NEVER")
        emsp.authorizations.answer(UID, ALLOWED)
        never = asyncio.Event()
        emsp.faults.add(held(never, path_contains="/authorize"))
        at = stamp(now() - timedelta(minutes=30))

        async def is_asked() -> bool:
            return emsp.faults.played == 1

        async with charger(house) as plug:
            starting = asyncio.ensure_future(start(plug, at=at))
            await until(is_asked, "the eMSP asked")
            process.kill()
            with pytest.raises(ConnectionClosed):
                await starting
        never.set()
        await process.start()

        async with charger(house) as plug:
            answer = await start(plug, at=at)
            assert answer["idTagInfo"]["status"] == "Accepted"
            stop = {"meterStop": 107_000, "timestamp": stamp(now()), "transactionId": answer["transactionId"]}
            await plug.call("StopTransaction", stop)
        await house.wait_for_cdrs(1)

        (cdr,) = await emsp.pull("cdrs")
        assert (cdr["total_energy"], cdr["authorization_reference"]) == (7, "REF-1")
        assert len(await house.items("sessions")) == 1
