from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cdrs import Hold, decide_cdr
from gateway.core.sessions import fold_facts
from gateway.domain.bills import Range
from gateway.domain.cdrs import Cdr
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Connector, Evse, EvseStatus, Location, Place
from gateway.domain.money import Price
from gateway.domain.sessions import ChargingState, Fact, Phase, Session, SessionStatus, Terms
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TariffElement, TaxIncluded
from tests.fakes.tariffs import element, part, tariff
from tests.unit.core.test_sessions import NOON, START, after, metered, state, stop

PARTY = PartyId(country_code="DE", party_id="ALL")
THEN = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ConnectorKey(station_id="CS1", evse_no=1, connector_no=1)
TARIFF = Tariff(
    id="T",
    party=PARTY,
    currency="EUR",
    elements=(
        TariffElement(components=(PriceComponent(type=Dimension.ENERGY, price=D("0.25"), vat=D(20)),)),
        TariffElement(components=(PriceComponent(type=Dimension.PARKING_TIME, price=D(2), vat=D(20)),)),
    ),
    last_updated=THEN,
)
CONNECTOR = Connector(
    id="1",
    standard="IEC_62196_T2",
    format="SOCKET",
    power_type="AC_3_PHASE",
    max_voltage=230,
    max_amperage=32,
    last_updated=THEN,
    key=KEY,
    tariff_ids=("T",),
)
EVSE = Evse(uid="E1", status=EvseStatus.AVAILABLE, connectors=(CONNECTOR,), last_updated=THEN)
LOCATION = Location(
    id="L1",
    party=PARTY,
    publish=True,
    address="Street 1",
    city="Ulm",
    country="DEU",
    coordinates=("48.4", "9.98"),
    time_zone="Europe/Berlin",
    evses=(EVSE,),
    last_updated=THEN,
)
PLACE = Place(location=LOCATION, evse=EVSE, connector=CONNECTOR)


def session(*facts: Fact, terms: Terms | None = None) -> Session:
    return Session(
        id="S",
        key=KEY,
        transaction_id="1",
        start_key="k",
        status=SessionStatus.COMPLETED,
        ledger=fold_facts(facts),
        terms=terms or Terms(place=PLACE, tariff=TARIFF),
        last_updated=NOON,
    )


def cdr_of(given_session: Session) -> Cdr:
    cdr = decide_cdr(given_session, cdr_id="C", now=after(60))
    assert isinstance(cdr, Cdr)
    return cdr


PARKED = (START, metered(30, "6000"), state(30, ChargingState.SUSPENDED_EV), stop(45, "6000"))


def test_a_cdr_bills_energy_and_parking_apart() -> None:
    cdr = cdr_of(session(*PARKED))

    assert [(period.phase, period.duration_s, period.energy_wh) for period in cdr.periods] == [
        (Phase.CHARGING, 1800, 5000),
        (Phase.PARKING, 900, 0),
    ]
    assert (cdr.energy_wh, cdr.time_s, cdr.parking_time_s) == (5000, 2700, 900)
    assert cdr.totals.energy == Price(before_taxes=D("1.25"), with_taxes=D("1.50"))
    assert cdr.totals.parking == Price(before_taxes=D("0.50"), with_taxes=D("0.60"))
    assert cdr.totals.cost == Price(before_taxes=D("1.75"), with_taxes=D("2.10"))


def test_a_bill_of_a_home_charger_asks_for_compensation() -> None:
    home = replace(PLACE, evse=replace(EVSE, home_charging_compensation=True))

    assert cdr_of(session(*PARKED, terms=Terms(place=home, tariff=TARIFF))).home_charging_compensation is True
    assert cdr_of(session(*PARKED)).home_charging_compensation is None


def test_a_price_that_changes_with_the_clock_of_the_location_cuts_the_session() -> None:
    """NOON is 13:00 in Ulm."""
    local_hours = tariff(
        element(part("ENERGY", "0.20"), end_time="13:15"), element(part("ENERGY", "0.40"), start_time="13:15")
    )

    cdr = cdr_of(session(*PARKED, terms=Terms(place=PLACE, tariff=local_hours)))

    assert [(period.start_at, period.energy_wh) for period in cdr.periods] == [
        (NOON, 2500),
        (after(15), 2500),
        (after(30), 0),
    ]
    assert cdr.totals.energy == Price(before_taxes=D("1.50"), with_taxes=D("1.50"))


def test_a_price_that_depends_on_power_is_told_with_it() -> None:
    of = tariff(element(part("ENERGY", "1"), max_power="11"), part("ENERGY", "2"))

    charged, parked = cdr_of(session(*PARKED, terms=Terms(place=PLACE, tariff=of))).periods

    assert charged.power == Range(least=D(10), most=D(10))
    assert parked.power == Range(least=D(0), most=D(0))


