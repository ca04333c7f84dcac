"""What many objects of OCPI 2.2.1 are made of, and the envelope around them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from simulators.emsp.v221.enums import ImageCategory
from simulators.emsp.v221.types import DateTime, Language, Number, Text, Text100, Url, ci_text


class Ocpi(BaseModel):
    """What all objects share: no silent conversion, unknown fields kept."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    paragraph: ClassVar[str]


class Envelope(Ocpi):
    paragraph = "OCPI 2.2.1 transport_and_format 4.1.7 Response format"

    data: Any = None
    status_code: int = Field(ge=1000, le=4999)
    status_message: Annotated[str, Text(10_000)] | None = None
    timestamp: DateTime


class DisplayText(Ocpi):
    paragraph = "OCPI 2.2.1 types 16.3 DisplayText"

    language: Language
    text: Annotated[str, Text(512)]


class Price(Ocpi):
    paragraph = "OCPI 2.2.1 types 16.5 Price"

    excl_vat: Number
    incl_vat: Number | None = None


class Image(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.15 Image"

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: Annotated[str, ci_text(4)]
    width: int | None = Field(default=None, ge=0, le=99999)
    height: int | None = Field(default=None, ge=0, le=99999)


class BusinessDetails(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.2 BusinessDetails"

    name: Text100
    website: Url | None = None
    logo: Image | None = None
