"""What partners do not get of our objects, because their OCPI version has no words for it: for the operator to see."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.ports import Clock

log = structlog.get_logger(__name__)

MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """An object as a version told it last: not at all (`is_whole_object`), or without the parts of `reasons`."""

    at: datetime
    version: str
    kind: str
    id: str
    is_whole_object: bool
    reasons: tuple[str, ...]


class WithheldBook:
    """The last word about each object in each version; the oldest make room for new ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str, str], Withheld] = OrderedDict()

    def on_rendered(
        self, version: str, kind: str, id_: str, reasons: Sequence[str], *, is_whole_object: bool = False
    ) -> None:
        """An object was told in a version.  Without `reasons` nothing is missing (any more)."""
        key = (version, kind, id_)
        known = self._entries.pop(key, None)
        if not reasons:
            return
        entry = Withheld(
            at=self._clock.now(),
            version=version,
            kind=kind,
            id=id_,
            is_whole_object=is_whole_object,
            reasons=tuple(reasons),
        )
        self._entries[key] = entry
        if len(self._entries) > MOST_KEPT:
            self._entries.popitem(last=False)
        if known is None or known.reasons != entry.reasons:
            what = "object withheld from partners" if is_whole_object else "parts of an object withheld from partners"
            log.warning(what, version=version, kind=kind, id=id_, reasons=list(entry.reasons))

    def all(self) -> Sequence[Withheld]:
        """In the order of their kind, id and version."""
        return sorted(self._entries.values(), key=lambda entry: (entry.kind, entry.id, entry.version))
