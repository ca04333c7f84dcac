"""The story of a bill as a person reads it, and as JSON."""

from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal as D
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from gateway.console.tell_explanation import WIDTH, tell_explanation
from gateway.core.cdrs import price_cuts_of
from gateway.core.explanations import explain_cdr
from gateway.core.sessions import fold_facts
from gateway.domain.cdrs import Cdr, Correction
from gateway.domain.explanations import Explanation, LateStory, ShownCdr
from gateway.domain.meters import Reading
from gateway.domain.money import Price
from gateway.domain.sessions import ChargingState, Fact, Terms
from gateway.domain.tariffs import Dimension, PriceComponent, Restrictions, TariffElement
from gateway.domain.tokens import IdToken, Token, Whitelist
from tests.fakes.console_world import World
from tests.unit.core.test_cdrs import PLACE, TARIFF, cdr_of, session
from tests.unit.core.test_sessions import NOON, START, after, metered, power, state, stop

TOKEN = Token(
    partner_id="P1",
    party=PLACE.location.party,
    uid="04AABBCC",
    type="RFID",
    contract_id="DE-EMS-C1",
    issuer="EMS",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=NOON,
)
TOKEN_SHOWN = IdToken(value="04AABBCC")
TERMS = Terms(place=PLACE, tariff=TARIFF, token=TOKEN)
FACTS = (START, power(5), metered(30, "6000"), state(30, ChargingState.SUSPENDED_EV), stop(45, "6000"))


def explained(*facts: Fact, terms: Terms = TERMS, changes: dict[str, Any] | None = None, **more: Any) -> Explanation:
    given = replace(session(*facts, terms=terms), id_token=TOKEN_SHOWN, partner_id="P1")
    cdr = replace(cdr_of(given), ordinal=3, **(changes or {}))
    return explain_cdr(cdr, given, facts, more.get("late", ()), more.get("others", ()), more.get("shown", ()))


def text_of(*facts: Fact, **more: Any) -> str:
    return tell_explanation(explained(*(facts or FACTS), **more), "Roamer")


def test_the_whole_story_of_a_plain_visit() -> None:
    assert (
        text_of()
        == """\
CDR C, number 3 for Roamer

Session   S
Charger   station CS1, transaction 1
Where     Street 1, Ulm (location L1); EVSE E1, connector 1
Who       card 04…CC, contract DE-EMS-C1, of DE*ALL (Roamer); accepted by the list of cards that the eMSP gave us
When      Sun 1 Mar 2026 13:00:00 (UTC+01:00)
     to   Sun 1 Mar 2026 13:45:00 (UTC+01:00)
Time      45 min, 15 min of it parking
Energy    5 kWh: the meter showed 1000 Wh first and 6000 Wh last
Costs     1.75 EUR without VAT, 2.10 with
Tariff    T, as it was when the session began

The periods of the bill: why each begins, and what it costs
  1. 13:00:00 to 13:30:00  charging, 30 min, 5 kWh
     because the session begins
     energy (price 1 of T): 5 kWh × 0.25 EUR per kWh = 1.25 EUR, with 20 % VAT 1.50
  2. 13:30:00 to 13:45:00  parking, 15 min, 0 kWh
     because the car asks for no power: from here it is parking time
     parking time (price 2 of T): 0.25 h × 2.00 EUR per h = 0.50 EUR, with 20 % VAT 0.60

Together
  energy        1.25 EUR without VAT, 1.50 with
  parking time  0.50 EUR without VAT, 0.60 with
  together      1.75 EUR without VAT, 2.10 with

The messages that it rests on (times of Europe/Berlin)
  TIME      WHAT THE STATION TOLD  METER Wh  DRAWN Wh  RECEIVED  MESSAGE
  13:00:00  start                      1000            13:00:00  1
      the register begins here
  13:05:00  meter values                               13:05:00  m5
  13:30:00  meter values               6000      5000  13:30:00  m30
  13:30:00  status of the plug                         13:30:00  m30
      the car asks for no power: from here it is parking time
  13:45:00  end, reason Local          6000         0  13:45:00  m45
      the session ends
  Not counted: 1 reading: Power.Active.Import is not the energy that was drawn.

What the partner has had
  nothing yet: Roamer has neither pulled nor taken this CDR"""
    )


def test_no_line_but_those_of_the_table_is_wider_than_a_terminal() -> None:
    site = replace(PLACE.location, name="N" * 60, address="A long street " * 8)
    terms = replace(TERMS, place=replace(PLACE, location=site))

    assert max(map(len, text_of(terms=terms).splitlines())) <= WIDTH


def priced(*elements: TariffElement) -> Terms:
    return replace(TERMS, tariff=replace(TARIFF, elements=elements))


def element(type_: Dimension, price: str, rule: Restrictions | None = None, **more: Any) -> TariffElement:
    return TariffElement(components=(PriceComponent(type=type_, price=D(price), **more),), restrictions=rule)


