"""`config.example.toml` names every setting, explains it, and shows its default.

A line `#key = value` shows a default, a line `# text` explains, and a value without a default is said to have none.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.config import Settings
from tests.architecture.source import ROOT

EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
SHOWN = re.compile(r"^#(?=[a-z_\[])", re.MULTILINE)  # "#key = 1" and "#[table]", not "# text"
NO_DEFAULT = "no default"


def find_differences(example: str, settings: type[BaseModel]) -> Iterator[str]:
    """Yield every setting that the example lacks, invents, or shows with another value than its default."""
    shown = dict(find_values(tomllib.loads(SHOWN.sub("", example))))
    defaults = dict(find_defaults(settings))
    yield from (f"{key}: not in the example" for key in defaults.keys() - shown.keys())
    yield from (f"{key}: not a setting" for key in shown.keys() - defaults.keys())
    texts = dict(find_explanations(example))
    for key in defaults.keys() & shown.keys():
        text = texts.get(key, "")
        if not text:
            yield f"{key}: no comment above it"
        elif defaults[key] is None and NO_DEFAULT not in text.lower():
            yield f"{key}: has no default, and its comment does not say so"
        elif defaults[key] is not None and shown[key] != defaults[key]:
            yield f"{key}: shown as {shown[key]!r}, the default is {defaults[key]!r}"


def find_values(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values; the tables of an array are one table, its first."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = value[0]
        if isinstance(value, dict):
            yield from find_values(value, f"{key}.")
        else:
            yield key, value


def find_defaults(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and defaults as JSON has them; a required setting counts as None."""
    for name, field in model.model_fields.items():
        nested = _find_model(field.annotation)
        if nested is not None:
            yield from find_defaults(nested, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _plain(field.get_default(call_default_factory=True))


def find_explanations(example: str) -> Iterator[tuple[str, str]]:
    """Yield dotted keys and the comment lines directly above each."""
    table = ""
    text: list[str] = []
    for line in example.splitlines():
        shown = SHOWN.sub("", line)
        if header := re.match(r"\[\[?([a-z_.]+)\]", shown):
            table = f"{header[1]}."
        if setting := re.match(r"([a-z_]+) *=", shown):
            yield f"{table}{setting[1]}", " ".join(text)
        text = [*text, line.lstrip("# ")] if line.startswith("# ") else []


def _find_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [_find_model(part) for part in getattr(annotation, "__args__", ())]
    return next((model for model in models if model is not None), None)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | list):
        return value
    if isinstance(value, tuple):
        return list(value)
    return None if "Undefined" in repr(value) else str(getattr(value, "value", value))


def test_the_example_shows_every_setting_with_its_default() -> None:
    assert sorted(find_differences(EXAMPLE, Settings)) == []


def test_the_example_is_valid_as_it_is_shipped_and_with_every_line_in_use() -> None:
    Settings.model_validate(tomllib.loads(EXAMPLE))
    Settings.model_validate(tomllib.loads(SHOWN.sub("", EXAMPLE)))


class Inner(BaseModel):
    listen: str = "127.0.0.1:1"
    key: str | None = None


class Outer(BaseModel):
    data_dir: str = "data"
    inner: Inner = Inner()
    more: list[Inner] = []


GOOD = """\
# Where the data lies.
#data_dir = "data"
[inner]
# Where to listen.
#listen = "127.0.0.1:1"
# The key. No default.
#key = "/a"
#[[more]]
# Where else to listen.
#listen = "127.0.0.1:1"
# Its key. No default.
#key = "/b"
"""


def test_a_good_example_has_no_differences() -> None:
    assert list(find_differences(GOOD, Outer)) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('#data_dir = "data"\n', "", "data_dir: not in the example"),
        ('#data_dir = "data"', '#data_dir = "date"', "data_dir: shown as 'date', the default is 'data'"),
        ("# Where the data lies.\n", "", "data_dir: no comment above it"),
        ("[inner]\n", "[inner]\n# Old.\n#old = 1\n", "inner.old: not a setting"),
        ("# The key. No default.", "# The key.", "inner.key: has no default, and its comment does not say so"),
    ],
)
def test_a_difference_is_found(old: str, new: str, finding: str) -> None:
    assert list(find_differences(GOOD.replace(old, new, 1), Outer)) == [finding]
