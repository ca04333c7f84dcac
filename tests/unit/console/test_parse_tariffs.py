import json
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from gateway.console.parse_tariffs import parse_tariff
from gateway.domain.money import Price
from gateway.domain.tariffs import DayOfWeek, Dimension, PriceComponent, Restrictions, Tariff, TaxIncluded
from gateway.errors import WireError
from tests.fakes.console_world import NOW, OURS
from tests.unit.console.test_inventory import TARIFF


def parse(data: dict[str, Any]) -> Tariff:
    return parse_tariff(data, tariff_id="T1", parties=(OURS,), now=NOW)


def component(**fields: Any) -> dict[str, Any]:
    return {"elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "step_size": 1} | fields]}]}


def test_an_older_tariff_has_prices_before_taxes() -> None:
    tariff = parse(TARIFF)

    assert tariff.tax_included is TaxIncluded.NO
    assert tariff.min_price == Price(before_taxes=Decimal("0.5"), with_taxes=Decimal("0.6"))
    assert tariff.elements[0].components == (
        PriceComponent(type=Dimension.ENERGY, price=Decimal("0.25"), step_size=1, vat=Decimal(19)),
    )
    assert tariff.elements[0].restrictions == Restrictions(
        start_time=time(9), max_kwh=Decimal("20.5"), day_of_week=frozenset({DayOfWeek.MONDAY})
    )
    assert tariff.elements[1].restrictions is None


def test_a_newer_tariff_tells_whether_taxes_are_included() -> None:
    data = TARIFF | {
        "tax_included": "YES",
        "min_price": {"before_taxes": 1},
        "start_date_time": "2026-01-01T00:00:00Z",
        "tariff_alt_text": [{"language": "en", "text": "Cheap"}],
        "energy_mix": {"is_green_energy": True},
        "vendor_field": 1,
    }

    tariff = parse(data)

    assert tariff.tax_included is TaxIncluded.YES
    assert tariff.min_price == Price(before_taxes=Decimal(1))
    assert tariff.start_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert json.loads(tariff.alt_text or "") == [{"language": "en", "text": "Cheap"}]
    assert json.loads(tariff.extra or "") == {"energy_mix": {"is_green_energy": True}, "vendor_field": 1}


def test_a_step_is_one_unless_it_is_said() -> None:
    """The smallest there is: what is used is what is billed."""
    data = {"elements": [{"price_components": [{"type": "ENERGY", "price": 0.25}]}]}

    assert parse(TARIFF | data).elements[0].components[0].step_size == 1


@pytest.mark.parametrize("price", ["0.1", 0.1])
def test_a_price_is_exact(price: object) -> None:
    assert parse(TARIFF | component(price=price)).elements[0].components[0].price == Decimal("0.1")


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"elements": []}, "$.elements"),
        ({"elements": [{"price_components": []}]}, "$.elements[0].price_components"),
        ({"currency": "EURO"}, "$.currency"),
        ({"type": "CHEAP"}, "$.type"),
        ({"tax_included": "MAYBE"}, "$.tax_included"),
        ({"tariff_alt_url": "example"}, "$.tariff_alt_url"),
        ({"min_price": {"incl_vat": 1}}, "$.min_price"),
        ({"min_price": {"excl_vat": 5}, "max_price": {"excl_vat": 4}}, "$.max_price"),
        (
            {"start_date_time": "2026-01-02T00:00:00Z", "end_date_time": "2026-01-01T00:00:00Z"},
            "$.end_date_time",
        ),
        ({"start_date_time": "tomorrow"}, "$.start_date_time"),
        (component(type="POWER"), "$.elements[0].price_components[0].type"),
        (component(price=True), "$.elements[0].price_components[0].price"),
        (component(price=-1), "$.elements[0].price_components[0].price"),
        (component(price=0.12345), "$.elements[0].price_components[0].price"),
        (component(vat=101), "$.elements[0].price_components[0].vat"),
        (component(step_size=-1), "$.elements[0].price_components[0].step_size"),
        ({"id": "T2"}, "$.id"),
    ],
)
def test_what_partners_would_refuse_is_refused_with_its_place(wrong: dict[str, Any], path: str) -> None:
    with pytest.raises(WireError) as refused:
        parse(TARIFF | wrong)

    assert refused.value.path == path


@pytest.mark.parametrize(
    ("restrictions", "field"),
    [
        ({"start_time": "9:00"}, "start_time"),
        ({"end_time": "24:00"}, "end_time"),
        ({"start_date": "2026-13-01"}, "start_date"),
        ({"day_of_week": ["Monday"]}, "day_of_week[0]"),
        ({"min_duration": 1.5}, "min_duration"),
        ({"reservation": "YES"}, "reservation"),
    ],
)
def test_a_wrong_restriction_is_refused_with_its_place(restrictions: dict[str, Any], field: str) -> None:
    element = {"price_components": [{"type": "TIME", "price": 1}], "restrictions": restrictions}

    with pytest.raises(WireError) as refused:
        parse(TARIFF | {"elements": [element]})

    assert refused.value.path == f"$.elements[0].restrictions.{field}"


def test_a_restriction_that_nobody_knows_is_kept_for_it_narrows_the_price() -> None:
    element = {
        "price_components": [{"type": "TIME", "price": 1}],
        "restrictions": {"booking": "BOOKING", "other": None},
    }

    (parsed,) = parse(TARIFF | {"elements": [element]}).elements

    assert parsed.restrictions == Restrictions(extra='{"booking":"BOOKING"}')


def test_restrictions_that_restrict_nothing_are_none() -> None:
    element = {"price_components": [{"type": "TIME", "price": 1}], "restrictions": {"day_of_week": [], "max_kwh": None}}

    (parsed,) = parse(TARIFF | {"elements": [element]}).elements

    assert parsed.restrictions is None


def test_a_dimension_is_priced_once_in_an_element() -> None:
    twice = {"price_components": [{"type": "TIME", "price": 1}, {"type": "TIME", "price": 2}]}

    with pytest.raises(WireError, match="twice"):
        parse(TARIFF | {"elements": [twice]})


def test_a_reservation_has_no_energy() -> None:
    element = {
        "price_components": [{"type": "ENERGY", "price": 1}],
        "restrictions": {"reservation": "RESERVATION"},
    }

    with pytest.raises(WireError, match="FLAT and TIME only"):
        parse(TARIFF | {"elements": [element]})
