"""Reading OCPI bodies with pydantic: shared field types, and its errors as WireError with a JSON path."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, TypeVar

import structlog
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)

from gateway.errors import WireError
from gateway.ocpi import wire

log = structlog.get_logger(__name__)

ModelT = TypeVar("ModelT", bound=BaseModel)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:[-_].*)?")


class WireModel(BaseModel):
    """Unknown members are ignored: a peer may be of a later edition.  OCPI 2.3.0 transport_and_format 4.1.1

    An explicit null is a member that is absent, and a list of one where an object is due is that object.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _read_liberally(cls, data: Any) -> Any:
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None}
        return data


def parse_model(model: type[ModelT], data: Any) -> ModelT:
    """Raises WireError naming the first member at fault (and how many more there are)."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise WireError(_path(first["loc"]), _explain(first) + more) from None


def _explain(fault: Any) -> str:
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] in ("model_type", "dict_type"):
        return "must be a JSON object"
    return str(fault["msg"]).removeprefix("Value error, ")


def _path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _parse_time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a text like 2026-01-02T03:04:05Z")
    return wire.parse_time(value)


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _language(value: Any) -> Any:
    """Many peers send a locale (`en-GB`): its language is what counts; anything else is no reason to refuse a card."""
    match = _LANGUAGE.fullmatch(value) if isinstance(value, str) else None
    return match.group(1).lower() if match else None


Time = Annotated[datetime, BeforeValidator(_parse_time)]
Language = Annotated[str | None, BeforeValidator(_language)]
Flag = StrictBool
CountryCode = Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")]
PartyCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{3}$")]
Id36 = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,36}$")]
Text64 = Annotated[str, Field(max_length=64), AfterValidator(_clean)]
Text100 = Annotated[str, Field(max_length=100), AfterValidator(_clean)]
CredentialsToken = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
Url = Annotated[str, Field(max_length=255, pattern=r"^https?://[\x21-\x7e]+$")]


def parse_part(model: type[ModelT], data: Any, part: str) -> ModelT | None:
    """A part that the rest can do without: None where it is absent, or cannot be read (with a warning)."""
    if data is None:
        return None
    try:
        return parse_model(model, data)
    except WireError as error:
        log.warning("part of an answer ignored", part=part, reason=str(error))
        return None
