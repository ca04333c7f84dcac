"""Field types of OCPI objects as an operator writes them: read a little liberally, kept as partners must see them.

Lengths and enums are those of OCPI 2.3.0, which holds all of 2.2.1 (OCPI 2.3.0 types, mod_locations 8.3 and 8.4).
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

LATITUDE = re.compile(r"-?[0-9]{1,2}\.[0-9]{5,7}")
LONGITUDE = re.compile(r"-?[0-9]{1,3}\.[0-9]{5,7}")
MAX_DECIMALS = 4


class OcpiInput(BaseModel):
    """An OCPI object from an operator: fields that it does not name are kept, not refused."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Strict(BaseModel):
    """A body of our own making: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_printable(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("line breaks, tabs and other control characters are not allowed")
    return text


def _check_ascii(text: str) -> str:
    if not re.fullmatch(r"[ -~]*", text):
        raise ValueError("only printable ASCII is allowed")
    return text


def parse_datetime(value: Any) -> datetime:
    """Read an RFC 3339 text; without an offset it is UTC (OCPI 2.3.0 types 17.3)."""
    if not isinstance(value, str):
        raise ValueError("a time is a text such as 2026-01-31T12:00:00Z")
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # year 1 or 9999 with an offset
        raise ValueError(f"{value!r} is not a time; write for example 2026-01-31T12:00:00Z") from None


def render_datetime(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds where there are any: at most 24 characters."""
    at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds" if at.microsecond >= 1000 else "seconds")[:-6] + "Z"


def _check_decimals(number: Decimal) -> Decimal:
    exponent = number.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > MAX_DECIMALS:
        raise ValueError(f"at most {MAX_DECIMALS} decimals are allowed")  # OCPI 2.3.0 types 17.5
    return number


def _refuse_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is expected")
    return value


def _read_degrees(value: Any) -> Any:
    """JSON numbers are taken too; they cannot hold trailing zeros, so they are written out to six decimals."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{Decimal(str(value)):.6f}"
    return value


def _check_degrees(text: str, pattern: re.Pattern[str], limit: int, length: int) -> str:
    if not pattern.fullmatch(text) or abs(Decimal(text)) > limit:
        raise ValueError(f"{text!r} is not in degrees with 5 to 7 decimals between -{limit} and {limit}")
    return text if len(text) <= length else f"{Decimal(text):.6f}"


def _check_latitude(text: str) -> str:
    return _check_degrees(text, LATITUDE, 90, 10)


def _check_longitude(text: str) -> str:
    return _check_degrees(text, LONGITUDE, 180, 11)


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


String4 = Annotated[str, StringConstraints(min_length=1, max_length=4), AfterValidator(_check_printable)]
String10 = Annotated[str, StringConstraints(min_length=1, max_length=10), AfterValidator(_check_printable)]
String12 = Annotated[str, StringConstraints(min_length=1, max_length=12), AfterValidator(_check_printable)]
String16 = Annotated[str, StringConstraints(min_length=1, max_length=16), AfterValidator(_check_printable)]
String45 = Annotated[str, StringConstraints(min_length=1, max_length=45), AfterValidator(_check_printable)]
String50 = Annotated[str, StringConstraints(min_length=1, max_length=50), AfterValidator(_check_printable)]
String64 = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_check_printable)]
String100 = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_check_printable)]
String255 = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_check_printable)]
String512 = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_check_printable)]
CiString4 = Annotated[str, StringConstraints(min_length=1, max_length=4), AfterValidator(_check_ascii)]
CiString25 = Annotated[str, StringConstraints(min_length=1, max_length=25), AfterValidator(_check_ascii)]
CiString36 = Annotated[str, StringConstraints(min_length=1, max_length=36), AfterValidator(_check_ascii)]
CountryAlpha2 = Annotated[str, BeforeValidator(_upper), StringConstraints(pattern=r"^[A-Z]{2}$")]
CountryAlpha3 = Annotated[str, BeforeValidator(_upper), StringConstraints(pattern=r"^[A-Z]{3}$")]
PartyText = Annotated[str, BeforeValidator(_upper), StringConstraints(pattern=r"^[A-Z0-9]{3}$")]
Currency = Annotated[str, BeforeValidator(_upper), StringConstraints(pattern=r"^[A-Z]{3}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$")]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Url = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$")]
EvseId = Annotated[str, StringConstraints(max_length=48, pattern=r"^[A-Za-z]{2}\*?[A-Za-z0-9]{3}\*?[Ee][A-Za-z0-9*]+$")]
Number = Annotated[Decimal, BeforeValidator(_refuse_truth), AfterValidator(_check_decimals)]
PositiveInt = Annotated[int, BeforeValidator(_refuse_truth), Field(ge=1, le=2**31 - 1)]
NaturalInt = Annotated[int, BeforeValidator(_refuse_truth), Field(ge=0, le=2**31 - 1)]
Latitude = Annotated[str, BeforeValidator(_read_degrees), AfterValidator(_check_latitude)]
Longitude = Annotated[str, BeforeValidator(_read_degrees), AfterValidator(_check_longitude)]
Time = Annotated[datetime, BeforeValidator(parse_datetime)]


class DisplayText(OcpiInput):
    language: Language
    text: String512


class GeoLocation(OcpiInput):
    latitude: Latitude
    longitude: Longitude
