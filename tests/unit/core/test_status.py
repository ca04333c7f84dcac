from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.core.status import StatusRules, evse_status
from gateway.core.topology import topology_key
from gateway.domain.ids import ConnectorKey
from gateway.domain.locations import Evse, EvseStatus
from gateway.domain.stations import ConnectorState, ConnectorStatus, OccupiedBy
from tests.unit.core.test_cdrs import CONNECTOR, EVSE

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND_KEY = ConnectorKey(station_id="CS1", evse_no=1, connector_no=2)
TWO_PLUGS = replace(EVSE, connectors=(CONNECTOR, replace(CONNECTOR, id="2", key=SECOND_KEY)))


def said(
    state: ConnectorState, by: OccupiedBy | None = None, *, evse_no: int = 1, connector_no: int = 1
) -> ConnectorStatus:
    key = ConnectorKey(station_id="CS1", evse_no=evse_no, connector_no=connector_no)
    return ConnectorStatus(key=key, state=state, at=NOW, received_at=NOW, occupied_by=by)


def status_of(
    *statuses: ConnectorStatus,
    evse: Evse = EVSE,
    rules: StatusRules | None = None,
    is_known: bool = True,
    has_session: bool = False,
    has_reservation: bool = False,
    siblings: tuple[Evse, ...] = (),
) -> EvseStatus:
    by_key = {topology_key(s.key.station_id, s.key.evse_no, s.key.connector_no): s for s in statuses}
    return evse_status(
        evse,
        by_key,
        rules=rules or StatusRules(),
        is_known=lambda station_id: is_known,
        has_session=lambda key: has_session,
        has_reservation=lambda key: has_reservation,
        siblings=siblings,
    )


@pytest.mark.parametrize(
    ("state", "by", "status"),
    [
        (ConnectorState.AVAILABLE, None, EvseStatus.AVAILABLE),
        (ConnectorState.OCCUPIED, OccupiedBy.PREPARING, EvseStatus.CHARGING),
        (ConnectorState.OCCUPIED, OccupiedBy.CHARGING, EvseStatus.CHARGING),
        (ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EV, EvseStatus.CHARGING),
        (ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EVSE, EvseStatus.CHARGING),
        (ConnectorState.OCCUPIED, OccupiedBy.FINISHING, EvseStatus.CHARGING),
        (ConnectorState.RESERVED, None, EvseStatus.RESERVED),
        (ConnectorState.UNAVAILABLE, None, EvseStatus.INOPERATIVE),
        (ConnectorState.FAULTED, None, EvseStatus.OUTOFORDER),
    ],
)
def test_a_plugs_state_is_the_status_of_its_evse(
    state: ConnectorState, by: OccupiedBy | None, status: EvseStatus
) -> None:
    assert status_of(said(state, by)) is status


def test_the_operator_chooses_what_plugged_in_means() -> None:
    rules = StatusRules(preparing_is=EvseStatus.AVAILABLE, finishing_is=EvseStatus.BLOCKED)

    assert status_of(said(ConnectorState.OCCUPIED, OccupiedBy.PREPARING), rules=rules) is EvseStatus.AVAILABLE
    assert status_of(said(ConnectorState.OCCUPIED, OccupiedBy.FINISHING), rules=rules) is EvseStatus.BLOCKED
    assert status_of(said(ConnectorState.OCCUPIED), rules=rules) is EvseStatus.AVAILABLE
    assert status_of(said(ConnectorState.OCCUPIED), rules=rules, has_session=True) is EvseStatus.CHARGING


def test_the_operators_word_beats_the_stations() -> None:
    planned = replace(EVSE, override=EvseStatus.PLANNED)

    assert status_of(said(ConnectorState.AVAILABLE), evse=planned) is EvseStatus.PLANNED


