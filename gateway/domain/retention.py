"""What is not kept for ever."""

from dataclasses import dataclass
from enum import StrEnum


class Kept(StrEnum):
    """A kind of data with a time after which it is deleted; the words are those of the log."""

    NOTICE = "notices"
    INCIDENT = "incidents"
    QUARANTINED = "quarantined"
    DEVIATION = "deviations"
    LATE_FACT = "late_facts"
    """Without those that a corrected bill may rest on: they go with the facts of its session."""
    CARD = "invalid_tokens"
    """Tokens of partners that are not valid any more."""
    UNBILLED = "sessions_without_cdr"
    """That are over and got no CDR, with all that is known of them."""
    BILLED = "facts_of_billed_sessions"
    """Of a session with a CDR its messages, its driver and the terms of its time."""
    COMMAND = "commands"
    REMOTE_START = "remote_starts"
    RESERVATION = "reservations"
    REFUSED = "refused_deliveries"
    """But for those of bills: what became of a bill is known as long as the bill."""
    CDR = "cdrs"
    """The oldest of an owner, one after the other, never its newest: its numbers have no gap."""


Key = tuple[str | int, ...]
"""By which the store finds a row again, as it was when it was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """Those among a slice of the rows of a kind that are kept no longer; `next_after` goes on, None: there is no more.

    `is_young`: none of the slice is old enough.
    """

    keys: tuple[Key, ...]
    next_after: Key | None
    is_young: bool = False
