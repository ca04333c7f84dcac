"""Frozen dataclasses, made quickly.

A frozen dataclass sets each field through `object.__setattr__`, which costs several times a plain assignment; on the
way of every message that adds up.  `quick` gives a constructor that fills an unfrozen twin of the same layout and then
makes it an instance of the class itself.
"""

from collections.abc import Callable
from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def quick(cls: Callable[P, T]) -> Callable[P, T]:
    """A constructor with the same arguments and result as that of a frozen dataclass with slots."""
    own: Any = cls

    def become(self: Any) -> None:
        self.__class__ = own

    params = own.__dataclass_params__
    twin = make_dataclass(
        own.__name__,
        [(each.name, each.type, field(**_options(each))) for each in fields(own)],
        namespace={"__post_init__": become},
        slots=True,
        kw_only=all(each.kw_only for each in fields(own)),
        eq=params.eq,
    )
    return cast(Callable[P, T], twin)


def _options(each: Any) -> dict[str, Any]:
    if each.default is not MISSING:
        return {"default": each.default}
    return {} if each.default_factory is MISSING else {"default_factory": each.default_factory}
