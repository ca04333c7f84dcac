"""Tariffs in OCPI 2.1.1 (mod_tariffs 3): prices before taxes for everybody, at any time.

Its text applies the first element whose restrictions match, its samples price each dimension by the first element that
has it.  So each element is completed with what follows for the dimensions it lacks, as far as that is exact: then both
readings come to the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gateway.domain.tariffs import DAYS_OF_WEEK, PriceComponent, Restrictions, Tariff, TariffElement, TariffType
from gateway.ocpi.parts import load_extra, price_before_taxes
from gateway.ocpi.v211.common import render_energy_mix, render_texts
from gateway.ocpi.wire import CannotSayError, render_time, without_absent


def render_tariff(tariff: Tariff) -> dict[str, Any]:
    """Raises CannotSayError where leaving out what this version has no words for would tell another price."""
    reason = _find_unsayable(tariff)
    if reason is not None:
        raise CannotSayError(f"tariff {tariff.id} {reason}, which OCPI 2.1.1 cannot say")
    mix = load_extra(tariff.extra, frozenset({"energy_mix"})).get("energy_mix")
    return without_absent(
        {
            "id": tariff.id,
            "currency": tariff.currency,
            "tariff_alt_text": render_texts(json.loads(tariff.alt_text or "[]"), "tariff.tariff_alt_text"),
            "tariff_alt_url": tariff.alt_url,
            "elements": [_render_element(tariff, element) for element in complete_elements(tariff.elements)],
            "energy_mix": render_energy_mix(mix),
            "last_updated": render_time(tariff.last_updated),
        }
    )


def complete_elements(elements: Sequence[TariffElement]) -> Sequence[TariffElement]:
    """The same prices by dimension, with each element complete where it can be.

    A dimension that an element lacks is priced by the next element that has it; if that one holds always, it may as
    well stand here.  What comes after an element that holds always and prices everything is never reached.
    """
    dimensions = {component.type for element in elements for component in element.components}
    complete = []
    for number, element in enumerate(elements):
        missing = dimensions - {component.type for component in element.components}
        added = [_find_default(elements[number + 1 :], dimension) for dimension in sorted(missing)]
        components = (*element.components, *(component for component in added if component is not None))
        complete.append(TariffElement(components=components, restrictions=element.restrictions))
        if element.restrictions is None and len(components) == len(dimensions):
            break
    return complete


def _find_default(later: Sequence[TariffElement], dimension: str) -> PriceComponent | None:
    for element in later:
        for component in element.components:
            if component.type == dimension:
                return component if element.restrictions is None else None
    return None


def _find_unsayable(tariff: Tariff) -> str | None:
    if tariff.type not in (None, TariffType.REGULAR):
        return f"is {tariff.type}: not for everybody"
    if tariff.min_price is not None or tariff.max_price is not None:
        return "has a min_price or max_price"
    if tariff.end_at is not None:
        return "ends at some time"
    if tariff.start_at is not None and tariff.start_at > tariff.last_updated:
        return "begins at some time"
    for rule in (element.restrictions for element in tariff.elements):
        if rule is not None and rule.reservation is not None:
            return "prices reservations"
        if rule is not None and (rule.min_current is not None or rule.max_current is not None):
            return "restricts by the current"
        if rule is not None and rule.extra:
            return f"restricts by {rule.extra}"
    return None


def _render_element(tariff: Tariff, element: TariffElement) -> dict[str, Any]:
    components = [
        {
            "type": component.type.value,
            "price": price_before_taxes(tariff, component),
            "step_size": component.step_size,
        }
        for component in element.components
    ]
    restrictions = _render_restrictions(element.restrictions) if element.restrictions else None
    return without_absent({"price_components": components, "restrictions": restrictions})


def _render_restrictions(rule: Restrictions) -> dict[str, Any]:
    """OCPI 2.1.1 mod_tariffs 4.5"""
    return without_absent(
        {
            "start_time": f"{rule.start_time:%H:%M}" if rule.start_time is not None else None,
            "end_time": f"{rule.end_time:%H:%M}" if rule.end_time is not None else None,
            "start_date": rule.start_date.isoformat() if rule.start_date else None,
            "end_date": rule.end_date.isoformat() if rule.end_date else None,
            "min_kwh": rule.min_kwh,
            "max_kwh": rule.max_kwh,
            "min_power": rule.min_power,
            "max_power": rule.max_power,
            "min_duration": rule.min_duration_s,
            "max_duration": rule.max_duration_s,
            "day_of_week": [day.value for day in DAYS_OF_WEEK if day in rule.day_of_week],
        }
    )
