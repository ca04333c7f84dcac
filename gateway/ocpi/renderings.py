"""The JSON of objects, rendered once per revision and shared between partners."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from gateway.domain.tariffs import Tariff
from gateway.ocpi.version import Version
from gateway.ocpi.wire import CannotSayError

T = TypeVar("T")

DEFAULT_BYTES = 64 * 1024 * 1024
ENTRY_OVERHEAD = 300


class Renderings:
    """A cache of JSON by key, each with the revision it was rendered from; what was used longest ago goes first.

    A key names object and view (version, dialect and kind); a newer revision takes the place of an older one.
    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Hashable, bytes | None]] = OrderedDict()

    def render_all(
        self, asked: Iterable[tuple[Hashable, Hashable, T]], render: Callable[[T], bytes | None]
    ) -> list[bytes | None]:
        """The JSON of each (key, revision, item) of a page, in their order; `render` is asked once per revision, and
        gives None where the version cannot say the item truthfully."""
        entries, bodies = self._entries, []
        for key, revision, item in asked:
            entry = entries.get(key)
            if entry is not None and entry[0] == revision:
                entries.move_to_end(key)
                bodies.append(entry[1])
            else:
                body = render(item)
                self._keep(key, revision, body)
                bodies.append(body)
        return bodies

    def _keep(self, key: Hashable, revision: Hashable, body: bytes | None) -> None:
        old = self._entries.pop(key, None)
        if old is not None:
            self._bytes -= _size(old[1])
        self._entries[key] = (revision, body)
        self._bytes += _size(body)
        while self._bytes > self._max_bytes and len(self._entries) > 1:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._bytes -= _size(dropped)


def find_hidden_tariffs(renderings: Renderings, version: Version, tariffs: Iterable[Tariff]) -> frozenset[str]:
    """The ids of the tariffs that partners of this version do not see."""

    def sayable(tariff: Tariff) -> bytes | None:
        try:
            version.render_tariff(tariff)
        except CannotSayError:
            return None
        return b""

    listed = list(tariffs)
    asked = [((version.number, "sayable tariff", tariff.id), tariff.last_updated, tariff) for tariff in listed]
    found = renderings.render_all(asked, sayable)
    return frozenset(tariff.id for tariff, body in zip(listed, found, strict=True) if body is None)


def _size(body: bytes | None) -> int:
    return ENTRY_OVERHEAD + len(body or b"")
