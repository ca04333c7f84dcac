"""Tariffs of any OCPI version, told apart by their shapes: what one version added is simply not there in the older."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

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
    TaxIncluded,
)
from gateway.errors import WireError
from gateway.ocpi.foreign_json import as_list, as_number, as_object, as_text, as_time, as_whole, find

Word = TypeVar("Word", bound=StrEnum)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])(:[0-5][0-9])?")
KNOWN = frozenset(
    [
        "start_time",
        "end_time",
        "start_date",
        "end_date",
        "min_kwh",
        "max_kwh",
        "min_current",
        "max_current",
        "min_power",
        "max_power",
        "min_duration",
        "max_duration",
        "day_of_week",
        "reservation",
    ]
)


def parse_foreign_tariff(data: Any, path: str = "$") -> Tariff:
    """Raises WireError naming the member that cannot be understood."""
    body = as_object(data, path)
    elements = tuple(_parse_element(*item) for item in as_list(body.get("elements"), f"{path}.elements"))
    if not elements:
        raise WireError(f"{path}.elements", "is missing or empty: a tariff has at least one element")
    return Tariff(
        id=as_text(body.get("id"), f"{path}.id"),
        party=PartyId(
            country_code=find(as_text, body, "country_code", path) or "",
            party_id=find(as_text, body, "party_id", path) or "",
        ),
        currency=as_text(body.get("currency"), f"{path}.currency"),
        elements=elements,
        last_updated=find(as_time, body, "last_updated", path) or LONG_AGO,
        type=find(as_text, body, "type", path),
        min_price=find(_parse_limit, body, "min_price", path),
        max_price=find(_parse_limit, body, "max_price", path),
        tax_included=_parse_word(TaxIncluded, body.get("tax_included") or TaxIncluded.NO.value, f"{path}.tax_included"),
        start_at=find(as_time, body, "start_date_time", path),
        end_at=find(as_time, body, "end_date_time", path),
    )


def _parse_element(data: Any, path: str) -> TariffElement:
    body = as_object(data, path)
    components = as_list(body.get("price_components"), f"{path}.price_components")
    if not components:
        raise WireError(f"{path}.price_components", "is missing or empty")
    return TariffElement(
        components=tuple(_parse_component(*item) for item in components),
        restrictions=find(_parse_restrictions, body, "restrictions", path),
    )


def _parse_component(data: Any, path: str) -> PriceComponent:
    body = as_object(data, path)
    step_size = find(as_whole, body, "step_size", path)
    return PriceComponent(
        type=_parse_word(Dimension, body.get("type"), f"{path}.type"),
        price=as_number(body.get("price"), f"{path}.price"),
        step_size=1 if step_size is None else step_size,
        vat=find(as_number, body, "vat", path),
    )


def _parse_restrictions(data: Any, path: str) -> Restrictions | None:
    """None where nothing is restricted."""
    body = as_object(data, path)
    unknown = {name: value for name, value in body.items() if name not in KNOWN and value not in (None, [])}
    rule = Restrictions(
        start_time=find(_parse_clock, body, "start_time", path),
        end_time=find(_parse_clock, body, "end_time", path),
        start_date=find(_parse_date, body, "start_date", path),
        end_date=find(_parse_date, body, "end_date", path),
        min_kwh=find(as_number, body, "min_kwh", path),
        max_kwh=find(as_number, body, "max_kwh", path),
        min_current=find(as_number, body, "min_current", path),
        max_current=find(as_number, body, "max_current", path),
        min_power=find(as_number, body, "min_power", path),
        max_power=find(as_number, body, "max_power", path),
        min_duration_s=find(as_whole, body, "min_duration", path),
        max_duration_s=find(as_whole, body, "max_duration", path),
        day_of_week=frozenset(
            _parse_word(DayOfWeek, *item) for item in as_list(body.get("day_of_week"), f"{path}.day_of_week")
        ),
        reservation=find(_parse_reservation, body, "reservation", path),
        extra=json.dumps(unknown, default=str, ensure_ascii=False) if unknown else None,
    )
    return None if rule == Restrictions() else rule


def _parse_reservation(value: Any, path: str) -> ReservationRestriction:
    return _parse_word(ReservationRestriction, value, path)


def _parse_limit(value: Any, path: str) -> Price:
    """`before_taxes` and `after_taxes`, `excl_vat` and `incl_vat`, or a plain number before taxes."""
    if not isinstance(value, dict):
        return Price(before_taxes=as_number(value, path))
    name, taxed = ("before_taxes", "after_taxes") if "before_taxes" in value else ("excl_vat", "incl_vat")
    before: Decimal = as_number(value.get(name), f"{path}.{name}")
    return Price(before_taxes=before, with_taxes=find(as_number, value, taxed, path))


def _parse_clock(value: Any, path: str) -> time:
    """24:00, which some write for the end of a day, is 00:00."""
    match = CLOCK.fullmatch(as_text(value, path))
    if match is None or (match[1] == "24" and match[2] != "00"):
        raise WireError(path, f"must be a time of day such as 13:30, not {value!r}")
    return time(int(match[1]) % 24, int(match[2]))


def _parse_date(value: Any, path: str) -> date:
    try:
        return date.fromisoformat(as_text(value, path))
    except ValueError:
        raise WireError(path, f"must be a day such as 2026-12-24, not {value!r}") from None


def _parse_word(words: type[Word], value: Any, path: str) -> Word:
    text = as_text(value, path)
    try:
        return words(text.upper())
    except ValueError:
        raise WireError(path, f"{text!r} is not one of {', '.join(words)}") from None
