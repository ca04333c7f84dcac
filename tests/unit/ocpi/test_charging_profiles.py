"""Charging profiles and preferences over HTTP."""

from decimal import Decimal

import pytest

from gateway.domain.profiles import ChargingPreferences, PreferencesAnswer, ProfileResponse, ProfileType
from gateway.errors import ForbiddenError, NotFoundError
from gateway.flows.preferences import Asker
from gateway.flows.profiles import ProfileAnswer
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import EMSP, OURS
from tests.unit.ocpi.conftest import Platform

URL = "https://emsp.example/results/1?a=b"
PATH = "/ocpi/cpo/2.2.1/chargingprofiles/S-1"
PREFERENCES = "/ocpi/cpo/2.2.1/sessions/S-1/charging_preferences"
ROUTING = {
    "OCPI-from-country-code": EMSP.country_code,
    "OCPI-from-party-id": EMSP.party_id,
    "OCPI-to-country-code": OURS.country_code,
    "OCPI-to-party-id": OURS.party_id,
    "X-Correlation-ID": "story-7",
}
BODY = {
    "charging_profile": {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 8.1}]},
    "response_url": URL,
}


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_profile_is_taken_with_who_asks_and_where_the_result_goes(platform: Platform, version: str) -> None:
    path = PATH.replace("2.2.1", version)

    answer = await platform.ask("PUT", path, json=BODY, headers=ROUTING)

    assert answer.codes == (200, 1000)
    assert answer.data == {"result": "ACCEPTED", "timeout": 30}
    assert_valid("op:receiverPutChargingProfile", answer.body, version=version)
    ((asked, profile),) = platform.profiles.asked
    assert (asked.partner.id, asked.version, asked.session_id) == ("P1", version, "S-1")
    assert (asked.response_url, asked.sender, asked.receiver, asked.correlation_id) == (URL, EMSP, OURS, "story-7")
    assert profile.periods[0].limit == Decimal("8.1")  # type: ignore[union-attr]


async def test_what_holds_is_asked_for_and_a_profile_cleared_by_queries(platform: Platform) -> None:
    shown = await platform.ask("GET", PATH, params={"duration": "900", "response_url": URL})
    cleared = await platform.ask("DELETE", PATH, params={"response_url": URL})

    assert (shown.data["result"], cleared.data["result"]) == ("ACCEPTED", "ACCEPTED")
    assert_valid("op:receiverGetActiveChargingProfile", shown.body)
    assert_valid("op:receiverDeleteChargingProfile", cleared.body)
    (first, duration_s), (second, _) = platform.profiles.asked
    assert (first.response_url, duration_s, second.response_url) == (URL, 900, URL)


async def test_a_refusal_is_a_success_of_http_with_its_reason(platform: Platform) -> None:
    platform.profiles.answer = ProfileAnswer(response=ProfileResponse.TOO_OFTEN, timeout_s=30, reason="slower, please")

    answer = await platform.ask("PUT", PATH, json=BODY)

    assert answer.codes == (200, 1000)
    assert (answer.data["result"], answer.body["status_message"]) == ("TOO_OFTEN", "slower, please")


async def test_a_body_that_is_no_profile_is_2001_and_goes_nowhere(platform: Platform) -> None:
    answer = await platform.ask("PUT", PATH, json={"response_url": URL})
    unasked = await platform.ask("GET", PATH)

    assert (answer.codes, unasked.codes) == ((200, 2001), (200, 2001))
    assert platform.profiles.asked == []


async def test_preferences_are_taken(platform: Platform) -> None:
    platform.preferences.answer = PreferencesAnswer.NOT_POSSIBLE

    answer = await platform.ask("PUT", PREFERENCES, json={"profile_type": "FAST"}, headers=ROUTING)

    assert (answer.codes, answer.data) == ((200, 1000), "NOT_POSSIBLE")
    assert_valid("op:senderPutChargingPreferences", answer.body)
    assert platform.preferences.taken == [
        (Asker(partner_id="P1", sender=EMSP), "S-1", ChargingPreferences(profile_type=ProfileType.FAST))
    ]


@pytest.mark.parametrize(
    ("failure", "code"), [(NotFoundError("no such session"), 2000), (ForbiddenError("not capable"), 2001)]
)
async def test_preferences_where_there_are_none_are_not_found(
    platform: Platform, failure: Exception, code: int
) -> None:
    platform.preferences.failure = failure

    answer = await platform.ask("PUT", PREFERENCES, json={"profile_type": "FAST"})

    assert answer.codes == (404, code)


async def test_2_1_1_has_neither(platform: Platform) -> None:
    profile = await platform.ask("PUT", PATH.replace("2.2.1", "2.1.1"), json=BODY)
    wishes = await platform.ask("PUT", PREFERENCES.replace("2.2.1", "2.1.1"), json={"profile_type": "FAST"})
    details = await platform.ask("GET", "/ocpi/2.1.1")

    assert (profile.http, wishes.http) == (404, 404)
    assert "chargingprofiles" not in {endpoint["identifier"] for endpoint in details.data["endpoints"]}


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_the_module_is_offered_as_receiver(platform: Platform, version: str) -> None:
    details = await platform.ask("GET", f"/ocpi/{version}")

    (endpoint,) = [one for one in details.data["endpoints"] if one["identifier"] == "chargingprofiles"]
    assert endpoint["role"] == "RECEIVER"
