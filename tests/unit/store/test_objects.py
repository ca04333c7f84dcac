"""Every noun that is stored as JSON comes back equal, and rows of other versions of the program can be read."""

from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_type_hints

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.cdrs import Cdr
from gateway.domain.events import MessageQuarantined, NoticeReported
from gateway.domain.locations import Location
from gateway.domain.partners import Partner
from gateway.domain.sessions import Terms
from gateway.domain.stations import Station
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import Token
from gateway.store.objects import ObjectCodec

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8),
    int: st.integers(-(2**53), 2**53),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(
        min_value=datetime(1970, 1, 1),  # noqa: DTZ001
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
}


def any_of(type_: type) -> st.SearchStrategy[Any]:
    """Objects with every field drawn from its type, also those with a default."""
    hints = get_type_hints(type_)
    return st.builds(type_, **{field.name: any_value(hints[field.name]) for field in fields(type_)})


def any_value(hint: Any) -> st.SearchStrategy[Any]:
    args: list[Any] = list(getattr(hint, "__args__", ()))
    if hint in SCALARS:
        return SCALARS[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        return any_of(hint)
    if type(None) in args:
        return st.none() | any_value(next(arg for arg in args if arg is not type(None)))
    if len(args) == 2 and args[1] is Ellipsis:
        return st.lists(any_value(args[0]), max_size=2).map(tuple)
    if getattr(hint, "__origin__", None) is frozenset:
        return st.frozensets(any_value(args[0]), max_size=3)
    if args:
        return st.tuples(*map(any_value, args))
    found: st.SearchStrategy[Any] = st.from_type(hint)
    return found


@pytest.mark.parametrize(
    "type_", [Cdr, Location, MessageQuarantined, NoticeReported, Partner, Station, Tariff, Terms, Token]
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_an_object_comes_back_as_it_was(type_: type, data: st.DataObject) -> None:
    codec: ObjectCodec[Any] = ObjectCodec(type_)
    value = data.draw(any_of(type_))

    assert codec.parse(codec.render(value)) == value


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    name: str
    price: Decimal | None = Decimal("1.50")


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    name: str
    tags: frozenset[str] = frozenset()
    since: datetime | None = None


def test_a_missing_field_has_its_default_and_an_unknown_one_is_ignored() -> None:
    written = ObjectCodec(Old).render(Old(name="a"))

    assert ObjectCodec(New).parse(written) == New(name="a")


def test_the_shape_is_sorted_stable_and_without_what_is_none_by_default() -> None:
    codec = ObjectCodec(New)

    assert codec.render(New(name="a", tags=frozenset("cba"))) == '{"name":"a","tags":["a","b","c"]}'
    assert orjson.loads(codec.render(New(name="a", since=NOON)))["since"] == 1_772_366_400_000_000


def test_none_is_written_where_the_default_is_another() -> None:
    codec = ObjectCodec(Old)

    assert codec.parse(codec.render(Old(name="a", price=None))) == Old(name="a", price=None)


def test_columns_are_left_out_and_must_be_given_back() -> None:
    codec = ObjectCodec(Old, columns=frozenset({"name"}))
    written = codec.render(Old(name="a", price=Decimal("2.0")))

    assert written == '{"price":"2.0"}'
    assert codec.parse(written, name="b") == Old(name="b", price=Decimal("2.0"))
    with pytest.raises(TypeError, match="needs the columns"):
        codec.parse(written)


def test_a_type_without_a_json_shape_is_refused_when_the_codec_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        field: dict[str, int] | list[int]

    with pytest.raises(TypeError, match="no JSON shape"):
        ObjectCodec(Odd)
