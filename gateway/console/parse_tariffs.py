"""An operator's tariff: OCPI 2.2.1, or 2.3.0 where `tax_included` is present."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Self

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
from gateway.domain.tariffs import (
    DayOfWeek,
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffElement,
    TariffType,
    TaxIncluded,
)
from gateway.errors import WireError

LocalDate = Annotated[str, Field(pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
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
    day_of_week: tuple[DayOfWeek, ...] | None = None
    reservation: ReservationRestriction | None = None


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
        type=None if parsed.type is None else parsed.type.value,
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
    return TariffElement(
        components=tuple(
            PriceComponent(type=component.type, price=component.price, step_size=component.step_size, vat=component.vat)
            for component in element.price_components
        ),
        restrictions=_parse_restrictions(element.restrictions) if element.restrictions else None,
    )


def _parse_restrictions(given: RestrictionsInput) -> Restrictions | None:
    """None where nothing is restricted.  What this program does not know is kept: without it the price would be wider
    than it was meant."""
    unknown = {name: value for name, value in (given.model_extra or {}).items() if value not in (None, [])}
    parsed = Restrictions(
        start_time=_parse_clock(given.start_time),
        end_time=_parse_clock(given.end_time),
        start_date=date.fromisoformat(given.start_date) if given.start_date else None,
        end_date=date.fromisoformat(given.end_date) if given.end_date else None,
        min_kwh=given.min_kwh,
        max_kwh=given.max_kwh,
        min_current=given.min_current,
        max_current=given.max_current,
        min_power=given.min_power,
        max_power=given.max_power,
        min_duration_s=given.min_duration,
        max_duration_s=given.max_duration,
        day_of_week=frozenset(given.day_of_week or ()),
        reservation=given.reservation,
        extra=render_json(unknown) if unknown else None,
    )
    return None if parsed == Restrictions() else parsed


def _parse_clock(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def _parse_limit(limit: PriceLimitInput | None) -> Price | None:
    if limit is None or limit.net is None:
        return None
    return Price(before_taxes=limit.net, with_taxes=limit.gross)
