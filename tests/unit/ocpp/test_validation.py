from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ocpp.frames import Fault
from gateway.ocpp.v16.version import VERSION as V16
from gateway.ocpp.v201.version import VERSION as V201
from gateway.ocpp.validation import Mended, Unfit, Unknown, explain, mend

METER_VALUES = V16.schemas.requests["MeterValues"]
AT = "2026-03-01T10:00:00Z"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def mended(version: Any, action: str, payload: Any) -> Mended:
    result = mend(version.schemas.requests[action], payload)
    assert isinstance(result, Mended)
    return result


def test_every_action_of_both_versions_has_both_schemas() -> None:
    assert len(V16.schemas.requests) == len(V16.schemas.replies) == 39
    assert len(V201.schemas.requests) == len(V201.schemas.replies) == 64


@pytest.mark.parametrize(
    ("action", "payload", "used", "path", "problem"),
    [
        ("Authorize", {"idTag": "T" * 21}, {"idTag": "T" * 21}, "$.idTag", "longer than 20 characters"),
        ("Authorize", {"idTag": 12345}, {"idTag": "12345"}, "$.idTag", "number instead of string"),
        ("Heartbeat", {"x": 1}, {}, "$.x", "not a field of the specification"),
        (
            "DiagnosticsStatusNotification",
            {"status": "Sent"},
            {"status": "Sent"},
            "$.status",
            "not a value of the specification",
        ),
        (
            "DataTransfer",
            {"vendorId": "V", "data": {"MyKWh": 1}},
            {"vendorId": "V", "data": {"MyKWh": 1}},
            "$.data",
            "object instead of text",
        ),
        (
            "StopTransaction",
            {"transactionId": "7", "meterStop": 5, "timestamp": AT},
            {"transactionId": 7, "meterStop": 5, "timestamp": AT},
            "$.transactionId",
            "text instead of integer",
        ),
        (
            "StopTransaction",
            {"transactionId": 7, "meterStop": 5.4, "timestamp": AT},
            {"transactionId": 7, "meterStop": 5, "timestamp": AT},
            "$.meterStop",
            "number instead of integer",
        ),
        (
            "StopTransaction",
            {"transactionId": 7, "meterStop": 5, "timestamp": AT, "idTag": None},
            {"transactionId": 7, "meterStop": 5, "timestamp": AT},
            "$.idTag",
            "null instead of an absent field",
        ),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": {"timestamp": AT, "sampledValue": [{"value": "1"}]}},
            {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1"}]}]},
            "$.meterValue",
            "object instead of array",
        ),
    ],
)
def test_harmless_faults_are_mended(
    action: str, payload: dict[str, Any], used: dict[str, Any], path: str, problem: str
) -> None:
    result = mended(V16, action, payload)

    assert result.payload == used
    assert [(each.path, each.problem) for each in result.problems] == [(path, problem)]


@pytest.mark.parametrize("value", [12, 12.5, "", None, {"ocmf": 1}, True])
@pytest.mark.parametrize("version", [V16, V201])
def test_an_odd_sampled_value_never_spoils_the_message(version: Any, value: Any) -> None:
    place = {"connectorId": 1} if version is V16 else {"evseId": 1}
    payload = {**place, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": value}]}]}

    if not version.schemas.requests["MeterValues"].is_valid(payload):
        mended(version, "MeterValues", payload)


def test_the_same_fault_in_many_samples_is_one_deviation() -> None:
    samples = [{"value": number} for number in range(50)]

    result = mended(V16, "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": samples}]})

    assert [each.path for each in result.problems] == ["$.meterValue[*].sampledValue[*].value"]


def test_the_payload_that_came_is_left_alone() -> None:
    payload = {"connectorId": "1", "meterValue": {"timestamp": AT, "sampledValue": []}}

    mended(V16, "MeterValues", payload)

    assert payload == {"connectorId": "1", "meterValue": {"timestamp": AT, "sampledValue": []}}


