"""Frozen nouns, made and copied quickly.

A frozen dataclass sets each field through `object.__setattr__`, and `dataclasses.replace` goes over all of them by
name: on the way of every message that adds up.  Here a function with plain assignments is written for each class; it
fills an unfrozen twin of the same layout and then makes it an instance of the class itself.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def quick(cls: Callable[P, T]) -> Callable[P, T]:
    """A constructor with the same arguments and result as that of a frozen dataclass with slots."""
    own: Any = cls
    params, body = [], []
    scope: dict[str, Any] = {"_missing": MISSING}
    for each in fields(own):
        name = each.name
        scope[f"_{name}"] = each.default_factory if each.default is MISSING else each.default
        if each.default_factory is not MISSING:
            params.append(f"{name}=_missing")
            body.append(f"made.{name} = _{name}() if {name} is _missing else {name}")
        else:
            params.append(name if each.default is MISSING else f"{name}=_{name}")
            body.append(f"made.{name} = {name}")
    star = "*, " if all(each.kw_only for each in fields(own)) else ""
    return cast(Callable[P, T], _write(own, f"{star}{', '.join(params)}", body, scope))


def copier(source: type[Any], target: type[T], *names: str) -> Callable[..., T]:
    """Make a function that copies a `source` into a `target`, with new values for `names`, in their order.

    Both are dataclasses with slots, and the source has every field of the target that is not among `names`.
    """
    kept = [each.name for each in fields(cast(Any, target)) if each.name not in names]
    missing = set(kept) - {each.name for each in fields(source)}
    if missing:
        raise TypeError(f"{source.__name__} lacks {', '.join(sorted(missing))} of {target.__name__}")
    body = [f"made.{name} = value.{name}" for name in kept] + [f"made.{name} = {name}" for name in names]
    return cast(Callable[..., T], _write(target, ", ".join(["value", *names]), body, {}))


def freezer(draft: type[Any], target: type[T]) -> Callable[..., T]:
    """Make a function that declares a finished `draft` to be a `target`; nobody may write to it afterwards.

    Both are dataclasses with slots and the same fields.
    """
    if sorted(draft.__slots__) != sorted(cast(Any, target).__slots__):
        raise TypeError(f"{draft.__name__} has not the fields of {target.__name__}")

    def freeze(made: Any) -> Any:
        made.__class__ = target
        return made

    return freeze


def _write(target: type[Any], params: str, body: list[str], scope: dict[str, Any]) -> Any:
    # The twin adds no slot and takes from `object` what freezes its parent: so it costs little to make, and a look at
    # the layouts is enough to let it become its parent.
    plain = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    twin = type(f"Quick{target.__name__}", (target,), {"__slots__": (), **plain})
    lines = [f"def make({params}):", "made = twin()", *body, "made.__class__ = target", "return made"]
    scope |= {"twin": twin, "target": target}
    exec("\n    ".join(lines), scope)  # noqa: S102 our own field names, at import
    return scope["make"]
