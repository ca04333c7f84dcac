"""The variables that live sessions need of an OCPP 2.0.1 station, and the states of its plugs."""

from typing import Any, Final

from gateway.ocpp.v201.outbound import render_trigger_status
from gateway.ocpp.version import Caller, Metering, Recorder

COMPONENT: Final = "SampledDataCtrlr"
INTERVAL: Final = "TxUpdatedInterval"
MEASURANDS: Final = ("TxStartedMeasurands", "TxUpdatedMeasurands", "TxEndedMeasurands")
_MAX_EVSES: Final = 32
_MAX_CONNECTORS: Final = 4


async def set_metering(call: Caller, wanted: Metering, record: Recorder) -> None:
    """Read what is sampled and how often; change only what differs, one attempt.

    What is read-only says so by its answer (Rejected), RebootRequired is recorded and left to the operator.
    """
    found = await _read(call, [*MEASURANDS, INTERVAL])
    for name, value in decide_changes(found, wanted):
        entry = {**_address(name), "attributeValue": value}
        outcome = await call("SetVariables", {"setVariableData": [entry]})
        results = (outcome.payload or {}).get("setVariableResult") if outcome.outcome == "accepted" else None
        status = results[0]["attributeStatus"] if results else outcome.outcome
        record("metering", f"{COMPONENT}.{name} = {value}: {status}")


def decide_changes(found: dict[str, str], wanted: Metering) -> list[tuple[str, str]]:
    """The variables to change and their values; what the station measures beyond the wanted stays."""
    changes: list[tuple[str, str]] = []
    for name in MEASURANDS:
        if name in found:
            measurands = [each.strip() for each in found[name].split(",") if each.strip()]
            missing = [each for each in wanted.measurands if each not in measurands]
            if missing:
                changes.append((name, ",".join(measurands + missing)))
    if INTERVAL in found and found[INTERVAL].strip() != str(wanted.interval_s):
        changes.append((INTERVAL, str(wanted.interval_s)))
    return changes


async def ask_statuses(call: Caller) -> None:
    """Have the state of every plug sent: the station did not do it by itself after connecting.

    EVSEs and their connectors are numbered from 1 without gaps (OCPP 2.0.1 part 1, numbering), so the first that is
    refused is the end of them.
    """
    for evse_no in range(1, _MAX_EVSES + 1):
        for connector_no in range(1, _MAX_CONNECTORS + 1):
            outcome = await call(*render_trigger_status(evse_no, connector_no))
            if outcome.outcome == "accepted" and (outcome.payload or {}).get("status") == "Accepted":
                continue
            if connector_no == 1:
                return
            break


async def _read(call: Caller, names: list[str]) -> dict[str, str]:
    """The values of those that the station has; one by one if it cannot tell several at once (ItemsPerMessage)."""
    outcome = await call("GetVariables", {"getVariableData": [_address(name) for name in names]})
    if outcome.outcome == "call_error" and len(names) > 1:
        found: dict[str, str] = {}
        for name in names:
            found |= await _read(call, [name])
        return found
    results = (outcome.payload or {}).get("getVariableResult") if outcome.outcome == "accepted" else None
    return {
        entry["variable"]["name"]: str(entry.get("attributeValue") or "")
        for entry in results or ()
        if entry["attributeStatus"] == "Accepted"
    }


def _address(name: str) -> dict[str, Any]:
    return {"component": {"name": COMPONENT}, "variable": {"name": name}}
