"""Commands on the wire, in the words of each version."""

from typing import Any

import pytest

from gateway.domain.callbacks import Callback, CallbackKind
from gateway.domain.commands import CommandAnswer, StartOrder, StopOrder, UnlockOrder
from gateway.errors import WireError
from gateway.ocpi.results import OcpiResults
from gateway.ocpi.versions import VERSIONS
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import PARTNER
from tests.fakes.ocpi_store import NOON
from tests.unit.ocpi.conftest import Platform

TOKEN = {
    "country_code": "DE",
    "party_id": "EMP",
    "uid": "04A1B2C3",
    "type": "APP_USER",
    "contract_id": "DE-EMP-C1",
    "issuer": "EMP",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2026-03-01T12:00:00Z",
}
TOKEN_211 = {name: TOKEN[name] for name in ("uid", "issuer", "valid", "whitelist", "last_updated")} | {
    "type": "OTHER",
    "auth_id": "DE-EMP-C1",
}
URL = "https://emp.example/results/1?a=b"
STOP = {"response_url": URL, "session_id": "s-1"}


def path(version: str, command: str) -> str:
    return f"/ocpi/cpo/{version}/commands/{command}"


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_start_is_read_whole(platform: Platform, version: str) -> None:
    body = {
        "response_url": URL,
        "token": TOKEN,
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "authorization_reference": "REF",
    }

    answer = await platform.ask(
        "POST", path(version, "START_SESSION"), json=body, headers={"X-Correlation-ID": "corr-1"}
    )

    assert answer.data == {"result": "ACCEPTED", "timeout": 30}
    assert_valid("command_response", answer.data, version=version)
    ((asked, order),) = platform.commands.orders
    assert (asked.kind, asked.version, asked.correlation_id) == (CallbackKind.START_SESSION, version, "corr-1")
    assert isinstance(order, StartOrder)
    assert (order.token.uid, order.token.contract_id, order.token.partner_id) == ("04A1B2C3", "DE-EMP-C1", PARTNER.id)
    assert (order.evse_uid, order.connector_id, order.authorization_reference) == ("E1", "1", "REF")


async def test_a_start_of_2_1_1_has_a_token_of_the_one_party(platform: Platform) -> None:
    body = {"response_url": URL, "token": TOKEN_211, "location_id": "LOC1"}

    answer = await platform.ask("POST", path("2.1.1", "START_SESSION"), json=body)

    assert answer.data == {"result": "ACCEPTED"}
    ((_, order),) = platform.commands.orders
    assert isinstance(order, StartOrder)
    assert (order.token.party, order.token.contract_id) == (PARTNER.roles[0].party, "DE-EMP-C1")


@pytest.mark.parametrize("version", list(VERSIONS))
async def test_a_stop_and_an_unlock_are_read_in_every_version(platform: Platform, version: str) -> None:
    unlock = {"response_url": URL, "location_id": "LOC1", "evse_uid": "E1", "connector_id": "1"}
    await platform.ask("POST", path(version, "STOP_SESSION"), json=STOP)
    await platform.ask("POST", path(version, "UNLOCK_CONNECTOR"), json=unlock)

    assert [order for _, order in platform.commands.orders] == [StopOrder(**STOP), UnlockOrder(**unlock)]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"session_id": "s-1"}, "$.response_url"),
        ({"response_url": "ftp://x", "session_id": "s-1"}, "$.response_url"),
        ({"response_url": URL}, "$.session_id"),
    ],
)
async def test_a_fault_of_the_body_is_told_with_its_place(platform: Platform, body: dict[str, Any], where: str) -> None:
    answer = await platform.ask("POST", path("2.2.1", "STOP_SESSION"), json=body)

    assert answer.codes == (200, 2001)
    assert answer.body["status_message"].startswith(where)


async def test_a_fault_of_the_token_is_told_by_its_path_in_the_command(platform: Platform) -> None:
    token = {name: value for name, value in TOKEN.items() if name != "issuer"}

    answer = await platform.ask(
        "POST", path("2.2.1", "START_SESSION"), json={"response_url": URL, "token": token, "location_id": "LOC1"}
    )

    assert answer.body["status_message"] == "$.token.issuer: is missing"


async def test_an_unknown_location_has_its_own_code_and_is_refused_all_the_same(platform: Platform) -> None:
    platform.commands.answer = CommandAnswer(
        result="REJECTED", timeout_s=30, message="there is no such location here", is_location_known=False
    )

    answer = await platform.ask("POST", path("2.2.1", "STOP_SESSION"), json=STOP)

    assert answer.codes == (200, 2003)
    assert (answer.data["result"], answer.data["timeout"]) == ("REJECTED", 30)
    assert_valid("command_response", answer.data)


async def test_a_url_that_is_not_the_partners_is_a_fault_of_the_body(platform: Platform) -> None:
    platform.commands.answer = WireError("$.response_url", "does not lead to you")

    assert (await platform.ask("POST", path("2.2.1", "STOP_SESSION"), json=STOP)).codes == (200, 2001)


@pytest.mark.parametrize(("version", "command"), [("2.2.1", "MAKE_COFFEE"), ("2.1.1", "CANCEL_RESERVATION")])
async def test_what_the_version_does_not_have_is_not_supported(platform: Platform, version: str, command: str) -> None:
    answer = await platform.ask("POST", path(version, command), json={"response_url": URL})

    assert answer.codes == (200, 1000)
    assert answer.data["result"] == "NOT_SUPPORTED"
    assert platform.commands.orders == []


@pytest.mark.parametrize("version", list(VERSIONS))
async def test_the_module_is_listed(platform: Platform, version: str) -> None:
    details = await platform.ask("GET", f"/ocpi/{version}")

    (endpoint,) = [each for each in details.data["endpoints"] if each["identifier"] == "commands"]
    assert endpoint.get("role") == (None if version == "2.1.1" else "RECEIVER")


def callback(version: str) -> Callback:
    return Callback(
        id="cb",
        partner_id=PARTNER.id,
        version=version,
        kind=CallbackKind.START_SESSION,
        response_url=URL,
        station_id="CS1",
        asked_at=NOON,
        deadline=NOON,
    )


@pytest.mark.parametrize(
    ("version", "word", "body"),
    [
        ("2.1.1", "ACCEPTED", b'{"result":"ACCEPTED"}'),
        ("2.1.1", "EVSE_OCCUPIED", b'{"result":"REJECTED"}'),
        ("2.1.1", "TIMEOUT", b'{"result":"TIMEOUT"}'),
        ("2.2.1", "FAILED", b'{"result":"FAILED","message":[{"language":"en","text":"why"}]}'),
        ("2.3.0", "EVSE_OCCUPIED", b'{"result":"EVSE_OCCUPIED","message":[{"language":"en","text":"why"}]}'),
    ],
)
def test_a_result_has_the_words_of_the_version_in_which_it_was_asked(version: str, word: str, body: bytes) -> None:
    assert OcpiResults().render_result(callback(version), word, "why", None) == body


@pytest.mark.parametrize(
    "word",
    ["ACCEPTED", "EVSE_OCCUPIED", "EVSE_INOPERATIVE", "FAILED", "NOT_SUPPORTED", "REJECTED", "TIMEOUT"],
)
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_every_result_is_valid(version: str, word: str) -> None:
    assert_valid("command_result", VERSIONS[version].render_command_result(word, "why"), version=version)
