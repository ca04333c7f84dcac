"""What OCPI 2.1.1 can say of our objects, and what it cannot."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.core.corrections import credit_of
from gateway.domain.bills import Range
from gateway.domain.cdrs import Correction
from gateway.domain.locations import Location
from gateway.domain.money import Price
from gateway.domain.sessions import Phase, SessionStatus
from gateway.domain.tariffs import (
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffType,
    TaxIncluded,
)
from gateway.domain.tokens import AuthMethod
from gateway.flows.session_costs import find_cost
from gateway.ocpi import wire
from gateway.ocpi.v211 import VERSION, locations
from gateway.ocpi.v211.cdrs import render_cdr
from gateway.ocpi.v211.common import plain_text
from gateway.ocpi.v211.locations import render_connector, render_evse, render_location
from gateway.ocpi.v211.sessions import render_session
from gateway.ocpi.v211.tariffs import complete_elements, render_tariff
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import CDR, CONNECTOR, EVSE, LOCATION, NINE, SESSION, TARIFF, TERMS

PLAIN = replace(TARIFF, min_price=None)
SOLD = replace(TERMS, tariff=PLAIN)


def shown(body: dict[str, Any], module: str) -> dict[str, Any]:
    text = wire.without_fractions(wire.dump_json(body))
    read: dict[str, Any] = orjson.loads(text)
    assert_valid(module, read, version=VERSION.number)
    return read


def energy(price: str, **rule: Any) -> TariffElement:
    component = PriceComponent(type=Dimension.ENERGY, price=Decimal(price))
    return TariffElement(components=(component,), restrictions=Restrictions(**rule) if rule else None)


def flat(price: str) -> TariffElement:
    return TariffElement(components=(PriceComponent(type=Dimension.FLAT, price=Decimal(price)),))


# --- locations


def test_a_location_is_valid_and_flat() -> None:
    body = shown(render_location(LOCATION), "location")

    assert body["type"] == "ON_STREET"
    assert not {"country_code", "party_id", "publish", "state", "parking_type"} & body.keys()
    (connector,) = body["evses"][0]["connectors"]
    assert (connector["voltage"], connector["amperage"], connector["tariff_id"]) == (230, 32, "T1")


@pytest.mark.parametrize(
    ("parking_type", "said"), [(None, "UNKNOWN"), ("ALONG_MOTORWAY", "OTHER"), ("PARKING_LOT", "PARKING_LOT")]
)
def test_the_type_is_said_as_far_as_there_is_a_word(parking_type: str | None, said: str) -> None:
    assert shown(render_location(replace(LOCATION, parking_type=parking_type)), "location")["type"] == said


def test_a_postal_code_that_nobody_has_is_not_available() -> None:
    assert shown(render_location(replace(LOCATION, postal_code=None)), "location")["postal_code"] == "#NA"


def test_a_location_that_is_not_to_be_published_is_withheld() -> None:
    with pytest.raises(wire.CannotSayError, match="LOC1 is not to be published"):
        render_location(replace(LOCATION, publish=False))


def test_words_of_later_versions_are_left_out_and_noted() -> None:
    extra = json.dumps({"facilities": ["CAFE", "METRO_STATION"], "help_phone": "+31201234567"})
    evse = replace(EVSE, capabilities=("RFID_READER", "CHIP_CARD_SUPPORT"))

    with wire.noting_gaps() as gaps:
        body = shown(render_location(replace(LOCATION, extra=extra, evses=(evse,))), "location")

    assert body["facilities"] == ["CAFE"]
    assert body["evses"][0]["capabilities"] == ["RFID_READER"]
    assert {"help_phone", "facilities: METRO_STATION", "EVSE GWY-1-1 capabilities: CHIP_CARD_SUPPORT"} <= set(gaps)


@pytest.mark.parametrize("change", [{"standard": "GBT_DC"}, {"standard": "MCS"}, {"power_type": "AC_2_PHASE"}])
def test_a_plug_without_a_word_is_withheld_and_with_it_an_evse_that_has_no_other(change: dict[str, str]) -> None:
    plug = replace(CONNECTOR, id="2", **change)

    with wire.noting_gaps() as gaps:
        body = shown(
            render_location(
                replace(
                    LOCATION, evses=(replace(EVSE, connectors=(CONNECTOR, plug)), replace(EVSE, connectors=(plug,)))
                )
            ),
            "location",
        )

    assert [[one["id"] for one in evse["connectors"]] for evse in body["evses"]] == [["1"]]
    assert any("has no connector that OCPI 2.1.1 can describe" in gap for gap in gaps)
    with pytest.raises(wire.CannotSayError):
        render_evse(replace(EVSE, connectors=(plug,)))


def test_of_several_tariffs_none_is_named() -> None:
    with wire.noting_gaps() as gaps:
        body = shown(render_connector(replace(CONNECTOR, tariff_ids=("T1", "T2"))), "connector")

    assert "tariff_id" not in body
    assert gaps == ["connector 1: one of the tariffs T1, T2"]


def test_hours_impacts_related_places_and_texts_have_the_shape_of_this_version() -> None:
    extra = json.dumps(
        {
            "opening_times": {
                "twentyfourseven": False,
                "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
                "exceptional_closings": [
                    {"period_begin": "2026-12-24T00:00:00.500Z", "period_end": "2026-12-26T00:00:00Z"}
                ],
            },
            "energy_mix": {
                "is_green_energy": True,
                "environ_impact": [{"category": "CARBON_DIOXIDE", "amount": 0.5}],
                "supplier_name": "Energía Verde",
            },
            "related_locations": [
                {"latitude": "52.37021", "longitude": "4.8951680", "name": {"language": "nl", "text": "Café"}}
            ],
        }
    )

    body = shown(render_location(replace(LOCATION, name="Straße 1 – Łódź", extra=extra)), "location")

    assert body["name"] == "Strasse 1 - Lodz"
    assert "twentyfourseven" not in body["opening_times"]
    assert body["opening_times"]["exceptional_closings"][0]["period_begin"] == "2026-12-24T00:00:00Z"
    assert body["energy_mix"]["environ_impact"] == [{"source": "CARBON_DIOXIDE", "amount": 0.5}]
    assert body["energy_mix"]["supplier_name"] == "Energia Verde"
    assert body["related_locations"][0]["latitude"] == "52.370210"
    assert body["related_locations"][0]["name"]["text"] == "Cafe"


def test_texts_are_printable_ascii() -> None:
    assert plain_text("Ærø 充電 5 €", 255, "name") == "AEro ?? 5 EUR"


# --- tariffs


def test_a_tariff_without_limits_is_valid() -> None:
    body = shown(render_tariff(PLAIN), "tariff")

    assert not {"type", "start_date_time", "min_price"} & body.keys()
    assert all("vat" not in component for element in body["elements"] for component in element["price_components"])


@pytest.mark.parametrize(
    "change",
    [
        {"type": TariffType.AD_HOC_PAYMENT},
        {"min_price": TARIFF.min_price},
        {"max_price": TARIFF.min_price},
        {"end_at": NINE + timedelta(days=1)},
        {"start_at": NINE + timedelta(days=1)},
        {"elements": (energy("0.3", reservation=ReservationRestriction.RESERVATION),)},
        {"elements": (energy("0.3", max_current=Decimal(16)),)},
        {"elements": (energy("0.3", extra="{}"),)},
        {"elements": (energy("0.3"),), "tax_included": TaxIncluded.YES},
    ],
)
def test_what_would_be_another_price_without_its_words_is_withheld(change: dict[str, Any]) -> None:
    with pytest.raises(wire.CannotSayError, match="tariff T1"):
        render_tariff(replace(PLAIN, **change))


def test_elements_are_completed_so_that_the_first_that_matches_has_every_price() -> None:
    night = energy("0.2", max_kwh=Decimal(10))
    day = energy("0.3")

    completed = complete_elements((night, day, flat("1")))

    assert [[(part.type, str(part.price)) for part in element.components] for element in completed] == [
        [("ENERGY", "0.2"), ("FLAT", "1")],
        [("ENERGY", "0.3"), ("FLAT", "1")],
    ]


def test_an_element_is_not_completed_with_what_holds_at_times_only() -> None:
    night = energy("0.2", max_kwh=Decimal(10))

    completed = complete_elements((flat("1"), night))

    assert [len(element.components) for element in completed] == [1, 1]


# --- sessions and CDRs


def test_a_session_holds_its_location_and_one_plug() -> None:
    other = replace(CONNECTOR, id="2")
    place = replace(TERMS.place, evse=replace(EVSE, connectors=(CONNECTOR, other))) if TERMS.place else None

    body = shown(render_session(replace(SESSION, terms=replace(SOLD, place=place))), "session")

    (evse,) = body["location"]["evses"]
    assert [plug["id"] for plug in evse["connectors"]] == ["1"]
    assert evse["connectors"][0]["tariff_id"] == "T1"
    assert (body["auth_id"], body["auth_method"]) == ("DE-EMP-C12345678-X", "WHITELIST")
    assert (body["start_datetime"], body["kwh"]) == ("2026-03-01T09:00:00Z", 7.2504)


def test_a_session_costs_what_it_does_before_taxes_and_names_its_start_fee() -> None:
    session = replace(SESSION, terms=SOLD)
    totals = find_cost(session)
    assert totals is not None

    body = shown(render_session(session, totals), "session")

    assert body["total_cost"] == float(totals.cost.before_taxes)
    assert {"type": "FLAT", "volume": 1} in body["charging_periods"][0]["dimensions"]


def test_a_command_was_a_request() -> None:
    asked = replace(TERMS, auth_method=AuthMethod.COMMAND)

    assert shown(render_session(replace(SESSION, terms=asked)), "session")["auth_method"] == "AUTH_REQUEST"
    assert shown(render_cdr(replace(CDR, terms=asked)), "cdr")["auth_method"] == "AUTH_REQUEST"


def reserved(of: Any, *, minutes: int = 10) -> Any:
    """With a reservation before its first period."""
    at = of.periods[0].start_at - timedelta(minutes=minutes)
    return replace(of, periods=(replace(of.periods[0], start_at=at, phase=Phase.RESERVATION), *of.periods))


def test_a_reservation_is_no_session() -> None:
    kept = replace(SESSION.ledger, periods=(replace(SESSION.ledger.periods[0], phase=Phase.RESERVATION),))
    with pytest.raises(wire.CannotSayError, match="reservation"):
        render_session(replace(SESSION, status=SessionStatus.RESERVATION, ledger=kept))


def test_a_session_that_was_reserved_is_told_without_its_reservation() -> None:
    assert render_session(replace(SESSION, ledger=reserved(SESSION.ledger))) == render_session(SESSION)


def test_a_cdr_is_valid_with_a_total_before_taxes() -> None:
    period = replace(CDR.periods[0], current=Range(least=Decimal(6), most=Decimal(16)))

    body = shown(render_cdr(replace(CDR, terms=SOLD, periods=(period, CDR.periods[1]))), "cdr")

    assert (body["total_cost"], body["stop_date_time"]) == (3.88, "2026-03-01T11:00:00Z")
    assert [tariff["id"] for tariff in body["tariffs"]] == ["T1"]
    assert [part["type"] for part in body["charging_periods"][0]["dimensions"]] == [
        "ENERGY",
        "TIME",
        "MIN_CURRENT",
        "MAX_CURRENT",
        "FLAT",
    ]
    assert not {"session_id", "total_energy_cost", "cdr_token"} & body.keys()


def test_a_tariff_that_is_withheld_is_neither_in_a_bill_nor_named_by_it() -> None:
    with wire.noting_gaps() as gaps:
        body = shown(render_cdr(CDR), "cdr")

    assert "tariffs" not in body
    assert "tariff_id" not in body["location"]["evses"][0]["connectors"][0]
    assert gaps == ["tariff T1 has a min_price or max_price, which OCPI 2.1.1 cannot say"]


def test_a_bill_of_an_unpublished_location_is_told() -> None:
    assert TERMS.place is not None
    private: Location = replace(LOCATION, publish=False)

    body = render_cdr(replace(CDR, terms=replace(TERMS, place=replace(TERMS.place, location=private))))

    assert shown(body, "cdr")["location"]["id"] == "LOC1"


def test_neither_a_credit_nor_the_bill_in_its_place_is_told() -> None:
    correction = Correction(reason="broken meter")
    credit = credit_of(CDR, cdr_id="K" * 36, now=CDR.last_updated, correction=correction)

    for bill in (credit, replace(CDR, corrects_id="C0")):
        with pytest.raises(wire.CannotSayError, match="settle it with the partner"):
            render_cdr(bill)


def test_a_bill_with_a_reservation_is_withheld() -> None:
    with pytest.raises(wire.CannotSayError, match="reservation"):
        render_cdr(replace(CDR, periods=(replace(CDR.periods[1], phase=Phase.RESERVATION),)))


def test_a_bill_whose_reservation_cost_nothing_is_told_without_it() -> None:
    bill = replace(reserved(CDR), started_at=CDR.started_at - timedelta(minutes=10))

    assert render_cdr(bill) == render_cdr(CDR)


def test_a_price_for_a_reservation_is_withheld_with_its_bill_and_its_session() -> None:
    fee = Price(before_taxes=Decimal(2), with_taxes=Decimal(2))
    totals = replace(CDR.totals, reservation=fee)

    with pytest.raises(wire.CannotSayError, match="price for a reservation"):
        render_cdr(replace(reserved(CDR), totals=totals))
    with pytest.raises(wire.CannotSayError, match="price for a reservation"):
        render_session(replace(SESSION, ledger=reserved(SESSION.ledger)), totals)


def test_all_words_are_in_the_schema() -> None:
    tries: list[tuple[Callable[..., dict[str, Any]], str, Any]] = [
        (render_connector, "connector", replace(CONNECTOR, standard=word)) for word in sorted(locations.CONNECTOR_TYPES)
    ]
    tries += [(render_evse, "evse", replace(EVSE, capabilities=tuple(sorted(locations.CAPABILITIES))))]
    tries += [
        (
            render_location,
            "location",
            replace(LOCATION, extra=json.dumps({"facilities": sorted(locations.FACILITIES)})),
        )
    ]

    for render, module, item in tries:
        shown(render(item), module)
