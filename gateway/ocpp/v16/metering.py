"""The configuration that live sessions need of an OCPP 1.6 station, and the states of its plugs."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.ocpp.v16.outbound import render_trigger_status
from gateway.ocpp.version import Caller, Metering, Recorder

SAMPLED_DATA: Final = "MeterValuesSampledData"
SAMPLE_INTERVAL: Final = "MeterValueSampleInterval"
NUMBER_OF_CONNECTORS: Final = "NumberOfConnectors"
_MAX_CONNECTORS: Final = 32
METER_KEY: Final = "MeterPublicKey"
_KEYS_AT_ONCE: Final = 2

Configuration = dict[str, tuple[str, bool]]
"""Value and whether it is read-only, by key in lower case: stations spell keys as they like."""


async def set_metering(call: Caller, wanted: Metering, record: Recorder) -> None:
    """Read what is sampled and how often; change only what differs and is writable, one attempt."""
    found = await _read(call, [SAMPLED_DATA, SAMPLE_INTERVAL])
    for key, value in decide_changes(found, wanted):
        outcome = await call("ChangeConfiguration", {"key": key, "value": value})
        status = (outcome.payload or {}).get("status") if outcome.outcome == "accepted" else outcome.outcome
        record("metering", f"{key} = {value}: {status}")


def decide_changes(found: Configuration, wanted: Metering) -> list[tuple[str, str]]:
    """The keys to change and their values; what the station measures beyond the wanted stays."""
    changes = []
    value, is_readonly = found.get(SAMPLED_DATA.lower(), ("", True))
    measurands = [name.strip() for name in value.split(",") if name.strip()]
    missing = [name for name in wanted.measurands if name not in measurands]
    if missing and not is_readonly:
        changes.append((SAMPLED_DATA, ",".join(measurands + missing)))
    value, is_readonly = found.get(SAMPLE_INTERVAL.lower(), ("", True))
    if value.strip() != str(wanted.interval_s) and not is_readonly:
        changes.append((SAMPLE_INTERVAL, str(wanted.interval_s)))
    return changes


async def ask_statuses(call: Caller) -> None:
    """Have the state of every plug sent: the station did not do it by itself after connecting."""
    found = await _read(call, [NUMBER_OF_CONNECTORS])
    number = found.get(NUMBER_OF_CONNECTORS.lower(), ("", True))[0]
    count = int(number) if number.isascii() and number.isdigit() else 1
    for connector_no in range(1, min(count, _MAX_CONNECTORS) + 1):
        outcome = await call(*render_trigger_status(connector_no))
        if outcome.outcome != "accepted" or (outcome.payload or {}).get("status") != "Accepted":
            return


async def read_meter_keys(call: Caller) -> Mapping[int, str]:
    """The public keys of the meters by connector, as far as the station tells them (OCA paper 3.3.1)."""
    keys: dict[int, str] = {}
    for first in range(1, _MAX_CONNECTORS, _KEYS_AT_ONCE):
        asked = range(first, first + _KEYS_AT_ONCE)
        found = await _read(call, [f"{METER_KEY}{number}" for number in asked])
        values = {number: found.get(f"{METER_KEY}{number}".lower(), ("", True))[0].strip() for number in asked}
        keys |= {number: value for number, value in values.items() if value}
        if not all(values.values()):
            break
    return keys


async def _read(call: Caller, keys: list[str]) -> Configuration:
    outcome = await call("GetConfiguration", {"key": keys})
    if outcome.outcome != "accepted" or outcome.payload is None:
        return {}
    return {entry["key"].lower(): _entry(entry) for entry in outcome.payload.get("configurationKey") or ()}


def _entry(entry: dict[str, Any]) -> tuple[str, bool]:
    return str(entry.get("value") or ""), bool(entry.get("readonly"))
