from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from aiohttp.test_utils import TestClient

from gateway.console.parse_locations import parse_location
from gateway.domain.cdrs import Cdr, CdrPeriod, Totals
from gateway.domain.locations import Place
from gateway.domain.meters import Reading
from gateway.domain.money import Price
from gateway.domain.sessions import Fact, FactKind, Ledger, Period, Phase, Session, SessionStatus, Terms
from gateway.domain.signatures import Nature, SignedValue, StatedReading, Verdict
from gateway.domain.tokens import IdToken
from gateway.flows.provisioning import StationOrder
from tests.fakes.console_world import NOW, OURS, World
from tests.fakes.meters import make_meter, payload
from tests.unit.console.test_inventory import LOCATION
from tests.unit.flows.test_inventory import PLUG, TARIFF
from tests.unit.flows.test_local_tokens import PUSHED

API = "/api/v1"
END = NOW + timedelta(hours=1)
SITE = parse_location(LOCATION, location_id="LOC1", parties=(OURS,), now=NOW)
TERMS = Terms(
    place=Place(location=SITE, evse=SITE.evses[0], connector=SITE.evses[0].connectors[0]), tariff=TARIFF, token=PUSHED
)
DONE = Session(
    id="S1",
    key=PLUG,
    transaction_id="7",
    start_key="start",
    status=SessionStatus.COMPLETED,
    ledger=Ledger(
        started_at=NOW,
        ended_at=END,
        periods=(),
        last_at=END,
        energy_wh=Decimal("7250.5"),
        stop_reason="EVDisconnected",
        fact_count=2,
        flags=frozenset({"time_replaced", "gap"}),
    ),
    terms=TERMS,
    id_token=IdToken(value="card1"),
    partner_id="P1",
    sealed_cdr_id="C1",
    last_updated=END,
)
HELD = replace(DONE, id="S2", key=replace(PLUG, station_id="CP2"), sealed_cdr_id=None, hold="its plug stands nowhere")
FACT = Fact(
    kind=FactKind.ENDED,
    key="k",
    at=END,
    at_raw="2026-03-01T13:00:00Z",
    received_at=END,
    message_id="m1",
    stop_reason="EVDisconnected",
    readings=(Reading(at=END, value=Decimal("7250.5"), context="Transaction.End"),),
)
CDR = Cdr(
    id="C1",
    session_id="S1",
    party=OURS,
    partner_id="P1",
    terms=TERMS,
    started_at=NOW,
    ended_at=END,
    currency="EUR",
    periods=(CdrPeriod(start_at=NOW, phase=Phase.CHARGING, duration_s=Decimal(3600), energy_wh=Decimal("7250.5")),),
    totals=Totals(
        cost=Price(before_taxes=Decimal("1.81"), with_taxes=Decimal("2.15")),
        energy=Price(before_taxes=Decimal("1.81"), with_taxes=Decimal("2.15")),
    ),
    energy_wh=Decimal("7250.5"),
    time_s=Decimal(3600),
    parking_time_s=Decimal(600),
    ordinal=4,
    last_updated=END,
)


@pytest.fixture(autouse=True)
def ledger(world: World) -> None:
    world.store.sessions = [DONE, HELD]
    world.store.facts = {"S1": [FACT]}
    world.store.cdrs = [CDR, replace(CDR, id="C0", ordinal=3)]


async def test_a_session_shows_what_was_signed_checked_with_the_keys_of_today(client: TestClient, world: World) -> None:
    meter = make_meter()
    signed = Reading(at=END, value=None, format="SignedData", raw=meter.record(payload(("B", "0"), ("E", "7.250"))))
    world.store.facts = {"S1": [replace(FACT, readings=(*FACT.readings, signed))]}

    before = await (await client.get(f"{API}/sessions/S1")).json()
    await world.provisioning.put(PLUG.station_id, StationOrder(meter_public_keys={"1": meter.public_key}))
    after = await (await client.get(f"{API}/sessions/S1")).json()

    assert before["signed_flags"] == ["signature_unverified"]
    assert before["signed_values"][0]["reason"].startswith("no public key")
    (value,) = after["signed_values"]
    assert (value["verdict"], value["key_source"], value["nature"]) == ("VERIFIED", "OPERATOR", "End")
    assert [reading["energy_wh"] for reading in value["readings"]] == [0, 7250]
    assert after["signed_flags"] == []


