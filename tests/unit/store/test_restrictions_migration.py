"""Restrictions that were stored as JSON text become fields; no digit and no unknown word is lost."""

import json
import sqlite3
from contextlib import closing
from datetime import date, time
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.cdrs import Cdr
from gateway.domain.sessions import Terms
from gateway.domain.tariffs import DayOfWeek, ReservationRestriction, Restrictions, Tariff
from gateway.store.migrations import upgrade
from gateway.store.objects import ObjectCodec
from tests.fakes.ocpi_samples import CDR, TARIFF, TERMS

WRITTEN = (
    '{"start_time":"22:00","end_time":"06:30","start_date":"2026-01-01","end_date":"2026-03-01","min_kwh":1.50,'
    '"max_kwh":20,"min_current":6,"max_current":32.5,"min_power":0.1,"max_power":11,"min_duration":60,'
    '"max_duration":3600,"day_of_week":["SUNDAY","MONDAY"],"reservation":"RESERVATION","booking":{"fee":1}}'
)
FIELDS = Restrictions(
    start_time=time(22),
    end_time=time(6, 30),
    start_date=date(2026, 1, 1),
    end_date=date(2026, 3, 1),
    min_kwh=D("1.50"),
    max_kwh=D(20),
    min_current=D(6),
    max_current=D("32.5"),
    min_power=D("0.1"),
    max_power=D(11),
    min_duration_s=60,
    max_duration_s=3600,
    day_of_week=frozenset({DayOfWeek.SUNDAY, DayOfWeek.MONDAY}),
    reservation=ReservationRestriction.RESERVATION,
    extra='{"booking": {"fee": 1}}',
)
TARIFFS = ObjectCodec(Tariff, columns=frozenset({"last_updated"}))
CDRS = ObjectCodec(Cdr)


def as_stored_before(text: str, *path: str) -> str:
    body: Any = json.loads(text)
    tariff = body
    for name in path:
        tariff = tariff[name]
    tariff["elements"][0]["restrictions"] = WRITTEN
    return json.dumps(body, separators=(",", ":"))


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """A database of the first revision with restrictions in all three places, brought forward."""
    path = tmp_path / "gateway.sqlite3"
    upgrade(path, head="0001")
    tariff = as_stored_before(TARIFFS.render(TARIFF))
    terms = as_stored_before(ObjectCodec(Terms).render(TERMS), "tariff")
    cdr = as_stored_before(CDRS.render(CDR), "terms", "tariff")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO tariffs VALUES ('T1', 0, ?)", (tariff,))
        database.execute("INSERT INTO session_terms VALUES (1, NULL, ?)", (terms,))
        database.execute("INSERT INTO session_terms VALUES (2, NULL, '{}')")
        database.execute("INSERT INTO cdrs VALUES (1, 'C', 'S', 'P', 1, 'NL-GWY', 0, ?)", (cdr,))
    upgrade(path)
    return path


def stored(path: Path, query: str) -> str:
    with closing(sqlite3.connect(path)) as database:
        (text,) = database.execute(query).fetchone()
    return str(text)


def test_restrictions_of_tariffs_become_fields(migrated: Path) -> None:
    tariff = TARIFFS.parse(stored(migrated, "SELECT body FROM tariffs"), last_updated=TARIFF.last_updated)

    assert [element.restrictions for element in tariff.elements] == [FIELDS, None]
    assert str(tariff.elements[0].restrictions.min_kwh) == "1.50"  # type: ignore[union-attr]


def test_restrictions_in_the_terms_of_sessions_become_fields(migrated: Path) -> None:
    terms = ObjectCodec(Terms).parse(stored(migrated, "SELECT terms FROM session_terms WHERE created_no = 1"))

    assert terms.tariff is not None
    assert terms.tariff.elements[0].restrictions == FIELDS
    assert terms.place == TERMS.place


def test_restrictions_in_cdrs_become_fields(migrated: Path) -> None:
    cdr = CDRS.parse(stored(migrated, "SELECT body FROM cdrs"))

    assert cdr.terms.tariff is not None
    assert cdr.terms.tariff.elements[0].restrictions == FIELDS
    assert cdr.totals == CDR.totals


def test_what_has_no_restrictions_is_left_as_it_was(migrated: Path) -> None:
    assert stored(migrated, "SELECT terms FROM session_terms WHERE created_no = 2") == "{}"
