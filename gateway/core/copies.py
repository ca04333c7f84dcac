"""Quick copies of slotted nouns, for what every message does: `dataclasses.replace` costs four times as much."""

from collections.abc import Callable
from dataclasses import fields
from itertools import repeat
from operator import attrgetter, call
from typing import Any, TypeVar

T = TypeVar("T")


def copier(source: type[Any], target: type[T], *names: str) -> Callable[..., T]:
    """Make a function that copies a `source` into a `target`, with new values for `names`, in their order.

    Both are slotted dataclasses, and the source has every field of the target that is not among `names`.
    """
    kept = [field.name for field in fields(target) if field.name not in names]  # type: ignore[arg-type]
    get_kept = attrgetter(*kept)
    setters = tuple(target.__dict__[name].__set__ for name in (*kept, *names))
    has = {field.name for field in fields(source)}
    if not has.issuperset(kept):
        raise TypeError(f"{source.__name__} lacks {', '.join(sorted(set(kept) - has))} of {target.__name__}")
    new = object.__new__

    def copy(value: Any, *changed: Any) -> T:
        made = new(target)
        any(map(call, setters, repeat(made), get_kept(value) + changed))  # setters return None: all are called
        return made

    return copy
