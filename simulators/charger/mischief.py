"""Bad manners for the line, ordered in advance and spent one message at a time."""

from __future__ import annotations

import random
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

T = TypeVar("T")
Order = Literal["in_order", "reversed", "shuffled"]
Moment = Literal["before_reply", "after_reply"]
RepeatId = Literal["same", "new"]


@dataclass(slots=True)
class Quota:
    """So many of the next messages, of one action or of any."""

    count: int
    action: str | None = None

    def take(self, action: str) -> bool:
        """Spend one on this message, if it applies."""
        if self.count <= 0 or self.action not in (None, action):
            return False
        self.count -= 1
        return True


@dataclass(slots=True)
class Mischief:
    """What goes wrong on purpose.

    `cut`: the connection breaks before the reply arrives.  `deaf`: the reply arrives, is ignored, and the
    connection breaks.  `lost`: a transaction message is never sent at all.  `repeat`: every transaction
    message is sent a second time, with the same or a new message id.
    """

    cut: list[Quota] = field(default_factory=list)
    deaf: list[Quota] = field(default_factory=list)
    lost: list[Quota] = field(default_factory=list)
    repeat: RepeatId | None = None

    def cuts(self, action: str) -> bool:
        return _take(self.cut, action)

    def is_deaf(self, action: str) -> bool:
        return _take(self.deaf, action)

    def loses(self, action: str) -> bool:
        return _take(self.lost, action)


def arrange(queue: MutableSequence[T], order: Order, seed: int) -> None:
    """Reorder a queue in place; shuffling is the same for the same seed."""
    if order == "reversed":
        queue.reverse()
    elif order == "shuffled":
        random.Random(seed).shuffle(queue)


def _take(quotas: list[Quota], action: str) -> bool:
    return any(quota.take(action) for quota in quotas)
