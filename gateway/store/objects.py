"""Any noun of the domain to a JSON object and back, from its fields and their types.

Decimals are text, moments µs since 1970 in UTC, days and times of day ISO 8601 text, sets sorted lists.  None is left
out where it is the default.  When reading, a missing key has the field's default and an unknown one is ignored, so that
a field can be added or dropped without a migration.
"""

import types
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from gateway.store.codec import from_us, to_us

T = TypeVar("T")
Convert = Callable[[Any], Any]


class ObjectCodec(Generic[T]):
    """Renders and parses one class.  Fields named in `columns` are not in the JSON: `parse` is given them."""

    def __init__(self, type_: type[T], *, columns: frozenset[str] = frozenset()) -> None:
        self._type = type_
        self._columns = columns
        self._render, self._parse = _object_converters(type_, columns)

    def render(self, value: T) -> str:
        return orjson.dumps(self._render(value), option=orjson.OPT_SORT_KEYS).decode()

    def parse(self, text: str, **columns: Any) -> T:
        if columns.keys() != self._columns:
            raise TypeError(f"{self._type.__name__} needs the columns {sorted(self._columns)}, not {sorted(columns)}")
        return self._type(**self._parse(orjson.loads(text)), **columns)


def _converters(hint: Any) -> tuple[Convert, Convert]:
    """How to render and how to parse a value of this type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _optional_converters(args)
    if origin is tuple:
        return _tuple_converters(args)
    if origin is frozenset:
        render, parse = _converters(args[0])
        return (lambda value: sorted(map(render, value))), (lambda value: frozenset(map(parse, value)))
    if not isinstance(hint, type):
        raise TypeError(f"no JSON shape for {hint}")
    if is_dataclass(hint):
        render, parse_fields = _object_converters(hint, frozenset())
        return render, lambda value: hint(**parse_fields(value))
    if issubclass(hint, Enum):
        return (lambda value: value.value), hint
    if hint in SCALARS:
        return SCALARS[hint]
    raise TypeError(f"no JSON shape for {hint}")


def _object_converters(type_: type[Any], columns: frozenset[str]) -> tuple[Convert, Convert]:
    hints = get_type_hints(type_)
    kept = [field for field in fields(type_) if field.name not in columns]
    shapes = [(field.name, _is_none_by_default(field), *_converters(hints[field.name])) for field in kept]

    def render(value: Any) -> dict[str, Any]:
        found = {}
        for name, is_optional, render_one, _ in shapes:
            part = getattr(value, name)
            if part is not None or not is_optional:
                found[name] = render_one(part)
        return found

    def parse(data: dict[str, Any]) -> dict[str, Any]:
        return {name: parse_one(data[name]) for name, _, _, parse_one in shapes if name in data}

    return render, parse


def _is_none_by_default(field: Field[Any]) -> bool:
    return field.default is None and field.default_factory is MISSING


def _optional_converters(args: tuple[Any, ...]) -> tuple[Convert, Convert]:
    some = [arg for arg in args if arg is not types.NoneType]
    if len(some) != 1 or len(args) != 2:
        raise TypeError(f"no JSON shape for a choice of {args}")
    render, parse = _converters(some[0])
    return (
        lambda value: None if value is None else render(value),
        lambda value: None if value is None else parse(value),
    )


def _tuple_converters(args: tuple[Any, ...]) -> tuple[Convert, Convert]:
    if len(args) == 2 and args[1] is Ellipsis:
        render, parse = _converters(args[0])
        return (lambda value: [render(item) for item in value]), (lambda value: tuple([parse(item) for item in value]))
    pairs = [_converters(arg) for arg in args]
    return (
        lambda value: [render(item) for (render, _), item in zip(pairs, value, strict=True)],
        lambda value: tuple([parse(item) for (_, parse), item in zip(pairs, value, strict=True)]),
    )


def _same(value: Any) -> Any:
    return value


SCALARS: dict[type, tuple[Convert, Convert]] = {
    str: (_same, _same),
    int: (_same, _same),
    bool: (_same, _same),
    Decimal: (str, Decimal),
    datetime: (to_us, from_us),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
}
