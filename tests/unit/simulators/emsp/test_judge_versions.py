"""2.1.1 and 2.3.0: a right object breaks no rule, and each rule can fail."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulators.emsp.state import Store
from simulators.emsp.story import cost_of, describe_cdr
from simulators.emsp.versions import VERSIONS
from tests.unit.simulators.emsp.objects import CDR as CDR_221
from tests.unit.simulators.emsp.objects import LOCATION as LOCATION_221
from tests.unit.simulators.emsp.objects import TARIFF as TARIFF_221
from tests.unit.simulators.emsp.objects import Json
from tests.unit.simulators.emsp.test_judge import GONE, changed

V211, V230 = VERSIONS["2.1.1"], VERSIONS["2.3.0"]

LOCATION: Json = {
    "id": "L1",
    "type": "ON_STREET",
    "address": "Stationsplein 1",
    "city": "Utrecht",
    "postal_code": "3511",
    "country": "NLD",
    "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
    "evses": [
        {
            "uid": "E1",
            "evse_id": "NL*GWY*E0001",
            "status": "AVAILABLE",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "voltage": 230,
                    "amperage": 16,
                    "tariff_id": "T1",
                    "last_updated": "2026-03-01T08:00:00Z",
                }
            ],
            "last_updated": "2026-03-02T11:20:00Z",
        }
    ],
    "last_updated": "2026-03-02T11:20:00Z",
}
PERIODS: list[Json] = [
    {
        "start_date_time": "2026-03-02T10:00:00Z",
        "dimensions": [{"type": "ENERGY", "volume": Decimal("7.25")}, {"type": "TIME", "volume": Decimal("0.75")}],
    },
    {"start_date_time": "2026-03-02T10:45:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": Decimal("0.5")}]},
]
SESSION: Json = {
    "id": "S1",
    "start_datetime": "2026-03-02T10:00:00Z",
    "end_datetime": "2026-03-02T11:15:00Z",
    "kwh": Decimal("7.25"),
    "auth_id": "NL-EMS-C1",
    "auth_method": "WHITELIST",
    "location": LOCATION,
    "currency": "EUR",
    "charging_periods": PERIODS,
    "total_cost": Decimal("3.175"),
    "status": "COMPLETED",
    "last_updated": "2026-03-02T11:20:00Z",
}
CDR: Json = {
    "id": "C1",
    "start_date_time": "2026-03-02T10:00:00Z",
    "stop_date_time": "2026-03-02T11:15:00Z",
    "auth_id": "NL-EMS-C1",
    "auth_method": "WHITELIST",
    "location": LOCATION,
    "currency": "EUR",
    "charging_periods": PERIODS,
    "total_cost": Decimal("3.175"),
    "total_energy": Decimal("7.25"),
    "total_time": Decimal("1.25"),
    "total_parking_time": Decimal("0.5"),
    "last_updated": "2026-03-02T11:20:00Z",
}
RIGHT = {"location": LOCATION, "session": SESSION, "cdr": CDR}


def taxed(net: str, tax: str) -> Json:
    amount = {"name": "VAT", "percentage": 21, "amount": Decimal(tax)}
    return {"before_taxes": Decimal(net), "taxes": [amount]}


TARIFF_230 = {**TARIFF_221, "tax_included": "NO", "min_price": {"before_taxes": 1}}
CDR_230: Json = {
    **CDR_221,
    "tariffs": [TARIFF_230],
    "total_cost": taxed("3.175", "0.6668"),
    "total_energy_cost": taxed("2.175", "0.4568"),
    "total_parking_cost": taxed("1", "0.21"),
}
LOCATION_230: Json = {
    **LOCATION_221,
    "help_phone": "+31201234567",
    "parking_places": [
        {"id": "P1", "vehicle_types": ["VAN"], "restricted_to_type": False, "reservation_required": False}
    ],
    "evses": [{**LOCATION_221["evses"][0], "parking": [{"parking_id": "p1"}]}],
}


def ids(version: Any, kind: str, item: Json) -> set[str]:
    return {problem.rule.id for problem in version.judge(kind, item)}


@pytest.mark.parametrize("kind", sorted(RIGHT))
def test_a_right_object_of_2_1_1_breaks_no_rule(kind: str) -> None:
    assert V211.judge(kind, RIGHT[kind]) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "rule"),
    [
        ("location", "evses.0.connectors.0.standard", "MCS", "shape.field"),
        ("location", "address", "Straße 1", "shape.field"),
        ("location", "postal_code", GONE, "shape.field"),
        ("location", "coordinates.latitude", "52.08944", "shape.field"),
        ("location", "last_updated", "2026-03-02T11:20:00.5Z", "shape.field"),
        ("location", "last_updated", "2026-03-02T11:19:00Z", "location.last_updated"),
        ("location", "evses", [*LOCATION["evses"], *LOCATION["evses"]], "location.evse_unique"),
        ("session", "end_datetime", "2026-03-02T09:00:00Z", "session.times"),
        ("session", "end_datetime", GONE, "session.times"),
        ("session", "kwh", Decimal("8"), "session.energy"),
        ("session", "status", "RESERVATION", "shape.field"),
        ("session", "charging_periods", PERIODS[::-1], "session.times"),
        ("session", "location.evses", [], "cdr.one_plug"),
        ("cdr", "total_cost", {"excl_vat": 1}, "shape.field"),
        ("cdr", "total_parking_time", 2, "cdr.parking_time"),
        ("cdr", "total_energy", 8, "session.energy"),
    ],
)
def test_each_rule_of_2_1_1_can_fail(kind: str, path: str, value: Any, rule: str) -> None:
    assert rule in ids(V211, kind, changed(RIGHT[kind], (path, value)))


def test_objects_of_2_1_1_are_held_against_each_other() -> None:
    store = Store()
    for module, item in (("cdrs", CDR), ("locations", LOCATION)):
        store.put(module, V211.key_of(module, item), item, "pulled")
    store.complete.add("tariffs")

    assert {problem.rule.id for _, _, problem in V211.check_references(store)} == {
        "auth_id.known",
        "connector.tariff_known",
    }


def test_a_token_of_2_1_1_is_told_in_its_own_words() -> None:
    token = {"country_code": "NL", "party_id": "EMS", "uid": "04A1", "contract_id": "C", "group_id": "G"}

    told = V211.render_token({**token, "last_updated": "2026-03-02T11:20:00.500Z"})

    assert told == {"uid": "04A1", "auth_id": "C", "last_updated": "2026-03-02T11:20:00Z"}


@pytest.mark.parametrize(("kind", "item"), [("tariff", TARIFF_230), ("location", LOCATION_230)])
def test_a_right_object_of_2_3_0_breaks_no_rule(kind: str, item: Json) -> None:
    assert V230.judge(kind, item) == []


def test_a_right_cdr_of_2_3_0_breaks_no_rule() -> None:
    assert [str(problem) for problem in V230.judge("cdr", CDR_230)] == []


@pytest.mark.parametrize(
    ("kind", "item", "path", "value", "rule"),
    [
        ("tariff", TARIFF_230, "tax_included", GONE, "shape.field"),
        ("tariff", TARIFF_230, "min_price", {"excl_vat": 1}, "shape.field"),
        ("location", LOCATION_230, "help_phone", "1" * 26, "shape.field"),
        ("location", LOCATION_230, "evses.0.parking.0.parking_id", "P2", "evse.parking_known"),
        ("location", LOCATION_230, "parking_places", LOCATION_230["parking_places"] * 2, "location.parking_unique"),
        ("cdr", CDR_230, "total_cost", {"excl_vat": 1}, "shape.field"),
        ("cdr", CDR_230, "total_energy_cost", taxed("2.175", "0.9"), "price.tax_rate"),
        ("cdr", CDR_230, "total_cost.taxes", taxed("1", "0.1")["taxes"] * 2, "price.one_per_rate"),
        ("cdr", CDR_230, "total_energy_cost", taxed("5", "0.4568"), "cdr.priced_by_tariff"),
    ],
)
def test_each_rule_of_2_3_0_can_fail(kind: str, item: Json, path: str, value: Any, rule: str) -> None:
    assert rule in ids(V230, kind, changed(item, (path, value)))


def test_words_of_an_open_enumeration_may_be_new() -> None:
    assert V230.judge("location", changed(LOCATION_230, ("evses.0.connectors.0.standard", "HAND_CRANK"))) == []


def test_the_cost_is_read_as_each_version_tells_it() -> None:
    assert cost_of(CDR) == (Decimal("3.175"), None)
    assert cost_of(CDR_230) == (Decimal("3.175"), Decimal("3.8418"))
    assert cost_of(CDR_221)[0] == Decimal("3.175")
    assert describe_cdr(CDR).startswith("7.25 kWh in 75.0 min, 3.175 EUR excl. VAT, at NL*GWY*E0001")
