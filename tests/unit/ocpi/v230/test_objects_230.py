"""What OCPI 2.3.0 changed of 2.2.1."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.core.corrections import credit_of
from gateway.domain.bills import Part, TaxShare
from gateway.domain.cdrs import Correction
from gateway.domain.ids import PartyId
from gateway.domain.money import Price
from gateway.domain.tariffs import TaxIncluded
from gateway.errors import WireError
from gateway.flows.partner_api import Credentials
from gateway.flows.session_costs import find_cost
from gateway.flows.tokens import token_key
from gateway.ocpi import wire
from gateway.ocpi.v221.tariffs import render_tariff as render_tariff_221
from gateway.ocpi.v230 import VERSION
from gateway.ocpi.v230.cdrs import render_cdr, render_price, render_session
from gateway.ocpi.v230.credentials import parse_credentials, render_credentials
from gateway.ocpi.v230.locations import WORDS, render_connector, render_location
from gateway.ocpi.v230.tariffs import render_tariff
from gateway.ocpi.v230.tokens import parse_token, parse_token_patch
from tests.contract_schemas import assert_valid, load_schema_enum
from tests.fakes.ocpi_samples import CDR, CONNECTOR, EVSE, LOCATION, OWN_ROLE, SESSION, TARIFF, TERMS, TOKEN

KEY = token_key("DE", "EMP", "DE-EMP-C12345678")
PARKING = {
    "id": "P1",
    "vehicle_types": ["PERSONAL_VEHICLE", "DISABLED"],
    "restricted_to_type": False,
    "reservation_required": False,
    "max_vehicle_height": 210,
    "direction": "ANGLE",
    "roofed": True,
}
SHARES = (
    TaxShare(part=Part.FIXED, vat=Decimal(9), before_taxes=Decimal("0.5"), tax=Decimal("0.05")),
    TaxShare(part=Part.ENERGY, vat=Decimal(21), before_taxes=Decimal("2.18"), tax=Decimal("0.46")),
    TaxShare(part=Part.PARKING, vat=Decimal(21), before_taxes=Decimal("1.2"), tax=Decimal("0.25")),
)
TAXED = replace(
    CDR.totals,
    cost=Price(before_taxes=Decimal("3.88"), with_taxes=Decimal("4.64")),
    fixed=Price(before_taxes=Decimal("0.5"), with_taxes=Decimal("0.55")),
    taxes=SHARES,
)


def shown(body: dict[str, Any], module: str) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(wire.dump_json(body))
    assert_valid(module, read, version=VERSION.number)
    return read


def test_what_came_with_this_version_is_told() -> None:
    extra = json.loads(LOCATION.extra or "{}") | {"facilities": ["CAFE"], "parking_places": [PARKING]}
    plug = replace(CONNECTOR, standard="MCS", extra=json.dumps({"capabilities": ["ISO_15118_20_PLUG_AND_CHARGE"]}))
    more = json.loads(EVSE.extra or "{}") | {"parking": [{"parking_id": "P1", "evse_position": "LEFT"}]}
    evse = replace(EVSE, connectors=(plug,), extra=json.dumps(more))

    with wire.noting_gaps() as gaps:
        body = shown(render_location(replace(LOCATION, evses=(evse,), extra=json.dumps(extra))), "location")

    assert gaps == []
    assert (body["help_phone"], body["parking_places"]) == ("+31201234567", [PARKING])
    (shown_evse,) = body["evses"]
    assert shown_evse["parking_restrictions"] == ["EV_ONLY", "TAXIS"]
    assert (shown_evse["accepted_service_providers"], shown_evse["parking"]) == (["Somebody"], more["parking"])
    assert shown_evse["connectors"][0]["standard"] == "MCS"
    assert shown_evse["connectors"][0]["capabilities"] == ["ISO_15118_20_PLUG_AND_CHARGE"]


def test_a_plug_that_nobody_knows_is_withheld_here_too() -> None:
    with pytest.raises(wire.CannotSayError, match=r"not a standard of OCPI 2\.3\.0"):
        render_connector(replace(CONNECTOR, standard="HAND_CRANK"))


@pytest.mark.parametrize(
    ("module", "name", "ours"),
    [
        ("locations", "ConnectorType", WORDS.connector_types),
        ("locations", "ParkingRestriction", WORDS.parking_restrictions),
        ("tokens", "TokenType", WORDS.token_types),
    ],
)
def test_the_words_are_those_of_the_official_schema(module: str, name: str, ours: frozenset[str]) -> None:
    assert ours == load_schema_enum(module, name, version=VERSION.number)


# --- prices


def test_a_tariff_says_whether_taxes_are_included_and_has_price_limits() -> None:
    body = shown(render_tariff(TARIFF), "tariff")

    assert body["tax_included"] == "NO"
    assert body["min_price"] == {"before_taxes": 0.5, "after_taxes": 0.605}


def test_prices_with_taxes_are_told_as_they_are_where_2_2_1_must_withhold_them() -> None:
    gross = replace(TARIFF, tax_included=TaxIncluded.YES)

    body = shown(render_tariff(gross), "tariff")

    assert (body["tax_included"], body["elements"][0]["price_components"][0]["price"]) == ("YES", 0.3)
    with pytest.raises(wire.CannotSayError):
        render_tariff_221(gross)


def test_a_bill_names_its_taxes_by_rate() -> None:
    body = shown(render_cdr(replace(CDR, totals=TAXED)), "cdr")

    assert body["total_cost"] == {
        "before_taxes": 3.88,
        "taxes": [
            {"name": "VAT", "percentage": 9, "amount": 0.05},
            {"name": "VAT", "percentage": 21, "amount": 0.71},
        ],
    }
    assert body["total_energy_cost"]["taxes"] == [{"name": "VAT", "percentage": 21, "amount": 0.46}]
    assert body["tariffs"][0]["tax_included"] == "NO"


def test_a_credit_takes_the_taxes_back_in_its_total() -> None:
    bill = replace(CDR, totals=TAXED)
    credit = credit_of(bill, cdr_id="K" * 36, now=CDR.last_updated, correction=Correction(reason="wrong"))

    body = shown(render_cdr(credit), "cdr")

    assert body["total_cost"]["before_taxes"] == -3.88
    assert [tax["amount"] for tax in body["total_cost"]["taxes"]] == [-0.05, -0.71]


def test_a_tax_that_the_shares_do_not_add_up_to_is_told_in_one_without_a_rate() -> None:
    limited = Price(before_taxes=Decimal(10), with_taxes=Decimal(12))

    assert render_price(limited, SHARES) == {"before_taxes": 10, "taxes": [{"name": "VAT", "amount": 2}]}


@pytest.mark.parametrize("with_taxes", [None, Decimal(10)])
def test_without_known_taxes_none_are_named(with_taxes: Decimal | None) -> None:
    assert render_price(Price(before_taxes=Decimal(10), with_taxes=with_taxes)) == {"before_taxes": 10}


def test_a_session_tells_its_cost_with_taxes_and_a_contract_of_a_car() -> None:
    terms = replace(TERMS, token=replace(TOKEN, type="EMAID"))
    session = replace(SESSION, terms=terms)
    totals = find_cost(session)
    assert totals is not None

    body = shown(render_session(session, totals), "session")

    assert body["cdr_token"]["type"] == "EMAID"
    assert body["total_cost"]["before_taxes"] == float(totals.cost.before_taxes)
    assert sum(tax["amount"] for tax in body["total_cost"]["taxes"]) == pytest.approx(
        float((totals.cost.with_taxes or Decimal(0)) - totals.cost.before_taxes)
    )


# --- credentials and tokens

ROLE = {
    "role": "EMSP",
    "business_details": {"name": "Emobility Provider"},
    "party_id": "EMP",
    "country_code": "DE",
}
BODY: dict[str, Any] = {"token": "their-token", "url": "https://emsp.example/ocpi/versions", "roles": [ROLE]}


def test_our_credentials_are_valid() -> None:
    ours = Credentials(token="a-token", url="https://cpo.example/ocpi/versions", roles=(OWN_ROLE,))

    shown(render_credentials(ours), "credentials")


def test_a_hub_is_named_beside_the_parties_behind_it() -> None:
    theirs = parse_credentials(BODY | {"hub_party_id": "nlhub"})

    assert [(role.role, role.party) for role in theirs.roles] == [
        ("HUB", PartyId(country_code="NL", party_id="HUB")),
        ("EMSP", PartyId(country_code="DE", party_id="EMP")),
    ]
    assert [role.role for role in parse_credentials(BODY).roles] == ["EMSP"]


def test_null_is_absent_and_a_list_of_one_is_the_object() -> None:
    theirs = parse_credentials(BODY | {"hub_party_id": None, "roles": [ROLE | {"business_details": [{"name": "X"}]}]})

    assert theirs.roles[0].name == "X"
    with pytest.raises(WireError, match=r"\$\.url: is missing"):
        parse_credentials(BODY | {"url": None})


@pytest.mark.parametrize("type_", ["EMAID", "FACE_SCAN"])
def test_token_types_are_an_open_enum(type_: str) -> None:
    body = {
        "country_code": "DE",
        "party_id": "EMP",
        "uid": "DE-EMP-C12345678",
        "type": type_,
        "contract_id": "DE-EMP-C12345678",
        "issuer": "Emobility Provider",
        "valid": True,
        "whitelist": "NEVER",
        "last_updated": "2026-03-01T09:00:00Z",
    }

    assert parse_token(body, KEY, "P1").type == type_
    patch = parse_token_patch({"type": type_, "valid": False, "last_updated": "2026-03-01T09:00:00Z"})
    assert patch.identity["type"] == type_
