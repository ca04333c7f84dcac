"""From a request to checked data, with faults that name their place."""

import difflib
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.errors import WireError

Model = TypeVar("Model", bound=BaseModel)

MAX_FAULTS = 20


class BodyError(WireError):
    """A body breaks its rules at one place or more; `faults` are all of them as (JSON path, problem)."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__(*faults[0])
        self.faults = tuple(faults)


async def read_json(request: web.Request) -> Any:
    """The body as JSON; raises BodyError where it is none."""
    raw = await request.read()
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BodyError([("$", f"is not JSON: {error}")]) from None


async def read_object(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise BodyError([("$", "must be a JSON object")])
    return body


def parse_model(model: type[Model], data: Any) -> Model:
    """`data` checked against `model`; raises BodyError naming every fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise BodyError(_faults_of(error)[:MAX_FAULTS]) from None


def parse_limits(request: web.Request, *, default: int, most: int) -> tuple[int, int]:
    """`?limit=` and `?offset=`."""
    return _parse_count(request, "limit", default, 1, most), _parse_count(request, "offset", 0, 0, 2**53)


def render_path(loc: Sequence[Any]) -> str:
    """A JSON path: `$.evses[0].connectors[1].max_voltage`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


def _faults_of(error: ValidationError) -> list[tuple[str, str]]:
    """Each fault once: a list counts as too short also when its only item is faulty, which says nothing new."""
    faults = error.errors()
    places = [fault["loc"] for fault in faults]
    return [
        (render_path(place), _explain(fault))
        for fault, place in zip(faults, places, strict=True)
        if fault["type"] != "too_short"
        or not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


def _parse_count(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BodyError([(f"?{name}=", f"{text!r} is not a whole number from {least} to {most}")])
    return int(text)


def _explain(fault: Any) -> str:
    kind, given = fault["type"], fault.get("input")
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    if kind in ("literal_error", "enum"):
        return f"{given!r} is not one of {fault['ctx']['expected']}{_suggest(given, fault['ctx']['expected'])}"
    if kind == "too_short":
        return f"must have at least {fault['ctx']['min_length']}"
    shown = f" (given: {given!r})" if isinstance(given, str | int | float) else ""
    return f"{fault['msg']}{shown}"


def _suggest(given: Any, expected: str) -> str:
    close = difflib.get_close_matches(str(given), [word.strip("' ") for word in expected.split("'") if word], n=1)
    return f"; did you mean {close[0]}?" if close else ""
