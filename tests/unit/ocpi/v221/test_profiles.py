"""Charging profiles and preferences, from OCPI's JSON and to it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.domain.callbacks import CallbackKind
from gateway.domain.profiles import ChargingPreferences, ProfileResponse, ProfileType, RatePeriod, RateUnit
from gateway.errors import WireError
from gateway.ocpi import wire
from gateway.ocpi.v221.profiles import (
    parse_clear_query,
    parse_preferences,
    parse_profile_query,
    parse_set_profile,
    render_active,
    render_response,
    render_result,
)
from tests.contract_schemas import assert_valid
from tests.fakes.smart_charging import ACTIVE

URL = "https://emsp.example/results/1?a=b"
NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
PROFILE: dict[str, Any] = {
    "start_date_time": "2026-03-01T09:00:00Z",
    "duration": 3600,
    "charging_rate_unit": "A",
    "min_charging_rate": 6,
    "charging_profile_period": [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 8.1}],
}
SET = {"charging_profile": PROFILE, "response_url": URL}


def test_a_profile_is_read_exactly() -> None:
    profile, url = parse_set_profile(SET)

    assert_valid("op:receiverPutChargingProfile", SET, request=True)
    assert url == URL
    assert (profile.unit, profile.start_at, profile.duration_s, profile.min_rate) == (RateUnit.A, NINE, 3600, 6)
    assert profile.periods == (
        RatePeriod(start_s=0, limit=Decimal(16)),
        RatePeriod(start_s=600, limit=Decimal("8.1")),
    )


def test_what_is_optional_may_be_absent() -> None:
    profile, _ = parse_set_profile({"charging_profile": {"charging_rate_unit": "W"}, "response_url": URL})

    assert (profile.start_at, profile.duration_s, profile.min_rate, profile.periods) == (None, None, None, ())


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"charging_rate_unit": "kW"}, "charging_rate_unit"),
        ({"duration": -1}, "duration"),
        ({"duration": 2**31}, "duration"),
        ({"min_charging_rate": 6.05}, "min_charging_rate"),
        ({"start_date_time": "soon"}, "start_date_time"),
        ({"charging_profile_period": [{"start_period": 0, "limit": 8.15}]}, "charging_profile_period[0].limit"),
        ({"charging_profile_period": [{"start_period": 0, "limit": -1}]}, "charging_profile_period[0].limit"),
        ({"charging_profile_period": [{"start_period": 0, "limit": True}]}, "charging_profile_period[0].limit"),
        ({"charging_profile_period": [{"start_period": 0.5, "limit": 1}]}, "charging_profile_period[0].start_period"),
        ({"charging_profile_period": [{"limit": 1}]}, "charging_profile_period[0].start_period"),
    ],
)
def test_what_no_profile_can_have_is_named(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(WireError) as error:
        parse_set_profile({**SET, "charging_profile": {**PROFILE, **changes}})

    assert error.value.path == f"$.charging_profile.{path}"


@pytest.mark.parametrize("url", [None, "", "ftp://emsp.example/x", "https://emsp.example/" + "x" * 255])
def test_a_result_needs_a_url_to_go_to(url: str | None) -> None:
    with pytest.raises(WireError) as error:
        parse_set_profile({**SET, "response_url": url})

    assert error.value.path == "$.response_url"


def test_the_query_of_a_get_has_a_duration_and_a_url() -> None:
    assert parse_profile_query({"duration": "900", "response_url": URL}) == (900, URL)


@pytest.mark.parametrize("query", [{}, {"duration": "0"}, {"duration": "x"}, {"duration": "1.5"}])
def test_a_get_without_a_duration_that_is_one_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(WireError) as error:
        parse_profile_query({"response_url": URL, **query})

    assert error.value.path == "$.duration"


def test_the_query_of_a_delete_has_a_url() -> None:
    assert parse_clear_query({"response_url": URL}) == URL


def test_preferences_are_read() -> None:
    body = {
        "profile_type": "GREEN",
        "departure_time": "2026-03-01T09:00:00Z",
        "energy_need": 25.5,
        "discharge_allowed": True,
    }

    assert_valid("charging_preferences", body)
    assert parse_preferences(body) == ChargingPreferences(
        profile_type=ProfileType.GREEN, departure_at=NINE, energy_need_kwh=Decimal("25.5"), discharge_allowed=True
    )
    assert parse_preferences({"profile_type": "FAST"}) == ChargingPreferences(profile_type=ProfileType.FAST)


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"profile_type": "TURBO"}, "profile_type"), ({"energy_need": -1}, "energy_need"), ({}, "profile_type")],
)
def test_preferences_that_are_none_are_named(changes: dict[str, Any], path: str) -> None:
    body = {**({"profile_type": "FAST"} if changes else {}), **changes}

    with pytest.raises(WireError) as error:
        parse_preferences(body)

    assert error.value.path == f"$.{path}"


def as_json(rendered: dict[str, Any]) -> Any:
    return orjson.loads(wire.dump_json(rendered))


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_what_holds_is_told_from_its_start_in_whole_seconds(version: str) -> None:
    body = as_json(render_active(ACTIVE))

    assert_valid("op:senderPutActiveChargingProfile", body, version=version, request=True)
    assert body == {
        "start_date_time": "2026-03-01T09:00:00Z",
        "charging_profile": {
            "start_date_time": "2026-03-01T09:00:00Z",
            "duration": 1800,
            "charging_rate_unit": "A",
            "min_charging_rate": 6,
            "charging_profile_period": [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 8.1}],
        },
    }


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_results_are_valid(version: str) -> None:
    active = as_json(render_result(CallbackKind.GET_PROFILE, "ACCEPTED", ACTIVE))
    refused = as_json(render_result(CallbackKind.GET_PROFILE, "REJECTED", None))

    assert_valid("active_chargingprofile_result", active, version=version)
    assert active["profile"] == as_json(render_active(ACTIVE))
    assert refused == {"result": "REJECTED"}
    for kind in (CallbackKind.SET_PROFILE, CallbackKind.CLEAR_PROFILE):
        body = as_json(render_result(kind, "UNKNOWN", None))
        assert_valid("chargingprofile_result", body, version=version)
        assert body == {"result": "UNKNOWN"}


@pytest.mark.parametrize("response", list(ProfileResponse))
def test_responses_are_valid(response: ProfileResponse) -> None:
    assert_valid("chargingprofile_response", render_response(response, 30))