def test_a_price_that_changes_says_under_what_each_holds() -> None:
    terms = priced(
        element(Dimension.ENERGY, "0.5", Restrictions(min_kwh=D(2)), vat=D(19)),
        element(Dimension.ENERGY, "0.4", vat=D(19)),
    )

    text = text_of(START, metered(30, "6000"), stop(60, "6000"), terms=terms)

    assert "because a price of the tariff changes here: 2 kWh are reached" in text
    assert "energy (price 2 of T): 2 kWh × 0.40 EUR per kWh = 0.80 EUR, with 19 % VAT 0.952" in text
    assert "energy (price 1 of T): 3 kWh × 0.50 EUR per kWh = 1.50 EUR, with 19 % VAT 1.785" in text
    assert "holds energy of the session from 2 kWh" in text


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (Restrictions(max_kwh=D(2)), "a price of the tariff changes here: 2 kWh are reached"),
        (Restrictions(max_duration_s=900), "a price of the tariff changes here: 0:15:00 since the start"),
        (Restrictions(end_time=time(13, 20)), "a price of the tariff changes here: it is 13:20 there"),
        (Restrictions(min_power=D(8)), "the power passes a limit of the tariff"),
    ],
)
def test_a_period_says_which_boundary_of_the_tariff_began_it(rule: Restrictions, sentence: str) -> None:
    terms = priced(element(Dimension.ENERGY, "0.5", rule), element(Dimension.ENERGY, "0.4"))
    cuts = price_cuts_of(terms)
    facts = (START, metered(30, "6000"), stop(60, "7000"))
    given = replace(session(*facts, terms=terms), ledger=fold_facts(facts, cuts=cuts), id_token=TOKEN_SHOWN)

    told = explain_cdr(cdr_of(given), given, facts, (), (), ())

    assert [period.begun_by for period in told.periods] == ["the session begins", sentence]
    assert told.doubts == ()


def test_a_step_says_what_it_added() -> None:
    text = text_of(START, stop(60, "6050"), terms=priced(element(Dimension.ENERGY, "0.5", step_size=100)))

    assert (
        "rounded up to steps of 100 Wh: 5050 Wh are billed as 5100, that is 0.05 kWh more × 0.50 EUR per kWh = "
        in " ".join(text.split())
    )
    assert "no VAT applies" in text


def test_a_limit_says_what_it_took_the_place_of() -> None:
    terms = replace(TERMS, tariff=replace(TARIFF, min_price=Price(before_taxes=D(5))))

    text = text_of(terms=terms)

    assert "the least that a session costs: 5.00 EUR without VAT in place of 1.75" in text
    assert "the least that a session costs under the tariff took the place of the sum" in text


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ((START, metered(10, "8250"), metered(20, "50"), stop(45, "1050")), "lower than before: the register starts"),
        ((START, metered(10, "8250"), metered(20, "50"), stop(45, "1050")), "the energy register fell (meter swapped"),
        ((START, metered(10, "8250"), metered(20, "50"), stop(45, "1050")), "in 2 pieces: the register broke off"),
        (
            (START, metered(10, "2000", received_at=after(44)), stop(45, "3000")),
            "1 message was received more than",
        ),
        (
            (START, metered(10, "2000", seq_no=4), stop(45, "3000", seq_no=9)),
            "messages that the station numbered never",
        ),
        ((START, metered(20, "3000"), state(25, ChargingState.SUSPENDED_EV), stop(45, "3500")), "goes to the charging"),
    ],
)
def test_what_was_odd_is_said_in_words(facts: tuple[Fact, ...], sentence: str) -> None:
    assert sentence in text_of(*facts)


def test_readings_told_with_another_message_have_lines_of_their_own() -> None:
    history = (Reading(at=after(20), value=D(2000)), Reading(at=after(45), value=D(6000)))

    text = text_of(START, stop(45, "6000", readings=history))

    assert "13:20:00    read then, told with it" in text or "13:45:00    read then, told with it" in text


def test_what_came_late_says_that_it_is_not_in_the_bill() -> None:
    late = LateStory(fact=metered(50, "7000"), reason="the session was billed already", counts=False)

    text = text_of(late=(late,))

    assert "13:50:00  meter values with 7000 Wh" in text
    assert "it is not in the bill: the session was billed already" in " ".join(text.split())


