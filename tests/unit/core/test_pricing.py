from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from gateway.core.pricing import Usage, find_pricing_obstacle, price_usage
from gateway.domain.ids import PartyId
from gateway.domain.money import Price
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TariffElement, TaxIncluded

ENERGY = PriceComponent(type=Dimension.ENERGY, price=D("0.25"), vat=D(10))
START_FEE = PriceComponent(type=Dimension.FLAT, price=D("0.50"), vat=D(20))
PARKING = PriceComponent(type=Dimension.PARKING_TIME, price=D("2.00"), vat=D(20), step_size=900)
HOURLY = PriceComponent(type=Dimension.TIME, price=D("1.00"), vat=D(20), step_size=900)
USAGE = Usage(energy_wh=D(20_000), charging_s=D(3600), parking_s=D(0), last_phase=Phase.CHARGING)


def tariff(*components: PriceComponent, **changes: object) -> Tariff:
    made = Tariff(
        id="T",
        party=PartyId(country_code="DE", party_id="ALL"),
        currency="EUR",
        elements=tuple(TariffElement(components=(component,)) for component in components),
        last_updated=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def price(excl: str, incl: str) -> Price:
    return Price(before_taxes=D(excl), with_taxes=D(incl))


# Totals of the worked examples of OCPI 2.2.1 mod_tariffs, made from their figures.
@pytest.mark.parametrize(
    ("of", "usage", "cost"),
    [
        (tariff(ENERGY), USAGE, price("5.00", "5.50")),
        (tariff(ENERGY, START_FEE), USAGE, price("5.50", "6.10")),
        (tariff(ENERGY, min_price=price("0.50", "0.55")), replace(USAGE, energy_wh=D(1_500)), price("0.50", "0.55")),
        (tariff(ENERGY, min_price=price("0.50", "0.55")), USAGE, price("5.00", "5.50")),
        (
            tariff(ENERGY, START_FEE, max_price=price("10.00", "11.00")),
            replace(USAGE, energy_wh=D(50_000)),
            price("10.00", "11.00"),
        ),
        (
            tariff(ENERGY, START_FEE, PARKING),
            replace(USAGE, parking_s=D(2400), last_phase=Phase.PARKING),
            price("7.00", "7.90"),
        ),
        (
            tariff(PriceComponent(type=Dimension.TIME, price=D(2), vat=D(10), step_size=60)),
            replace(USAGE, charging_s=D(9000)),
            price("5.00", "5.50"),
        ),
        (
            tariff(
                PriceComponent(type=Dimension.TIME, price=D(3), vat=D(10), step_size=60),
                PriceComponent(type=Dimension.PARKING_TIME, price=D(5), vat=D(20), step_size=300),
            ),
            replace(USAGE, charging_s=D(9000), parking_s=D(2520), last_phase=Phase.PARKING),
            price("11.25", "12.75"),
        ),
        (
            tariff(PriceComponent(type=Dimension.TIME, price=D(2), vat=D(5), step_size=1), tax_included=TaxIncluded.NO),
            replace(USAGE, charging_s=D(9000)),
            price("5.00", "5.25"),
        ),
    ],
)
def test_a_session_costs_what_its_tariff_says(of: Tariff, usage: Usage, cost: Price) -> None:
    assert price_usage(of, usage).cost == cost


def test_parts_add_up_to_the_total() -> None:
    totals = price_usage(tariff(ENERGY, START_FEE, HOURLY), replace(USAGE, energy_wh=D("12345.6"), charging_s=D(4000)))

    parts = [part for part in (totals.fixed, totals.energy, totals.time, totals.parking) if part is not None]
    assert sum(part.before_taxes for part in parts) == totals.cost.before_taxes
    assert sum(part.with_taxes or 0 for part in parts) == totals.cost.with_taxes


def test_only_the_time_that_was_billed_last_is_rounded_up() -> None:
    usage = replace(USAGE, charging_s=D(21 * 60), parking_s=D(16 * 60), last_phase=Phase.PARKING)

    totals = price_usage(tariff(replace(HOURLY, step_size=600), replace(PARKING, step_size=600)), usage)

    assert totals.time == price("0.35", "0.42")
    assert totals.parking == price("0.6667", "0.80")


def test_parking_without_a_price_leaves_charging_as_the_last_billed_time() -> None:
    usage = replace(USAGE, charging_s=D(21 * 60), parking_s=D(16 * 60), last_phase=Phase.PARKING)

    assert price_usage(tariff(replace(HOURLY, step_size=600)), usage).cost == price("0.50", "0.60")


def test_energy_is_rounded_up_to_its_step_and_exact_multiples_stay() -> None:
    stepped = tariff(replace(ENERGY, step_size=500, vat=None))

    assert price_usage(stepped, replace(USAGE, energy_wh=D("115.2"))).cost == price("0.125", "0.125")
    assert price_usage(stepped, replace(USAGE, energy_wh=D(500))).cost == price("0.125", "0.125")


def test_the_first_component_of_a_dimension_counts() -> None:
    twice = tariff(ENERGY, replace(ENERGY, price=D(9)))

    assert price_usage(twice, USAGE).cost == price("5.00", "5.50")


def test_a_free_tariff_costs_nothing_and_says_so() -> None:
    free = tariff(PriceComponent(type=Dimension.FLAT, price=D(0), step_size=0))

    assert price_usage(free, USAGE).cost == price("0", "0")


def test_prices_with_tax_included_state_the_net_amount() -> None:
    gross = tariff(replace(ENERGY, price=D("0.275")), tax_included=TaxIncluded.YES)

    assert price_usage(gross, USAGE).cost == price("5.00", "5.50")


def test_a_component_without_vat_is_not_taxed() -> None:
    mixed = tariff(ENERGY, replace(START_FEE, vat=None))

    assert price_usage(mixed, USAGE).cost == price("5.50", "6.00")


def test_what_cannot_be_priced_exactly_is_refused() -> None:
    restricted = replace(tariff(ENERGY), elements=(TariffElement(components=(ENERGY,), restrictions='{"max_kwh":5}'),))

    assert "restrictions" in (find_pricing_obstacle(restricted) or "")
    with pytest.raises(ValueError, match="restrictions"):
        price_usage(restricted, USAGE)
    assert find_pricing_obstacle(tariff(replace(ENERGY, vat=None), tax_included=TaxIncluded.YES)) is not None
    assert find_pricing_obstacle(tariff(ENERGY)) is None
