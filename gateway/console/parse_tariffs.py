"""An operator's tariff: OCPI 2.2.1, or 2.3.0 where `tax_included` is present."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gateway.console.bodies import parse_model
from gateway.console.descriptions import EnergyMix
from gateway.console.fields import (
    CiString36,
    ClockTime,
    CountryAlpha2,
    Currency,
    DisplayText,
    NaturalInt,
    Number,
    OcpiInput,
    PartyText,
    Time,
    Url,
)
from gateway.console.parse_locations import parse_party, render_json
from gateway.domain.ids import PartyId
from gateway.domain.money import Price
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TariffElement, TaxIncluded
from gateway.errors import WireError

LocalDate = Annotated[str, Field(pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Weekday = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
TariffType = Literal["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"]
Amount = Annotated[Number, Field(ge=0)]


class PriceComponentInput(OcpiInput):
    type: Dimension
    price: Amount
    step_size: NaturalInt = 1
    vat: Annotated[Number, Field(ge=0, le=100)] | None = None


class RestrictionsInput(OcpiInput):
    start_time: ClockTime | None = None
    end_time: ClockTime | None = None
    start_date: LocalDate | None = None
    end_date: LocalDate | None = None
    min_kwh: Amount | None = None
    max_kwh: Amount | None = None
    min_current: Amount | None = None
    max_current: Amount | None = None
    min_power: Amount | None = None
    max_power: Amount | None = None
    min_duration: NaturalInt | None = None
    max_duration: NaturalInt | None = None
    day_of_week: tuple[Weekday, ...] | None = None
    reservation: Literal["RESERVATION", "RESERVATION_EXPIRES"] | None = None


class ElementInput(OcpiInput):
    price_components: Annotated[tuple[PriceComponentInput, ...], Field(min_length=1)]
    restrictions: RestrictionsInput | None = None

    @model_validator(mode="after")
    def _prices_each_dimension_once(self) -> Self:
        dimensions = [component.type for component in self.price_components]
        if len(set(dimensions)) < len(dimensions):
            raise ValueError("price_components price a dimension twice: put the second into an element of its own")
        is_reservation = self.restrictions is not None and self.restrictions.reservation is not None
        if is_reservation and not set(dimensions) <= {Dimension.FLAT, Dimension.TIME}:
            raise ValueError("a reservation is priced by FLAT and TIME only")  # OCPI 2.3.0 11.4.6
        return self


class PriceLimitInput(OcpiInput):
    """`before_taxes` and `after_taxes` of 2.3.0, or `excl_vat` and `incl_vat` of 2.2.1."""

    before_taxes: Amount | None = None
    after_taxes: Amount | None = None
    excl_vat: Amount | None = None
    incl_vat: Amount | None = None

    @model_validator(mode="after")
    def _has_an_amount(self) -> Self:
        if self.net is None:
            raise ValueError("give before_taxes (or excl_vat, where the tariff has no tax_included)")
        return self

    @property
    def net(self) -> Decimal | None:
        return self.excl_vat if self.before_taxes is None else self.before_taxes

    @property
    def gross(self) -> Decimal | None:
        return self.incl_vat if self.after_taxes is None else self.after_taxes


class TariffInput(OcpiInput):
    id: CiString36
    currency: Currency
    elements: Annotated[tuple[ElementInput, ...], Field(min_length=1)]
    country_code: CountryAlpha2 | None = None
    party_id: PartyText | None = None
    type: TariffType | None = None
    tariff_alt_text: tuple[DisplayText, ...] | None = None
    tariff_alt_url: Url | None = None
    min_price: PriceLimitInput | None = None
    max_price: PriceLimitInput | None = None
    tax_included: TaxIncluded = TaxIncluded.NO
    start_date_time: Time | None = None
    end_date_time: Time | None = None
    energy_mix: EnergyMix | None = None
    last_updated: Any = None


STRUCTURE = frozenset(TariffInput.model_fields) - {"energy_mix"}


def parse_tariff(data: dict[str, Any], *, tariff_id: str, parties: Sequence[PartyId], now: datetime) -> Tariff:
    """The tariff as put; its time is `now` until the store has it.  Raises BodyError or WireError."""
    parsed = parse_model(TariffInput, {"id": tariff_id, **data})
    if parsed.id != tariff_id:
        raise WireError("$.id", f"is {parsed.id!r}, but the address names {tariff_id!r}")
    _check_limits(parsed)
    extra = {
        name: value
        for name, value in parsed.model_dump(exclude_unset=True).items()
        if name not in STRUCTURE and value is not None
    }
    return Tariff(
        id=parsed.id,
        party=parse_party(parsed.country_code, parsed.party_id, parties),
        currency=parsed.currency,
        elements=tuple(_parse_element(element) for element in parsed.elements),
        last_updated=now,
        type=parsed.type,
        alt_text=render_json([text.model_dump() for text in parsed.tariff_alt_text])
        if parsed.tariff_alt_text
        else None,
        alt_url=parsed.tariff_alt_url,
        min_price=_parse_limit(parsed.min_price),
        max_price=_parse_limit(parsed.max_price),
        tax_included=parsed.tax_included,
        is_tax_stated="tax_included" in parsed.model_fields_set,
        start_at=parsed.start_date_time,
        end_at=parsed.end_date_time,
        extra=render_json(extra) if extra else None,
    )


def _check_limits(parsed: TariffInput) -> None:
    start, end = parsed.start_date_time, parsed.end_date_time
    if start is not None and end is not None and end <= start:
        raise WireError("$.end_date_time", "must be after start_date_time")
    least, most = parsed.min_price, parsed.max_price
    if least and most and least.net is not None and most.net is not None and most.net < least.net:
        raise WireError("$.max_price", "is lower than min_price")


def _parse_element(element: ElementInput) -> TariffElement:
    restrictions = element.restrictions.model_dump(exclude_unset=True) if element.restrictions else {}
    held = {name: value for name, value in restrictions.items() if value is not None and value != ()}
    return TariffElement(
        components=tuple(
            PriceComponent(type=component.type, price=component.price, step_size=component.step_size, vat=component.vat)
            for component in element.price_components
        ),
        restrictions=render_json(held) if held else None,
    )


def _parse_limit(limit: PriceLimitInput | None) -> Price | None:
    if limit is None or limit.net is None:
        return None
    return Price(before_taxes=limit.net, with_taxes=limit.gross)
