"""Each rule on a single object can fail, and a right object breaks none."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from simulators.emsp.findings import Problem
from simulators.emsp.v221.judge import judge
from tests.unit.simulators.emsp.objects import ACTIVE_SESSION, CDR, CDR_TOKEN, LOCATION, SESSION, TARIFF, Json

RIGHT = {"location": LOCATION, "session": SESSION, "cdr": CDR, "tariff": TARIFF}
CREDENTIALS: Json = {
    "token": "t" * 64,
    "url": "https://cpo.example/versions",
    "roles": [
        {"role": "CPO", "party_id": "GWY", "country_code": "NL", "business_details": {"name": "Gateway"}},
    ],
}
RESTRICTED: Json = {"price_components": [{"type": "TIME", "price": 1, "step_size": 60}]}
GONE = object()


def changed(item: Json, *changes: tuple[str, Any]) -> Json:
    """A copy with values set at dotted paths; numbers are list indexes, GONE removes."""
    copy = deepcopy(item)
    for path, value in changes:
        *parents, last = path.split(".")
        holder: Any = copy
        for part in parents:
            holder = holder[int(part)] if part.isdigit() else holder[part]
        key: Any = int(last) if last.isdigit() else last
        if value is GONE:
            del holder[key]
        else:
            holder[key] = value
    return copy


def found(kind: str, item: object) -> list[tuple[str, str]]:
    return [(problem.rule.id, problem.path) for problem in judge(kind, item)]


@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_object_breaks_no_rule(kind: str) -> None:
    assert judge(kind, RIGHT[kind]) == []


def test_a_running_session_breaks_no_rule() -> None:
    assert judge("session", ACTIVE_SESSION) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "paragraph"),
    [
        ("location", "city", GONE, "mod_locations 8.3.1"),
        ("location", "city", "x" * 46, "types 16.7"),
        ("location", "city", "two\nlines", "types 16.7"),
        ("location", "id", "", "types 16.1"),
        ("location", "id", "é1", "types 16.1"),
        ("location", "country", "NL", "types 16.7"),
        ("location", "publish", "true", "mod_locations 8.3.1"),
        ("location", "coordinates.latitude", "52.08", "types 16.7"),
        ("location", "coordinates.latitude", Decimal("52.089444"), "types 16.7"),
        ("location", "facilities", ["PARKING"], "mod_locations 8.3.1"),
        ("location", "evses.0.status", "FREE", "mod_locations 8.3.2"),
        ("location", "evses.0.connectors", [], "mod_locations 8.3.2"),
        ("location", "evses.0.connectors.0.standard", "MCS", "mod_locations 8.3.3"),
        ("location", "evses.0.connectors.0.max_voltage", Decimal("230.5"), "mod_locations 8.3.3"),
        ("location", "operator", {"name": "x", "website": "example.com"}, "types 16.8"),
        ("session", "last_updated", "2026-03-02T11:15:00+00:00", "types 16.2"),
        ("session", "last_updated", "2026-03-02T11:15:00.123456Z", "types 16.2"),
        ("session", "last_updated", "2026-02-30T11:15:00Z", "types 16.2"),
        ("session", "last_updated", 1, "types 16.2"),
        ("session", "kwh", "7.25", "types 16.4"),
        ("session", "kwh", True, "types 16.4"),
        ("session", "kwh", Decimal("7.25001"), "types 16.4"),
        ("session", "status", "RESERVED", "mod_sessions 9.3.1"),
        ("session", "cdr_token.contract_id", GONE, "mod_cdrs 10.4.5"),
        ("session", "currency", "eur", "types 16.7"),
        ("cdr", "id", "C" * 40, "types 16.1"),
        ("cdr", "charging_periods", [], "mod_cdrs 10.3.1"),
        ("cdr", "charging_periods.0.dimensions", [], "mod_cdrs 10.4.6"),
        ("cdr", "charging_periods.0.dimensions.0.type", "FLAT", "mod_cdrs 10.4.2"),
        ("cdr", "total_cost", Decimal("3.175"), "mod_cdrs 10.3.1"),
        ("cdr", "cdr_location.address", "x" * 46, "types 16.7"),
        ("tariff", "elements", [], "mod_tariffs 11.3.1"),
        ("tariff", "elements.0.price_components.0.step_size", GONE, "mod_tariffs 11.4.2"),
        ("tariff", "elements.0.restrictions", {"start_time": "24:00"}, "types 16.7"),
    ],
)
def test_a_field_that_does_not_fit_is_found_where_it_stands(kind: str, path: str, value: Any, paragraph: str) -> None:
    problems = judge(kind, changed(RIGHT[kind], (path, value)))

    assert [problem.rule.id for problem in problems] == ["shape.field"]
    assert problems[0].rule.paragraph.startswith(f"OCPI 2.2.1 {paragraph}")
    dotted = problems[0].path.replace("[", ".").replace("]", "").removeprefix("$.")
    assert dotted.startswith(path)


@pytest.mark.parametrize("time", ["2026-03-02T11:15:00", "2026-03-02T11:15:00.1Z", "2026-03-02T11:15:00.123Z"])
def test_every_layout_of_a_date_time_fits(time: str) -> None:
    assert judge("session", changed(SESSION, ("last_updated", time))) == []


def test_a_number_may_be_written_with_zeros_behind() -> None:
    assert judge("session", changed(SESSION, ("kwh", Decimal("7.250000")))) == []


def test_unknown_fields_and_nulls_are_noted_not_refused() -> None:
    problems = judge("location", changed(LOCATION, ("evses.0.vendor", 1), ("name", None)))

    assert {(p.rule.id, p.path, p.rule.severity.value) for p in problems} == {
        ("shape.unknown_field", "$.evses[0].vendor", "note"),
        ("shape.null", "$.name", "note"),
    }


HOURS: Json = {"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}
SECOND_EVSE = changed(LOCATION["evses"][0], ("uid", "E2"))


@pytest.mark.parametrize(
    ("changes", "rule", "path"),
    [
        ([("publish_allowed_to", [{"uid": "X"}])], "location.publish_allowed_to", "$.publish_allowed_to"),
        ([("time_zone", "Europe/Nowhere")], "location.time_zone", "$.time_zone"),
        ([("last_updated", "2026-03-01T08:00:00Z")], "location.last_updated", "$.evses[0].last_updated"),
        (
            [("evses.0.connectors.0.last_updated", "2026-03-02T11:20:01Z")],
            "evse.last_updated",
            "$.evses[0].connectors[0].last_updated",
        ),
        ([("evses", [LOCATION["evses"][0], SECOND_EVSE])], "evse.evse_id_unique", "$.evses[1].evse_id"),
        (
            [("evses", [LOCATION["evses"][0], changed(SECOND_EVSE, ("uid", "e1"), ("evse_id", "NL*GWY*E2"))])],
            "evse.uid_unique",
            "$.evses[1].uid",
        ),
        ([("evses.0.evse_id", "E0001")], "evse.evse_id", "$.evses[0].evse_id"),
        ([("evses.0.evse_id", GONE)], "evse.evse_id_there", "$.evses[0].evse_id"),
        (
            [("evses.0.connectors", [LOCATION["evses"][0]["connectors"][0]] * 2)],
            "connector.id_unique",
            "$.evses[0].connectors[1].id",
        ),
        ([("evses.0.connectors.0.max_amperage", 0)], "connector.rated", "$.evses[0].connectors[0].max_amperage"),
        ([("opening_times", {"twentyfourseven": False})], "hours.regular", "$.opening_times.regular_hours"),
        (
            [("opening_times", {"twentyfourseven": True, "regular_hours": [HOURS]})],
            "hours.regular",
            "$.opening_times.regular_hours",
        ),
        (
            [("opening_times", {"twentyfourseven": False, "regular_hours": [{**HOURS, "period_end": "07:00"}]})],
            "hours.order",
            "$.opening_times.regular_hours[0].period_end",
        ),
    ],
)
def test_a_location_that_contradicts_itself_is_found(changes: list[tuple[str, Any]], rule: str, path: str) -> None:
    assert found("location", changed(LOCATION, *changes)) == [(rule, path)]


def test_a_removed_evse_may_give_its_evse_id_back() -> None:
    removed = changed(SECOND_EVSE, ("status", "REMOVED"))
    nameless = changed(removed, ("uid", "E3"), ("evse_id", GONE))

    assert judge("location", changed(LOCATION, ("evses", [LOCATION["evses"][0], removed, nameless]))) == []


@pytest.mark.parametrize(
    ("changes", "rule", "path"),
    [
        ([("end_date_time", GONE)], "session.completed_has_end", "$.end_date_time"),
        (
            [("end_date_time", "2026-03-02T09:00:00Z"), ("charging_periods", [])],
            "session.end_after_start",
            "$.end_date_time",
        ),
        ([("kwh", Decimal("7.3"))], "session.energy_adds_up", "$.charging_periods"),
        ([("kwh", Decimal("7.2"))], "session.energy_adds_up", "$.charging_periods"),
        ([("kwh", -1), ("charging_periods", [])], "session.kwh_not_negative", "$.kwh"),
        ([("kwh", 7250), ("charging_periods", [])], "session.kwh_plausible", "$.kwh"),
        ([("status", "ACTIVE")], "session.open_has_no_end", "$.end_date_time"),
        ([("total_cost", {"excl_vat": 2, "incl_vat": 1})], "price.vat_order", "$.total_cost"),
        (
            [("start_date_time", "2026-03-02T10:00:01Z")],
            "periods.inside",
            "$.charging_periods[0].start_date_time",
        ),
        (
            [("start_date_time", "2026-03-02T09:59:59Z")],
            "periods.from_start",
            "$.charging_periods[0].start_date_time",
        ),
        (
            [("charging_periods.0.dimensions.1.volume", Decimal("0.76"))],
            "periods.time_fits",
            "$.charging_periods[0].dimensions",
        ),
    ],
)
def test_a_session_that_contradicts_itself_is_found(changes: list[tuple[str, Any]], rule: str, path: str) -> None:
    assert found("session", changed(SESSION, *changes)) == [(rule, path)]


def test_an_active_session_needs_its_evse() -> None:
    assert found("session", changed(ACTIVE_SESSION, ("evse_uid", "#NA"))) == [("session.assigned", "$.evse_uid")]


def test_periods_out_of_order_are_found() -> None:
    periods = [SESSION["charging_periods"][1], SESSION["charging_periods"][0]]

    rules = {rule for rule, _ in found("session", changed(SESSION, ("charging_periods", periods)))}

    assert "periods.ordered" in rules


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ([("total_energy", Decimal("7.3"))], "cdr.energy_adds_up"),
        ([("charging_periods.0.dimensions.0.volume", Decimal("7.24"))], "cdr.energy_adds_up"),
        ([("total_time", Decimal("1.5"))], "cdr.total_time"),
        ([("end_date_time", "2026-03-02T11:14:00Z")], "cdr.total_time"),
        ([("total_parking_time", Decimal("0.25"))], "cdr.parking_time"),
        ([("total_parking_time", Decimal("1.3"))], "cdr.parking_time"),
        ([("total_cost.excl_vat", Decimal("3.20"))], "cdr.costs_add_up"),
        ([("total_cost.incl_vat", Decimal("3.90"))], "cdr.costs_add_up"),
        ([("total_energy_cost.excl_vat", Decimal("2.15"))], "cdr.costs_add_up"),
        ([("total_energy_cost", GONE), ("total_cost.excl_vat", Decimal("0.5"))], "cdr.costs_add_up"),
        ([("total_parking_cost.excl_vat", -1)], "cdr.negative"),
        ([("total_energy_cost.incl_vat", Decimal("2.0"))], "price.vat_order"),
        ([("charging_periods.0.dimensions.0.type", "ENERGY_IMPORT")], "cdr.session_only_dimension"),
        ([("charging_periods.1.tariff_id", "T2")], "cdr.tariff_there"),
        ([("tariffs.0.currency", "SEK")], "cdr.currency"),
        ([("id", "C" * 37)], "cdr.id_length"),
        ([("credit", True)], "cdr.credit_reference"),
        ([("credit_reference_id", "C0")], "cdr.credit_reference"),
        ([("credit", True), ("credit_reference_id", "C0")], "cdr.credit_cost"),
        ([("last_updated", "2026-03-02T11:00:00Z")], "cdr.before_end"),
        ([("cdr_location.evse_uid", "#NA")], "cdr.not_available"),
        ([("tariffs.0.elements.0.price_components.0.price", Decimal("0.40"))], "cdr.priced_by_tariff"),
        ([("tariffs.0.min_price", {"excl_vat": 5})], "cdr.priced_by_tariff"),
        ([("tariffs.0.elements.0.price_components.0.step_size", 500)], "cdr.priced_by_tariff"),
        (
            [("start_date_time", "2026-03-02T12:00:00Z"), ("last_updated", "2026-03-02T13:00:00Z")],
            "cdr.end_after_start",
        ),
        ([("charging_periods.0.dimensions.1.volume", Decimal("1.0"))], "cdr.times_add_up"),
    ],
)
def test_a_cdr_that_does_not_add_up_is_found(changes: list[tuple[str, Any]], rule: str) -> None:
    problems = judge("cdr", changed(CDR, *changes))

    assert rule in {problem.rule.id for problem in problems}
    assert all(problem.rule.paragraph.startswith("OCPI 2.2.1 ") for problem in problems)


def test_a_credit_cdr_has_a_negative_total_and_positive_parts() -> None:
    credit = changed(
        CDR,
        ("id", "C1-C"),
        ("credit", True),
        ("credit_reference_id", "C1"),
        ("total_cost", {"excl_vat": Decimal("-3.175"), "incl_vat": Decimal("-3.8418")}),
    )

    assert judge("cdr", credit) == []


def test_a_minimum_price_explains_a_higher_total() -> None:
    capped = changed(
        CDR,
        ("tariffs.0.min_price", {"excl_vat": 5, "incl_vat": 6}),
        ("total_cost", {"excl_vat": 5, "incl_vat": 6}),
    )

    assert judge("cdr", capped) == []


def test_a_part_left_out_of_the_cdr_may_explain_a_higher_total() -> None:
    assert judge("cdr", changed(CDR, ("total_parking_cost", GONE))) == []


def test_a_part_left_out_does_not_explain_more_than_the_tariff_can_cost() -> None:
    free_parking = changed(
        CDR,
        ("total_parking_cost", GONE),
        ("tariffs.0.elements", [TARIFF["elements"][0]]),
    )

    assert {rule for rule, _ in found("cdr", free_parking)} == {"cdr.costs_add_up", "cdr.priced_by_tariff"}


def test_a_tariff_with_restrictions_is_not_computed_again() -> None:
    restricted = changed(CDR, ("tariffs.0.elements.0.restrictions", {"start_time": "09:00", "end_time": "17:00"}))

    assert judge("cdr", restricted) == []


# OCPI 2.2.1 10.3.1: 21 minutes of charging, 16 of parking, both in steps of 10 minutes, are billed as 21 and 20.
def test_step_size_rounds_only_the_time_that_was_billed_last() -> None:
    item = changed(
        CDR,
        ("end_date_time", "2026-03-02T10:37:00Z"),
        ("total_energy", 0),
        ("total_time", Decimal("0.6167")),
        ("total_parking_time", Decimal("0.2667")),
        ("total_energy_cost", GONE),
        ("total_time_cost", {"excl_vat": Decimal("0.35")}),
        ("total_parking_cost", {"excl_vat": Decimal("0.6667")}),
        ("total_cost", {"excl_vat": Decimal("1.0167")}),
        ("charging_periods.0.dimensions", [{"type": "TIME", "volume": Decimal("0.35")}]),
        ("charging_periods.1.start_date_time", "2026-03-02T10:21:00Z"),
        ("charging_periods.1.dimensions", [{"type": "PARKING_TIME", "volume": Decimal("0.2667")}]),
        ("tariffs.0.elements.0.price_components.0", {"type": "TIME", "price": 1, "step_size": 600}),
        ("tariffs.0.elements.1.price_components.0", {"type": "PARKING_TIME", "price": 2, "step_size": 600}),
    )

    assert judge("cdr", item) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ([("elements.0.price_components.0.step_size", -1)], "tariff.step_size"),
        ([("elements.0.price_components.0.price", -1)], "tariff.price"),
        ([("elements.0.price_components.0.vat", 121)], "tariff.vat"),
        ([("elements.0.price_components", TARIFF["elements"][0]["price_components"] * 2)], "tariff.one_per_dimension"),
        ([("min_price", {"excl_vat": 5}), ("max_price", {"excl_vat": 4})], "tariff.limits"),
        (
            [("start_date_time", "2026-03-02T00:00:00Z"), ("end_date_time", "2026-03-01T00:00:00Z")],
            "tariff.validity",
        ),
        ([("elements.0.restrictions", {"reservation": "RESERVATION"})], "tariff.reservation"),
        ([("elements.0.restrictions", {"min_kwh": 20, "max_kwh": 10})], "tariff.restriction_range"),
        (
            [("elements.0.restrictions", {"start_date": "2026-02-01", "end_date": "2026-01-01"})],
            "tariff.restriction_range",
        ),
    ],
)
def test_a_tariff_that_contradicts_itself_is_found(changes: list[tuple[str, Any]], rule: str) -> None:
    assert [problem.rule.id for problem in judge("tariff", changed(TARIFF, *changes))] == [rule]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ([("token", "t" * 65)], "shape.field"),
        ([("token", "with space")], "shape.field"),
        ([("roles", [])], "shape.field"),
        ([("roles", CREDENTIALS["roles"] * 2)], "credentials.roles_unique"),
    ],
)
def test_wrong_credentials_are_found(changes: list[tuple[str, Any]], rule: str) -> None:
    assert judge("credentials", CREDENTIALS) == []
    assert [problem.rule.id for problem in judge("credentials", changed(CREDENTIALS, *changes))] == [rule]


def test_wrong_version_details_are_found() -> None:
    endpoint = {"identifier": "cdrs", "role": "SENDER", "url": "https://cpo.example/cdrs"}

    rules = [rule for rule, _ in found("version_details", {"version": "2.2.1", "endpoints": [endpoint, endpoint]})]

    assert rules == ["version_details.unique", "version_details.credentials"]


def test_a_problem_moves_with_the_object_that_holds_it() -> None:
    problem: Problem = judge("location", changed(LOCATION, ("time_zone", "x")))[0]

    assert problem.below("$.data[3]").path == "$.data[3].time_zone"


def test_the_type_of_a_token_is_closed() -> None:
    token = {**CDR_TOKEN, "type": "EMAID"}

    assert found("session", changed(SESSION, ("cdr_token", token))) == [("shape.field", "$.cdr_token.type")]