def test_a_card_number_is_masked_in_examples() -> None:
    (problem,) = mended(V16, "Authorize", {"idTag": "SECRETSECRETSECRETSECRET"}).problems

    assert problem.example == "SE…"


@pytest.mark.parametrize(
    ("version", "action", "payload", "fault", "path"),
    [
        (V16, "Authorize", [], Fault.BAD_PAYLOAD, "$"),
        (V16, "Authorize", "x", Fault.BAD_PAYLOAD, "$"),
        (V16, "Authorize", {}, Fault.MISSING_FIELD, "$.idTag"),
        (V16, "Authorize", {"idTag": None}, Fault.MISSING_FIELD, "$.idTag"),
        (V16, "Authorize", {"idTag": {}}, Fault.BAD_TYPE, "$.idTag"),
        (V16, "Authorize", {"idTag": True}, Fault.BAD_TYPE, "$.idTag"),
        (
            V16,
            "StopTransaction",
            {"transactionId": "seven", "meterStop": 5, "timestamp": AT},
            Fault.BAD_TYPE,
            "$.transactionId",
        ),
        (
            V16,
            "StopTransaction",
            {"transactionId": 1.5, "meterStop": 5, "timestamp": AT},
            Fault.BAD_TYPE,
            "$.transactionId",
        ),
        (V201, "NotifyEvent", {"generatedAt": AT, "seqNo": 0, "eventData": []}, Fault.BAD_COUNT, "$.eventData"),
    ],
)
def test_what_cannot_be_used_has_a_fault_and_a_path(
    version: Any, action: str, payload: Any, fault: Fault, path: str
) -> None:
    result = mend(version.schemas.requests[action], payload)

    assert isinstance(result, Unfit)
    assert (result.fault, result.path) == (fault, path)


def test_unknown_fields_are_kept_or_refused_if_asked() -> None:
    schema, payload = V16.schemas.requests["Heartbeat"], {"x": 1}

    kept = mend(schema, payload, Unknown.KEEP)
    refused = mend(schema, payload, Unknown.REFUSE)

    assert isinstance(kept, Mended)
    assert kept.payload == payload
    assert isinstance(refused, Unfit)
    assert refused.fault is Fault.BAD_PAYLOAD


def test_explain_names_the_first_breach() -> None:
    schema = V16.schemas.requests["SetChargingProfile"]
    period = {"startPeriod": 0, "limit": 8.1}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }

    assert explain(schema, {"connectorId": 1, "csChargingProfiles": profile}) is None
    period["limit"] = 8.14
    breach = explain(schema, {"connectorId": 1, "csChargingProfiles": profile})
    assert breach is not None
    assert breach.startswith("$.csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit: ")


def test_times_are_not_the_business_of_the_schemas() -> None:
    payload = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "yesterday"}

    assert V16.schemas.requests["StartTransaction"].is_valid(payload)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["connectorId", "meterValue", "transactionId", "x"]), JSON, max_size=4))
def test_no_payload_makes_mend_raise(payload: dict[str, Any]) -> None:
    mend(METER_VALUES, payload)


@pytest.mark.parametrize(
    "signed",
    [
        {"signedMeterData": "T0NNRnw=", "encodingMethod": "OCMF"},
        {"signedMeterData": "T0NNRnw=", "encodingMethod": "OCMF", "signingMethod": 7, "publicKey": ["k"], "extra": 1},
        {"signedMeterData": "A" * 9000, "encodingMethod": "E" * 60, "signingMethod": "", "publicKey": "k" * 3000},
        "OCMF|{}|{}",
        7,
        [],
    ],
)
def test_a_signed_value_never_spoils_the_message_and_is_left_as_it_came(signed: Any) -> None:
    sample = {"value": 5, "signedMeterValue": signed}
    payload = {"evseId": 1, "meterValue": [{"timestamp": AT, "sampledValue": [sample]}]}

    result = mended(V201, "MeterValues", payload)

    assert result.payload["meterValue"][0]["sampledValue"] == [sample]
    assert result.problems