@pytest.mark.parametrize("evse_no", [0, 1])
def test_connector_zero_overlays_its_plugs_and_only_lifts_when_available(evse_no: int) -> None:
    plug = said(ConnectorState.FAULTED)

    assert (
        status_of(said(ConnectorState.AVAILABLE), said(ConnectorState.UNAVAILABLE, evse_no=evse_no, connector_no=0))
        is EvseStatus.INOPERATIVE
    )
    assert status_of(plug, said(ConnectorState.AVAILABLE, evse_no=evse_no, connector_no=0)) is EvseStatus.OUTOFORDER


def test_the_busiest_plug_of_an_evse_counts() -> None:
    busy = said(ConnectorState.OCCUPIED, OccupiedBy.CHARGING, connector_no=2)
    broken = said(ConnectorState.FAULTED, connector_no=2)

    assert status_of(said(ConnectorState.AVAILABLE), busy, evse=TWO_PLUGS) is EvseStatus.CHARGING
    assert status_of(said(ConnectorState.AVAILABLE), broken, evse=TWO_PLUGS) is EvseStatus.OUTOFORDER


OTHER_PLUG = replace(EVSE, uid="other", connectors=(replace(CONNECTOR, key=SECOND_KEY),))


@pytest.mark.parametrize(
    ("state", "by", "status"),
    [
        (ConnectorState.AVAILABLE, None, EvseStatus.AVAILABLE),
        (ConnectorState.OCCUPIED, OccupiedBy.CHARGING, EvseStatus.INOPERATIVE),
        (ConnectorState.OCCUPIED, OccupiedBy.FINISHING, EvseStatus.INOPERATIVE),
        (ConnectorState.RESERVED, None, EvseStatus.INOPERATIVE),
        (ConnectorState.FAULTED, None, EvseStatus.AVAILABLE),
    ],
)
def test_a_free_plug_is_not_available_while_its_sibling_is_taken(
    state: ConnectorState, by: OccupiedBy | None, status: EvseStatus
) -> None:
    sibling = said(state, by, connector_no=2)

    assert status_of(said(ConnectorState.AVAILABLE), sibling, siblings=(OTHER_PLUG,)) is status


def test_a_taken_plug_is_what_it_is_whatever_its_sibling_says() -> None:
    busy = said(ConnectorState.OCCUPIED, OccupiedBy.CHARGING)
    planned = replace(OTHER_PLUG, override=EvseStatus.PLANNED)

    assert status_of(busy, said(ConnectorState.RESERVED, connector_no=2), siblings=(OTHER_PLUG,)) is EvseStatus.CHARGING
    assert status_of(said(ConnectorState.FAULTED), busy, siblings=(OTHER_PLUG,)) is EvseStatus.CHARGING
    assert status_of(busy, evse=planned, siblings=(EVSE,)) is EvseStatus.PLANNED


def test_nothing_known_is_unknown() -> None:
    unwired = replace(EVSE, connectors=(replace(CONNECTOR, key=None),))

    assert status_of() is EvseStatus.UNKNOWN
    assert status_of(said(ConnectorState.AVAILABLE), is_known=False) is EvseStatus.UNKNOWN
    assert status_of(evse=unwired) is EvseStatus.UNKNOWN


def test_the_spelling_of_the_identity_does_not_matter() -> None:
    spelled = replace(EVSE, connectors=(replace(CONNECTOR, key=replace(SECOND_KEY, station_id="cs1", connector_no=1)),))

    assert status_of(said(ConnectorState.AVAILABLE), evse=spelled) is EvseStatus.AVAILABLE


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (ConnectorState.AVAILABLE, EvseStatus.RESERVED),
        (ConnectorState.OCCUPIED, EvseStatus.CHARGING),
        (ConnectorState.FAULTED, EvseStatus.OUTOFORDER),
    ],
)
def test_a_free_plug_that_is_kept_is_reserved_whatever_its_station_says(
    state: ConnectorState, status: EvseStatus
) -> None:
    assert status_of(said(state), has_reservation=True) is status