async def test_a_session_forgotten_while_it_is_read_is_shown_without_its_driver(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_facts = world.store.load_facts

    async def forget_after(session_id: str) -> Sequence[Fact]:
        facts = await load_facts(session_id)
        world.store.facts = {}
        world.store.sessions = [replace(DONE, id_token=None, terms=Terms())]
        return facts

    monkeypatch.setattr(world.store, "load_facts", forget_after)

    shown = await (await client.get(f"{API}/sessions/S1")).json()

    assert (shown["token_uid"], shown["cdr_id"]) == (None, "C1")


async def test_a_cdr_shows_the_verdicts_of_the_day_it_was_made(client: TestClient, world: World) -> None:
    broken = SignedValue(
        nature=Nature.END,
        at=END,
        plain_data="OCMF|…",
        signed_data="T0NNRg==",
        verdict=Verdict.BROKEN,
        reason="the signature does not fit",
        readings=(StatedReading(energy_wh=Decimal(7250), transaction="E"),),
    )
    world.store.cdrs = [replace(CDR, signed_values=(broken,), flags=frozenset({"signature_broken"}))]

    body = await (await client.get(f"{API}/cdrs/C1")).json()

    assert body["flags"] == ["signature_broken"]
    (value,) = body["signed_values"]
    assert (value["verdict"], value["reason"]) == ("BROKEN", "the signature does not fit")
    assert (value["plain_data"], value["readings"][0]["energy_wh"]) == ("OCMF|…", 7250)


async def test_sessions_tell_what_was_charged_and_why_it_ended(client: TestClient) -> None:
    sessions = await (await client.get(f"{API}/sessions")).json()

    first = sessions[0]
    assert [session["id"] for session in sessions] == ["S1", "S2"]
    assert (first["transaction_id"], first["token_uid"], first["stop_reason"]) == ("7", "card1", "EVDisconnected")
    assert (first["started_at"], first["ended_at"]) == ("2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z")
    assert (first["energy_wh"], first["energy_kwh"], first["fact_count"]) == (7250.5, 7.2505, 2)
    assert first["flags"] == ["gap", "time_replaced"]
    assert (first["location_id"], first["evse_uid"], first["connector_id"]) == ("LOC1", "E1", "1")
    assert (first["cdr_id"], first["hold"]) == ("C1", None)
    assert sessions[1]["hold"] == "its plug stands nowhere"


async def test_sessions_are_asked_by_station_and_page(client: TestClient, world: World) -> None:
    await world.provisioning.put("CP2", StationOrder())

    by_station = await (await client.get(f"{API}/sessions?station_id=cp2")).json()
    by_page = await (await client.get(f"{API}/sessions?limit=1&offset=1")).json()
    of_nobody = await (await client.get(f"{API}/sessions?station_id=CP9")).json()

    assert [session["id"] for session in by_station] == ["S2"]
    assert [session["id"] for session in by_page] == ["S2"]
    assert of_nobody == []


async def test_a_session_shows_its_facts(client: TestClient) -> None:
    body = await (await client.get(f"{API}/sessions/S1")).json()

    fact = body["facts"][0]
    assert (fact["kind"], fact["at_raw"], fact["message_id"]) == ("ENDED", "2026-03-01T13:00:00Z", "m1")
    assert fact["readings"][0]["value"] == 7250.5


async def test_cdrs_tell_energy_times_and_costs(client: TestClient) -> None:
    body = await (await client.get(f"{API}/cdrs")).json()

    assert [cdr["id"] for cdr in body] == ["C1", "C0"]
    cdr = body[0]
    assert (cdr["energy_wh"], cdr["energy_kwh"]) == (7250.5, 7.2505)
    assert (cdr["time_s"], cdr["charging_time_s"], cdr["parking_time_s"]) == (3600, 3000, 600)
    assert cdr["total_cost"] == {"before_taxes": 1.81, "with_taxes": 2.15}
    assert cdr["costs"]["fixed"] is None
    assert (cdr["currency"], cdr["ordinal"], cdr["session_id"], cdr["station_id"]) == ("EUR", 4, "S1", "CP1")


async def test_money_is_written_with_all_its_digits(client: TestClient, world: World) -> None:
    odd = Price(before_taxes=Decimal("0.1000000000000000055511151231"))
    world.store.cdrs = [replace(CDR, totals=Totals(cost=odd))]

    assert '"before_taxes":0.1000000000000000055511151231' in await (await client.get(f"{API}/cdrs/C1")).text()


async def test_what_there_is_not_is_404(client: TestClient) -> None:
    assert (await client.get(f"{API}/sessions/S9")).status == 404
    assert (await client.get(f"{API}/cdrs/C9")).status == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "offset=-1", "offset=x", "limit=١"])
