from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from gateway.domain.quick import copier, quick


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    name: str
    size: int
    unit: str = "m"
    extra: str = "kept nowhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    size: int
    name: str
    unit: str = "m"
    number: int = 0


def test_a_copy_has_the_same_fields_and_the_new_values_in_their_order() -> None:
    copy = copier(Source, Target, "number", "size")

    assert copy(Source(name="a", size=1), 7, 2) == Target(name="a", size=2, number=7)


def test_a_copy_within_a_class_is_a_replace() -> None:
    made = copier(Target, Target, "name")(Target(name="a", size=1), "b")

    assert made == replace(Target(name="a", size=1), name="b")


def test_a_field_that_comes_from_nowhere_is_found_at_once() -> None:
    with pytest.raises(TypeError, match="Source lacks number of Target"):
        copier(Source, Target)


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
