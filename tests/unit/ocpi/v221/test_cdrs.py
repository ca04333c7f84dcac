from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.core.corrections import credit_of
from gateway.domain.bills import Range
from gateway.domain.cdrs import Cdr, Correction
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Place
from gateway.domain.money import Price
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import TaxIncluded
from gateway.ocpi import wire
from gateway.ocpi.v221.cdrs import render_cdr
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import CDR, CONNECTOR, EVSE, LOCATION, TARIFF, TERMS, TOKEN


def shown(cdr: Cdr) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(wire.dump_json(render_cdr(cdr)))
    return body


def at(**changes: Any) -> Cdr:
    place = Place(location=LOCATION, evse=EVSE, connector=CONNECTOR)
    return replace(CDR, terms=replace(TERMS, place=replace(place, **changes)))


def test_a_cdr_is_valid_and_says_what_was_used_and_what_it_costs() -> None:
    body = shown(CDR)

    assert_valid("cdr", body)
    assert (body["total_energy"], body["total_time"], body["total_parking_time"]) == (7.2504, 2, 1)
    assert body["total_cost"] == {"excl_vat": 3.88, "incl_vat": 4.69}
    assert [period["dimensions"] for period in body["charging_periods"]] == [
        [{"type": "ENERGY", "volume": 7.2504}, {"type": "TIME", "volume": 1}],
        [{"type": "PARKING_TIME", "volume": 1}],
    ]
    assert {period["tariff_id"] for period in body["charging_periods"]} == {"T1"}


def test_an_address_that_is_longer_than_a_cdr_allows_is_cut() -> None:
    body = shown(at(location=replace(LOCATION, address="a" * 200, state="s" * 40)))

    assert_valid("cdr", body)
    assert (len(body["cdr_location"]["address"]), len(body["cdr_location"]["state"])) == (45, 20)


def test_an_evse_without_a_printed_id_is_not_available() -> None:
    body = shown(at(evse=replace(EVSE, evse_id=None)))

    assert_valid("cdr", body)
    assert body["cdr_location"]["evse_id"] == "#NA"


def test_a_tariff_that_cannot_be_said_is_left_out_and_the_bill_stands() -> None:
    gross = replace(TARIFF, tax_included=TaxIncluded.YES)
    body = shown(replace(CDR, terms=replace(TERMS, tariff=gross)))

    assert_valid("cdr", body)
    assert "tariffs" not in body
    assert body["total_cost"] == {"excl_vat": 3.88, "incl_vat": 4.69}


def test_a_token_type_of_a_later_version_is_other() -> None:
    body = shown(replace(CDR, terms=replace(TERMS, token=replace(TOKEN, type="EMAID"))))

    assert_valid("cdr", body)
    assert body["cdr_token"]["type"] == "OTHER"


@pytest.mark.parametrize("missing", ["token", "place"])
def test_a_cdr_without_token_or_location_cannot_be_said(missing: str) -> None:
    with pytest.raises(wire.CannotSayError, match=CDR.id):
        render_cdr(replace(CDR, terms=replace(TERMS, **{missing: None})))


def test_a_connector_standard_of_a_later_version_cannot_be_said() -> None:
    with pytest.raises(wire.CannotSayError, match="MCS"):
        render_cdr(at(connector=replace(CONNECTOR, standard="MCS")))


def test_a_credit_refers_to_its_bill_and_only_its_total_cost_is_negative() -> None:
    correction = Correction(reason="broken meter")
    credit = credit_of(CDR, cdr_id="K" * 36, now=CDR.last_updated, correction=correction)
    body, bill = shown(credit), shown(CDR)

    assert_valid("cdr", body)
    assert body == {
        **bill,
        "id": "K" * 36,
        "credit": True,
        "credit_reference_id": CDR.id,
        "total_cost": {"excl_vat": -3.88, "incl_vat": -4.69},
    }


def test_a_bill_that_replaces_another_names_no_credit() -> None:
    body = shown(replace(CDR, corrects_id="C0", invoice_reference_id="INV-7", home_charging_compensation=True))

    assert_valid("cdr", body)
    assert body == {**shown(CDR), "invoice_reference_id": "INV-7", "home_charging_compensation": True}


def test_a_reservation_has_time_and_cost_of_its_own() -> None:
    reserved = replace(CDR.periods[1], phase=Phase.RESERVATION)
    fee = Price(before_taxes=Decimal("2"), with_taxes=Decimal("2.4"))

    body = shown(replace(CDR, periods=(reserved,), totals=replace(CDR.totals, reservation=fee)))

    assert body["charging_periods"][0]["dimensions"] == [{"type": "RESERVATION_TIME", "volume": 1}]
    assert body["total_reservation_cost"] == {"excl_vat": 2, "incl_vat": 2.4}
    assert_valid("cdr", body)


def test_a_reservation_that_was_never_used_names_no_plug_where_the_driver_had_the_choice() -> None:
    key = ConnectorKey(station_id="CS", evse_no=1, connector_no=1)
    plugs = tuple(replace(CONNECTOR, id=str(number), key=replace(key, connector_no=number)) for number in (1, 2))
    shared = at(evse=replace(EVSE, connectors=plugs), connector=plugs[0])
    unused = replace(shared, periods=(replace(CDR.periods[1], phase=Phase.RESERVATION),))
    alone = replace(unused, terms=CDR.terms)

    assert shown(unused)["cdr_location"]["connector_id"] == "#NA"
    assert shown(unused)["cdr_location"]["evse_uid"] == EVSE.uid
    assert shown(shared)["cdr_location"]["connector_id"] == "1"
    assert shown(alone)["cdr_location"]["connector_id"] == CONNECTOR.id
    assert_valid("cdr", shown(unused))


def test_power_and_current_are_told_where_a_price_depends_on_them() -> None:
    period = replace(
        CDR.periods[0],
        power=Range(least=Decimal("7.25"), most=Decimal("11.00004")),
        current=Range(most=Decimal(16)),
    )

    body = shown(replace(CDR, periods=(period,)))

    assert body["charging_periods"][0]["dimensions"][2:] == [
        {"type": "MAX_CURRENT", "volume": 16},
        {"type": "MIN_POWER", "volume": 7.25},
        {"type": "MAX_POWER", "volume": 11},
    ]
    assert_valid("cdr", body)
