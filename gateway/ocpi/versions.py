"""The OCPI versions this gateway speaks.  A new one is a folder beside `v230` and its name here."""

from collections.abc import Iterable

from gateway.ocpi import v211, v221, v230
from gateway.ocpi.version import Version

VERSIONS: dict[str, Version] = {version.number: version for version in (v211.VERSION, v221.VERSION, v230.VERSION)}
"""By number, the oldest first."""


def choose_version(offered: Iterable[str]) -> Version | None:
    """The highest version that both sides speak; None when there is none."""
    mutual = [VERSIONS[number] for number in offered if number in VERSIONS]
    return max(mutual, key=lambda version: _rank(version.number), default=None)


def _rank(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))
