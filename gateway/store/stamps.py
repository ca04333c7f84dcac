"""What the store gives to an object when it commits it: times that rise, and a quick copy with new values."""

from collections.abc import Callable
from dataclasses import fields
from itertools import repeat
from operator import attrgetter, call
from typing import Any, TypeVar

T = TypeVar("T")

MS = 1_000
"""`last_updated` has the resolution of one millisecond; in µs."""


def later(now_us: int, last_us: int | None) -> int:
    """The `last_updated` of an object that changed now and last changed then: it rises even if the clock does not."""
    if last_us is None or now_us > last_us:
        return now_us
    return last_us - last_us % MS + MS


def copier(type_: type[T], *names: str) -> Callable[..., T]:
    """Make a function that copies an object of a frozen, slotted class with new values for `names`, in their order.

    The same as `dataclasses.replace`, at a fifth of its cost; for what every message writes.
    """
    kept = [field.name for field in fields(type_) if field.name not in names]  # type: ignore[arg-type]
    get_kept = attrgetter(*kept)
    setters: tuple[Callable[[T, Any], None], ...] = tuple(type_.__dict__[name].__set__ for name in (*kept, *names))
    new = object.__new__

    def copy(value: T, *changed: Any) -> T:
        made = new(type_)
        any(map(call, setters, repeat(made), get_kept(value) + changed))  # setters return None: all are called
        return made

    return copy
