"""Location, EVSE, Connector: their own fields against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.v221.models import Connector, Evse, Hours, Location

LOCATION = "OCPI 2.2.1 mod_locations 8.3.1 Location"
EVSE = "OCPI 2.2.1 mod_locations 8.3.2 EVSE"
CONNECTOR = "OCPI 2.2.1 mod_locations 8.3.3 Connector"
HOURS = "OCPI 2.2.1 mod_locations 8.4.14 Hours"

ALLOWED_TO = Rule("location.publish_allowed_to", "publish_allowed_to may only be used when publish is false", LOCATION)
TIME_ZONE = Rule("location.time_zone", "time_zone is one of the IANA time zones", LOCATION)
LOCATION_LAST_UPDATED = Rule(
    "location.last_updated", "a location is updated whenever one of its EVSEs or connectors is", LOCATION
)
EVSE_LAST_UPDATED = Rule("evse.last_updated", "an EVSE is updated whenever one of its connectors is", EVSE)
EVSE_UNIQUE = Rule("evse.uid_unique", "uid identifies one EVSE of the platform", EVSE)
EVSE_ID_UNIQUE = Rule("evse.evse_id_unique", "evse_id identifies one EVSE that is not REMOVED", EVSE)
EVSE_ID = Rule("evse.evse_id", "evse_id follows eMI3: country, operator, E and up to 31 characters", EVSE)
EVSE_ID_THERE = Rule(
    "evse.evse_id_there", "evse_id is optional only so that a REMOVED EVSE can give it back", EVSE, Severity.NOTE
)
CONNECTOR_UNIQUE = Rule("connector.id_unique", "id identifies one connector of the EVSE", CONNECTOR)
RATED = Rule(
    "connector.rated", "max_voltage and max_amperage are what the connector can carry", CONNECTOR, Severity.NOTE
)
HOURS_GIVEN = Rule(
    "hours.regular", "regular_hours are given (at least one) if and only if twentyfourseven is false", HOURS
)
HOURS_ORDER = Rule("hours.order", "period_end is later than period_begin", "OCPI 2.2.1 mod_locations 8.4.21")

_EMI3_EVSE_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}", re.IGNORECASE)


def check_location(location: Location) -> Iterator[Problem]:
    if location.publish and location.publish_allowed_to:
        yield Problem(ALLOWED_TO, "$.publish_allowed_to", "set although publish is true")
    if not _is_time_zone(location.time_zone):
        yield Problem(TIME_ZONE, "$.time_zone", repr(location.time_zone))
    if location.opening_times is not None:
        for problem in _check_hours(location.opening_times):
            yield problem.below("$.opening_times")
    yield from _check_unique_evses(location.evses)
    for index, evse in enumerate(location.evses):
        path = f"$.evses[{index}]"
        if evse.last_updated > location.last_updated:
            seen = f"EVSE {evse.last_updated}, location {location.last_updated}"
            yield Problem(LOCATION_LAST_UPDATED, f"{path}.last_updated", seen)
        for problem in check_evse(evse):
            yield problem.below(path)


def check_evse(evse: Evse) -> Iterator[Problem]:
    if evse.evse_id is None:
        if evse.status != "REMOVED":
            yield Problem(EVSE_ID_THERE, "$.evse_id", f"not there, status {evse.status}")
    elif not _EMI3_EVSE_ID.fullmatch(evse.evse_id):
        yield Problem(EVSE_ID, "$.evse_id", repr(evse.evse_id))
    ids = [connector.id.upper() for connector in evse.connectors]
    for index, connector in enumerate(evse.connectors):
        path = f"$.connectors[{index}]"
        if connector.id.upper() in ids[:index]:
            yield Problem(CONNECTOR_UNIQUE, f"{path}.id", repr(connector.id))
        if connector.last_updated > evse.last_updated:
            seen = f"connector {connector.last_updated}, EVSE {evse.last_updated}"
            yield Problem(EVSE_LAST_UPDATED, f"{path}.last_updated", seen)
        for problem in check_connector(connector):
            yield problem.below(path)


def check_connector(connector: Connector) -> Iterator[Problem]:
    for name in ("max_voltage", "max_amperage"):
        if getattr(connector, name) == 0:
            yield Problem(RATED, f"$.{name}", "0")


def _check_unique_evses(evses: Sequence[Evse]) -> Iterator[Problem]:
    uids = [evse.uid.upper() for evse in evses]
    present = [evse.evse_id.upper() if evse.evse_id and evse.status != "REMOVED" else None for evse in evses]
    for index, evse in enumerate(evses):
        if uids[index] in uids[:index]:
            yield Problem(EVSE_UNIQUE, f"$.evses[{index}].uid", repr(evse.uid))
        if present[index] is not None and present[index] in present[:index]:
            yield Problem(EVSE_ID_UNIQUE, f"$.evses[{index}].evse_id", repr(evse.evse_id))


def _check_hours(hours: Hours) -> Iterator[Problem]:
    if hours.twentyfourseven == bool(hours.regular_hours):
        seen = f"twentyfourseven {hours.twentyfourseven}, {len(hours.regular_hours)} regular hours"
        yield Problem(HOURS_GIVEN, "$.regular_hours", seen)
    for index, regular in enumerate(hours.regular_hours):
        if regular.period_end <= regular.period_begin:
            seen = f"{regular.period_begin} to {regular.period_end}"
            yield Problem(HOURS_ORDER, f"$.regular_hours[{index}].period_end", seen)
    for name in ("exceptional_openings", "exceptional_closings"):
        for index, period in enumerate(getattr(hours, name)):
            if period.period_end <= period.period_begin:
                seen = f"{period.period_begin} to {period.period_end}"
                yield Problem(HOURS_ORDER, f"$.{name}[{index}].period_end", seen)


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