def test_a_current_is_known_at_an_ac_plug_only() -> None:
    of = tariff(element(part("ENERGY", "1"), min_current="40"), part("ENERGY", "2"))
    dc = replace(PLACE, connector=replace(CONNECTOR, power_type="DC"))

    assert cdr_of(session(*PARKED, terms=Terms(place=PLACE, tariff=of))).totals.cost.before_taxes == 5
    held = decide_cdr(session(*PARKED, terms=Terms(place=dc, tariff=of)), cdr_id="C", now=NOON)
    assert isinstance(held, Hold)
    assert "depends on the current" in held.reason


def test_a_bill_says_that_a_limit_took_the_place_of_its_parts() -> None:
    of = replace(TARIFF, max_price=Price(before_taxes=D(1), with_taxes=D("1.2")))

    cdr = cdr_of(session(*PARKED, terms=Terms(place=PLACE, tariff=of)))

    assert cdr.totals.cost == Price(before_taxes=D(1), with_taxes=D("1.2"))
    assert "max_price" in cdr.flags


def test_a_party_that_rounds_its_bills_rounds_every_total() -> None:
    of = tariff(part("ENERGY", "0.0333"), part("PARKING_TIME", "0.5"))

    totals = cdr_of(session(*PARKED, terms=Terms(place=PLACE, tariff=of, round_to=2))).totals

    assert totals.energy == Price(before_taxes=D("0.17"), with_taxes=D("0.17"))
    assert totals.parking == Price(before_taxes=D("0.13"), with_taxes=D("0.13"))
    assert totals.cost.before_taxes == D("0.30")


def test_a_tariff_whose_net_price_is_not_known_is_held() -> None:
    gross = replace(tariff(part("ENERGY", "1")), tax_included=TaxIncluded.YES)

    held = decide_cdr(session(*PARKED, terms=Terms(place=PLACE, tariff=gross)), cdr_id="C", now=NOON)

    assert isinstance(held, Hold)
    assert "vat" in held.reason


def test_a_session_without_location_is_held_with_the_remedy() -> None:
    held = decide_cdr(session(*PARKED, terms=Terms(tariff=TARIFF)), cdr_id="C", now=NOON)

    assert isinstance(held, Hold)
    assert "CS1" in held.reason
    assert "put it into a location" in held.reason


def test_a_session_without_tariff_is_held_and_never_billed_as_free() -> None:
    held = decide_cdr(session(*PARKED, terms=Terms(place=PLACE)), cdr_id="C", now=NOON)

    assert isinstance(held, Hold)
    assert "no tariff" in held.reason


def test_a_session_that_goes_on_gets_no_cdr() -> None:
    assert isinstance(
        decide_cdr(replace(session(*PARKED[:2]), status=SessionStatus.ACTIVE), cdr_id="C", now=NOON), Hold
    )


def test_a_gap_is_told_on_the_bill() -> None:
    numbered = (replace(START, seq_no=0), replace(stop(9, "3000"), seq_no=2))

    assert "gap" in cdr_of(session(*numbered)).flags


def test_a_session_that_ends_with_a_state_change_has_no_empty_period() -> None:
    cdr = cdr_of(session(START, metered(30, "6000"), state(45, ChargingState.SUSPENDED_EV), stop(45, "6000")))

    assert len(cdr.periods) == 1


@given(
    st.lists(
        st.tuples(st.integers(1, 3600), st.decimals(0, 5000, places=3), st.none() | st.sampled_from(ChargingState)),
        min_size=1,
        max_size=12,
    )
)
def test_periods_tile_the_session_and_sum_to_its_totals(steps: list[tuple[int, D, ChargingState | None]]) -> None:
    seconds, wh = 0, D(1000)
    facts = [START]
    for delay_s, rise_wh, said in steps:
        seconds += delay_s
        wh += rise_wh
        facts.append(metered(seconds / 60, str(wh), charging_state=said, at=NOON + timedelta(seconds=seconds)))
    facts.append(stop((seconds + 60) / 60, str(wh)))

    cdr = cdr_of(session(*facts))

    at = cdr.started_at
    for period in cdr.periods:
        assert period.start_at == at
        at += timedelta(seconds=float(period.duration_s))
    assert at == cdr.ended_at
    assert sum(period.energy_wh for period in cdr.periods) == cdr.energy_wh
    assert abs(cdr.energy_wh - (wh - 1000)) <= D("0.05")
    assert cdr.time_s == D(seconds + 60)
