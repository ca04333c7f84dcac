"""What the stations say: every message unique, every reading higher and later than the one before.

A call is `(frame, start of the answer it must get)`.  Payloads are templates of bytes patched with
the message id, the time and the readings, so that the load client stays cheaper than any server.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from benchmarks.websocket import frame

Call = tuple[bytes, bytes]

_SAMPLE_INTERVAL = timedelta(minutes=1)
_METER_START_WH = 1_000_000
ENERGY_PER_SAMPLE_WH = 183


def timestamps(since: datetime, count: int) -> list[bytes]:
    """Render `count` times one minute apart, all of one width."""
    start = since.astimezone(UTC).replace(microsecond=0)
    return [f"{start + n * _SAMPLE_INTERVAL:%Y-%m-%dT%H:%M:%S}.000Z".encode() for n in range(count)]


def message_ids(station_no: int) -> Iterator[bytes]:
    """Yield ids of 36 characters, the longest that OCPP allows, unique among stations."""
    prefix = b"%08x-4f43-4010-8000-" % station_no
    return (prefix + b"%012x" % n for n in itertools.count())


def call(message_id: bytes, action: str, payload: dict[str, Any]) -> Call:
    """Render one call outside the measured loops."""
    return _framed(message_id, b'[2,"%b","' + action.encode() + b'",' + orjson.dumps(payload) + b"]")


def _framed(message_id: bytes, template: bytes, *values: bytes) -> Call:
    return frame(template % (message_id, *values)), b'[3,"' + message_id + b'",'


# --- OCPP 1.6 ----------------------------------------------------------------------------------------

BOOT_16 = {
    "chargePointVendor": "Voltwerk",
    "chargePointModel": "VW-22-DUO",
    "chargePointSerialNumber": "VW22-004711",
    "firmwareVersion": "2.14.3",
}

_STATUS_16 = b'[2,"%b","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"%b","timestamp":"%b"}]'


def start_transaction_16(at: bytes, token_uid: str) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": token_uid, "meterStart": _METER_START_WH, "timestamp": at.decode()}


def stop_transaction_16(at: bytes, token_uid: str, transaction_id: int, samples: int) -> dict[str, Any]:
    """Render the end of a transaction that reported `samples` samples before."""
    return {
        "transactionId": transaction_id,
        "idTag": token_uid,
        "meterStop": _METER_START_WH + ENERGY_PER_SAMPLE_WH * (samples + 1),
        "timestamp": at.decode(),
        "reason": "EVDisconnected",
    }


def heartbeats(ids: Iterator[bytes]) -> Iterator[Call]:
    for message_id in ids:
        yield _framed(message_id, b'[2,"%b","Heartbeat",{}]')


def changing_statuses_16(ids: Iterator[bytes], times: Sequence[bytes]) -> Iterator[Call]:
    """Alternate between two states: each message is a fact."""
    for message_id, at, status in zip(ids, times, itertools.cycle((b"Preparing", b"Available")), strict=False):
        yield _framed(message_id, _STATUS_16, status, at)


def unchanged_statuses_16(ids: Iterator[bytes], times: Sequence[bytes]) -> Iterator[Call]:
    for message_id, at in zip(ids, times, strict=False):
        yield _framed(message_id, _STATUS_16, b"Available", at)


def meter_values_16(ids: Iterator[bytes], times: Sequence[bytes], transaction_id: int) -> Iterator[Call]:
    """Yield periodic MeterValues of four samples inside a transaction."""
    template = (
        b'[2,"%b","MeterValues",{"connectorId":1,"transactionId":'
        + str(transaction_id).encode()
        + b',"meterValue":[{"timestamp":"%b","sampledValue":['
        + b",".join(
            (
                _sample_16("Energy.Active.Import.Register", "Wh"),
                _sample_16("Power.Active.Import", "W"),
                _sample_16("Current.Import", "A", phase="L1"),
                _sample_16("Voltage", "V", phase="L1-N"),
            )
        )
        + b"]}]}]"
    )
    for n, (message_id, at) in enumerate(zip(ids, times, strict=False), start=1):
        yield _framed(message_id, template, at, *_readings(n))


def _sample_16(measurand: str, unit: str, phase: str | None = None) -> bytes:
    sample = {
        "value": "%b",
        "context": "Sample.Periodic",
        "format": "Raw",
        "measurand": measurand,
        "phase": phase,
        "location": "Outlet",
        "unit": unit,
    }
    return orjson.dumps({key: value for key, value in sample.items() if value is not None})


# --- OCPP 2.0.1 --------------------------------------------------------------------------------------

BOOT_201 = {
    "reason": "PowerUp",
    "chargingStation": {
        "vendorName": "Voltwerk",
        "model": "VW-22-DUO",
        "serialNumber": "VW22-004711",
        "firmwareVersion": "2.14.3",
    },
}

# Numbers and times stand in the template as marks, since JSON needs the bare number.
_MARK_TIME, _MARK_SEQ, _MARK_READINGS = "@time", "@seq", ("@wh", "@w", "@a", "@v")


def started_201(at: bytes, transaction_id: str, token_uid: str) -> dict[str, Any]:
    return {
        "eventType": "Started",
        "timestamp": at.decode(),
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": transaction_id, "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": token_uid, "type": "ISO14443"},
        "meterValue": [
            {
                "timestamp": at.decode(),
                "sampledValue": [
                    {
                        "value": _METER_START_WH,
                        "context": "Transaction.Begin",
                        "measurand": "Energy.Active.Import.Register",
                        "unitOfMeasure": {"unit": "Wh"},
                    }
                ],
            }
        ],
    }


def updates_201(ids: Iterator[bytes], times: Sequence[bytes], transaction_id: str) -> Iterator[Call]:
    """Yield periodic TransactionEvent Updated messages; the first has seqNo 1."""
    template = _update_template_201(transaction_id)
    for n, (message_id, at) in enumerate(zip(ids, times, strict=False), start=1):
        yield _framed(message_id, template, at, b"%d" % n, at, *_readings(n))


def _update_template_201(transaction_id: str) -> bytes:
    measured = (
        ("Energy.Active.Import.Register", None, "Wh"),
        ("Power.Active.Import", None, "W"),
        ("Current.Import", "L1", "A"),
        ("Voltage", "L1-N", "V"),
    )
    samples = [
        {
            "value": mark,
            "context": "Sample.Periodic",
            "measurand": measurand,
            **({"phase": phase} if phase else {}),
            "location": "Outlet",
            "unitOfMeasure": {"unit": unit, "multiplier": 0},
        }
        for mark, (measurand, phase, unit) in zip(_MARK_READINGS, measured, strict=True)
    ]
    payload = {
        "eventType": "Updated",
        "timestamp": _MARK_TIME,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": _MARK_SEQ,
        "transactionInfo": {"transactionId": transaction_id, "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": _MARK_TIME, "sampledValue": samples}],
    }
    text = orjson.dumps(payload).replace(b'"@time"', b'"%b"')
    for mark in (_MARK_SEQ, *_MARK_READINGS):
        text = text.replace(b'"%b"' % mark.encode(), b"%b")
    return b'[2,"%b","TransactionEvent",' + text + b"]"


def _readings(n: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Readings of the n-th sample in Wh, W, A and V, of a constant width each."""
    return (
        b"%d" % (_METER_START_WH + ENERGY_PER_SAMPLE_WH * n),
        b"%d" % (10_900 + n % 90),
        b"15.%d" % (n % 9 + 1),
        b"23%d.4" % (n % 10),
    )