@pytest.mark.parametrize("path", ["sessions", "cdrs"])
async def test_a_wrong_page_is_400(client: TestClient, path: str, query: str) -> None:
    response = await client.get(f"{API}/{path}?{query}")

    assert response.status == 400
    assert (await response.json())["error"]["where"] == f"?{query.partition('=')[0]}="


async def test_a_correction_answers_with_the_credit_and_the_bill_that_stands(world: World, client: TestClient) -> None:
    charged = replace(DONE.ledger, periods=(Period(start_at=NOW, phase=Phase.CHARGING, energy_wh=Decimal("7250.5")),))
    world.store.sessions, world.store.cdrs = [replace(DONE, ledger=charged)], [CDR]
    body = {"reason": "the meter was broken", "energy_wh": 1000.5, "remark": "sorry"}

    response = await client.post(f"{API}/cdrs/C1/corrections", json=body)

    assert response.status == 201
    made = await response.json()
    assert made["credit"]["credit_reference_id"] == "C1"
    assert made["credit"]["total_cost"] == {"before_taxes": -1.81, "with_taxes": -2.15}
    assert (made["cdr"]["energy_wh"], made["cdr"]["corrects_id"], made["cdr"]["remark"]) == (1000.5, "C1", "sorry")
    assert made["cdr"]["correction"]["reason"] == "the meter was broken"
    shown = await (await client.get(f"{API}/sessions/S1")).json()
    assert shown["cdr_ids"] == ["C1", made["credit"]["id"], made["cdr"]["id"]]


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"cancel": True}, 400, "$.reason"),
        ({"reason": "", "cancel": True}, 400, "$.reason"),
        ({"reason": "x", "energy_wh": 1.25}, 400, "$.energy_wh"),
        ({"reason": "x", "energy_wh": -1}, 400, "$.energy_wh"),
        ({"reason": "x", "cancle": True}, 400, "$.cancle"),
        ({"reason": "x", "ended_at": "yesterday"}, 400, "$.ended_at"),
        ({"reason": "x", "ended_at": "9999-12-31T23:59:59-23:59"}, 400, "$.ended_at"),
        ({"reason": "x"}, 400, "$"),
    ],
)
async def test_a_faulty_correction_is_refused_at_its_place(
    world: World, client: TestClient, body: object, status: int, where: str
) -> None:
    world.store.sessions, world.store.cdrs = [DONE], [CDR]

    response = await client.post(f"{API}/cdrs/C1/corrections", json=body)

    assert (response.status, (await response.json())["error"]["where"]) == (status, where)
    assert world.store.cdrs == [CDR]


async def test_corrections_of_unknown_and_of_credited_bills_are_refused(world: World, client: TestClient) -> None:
    world.store.sessions, world.store.cdrs = [DONE], [CDR]
    body = {"reason": "not his", "cancel": True}

    unknown = await client.post(f"{API}/cdrs/C9/corrections", json=body)
    first = await client.post(f"{API}/cdrs/C1/corrections", json=body)
    again = await client.post(f"{API}/cdrs/C1/corrections", json=body)

    assert [response.status for response in (unknown, first, again)] == [404, 201, 409]
    assert (await first.json())["cdr"] is None


ABANDONED = replace(
    DONE,
    id="S3",
    sealed_cdr_id=None,
    revision=1,
    hold="needs review: abandoned",
    ledger=replace(
        DONE.ledger,
        flags=frozenset({"abandoned"}),
        periods=(Period(start_at=NOW, phase=Phase.CHARGING, energy_wh=Decimal("7250.5")),),
        start_register_wh=Decimal(0),
    ),
)


async def test_sessions_that_wait_for_a_person_are_listed_with_their_doubts(world: World, client: TestClient) -> None:
    for session in (HELD, ABANDONED):
        world.memory.put_session(session)

    listed = await (await client.get(f"{API}/review")).json()

    assert [(one["id"], [doubt["flag"] for doubt in one["doubts"]]) for one in listed] == [("S3", ["abandoned"])]
    assert listed[0]["hold"] == "needs review: abandoned"
    assert "given up" in listed[0]["doubts"][0]["reason"]


async def test_a_released_session_is_answered_with_its_bill(world: World, client: TestClient) -> None:
    world.store.sessions = [ABANDONED, DONE]
    world.memory.put_session(ABANDONED)

    response = await client.post(f"{API}/sessions/S3/release")

    assert response.status == 201
    made = await response.json()
    assert (made["session_id"], made["flags"]) == ("S3", ["abandoned", "reviewed"])
    assert world.store.cdrs[-1].id == made["id"]
    others = [await client.post(f"{API}/sessions/{name}/release") for name in ("S1", "S9")]
    assert [response.status for response in others] == [409, 404]
