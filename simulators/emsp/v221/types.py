"""The data types of OCPI 2.2.1 chapter 16, read as strictly as they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler, PlainValidator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# The paragraph that each type comes from, by the type of the error; other errors belong to the object's paragraph.
PARAGRAPHS = {
    "ocpi_ci_string": "OCPI 2.2.1 types 16.1",
    "ocpi_date_time": "OCPI 2.2.1 types 16.2",
    "ocpi_number": "OCPI 2.2.1 types 16.4",
    "ocpi_string": "OCPI 2.2.1 types 16.7",
    "ocpi_url": "OCPI 2.2.1 types 16.8",
}

# OCPI 2.2.1 16.2: the layouts of the chapter's example and no others; the length is checked apart.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
_DATE_TIME_LENGTH = 25
_DECIMALS = 4


def _error(kind: str, message: str) -> PydanticCustomError:
    # The message goes in as context, for it may hold braces of the peer's text.
    return PydanticCustomError(kind, "{message}", {"message": message})


def parse_date_time(value: object) -> datetime:
    if not isinstance(value, str):
        raise _error("ocpi_date_time", "is not a string")
    if not _DATE_TIME.fullmatch(value):
        raise _error("ocpi_date_time", "is not written like 2015-06-29T20:39:09Z (fraction and Z may be there or not)")
    if len(value) > _DATE_TIME_LENGTH:
        raise _error("ocpi_date_time", f"has {len(value)} characters, {_DATE_TIME_LENGTH} are allowed")
    try:
        return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError as error:
        raise _error("ocpi_date_time", f"is no date and time: {error}") from None


def parse_number(value: object, most: int = _DECIMALS) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _error("ocpi_number", "is not a JSON number")
    number = Decimal(value)
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > most:
        raise _error("ocpi_number", f"has {-exponent} decimals, {most} are allowed")
    return number


@dataclass(frozen=True, slots=True)
class Text:
    """A string of a limited length: printable UTF-8, or what `pattern` allows."""

    max_length: int
    kind: str = "ocpi_string"
    pattern: str | None = None
    what: str = ""

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            raise _error(self.kind, "is not a string")
        if len(value) > self.max_length:
            raise _error(self.kind, f"has {len(value)} characters, {self.max_length} are allowed")
        if not value.isprintable():
            raise _error(self.kind, "has characters that cannot be printed")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise _error(self.kind, f"is not {self.what}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)


def ci_text(max_length: int) -> Text:
    """CiString(n): printable ASCII; an identifier without any character identifies nothing."""
    return Text(max_length, "ocpi_ci_string", r"[ -~]+", "one or more printable ASCII characters")


def parse_url(value: object) -> str:
    if not isinstance(value, str):
        raise _error("ocpi_url", "is not a string")
    if len(value) > 255:  # OCPI 2.2.1 16.8
        raise _error("ocpi_url", f"has {len(value)} characters, 255 are allowed")
    parts = urlsplit(value)
    if not (parts.scheme and parts.netloc) or re.search(r"\s", value):
        raise _error("ocpi_url", "is not an absolute URL")
    return value


DateTime = Annotated[datetime, PlainValidator(parse_date_time)]
Number = Annotated[Decimal, PlainValidator(lambda value: parse_number(value))]
# OCPI 2.2.1 14.5.3 and 14.5.4: at most one digit of a fraction.
Tenths = Annotated[Decimal, PlainValidator(lambda value: parse_number(value, 1))]
Url = Annotated[str, PlainValidator(parse_url)]
Id36 = Annotated[str, ci_text(36)]
Id39 = Annotated[str, ci_text(39)]
Text64 = Annotated[str, Text(64)]
Text100 = Annotated[str, Text(100)]
Text255 = Annotated[str, Text(255)]
CountryCode = Annotated[str, Text(2, "ocpi_ci_string", r"[A-Za-z]{2}", "an ISO 3166-1 alpha-2 country code")]
PartyId = Annotated[str, Text(3, "ocpi_ci_string", r"[A-Za-z0-9]{3}", "a party id of three letters or digits")]
CountryAlpha3 = Annotated[str, Text(3, "ocpi_string", r"[A-Z]{3}", "an ISO 3166-1 alpha-3 country code")]
Currency = Annotated[str, Text(3, "ocpi_string", r"[A-Z]{3}", "an ISO 4217 currency code")]
Language = Annotated[str, Text(2, "ocpi_string", r"[a-z]{2}", "an ISO 639-1 language code")]
Latitude = Annotated[str, Text(10, "ocpi_string", r"-?[0-9]{1,2}\.[0-9]{5,7}", "a latitude with 5 to 7 decimals")]
Longitude = Annotated[str, Text(11, "ocpi_string", r"-?[0-9]{1,3}\.[0-9]{5,7}", "a longitude with 5 to 7 decimals")]
TimeOfDay = Annotated[str, Text(5, "ocpi_string", r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day like 09:30")]
Date = Annotated[
    str, Text(10, "ocpi_string", r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", "a date like 2015-12-24")
]
# OCPI 2.2.1 7.3.1
CredentialsToken = Annotated[str, Text(64, "ocpi_string", r"[!-~]+", "printable ASCII without spaces")]
