from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from gateway.core.reports import month_of, reconcile, unbilled_of
from gateway.domain.money import Price
from gateway.domain.reports import BilledCdr, UnbilledSession
from gateway.domain.sessions import SessionStatus
from gateway.domain.tokens import IdToken
from tests.unit.core.test_cdrs import session
from tests.unit.core.test_sessions import START, after, stop

BEGIN, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
BILL = BilledCdr(
    cdr_id="C1",
    session_id="S1",
    partner_id="P1",
    currency="EUR",
    energy_wh=D(10_000),
    cost=Price(before_taxes=D("3"), with_taxes=D("3.6")),
    is_credit=False,
    is_shown=True,
)
CREDIT = replace(
    BILL, cdr_id="C2", is_credit=True, is_shown=False, cost=Price(before_taxes=D("-3"), with_taxes=D("-3.6"))
)
WITHOUT = UnbilledSession(
    session_id="S9",
    station_id="CS1",
    partner_id="P1",
    currency="EUR",
    ended_at=BEGIN,
    energy_wh=D(500),
    reason="no tariff",
)


@pytest.mark.parametrize(
    ("text", "zone", "begin", "end"),
    [
        ("2026-11", "UTC", BEGIN, END),
        ("2026-12", "UTC", END, datetime(2027, 1, 1, tzinfo=UTC)),
        # summer time begins in March: the month is an hour shorter
        ("2026-03", "Europe/Berlin", datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)),
    ],
)
def test_a_month_is_cut_at_its_zones_midnights(text: str, zone: str, begin: datetime, end: datetime) -> None:
    assert month_of(text, zone) == (begin, end)


@pytest.mark.parametrize(
    ("text", "zone", "problem"),
    [
        ("2026-13", "UTC", "is no month"),
        ("11-2026", "UTC", "is no month"),
        ("", "UTC", "is no month"),
        ("2026-11", "Mars/Olympus", "is no time zone"),
        ("2026-11", "../etc/passwd", "is no time zone"),
    ],
)
def test_what_is_no_month_says_how_to_write_one(text: str, zone: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        month_of(text, zone)


def test_bills_add_up_per_partner_and_currency() -> None:
    cdrs = [BILL, replace(BILL, cdr_id="C3", session_id="S3"), replace(BILL, cdr_id="C4", currency="SEK")]

    rows = reconcile(BEGIN, END, cdrs, []).rows

    assert [(row.partner_id, row.currency, row.cdrs, row.sessions) for row in rows] == [
        ("P1", "EUR", 2, 2),
        ("P1", "SEK", 1, 1),
    ]
    assert (rows[0].energy_wh, rows[0].cost) == (D(20_000), Price(before_taxes=D(6), with_taxes=D("7.2")))


def test_a_credit_takes_back_energy_and_cost_and_counts_as_one_session_with_its_bill() -> None:
    (row,) = reconcile(BEGIN, END, [BILL, CREDIT], []).rows

    assert (row.sessions, row.cdrs, row.credits) == (1, 1, 1)
    assert (row.energy_wh, row.cost.before_taxes, row.cost.with_taxes) == (D(0), D(0), D(0))
    assert (row.shown, row.not_shown) == (1, 1)


def test_a_sum_with_a_tax_that_is_not_known_is_not_known() -> None:
    (row,) = reconcile(BEGIN, END, [BILL, replace(BILL, cost=Price(before_taxes=D(1)))], []).rows

    assert row.cost == Price(before_taxes=D(4), with_taxes=None)


def test_what_is_nobodys_comes_last_and_is_neither_shown_nor_not() -> None:
    report = reconcile(BEGIN, END, [replace(BILL, partner_id=None, is_shown=None), CREDIT], [])

    assert [(row.partner_id, row.shown, row.not_shown) for row in report.rows] == [("P1", 0, 1), (None, 0, 0)]
    assert report.not_shown == ("C2",)


def test_visits_without_bill_count_and_are_listed_with_the_reason() -> None:
    report = reconcile(BEGIN, END, [BILL], [WITHOUT, replace(WITHOUT, session_id="S8", currency=None)])

    assert [(row.currency, row.sessions, row.unbilled) for row in report.rows] == [("EUR", 2, 1), (None, 1, 1)]
    assert [one.session_id for one in report.unbilled] == ["S8", "S9"]


ENDED = session(START, stop(60, "2000"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hold": "no tariff"}, "no tariff"),
        ({"waiver": "nothing was drawn, and it costs nothing"}, "it costs nothing"),
        ({"status": SessionStatus.INVALID, "id_token": IdToken(value="X")}, "the card was refused"),
        ({"status": SessionStatus.INVALID, "id_token": None}, "no card was ever shown"),
        ({"status": SessionStatus.COMPLETED}, "about to be made"),
    ],
)
def test_a_visit_without_bill_says_why(changes: dict[str, object], reason: str) -> None:
    found = unbilled_of(replace(ENDED, **changes))  # type: ignore[arg-type]

    assert found is not None
    assert reason in found.reason
    assert (found.ended_at, found.currency) == (after(60), "EUR")


def test_a_visit_that_goes_on_or_is_billed_is_not_without_bill() -> None:
    assert unbilled_of(session(START)) is None
    assert unbilled_of(replace(ENDED, sealed_cdr_id="C1")) is None
