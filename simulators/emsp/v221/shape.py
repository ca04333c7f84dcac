"""Holds JSON against a model and says, as problems, where it does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.v221.common import Ocpi
from simulators.emsp.v221.types import PARAGRAPHS
from simulators.emsp.wire import shorten

M = TypeVar("M", bound=Ocpi)

UNKNOWN_FIELD = Rule(
    "shape.unknown_field",
    "fields beyond the definition need an agreement between the parties",
    "OCPI 2.2.1 transport_and_format 4.1.7",
    Severity.NOTE,
)
NULL_FIELD = Rule(
    "shape.null",
    "an optional field without a value is left out",
    "OCPI 2.2.1 mod_sessions 9.2.1.1",
    Severity.NOTE,
)

# Rules on an object whose required fields are wrong would only repeat what is already said.
Fitted = tuple[M | None, list[Problem]]


def fit(model: type[M], raw: object) -> Fitted[M]:
    """Parse `raw`; None and the reasons if it does not fit, the object and mere notes if it does."""
    try:
        parsed = model.model_validate(raw)
    except ValidationError as error:
        return None, [_problem(model, detail) for detail in error.errors(include_url=False)]
    return parsed, list(_notes(parsed, "$"))


def json_path(loc: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


@cache
def _field_rule(paragraph: str) -> Rule:
    return Rule("shape.field", "each field has the type, length, format and cardinality of its definition", paragraph)


def _problem(model: type[Ocpi], detail: ErrorDetails) -> Problem:
    paragraph = PARAGRAPHS.get(detail["type"]) or _model_at(model, detail["loc"]).paragraph
    seen = detail["msg"]
    if detail["type"] != "missing":
        seen = f"{shorten(detail['input'])!r}: {seen}"
    return Problem(_field_rule(paragraph), json_path(detail["loc"]), seen)


def _model_at(model: type[Ocpi], loc: tuple[int | str, ...]) -> type[Ocpi]:
    """The object definition that the last named field of `loc` belongs to."""
    owner = model
    for part in loc[:-1]:
        if isinstance(part, str) and part in owner.model_fields:
            owner = _inner_model(owner.model_fields[part].annotation) or owner
    return owner


def _inner_model(annotation: Any) -> type[Ocpi] | None:
    if isinstance(annotation, type) and issubclass(annotation, Ocpi):
        return annotation
    return next((inner for inner in map(_inner_model, get_args(annotation)) if inner is not None), None)


def _notes(value: object, path: str) -> Iterator[Problem]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _notes(item, f"{path}[{index}]")
    if not isinstance(value, BaseModel):
        return
    for name in value.model_extra or {}:
        yield Problem(UNKNOWN_FIELD, f"{path}.{name}", f"{type(value).__name__} has no field {name!r}")
    for name in sorted(value.model_fields_set & type(value).model_fields.keys()):
        inner = getattr(value, name)
        if inner is None:
            yield Problem(NULL_FIELD, f"{path}.{name}", "null")
        yield from _notes(inner, f"{path}.{name}")