def test_corrections_are_told_on_both_bills() -> None:
    said = Correction(reason="broken meter", energy_wh=D(4000), ended_at=after(40), tariff_id="U")
    other = replace(explained(*FACTS).cdr, id="C0", credit=True, credit_reference_id="C")
    instead = replace(other, id="C2", credit=False, credit_reference_id=None, corrects_id="C")

    corrected = text_of(changes={"corrects_id": "C-1", "correction": said})
    first = text_of(others=(other, instead))
    credit = text_of(
        changes={"credit": True, "credit_reference_id": "C", "correction": said}, others=(replace(instead, id="C3"),)
    )

    for line in (
        "This stands in the place of CDR C-1.",
        "The operator's reason: broken meter",
        "The operator set the energy: 4 kWh.",
        "The operator set the end of the session.",
        "The operator had it billed by tariff U.",
    ):
        assert line in corrected
    assert "This CDR was taken back by credit C0." in first
    assert "CDR C2 stands in its place." in first
    assert credit.startswith("Credit C, number 3 for Roamer")
    assert "This takes back CDR C: it is the same with its cost negative." in credit
    assert "The operator's reason: broken meter" in credit
    assert "CDR C3 stands in its place." in credit
    assert "The operator set" not in credit
    assert "had it billed" not in credit


def test_when_a_partner_was_first_given_it() -> None:
    shown = (ShownCdr(version="2.2.1", at=after(60), body=b""), ShownCdr(version="2.1.1", at=None, body=b""))

    text = text_of(shown=shown)

    assert "Roamer was first given it in OCPI 2.2.1 on Sun 1 Mar 2026 14:00:00 (UTC+01:00)" in text
    assert "in OCPI 2.1.1 before the gateway kept the time" in text


def test_times_carry_the_offset_where_the_clock_changed_meanwhile() -> None:
    """On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00."""
    shift = datetime(2026, 3, 29, 0, 30, tzinfo=NOON.tzinfo) - NOON

    def moved(fact: Fact) -> Fact:
        readings = tuple(replace(one, at=one.at + shift) for one in fact.readings)
        return replace(fact, at=fact.at + shift, received_at=fact.received_at + shift, readings=readings)

    text = text_of(*map(moved, FACTS))

    assert "When      Sun 29 Mar 2026 01:30:00 (UTC+01:00)" in text
    assert "03:15:00 (UTC+02:00)" in text


def test_a_bill_that_messages_and_arithmetic_do_not_lead_to_says_so_and_stands() -> None:
    totals = explained(*FACTS).cdr.totals
    dearer = replace(totals, cost=Price(before_taxes=D(9), with_taxes=D(10)))

    doubts = explained(*FACTS, changes={"totals": dearer, "energy_wh": D(9000), "ended_at": after(99)}).doubts

    assert len(doubts) == 3
    assert all(doubt.endswith("the bill stands") for doubt in doubts)
    assert explained(*FACTS).doubts == ()


def test_a_bill_of_nobody_and_without_place_can_be_told() -> None:
    found = explained(*FACTS)
    bare = replace(found.cdr, partner_id=None, terms=Terms())

    text = tell_explanation(explain_cdr(bare, found.session, FACTS, (), (), ()), None)

    assert "CDR C, of no partner" in text
    assert "card 04…CC, of no eMSP" in text
    assert "its amounts cannot be reckoned again" in text
    assert "(times of UTC)" in text


def test_what_a_station_writes_cannot_steer_the_terminal() -> None:
    text = text_of(stop(45, "6000", stop_reason="\x1b[31mred\nCosts     0"))

    assert "reason ?[31mred?Costs     0" in text


@pytest.fixture
def kept(world: World) -> Cdr:
    found = explained(*FACTS)
    world.store.cdrs = [found.cdr]
    world.store.sessions = [found.session]
    world.store.facts = {found.session.id: list(FACTS)}
    return found.cdr


async def test_the_api_gives_it_as_json(client: TestClient, kept: Cdr) -> None:
    body = await (await client.get("/api/v1/cdrs/C/explanation")).json()

    assert body["cdr"]["id"] == "C"
    assert [fact["message_id"] for fact in body["facts"]] == ["1", "m5", "m30", "m30", "m45"]
    assert body["facts"][1]["left_out"][0]["reason"] == "Power.Active.Import is not the energy that was drawn"
    assert body["facts"][2]["taken"][0] == {
        "at": "2026-03-01T12:30:00Z",
        "register_wh": 6000,
        "drawn_wh": 5000,
        "since": "2026-03-01T12:00:00Z",
        "note": None,
    }
    assert body["periods"][0]["begun_by"] == "the session begins"
    line = body["periods"][0]["lines"][0]
    assert (line["quantity"], line["price"], line["amount"]) == (5, 0.25, {"before_taxes": 1.25, "with_taxes": 1.5})
    assert body["arithmetic"]["cost"] == {"before_taxes": 1.75, "with_taxes": 2.1}
    assert body["doubts"] == []


async def test_the_api_gives_it_as_text(client: TestClient, kept: Cdr) -> None:
    response = await client.get("/api/v1/cdrs/C/explanation?format=text")

    assert response.content_type == "text/plain"
    assert (await response.text()).startswith("CDR C, number 3 for ")


async def test_there_is_no_story_of_what_is_not_there(client: TestClient, kept: Cdr) -> None:
    assert (await client.get("/api/v1/cdrs/X/explanation")).status == 404
    assert (await client.get("/api/v1/cdrs/C/explanation?format=pdf")).status == 400
