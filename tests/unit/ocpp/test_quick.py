from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from gateway.ocpp.quick import quick


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    a: int
    b: str = "b"
    c: tuple[int, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Placed:
    a: int
    b: int


def test_what_is_made_quickly_is_the_very_thing() -> None:
    made = quick(Named)(a=1)

    assert type(made) is Named
    assert made == Named(a=1)
    assert hash(made) == hash(Named(a=1))
    assert repr(made) == repr(Named(a=1))
    assert quick(Placed)(1, 2) == Placed(1, 2)


def test_it_is_frozen_too() -> None:
    made = quick(Named)(a=1)

    with pytest.raises(FrozenInstanceError):
        made.a = 2  # type: ignore[misc]


def test_arguments_are_checked_as_usual() -> None:
    with pytest.raises(TypeError):
        quick(Named)(b="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        quick(Named)(1)  # type: ignore[call-arg, misc]
