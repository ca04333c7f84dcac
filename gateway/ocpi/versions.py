"""The OCPI versions this gateway speaks.  A new one is a folder beside `v221` and one line here."""

from collections.abc import Iterable

from gateway.ocpi import v221
from gateway.ocpi.version import Version

VERSIONS: dict[str, Version] = {version.number: version for version in (v221.VERSION,)}


def choose_version(offered: Iterable[str]) -> Version | None:
    """The highest version that both sides speak; None when there is none."""
    mutual = [VERSIONS[number] for number in offered if number in VERSIONS]
    return max(mutual, key=lambda version: _rank(version.number), default=None)


def _rank(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))
