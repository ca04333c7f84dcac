"""Numbers and times in words, as a person reads them aloud."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.explanations import Explanation
from gateway.domain.money import Price

WH_PER_KWH: Final = Decimal(1000)


class Clock:
    """Times as the site's clock shows them; the date only where it is another than at the start."""

    def __init__(self, explanation: Explanation) -> None:
        cdr = explanation.cdr
        self.name = cdr.terms.place.location.time_zone if cdr.terms.place is not None else "UTC"
        self._zone = ZoneInfo(self.name)
        self._begin = cdr.started_at.astimezone(self._zone)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def whole(self, at: datetime) -> str:
        """Date, time and offset from UTC."""
        local = self.local(at)
        return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S}{_fraction(local)} (UTC{_offset(local)})"

    def short(self, at: datetime) -> str:
        local = self.local(at)
        text = f"{local:%H:%M:%S}{_fraction(local)}"
        if local.date() != self._begin.date():
            text = f"{local.day} {local:%b} {text}"
        return text if local.utcoffset() == self._begin.utcoffset() else f"{text} (UTC{_offset(local)})"


def _fraction(at: datetime) -> str:
    return f".{at.microsecond // 1000:03}" if at.microsecond >= 1000 else ""


def _offset(at: datetime) -> str:
    text = f"{at:%z}"
    return f"{text[:3]}:{text[3:5]}"


def plain(value: Decimal) -> str:
    """All its digits, without zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def kwh(wh: Decimal) -> str:
    return plain(wh / WH_PER_KWH)


def quantity(value: Decimal) -> str:
    """Six decimals at most: enough to multiply along."""
    return plain(value.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP))


def money(amount: Decimal | None) -> str:
    """Four decimals, as a CDR has them; two at least."""
    if amount is None:
        return "not known"
    text = plain(amount.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP))
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"


def unit_price(value: Decimal) -> str:
    """All its digits; two decimals at least."""
    whole, _, cents = plain(value).partition(".")
    return f"{whole}.{cents:0<2}"


def price(value: Price, currency: str) -> str:
    after = "" if value.with_taxes is None else f", {money(value.with_taxes)} with"
    return f"{money(value.before_taxes)} {currency} without VAT{after}"


def span(seconds: Decimal) -> str:
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    words = [f"{hours} h"] if hours else []
    words += [f"{minutes} min"] if minutes or hours else []
    fraction = seconds - whole
    words += [f"{plain(rest + fraction)} s"] if rest or fraction or not words else []
    return " ".join(words)


class Cells(str):
    """A line of a table: it is never folded."""

    __slots__ = ()


def columns(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[Cells]:
    """A line per row, further in; the columns in `right` are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        Cells(
            "  "
            + "  ".join(
                cell.rjust(width) if number in right else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )
        for row in rows
    ]
