"""The variables that live sessions need of an OCPP 2.0.1 station, and the states of its plugs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.ocpp.v201.outbound import render_trigger_status
from gateway.ocpp.version import Caller, Metering, Recorder

COMPONENT: Final = "SampledDataCtrlr"
INTERVAL: Final = "TxUpdatedInterval"
MEASURANDS: Final = ("TxStartedMeasurands", "TxUpdatedMeasurands", "TxEndedMeasurands")
FISCAL: Final = "FiscalMetering"
PUBLIC_KEY: Final = "PublicKey"
_MAX_EVSES: Final = 32
_KEYS_AT_ONCE: Final = 2
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


async def read_meter_keys(call: Caller) -> Mapping[int, str]:
    """The public keys of the meters by EVSE, 0: of the whole station, as far as it tells them (OCA paper 4.3.2)."""
    keys: dict[int, str] = {}
    for first in range(0, _MAX_EVSES, _KEYS_AT_ONCE):
        asked = [_key_address(evse_no) for evse_no in range(first, first + _KEYS_AT_ONCE)]
        found = {
            (entry["component"].get("evse") or {}).get("id", 0): str(entry.get("attributeValue") or "").strip()
            for entry in await _get(call, asked)
        }
        keys |= {evse_no: value for evse_no, value in found.items() if value}
        if first + _KEYS_AT_ONCE - 1 not in keys:
            break
    return keys


async def _read(call: Caller, names: list[str]) -> dict[str, str]:
    """The values of those that the station has."""
    return {
        entry["variable"]["name"]: str(entry.get("attributeValue") or "")
        for entry in await _get(call, [_address(name) for name in names])
    }


async def _get(call: Caller, addresses: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results that were accepted; asked one by one if the station cannot tell several at once (ItemsPerMessage)."""
    outcome = await call("GetVariables", {"getVariableData": [*addresses]})
    if outcome.outcome == "call_error" and len(addresses) > 1:
        return [result for address in addresses for result in await _get(call, [address])]
    results = (outcome.payload or {}).get("getVariableResult") if outcome.outcome == "accepted" else None
    return [entry for entry in results or () if entry["attributeStatus"] == "Accepted"]


def _key_address(evse_no: int) -> dict[str, Any]:
    component = {"name": FISCAL} if evse_no == 0 else {"name": FISCAL, "evse": {"id": evse_no}}
    return {"component": component, "variable": {"name": PUBLIC_KEY}}


def _address(name: str) -> dict[str, Any]:
    return {"component": {"name": COMPONENT}, "variable": {"name": name}}
