"""What an answer means, when a partner is tried again, and what goes next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.delivery import (
    Verdict,
    choose_next,
    find_changed_parts,
    find_due,
    find_pause,
    find_session_due,
    find_session_patch,
    judge_answer,
)
from gateway.core.visibility import withdraw
from gateway.domain.deliveries import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    PartnerAnswer,
    Subject,
    bill_subject,
    location_subject,
    session_subject,
)
from gateway.domain.locations import EvseStatus
from gateway.domain.sessions import SessionStatus
from tests.contract.samples import CONNECTOR, EVSE, LOCATION, SESSION

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = timedelta(seconds=4)
NOTHING = PartnerAnswer(at=NOON, http_status=0)


def said(http_status: int, status_code: int | None = None, **more: int) -> PartnerAnswer:
    return PartnerAnswer(at=NOON, http_status=http_status, status_code=status_code, **more)


def row(no: int, subject: Subject, **changes: object) -> Delivery:
    delivery = Delivery(partner_id="P", subject=subject, due_at=NOON, created_at=NOON, no=no, generation=1)
    return replace(delivery, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "answer", "verdict"),
    [
        ("PUT", said(200, 1000), Verdict.DELIVERED),
        ("POST", said(201, 1000), Verdict.DELIVERED),
        ("PUT", said(200), Verdict.LATER),
        ("PUT", said(200, 2001), Verdict.REFUSED),
        ("PUT", said(400, 2001), Verdict.REFUSED),
        ("PUT", said(405), Verdict.REFUSED),
        ("PUT", said(200, 3000), Verdict.LATER),
        ("PUT", said(200, 4001), Verdict.LATER),
        ("PUT", said(500, 2000), Verdict.LATER),
        ("PUT", said(429), Verdict.LATER),
        ("PUT", said(302), Verdict.LATER),
        ("PUT", NOTHING, Verdict.LATER),
        ("PUT", said(401, 2000), Verdict.SUSPENDED),
        ("PATCH", said(403), Verdict.SUSPENDED),
        ("PATCH", said(404, 2000), Verdict.MISSING),
        ("PATCH", said(200, 2003), Verdict.MISSING),
        ("PUT", said(200, 2003), Verdict.REFUSED),
        ("POST", said(404), Verdict.REFUSED),
        ("DELETE", said(404), Verdict.DELIVERED),
    ],
)
def test_an_answer_has_one_meaning(method: str, answer: PartnerAnswer, verdict: Verdict) -> None:
    assert judge_answer(method, answer) is verdict


def test_a_bill_that_is_there_already_was_delivered() -> None:
    assert judge_answer("POST", said(409, 2001), is_bill=True) is Verdict.DELIVERED
    assert judge_answer("PUT", said(409, 2001)) is Verdict.REFUSED


@pytest.mark.parametrize(
    ("failures", "permille", "seconds"), [(1, 1000, 4), (1, 0, 2), (2, 1000, 8), (4, 500, 24), (60, 1000, 900)]
)
def test_the_pause_doubles_and_half_of_it_is_chance(failures: int, permille: int, seconds: int) -> None:
    assert find_pause(failures, NOTHING, FIRST, permille) == timedelta(seconds=seconds)


def test_a_partner_may_ask_for_a_longer_pause_but_not_for_days() -> None:
    assert find_pause(1, said(429, retry_after_s=120), FIRST, 0) == timedelta(seconds=120)
    assert find_pause(1, said(503, retry_after_s=1), FIRST, 1000) == FIRST
    assert find_pause(1, said(503, retry_after_s=10**8), FIRST, 0) == timedelta(hours=1)


def test_a_session_goes_before_its_bills_and_these_in_their_order() -> None:
    first, second = row(1, bill_subject("s", "c-1")), row(2, bill_subject("s", "c-2"))
    session = row(3, session_subject("s"))

    assert choose_next([second, first, session]) == (session, ())
    assert choose_next([second, first]) == (first, ())


def test_what_was_refused_has_left_its_lane() -> None:
    refused = row(1, bill_subject("s", "c-1"), state=DeliveryState.REFUSED)

    assert choose_next([refused, row(2, bill_subject("s", "c-2"))]) == (row(2, bill_subject("s", "c-2")), ())
    assert choose_next([refused]) is None
    assert find_due([refused]) is None


def part(kind: DeliveryKind, evse_uid: str, connector_id: str = "") -> Subject:
    return Subject(kind=kind, lane_id="L", object_id="L", evse_uid=evse_uid, connector_id=connector_id)


def test_the_whole_makes_its_parts_superfluous() -> None:
    status, plug = row(1, part(DeliveryKind.EVSE_STATUS, "E1")), row(2, part(DeliveryKind.CONNECTOR, "E1", "1"))
    other, evse = row(3, part(DeliveryKind.EVSE_STATUS, "E2")), row(4, part(DeliveryKind.EVSE, "E1"))
    whole = row(5, location_subject("L"))

    assert choose_next([status, plug, other, evse]) == (evse, (status, plug))
    assert choose_next([status, plug, other, evse, whole]) == (whole, (status, plug, other, evse))


def test_only_the_plug_that_changed_is_told() -> None:
    plug = replace(CONNECTOR, max_amperage=CONNECTOR.max_amperage + 1)
    evse = replace(EVSE, connectors=(plug, *EVSE.connectors[1:]))

    (subject,) = find_changed_parts(LOCATION, replace(LOCATION, evses=(evse, *LOCATION.evses[1:])))

    assert (subject.kind, subject.evse_uid, subject.connector_id) == (DeliveryKind.CONNECTOR, EVSE.uid, CONNECTOR.id)


def test_only_the_evse_that_changed_is_told() -> None:
    evse = replace(EVSE, physical_reference="7")

    (subject,) = find_changed_parts(LOCATION, replace(LOCATION, evses=(evse, *LOCATION.evses[1:])))

    assert (subject.kind, subject.evse_uid) == (DeliveryKind.EVSE, EVSE.uid)


def test_a_connector_that_is_gone_is_told_by_its_whole_evse() -> None:
    """A PUT of the EVSE without it: OCPI has no other word for it (2.2.1 mod_locations 8.3.3)."""
    two = replace(EVSE, connectors=(CONNECTOR, replace(CONNECTOR, id="2")))
    before = replace(LOCATION, evses=(two, *LOCATION.evses[1:]))

    (subject,) = find_changed_parts(before, replace(before, evses=(EVSE, *LOCATION.evses[1:])))

    assert (subject.kind, subject.evse_uid) == (DeliveryKind.EVSE, EVSE.uid)


def test_a_new_or_renamed_location_is_told_whole_and_an_unchanged_one_not_at_all() -> None:
    assert find_changed_parts(None, LOCATION) == (location_subject(LOCATION.id),)
    assert find_changed_parts(LOCATION, replace(LOCATION, name="Other")) == (location_subject(LOCATION.id),)
    assert list(find_changed_parts(LOCATION, replace(LOCATION, last_updated=NOON + FIRST))) == []


def test_what_is_withdrawn_is_removed() -> None:
    gone = withdraw(replace(LOCATION, evses=(replace(EVSE, override=EvseStatus.PLANNED),)))

    assert [evse.override for evse in gone.evses] == [EvseStatus.REMOVED]


ACTIVE = {"status": "ACTIVE", "kwh": 1, "charging_periods": [{"a": 1}], "last_updated": "1"}


def test_progress_is_a_patch_without_periods() -> None:
    later = {**ACTIVE, "kwh": 2, "charging_periods": [{"a": 2}], "total_cost": 3, "last_updated": "2"}

    assert find_session_patch(ACTIVE, later) == {"kwh": 2, "total_cost": 3, "last_updated": "2"}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "COMPLETED"},
        {"charging_periods": [{"a": 1}, {"b": 1}]},
        {"charging_periods": [{"a": 1, "tariff_id": "CHEAP"}]},
        {"end_date_time": "3"},
    ],
)
def test_another_status_or_period_or_the_end_takes_a_put(changes: dict[str, object]) -> None:
    assert find_session_patch(ACTIVE, {**ACTIVE, **changes}) is None


def test_a_field_that_went_away_takes_a_put_and_so_does_the_first_telling() -> None:
    assert find_session_patch({**ACTIVE, "total_cost": 1}, ACTIVE) is None
    assert find_session_patch(None, ACTIVE) is None


def test_progress_waits_for_the_interval_and_an_end_for_its_bill() -> None:
    running = replace(SESSION, status=SessionStatus.ACTIVE, seal_due_at=None)
    minute = timedelta(minutes=1)

    assert find_session_due(running, None, NOON, minute) == NOON
    assert find_session_due(running, NOON - FIRST, NOON, minute) == NOON - FIRST + minute
    ended = replace(SESSION, status=SessionStatus.COMPLETED, seal_due_at=NOON + FIRST)
    assert find_session_due(ended, None, NOON, minute) == NOON + FIRST + timedelta(seconds=10)
    assert find_session_due(replace(ended, seal_due_at=NOON + timedelta(hours=1)), None, NOON, minute) == NOON


@pytest.mark.parametrize("code", [4001, 4002, 4003])
def test_what_a_hub_cannot_pass_on_concerns_the_party_behind_it_alone(code: int) -> None:
    assert judge_answer("PUT", said(200, code), is_forwarded=True) is Verdict.UNREACHED
    assert judge_answer("PUT", said(200, code)) is Verdict.LATER


def test_a_failure_of_the_hub_itself_is_one_of_the_hub() -> None:
    assert judge_answer("PUT", said(200, 4000), is_forwarded=True) is Verdict.LATER
