from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.domain.ids import ConnectorKey
from gateway.domain.sessions import Ledger, Period, Phase, Session, SessionStatus
from gateway.ocpi import wire
from gateway.ocpi.v221.sessions import render_session
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import SESSION, TEN, TERMS

ACTIVE = replace(
    SESSION,
    status=SessionStatus.ACTIVE,
    ledger=replace(SESSION.ledger, ended_at=None, periods=SESSION.ledger.periods[:1], last_at=TEN),
)


def shown(session: Session) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(wire.dump_json(render_session(session)))
    return body


def test_a_completed_session_is_valid() -> None:
    body = shown(SESSION)

    assert_valid("session", body)
    assert (body["kwh"], body["status"], body["end_date_time"]) == (7.2504, "COMPLETED", "2026-03-01T11:00:00Z")
    assert [period["dimensions"] for period in body["charging_periods"]] == [
        [{"type": "ENERGY", "volume": 7.2504}, {"type": "TIME", "volume": 1}],
        [{"type": "PARKING_TIME", "volume": 1}],
    ]


def test_an_active_session_has_no_end_and_its_last_period_lasts_until_the_latest_fact() -> None:
    body = shown(ACTIVE)

    assert_valid("session", body)
    assert "end_date_time" not in body
    assert body["charging_periods"][0]["dimensions"][1] == {"type": "TIME", "volume": 1}


def test_the_cost_is_left_out_because_zero_would_mean_free() -> None:
    assert "total_cost" not in shown(SESSION)


def test_a_session_without_a_tariff_has_no_currency() -> None:
    body = shown(replace(SESSION, terms=replace(TERMS, tariff=None)))

    assert_valid("session", body)
    assert body["currency"] == "XXX"
    assert "tariff_id" not in body["charging_periods"][0]


@pytest.mark.parametrize("missing", ["token", "place"])
def test_a_session_without_token_or_location_cannot_be_said(missing: str) -> None:
    with pytest.raises(wire.CannotSayError, match=SESSION.id):
        render_session(replace(SESSION, terms=replace(TERMS, **{missing: None})))


RESERVED = replace(
    SESSION,
    status=SessionStatus.RESERVATION,
    ledger=Ledger(started_at=TEN, periods=(Period(start_at=TEN, phase=Phase.RESERVATION),), last_at=TEN),
)


def test_a_reservation_starts_when_the_plug_is_kept() -> None:
    body = shown(RESERVED)

    assert_valid("session", body)
    assert (body["status"], body["start_date_time"], body["connector_id"]) == (
        "RESERVATION",
        "2026-03-01T10:00:00Z",
        "1",
    )
    assert body["charging_periods"][0]["dimensions"] == [{"type": "RESERVATION_TIME", "volume": 0}]


def test_a_reserved_evse_with_several_plugs_names_none_until_one_is_used() -> None:
    assert TERMS.place is not None
    key = ConnectorKey(station_id="CS", evse_no=1, connector_no=1)
    plugs = tuple(
        replace(TERMS.place.connector, id=str(number), key=replace(key, connector_no=number)) for number in (1, 2)
    )
    place = replace(TERMS.place, evse=replace(TERMS.place.evse, connectors=plugs), connector=plugs[0])
    terms = replace(TERMS, place=place)

    assert shown(replace(RESERVED, terms=terms))["connector_id"] == "#NA"
    assert shown(replace(SESSION, terms=terms))["connector_id"] == "1"