# --- answers to the central system's own calls ---------------------------------------------------------

_KEYS_16 = {
    "HeartbeatInterval": "300",
    "MeterValueSampleInterval": "60",
    "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
    "MeterValuesSampledDataMaxLength": "8",
    "ClockAlignedDataInterval": "0",
    "MeterValuesAlignedData": "Energy.Active.Import.Register",
    "StopTxnSampledData": "Energy.Active.Import.Register",
    "NumberOfConnectors": "1",
    "SupportedFeatureProfiles": "Core,RemoteTrigger",
    "WebSocketPingInterval": "240",
    "GetConfigurationMaxKeys": "50",
}
_VARIABLES_201 = {
    ("SampledDataCtrlr", "TxUpdatedMeasurands"): "Energy.Active.Import.Register,Power.Active.Import,Voltage",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "60",
    ("SampledDataCtrlr", "TxStartedMeasurands"): "Energy.Active.Import.Register",
    ("SampledDataCtrlr", "TxEndedMeasurands"): "Energy.Active.Import.Register",
    ("SampledDataCtrlr", "TxEndedInterval"): "0",
}


def decide_reply(action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
    """Answer a call of the central system like a well configured station; None when not supported."""
    match action:
        case "GetConfiguration":
            wanted = payload.get("key") or list(_KEYS_16)
            known = [{"key": k, "readonly": False, "value": _KEYS_16[k]} for k in wanted if k in _KEYS_16]
            return {"configurationKey": known, "unknownKey": [k for k in wanted if k not in _KEYS_16]}
        case "ChangeConfiguration":
            return {"status": "Accepted"}
        case "GetVariables":
            return {"getVariableResult": [_variable_201(item) for item in payload["getVariableData"]]}
        case "SetVariables":
            kept = ("component", "variable", "attributeType")
            return {
                "setVariableResult": [
                    {"attributeStatus": "Accepted", **{k: item[k] for k in kept if k in item}}
                    for item in payload["setVariableData"]
                ]
            }
        case "GetBaseReport":
            return {"status": "NotSupported"}
        case "TriggerMessage":
            return {"status": "NotImplemented"}
    return None


def _variable_201(item: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {key: item[key] for key in ("component", "variable", "attributeType") if key in item}
    value = _VARIABLES_201.get((item["component"]["name"], item["variable"]["name"]))
    if value is None:
        return {"attributeStatus": "UnknownVariable", **asked}
    return {"attributeStatus": "Accepted", "attributeValue": value, **asked}
