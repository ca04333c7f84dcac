"""From what stations say of their plugs to what eMSPs are told of an EVSE."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.core.topology import topology_key
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Evse, EvseStatus
from gateway.domain.stations import ConnectorState, ConnectorStatus, OccupiedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRules:
    """Where OCPI has no word for it, the operator chooses: a plugged-in car that does not charge yet, or no more."""

    preparing_is: EvseStatus = EvseStatus.CHARGING
    finishing_is: EvseStatus = EvseStatus.CHARGING


STATES = {
    ConnectorState.AVAILABLE: EvseStatus.AVAILABLE,
    ConnectorState.RESERVED: EvseStatus.RESERVED,
    ConnectorState.UNAVAILABLE: EvseStatus.INOPERATIVE,
    ConnectorState.FAULTED: EvseStatus.OUTOFORDER,
}

WORST_FIRST = (
    EvseStatus.CHARGING,
    EvseStatus.RESERVED,
    EvseStatus.BLOCKED,
    EvseStatus.OUTOFORDER,
    EvseStatus.INOPERATIVE,
    EvseStatus.UNKNOWN,
    EvseStatus.AVAILABLE,
)

TAKEN = frozenset({EvseStatus.CHARGING, EvseStatus.RESERVED, EvseStatus.BLOCKED})

Statuses = Mapping[ConnectorKey, ConnectorStatus]
"""By `topology_key`."""


def evse_status(
    evse: Evse,
    statuses: Statuses,
    *,
    rules: StatusRules,
    is_known: Callable[[str], bool],
    has_session: Callable[[ConnectorKey], bool],
    has_reservation: Callable[[ConnectorKey], bool],
    siblings: Iterable[Evse] = (),
) -> EvseStatus:
    """What to publish of an EVSE.

    The operator's word comes first; then, of several plugs, the busiest or worst: the EVSE serves one car at a time.
    So do it and its `siblings`, which are the same EVSE in truth: while one is taken, no other is AVAILABLE.
    `is_known` tells whether a station's word still stands (it is connected, or was within the grace time).  A free plug
    that is kept for a driver is reserved, whether its station tells that or not.
    """
    if evse.override is not None:
        return evse.override
    own = _own_status(evse, statuses, rules, is_known, has_session, has_reservation)
    if own is EvseStatus.AVAILABLE:
        for sibling in siblings:
            if _own_status(sibling, statuses, rules, is_known, has_session, has_reservation) in TAKEN:
                return EvseStatus.INOPERATIVE
    return own


def _own_status(
    evse: Evse,
    statuses: Statuses,
    rules: StatusRules,
    is_known: Callable[[str], bool],
    has_session: Callable[[ConnectorKey], bool],
    has_reservation: Callable[[ConnectorKey], bool],
) -> EvseStatus:
    wired = [connector.key for connector in evse.connectors if connector.key is not None]
    keys = [topology_key(key.station_id, key.evse_no, key.connector_no) for key in wired]
    if not keys:
        return EvseStatus.UNKNOWN
    seen = {_plug_status(key, statuses, rules, is_known, has_session) for key in keys}
    if EvseStatus.AVAILABLE in seen and any(map(has_reservation, keys)):
        seen.add(EvseStatus.RESERVED)
    return next(status for status in WORST_FIRST if status in seen)


def _plug_status(
    key: ConnectorKey,
    statuses: Statuses,
    rules: StatusRules,
    is_known: Callable[[str], bool],
    has_session: Callable[[ConnectorKey], bool],
) -> EvseStatus:
    if not is_known(key.station_id):
        return EvseStatus.UNKNOWN
    whole = _overlay(key, statuses)
    if whole is not None:
        return whole
    status = statuses.get(key)
    if status is None:
        return EvseStatus.UNKNOWN
    if status.state is not ConnectorState.OCCUPIED:
        return STATES[status.state]
    if status.occupied_by is OccupiedBy.FINISHING:
        return rules.finishing_is
    is_charging = status.occupied_by not in (None, OccupiedBy.PREPARING) or has_session(key)
    return EvseStatus.CHARGING if is_charging else rules.preparing_is


def _overlay(key: ConnectorKey, statuses: Statuses) -> EvseStatus | None:
    """Connector 0 and EVSE 0 speak of all plugs below; their Available only lifts what they said before."""
    for evse_no in (0, key.evse_no):
        whole = statuses.get(ConnectorKey(station_id=key.station_id, evse_no=evse_no, connector_no=0))
        if whole is not None and whole.state in (ConnectorState.UNAVAILABLE, ConnectorState.FAULTED):
            return STATES[whole.state]
    return None
