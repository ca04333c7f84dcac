import json
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.domain.tariffs import (
    DayOfWeek,
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffElement,
    TaxIncluded,
)
from gateway.ocpi import wire
from gateway.ocpi.v221 import tariffs
from gateway.ocpi.v221.tariffs import render_tariff
from tests.contract_schemas import assert_valid, load_schema_enum
from tests.fakes.ocpi_samples import TARIFF


def shown(tariff: Tariff) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(wire.dump_json(render_tariff(tariff)))
    return body


def with_price(price: str, vat: str | None, tax_included: TaxIncluded) -> Tariff:
    component = PriceComponent(type=Dimension.ENERGY, price=Decimal(price), vat=None if vat is None else Decimal(vat))
    return replace(TARIFF, tax_included=tax_included, elements=(TariffElement(components=(component,)),))


def test_a_full_tariff_is_valid() -> None:
    assert_valid("tariff", shown(TARIFF))


def test_numbers_are_exact_and_unset_vat_is_left_out() -> None:
    elements = shown(TARIFF)["elements"]

    assert b'"price":0.3,"vat":21,"step_size":1' in wire.dump_json(render_tariff(TARIFF))
    assert elements[0]["restrictions"] == {"start_time": "08:00", "end_time": "20:00", "max_kwh": 50.5}
    assert elements[1] == {"price_components": [{"type": "FLAT", "price": 0.5, "step_size": 1}]}


def test_a_price_that_includes_tax_is_shown_before_tax_where_that_is_exact() -> None:
    body = shown(with_price("0.30", "20", TaxIncluded.YES))

    assert body["elements"][0]["price_components"][0]["price"] == 0.25


@pytest.mark.parametrize("vat", ["19", None])
def test_a_price_that_is_not_known_exactly_before_tax_withholds_the_tariff(vat: str | None) -> None:
    with pytest.raises(wire.CannotSayError, match="T1"):
        render_tariff(with_price("0.30", vat, TaxIncluded.YES))


def test_every_restriction_is_shown() -> None:
    rule = Restrictions(
        start_time=time(0),
        end_time=time(6, 30),
        start_date=date(2026, 1, 1),
        end_date=date(2026, 2, 1),
        min_kwh=Decimal(1),
        max_kwh=Decimal(2),
        min_current=Decimal(3),
        max_current=Decimal(4),
        min_power=Decimal(5),
        max_power=Decimal(6),
        min_duration_s=7,
        max_duration_s=8,
        day_of_week=frozenset({DayOfWeek.SUNDAY, DayOfWeek.MONDAY}),
        reservation=ReservationRestriction.RESERVATION,
    )

    body = shown(replace(TARIFF, elements=(replace(TARIFF.elements[0], restrictions=rule),)))

    assert body["elements"][0]["restrictions"] == {
        "start_time": "00:00",
        "end_time": "06:30",
        "start_date": "2026-01-01",
        "end_date": "2026-02-01",
        "min_kwh": 1,
        "max_kwh": 2,
        "min_current": 3,
        "max_current": 4,
        "min_power": 5,
        "max_power": 6,
        "min_duration": 7,
        "max_duration": 8,
        "day_of_week": ["MONDAY", "SUNDAY"],
        "reservation": "RESERVATION",
    }


def test_a_restriction_of_a_later_version_withholds_the_tariff() -> None:
    element = replace(TARIFF.elements[0], restrictions=Restrictions(extra=json.dumps({"booking": "BOOKING"})))

    with pytest.raises(wire.CannotSayError, match="booking"):
        render_tariff(replace(TARIFF, elements=(element,)))


@pytest.mark.parametrize(("name", "ours"), [("TariffType", tariffs.TARIFF_TYPES)])
def test_the_words_are_those_of_the_official_schema(name: str, ours: frozenset[str]) -> None:
    assert ours == load_schema_enum("tariffs", name, version="2.2.1")
